//! Handing a request to the host and waiting for its outcome, without blocking the shard.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Rest;
use super::answer::Fault;
use crate::engine::{Answer, AuctionId, AuctionInfo, Command};
use crate::host::{Body, Found, Origin, Outcome, Query, Request};
use crate::wire::{Grids, SessionRefusal};

/// How long a request waits for room in the host's queue, as parked WebSocket messages do.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often it looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

impl Rest {
    /// Carries a command out. `about` names the auction whose grids make amounts in a refusal readable.
    pub(super) async fn command(&self, command: Command, about: Option<AuctionId>) -> Result<Answer, Fault> {
        match self.outcome(Body::Command(command)).await? {
            Outcome::Done(answer) => Ok(answer),
            other => Err(self.refusal(&other, about)),
        }
    }

    /// Asks a question.
    pub(super) async fn ask(&self, query: Query, about: Option<AuctionId>) -> Result<Found, Fault> {
        match self.outcome(Body::Query(query)).await? {
            Outcome::Found(found) => Ok(found),
            other => Err(self.refusal(&other, about)),
        }
    }

    /// Terms and state of an auction.
    pub(super) async fn auction(&self, auction: AuctionId) -> Result<Box<AuctionInfo>, Fault> {
        match self.ask(Query::Auction { auction }, None).await? {
            Found::Auction(info) => Ok(info),
            _ => Err(internal()),
        }
    }

    /// The grids of an auction that is there.
    pub(super) fn grids(&self, auction: AuctionId) -> Option<Grids> {
        self.host.directory().find(auction).map(|entry| entry.grids)
    }

    async fn outcome(&self, body: Body) -> Result<Outcome, Fault> {
        let (answer, waiting) = oneshot::channel();
        // A caller that has gone away is not told.
        let waiter = Box::new(move |outcome| drop(answer.send(outcome)));
        let mut request = Request { origin: Origin::Waiter(waiter), correlation: None, body };
        let mut waited = Duration::ZERO;
        while let Err(back) = self.host.try_submit(request) {
            if waited >= PATIENCE {
                return Err(Fault::session(&SessionRefusal::Unavailable("The engine is busy")));
            }
            request = back;
            tokio::time::sleep(LOOK_INTERVAL).await;
            waited += LOOK_INTERVAL;
        }
        // The host lets go of a waiter unanswered only when it stops or its log fails.
        waiting.await.map_err(|_| Fault::session(&SessionRefusal::Unavailable("The engine has stopped")))
    }

    fn refusal(&self, outcome: &Outcome, about: Option<AuctionId>) -> Fault {
        match outcome {
            Outcome::Rejected(rejection) => {
                Fault::rejected(rejection, about.and_then(|auction| self.grids(auction)))
            }
            Outcome::Unavailable(why) => Fault::session(&SessionRefusal::Unavailable(why)),
            Outcome::Fault | Outcome::Done(_) | Outcome::Found(_) => internal(),
        }
    }
}

/// An answer of another kind than was asked for.
pub(super) fn internal() -> Fault {
    Fault::session(&SessionRefusal::Internal)
}

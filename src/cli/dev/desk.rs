//! The operator's desk of the demo: opens auctions and reads results through the host, as the
//! REST face does.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use serde_json::Value;
use uuid::Uuid;
use walras::engine::{
    Answer, AuctionId, BidView, Command, CreateAuction, Party, Rejection, ResultPage, SettlementView,
};
use walras::host::{Body, Found, Host, Origin, Outcome, Query, Request};
use walras::limits::PAGE_ENTRIES_MAX;
use walras::wire::Grids;
use walras::wire::terms::{LiveDefaults, parse_live};

/// How long the host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub struct Desk {
    host: Arc<Host>,
}

/// Whether an auction was opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It was.
    Now(AuctionId),
    /// One with this id was there already.
    Before(AuctionId),
}

impl Desk {
    /// A desk at this host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host }
    }

    /// Opens an auction with these terms.
    pub fn open(&self, terms: &Value, creator: &str) -> Result<Opened, String> {
        let creator = Party(creator.into());
        let live = parse_live(terms.to_string().as_bytes(), &LiveDefaults { seller: creator.clone() })
            .map_err(|why| why.to_string())?;
        let command = Command::CreateAuction(Box::new(CreateAuction {
            auction: live.auction_id.unwrap_or(AuctionId(Uuid::nil())),
            creator,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key: None,
        }));
        match self.ask(Body::Command(command))? {
            Outcome::Done(Answer::Created { slot, .. }) => {
                let entry = self.host.directory().at(slot).ok_or("the auction is not in the directory")?;
                Ok(Opened::Now(entry.id))
            }
            Outcome::Rejected(Rejection::AuctionExists { auction }) => Ok(Opened::Before(auction)),
            other => Err(refusal(&other)),
        }
    }

    /// The auction's grids.
    pub fn grids(&self, auction: AuctionId) -> Result<Grids, String> {
        self.host
            .directory()
            .find(auction)
            .map(|entry| entry.grids)
            .ok_or_else(|| "no such auction".to_owned())
    }

    /// The result in numbers, with a first page of allocations.
    pub fn result(&self, auction: AuctionId) -> Result<Box<ResultPage>, String> {
        match self.ask(Body::Query(Query::Result { auction, party: None, after: None, limit: 1 }))? {
            Outcome::Found(Found::Result(page)) => Ok(page),
            other => Err(refusal(&other)),
        }
    }

    /// All bids of a party.
    pub fn bids(&self, auction: AuctionId, party: &str) -> Result<Vec<BidView>, String> {
        let mut bids = Vec::new();
        let mut after = None;
        loop {
            let party = Party(party.into());
            let limit = PAGE_ENTRIES_MAX as u32;
            match self.ask(Body::Query(Query::Bids { auction, party, after, limit }))? {
                Outcome::Found(Found::Bids(page, next)) => {
                    bids.extend(page);
                    after = next;
                }
                other => return Err(refusal(&other)),
            }
            if after.is_none() {
                return Ok(bids);
            }
        }
    }

    /// The settlement with its postings.
    pub fn settlement(&self, auction: AuctionId) -> Result<Box<SettlementView>, String> {
        match self.ask(Body::Query(Query::Settlement { auction }))? {
            Outcome::Found(Found::Settlement(view)) => Ok(view),
            other => Err(refusal(&other)),
        }
    }

    fn ask(&self, body: Body) -> Result<Outcome, String> {
        let (tell, told) = bounded(1);
        let waiter = Box::new(move |outcome| {
            let _ = tell.send(outcome);
        });
        let request = Request { origin: Origin::Waiter(waiter), correlation: None, body };
        if self.host.try_submit(request).is_err() {
            return Err("the engine's queue is full".to_owned());
        }
        told.recv_timeout(PATIENCE).map_err(|_| "the engine does not answer".to_owned())
    }
}

fn refusal(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rejected(rejection) => rejection.to_string(),
        Outcome::Unavailable(why) => (*why).to_owned(),
        Outcome::Fault => "the engine failed".to_owned(),
        Outcome::Done(_) | Outcome::Found(_) => "the engine answered something else".to_owned(),
    }
}

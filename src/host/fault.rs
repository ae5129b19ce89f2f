//! What remains when an assertion fails in a turn: nothing of that turn is
//! written or published, everybody who asked is told that it is our fault, and so is
//! everybody who asks from then on. What was durable before stays durable; a restart
//! recovers it. The process lives.

use std::any::Any;
use std::mem;

use super::frame::{ConnectionKey, FrameHeader};
use super::intake::Intake;
use super::request::{Body, Origin, Outcome, Query, Request};
use super::sequencer::Sequencer;
use crate::units::TimeUs;
use crate::wire::{self, Refusal, SessionRefusal, encode};

impl Sequencer {
    /// Takes note of a failed assertion and tells those whose requests were under way.
    pub(super) fn fail(&mut self, panic: &(dyn Any + Send)) {
        let said = panic.downcast_ref::<&str>().copied();
        let said =
            said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given");
        tracing::error!(reason = said, "the engine failed; every request is refused until a restart");
        self.shared.fail(said.to_owned());
        self.is_faulty = true;
        let broken = mem::take(&mut self.batch);
        self.batch.number = broken.number;
        let now = self.clock.now();
        for (connection, extra) in broken.regrets.iter() {
            self.extra.clear();
            self.extra.extend_from_slice(extra);
            self.tell_fault(connection, 0, now);
        }
        self.batch.waiters = broken.waiters.into_iter().map(|(waiter, _)| (waiter, Outcome::Fault)).collect();
        self.finish_turn(now);
    }

    /// Answers what comes, until the host stops; whether that is what it says.
    pub(super) fn take_faulty(&mut self, intake: Intake) -> bool {
        let now = self.clock.now();
        match intake {
            Intake::Request(request) => self.refuse_as_faulty(request, now),
            Intake::Nudge | Intake::Rebuilt(_) | Intake::Visit(_) => {}
            Intake::Stop => return true,
        }
        self.finish_turn(now);
        false
    }

    fn refuse_as_faulty(&mut self, request: Request, now: TimeUs) {
        match (request.origin, request.body) {
            (_, Body::Query(Query::Continue { .. } | Query::Forget)) | (Origin::Nobody, _) => {}
            (Origin::Waiter(waiter), _) => self.batch.waiters.push((waiter, Outcome::Fault)),
            (Origin::Connection(connection), body) => {
                self.extra.clear();
                if let Some(correlation) = &request.correlation {
                    wire::correlation(correlation, &mut self.extra);
                }
                let ticket =
                    if let Body::Query(Query::Subscribe(subscribe)) = &body { subscribe.ticket } else { 0 };
                self.tell_fault(connection, ticket, now);
            }
        }
    }

    /// An error to one connection; with a ticket it also ends the subscription that was asked for.
    fn tell_fault(&mut self, connection: ConnectionKey, ticket: u32, now: TimeUs) {
        encode::error(&mut self.message, now, &Refusal::of_session(&SessionRefusal::Internal));
        self.ensure_correlation();
        let header = FrameHeader { ticket, ..FrameHeader::reply(connection) };
        self.batch.frames.push(&header, &self.message, &self.extra);
    }
}

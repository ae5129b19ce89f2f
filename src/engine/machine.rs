//! The engine: every auction of one server, behind one door.

use rustc_hash::FxHashMap;
use std::sync::Arc;

use super::answer::{Answer, Rejection};
use super::auction::{Acceptances, Auction, Turn};
use super::command::Command;
use super::event::{Event, Fact};
use super::ids::{AuctionId, AuctionSlot, Party, SettlementId};
use super::market::{Market, MarketEntry};
use super::places::BidPlaces;
use super::schedule::Schedule;
use crate::units::TimeUs;

/// What an engine takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// Auctions that are scheduled, active or halted at one time.
    pub active_auctions_max: u32,
    /// Bids that one auction ever accepts, those taken back included.
    pub bids_per_auction_max: u32,
}

/// The state machine of the market. See the module's documentation.
///
/// Nothing that it decides depends on the order of a hash map: they are only looked up.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) limits: EngineLimits,
    /// By slot.
    pub(super) auctions: Vec<Auction>,
    pub(super) auction_slots: FxHashMap<AuctionId, AuctionSlot>,
    pub(super) bid_places: BidPlaces,
    pub(super) settlement_slots: FxHashMap<SettlementId, AuctionSlot>,
    /// Auctions by creator and idempotency key.
    pub(super) creations: FxHashMap<(Party, Arc<str>), AuctionSlot>,
    /// Auctions that are not final.
    pub(super) open_count: u32,
    pub(super) schedule: Schedule,
    pub(super) market: Market,
}

impl Engine {
    /// An engine without auctions.
    pub fn new(limits: EngineLimits) -> Self {
        Self {
            limits,
            auctions: Vec::new(),
            auction_slots: FxHashMap::default(),
            bid_places: BidPlaces::default(),
            settlement_slots: FxHashMap::default(),
            creations: FxHashMap::default(),
            open_count: 0,
            schedule: Schedule::default(),
            market: Market::default(),
        }
    }

    /// Carries a command out at the time `now`, which never goes backwards, and appends its events.
    ///
    /// A refused command leaves no trace: neither in the state nor in `events`. An accepted command without
    /// events has changed nothing, so the log need not know it.
    pub fn apply(
        &mut self,
        command: &Command,
        now: TimeUs,
        events: &mut Vec<Event>,
    ) -> Result<Answer, Rejection> {
        let turn = &mut Turn { now, events, acceptances: Acceptances::Told };
        match command {
            Command::CreateAuction(wish) => self.create(wish, turn),
            Command::SubmitBid(wish) => {
                let placed = self.submit(&wish.wish(), turn).map_err(|rejection| *rejection)?;
                Ok(Answer::Bid(self.accepted(placed)))
            }
            Command::SubmitBids(wishes) => self.submit_all(wishes, turn),
            Command::CancelBid(wish) => self.cancel(wish, turn),
            Command::AmendBid(wish) => self.amend(wish, turn),
            Command::CancelAll { party, auction } => self.cancel_all(party, *auction, turn),
            Command::OpenAuction { auction } => self.open(*auction, turn),
            Command::CloseAuction { auction, reason, settlement } => {
                self.close(*auction, *reason, *settlement, turn)
            }
            Command::CancelAuction { auction, reason } => self.cancel_auction(*auction, reason, turn),
            Command::HaltAuction { auction, reason } => self.halt(*auction, reason, turn),
            Command::ResumeAuction { auction } => self.resume(*auction, turn),
            Command::ExtendForOutage { auction, outage_ms } => self.outage(*auction, *outage_ms, turn),
            Command::PutPrices { token, payload } => {
                let entry = MarketEntry { payload: payload.clone(), at: now };
                self.market.put_price(token, entry)?;
                put(turn, Fact::PricesPut { token: token.clone(), payload: payload.clone() })
            }
            Command::PutOrderBook { token_pair, payload } => {
                let entry = MarketEntry { payload: payload.clone(), at: now };
                self.market.put_order_book(token_pair, entry)?;
                put(turn, Fact::OrderBookPut { token_pair: token_pair.clone(), payload: payload.clone() })
            }
            Command::AffirmSettlement(wish) => self.affirm(wish, turn),
            Command::ExecuteSettlement { auction } => self.execute(*auction, turn),
            Command::ReportSettlement(report) => self.report(report, turn),
            Command::SettlementDeadline { settlement, number } => {
                self.settlement_deadline(*settlement, *number, turn)
            }
        }
    }

    /// The checks that precede every look at a bid's numbers: whether the auction is there, open, and not over.
    /// For bids whose numbers are not even on the grid.
    pub fn judge_entry(
        &self,
        auction: AuctionId,
        now: TimeUs,
        received_at_us: i64,
    ) -> Result<AuctionSlot, Rejection> {
        let slot = self.slot_of(auction)?;
        self.auctions[slot.0 as usize].judge_open(now, received_at_us)?;
        Ok(slot)
    }

    pub(super) fn slot_of(&self, auction: AuctionId) -> Result<AuctionSlot, Rejection> {
        self.slot(auction).ok_or(Rejection::AuctionNotFound { auction })
    }
}

fn put(turn: &mut Turn<'_>, fact: Fact) -> Result<Answer, Rejection> {
    turn.events.push(Event { auction: None, at: turn.now, fact });
    Ok(Answer::Done)
}

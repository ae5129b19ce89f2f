//! The plain structs of engines, bids and events; as in `types`, no padding, layouts pinned.

use super::types::{walras_id, walras_int128};

/// No moment: of an auction that has no end, for instance.
pub const WALRAS_NO_TIME: i64 = i64::MIN;

/// An auction that has a start time which has not come.
pub const WALRAS_AUCTION_SCHEDULED: i32 = 0;
/// An auction that takes bids.
pub const WALRAS_AUCTION_ACTIVE: i32 = 1;
/// An auction that takes none until resumed.
pub const WALRAS_AUCTION_HALTED: i32 = 2;
/// An auction that has its result.
pub const WALRAS_AUCTION_COMPLETED: i32 = 3;
/// An auction that was called off.
pub const WALRAS_AUCTION_CANCELLED: i32 = 4;

/// The bid stands while its auction runs.
pub const WALRAS_BID_PENDING: i32 = 0;
/// The bid was taken back.
pub const WALRAS_BID_CANCELLED: i32 = 1;
/// The bid won whole.
pub const WALRAS_BID_FILLED: i32 = 2;
/// The bid won in part.
pub const WALRAS_BID_PARTIAL: i32 = 3;
/// The bid won nothing.
pub const WALRAS_BID_UNFILLED: i32 = 4;
/// The bid was removed by the rule for all-or-none bids.
pub const WALRAS_BID_KILLED: i32 = 5;

/// At the indicative price the bid would be filled whole.
pub const WALRAS_STANDING_ABOVE: i32 = 0;
/// At the indicative price the bid would share what is left.
pub const WALRAS_STANDING_AT_MARGIN: i32 = 1;
/// At the indicative price the bid would get nothing.
pub const WALRAS_STANDING_BELOW: i32 = 2;

/// The engine takes all work.
pub const WALRAS_ENGINE_READY: i32 = 0;
/// The disk runs low: no new auctions.
pub const WALRAS_ENGINE_LOW_SPACE: i32 = 1;
/// The disk is full: no new bids either.
pub const WALRAS_ENGINE_FULL: i32 = 2;
/// The log failed: nothing is taken.
pub const WALRAS_ENGINE_FROZEN: i32 = 3;
/// The engine found a fault in itself: nothing is taken.
pub const WALRAS_ENGINE_FAULTY: i32 = 4;
/// A server on the engine is being stopped.
pub const WALRAS_ENGINE_DRAINING: i32 = 5;

/// An acknowledgement survives power loss.
pub const WALRAS_DURABILITY_FSYNC: i32 = 0;
/// An acknowledgement survives the process, not the machine.
pub const WALRAS_DURABILITY_OS: i32 = 1;
/// There is no log: the state is gone when the engine is freed.
pub const WALRAS_DURABILITY_MEMORY: i32 = 2;

/// Of `walras_auction_bids`: every bid that was ever accepted.
pub const WALRAS_BIDS_ALL: u32 = 0;
/// Of `walras_auction_bids`: those that were not taken back.
pub const WALRAS_BIDS_LIVE: u32 = 1;
/// Of `walras_auction_bids`: those that won something.
pub const WALRAS_BIDS_WON: u32 = 2;

/// Flag of a row: the bid ended at the margin.
pub const WALRAS_BID_AT_MARGIN: u32 = 4;

/// How an engine is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_engine_status {
    /// `WALRAS_ENGINE_…`.
    pub readiness: i32,
    /// `WALRAS_DURABILITY_…`.
    pub durability: i32,
    /// The engine's time.
    pub now_us: i64,
    /// How many auctions there are, those that have ended included.
    pub auction_count: u64,
}

/// Where an auction stands: what `auction_update` says, in ticks and lots.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_auction_state {
    /// `WALRAS_AUCTION_…`.
    pub status: i32,
    /// `WALRAS_OUTCOME_…` if it ended now, or as it has ended.
    pub outcome: i32,
    /// The last event included.
    pub offset: u64,
    /// When this was computed.
    pub at_us: i64,
    /// When it ends, or has ended; `WALRAS_NO_TIME` while that is open.
    pub ends_at_us: i64,
    /// The price if it ended now; the lowest price of the sale while nothing sells.
    pub current_price_ticks: i64,
    /// What the price would be with one more lot wanted at any price; `WALRAS_NO_PRICE` once it has ended.
    pub next_price_ticks: i64,
    /// Lots on offer at the current price.
    pub supply_lots: i64,
    /// Lots that would be, or were, sold.
    pub matched_lots: i64,
    /// Lots wanted above the current price, phantoms included.
    pub demand_above_lots: i64,
    /// Lots wanted at or above the current price, phantoms included.
    pub demand_at_or_above_lots: i64,
    /// Lots that real bids want at exactly the current price.
    pub marginal_demand_lots: i64,
    /// Lots there are for them.
    pub marginal_available_lots: i64,
    /// What all live real bids want.
    pub total_quantity_lots: i64,
    /// Live real bids.
    pub bid_count: u64,
    /// Live phantom bids.
    pub phantom_count: u64,
}

/// The result of a completed auction.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_result {
    /// `WALRAS_NO_PRICE` when nothing was sold.
    pub clearing_price_ticks: i64,
    /// Lots sold.
    pub allocated_lots: i64,
    /// Live real bids at the close.
    pub bid_count: u64,
    /// What they wanted.
    pub total_quantity_lots: i64,
    /// What all winners pay together, in tick × lot units.
    pub revenue: walras_int128,
    /// When it ended.
    pub ended_at_us: i64,
}

/// What a bidder hears of a bid that was accepted, changed or taken back.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_receipt {
    /// The bid.
    pub bid: walras_id,
    /// The event's number in its auction.
    pub offset: u64,
    /// When it happened.
    pub at_us: i64,
    /// The indicative price after it; `WALRAS_NO_PRICE` of a bid that was taken back.
    pub current_price_ticks: i64,
    /// `WALRAS_STANDING_…` after it.
    pub standing: i32,
    /// `WALRAS_BID_…`: what has become of the bid.
    pub status: i32,
    /// Whether this is the repeated answer to something that had happened before: 0 or 1.
    pub is_repeated: u32,
    /// Whether an amended bid kept its time priority: 0 or 1.
    pub priority_kept: u32,
}

/// All that its owner may know of a bid.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_bid_view {
    /// The bid.
    pub bid: walras_id,
    /// Its auction.
    pub auction: walras_id,
    /// The highest price; `WALRAS_NO_PRICE` for a price taker.
    pub price_ticks: i64,
    /// The quantity.
    pub quantity_lots: i64,
    /// Lots won; 0 until the auction has completed.
    pub filled_lots: i64,
    /// What they cost, in tick × lot units.
    pub payment: walras_int128,
    /// The indicative price now.
    pub current_price_ticks: i64,
    /// When it was accepted.
    pub at_us: i64,
    /// The event of its acceptance.
    pub offset: u64,
    /// `WALRAS_BID_PENDING` and so on.
    pub status: i32,
    /// `WALRAS_STANDING_…` now.
    pub standing: i32,
}

/// One bid of an auction.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct walras_bid_row {
    /// The bid.
    pub bid: walras_id,
    /// The owner's own id for it, padded with zeros; all zeros for none.
    pub client_bid_id: [u8; 64],
    /// The highest price; `WALRAS_NO_PRICE` for a price taker.
    pub price_ticks: i64,
    /// The quantity.
    pub quantity_lots: i64,
    /// Lots won; 0 until the auction has completed.
    pub filled_lots: i64,
    /// What they cost, in tick × lot units.
    pub payment: walras_int128,
    /// When it was accepted.
    pub at_us: i64,
    /// The event of its acceptance.
    pub offset: u64,
    /// `WALRAS_BID_PENDING` and so on.
    pub status: i32,
    /// `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`, `WALRAS_BID_AT_MARGIN`.
    pub flags: u32,
    /// The number of its owner among the auction's bidders; see `walras_auction_bidders`.
    pub bidder: u32,
    /// 0.
    pub reserved: u32,
}

/// Bids to be submitted to one auction, column by column.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_orders {
    /// How many there are.
    pub count: u64,
    /// Highest prices in ticks; `WALRAS_NO_PRICE` for price takers.
    pub prices_ticks: *const i64,
    /// Quantities in lots.
    pub quantities_lots: *const i64,
    /// `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`. Null: none.
    pub flags: *const u8,
    /// How many parties the bids belong to; at least 1 if there are bids.
    pub party_count: u64,
    /// The parties' names behind each other.
    pub parties: *const std::ffi::c_char,
    /// Where each name begins in `parties`, and where the last one ends: `party_count + 1` items, from 0.
    pub party_offsets: *const u64,
    /// Whose each bid is, as an index of a party. Null: all are the first party's.
    pub party_indexes: *const u32,
    /// The bids' own ids behind each other. Null: none has one.
    pub client_bid_ids: *const std::ffi::c_char,
    /// Where each id begins in `client_bid_ids`, and where the last one ends: `count + 1` items, from 0. An empty id is
    /// none. Null if `client_bid_ids` is.
    pub client_bid_id_offsets: *const u64,
}

/// Where the answers to submitted bids go. Each array may be null if it is not wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_answers {
    /// A status for each bid: 0, or why it was refused.
    pub statuses: *mut i32,
    /// The ids of the accepted ones; zeros for the others.
    pub bids: *mut walras_id,
    /// The events' numbers of the accepted ones; 0 for the others.
    pub offsets: *mut u64,
    /// The indicative price after each bid.
    pub path_prices_ticks: *mut i64,
    /// Lots wanted above that price after each bid.
    pub path_demand_above_lots: *mut i64,
}

/// A bid, or nothing at all, that is imagined in an auction.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_what_if {
    /// How many bids are imagined, each alone.
    pub count: u64,
    /// Highest prices in ticks; `WALRAS_NO_PRICE` for price takers.
    pub prices_ticks: *const i64,
    /// Quantities in lots; 0 imagines no bid, and tells the price without the bids left out.
    pub quantities_lots: *const i64,
    /// How many bids are left out.
    pub without_count: u64,
    /// The bids that are left out.
    pub without: *const walras_id,
}

/// What is new in an engine. Which fields are set depends on the kind; the others are 0, or `WALRAS_NO_PRICE`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct walras_event {
    /// `WALRAS_EVENT_…`.
    pub kind: u32,
    /// `WALRAS_EVENT_IS_…`.
    pub flags: u32,
    /// The auction.
    pub auction: walras_id,
    /// The bid; of settlement events the settlement.
    pub subject: walras_id,
    /// The key of the bid's owner; see `walras_auction_bidder`. Of market data the key of its topic.
    pub party_key: walras_id,
    /// The event's number in its auction; of state the last event it includes.
    pub offset: u64,
    /// When it happened; of state when it was computed.
    pub at_us: i64,
    /// The bid's highest price; of a completed auction the clearing price.
    pub price_ticks: i64,
    /// The bid's quantity; of an auction the lots that are, or would be, sold.
    pub quantity_lots: i64,
    /// The indicative price after it.
    pub current_price_ticks: i64,
    /// The JSON message that clients of the WebSocket protocol get, without a zero at its end; null unless the subscriber
    /// asked for JSON. Valid until the subscriber is polled again or freed.
    pub json: *const std::ffi::c_char,
    /// Its length.
    pub json_bytes: u64,
}

/// No event has this kind.
pub const WALRAS_EVENT_OTHER: u32 = 0;
/// An auction exists now.
pub const WALRAS_EVENT_AUCTION_CREATED: u32 = 1;
/// An auction's state, after every change and once a second.
pub const WALRAS_EVENT_AUCTION_UPDATE: u32 = 2;
/// An auction has its result.
pub const WALRAS_EVENT_AUCTION_COMPLETE: u32 = 3;
/// An auction was called off.
pub const WALRAS_EVENT_AUCTION_CANCELLED: u32 = 4;
/// A bid was accepted.
pub const WALRAS_EVENT_BID_ACCEPTED: u32 = 5;
/// A bid was refused; only for subscribers that asked for refusals.
pub const WALRAS_EVENT_BID_REJECTED: u32 = 7;
/// A bid was taken back.
pub const WALRAS_EVENT_BID_CANCELLED: u32 = 8;
/// A bid was changed.
pub const WALRAS_EVENT_BID_AMENDED: u32 = 9;
/// A settlement began.
pub const WALRAS_EVENT_SETTLEMENT_STARTED: u32 = 10;
/// A settlement moved on.
pub const WALRAS_EVENT_SETTLEMENT_PROGRESS: u32 = 11;
/// The host is asked to carry out a step of a settlement; it answers with `walras_settlement_report`.
pub const WALRAS_EVENT_SETTLEMENT_REQUEST: u32 = 12;
/// A settlement was carried out.
pub const WALRAS_EVENT_SETTLEMENT_COMPLETE: u32 = 13;
/// A settlement ended without effect.
pub const WALRAS_EVENT_SETTLEMENT_FAILED: u32 = 14;
/// New prices of a token.
pub const WALRAS_EVENT_PRICE_UPDATE: u32 = 15;
/// A new order book of a pair.
pub const WALRAS_EVENT_ORDER_BOOK_UPDATE: u32 = 16;
/// Something that the host itself published.
pub const WALRAS_EVENT_HOST: u32 = 17;

/// The bid only takes part in price discovery.
pub const WALRAS_EVENT_IS_PHANTOM: u32 = 0x01;
/// The bidder's analytics mark.
pub const WALRAS_EVENT_IS_MARGINAL: u32 = 0x02;
/// The bid would be filled whole at the current price.
pub const WALRAS_EVENT_IS_ABOVE: u32 = 0x04;
/// The bid would share what is left at the current price.
pub const WALRAS_EVENT_IS_AT_MARGIN: u32 = 0x08;
/// The bid would get nothing at the current price.
pub const WALRAS_EVENT_IS_BELOW: u32 = 0x10;
/// The amended bid kept its time priority.
pub const WALRAS_EVENT_IS_PRIORITY_KEPT: u32 = 0x20;
/// Nothing more happens in the auction but its settlement.
pub const WALRAS_EVENT_IS_LAST: u32 = 0x100;

const _: () = {
    use crate::host::{Marks, MessageKind};
    assert!(MessageKind::AuctionCreated as u32 == WALRAS_EVENT_AUCTION_CREATED);
    assert!(MessageKind::AuctionUpdate as u32 == WALRAS_EVENT_AUCTION_UPDATE);
    assert!(MessageKind::AuctionComplete as u32 == WALRAS_EVENT_AUCTION_COMPLETE);
    assert!(MessageKind::AuctionCancelled as u32 == WALRAS_EVENT_AUCTION_CANCELLED);
    assert!(MessageKind::BidAccepted as u32 == WALRAS_EVENT_BID_ACCEPTED);
    assert!(MessageKind::BidRejected as u32 == WALRAS_EVENT_BID_REJECTED);
    assert!(MessageKind::BidCancelled as u32 == WALRAS_EVENT_BID_CANCELLED);
    assert!(MessageKind::BidAmended as u32 == WALRAS_EVENT_BID_AMENDED);
    assert!(MessageKind::SettlementStarted as u32 == WALRAS_EVENT_SETTLEMENT_STARTED);
    assert!(MessageKind::SettlementProgress as u32 == WALRAS_EVENT_SETTLEMENT_PROGRESS);
    assert!(MessageKind::SettlementRequest as u32 == WALRAS_EVENT_SETTLEMENT_REQUEST);
    assert!(MessageKind::SettlementComplete as u32 == WALRAS_EVENT_SETTLEMENT_COMPLETE);
    assert!(MessageKind::SettlementFailed as u32 == WALRAS_EVENT_SETTLEMENT_FAILED);
    assert!(MessageKind::PriceUpdate as u32 == WALRAS_EVENT_PRICE_UPDATE);
    assert!(MessageKind::OrderBookUpdate as u32 == WALRAS_EVENT_ORDER_BOOK_UPDATE);
    assert!(MessageKind::HostEvent as u32 == WALRAS_EVENT_HOST);
    assert!(Marks::PHANTOM.0 as u32 == WALRAS_EVENT_IS_PHANTOM);
    assert!(Marks::MARGINAL.0 as u32 == WALRAS_EVENT_IS_MARGINAL);
    assert!(Marks::ABOVE.0 as u32 == WALRAS_EVENT_IS_ABOVE);
    assert!(Marks::AT_MARGIN.0 as u32 == WALRAS_EVENT_IS_AT_MARGIN);
    assert!(Marks::BELOW.0 as u32 == WALRAS_EVENT_IS_BELOW);
    assert!(Marks::PRIORITY_KEPT.0 as u32 == WALRAS_EVENT_IS_PRIORITY_KEPT);
    assert!(size_of::<walras_engine_status>() == 24);
    assert!(size_of::<walras_auction_state>() == 120);
    assert!(size_of::<walras_result>() == 56);
    assert!(size_of::<walras_receipt>() == 56);
    assert!(size_of::<walras_bid_view>() == 104);
    assert!(size_of::<walras_bid_row>() == 152);
    assert!(size_of::<walras_orders>() == 16 + 8 * size_of::<*const u8>());
    assert!(size_of::<walras_answers>() == 5 * size_of::<*const u8>());
    assert!(size_of::<walras_what_if>() == 16 + 3 * size_of::<*const u8>());
    assert!(size_of::<walras_event>() == 104 + size_of::<*const u8>());
};

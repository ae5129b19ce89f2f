//! Every bound of the system, in one place: what is refused rather than grown.

/// Longest name, reason or party, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Longest party name, in bytes.
pub const PARTY_BYTES_MAX: usize = 128;
/// Longest `client_bid_id`, in bytes.
pub const CLIENT_BID_ID_BYTES_MAX: usize = 64;
/// Longest `correlation_id`, in bytes.
pub const CORRELATION_ID_BYTES_MAX: usize = 128;
/// Largest WebSocket message after reassembly, inclusive, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 65_536;
/// Deepest JSON nesting.
pub const JSON_DEPTH_MAX: usize = 32;
/// Most bids in one `submit_bids`.
pub const BATCH_BIDS_MAX: usize = 100;
/// Most entries in one page of a listing.
pub const PAGE_ENTRIES_MAX: usize = 100;
/// Highest price of a bid, in ticks.
pub const PRICE_TICKS_MAX: i64 = 1_000_000_000_000_000_000;
/// Largest quantity of a bid, in lots.
pub const QUANTITY_LOTS_MAX: i64 = 1_000_000_000_000_000_000;
/// Most bids that one `cancel_all` takes back before it answers that there are more.
pub const CANCEL_ALL_BIDS_MAX: usize = 100;
/// Most tokens with prices, and most token pairs with order books.
pub const MARKET_ENTRIES_MAX: usize = 4096;
/// Longest metadata of an auction, as JSON without white space, in bytes.
pub const METADATA_BYTES_MAX: usize = 16_384;
/// Longest duration in the terms of an auction: ten years, in milliseconds.
pub const AUCTION_MS_MAX: u64 = 315_576_000_000;
/// Most parties that the terms of an auction may name as participants of its settlement.
pub const SETTLEMENT_PARTICIPANTS_MAX: usize = 1_000;

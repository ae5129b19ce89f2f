//! The numbers of a message beside its words: what readers in the same process look at instead of parsing JSON.

use crate::engine::{BidFact, Standing};
use crate::units::{PriceTicks, QuantityLots, TimeUs};

/// What kind of message a frame carries. The numbers are part of the C interface and are not reused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is the message of that name")]
pub enum MessageKind {
    /// Replies and whatever else is for connections alone.
    #[default]
    Other = 0,
    AuctionCreated = 1,
    AuctionUpdate = 2,
    AuctionComplete = 3,
    AuctionCancelled = 4,
    BidAccepted = 5,
    NewBid = 6,
    BidRejected = 7,
    BidCancelled = 8,
    BidAmended = 9,
    SettlementStarted = 10,
    SettlementProgress = 11,
    SettlementRequest = 12,
    SettlementComplete = 13,
    SettlementFailed = 14,
    PriceUpdate = 15,
    OrderBookUpdate = 16,
    /// Something of the embedding host's own.
    HostEvent = 17,
}

impl MessageKind {
    const ALL: [Self; 18] = [
        Self::Other,
        Self::AuctionCreated,
        Self::AuctionUpdate,
        Self::AuctionComplete,
        Self::AuctionCancelled,
        Self::BidAccepted,
        Self::NewBid,
        Self::BidRejected,
        Self::BidCancelled,
        Self::BidAmended,
        Self::SettlementStarted,
        Self::SettlementProgress,
        Self::SettlementRequest,
        Self::SettlementComplete,
        Self::SettlementFailed,
        Self::PriceUpdate,
        Self::OrderBookUpdate,
        Self::HostEvent,
    ];
}

/// Yes-or-no facts of a message. The bits are part of the C interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks(pub u8);

impl Marks {
    /// The bid only takes part in price discovery.
    pub const PHANTOM: Self = Self(0x01);
    /// The bidder's analytics mark.
    pub const MARGINAL: Self = Self(0x02);
    /// The bid would be filled whole.
    pub const ABOVE: Self = Self(0x04);
    /// The bid would share what is left.
    pub const AT_MARGIN: Self = Self(0x08);
    /// The bid would get nothing.
    pub const BELOW: Self = Self(0x10);
    /// An amended bid kept its time priority.
    pub const PRIORITY_KEPT: Self = Self(0x20);

    /// These and those, if `wanted`.
    pub fn with(self, other: Self, wanted: bool) -> Self {
        if wanted { Self(self.0 | other.0) } else { self }
    }

    /// Where a bid stands.
    pub fn of(standing: Standing) -> Self {
        match standing {
            Standing::Above => Self::ABOVE,
            Standing::AtMargin => Self::AT_MARGIN,
            Standing::Below => Self::BELOW,
        }
    }
}

/// See the module. What does not apply is 0 or `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// What kind of message it is.
    pub kind: MessageKind,
    /// Yes-or-no facts.
    pub marks: Marks,
    /// When it happened, or for state when it was computed.
    pub at: TimeUs,
    /// The bid's limit, or the clearing price.
    pub price: Option<PriceTicks>,
    /// The bid's quantity; lots that are, or would be, sold.
    pub quantity: QuantityLots,
    /// The indicative price after it.
    pub current_price: Option<PriceTicks>,
}

impl Figures {
    /// Just a kind and a time.
    pub fn new(kind: MessageKind, at: TimeUs) -> Self {
        Self { kind, at, ..Self::default() }
    }

    /// Of a bid as it stands.
    pub fn of_bid(kind: MessageKind, at: TimeUs, bid: &BidFact) -> Self {
        let marks = Marks::of(bid.standing)
            .with(Marks::PHANTOM, bid.is_phantom)
            .with(Marks::MARGINAL, bid.is_marginal);
        let current_price = Some(bid.current_price);
        Self { kind, marks, at, price: bid.price, quantity: bid.quantity, current_price }
    }

    /// The numbers as they stand in a frame.
    pub(super) fn numbers(&self) -> [i64; 4] {
        let ticks = |price: Option<PriceTicks>| price.map_or(i64::MIN, |price| price.0);
        [self.at.0, ticks(self.price), self.quantity.0, ticks(self.current_price)]
    }

    /// What [`numbers`](Self::numbers) wrote.
    pub(super) fn read(kind: u8, marks: u8, [at, price, quantity, current]: [i64; 4]) -> Self {
        let ticks = |ticks: i64| (ticks != i64::MIN).then_some(PriceTicks(ticks));
        Self {
            kind: MessageKind::ALL.get(usize::from(kind)).copied().unwrap_or_default(),
            marks: Marks(marks),
            at: TimeUs(at),
            price: ticks(price),
            quantity: QuantityLots(quantity),
            current_price: ticks(current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_number() {
        for (number, kind) in MessageKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}

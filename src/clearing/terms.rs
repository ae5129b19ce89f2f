//! The rules of one sale, in ticks and lots: what the seller laid down before the first bid.
//!
//! Nothing here is JSON, decimal or default: `wire::terms` reads those and resolves them.

use std::collections::BTreeMap;

use super::payment::MoneyTerm;
use super::{PriceRule, Pricing, Supply, Undersubscribed};
use crate::units::{Decimal, PriceTicks, QuantityLots};

/// The market's rules of one sale.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The seller's lowest price; the sale's is [`Terms::lowest_price`].
    pub reserve: PriceTicks,
    /// What is on offer at each price.
    pub supply: Supply,
    /// Which price of the clearing interval everybody pays, or that each pays its own.
    pub price_rule: PriceRule,
    /// What happens when demand at the lowest price is short of the supply there.
    pub undersubscribed: Undersubscribed,
    /// Who gets the lots of the marginal level.
    pub allocation: Allocation,
    /// False: every bid is all-or-none, by the kill rule, at the close.
    pub allow_partial_fills: bool,
    /// Most lots that one bidder's bids may ask for together.
    pub max_quantity_per_bidder: Option<QuantityLots>,
    /// The same as a share of the supply.
    pub max_award: Option<AwardLimit>,
    /// What bidders hold already, by [`super::Bid::bidder`]: taken off their cap. Live auctions have none.
    pub net_long: BTreeMap<u32, QuantityLots>,
    /// Smallest quantity of a bid. Entry refuses less; the clearing does not look again.
    pub min_bid_quantity: Option<QuantityLots>,
    /// `treasury` rounds awards at the margin up to a multiple of this many lots.
    pub award_multiple: Option<QuantityLots>,
    /// `treasury` awards at the margin are at least this many lots.
    pub award_minimum: Option<QuantityLots>,
    /// Revenue below this cancels the sale.
    pub min_revenue: Option<MoneyTerm>,
    /// The smallest unit of the settlement currency; `None`: payments are exact.
    pub money_unit: Option<MoneyTerm>,
}

/// A cap that was agreed as a fraction of the supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwardLimit {
    /// The fraction, above 0 and at most 1.
    pub fraction: Decimal,
    /// The fraction of the supply's nominal quantity, rounded down to lots.
    pub lots: QuantityLots,
}

/// Who gets the lots of the marginal level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Allocation {
    /// Each in proportion to its quantity, by largest remainder, ties to the earlier bid.
    #[default]
    ProRata,
    /// The earliest first.
    PriceTime,
    /// The largest first, then the earliest.
    SizeTime,
    /// In proportion to quantity over all bids at or above the price: those above it are not filled whole.
    ProRataDemand,
    /// A percentage rounded up to 0.01 %, awards rounded up to a multiple: may oversell.
    Treasury,
}

impl Terms {
    /// A sale of this supply at this reserve, everything else by default.
    pub fn new(reserve: PriceTicks, supply: Supply) -> Self {
        Self {
            reserve,
            supply,
            price_rule: PriceRule::default(),
            undersubscribed: Undersubscribed::default(),
            allocation: Allocation::default(),
            allow_partial_fills: true,
            max_quantity_per_bidder: None,
            max_award: None,
            net_long: BTreeMap::new(),
            min_bid_quantity: None,
            award_multiple: None,
            award_minimum: None,
            min_revenue: None,
            money_unit: None,
        }
    }

    /// The lowest price at which this sale can clear: the reserve, or the supply's floor if that is higher.
    pub fn lowest_price(&self) -> PriceTicks {
        self.supply.floor().map_or(self.reserve, |floor| floor.max(self.reserve))
    }

    /// What an incremental index needs to know.
    pub fn pricing(&self) -> Pricing {
        Pricing {
            supply: self.supply.clone(),
            reserve: self.reserve,
            rule: self.price_rule,
            undersubscribed: self.undersubscribed,
        }
    }

    /// The most lots that one bidder may be awarded, before what it holds is taken off; `None` without a cap.
    pub fn bidder_cap(&self) -> Option<QuantityLots> {
        let by_fraction = self.max_award.map(|limit| limit.lots);
        match (self.max_quantity_per_bidder, by_fraction) {
            (Some(quantity), Some(fraction)) => Some(quantity.min(fraction)),
            (quantity, fraction) => quantity.or(fraction),
        }
    }

    /// Whether the price and the allocation follow from sums of quantities alone, so that an incremental
    /// index gives the same price as a clearing: partial fills, and no cap.
    pub fn is_ordinary(&self) -> bool {
        self.allow_partial_fills && self.bidder_cap().is_none()
    }
}

//! Random histories: terms, and what happens under them, small enough that everything collides.

use proptest::prelude::*;
use walras::clearing::{Allocation, Curve, MoneyTerm, PriceRule, Shape, Supply, Undersubscribed};
use walras::engine::{
    AmendBid, BidRef, CancelBid, CloseReason, Command, CreateAuction, End, Engine, OnOutage, SubmitBid, Terms,
};
use walras::units::{PriceTicks, QuantityLots, TimeUs};

use super::{at, auction, between, bid, decimal, fixed, grid, party, settlement, steps, terms, text};

/// Something that happens; numbers are resolved by [`Script`].
#[derive(Debug, Clone)]
pub enum Act {
    /// Time goes on by so many milliseconds; what is due is applied.
    Wait(i64),
    /// Time goes on and nobody looks at the schedule.
    Oversleep(i64),
    Create {
        number: u128,
        terms: Box<Terms>,
        key: Option<u8>,
    },
    Submit(Wish),
    SubmitAll(u128, Vec<Wish>),
    Cancel(Name),
    Amend(Name, Option<i64>, Option<i64>),
    CancelAll(u8, Option<u128>),
    Open(u128),
    Close(u128, CloseReason),
    CancelAuction(u128),
    Halt(u128),
    Resume(u128),
    Outage(u128, u64),
}

/// A bid that somebody wants to place.
#[derive(Debug, Clone)]
pub struct Wish {
    auction: u128,
    who: u8,
    quantity: i64,
    price: Option<i64>,
    client: Option<u8>,
    is_marginal: bool,
    is_phantom: bool,
    /// One in some bids has the id of an earlier one.
    pub reuses: Option<u8>,
}

/// A bid by one of its names.
#[derive(Debug, Clone)]
pub struct Name {
    who: u8,
    by: By,
}

#[derive(Debug, Clone)]
enum By {
    Nth(u8),
    Client(u128, u8),
}

const AUCTIONS: std::ops::RangeInclusive<u128> = 1..=3;

fn supplies() -> impl Strategy<Value = Supply> {
    prop_oneof![
        (1i64..30).prop_map(fixed),
        prop::collection::vec((10i64..20, 0i64..10), 1..4).prop_map(|parts| {
            let mut points = Vec::new();
            let (mut price, mut lots) = (0, 0);
            for (step, more) in parts {
                price += step;
                lots += more;
                points.push((price, lots));
            }
            steps(&points)
        }),
        (0u8..3, 1i64..12, 1i64..4, 5i64..12, 25i64..45).prop_map(|(kind, base, factor, floor, ceiling)| {
            let curve = Curve {
                base_quantity: decimal(base),
                elasticity_factor: decimal(factor),
                reference_price: None,
            };
            let shape = [Shape::Linear(curve), Shape::Exponential(curve), Shape::Logarithmic(curve)];
            between(shape[kind as usize].clone(), floor, ceiling)
        }),
    ]
}

prop_compose! {
    fn sales()(
        supply in supplies(),
        rule in prop::sample::select(vec![PriceRule::Lab, PriceRule::Hrb, PriceRule::Mid, PriceRule::PayAsBid]),
        short in prop::sample::select(
            vec![Undersubscribed::Reserve, Undersubscribed::LowestBid, Undersubscribed::Cancel],
        ),
        allocation in prop::sample::select(vec![
            Allocation::ProRata,
            Allocation::PriceTime,
            Allocation::SizeTime,
            Allocation::ProRataDemand,
            Allocation::Treasury,
        ]),
        is_whole in prop::bool::weighted(0.2),
        cap in prop::option::weighted(0.2, 1i64..20),
        min in prop::option::weighted(0.2, 1i64..4),
        least in prop::option::weighted(0.1, 1i64..400),
        unit in prop::option::weighted(0.2, 1i64..50),
    ) -> Terms {
        let mut terms = terms(supply);
        terms.sale.price_rule = rule;
        terms.sale.undersubscribed = short;
        terms.sale.allocation = allocation;
        let knows_whole = !matches!(allocation, Allocation::ProRataDemand | Allocation::Treasury);
        terms.sale.allow_partial_fills = !(is_whole && knows_whole);
        terms.sale.max_quantity_per_bidder = cap.map(QuantityLots);
        terms.sale.min_bid_quantity = min.map(QuantityLots);
        terms.sale.min_revenue = least.map(money);
        terms.sale.money_unit = unit.map(money);
        terms
    }
}

prop_compose! {
    fn lives()(
        mut terms in sales(),
        starts in prop::option::weighted(0.3, 0i64..40),
        end in prop_oneof![
            1 => Just(End::Open),
            3 => (1u64..80).prop_map(|duration_ms| End::After { duration_ms }),
            1 => (1i64..120).prop_map(|ms| End::At(at(ms))),
        ],
        lock_ms in prop::sample::select(vec![0u64, 10, 30]),
        window in prop::sample::select(vec![0u64, 20]),
        extend_ms in 0u64..20,
        max_extensions in 0u32..3,
        on_outage in prop::sample::select(vec![OnOutage::Extend, OnOutage::Close, OnOutage::Cancel]),
        max_bids in prop::sample::select(vec![2u32, 5, 100]),
        allows in any::<(bool, bool)>(),
        allow_cancel in prop::bool::weighted(0.8),
    ) -> Terms {
        terms.starts_at = starts.map(at);
        terms.end = end;
        terms.lock_ms = lock_ms;
        terms.extend_window_ms = window;
        terms.extend_ms = extend_ms;
        terms.max_extensions = max_extensions;
        terms.on_outage = on_outage;
        terms.max_bids_per_bidder = max_bids;
        (terms.allow_price_takers, terms.allow_phantom_bids) = allows;
        terms.allow_cancel = allow_cancel;
        terms
    }
}

prop_compose! {
    fn wishes()(
        auction in AUCTIONS,
        who in 0u8..3,
        quantity in prop_oneof![1 => -1i64..1, 20 => 1i64..12],
        price in prop_oneof![1 => Just(None), 1 => (-1i64..10).prop_map(Some), 12 => (10i64..40).prop_map(Some)],
        client in prop::option::of(0u8..6),
        is_marginal in prop::bool::weighted(0.1),
        is_phantom in prop::bool::weighted(0.1),
        reuses in prop::option::weighted(0.02, any::<u8>()),
    ) -> Wish {
        Wish { auction, who, quantity, price, client, is_marginal, is_phantom, reuses }
    }
}

fn names() -> impl Strategy<Value = Name> {
    let by = prop_oneof![4 => any::<u8>().prop_map(By::Nth), 1 => (AUCTIONS, 0u8..6).prop_map(|(a, c)| By::Client(a, c))];
    (0u8..3, by).prop_map(|(who, by)| Name { who, by })
}

pub fn acts() -> impl Strategy<Value = Act> {
    let reason = prop::sample::select(vec![CloseReason::Operator, CloseReason::Schedule]);
    prop_oneof![
        8 => (0i64..15).prop_map(Act::Wait),
        1 => (0i64..15).prop_map(Act::Oversleep),
        2 => (AUCTIONS, lives(), prop::option::weighted(0.3, 0u8..2))
            .prop_map(|(number, terms, key)| Act::Create { number, terms: Box::new(terms), key }),
        30 => wishes().prop_map(Act::Submit),
        2 => (AUCTIONS, prop::collection::vec(wishes(), 0..5)).prop_map(|(auction, all)| Act::SubmitAll(auction, all)),
        6 => names().prop_map(Act::Cancel),
        6 => (names(), prop::option::of(0i64..12), prop::option::of(8i64..40))
            .prop_map(|(name, quantity, price)| Act::Amend(name, quantity, price)),
        1 => (0u8..3, prop::option::of(AUCTIONS)).prop_map(|(who, auction)| Act::CancelAll(who, auction)),
        1 => AUCTIONS.prop_map(Act::Open),
        1 => (AUCTIONS, reason).prop_map(|(number, reason)| Act::Close(number, reason)),
        1 => AUCTIONS.prop_map(Act::CancelAuction),
        1 => AUCTIONS.prop_map(Act::Halt),
        1 => AUCTIONS.prop_map(Act::Resume),
        1 => (AUCTIONS, 0u64..90_000).prop_map(|(number, outage_ms)| Act::Outage(number, outage_ms)),
    ]
}

/// A random history: the auctions first, then anything.
pub fn histories(length: usize) -> impl Strategy<Value = Vec<Act>> {
    let auctions = (lives(), lives()).prop_map(|(one, two)| {
        let create = |(number, terms)| Act::Create { number, terms: Box::new(terms), key: None };
        [(1, one), (2, two)].map(create)
    });
    (auctions, prop::collection::vec(acts(), 0..length)).prop_map(|(first, rest)| {
        let mut history = first.to_vec();
        history.extend(rest);
        history
    })
}

/// Turns acts into commands: it counts the bids' ids and moves the clock.
pub struct Script {
    pub now: TimeUs,
    bids: u128,
    settlements: u128,
}

impl Script {
    pub fn new() -> Self {
        Self { now: at(0), bids: 0, settlements: 0 }
    }

    /// Moves the clock; whether what is due is to be applied then.
    pub fn wait(&mut self, act: &Act) -> bool {
        if let Act::Wait(ms) | Act::Oversleep(ms) = act {
            self.now = TimeUs(self.now.0 + ms * 1000);
        }
        !matches!(act, Act::Oversleep(_))
    }

    /// The command, unless it is only time that goes on.
    pub fn command(&mut self, act: &Act) -> Option<Command> {
        Some(match act {
            Act::Wait(_) | Act::Oversleep(_) => return None,
            Act::Create { number, terms, key } => Command::CreateAuction(Box::new(CreateAuction {
                auction: auction(*number),
                creator: party("operator"),
                terms_json: format!("{{\"test\":{number}}}").into(),
                terms: (**terms).clone(),
                idempotency_key: key.map(|key| format!("key-{key}").into()),
            })),
            Act::Submit(wish) => Command::SubmitBid(self.submit(wish)),
            Act::SubmitAll(number, wishes) => {
                let one = |wish: &Wish| SubmitBid { auction: auction(*number), ..self.submit(wish) };
                Command::SubmitBids(wishes.iter().map(one).collect())
            }
            Act::Cancel(name) => Command::CancelBid(CancelBid {
                bid: self.name(name),
                party: who(name.who),
                received_at_us: self.now.0 - 5,
            }),
            Act::Amend(name, quantity, price) => Command::AmendBid(AmendBid {
                bid: self.name(name),
                party: who(name.who),
                quantity: quantity.map(QuantityLots),
                price: price.map(PriceTicks),
                received_at_us: self.now.0 - 5,
            }),
            Act::CancelAll(one, number) => {
                Command::CancelAll { party: who(*one), auction: number.map(auction) }
            }
            Act::Open(number) => Command::OpenAuction { auction: auction(*number) },
            Act::Close(number, reason) => {
                let settlement = self.settlement();
                Command::CloseAuction { auction: auction(*number), reason: *reason, settlement }
            }
            Act::CancelAuction(number) => {
                Command::CancelAuction { auction: auction(*number), reason: text("no more") }
            }
            Act::Halt(number) => Command::HaltAuction { auction: auction(*number), reason: text("wait") },
            Act::Resume(number) => Command::ResumeAuction { auction: auction(*number) },
            Act::Outage(number, outage_ms) => {
                Command::ExtendForOutage { auction: auction(*number), outage_ms: *outage_ms }
            }
        })
    }

    /// What is due now, with the ids that a host fills in.
    pub fn due(&mut self, engine: &Engine) -> Option<Command> {
        let mut command = engine.due(self.now)?;
        if let Command::CloseAuction { settlement, .. } = &mut command {
            *settlement = self.settlement();
        }
        Some(command)
    }

    fn settlement(&mut self) -> walras::engine::SettlementId {
        self.settlements += 1;
        settlement(self.settlements)
    }

    fn submit(&mut self, wish: &Wish) -> SubmitBid {
        self.bids += 1;
        let number = wish.reuses.map_or(self.bids, |nth| 1 + u128::from(nth) % self.bids);
        SubmitBid {
            auction: auction(wish.auction),
            party: who(wish.who),
            bid: bid(number),
            salt: [self.bids as u8; 16],
            quantity: QuantityLots(wish.quantity),
            price: wish.price.map(PriceTicks),
            client_bid_id: wish.client.map(|client| format!("c{client}").into()),
            is_marginal: wish.is_marginal,
            is_phantom: wish.is_phantom,
            received_at_us: self.now.0 - 5,
        }
    }

    fn name(&self, name: &Name) -> BidRef {
        match name.by {
            By::Nth(nth) => BidRef::Id(bid(1 + u128::from(nth) % self.bids.max(1))),
            By::Client(number, client) => {
                BidRef::Client { auction: auction(number), client_bid_id: format!("c{client}").into() }
            }
        }
    }
}

fn money(amount: i64) -> MoneyTerm {
    MoneyTerm::new(decimal(amount), grid("1").times(grid("1"))).expect("a small amount")
}

pub fn who(number: u8) -> walras::engine::Party {
    party(["ann", "bob", "cy"][number as usize])
}

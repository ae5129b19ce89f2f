//! The clearing core beside two plain ways to do the same: a `Vec` that is sorted and scanned, and a `BTreeMap` of
//! price levels.
//!
//! `add/<contender>/<supply>/<live bids>x<ticks>` is one more bid and the clearing price after it, `cancel/...` one
//! bid less and the price after that, at so many live bids: the oldest leave as new ones come. Prices
//! are spread evenly over the ticks, quantities over 1 to 1000 lots; half of the demand finds supply.
//! `what-if/...` asks and changes nothing. `clear/...` is one whole sale from nothing with every bid's lots.
//! Each contender's answers are compared before it is timed, and its price again after all that was timed.
//! The heap that a live bid costs is printed first.

mod plain;

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use walras::clearing::{
    Bid, BidKind, BidSource, Curve, Demand, DemandIndex, PriceRule, Pricing, Schedule, Shape, Supply, Terms,
    Undersubscribed, Want, clear,
};
use walras::units::{Decimal, Grid, PriceTicks, QuantityLots};

use plain::{Bids, Levels, cleared_plainly, limit, price_with};

/// Ticks of a sale from 10 to 100 by cents, and of one with a hundred times as many.
const TICKS: [u64; 2] = [9_001, 1_000_000];
/// Bids that come, or go, between two looks at the clock.
const TURN_BIDS: u64 = 256;
const LOTS_MAX: u64 = 1_000;

/// A sale that is benched: so many live bids over so many ticks.
#[derive(Debug, Clone, Copy)]
struct Size {
    live: u64,
    ticks: u64,
}

impl Size {
    fn name(self) -> String {
        let live = match self.live {
            live if live >= 1_000_000 => format!("{}M", live / 1_000_000),
            live => format!("{}k", live / 1_000),
        };
        format!("{live}x{}", self.ticks)
    }

    /// The bid with this number: always the same one.
    #[inline]
    fn demand(self, number: u64) -> Demand {
        let random = mixed(number);
        let lots = 1 + (random >> 48) % LOTS_MAX;
        let price = ((random & 0xffff_ffff) * self.ticks) >> 32;
        Demand { price: Some(PriceTicks(price as i64)), lots: QuantityLots(lots as i64), kind: BidKind::Real }
    }

    fn lots_on_offer(self) -> i64 {
        (self.live * (LOTS_MAX + 1) / 4) as i64
    }
}

/// SplitMix64's finish: a number that looks random.
#[inline]
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Offer {
    Fixed,
    /// `base e^(1.5 t)` from the first tick to the last.
    Exponential,
}

fn supply(size: Size, offer: Offer) -> Supply {
    let one = Grid::parse("1").expect("a grid");
    let decimal = |number: i64| Decimal::new(number.into(), 0).expect("a small number");
    let quantity = decimal(size.lots_on_offer());
    let last = decimal(size.ticks as i64 - 1);
    let schedule = match offer {
        Offer::Fixed => Schedule { shape: Shape::Fixed { quantity }, price_floor: None, price_ceiling: None },
        Offer::Exponential => Schedule {
            shape: Shape::Exponential(Curve {
                base_quantity: quantity,
                elasticity_factor: Decimal::new(15, 1).expect("a small number"),
                reference_price: None,
            }),
            price_floor: Some(decimal(0)),
            price_ceiling: Some(last),
        },
    };
    Supply::new(schedule, one, one).expect("a valid schedule")
}

fn pricing(size: Size, offer: Offer) -> Pricing {
    Pricing {
        supply: supply(size, offer),
        reserve: PriceTicks(0),
        rule: PriceRule::Lab,
        undersubscribed: Undersubscribed::Reserve,
    }
}

/// Something that holds bids and knows the clearing price after each of them.
trait Contender {
    const NAME: &'static str;
    fn new(pricing: Pricing) -> Self;
    fn add(&mut self, demand: Demand);
    fn remove(&mut self, demand: Demand);
    fn price(&mut self) -> i64;
}

impl Contender for DemandIndex {
    const NAME: &'static str = "walras";

    fn new(pricing: Pricing) -> Self {
        Self::new(pricing)
    }

    #[inline]
    fn add(&mut self, demand: Demand) {
        self.add(demand).expect("a valid bid");
    }

    #[inline]
    fn remove(&mut self, demand: Demand) {
        self.remove(demand).expect("a live bid");
    }

    #[inline]
    fn price(&mut self) -> i64 {
        self.current_price().0
    }
}

/// A contender with live bids of which the oldest leave as new ones come.
struct Window<C> {
    contender: C,
    size: Size,
    oldest: u64,
    turn: Vec<Demand>,
}

impl<C: Contender> Window<C> {
    fn new(size: Size, offer: Offer) -> Self {
        let mut contender = C::new(pricing(size, offer));
        (0..size.live).for_each(|number| contender.add(size.demand(number)));
        Self { contender, size, oldest: 0, turn: Vec::new() }
    }

    /// What the price must be: from the bids themselves, tick by tick, with no contender's help.
    fn expected_price(&self, offer: Offer) -> i64 {
        let mut lots = vec![0_i64; self.size.ticks as usize];
        for number in self.oldest..self.oldest + self.size.live {
            let demand = self.size.demand(number);
            lots[limit(&demand) as usize] += demand.lots.0;
        }
        let supply = supply(self.size, offer);
        let mut demand = 0;
        for (price, lots) in lots.iter().enumerate().rev() {
            demand += lots;
            if supply.at(PriceTicks(price as i64)).is_reached_by(demand.into()) {
                return price as i64;
            }
            // Above the crossing demand fits; here it did not reach, and one tick lower it does not fit.
            let below = supply.at(PriceTicks((price as i64 - 1).max(0)));
            if !below.has_room_for(demand.into()) {
                return price as i64;
            }
        }
        0
    }

    fn check(&mut self, offer: Offer) {
        assert_eq!(self.contender.price(), self.expected_price(offer), "{} {:?}", C::NAME, self.size);
    }

    fn fill_turn(&mut self, first: u64, count: u64) {
        self.turn.clear();
        let size = self.size;
        self.turn.extend((first..first + count).map(|number| size.demand(number)));
    }

    /// The time of one operation of each of `count` bids with the price after it: adding, or taking away.
    fn time(&mut self, count: u64, is_add: bool) -> Duration {
        let mut elapsed = Duration::ZERO;
        let mut left = count;
        while left > 0 {
            let count = left.min(TURN_BIDS);
            left -= count;
            for adds in [true, false] {
                let first = if adds { self.oldest + self.size.live } else { self.oldest };
                self.fill_turn(first, count);
                let started_at = Instant::now();
                if adds {
                    for &demand in &self.turn {
                        self.contender.add(demand);
                        black_box(self.contender.price());
                    }
                } else if is_add {
                    // The price is not asked for where it is not timed: the plain ways take long to find it.
                    self.turn.iter().for_each(|&demand| self.contender.remove(demand));
                } else {
                    for &demand in &self.turn {
                        self.contender.remove(demand);
                        black_box(self.contender.price());
                    }
                }
                if adds == is_add {
                    elapsed += started_at.elapsed();
                }
            }
            self.oldest += count;
        }
        elapsed
    }
}

fn bench_changes<C: Contender>(criterion: &mut Criterion, offer: Offer, size: Size) {
    let mut window = None;
    for (operation, is_add) in [("add", true), ("cancel", false)] {
        let offered = if offer == Offer::Fixed { "fixed" } else { "exponential" };
        let mut group = criterion.benchmark_group(operation);
        group.sample_size(if C::NAME == "walras" { 50 } else { 10 });
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        let id = BenchmarkId::new(format!("{}/{offered}", C::NAME), size.name());
        group.bench_function(id, |bencher| {
            let window = window.get_or_insert_with(|| {
                let mut window = Window::<C>::new(size, offer);
                window.check(offer);
                window
            });
            bencher.iter_custom(|count| window.time(count, is_add));
            window.check(offer);
        });
        group.finish();
    }
}

fn changes(criterion: &mut Criterion) {
    for ticks in TICKS {
        for live in [1_000, 100_000, 1_000_000, 10_000_000] {
            let size = Size { live, ticks };
            bench_changes::<DemandIndex>(criterion, Offer::Fixed, size);
            bench_changes::<Levels>(criterion, Offer::Fixed, size);
            // Beyond this a single price takes the better part of a second.
            if live <= 1_000_000 {
                bench_changes::<Bids>(criterion, Offer::Fixed, size);
            }
        }
        bench_changes::<DemandIndex>(criterion, Offer::Exponential, Size { live: 1_000_000, ticks });
    }
}

/// A question to each contender: the price with one more bid. The plain ways add it, look, and take it back.
fn what_if(criterion: &mut Criterion) {
    for ticks in TICKS {
        let size = Size { live: 1_000_000, ticks };
        let index = Window::<DemandIndex>::new(size, Offer::Fixed).contender;
        let mut levels = Window::<Levels>::new(size, Offer::Fixed).contender;
        let asked: Vec<Demand> = (0..4096).map(|number| size.demand(size.live + number)).collect();
        let large = |demand: &Demand| Demand { lots: QuantityLots(demand.lots.0 * 10_000), ..*demand };
        let asked_large: Vec<Demand> = asked.iter().map(large).collect();
        for &demand in asked[..64].iter().chain(&asked_large[..64]) {
            let answer = index.price_if_added(demand).expect("a valid bid");
            assert_eq!(answer.0, price_with(&mut levels, demand));
            let winning = index.price_to_win(demand.lots).expect("there is no ceiling");
            assert!(winning > index.current_price());
        }
        let other = supply(Size { live: size.live / 2, ticks }, Offer::Fixed);
        let mut smaller = Levels { lots_on_offer: other.at(PriceTicks(0)).lots.0, lots: levels.lots.clone() };
        let revenue = PriceTicks(smaller.price()).times(QuantityLots(smaller.lots_on_offer));
        assert_eq!(index.revenue_at(&other), Some(revenue));

        let mut group = criterion.benchmark_group("what-if");
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        let mut next = asked.iter().cycle();
        group.bench_function(BenchmarkId::new("walras/price-if-added", size.name()), |bencher| {
            bencher.iter(|| index.price_if_added(*next.next().expect("endless")));
        });
        let mut next = asked_large.iter().cycle();
        group.bench_function(BenchmarkId::new("walras/price-if-added-large", size.name()), |bencher| {
            bencher.iter(|| index.price_if_added(*next.next().expect("endless")));
        });
        let mut next = asked.iter().cycle();
        group.bench_function(BenchmarkId::new("walras/price-to-win", size.name()), |bencher| {
            bencher.iter(|| index.price_to_win(next.next().expect("endless").lots));
        });
        group.bench_function(BenchmarkId::new("walras/revenue-at", size.name()), |bencher| {
            bencher.iter(|| index.revenue_at(black_box(&other)));
        });
        group.sample_size(10);
        let mut next = asked.iter().cycle();
        group.bench_function(BenchmarkId::new("btree/price-if-added", size.name()), |bencher| {
            bencher.iter(|| price_with(&mut levels, *next.next().expect("endless")));
        });
        group.finish();
    }
}

/// Bids column by column, as an auction holds them, where their order is their time priority.
#[derive(Default)]
struct Columns {
    prices: Vec<PriceTicks>,
    quantities: Vec<QuantityLots>,
    bidders: Vec<u32>,
    is_phantom: Vec<bool>,
}

impl Columns {
    fn new(size: Size) -> Self {
        let mut columns = Self::default();
        for number in 0..size.live {
            let demand = size.demand(number);
            columns.prices.push(demand.price.expect("a limit"));
            columns.quantities.push(demand.lots);
            columns.bidders.push(number as u32 % 1_000);
            columns.is_phantom.push(false);
        }
        columns
    }
}

impl BidSource for Columns {
    #[inline]
    fn for_each(&self, mut visit: impl FnMut(&Bid)) {
        let terms = self.prices.iter().zip(&self.quantities);
        let whose = self.bidders.iter().zip(&self.is_phantom);
        for (((&price, &quantity), (&bidder, &is_phantom)), seq) in terms.zip(whose).zip(0..) {
            visit(&Bid { price: Some(price), want: Want::Quantity(quantity), seq, bidder, is_phantom });
        }
    }
}

/// A whole sale: price and every bid's lots, the lots into `won`.
fn cleared(terms: &Terms, bids: &(impl BidSource + ?Sized), won: &mut Vec<QuantityLots>) -> PriceTicks {
    let clearing = clear(terms, bids).expect("valid bids");
    won.clear();
    bids.for_each(|bid| won.push(clearing.fill(bid)));
    clearing.price.expect("something is sold")
}

fn whole_sales(criterion: &mut Criterion) {
    for ticks in TICKS {
        let size = Size { live: 1_000_000, ticks };
        let terms = Terms::new(PriceTicks(0), supply(size, Offer::Fixed));
        let columns = Columns::new(size);
        let mut bids: Vec<Bid> = Vec::new();
        columns.for_each(|bid| bids.push(*bid));
        let (mut won, mut expected) = (Vec::new(), Vec::new());
        let price = cleared_plainly(size.lots_on_offer(), &columns, &mut expected);
        assert_eq!(cleared(&terms, &columns, &mut won), price);
        assert!(won == expected, "every bid's lots are the same");
        assert_eq!(cleared(&terms, &bids, &mut won), price);
        assert!(won == expected, "every bid's lots are the same");

        let mut group = criterion.benchmark_group("clear");
        group.throughput(Throughput::Elements(size.live)).sample_size(20);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        group.bench_function(BenchmarkId::new("walras/columns", size.name()), |bencher| {
            bencher.iter(|| cleared(&terms, &columns, &mut won));
        });
        group.bench_function(BenchmarkId::new("walras/rows", size.name()), |bencher| {
            bencher.iter(|| cleared(&terms, &bids, &mut won));
        });
        group.bench_function(BenchmarkId::new("sort", size.name()), |bencher| {
            bencher.iter(|| cleared_plainly(size.lots_on_offer(), &columns, &mut won));
        });
        group.finish();
    }
}

/// What an index with so many live bids takes from the allocator, and the columns of the bids themselves.
fn heap(_criterion: &mut Criterion) {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--")).peekable();
    if words.peek().is_some() && words.all(|word| word != "heap") {
        return;
    }
    for ticks in TICKS {
        for live in [1_000, 100_000, 1_000_000, 10_000_000] {
            let size = Size { live, ticks };
            let mut kept = None;
            let index = measure(|| kept = Some(Window::<DemandIndex>::new(size, Offer::Fixed)));
            let mut columns = None;
            let bids = measure(|| columns = Some(Columns::new(size)));
            let [index, bids] = [index, bids].map(|heap| heap.bytes_current as f64 / live as f64);
            eprintln!("heap/{}: {index:.1} bytes of the index a live bid, {bids:.1} of columns", size.name());
        }
    }
}

criterion_group!(benches, heap, changes, what_if, whole_sales);
criterion_main!(benches);

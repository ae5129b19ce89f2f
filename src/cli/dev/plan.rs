//! What the simulated bidders will do, drawn before the auction opens.
//!
//! Everybody has a private value and bids below it at first, as one does where the price is
//! uniform; then bids are raised towards the value, some are taken back. Nothing here looks at
//! the market, so one seed gives one book, whatever the machine's timing.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Ticks in one unit of money: the demo's tick is 0.05.
pub const TICKS_PER_UNIT: i64 = 20;
/// The demo's reserve.
pub const RESERVE_TICKS: i64 = 40 * TICKS_PER_UNIT;
/// Where the demo's supply stops to grow; nobody values a lot higher.
pub const CEILING_TICKS: i64 = 80 * TICKS_PER_UNIT;

/// Bids that one bidder places at most: well below what an auction allows one party.
const BIDS_PER_BIDDER_MAX: usize = 40;
/// Every so many steps, a bid is taken back.
const STEPS_PER_CANCEL: usize = 13;

/// How busy a demo is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many bidders there are.
    pub bidders: usize,
    /// Bids, improvements and cancels a second, all bidders together.
    pub steps_per_second: f64,
    /// How long the auction lasts.
    pub duration_ms: u64,
}

/// One bidder's doings, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BidderPlan {
    /// The party: `bidder-07`.
    pub name: String,
    /// What it does when.
    pub steps: Vec<Step>,
}

/// One message of a bidder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When, after the opening.
    pub at_ms: u64,
    /// Which of the bidder's bids, from 1.
    pub bid: usize,
    /// What becomes of it.
    pub deed: Deed,
}

/// See [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is placed.
    Place {
        /// Lots.
        quantity_lots: i64,
        /// Limit.
        price_ticks: i64,
    },
    /// Its limit rises.
    Raise {
        /// The new limit.
        price_ticks: i64,
    },
    /// It is taken back.
    Cancel,
}

/// A bidder while its plan is drawn.
struct Drawn {
    value_ticks: i64,
    bids: Vec<DrawnBid>,
    steps: Vec<Step>,
}

/// What a bidder has in mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To place or improve a bid.
    More,
    /// To take one back.
    Less,
}

struct DrawnBid {
    price_ticks: i64,
    /// What these lots are worth to the bidder: less for every further bid.
    worth_ticks: i64,
    is_live: bool,
}

/// Draws everybody's plan.
pub fn draw(seed: u64, pace: Pace) -> Vec<BidderPlan> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bidders: Vec<Drawn> = (0..pace.bidders).map(|_| Drawn::new(&mut random)).collect();
    let moments = moments(pace);
    for (index, &at_ms) in moments.iter().enumerate() {
        // Everybody comes once before anybody comes twice, then they come as they like.
        let who = if index < bidders.len() { index } else { random.random_range(0..bidders.len()) };
        let wish = if index % STEPS_PER_CANCEL == STEPS_PER_CANCEL - 1 { Wish::Less } else { Wish::More };
        bidders[who].act(at_ms, wish, &mut random);
    }
    let digits = pace.bidders.to_string().len().max(2);
    let named = bidders.into_iter().enumerate();
    named
        .map(|(index, drawn)| BidderPlan {
            name: format!("bidder-{:0digits$}", index + 1),
            steps: drawn.steps,
        })
        .collect()
}

/// When somebody acts: evenly, from just after the opening until just before the close, so that every message
/// arrives in the order drawn and in time.
fn moments(pace: Pace) -> Vec<u64> {
    let first_ms = (pace.duration_ms / 50).clamp(100, 1_000).min(pace.duration_ms / 4);
    let last_ms = (pace.duration_ms * 95 / 100).min(pace.duration_ms.saturating_sub(250)).max(first_ms);
    let seconds = (last_ms - first_ms) as f64 / 1_000.0;
    let count = ((seconds * pace.steps_per_second) as usize).max(pace.bidders).max(1);
    (0..count).map(|index| first_ms + (last_ms - first_ms) * index as u64 / count as u64).collect()
}

impl Drawn {
    fn new(random: &mut StdRng) -> Self {
        // The sum of a few even draws is bell-shaped: values crowd around 53, from 44 to 68.
        let bell: i64 = (0..4).map(|_| random.random_range(0..=6 * TICKS_PER_UNIT)).sum();
        let value_ticks = 44 * TICKS_PER_UNIT + bell;
        Self { value_ticks: value_ticks.min(CEILING_TICKS), bids: Vec::new(), steps: Vec::new() }
    }

    fn act(&mut self, at_ms: u64, wish: Wish, random: &mut StdRng) {
        let live: Vec<usize> = (0..self.bids.len()).filter(|&index| self.bids[index].is_live).collect();
        let can_place = self.bids.len() < BIDS_PER_BIDDER_MAX;
        if wish == Wish::Less && !live.is_empty() {
            let index = live[random.random_range(0..live.len())];
            self.bids[index].is_live = false;
            self.steps.push(Step { at_ms, bid: index + 1, deed: Deed::Cancel });
            return;
        }
        if live.is_empty() || (can_place && live.len() < 3 && random.random_ratio(1, 3)) {
            if can_place {
                self.place(at_ms, random);
            }
            return;
        }
        let index = live[random.random_range(0..live.len())];
        let bid = &mut self.bids[index];
        let room_ticks = bid.worth_ticks - bid.price_ticks;
        if room_ticks >= 1 {
            bid.price_ticks += (room_ticks * random.random_range(25..=60) / 100).max(1);
            let deed = Deed::Raise { price_ticks: bid.price_ticks };
            self.steps.push(Step { at_ms, bid: index + 1, deed });
        } else if can_place {
            self.place(at_ms, random);
        }
    }

    fn place(&mut self, at_ms: u64, random: &mut StdRng) {
        let discount = i64::try_from(self.bids.len().min(6)).unwrap_or(6) * random.random_range(2..=4);
        let worth_ticks = (self.value_ticks * (100 - discount) / 100).max(RESERVE_TICKS + TICKS_PER_UNIT);
        let price_ticks = (worth_ticks * random.random_range(78..=92) / 100).max(RESERVE_TICKS);
        let quantity_lots = 10 * random.random_range(5..=60);
        self.bids.push(DrawnBid { price_ticks, worth_ticks, is_live: true });
        let deed = Deed::Place { quantity_lots, price_ticks };
        self.steps.push(Step { at_ms, bid: self.bids.len(), deed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { bidders: 12, steps_per_second: 8.0, duration_ms: 30_000 };

    #[test]
    fn one_seed_gives_one_plan_and_another_gives_another() {
        assert_eq!(draw(7, PACE), draw(7, PACE));
        assert_ne!(draw(7, PACE), draw(8, PACE));
    }

    #[test]
    fn every_plan_can_be_carried_out() {
        for seed in 0..50 {
            let plans = draw(seed, PACE);
            assert_eq!(plans.len(), 12);
            let (mut raised, mut cancelled, mut count) = (0, 0, 0);
            for plan in &plans {
                assert!(plan.steps.is_sorted_by_key(|step| step.at_ms), "in order");
                let mut prices: Vec<Option<i64>> = Vec::new();
                for step in &plan.steps {
                    assert!((100..29_750).contains(&step.at_ms));
                    count += 1;
                    match step.deed {
                        Deed::Place { quantity_lots, price_ticks } => {
                            assert_eq!(step.bid, prices.len() + 1, "bids are numbered as placed");
                            assert!(
                                quantity_lots > 0 && (RESERVE_TICKS..=CEILING_TICKS).contains(&price_ticks)
                            );
                            prices.push(Some(price_ticks));
                        }
                        Deed::Raise { price_ticks } => {
                            let live = prices[step.bid - 1].expect("only live bids are raised");
                            assert!(price_ticks > live && price_ticks <= CEILING_TICKS, "bids only improve");
                            prices[step.bid - 1] = Some(price_ticks);
                            raised += 1;
                        }
                        Deed::Cancel => {
                            assert!(prices[step.bid - 1].take().is_some(), "only live bids are taken back");
                            cancelled += 1;
                        }
                    }
                }
                assert!(!prices.is_empty(), "everybody bids");
            }
            assert!(raised > 20 && cancelled > 0 && count > 150, "{raised} {cancelled} {count}");
        }
    }

    #[test]
    fn small_and_short_demos_work_too() {
        for (bidders, duration_ms) in [(1, 1_000), (3, 500), (200, 5_000)] {
            let plans = draw(1, Pace { bidders, steps_per_second: 0.5, duration_ms });
            assert_eq!(plans.len(), bidders);
            for plan in plans {
                assert!(plan.steps.iter().all(|step| step.at_ms < duration_ms), "{duration_ms}");
                assert!(!plan.steps.is_empty());
            }
        }
    }
}

//! What a call through the C face costs over the work itself: one bid a call, a million bids a call, one sale from
//! arrays, many sales. Each answer is checked before it is timed; the plain baseline stands beside ours.
//!
//! `cargo bench --bench ffi` prints a table of nanoseconds a bid, the best of several runs.
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::ptr::{null, null_mut};
use std::time::Instant;

use uuid::Uuid;
use walras::engine::{AuctionId, Command, CreateAuction, Engine, EngineLimits, Party, SubmitBid};
use walras::ffi::*;
use walras::host::{Ids, SeededIds};
use walras::units::{PriceTicks, QuantityLots, TimeUs};
use walras::wire::terms::{LiveDefaults, parse_live};

const SINGLE_BIDS: usize = 300_000;
const BATCH_BIDS: usize = 1_000_000;
const RUNS: usize = 5;
const TERMS: &str = r#"{"supply":{"type":"fixed","quantity":5000000},"tick_size":"0.01","lot_size":"1",
    "reserve_price":1,"max_bids_per_bidder":4000000000}"#;

/// Prices on 9,000 ticks and small quantities, the same every time.
fn bids(count: usize) -> (Vec<i64>, Vec<i64>) {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below) as i64
    };
    (0..count).map(|_| (100 + random(9_000), 1 + random(20))).unzip()
}

/// The best of some runs, in nanoseconds an item.
fn best(items: usize, mut run: impl FnMut() -> u64) -> f64 {
    (0..RUNS).map(|_| run()).min().unwrap_or(0) as f64 / items as f64
}

fn timed(work: impl FnOnce()) -> u64 {
    let started = Instant::now();
    work();
    started.elapsed().as_nanos() as u64
}

fn engine_alone(prices: &[i64], quantities: &[i64]) -> u64 {
    let mut engine =
        Engine::new(EngineLimits { active_auctions_max: 10, bids_per_auction_max: u32::MAX - 2 });
    let seller = Party("seller".into());
    let live = parse_live(TERMS.as_bytes(), &LiveDefaults { seller: seller.clone() }).expect("good terms");
    let auction = AuctionId(Uuid::from_u128(1));
    let create = CreateAuction {
        auction,
        creator: seller,
        terms: live.terms,
        terms_json: live.canonical.into(),
        idempotency_key: None,
    };
    let mut events = Vec::new();
    engine.apply(&Command::CreateAuction(Box::new(create)), TimeUs(0), &mut events).expect("it is new");
    let mut ids = SeededIds::new(1);
    let party = Party("ann".into());
    timed(|| {
        for (&price, &quantity) in prices.iter().zip(quantities) {
            events.clear();
            let bid = SubmitBid {
                auction,
                party: party.clone(),
                bid: ids.bid(),
                salt: ids.salt(),
                quantity: QuantityLots(quantity),
                price: Some(PriceTicks(price)),
                client_bid_id: None,
                is_marginal: false,
                is_phantom: false,
                received_at_us: 0,
            };
            engine.apply(&Command::SubmitBid(bid), TimeUs(0), &mut events).expect("a good bid");
        }
    })
}

struct Host {
    engine: *mut walras_engine,
    auction: walras_id,
}

impl Host {
    fn new(options: &str) -> Self {
        let (mut engine, mut auction) = (null_mut(), walras_id { bytes: [0; 16] });
        let (seller, terms) = ("seller", TERMS);
        // SAFETY: the texts are as long as they say, the places writable.
        unsafe {
            assert_eq!(walras_engine_new(options.as_ptr().cast(), options.len() as u64, &mut engine), 0);
            let status = walras_auction_create(
                engine,
                seller.as_ptr().cast(),
                seller.len() as u64,
                terms.as_ptr().cast(),
                terms.len() as u64,
                null(),
                0,
                &mut auction,
                null_mut(),
            );
            assert_eq!(status, 0);
        }
        Self { engine, auction }
    }

    fn bid_count(&self) -> u64 {
        // SAFETY: zeros are a state; the place is writable.
        unsafe {
            let mut state: walras_auction_state = std::mem::zeroed();
            assert_eq!(walras_auction_state_get(self.engine, &self.auction, &mut state), 0);
            state.bid_count
        }
    }

    fn submit_each(&self, prices: &[i64], quantities: &[i64]) -> u64 {
        let party = "ann";
        // SAFETY: zeros are a receipt.
        let mut receipt: walras_receipt = unsafe { std::mem::zeroed() };
        timed(|| {
            for (&price, &quantity) in prices.iter().zip(quantities) {
                // SAFETY: the text is as long as it says, the place writable.
                let status = unsafe {
                    walras_bid_submit(
                        self.engine,
                        &self.auction,
                        party.as_ptr().cast(),
                        3,
                        price,
                        quantity,
                        0,
                        null(),
                        0,
                        &mut receipt,
                    )
                };
                assert_eq!(status, 0);
            }
        })
    }

    fn submit_all(&self, prices: &[i64], quantities: &[i64]) -> u64 {
        let offsets = [0_u64, 3];
        let orders = walras_orders {
            count: prices.len() as u64,
            prices_ticks: prices.as_ptr(),
            quantities_lots: quantities.as_ptr(),
            flags: null(),
            party_count: 1,
            parties: "ann".as_ptr().cast(),
            party_offsets: offsets.as_ptr(),
            party_indexes: null(),
            client_bid_ids: null(),
            client_bid_id_offsets: null(),
        };
        let mut statuses = vec![-1; prices.len()];
        let answers = walras_answers {
            statuses: statuses.as_mut_ptr(),
            bids: null_mut(),
            offsets: null_mut(),
            path_prices_ticks: null_mut(),
            path_demand_above_lots: null_mut(),
        };
        timed(|| {
            // SAFETY: the arrays are as long as they say.
            let status =
                unsafe { walras_bids_submit(self.engine, &self.auction, &orders, &answers, null_mut()) };
            assert_eq!(status, 0);
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: anything may be freed.
        unsafe { walras_engine_free(self.engine) };
    }
}

fn show(what: &str, nanoseconds: f64) {
    println!("{what:<58}{nanoseconds:>9.0}");
}

fn main() {
    println!("{:<58}{:>9}", "nanoseconds a bid", "");
    let (prices, quantities) = bids(SINGLE_BIDS);
    let alone = best(SINGLE_BIDS, || engine_alone(&prices, &quantities));
    show("the engine alone, 300,000 bids", alone);
    for (what, options) in [
        ("one bid a call, in memory", "{}"),
        ("one bid a call, in memory, manual clock", r#"{"clock":"manual"}"#),
    ] {
        let each = best(SINGLE_BIDS, || {
            let host = Host::new(options);
            let taken = host.submit_each(&prices, &quantities);
            assert_eq!(host.bid_count(), SINGLE_BIDS as u64);
            taken
        });
        show(what, each);
        show("  over the engine alone", each - alone);
    }
    let filter = r#"{"channels":["bids"]}"#;
    let each = best(SINGLE_BIDS, || {
        let host = Host::new("{}");
        let mut subscriber = null_mut();
        // SAFETY: the text is as long as it says, the place writable.
        unsafe {
            let bytes = filter.len() as u64;
            assert_eq!(walras_subscriber_new(host.engine, filter.as_ptr().cast(), bytes, &mut subscriber), 0);
        }
        let taken = host.submit_each(&prices, &quantities);
        // SAFETY: anything may be freed.
        unsafe { walras_subscriber_free(subscriber) };
        taken
    });
    show("one bid a call, with a subscriber", each);
    let (prices, quantities) = bids(BATCH_BIDS);
    let alone = best(BATCH_BIDS, || engine_alone(&prices, &quantities));
    show("the engine alone, 1,000,000 bids", alone);
    let together = best(BATCH_BIDS, || {
        let host = Host::new("{}");
        let taken = host.submit_all(&prices, &quantities);
        assert_eq!(host.bid_count(), BATCH_BIDS as u64);
        taken
    });
    show("1,000,000 bids in one call", together);
    show("  over the engine alone", together - alone);
}

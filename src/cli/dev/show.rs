//! One demo auction from its opening to its settled result.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use walras::engine::AuctionId;

use super::bidder::{self, Floor, Tally};
use super::client::Client;
use super::desk::{Desk, Opened};
use super::plan::{self, BidderPlan, CEILING_TICKS, Pace, RESERVE_TICKS, TICKS_PER_UNIT};
use super::report::{self, Report, Row};
use super::screen::Screen;
use super::view::View;

/// The seller's name.
const SELLER: &str = "seller";
/// What is on offer at the reserve, for each bidder: about a third of what they want.
const SUPPLY_PER_BIDDER: i64 = 240;
/// How long after its end an auction may take to be settled before the demo gives up.
const SETTLING: Duration = Duration::from_secs(20);
/// Pause between two auctions.
const REST: Duration = Duration::from_secs(4);
/// Stack of a bidder's thread: there may be hundreds.
const STACK_BYTES: usize = 256 * 1024;

/// One demo auction.
pub struct Show<'a> {
    /// Opens auctions and reads results.
    pub desk: &'a Desk,
    /// Where the participants connect.
    pub server: SocketAddr,
    /// Which auction of the demo, from 1.
    pub number: u64,
    /// The demo's seed.
    pub seed: u64,
    /// How busy it is.
    pub pace: Pace,
    /// Set when the demo is stopped.
    pub stop: &'a Arc<AtomicBool>,
}

impl Show<'_> {
    /// Runs it, shows it, and checks that its result adds up.
    pub fn run(&self, screen: &mut Screen) -> Result<(), String> {
        let plans = plan::draw(self.seed.wrapping_add(self.number - 1), self.pace);
        let Opened::Now(auction) = self.desk.open(&self.terms(), SELLER)? else {
            return Err("the demo's auction was there already".to_owned());
        };
        let opened = Instant::now();
        let floor = Floor {
            server: self.server,
            auction: auction.0.to_string(),
            opened,
            closing_time: opened + Duration::from_millis(self.pace.duration_ms) + SETTLING,
            stop: Arc::clone(self.stop),
        };
        let mut view = View::new(self.number, self.pace.duration_ms);
        let tally = std::thread::scope(|scope| {
            let spawn = |name: &str, work: Box<dyn FnOnce() -> Result<Tally, String> + Send>| {
                let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, work).map_err(|why| why.to_string())
            };
            let floor = &floor;
            let mut participants: Vec<ScopedJoinHandle<'_, Result<Tally, String>>> = Vec::new();
            let selling = move || bidder::sell(floor, SELLER).map(|()| Tally::default());
            participants.push(spawn(SELLER, Box::new(selling))?);
            for plan in &plans {
                participants.push(spawn(&plan.name, Box::new(move || bidder::bid(floor, plan)))?);
            }
            let watched = watch(floor, &mut view, screen);
            gather(participants).and_then(|tally| watched.map(|()| tally))
        })?;
        screen.finish(&view);
        if self.stop.load(Ordering::Relaxed) && !view.is_over() {
            return Ok(());
        }
        self.report(auction, &plans, &view, tally, screen)
    }

    fn terms(&self) -> Value {
        let bidders = i64::try_from(self.pace.bidders).unwrap_or(1);
        json!({
            "name": format!("Demo auction {}", self.number),
            "tick_size": "0.05",
            "lot_size": "1",
            "reserve_price": RESERVE_TICKS / TICKS_PER_UNIT,
            "supply": {
                "type": "linear",
                "base_quantity": bidders * SUPPLY_PER_BIDDER,
                "price_floor": RESERVE_TICKS / TICKS_PER_UNIT,
                "price_ceiling": CEILING_TICKS / TICKS_PER_UNIT,
                "elasticity_factor": 1.5,
            },
            "seller": SELLER,
            "duration_ms": self.pace.duration_ms,
        })
    }

    fn report(
        &self,
        auction: AuctionId,
        plans: &[BidderPlan],
        view: &View,
        tally: Tally,
        screen: &mut Screen,
    ) -> Result<(), String> {
        if !view.is_over() {
            return Err(format!("auction {} did not come to its end in time", self.number));
        }
        let grids = self.desk.grids(auction)?;
        let summary = self.desk.result(auction)?.summary;
        let mut rows = Vec::new();
        for plan in plans {
            let bids = self.desk.bids(auction, &plan.name)?;
            rows.extend(bids.into_iter().map(|view| Row { party: plan.name.clone(), view }));
        }
        let report = Report::new(self.number, grids, summary, rows);
        screen.print(&format!("\n{}", report.table()));
        if let Some(contradiction) = report.contradiction() {
            return Err(format!("auction {} does not add up: {contradiction}", self.number));
        }
        if tally.refused_count > 0 {
            screen.print(&format!("{} of {} messages were refused.", tally.refused_count, tally.sent_count));
        }
        if report.summary.clearing_price.is_some() {
            let view = self.desk.settlement(auction)?;
            let told = report::settlement(grids, &view).ok_or("the settlement did not complete")?;
            screen.print(&format!("\n{told}\n"));
            if !report::is_balanced(&view) {
                return Err(format!("the postings of auction {} do not sum to zero", self.number));
            }
        }
        Ok(())
    }
}

/// Follows the auction as a spectator and shows it until it is settled.
fn watch(floor: &Floor, view: &mut View, screen: &mut Screen) -> Result<(), String> {
    let mut client = Client::connect(floor.server, "test-token:spectator")?;
    for channel in ["auction", "bids", "settlement"] {
        client.send(&json!({"type": "subscribe", "channel": channel, "auction_id": floor.auction}))?;
    }
    while floor.is_open() && !view.is_over() {
        if let Some(message) = client.next(floor.closing_time)? {
            view.hear(&message);
        }
        screen.show(view);
    }
    client.close();
    Ok(())
}

/// Waits for all participants; the first failure is told.
fn gather(participants: Vec<ScopedJoinHandle<'_, Result<Tally, String>>>) -> Result<Tally, String> {
    let mut sum = Tally::default();
    let mut failure = None;
    for participant in participants {
        let name = participant.thread().name().unwrap_or("a participant").to_owned();
        match participant.join() {
            Ok(Ok(tally)) => {
                sum.sent_count += tally.sent_count;
                sum.refused_count += tally.refused_count;
            }
            Ok(Err(why)) => failure = failure.or(Some(format!("{name}: {why}"))),
            Err(_) => failure = failure.or(Some(format!("{name} broke down"))),
        }
    }
    failure.map_or(Ok(sum), Err)
}

/// Pauses between two auctions; whether the demo is to stop.
pub fn rest(stop: &AtomicBool) -> bool {
    let until = Instant::now() + REST;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
    }
    stop.load(Ordering::Relaxed)
}

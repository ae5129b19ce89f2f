//! The system's clock stepped by an hour, both ways.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;
use walras::engine::{Answer, AuctionId, Command};
use walras::host::{Body, Found, Outcome, Query, SystemClock};
use walras::log::testing::{Loss, SimDisk};
use walras::units::TimeUs;

use super::world::{AUCTION, PATIENCE, World, bid, create};

const HOUR_US: i64 = 3_600_000_000;

/// A wall clock that can be stepped.
#[derive(Clone)]
struct Wall {
    begun: Instant,
    at_us: Arc<AtomicI64>,
}

impl Wall {
    fn new(at_us: i64) -> Self {
        Self { begun: Instant::now(), at_us: Arc::new(AtomicI64::new(at_us)) }
    }

    fn step(&self, by_us: i64) {
        self.at_us.fetch_add(by_us, Ordering::SeqCst);
    }

    fn now_us(&self) -> i64 {
        self.at_us.load(Ordering::SeqCst) + self.begun.elapsed().as_micros() as i64
    }

    fn clock(&self) -> Arc<SystemClock> {
        let wall = self.clone();
        Arc::new(SystemClock::with_wall(move || TimeUs(wall.now_us())))
    }
}

fn ends_at(world: &World, auction: AuctionId) -> TimeUs {
    match world.ask(Body::Query(Query::Auction { auction })) {
        Outcome::Found(Found::Auction(info)) => info.state.ends_at.expect("it has an end"),
        other => panic!("{other:?}"),
    }
}

/// Bids and gives when.
fn bid_now(world: &World) -> i64 {
    match world.command(Command::SubmitBid(bid("ann", 1, 20))) {
        Outcome::Done(Answer::Bid(accepted)) => accepted.at.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_auction_keeps_its_time_when_the_clock_steps() {
    let reports = Reports::listen();
    let wall = Wall::new(super::world::START_US);
    let world = World::on(SimDisk::new(64 << 20), wall.clock(), |_| {});
    world.carry_out(create(AUCTION, r#","duration_ms":600000"#));
    let (end, before) = (ends_at(&world, AUCTION), bid_now(&world));
    for step_us in [HOUR_US, -2 * HOUR_US, HOUR_US] {
        wall.step(step_us);
        let after = bid_now(&world);
        assert!((0..60_000_000).contains(&(after - before)), "time flows on: {before}, {after}");
        assert_eq!(ends_at(&world, AUCTION), end);
    }
    reports.await_text("the system clock stepped");
}

#[test]
fn without_an_auction_a_step_forward_is_followed_and_one_back_is_not() {
    let wall = Wall::new(super::world::START_US);
    let world = World::on(SimDisk::new(64 << 20), wall.clock(), |_| {});
    wall.step(HOUR_US);
    // The sequencer looks at the clock whenever it takes something, and stamps the next.
    world.settle();
    world.settle();
    world.carry_out(create(AUCTION, r#","duration_ms":1"#));
    let end = ends_at(&world, AUCTION).0;
    assert!(end - super::world::START_US >= HOUR_US, "the hour is there: {end}");
    wall.step(-2 * HOUR_US);
    let second = AuctionId(Uuid::from_u128(2));
    world.carry_out(create(second, r#","duration_ms":1"#));
    assert!(ends_at(&world, second).0 >= end, "never backwards");
}

#[test]
fn a_start_with_a_clock_set_back_goes_on_from_the_logs_last_time() {
    let wall = Wall::new(super::world::START_US);
    let world = World::on(SimDisk::new(64 << 20), wall.clock(), |_| {});
    world.carry_out(create(AUCTION, r#","duration_ms":600000,"on_outage":"close""#));
    let (end, before) = (ends_at(&world, AUCTION), bid_now(&world));
    let disk = world.disk.fork();
    disk.restart(Loss::Everything);
    wall.step(-HOUR_US);
    let again = World::on(disk, wall.clock(), |_| {});
    let after = bid_now(&again);
    assert!((0..60_000_000).contains(&(after - before)), "{before}, {after}");
    assert_eq!(ends_at(&again, AUCTION), end);
}

/// What is logged for operators by this test binary.
struct Reports(Arc<Mutex<Vec<u8>>>);

struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Reports {
    /// May be called once: it is the process's.
    fn listen() -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&told);
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || Writer(Arc::clone(&into))).with_ansi(false);
        subscriber.try_init().expect("nobody else listens");
        Self(told)
    }

    fn await_text(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !String::from_utf8_lossy(&self.0.lock()).contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is reported");
            std::thread::yield_now();
        }
    }
}

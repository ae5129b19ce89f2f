//! A disk that fills up: new auctions are refused first, then bids; what brings work to an end still fits.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;
use walras::engine::{
    Answer, AuctionId, AuctionStatus, BidRef, CancelBid, CloseReason, Command, SettlementId,
};
use walras::host::{Body, Clock, Found, ManualClock, Outcome, Query, Readiness};
use walras::log::testing::{Loss, SimDisk};
use walras::units::TimeUs;

use super::world::{AUCTION, PATIENCE, SEGMENT_BYTES, START_US, World, bid, create, party, start_time};

const UNLIMITED: &str = r#","max_bids_per_bidder":1000000,"settlement":{"affirm_timeout_ms":1000}"#;

fn other() -> AuctionId {
    AuctionId(Uuid::from_u128(0xb0))
}

fn close(auction: AuctionId) -> Command {
    let reason = CloseReason::Operator;
    Command::CloseAuction { auction, reason, settlement: SettlementId(Uuid::nil()) }
}

/// Bids until no more are taken; how many were, and the last one.
fn fill(world: &World) -> (u32, BidRef) {
    let mut last = None;
    for count in 0..1_000_000 {
        match world.command(Command::SubmitBid(bid("ann", 1 + i64::from(count % 7), 10))) {
            Outcome::Done(Answer::Bid(accepted)) => last = Some(accepted.bid.bid),
            Outcome::Unavailable(why) => {
                assert!(why.contains("disk"), "{why}");
                return (count, BidRef::Id(last.expect("some were taken")));
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the disk never fills up");
}

fn await_readiness(world: &World, expected: &Readiness) {
    let deadline = Instant::now() + PATIENCE;
    while world.host.readiness() != *expected {
        assert!(Instant::now() < deadline, "{:?} becomes {expected:?}", world.host.readiness());
        std::thread::yield_now();
    }
}

fn status(world: &World, auction: AuctionId) -> AuctionStatus {
    match world.ask(Body::Query(Query::Auction { auction })) {
        Outcome::Found(Found::Auction(info)) => info.state.status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn on_a_full_disk_bids_are_refused_and_auctions_still_end() {
    let quota = 5 * SEGMENT_BYTES as usize;
    let clock = Arc::new(ManualClock::new(start_time()));
    let shared: Arc<dyn Clock> = clock.clone();
    let world = World::on(SimDisk::new(quota), shared, |_| {});
    world.carry_out(create(AUCTION, UNLIMITED));
    world.carry_out(create(other(), UNLIMITED));
    assert_eq!(world.host.readiness(), Readiness::Ready);
    // First the disk runs low, by whatever else fills it: no new auctions, but bids.
    world.disk.set_quota(world.disk.used_bytes() + SEGMENT_BYTES as usize);
    await_readiness(&world, &Readiness::LowSpace { bids_refused: false });
    let refused = world.command(create(AuctionId(Uuid::from_u128(1)), ""));
    assert!(matches!(refused, Outcome::Unavailable(why) if why.contains("new auctions")));
    world.carry_out(Command::SubmitBid(bid("ann", 1, 10)));
    world.disk.set_quota(quota);
    await_readiness(&world, &Readiness::Ready);
    let (taken, last) = fill(&world);
    assert!(taken > 500, "{taken} bids fit three segments and more");
    assert_eq!(world.host.readiness(), Readiness::LowSpace { bids_refused: true });
    let refused = world.command(create(AuctionId(Uuid::from_u128(1)), ""));
    assert!(matches!(refused, Outcome::Unavailable(why) if why.contains("new auctions")));
    // A cancellation, two closes and a settlement use the reserve.
    let cancel = CancelBid { bid: last, party: party("ann"), received_at_us: START_US };
    world.carry_out(Command::CancelBid(cancel));
    world.carry_out(close(AUCTION));
    clock.raise_to(TimeUs(START_US + 5_000_000));
    world.settle();
    assert_eq!(status(&world, AUCTION), AuctionStatus::Completed);
    // With room there is work again.
    world.disk.set_quota(4 * quota);
    await_readiness(&world, &Readiness::Ready);
    let mut elsewhere = bid("ann", 3, 30);
    elsewhere.auction = other();
    world.carry_out(Command::SubmitBid(elsewhere));
    let before = world.digest();
    world.disk.restart(Loss::Everything);
    let again = World::on(world.disk.clone(), clock, |_| {});
    assert_eq!(again.digest(), before, "all that was acknowledged is there");
}

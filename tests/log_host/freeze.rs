//! A log that fails while answers wait behind it.

use std::sync::Arc;

use walras::engine::{BidRef, CloseReason, Command, SettlementId};
use walras::host::{Body, ManualClock, Outcome, Query, Readiness};
use walras::log::testing::{Fault, Loss, SimDisk};
use walras::wire::Channel;

use super::world::{AUCTION, PATIENCE, World, bid, create, party, start_time};

fn world() -> World {
    let world = World::on(SimDisk::new(64 << 20), Arc::new(ManualClock::new(start_time())), |_| {});
    world.carry_out(create(AUCTION, r#","duration_ms":60000"#));
    world.carry_out(Command::SubmitBid(bid("ann", 5, 20)));
    world
}

/// Lets the syncs that are held back fail.
fn fail_held_syncs(world: &World) {
    let next = world.disk.operations().len() as u64;
    for operation in next..next + 8 {
        world.disk.fail_at(operation, Fault::Broken);
    }
    world.disk.release_syncs();
}

#[test]
fn answers_from_memory_wait_for_what_they_stand_on() {
    let world = world();
    world.disk.hold_syncs();
    let mut named = bid("bob", 7, 30);
    named.client_bid_id = Some("b-1".into());
    let first = world.begin(Body::Command(Command::SubmitBid(named.clone())));
    world.settle();
    // Neither of these logs anything: a batch of their own behind the bid's.
    let repeated = world.begin(Body::Command(Command::SubmitBid(named)));
    world.settle();
    let of = BidRef::Client { auction: AUCTION, client_bid_id: "b-1".into() };
    let asked = world.begin(Body::Query(Query::Bid { bid: of, party: party("bob") }));
    world.settle();
    assert!(repeated.is_empty() && asked.is_empty(), "nothing is said before the sync");
    fail_held_syncs(&world);
    for answer in [first, repeated, asked] {
        let outcome = answer.recv_timeout(PATIENCE).expect("answered");
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    }
    assert!(matches!(world.host.readiness(), Readiness::Frozen { .. }));
}

#[test]
fn a_frozen_host_tells_neither_offsets_nor_ends_that_its_log_lost() {
    let mut world = world();
    world.disk.hold_syncs();
    let lost = world.begin(Body::Command(Command::SubmitBid(bid("bob", 7, 30))));
    let reason = CloseReason::Operator;
    let close =
        Command::CloseAuction { auction: AUCTION, reason, settlement: SettlementId(uuid::Uuid::nil()) };
    let closed = world.begin(Body::Command(close));
    world.settle();
    fail_held_syncs(&world);
    for answer in [lost, closed] {
        let outcome = answer.recv_timeout(PATIENCE).expect("answered");
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    }
    let follow = world.follow(4, Channel::Bids, AUCTION, 1);
    let heard = world.resume(follow);
    let at = heard.iter().position(|heard| heard.kind() == "subscribed").expect("it is confirmed");
    assert_eq!(heard[at].message()["payload"]["offset"], 2, "the bid that is durable");
    let told: Vec<String> = heard[at + 1..].iter().map(|heard| heard.kind()).collect();
    assert_eq!(told, ["bid_accepted", "new_bid", ""], "replayed, then live; no end");
    // A client that goes on from there after the restart misses nothing.
    world.disk.restart(Loss::Everything);
    let clock = Arc::new(ManualClock::new(start_time()));
    let mut again = World::on(world.disk.clone(), clock, |_| {});
    again.carry_out(Command::SubmitBid(bid("cem", 9, 40)));
    let heard = again.resume(again.follow(5, Channel::Bids, AUCTION, 2));
    let subscribed = heard.iter().find(|heard| heard.kind() == "subscribed").expect("it is confirmed");
    assert_eq!(subscribed.message()["payload"]["recovered"], true);
    let missed =
        heard.iter().find(|heard| heard.message()["replayed"] == true).expect("the bid in its place");
    assert_eq!(missed.message()["payload"]["offset"], 3);
    assert_eq!(missed.message()["payload"]["quantity"], 9.0);
}

#[test]
fn an_auction_whose_creation_was_lost_is_unknown() {
    let mut world = world();
    world.disk.hold_syncs();
    let other = walras::engine::AuctionId(uuid::Uuid::from_u128(0xb0));
    let lost = world.begin(Body::Command(create(other, "")));
    world.settle();
    fail_held_syncs(&world);
    assert!(matches!(lost.recv_timeout(PATIENCE), Ok(Outcome::Unavailable(_))));
    world.send(Body::Query(Query::Subscribe(world.follow(6, Channel::Auction, other, 0))));
    let heard = world.hear_until(|heard| heard.header.ticket == 6);
    let last = heard.last().expect("one satisfied it").message();
    assert_eq!(last["error"]["code"], "AUCTION_NOT_FOUND", "{last}");
}

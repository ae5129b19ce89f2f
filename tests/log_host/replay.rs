//! The same log always gives the same messages: what was said live, what memory says
//! to one who resumes, and what a new start says from its log alone are equal byte for
//! byte, and so is the state behind them.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;
use walras::engine::{AmendBid, AuctionId, BidRef, CancelBid, CloseReason, Command, Party, SettlementId};
use walras::host::{Body, Clock, Delivery, ManualClock, Outcome, Query};
use walras::log::testing::{Loss, SimDisk};
use walras::units::{PriceTicks, QuantityLots};
use walras::wire::Channel;

use super::world::{Heard, START_US, World, bid, create, party, start_time};

const AUCTIONS: u128 = 2;
const CHANNELS: [Channel; 3] = [Channel::Auction, Channel::Bids, Channel::Settlement];
const NAMES: [&str; 3] = ["ann", "bob", "cem"];

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Bid { who: usize, auction: u128, quantity: i64, price: i64 },
    Many { who: usize, auction: u128, bids: Vec<(i64, i64)> },
    Amend { who: usize, auction: u128, number: usize, quantity: i64 },
    Cancel { who: usize, auction: u128, number: usize },
    CancelAll { who: usize, auction: Option<u128> },
    Halt(u128),
    GoOn(u128),
    Close(u128),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, auction) = (0..NAMES.len(), 0..AUCTIONS);
    let amounts = (1..60_i64, 1..80_i64);
    prop_oneof![
        12 => (who.clone(), auction.clone(), amounts.clone()).prop_map(|(who, auction, (quantity, price))| {
            Step::Bid { who, auction, quantity, price }
        }),
        2 => (who.clone(), auction.clone(), prop::collection::vec(amounts, 1..6))
            .prop_map(|(who, auction, bids)| Step::Many { who, auction, bids }),
        2 => (who.clone(), auction.clone(), 0..40_usize, 1..60_i64)
            .prop_map(|(who, auction, number, quantity)| Step::Amend { who, auction, number, quantity }),
        3 => (who.clone(), auction.clone(), 0..40_usize)
            .prop_map(|(who, auction, number)| Step::Cancel { who, auction, number }),
        1 => (who, prop::option::of(auction.clone()))
            .prop_map(|(who, auction)| Step::CancelAll { who, auction }),
        1 => auction.clone().prop_map(Step::Halt),
        1 => auction.clone().prop_map(Step::GoOn),
        1 => auction.prop_map(Step::Close),
        2 => (1..20_000_u64).prop_map(Step::Wait),
    ]
}

fn auction(number: u128) -> AuctionId {
    AuctionId(Uuid::from_u128(0xa000 + number))
}

/// A bid by the name that its step gave it: the steps of a history are numbered.
fn named(auction_number: u128, number: usize) -> BidRef {
    BidRef::Client { auction: auction(auction_number), client_bid_id: format!("n{number}").into() }
}

fn command(step: &Step, number: usize) -> Option<Command> {
    let owner = |who: usize| -> Party { party(NAMES[who]) };
    Some(match step {
        Step::Bid { who, auction: at, quantity, price } => {
            let mut bid = bid(NAMES[*who], *quantity, *price);
            bid.auction = auction(*at);
            bid.client_bid_id = Some(format!("n{number}").into());
            Command::SubmitBid(bid)
        }
        Step::Many { who, auction: at, bids } => {
            let bids = bids.iter().map(|&(quantity, price)| {
                let mut bid = bid(NAMES[*who], quantity, price);
                bid.auction = auction(*at);
                bid
            });
            Command::SubmitBids(bids.collect())
        }
        Step::Amend { who, auction, number, quantity } => Command::AmendBid(AmendBid {
            bid: named(*auction, *number),
            party: owner(*who),
            quantity: Some(QuantityLots(*quantity)),
            price: Some(PriceTicks(*quantity)),
            received_at_us: START_US,
        }),
        Step::Cancel { who, auction, number } => Command::CancelBid(CancelBid {
            bid: named(*auction, *number),
            party: owner(*who),
            received_at_us: START_US,
        }),
        Step::CancelAll { who, auction: at } => {
            Command::CancelAll { party: owner(*who), auction: at.map(auction) }
        }
        Step::Halt(at) => Command::HaltAuction { auction: auction(*at), reason: "a pause".into() },
        Step::GoOn(at) => Command::ResumeAuction { auction: auction(*at) },
        Step::Close(at) => Command::CloseAuction {
            auction: auction(*at),
            reason: CloseReason::Operator,
            settlement: SettlementId(Uuid::nil()),
        },
        Step::Wait(_) => return None,
    })
}

/// The message's bytes around the digits of `sequence`.
type Bytes = (Vec<u8>, Vec<u8>);

/// Ann's facts on a channel of an auction as they were said live.
fn said_live(heard: &[Heard], channel: Channel, slot: u32) -> Vec<Bytes> {
    let ann = party("ann").key();
    let mut own = None;
    let mut said = Vec::new();
    for frame in heard.iter().filter(|frame| frame.header.is_told_again()) {
        let header = &frame.header;
        if header.channel != channel || header.slot.map(|slot| slot.0) != Some(slot) {
            continue;
        }
        let is_anns = match header.delivery {
            Delivery::Owner => header.party == ann,
            Delivery::Party => {
                own = (header.party == ann).then_some(header.offset).or(own);
                header.party == ann
            }
            // Her own copy of an end stands for the public one.
            _ => own != Some(header.offset),
        };
        if is_anns {
            said.push((frame.head.clone(), frame.tail.clone()));
        }
    }
    said
}

/// The facts in what a resumed subscription was told, without the mark that says so.
fn retold(heard: &[Heard]) -> Vec<Bytes> {
    let mark = br#","replayed":true"#;
    let replayed = heard.iter().filter(|frame| frame.header.delivery == Delivery::Reply);
    let bytes =
        replayed.filter_map(|frame| Some((frame.head.clone(), frame.tail.strip_suffix(mark)?.to_vec())));
    bytes.collect()
}

/// Everything ann is told of both auctions from their beginning, by channel.
fn tell_all(world: &mut World, ticket: u32) -> Vec<Vec<Bytes>> {
    let mut all = Vec::new();
    for number in 0..AUCTIONS {
        for (channel, index) in CHANNELS.into_iter().zip(0_u32..) {
            let ticket = ticket + 10 * number as u32 + index;
            let follow = world.follow(ticket, channel, auction(number), 0);
            let heard = world.resume(follow);
            let subscribed = heard.iter().find(|frame| frame.kind() == "subscribed").expect("confirmed");
            assert_eq!(subscribed.message()["payload"]["recovered"], true);
            all.push(retold(&heard));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn live_memory_and_a_new_start_tell_the_same_bytes(steps in prop::collection::vec(step(), 1..60)) {
        let clock = Arc::new(ManualClock::new(start_time()));
        let shared: Arc<dyn Clock> = clock.clone();
        let mut world = World::on(SimDisk::new(64 << 20), shared.clone(), |_| {});
        world.host.presence().enter(party("ann").key());
        for number in 0..AUCTIONS {
            world.carry_out(create(
                auction(number),
                r#","duration_ms":60000,"extend_window_ms":60000,"extend_ms":500,"max_extensions":9,"on_outage":"close",
                   "settlement":{"affirm_timeout_ms":2000}"#,
            ));
        }
        for (number, step) in steps.iter().enumerate() {
            match command(step, number) {
                // Whether it is taken or refused is the history's own matter.
                Some(command) => prop_assert!(!matches!(world.command(command), Outcome::Unavailable(_))),
                None => {
                    let Step::Wait(ms) = step else { unreachable!("only a wait is no command") };
                    clock.advance(Duration::from_millis(*ms));
                    world.settle();
                }
            }
        }
        // A last fact, so that it is known when all is heard.
        let mark = AuctionId(Uuid::from_u128(1));
        world.carry_out(create(mark, r#","duration_ms":600000"#));
        let heard = world.hear_until(|frame| {
            frame.kind() == "auction_created" && frame.message()["payload"]["auction_id"] == mark.0.to_string()
        });
        let live: Vec<Vec<Bytes>> = (0..AUCTIONS as u32)
            .flat_map(|slot| CHANNELS.map(|channel| said_live(&heard, channel, slot)))
            .collect();
        prop_assert!(!live[0].is_empty(), "at least the creation was said");
        prop_assert_eq!(&tell_all(&mut world, 100), &live, "from memory");

        let digest = world.digest();
        for (history_bytes, from) in [(4 << 20, "memory of a new start"), (0, "the log")] {
            let disk = world.disk.fork();
            disk.restart(Loss::Everything);
            let mut again = World::on(disk, shared.clone(), |config| config.history_bytes = history_bytes);
            prop_assert_eq!(again.digest(), digest, "the state after a replay");
            prop_assert_eq!(&tell_all(&mut again, 200), &live, "from {}", from);
        }
    }
}

#[test]
fn an_auction_that_begins_while_a_client_catches_up_with_all_is_told_too() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(start_time()));
    let mut world = World::on(SimDisk::new(64 << 20), clock, |_| {});
    world.carry_out(create(auction(0), r#","max_bids_per_bidder":100000"#));
    // More than one slice of the past.
    for quantity in 1..=1200 {
        let mut bid = bid("bob", quantity, 10);
        bid.auction = auction(0);
        world.carry_out(Command::SubmitBid(bid));
    }
    world.hear_until(|frame| frame.header.offset == 1201);
    let mut follow = world.follow(7, Channel::Bids, auction(0), 0);
    follow.auction = None;
    world.send(Body::Query(Query::Subscribe(follow)));
    let mut heard = world.hear_until(|frame| frame.header.delivery == Delivery::Continue);
    world.carry_out(create(auction(1), ""));
    let mut late = bid("cem", 5, 50);
    late.auction = auction(1);
    world.carry_out(Command::SubmitBid(late));
    loop {
        world.send(Body::Query(Query::Continue { ticket: 7 }));
        let ends = [Delivery::Continue, Delivery::Activate];
        heard.extend(world.hear_until(|frame| ends.contains(&frame.header.delivery)));
        if heard.last().is_some_and(|last| last.header.delivery == Delivery::Activate) {
            break;
        }
    }
    let told = |number: u128| {
        let id = auction(number).0.to_string();
        let retold = heard.iter().filter(|frame| frame.header.delivery == Delivery::Reply);
        retold
            .map(Heard::message)
            .filter(|message| message["type"] == "new_bid" && message["payload"]["auction_id"] == id)
            .count()
    };
    assert_eq!((told(0), told(1)), (1200, 1));
}

#[test]
fn a_body_of_many_bids_is_one_record_and_replays_as_one() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(start_time()));
    let world = World::on(SimDisk::new(64 << 20), clock.clone(), |_| {});
    world.carry_out(create(auction(0), r#","duration_ms":60000"#));
    let many = Step::Many { who: 0, auction: 0, bids: vec![(1, 1), (2, 2), (3, 3)] };
    let outcome = world.ask(Body::Command(command(&many, 0).expect("a command")));
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    let digest = world.digest();
    let disk = world.disk.fork();
    disk.restart(Loss::Everything);
    assert_eq!(World::on(disk, clock, |_| {}).digest(), digest);
}

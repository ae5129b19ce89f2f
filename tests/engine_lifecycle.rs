//! An auction's life at its boundaries: the last moment for a bid, the lock window, extensions, halts, starts,
//! outages, limits, and the order in which a bid is judged.

mod engine_support;

use engine_support::{
    Bench, LIMITS, amend, at, auction, bid, cancel, close, create, fixed, named, party, steps, submit, terms,
    text,
};
use proptest::prelude::*;
use walras::clearing::{Allocation, MoneyTerm, Undersubscribed};
use walras::engine::{
    Answer, AuctionStatus, BidRef, CancelReason, CloseReason, Command, End, Engine, EngineLimits,
    ExtensionCause, Fact, OnOutage, Rejection, SettlementId, Standing, SubmitBid, Terms,
};
use walras::units::{PriceTicks, QuantityLots, TimeUs};

/// A sale of 10 lots that ends at 1000 ms.
fn ending() -> Terms {
    Terms { end: End::At(at(1000)), ..terms(fixed(10)) }
}

fn just_before(moment: TimeUs) -> TimeUs {
    TimeUs(moment.0 - 1)
}

#[test]
fn the_last_microsecond_counts_and_the_end_itself_does_not() {
    let mut bench = Bench::with(ending());
    bench.advance_to(just_before(at(1000)));
    bench.submit(submit(1, "ann", 1, 5, 20));
    let late = SubmitBid { received_at_us: at(999).0, ..submit(1, "ann", 2, 5, 20) };
    // Whether or not the close was applied already, the end refuses.
    bench.now = at(1000);
    let ended = Rejection::AuctionEnded {
        auction: auction(1),
        ended_at: at(1000),
        received_at: at(999),
        sequenced_at: at(1000),
    };
    assert_eq!(bench.refused(&Command::SubmitBid(late.clone())), ended);
    bench.advance_to(at(1000));
    assert_eq!(bench.engine.status(bench.slot(1)), AuctionStatus::Completed);
    assert_eq!(bench.refused(&Command::SubmitBid(late)), ended);
    assert!(matches!(bench.refused(&cancel("ann", 1)), Rejection::AuctionEnded { .. }));
    assert!(matches!(bench.refused(&amend("ann", 1, None, Some(30))), Rejection::AuctionEnded { .. }));
    assert_eq!(bench.engine.ended_at(bench.slot(1)), Some(at(1000)));
}

#[test]
fn a_scheduled_close_is_not_taken_before_its_time() {
    let mut bench = Bench::with(ending());
    let close = Command::CloseAuction {
        auction: auction(1),
        reason: CloseReason::Schedule,
        settlement: SettlementId(uuid::Uuid::nil()),
    };
    assert!(bench.engine.due(just_before(at(1000))).is_none());
    bench.now = just_before(at(1000));
    let too_early = bench.refused(&close);
    let status = AuctionStatus::Active;
    assert_eq!(too_early, Rejection::WrongStatus { auction: auction(1), status, wish: "closed" });
    assert_eq!(bench.engine.next_due(), Some(at(1000)));
    assert_eq!(bench.engine.due(at(1000)), Some(close));
}

#[test]
fn an_operator_closes_early_and_that_is_the_end_then() {
    let mut bench = Bench::with(ending());
    bench.now = at(400);
    bench.must(&close(1));
    assert!(matches!(
        bench.facts()[..],
        [Fact::AuctionCreated { .. }, Fact::AuctionCompleted { reason: CloseReason::Operator, .. },]
    ));
    assert_eq!(bench.engine.state(bench.slot(1), at(700)).ends_at, Some(at(400)));
    assert_eq!(bench.engine.next_due(), None);
    let again = bench.refused(&close(1));
    assert!(matches!(again, Rejection::WrongStatus { status: AuctionStatus::Completed, .. }));
}

#[test]
fn in_the_lock_window_bids_are_only_placed_or_raised() {
    let mut bench = Bench::with(Terms { lock_ms: 100, ..ending() });
    for number in 1..=4 {
        bench.submit(submit(1, "ann", number, 5, 20));
    }
    bench.advance_to(just_before(at(900)));
    bench.must(&cancel("ann", 1));
    bench.must(&amend("ann", 2, Some(4), None));
    bench.advance_to(at(900));
    let locked = Rejection::AuctionLocked { auction: auction(1), lock_ms: 100 };
    assert_eq!(bench.refused(&cancel("ann", 2)), locked);
    assert_eq!(bench.refused(&amend("ann", 2, Some(3), None)), locked);
    assert_eq!(bench.refused(&amend("ann", 2, None, Some(19))), locked);
    assert_eq!(bench.refused(&amend("ann", 2, Some(3), Some(30))), locked);
    let all = Command::CancelAll { party: party("ann"), auction: Some(auction(1)) };
    assert_eq!(bench.refused(&all), locked);
    let everywhere = Command::CancelAll { party: party("ann"), auction: None };
    assert_eq!(bench.must(&everywhere), Answer::CancelledAll { bids: vec![], more: false });
    bench.must(&amend("ann", 2, None, Some(21)));
    bench.must(&amend("ann", 2, Some(6), Some(22)));
    bench.submit(submit(1, "ann", 9, 5, 20));
    // What was taken back before is answered as before.
    assert!(matches!(bench.must(&cancel("ann", 1)), Answer::Cancelled { again: true, .. }));
}

#[test]
fn a_price_change_near_the_end_moves_it_as_often_as_agreed() {
    let terms = Terms { extend_window_ms: 100, extend_ms: 50, max_extensions: 2, ..ending() };
    let mut bench = Bench::with(terms);
    bench.submit(submit(1, "ann", 1, 10, 20));
    bench.advance_to(just_before(at(900)));
    bench.submit(submit(1, "bob", 2, 10, 21));
    assert_eq!(bench.engine.next_due(), Some(at(1000)), "outside the window nothing moves");
    bench.advance_to(at(900));
    bench.submit(submit(1, "bob", 3, 5, 15));
    assert_eq!(bench.engine.next_due(), Some(at(1000)), "the price has not changed");
    bench.submit(submit(1, "ann", 4, 10, 22));
    let extended = |ends_at| Fact::AuctionExtended { ends_at, cause: ExtensionCause::PriceChange };
    assert_eq!(*bench.last(), extended(at(1050)));
    // 150 ms are left: the window has moved with the end.
    bench.must(&cancel("ann", 4));
    assert_eq!(bench.engine.next_due(), Some(at(1050)));
    bench.advance_to(at(960));
    bench.submit(submit(1, "ann", 5, 10, 22));
    assert_eq!(*bench.last(), extended(at(1100)));
    bench.advance_to(at(1040));
    bench.must(&cancel("ann", 5));
    assert_eq!(bench.engine.next_due(), Some(at(1100)), "twice was agreed");
    bench.advance_to(at(1100));
    assert_eq!(bench.engine.ended_at(bench.slot(1)), Some(at(1100)));
}

#[test]
fn a_cancellation_that_changes_the_price_extends_too() {
    let terms = Terms { extend_window_ms: 100, extend_ms: 50, max_extensions: 2, ..ending() };
    let mut bench = Bench::with(terms);
    bench.submit(submit(1, "ann", 1, 10, 20));
    bench.submit(submit(1, "bob", 2, 10, 21));
    bench.advance_to(at(950));
    bench.must(&cancel("bob", 2));
    assert!(matches!(bench.last(), Fact::AuctionExtended { .. }));
}

#[test]
fn a_halted_auction_takes_no_bids_lets_bids_go_and_still_closes() {
    let mut bench = Bench::with(ending());
    bench.submit(submit(1, "ann", 1, 5, 20));
    bench.submit(submit(1, "ann", 2, 5, 20));
    bench.must(&Command::HaltAuction { auction: auction(1), reason: text("a dispute") });
    let not_open = Rejection::AuctionNotOpen { auction: auction(1), status: AuctionStatus::Halted };
    assert_eq!(bench.refused(&Command::SubmitBid(submit(1, "ann", 3, 5, 20))), not_open);
    assert_eq!(bench.refused(&amend("ann", 1, None, Some(30))), not_open);
    let entry = bench.engine.judge_entry(auction(1), bench.now, 0);
    assert_eq!(entry, Err(not_open));
    bench.must(&cancel("ann", 2));
    assert_eq!(bench.engine.next_due(), Some(at(1000)), "the end stays");
    bench.now = at(500);
    bench.must(&Command::ResumeAuction { auction: auction(1) });
    bench.submit(submit(1, "ann", 3, 5, 20));
    bench.must(&Command::HaltAuction { auction: auction(1), reason: text("again") });
    assert!(matches!(
        bench.refused(&Command::HaltAuction { auction: auction(1), reason: text("twice") }),
        Rejection::WrongStatus { wish: "halted", .. }
    ));
    bench.advance_to(at(1000));
    let summary = bench.engine.result_summary(bench.slot(1)).expect("it closed all the same");
    assert_eq!(summary.total_allocated, QuantityLots(10));
}

#[test]
fn a_scheduled_auction_opens_at_its_time_and_runs_its_duration_from_there() {
    let starts = Terms { starts_at: Some(at(100)), end: End::After { duration_ms: 200 }, ..terms(fixed(10)) };
    let mut bench = Bench::with(starts);
    assert_eq!(bench.engine.state(bench.slot(1), at(0)).ends_at, Some(at(300)));
    let wish = Command::SubmitBid(submit(1, "ann", 1, 5, 20));
    bench.advance_to(just_before(at(100)));
    let not_open = Rejection::AuctionNotOpen { auction: auction(1), status: AuctionStatus::Scheduled };
    assert_eq!(bench.refused(&wish), not_open);
    assert!(matches!(
        bench.refused(&Command::OpenAuction { auction: auction(1) }),
        Rejection::WrongStatus { .. }
    ));
    assert!(matches!(bench.refused(&close(1)), Rejection::WrongStatus { wish: "closed", .. }));
    bench.advance_to(at(100));
    assert_eq!(*bench.last(), Fact::AuctionOpened);
    bench.must(&wish);
    bench.advance_to(at(300));
    assert!(bench.engine.status(bench.slot(1)).is_final());
}

#[test]
fn a_start_that_has_passed_opens_at_once_and_a_scheduled_auction_can_be_called_off() {
    let mut bench = Bench::new();
    bench.now = at(50);
    bench.must(&create(1, Terms { starts_at: Some(at(50)), ..terms(fixed(1)) }));
    assert_eq!(bench.engine.status(bench.slot(1)), AuctionStatus::Active);
    bench.must(&create(2, Terms { starts_at: Some(at(51)), ..terms(fixed(1)) }));
    assert_eq!(bench.engine.status(bench.slot(2)), AuctionStatus::Scheduled);
    bench.must(&Command::CancelAuction { auction: auction(2), reason: text("withdrawn") });
    let reason = CancelReason::Operator(text("withdrawn"));
    assert_eq!(*bench.last(), Fact::AuctionCancelled { reason });
    assert_eq!(bench.engine.next_due(), None);
    assert!(matches!(
        bench.refused(&Command::SubmitBid(submit(2, "ann", 1, 1, 20))),
        Rejection::AuctionEnded { .. }
    ));
}

#[test]
fn terms_that_cannot_run_are_refused() {
    let mut bench = Bench::new();
    bench.now = at(10);
    let mut refused = |change: &dyn Fn(&mut Terms)| {
        let mut wrong = terms(fixed(10));
        change(&mut wrong);
        match bench.refused(&create(1, wrong)) {
            Rejection::InvalidTerms { field, .. } => field,
            other => panic!("refused for another reason: {other}"),
        }
    };
    assert_eq!(refused(&|terms| terms.end = End::At(at(10))), "ends_at");
    assert_eq!(refused(&|terms| terms.end = End::After { duration_ms: 0 }), "ends_at");
    assert_eq!(
        refused(&|terms| {
            terms.starts_at = Some(at(20));
            terms.end = End::At(at(20));
        }),
        "ends_at"
    );
    assert_eq!(refused(&|terms| terms.rules_version += 1), "rules_version");
    assert_eq!(refused(&|terms| terms.max_bids_per_bidder = 0), "max_bids_per_bidder");
    assert_eq!(refused(&|terms| terms.settlement.quorum_ppm = 1_000_001), "settlement.quorum");
    assert_eq!(
        refused(&|terms| {
            let two_fifths = walras::units::Decimal::parse("0.4").expect("a decimal");
            terms.sale.money_unit = MoneyTerm::new(two_fifths, terms.tick.times(terms.lot));
        }),
        "money_unit"
    );
    assert_eq!(refused(&|terms| terms.sale.net_long.extend([(0, QuantityLots(1))])), "net_long");
}

#[test]
fn after_an_outage_ends_move_close_or_cancel_as_agreed() {
    let with = |on_outage, end| Terms { on_outage, end: End::At(at(end)), ..terms(fixed(10)) };
    let mut bench = Bench::new();
    bench.must(&create(1, with(OnOutage::Extend, 10_000)));
    bench.must(&create(2, with(OnOutage::Close, 10_000)));
    bench.must(&create(3, with(OnOutage::Cancel, 10_000)));
    bench.must(&create(4, with(OnOutage::Extend, 79_999)));
    bench.must(&create(5, with(OnOutage::Extend, 80_000)));
    bench.must(&create(6, with(OnOutage::Cancel, 20_001)));
    let duration = End::After { duration_ms: 5_000 };
    bench.must(&create(7, Terms { starts_at: Some(at(7_000)), end: duration, ..terms(fixed(10)) }));
    // The server was away from 5 s to 20 s.
    let commands = bench.engine.after_outage(at(5_000), at(20_000));
    let moved = |number| Command::ExtendForOutage { auction: auction(number), outage_ms: 15_000 };
    let opened = Command::OpenAuction { auction: auction(7) };
    assert_eq!(commands, [opened, moved(1), moved(3), moved(4), moved(7)]);
    bench.now = at(20_000);
    for command in &commands {
        bench.must(command);
    }
    bench.advance_to(at(20_000));
    let ends: Vec<_> =
        (1..=7).map(|number| bench.engine.state(bench.slot(number), bench.now).ends_at).collect();
    let expected = [80_000, 10_000, 10_000, 94_999, 80_000, 20_001, 80_000];
    assert_eq!(ends, expected.map(|ms| Some(at(ms))));
    let status = |number| bench.engine.status(bench.slot(number));
    assert_eq!(status(1), AuctionStatus::Active);
    assert_eq!(status(2), AuctionStatus::Completed);
    assert_eq!(status(3), AuctionStatus::Cancelled);
    assert_eq!(status(6), AuctionStatus::Active);
    assert_eq!(status(7), AuctionStatus::Active);
    assert!(bench.facts().contains(&&Fact::AuctionCancelled { reason: CancelReason::Outage }));
}

#[test]
fn what_is_due_comes_earliest_first_and_ties_in_the_order_of_creation() {
    let mut bench = Bench::new();
    for (number, end) in [(1, 300), (2, 100), (3, 300), (4, 200)] {
        bench.must(&create(number, Terms { end: End::At(at(end)), ..terms(fixed(1)) }));
    }
    let mut order = Vec::new();
    while let Some(mut command) = bench.engine.due(at(300)) {
        engine_support::fill_in(&mut command);
        let Command::CloseAuction { auction, .. } = command else { panic!("closes only") };
        order.push(auction);
        bench.now = at(300);
        bench.must(&command);
    }
    assert_eq!(order, [2, 4, 1, 3].map(auction));
}

#[test]
fn a_bid_is_judged_in_the_documented_order() {
    let mut terms = Terms { max_bids_per_bidder: 1, ..ending() };
    terms.sale.min_bid_quantity = Some(QuantityLots(3));
    let limits = EngineLimits { bids_per_auction_max: 2, ..LIMITS };
    let mut bench = Bench::new();
    bench.engine = Engine::new(limits);
    bench.must(&create(1, terms));
    let first = named(submit(1, "ann", 1, 5, 20), "one");
    bench.submit(first.clone());
    bench.submit(submit(1, "bob", 2, 5, 20));
    bench.must(&Command::HaltAuction { auction: auction(1), reason: text("") });
    // It is wrong in every way; each cure brings the next complaint to light.
    let mut wish = SubmitBid { quantity: QuantityLots(0), price: Some(PriceTicks(9)), ..first.clone() };
    wish.auction = auction(9);
    let refused = |bench: &mut Bench, wish: &SubmitBid| bench.refused(&Command::SubmitBid(wish.clone()));
    assert!(matches!(refused(&mut bench, &wish), Rejection::AuctionNotFound { .. }));
    wish.auction = auction(1);
    assert!(matches!(refused(&mut bench, &wish), Rejection::AuctionNotOpen { .. }));
    bench.must(&Command::ResumeAuction { auction: auction(1) });
    assert!(matches!(refused(&mut bench, &wish), Rejection::InvalidBid { field: "quantity", .. }));
    wish.quantity = QuantityLots(2);
    wish.is_phantom = true;
    assert!(matches!(refused(&mut bench, &wish), Rejection::InvalidBid { field: "is_phantom", .. }));
    wish.is_phantom = false;
    let (quantity, min) = (QuantityLots(2), QuantityLots(3));
    assert_eq!(refused(&mut bench, &wish), Rejection::BelowMinQuantity { quantity, min });
    wish.quantity = QuantityLots(6);
    let too_low = Rejection::BidTooLow { price: PriceTicks(9), reserve: PriceTicks(10) };
    assert_eq!(refused(&mut bench, &wish), too_low);
    wish.price = Some(PriceTicks(10));
    assert_eq!(refused(&mut bench, &wish), Rejection::BidLimit { max: 1 });
    bench.must(&cancel("ann", 1));
    let duplicate = Rejection::DuplicateBidId { client_bid_id: text("one"), bid: bid(1) };
    assert_eq!(refused(&mut bench, &wish), duplicate);
    wish.client_bid_id = Some(text("two"));
    let full = Rejection::CapacityReached { what: "the number of the auction's bids", max: 2 };
    assert_eq!(refused(&mut bench, &wish), full);
    // The known bid with its own terms is answered through it all, after the end too.
    bench.advance_to(at(1000));
    assert!(matches!(refused(&mut bench, &wish), Rejection::AuctionEnded { .. }));
    let answer = bench.must(&Command::SubmitBid(SubmitBid { bid: bid(77), ..first }));
    let Answer::Bid(again) = answer else { panic!("a bid") };
    assert_eq!((again.duplicate, again.bid.bid), (true, bid(1)));
}

#[test]
fn a_refused_client_bid_id_is_free_again_and_parties_do_not_share_theirs() {
    let mut bench = Bench::with(terms(fixed(10)));
    bench.refused(&Command::SubmitBid(named(submit(1, "ann", 1, 5, 9), "x")));
    bench.submit(named(submit(1, "ann", 1, 5, 10), "x"));
    bench.submit(named(submit(1, "bob", 2, 7, 11), "x"));
    let by_name = |who: &str| {
        let name = BidRef::Client { auction: auction(1), client_bid_id: text("x") };
        bench.engine.bid(&name, &party(who)).map(|view| view.bid.bid)
    };
    assert_eq!(by_name("ann"), Ok(bid(1)));
    assert_eq!(by_name("bob"), Ok(bid(2)));
    assert_eq!(by_name("cy"), Err(Rejection::BidNotFound));
}

#[test]
fn an_amended_bid_is_repeated_as_it_was_first_accepted() {
    let mut bench = Bench::with(terms(fixed(10)));
    let wish = named(submit(1, "ann", 1, 5, 20), "x");
    let Answer::Bid(first) = bench.submit(wish.clone()) else { panic!("a bid") };
    bench.submit(submit(1, "bob", 2, 9, 30));
    bench.must(&amend("ann", 1, Some(3), Some(31)));
    let Answer::Bid(again) = bench.must(&Command::SubmitBid(wish)) else { panic!("a bid") };
    assert_eq!((&again.bid, again.at, again.offset), (&first.bid, first.at, first.offset));
    let now_asked = named(submit(1, "ann", 1, 3, 31), "x");
    assert!(matches!(bench.refused(&Command::SubmitBid(now_asked)), Rejection::DuplicateBidId { .. }));
}

#[test]
fn lowering_the_quantity_keeps_priority_and_anything_else_loses_it() {
    let mut sale = terms(fixed(10));
    sale.sale.allocation = Allocation::PriceTime;
    let mut bench = Bench::with(sale);
    for (number, who) in [(1, "ann"), (2, "bob"), (3, "cy")] {
        bench.submit(submit(1, who, number, 10, 20));
    }
    let kept = |answer| matches!(answer, Answer::Amended { priority_kept: true, .. });
    assert!(!kept(bench.must(&amend("ann", 1, Some(11), None))));
    assert!(kept(bench.must(&amend("bob", 2, Some(4), None))));
    // The same wish again changes nothing and is answered as before.
    let events = bench.events.len();
    assert!(kept(bench.must(&amend("bob", 2, Some(4), None))));
    assert!(!kept(bench.must(&amend("ann", 1, Some(11), Some(20)))));
    assert_eq!(bench.events.len(), events);
    bench.must(&close(1));
    let filled = |who: &str, number| {
        let view = bench.engine.bid(&BidRef::Id(bid(number)), &party(who)).expect("an own bid");
        view.filled.0
    };
    assert_eq!((filled("bob", 2), filled("cy", 3), filled("ann", 1)), (4, 6, 0));
}

#[test]
fn where_bids_cannot_be_taken_back_they_cannot_be_lowered_either() {
    let mut bench = Bench::with(Terms { allow_cancel: false, ..terms(fixed(10)) });
    bench.submit(submit(1, "ann", 1, 5, 20));
    let refusal = Rejection::CancelNotAllowed { auction: auction(1) };
    assert_eq!(bench.refused(&cancel("ann", 1)), refusal);
    assert_eq!(bench.refused(&amend("ann", 1, Some(4), None)), refusal);
    assert_eq!(bench.refused(&amend("ann", 1, None, Some(19))), refusal);
    bench.must(&amend("ann", 1, Some(6), Some(21)));
}

#[test]
fn a_cancellation_of_all_comes_in_slices() {
    let mut bench = Bench::with(Terms { max_bids_per_bidder: 1000, ..terms(fixed(10)) });
    for number in 1..=230 {
        bench.submit(submit(1, if number % 23 == 0 { "bob" } else { "ann" }, number, 1, 20));
    }
    let all = Command::CancelAll { party: party("ann"), auction: Some(auction(1)) };
    let mut counts = Vec::new();
    loop {
        let Answer::CancelledAll { bids, more } = bench.must(&all) else { panic!("bids") };
        counts.push(bids.len());
        if !more {
            break;
        }
    }
    assert_eq!(counts, [100, 100, 20]);
    assert_eq!(bench.engine.state(bench.slot(1), bench.now).total_bids, 10);
    let offsets: Vec<_> = bench.events.iter().filter_map(|event| Some(event.auction?.offset)).collect();
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>(), "offsets have no gaps");
}

#[test]
fn active_auctions_are_limited_and_an_end_makes_room() {
    let mut bench = Bench::new();
    bench.engine = Engine::new(EngineLimits { active_auctions_max: 2, bids_per_auction_max: 10 });
    bench.must(&create(1, terms(fixed(1))));
    bench.must(&create(2, Terms { starts_at: Some(at(99)), ..terms(fixed(1)) }));
    let third = create(3, terms(fixed(1)));
    let full = Rejection::CapacityReached { what: "the number of active auctions", max: 2 };
    assert_eq!(bench.refused(&third), full);
    bench.must(&close(1));
    bench.must(&third);
    assert_eq!(bench.refused(&third), Rejection::AuctionExists { auction: auction(3) });
}

#[test]
fn too_little_demand_or_revenue_calls_the_sale_off() {
    let mut short = terms(fixed(10));
    short.sale.undersubscribed = Undersubscribed::Cancel;
    let mut poor = terms(fixed(10));
    let hundred = MoneyTerm::new(engine_support::decimal(200), poor.tick.times(poor.lot));
    poor.sale.min_revenue = hundred;
    for (terms, reason) in [(short, CancelReason::Undersubscribed), (poor, CancelReason::MinRevenue)] {
        let mut bench = Bench::with(terms);
        bench.submit(submit(1, "ann", 1, 9, 20));
        bench.must(&close(1));
        assert_eq!(*bench.last(), Fact::AuctionCancelled { reason });
        let state = bench.engine.state(bench.slot(1), bench.now);
        assert_eq!((state.status, state.matched), (AuctionStatus::Cancelled, QuantityLots(0)));
        assert!(bench.engine.result(auction(1), None, None, 10, bench.now).is_err());
        assert!(bench.engine.settlement(auction(1), bench.now).is_err());
    }
}

#[test]
fn a_sale_without_demand_completes_without_a_price() {
    let mut bench = Bench::with(terms(steps(&[(10, 4), (20, 8)])));
    bench.must(&close(1));
    let summary = bench.engine.result_summary(bench.slot(1)).expect("a result");
    assert_eq!((summary.clearing_price, summary.total_allocated), (None, QuantityLots(0)));
    assert_eq!(bench.engine.state(bench.slot(1), bench.now).current_price, PriceTicks(10));
    assert!(bench.engine.settlement(auction(1), bench.now).is_err(), "nothing sold, nothing to settle");
}

#[test]
fn standings_say_where_a_bid_is_after_it() {
    let mut bench = Bench::with(Terms { allow_price_takers: true, ..terms(fixed(10)) });
    let mut place = |number, quantity, price: Option<i64>| {
        let wish = SubmitBid { price: price.map(PriceTicks), ..submit(1, "ann", number, quantity, 0) };
        let Answer::Bid(accepted) = bench.submit(wish) else { panic!("a bid") };
        (accepted.bid.current_price.0, accepted.bid.standing)
    };
    assert_eq!(place(1, 5, Some(20)), (10, Standing::Above));
    assert_eq!(place(2, 5, Some(15)), (15, Standing::AtMargin));
    assert_eq!(place(3, 5, Some(12)), (15, Standing::Below));
    assert_eq!(place(4, 10, None), (20, Standing::Above));
    assert_eq!(place(5, 1, None), (20, Standing::AtMargin));
}

#[test]
fn market_data_is_kept_told_and_bounded() {
    let mut bench = Bench::new();
    let put =
        |token: String, payload: &str| Command::PutPrices { token: token.into(), payload: text(payload) };
    bench.must(&put("ETH".into(), "{\"usd\":2500.0}"));
    assert_eq!(bench.events[0].auction, None);
    bench.now = at(5);
    bench.must(&put("ETH".into(), "{\"usd\":2501.0}"));
    bench.must(&Command::PutOrderBook { token_pair: text("ETH/USD"), payload: text("{}") });
    let market = bench.engine.market();
    assert_eq!(market.prices().collect::<Vec<_>>(), [("ETH", at(5), "{\"usd\":2501.0}")]);
    assert_eq!(market.order_books().collect::<Vec<_>>(), [("ETH/USD", at(5), "{}")]);
    for number in 1..walras::limits::MARKET_ENTRIES_MAX {
        bench.must(&put(format!("T{number}"), "{}"));
    }
    assert!(matches!(bench.refused(&put("MORE".into(), "{}")), Rejection::CapacityReached { .. }));
    bench.must(&put("ETH".into(), "{}"));
}

#[test]
fn auctions_are_listed_in_pages_in_the_order_of_their_creation() {
    let mut bench = Bench::new();
    for number in [5, 3, 9, 1] {
        bench.must(&create(number, terms(fixed(1))));
    }
    let (first, next) = bench.engine.auctions(None, 3, bench.now);
    let ids =
        |page: &[walras::engine::AuctionInfo]| page.iter().map(|info| info.state.auction).collect::<Vec<_>>();
    assert_eq!(ids(&first), [5, 3, 9].map(auction));
    assert_eq!(next, Some(auction(9)));
    let (rest, next) = bench.engine.auctions(next, 3, bench.now);
    assert_eq!((ids(&rest), next), (vec![auction(1)], None));
    assert!(bench.engine.auctions(Some(auction(77)), 3, bench.now).0.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_ifs_come_true(
        bids in prop::collection::vec((1i64..12, 10i64..40), 0..12),
        quantity in 1i64..12,
        price in 10i64..40,
    ) {
        let mut bench = Bench::with(terms(steps(&[(10, 8), (18, 14), (25, 20)])));
        for (number, (quantity, price)) in bids.iter().enumerate() {
            bench.submit(submit(1, "ann", number as u128 + 1, *quantity, *price));
        }
        let slot = bench.slot(1);
        let foreseen = bench.engine.price_if_added(slot, Some(PriceTicks(price)), QuantityLots(quantity));
        let to_win = bench.engine.price_to_win(slot, QuantityLots(quantity));
        let mut winner = Bench::with(terms(steps(&[(10, 8), (18, 14), (25, 20)])));
        for (number, (quantity, price)) in bids.iter().enumerate() {
            winner.submit(submit(1, "ann", number as u128 + 1, *quantity, *price));
        }
        bench.submit(submit(1, "bob", 99, quantity, price));
        prop_assert_eq!(foreseen, Some(bench.engine.state(slot, bench.now).current_price));
        if let Some(PriceTicks(price)) = to_win {
            winner.submit(submit(1, "bob", 99, quantity, price));
            winner.must(&close(1));
            let view = winner.engine.bid(&BidRef::Id(bid(99)), &party("bob")).expect("an own bid");
            prop_assert_eq!(view.filled, QuantityLots(quantity));
            prop_assert_eq!(winner.engine.price_to_win(slot, QuantityLots(1)), None, "it is over");
        }
    }
}

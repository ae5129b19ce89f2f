//! Determinism: the same commands give the same events and the same state, from the beginning, from a snapshot
//! taken anywhere, and for one auction without the others.

mod engine_support;

use engine_support::history::{Act, Script, histories};
use engine_support::{Bench, LIMITS, at, bid, create, fixed, named, submit, terms};
use proptest::prelude::*;
use walras::engine::{Answer, AuctionId, BidRef, Command, Engine, Event, Rejection, SettlementStart, Terms};
use walras::units::TimeUs;

/// What a command did, and when.
type Step = (Command, TimeUs, Result<Answer, Rejection>, Vec<Event>);

/// Plays a history out, and says what was applied.
fn play(history: &[Act]) -> (Engine, Vec<Step>) {
    let mut engine = Engine::new(LIMITS);
    let mut script = Script::new();
    let mut steps = Vec::new();
    let mut apply = |engine: &mut Engine, command: Command, now| {
        let mut events = Vec::new();
        let answer = engine.apply(&command, now, &mut events);
        steps.push((command, now, answer, events));
    };
    for act in history {
        if script.wait(act) {
            while let Some(command) = script.due(&engine) {
                apply(&mut engine, command, script.now);
            }
        }
        if let Some(command) = script.command(act) {
            apply(&mut engine, command, script.now);
        }
    }
    (engine, steps)
}

/// Applies steps again, which must go as they went.
fn repeat(engine: &mut Engine, steps: &[Step]) {
    for (command, now, answer, events) in steps {
        let mut again = Vec::new();
        assert_eq!(engine.apply(command, *now, &mut again), *answer, "{command:?}");
        assert_eq!(again, *events, "{command:?}");
    }
}

fn snapshot(engine: &Engine) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    bytes
}

/// The auction that a command is about, found by what it did.
fn auction_of(step: &Step) -> Option<AuctionId> {
    step.3.first()?.auction.map(|auction| auction.id)
}

/// An event without the auction's place, which differs between engines.
fn facts(events: &[Event]) -> Vec<(u64, TimeUs, String)> {
    let fact = |event: &Event| {
        let offset = event.auction.map_or(0, |auction| auction.offset);
        (offset, event.at, format!("{:?}", event.fact))
    };
    events.iter().map(fact).collect()
}

/// Histories whose settlements start by themselves: their deadlines are part of the schedule.
fn settled_histories() -> impl Strategy<Value = Vec<Act>> {
    histories(100).prop_map(|mut history| {
        for act in &mut history {
            if let Act::Create { terms, .. } = act {
                terms.settlement.start = SettlementStart::Auto;
                terms.settlement.affirm_timeout_ms = 20;
            }
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_alone_gives_the_same_events_and_state(history in settled_histories()) {
        let (engine, steps) = play(&history);
        let logged: Vec<Step> = steps.into_iter().filter(|step| !step.3.is_empty()).collect();
        let mut replayed = Engine::new(LIMITS);
        repeat(&mut replayed, &logged);
        prop_assert_eq!(replayed.digest(), engine.digest());
    }

    #[test]
    fn a_restored_snapshot_goes_on_as_the_engine_would(history in settled_histories(), cut in 0.0..1.0) {
        let (engine, steps) = play(&history);
        let (before, after) = steps.split_at((steps.len() as f64 * cut) as usize);
        let mut first = Engine::new(LIMITS);
        repeat(&mut first, before);
        let bytes = snapshot(&first);
        let mut restored = Engine::restore(&bytes, LIMITS).expect("what was just written");
        prop_assert_eq!(&snapshot(&restored), &bytes);
        prop_assert_eq!(restored.digest(), first.digest());
        let now = after.first().map_or(at(0), |step| step.1);
        prop_assert_eq!(restored.next_due(), first.next_due());
        prop_assert_eq!(restored.due(now), first.due(now));
        for slot in (0..first.auction_count()).map(|slot| walras::engine::AuctionSlot(slot as u32)) {
            prop_assert_eq!(restored.state(slot, now), first.state(slot, now));
            prop_assert_eq!(restored.settlement_event(slot), first.settlement_event(slot));
            let parties: Vec<_> = first.parties_with_bids(slot).collect();
            prop_assert_eq!(restored.parties_with_bids(slot).collect::<Vec<_>>(), parties);
        }
        repeat(&mut restored, after);
        prop_assert_eq!(restored.digest(), engine.digest());
    }

    #[test]
    fn an_auction_replays_without_the_others(mut history in settled_histories()) {
        for act in &mut history {
            match act {
                // The one wish that is about several auctions; hosts make one for each of it.
                Act::CancelAll(_, auction @ None) => *auction = Some(1),
                // A bid's id is unique among all auctions, as hosts give them.
                Act::Submit(wish) => wish.reuses = None,
                Act::SubmitAll(_, wishes) => wishes.iter_mut().for_each(|wish| wish.reuses = None),
                _ => {}
            }
        }
        let (engine, steps) = play(&history);
        for slot in (0..engine.auction_count()).map(|slot| walras::engine::AuctionSlot(slot as u32)) {
            let id = engine.auction_id(slot);
            let mut alone = Engine::new(LIMITS);
            for step in steps.iter().filter(|step| auction_of(step) == Some(id)) {
                let (command, now, _, events) = step;
                let mut again = Vec::new();
                alone.apply(command, *now, &mut again).expect("it was taken before");
                prop_assert_eq!(facts(&again), facts(events));
            }
            let slot_alone = alone.slot(id).expect("its creation is among its commands");
            prop_assert_eq!(alone.state(slot_alone, at(0)), engine.state(slot, at(0)));
            prop_assert_eq!(alone.result_summary(slot_alone), engine.result_summary(slot));
        }
    }

    #[test]
    fn a_snapshot_that_is_cut_off_is_an_error(history in settled_histories(), cut in any::<prop::sample::Index>()) {
        let (engine, _) = play(&history);
        let mut bytes = snapshot(&engine);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Engine::restore(&bytes, LIMITS).is_err());
    }

    #[test]
    fn a_damaged_snapshot_is_an_error_or_a_state_but_never_a_panic(
        history in settled_histories(),
        places in prop::collection::vec((any::<prop::sample::Index>(), 1u8..=255), 1..4),
    ) {
        let (engine, _) = play(&history);
        let mut bytes = snapshot(&engine);
        for (place, flip) in places {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        if let Ok(damaged) = Engine::restore(&bytes, LIMITS) {
            prop_assert_eq!(snapshot(&damaged), bytes, "what is read is all there is");
        }
    }

    #[test]
    fn terms_read_back_as_they_were_written(history in settled_histories()) {
        for act in history {
            let Act::Create { terms, .. } = act else { continue };
            let mut bytes = Vec::new();
            terms.to_bytes(&mut bytes);
            prop_assert_eq!(Terms::from_bytes(&bytes), Ok(*terms));
            bytes.push(0);
            prop_assert!(Terms::from_bytes(&bytes).is_err());
        }
    }
}

#[test]
fn an_empty_engine_has_a_digest_that_any_machine_finds() {
    // The format's number and three empty lists: sha256 of 01000000 00000000 00000000 00000000.
    let engine = Engine::new(LIMITS);
    assert_eq!(snapshot(&engine), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_client_bid_id_is_known_after_restore_and_the_end() {
    let mut bench = Bench::with(terms(fixed(10)));
    let wish = named(submit(1, "ann", 1, 5, 20), "first");
    let Answer::Bid(accepted) = bench.submit(wish.clone()) else { panic!("a bid") };
    bench.must(&engine_support::close(1));
    let mut restored = Engine::restore(&snapshot(&bench.engine), LIMITS).expect("a snapshot");
    let again = restored.apply(&Command::SubmitBid(wish), at(9), &mut Vec::new()).expect("it is known");
    let Answer::Bid(again) = again else { panic!("a bid") };
    assert!(again.duplicate);
    assert_eq!((again.bid, again.at, again.offset), (accepted.bid, accepted.at, accepted.offset));
    assert_eq!(again.status, walras::engine::BidStatus::Filled);
}

#[test]
fn an_idempotency_key_is_known_after_restore() {
    let Command::CreateAuction(mut wish) = create(1, terms(fixed(10))) else { panic!("a creation") };
    wish.idempotency_key = Some("once".into());
    let mut bench = Bench::new();
    bench.must(&Command::CreateAuction(wish.clone()));
    let mut restored = Engine::restore(&snapshot(&bench.engine), LIMITS).expect("a snapshot");
    wish.auction = engine_support::auction(2);
    let again = restored.apply(&Command::CreateAuction(wish), at(1), &mut Vec::new());
    assert!(matches!(again, Ok(Answer::Created { created: false, .. })));
    assert_eq!(restored.auction_count(), 1);
    assert!(restored.bid(&BidRef::Id(bid(1)), &engine_support::party("ann")).is_err());
}

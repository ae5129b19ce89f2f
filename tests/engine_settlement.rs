//! Settlement: agreement, the ledger's postings, and a host that answers twice, late, wrongly or never.

mod engine_support;

use engine_support::history::who;
use engine_support::{
    Bench, LIMITS, at, auction, bid, close, create, fixed, grid, party, settlement, submit, terms, text,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use walras::clearing::MoneyTerm;
use walras::engine::{
    AffirmSettlement, Answer, Asset, Command, Engine, Executor, Fact, Posting, Rejection, ReportSettlement,
    SettlementChange, SettlementFact, SettlementPhase, SettlementStart, SettlementStep, SettlementTerms,
    SubmitBid, Terms, TimeoutPolicy,
};
use walras::units::TimeUs;

/// Ten lots, settled at once.
fn settled(change: impl FnOnce(&mut SettlementTerms)) -> Terms {
    let mut terms = terms(fixed(10));
    terms.settlement.start = SettlementStart::Auto;
    change(&mut terms.settlement);
    terms
}

fn host(settlement: &mut SettlementTerms) {
    settlement.executor = Executor::Host;
    settlement.quorum_ppm = 0;
}

/// A sale to `winners` parties, `p1` and so on, one lot each at price 20.
fn sold(terms: Terms, winners: u128) -> Bench {
    let mut bench = Bench::with(terms);
    for number in 1..=winners {
        bench.submit(submit(1, &format!("p{number}"), number, 1, 20));
    }
    bench.must(&close(1));
    bench
}

fn view(bench: &Bench) -> walras::engine::SettlementView {
    bench.engine.settlement(auction(1), bench.now).expect("there is a settlement")
}

fn hash(bench: &Bench) -> [u8; 32] {
    view(bench).state.hash
}

fn affirm(bench: &Bench, name: &str, agree: bool) -> Command {
    Command::AffirmSettlement(AffirmSettlement {
        settlement: settlement(1),
        party: party(name),
        hash: hash(bench),
        agree,
        reason: (!agree).then(|| text("my bid was another")),
    })
}

fn report(step: SettlementStep, ok: bool) -> Command {
    Command::ReportSettlement(ReportSettlement {
        settlement: settlement(1),
        step,
        ok,
        gas_used: 21_000,
        execution_path: vec![text("node"), text(if ok { "yes" } else { "no" })],
        reason: (!ok).then(|| text("refused")),
    })
}

/// The last settlement facts, newest last.
fn facts(bench: &Bench) -> Vec<&SettlementFact> {
    let facts = bench.facts().into_iter();
    facts
        .filter_map(|fact| match fact {
            Fact::Settlement(settlement) => Some(settlement),
            _ => None,
        })
        .collect()
}

fn phases(bench: &Bench) -> Vec<(SettlementPhase, u32)> {
    let public = |fact: &&SettlementFact| {
        !matches!(fact.change, SettlementChange::Affirmed { .. } | SettlementChange::Requested { .. })
    };
    facts(bench).into_iter().filter(public).map(|fact| (fact.phase, fact.participants_agreed)).collect()
}

/// Requests of a host so far: step, attempt, time given.
fn requests(bench: &Bench) -> Vec<(SettlementStep, u32, i64)> {
    let request = |event: &walras::engine::Event| match &event.fact {
        Fact::Settlement(SettlementFact {
            change: SettlementChange::Requested { step, attempt, due },
            ..
        }) => Some((*step, *attempt, (due.0 - event.at.0) / 1_000_000)),
        _ => None,
    };
    bench.events.iter().filter_map(request).collect()
}

#[test]
fn seven_of_ten_agree_and_the_ledger_settles() {
    let mut bench = sold(settled(|_| {}), 9);
    assert_eq!(phases(&bench), [(SettlementPhase::Consensus, 0)]);
    let started = facts(&bench)[0];
    assert_eq!(started.change, SettlementChange::Started);
    assert_eq!(started.participants_total, 10, "nine winners and the seller");
    assert_eq!(started.estimated_completion, Some(at(30_000)));
    bench.now = at(15_000);
    for number in 1..=6 {
        bench.must(&affirm(&bench, &format!("p{number}"), true));
    }
    assert!(view(&bench).postings.is_empty(), "nothing is posted before it is agreed");
    bench.must(&affirm(&bench, "seller", true));
    let seventh = facts(&bench)[facts(&bench).len() - 4];
    assert_eq!((seventh.phase, seventh.participants_agreed), (SettlementPhase::Consensus, 7));
    assert_eq!(seventh.estimated_completion, Some(at(30_000)));
    assert_eq!(
        phases(&bench)[7..],
        [
            (SettlementPhase::Consensus, 7),
            (SettlementPhase::Reserve, 7),
            (SettlementPhase::Execute, 7),
            (SettlementPhase::Complete, 7),
        ]
    );
    let SettlementChange::Completed { gas_used, execution_path } = &facts(&bench).last().unwrap().change
    else {
        panic!("it is complete");
    };
    assert_eq!((*gas_used, execution_path), (0, &vec![text("ledger")]), "the ledger burns nothing");
    let view = view(&bench);
    assert_eq!(view.ended_at, Some(at(15_000)));
    assert_eq!(view.postings.len(), 20);
    let seller = view.obligations.iter().find(|net| net.party == party("seller")).expect("the seller");
    // Nine lots for ten: undersubscribed, all at the reserve of 10.
    assert_eq!((seller.money, seller.lots), (90, -9));
    assert_eq!(bench.engine.next_due(), None);
}

#[test]
fn silence_is_consent_or_refusal_as_the_terms_say() {
    let mut bench = sold(settled(|_| {}), 4);
    bench.must(&affirm(&bench, "p1", false));
    bench.advance_to(at(29_999));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Consensus);
    bench.advance_to(at(30_000));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Complete, "one objection of five is outvoted");
    assert_eq!(view(&bench).state.participants_agreed, 0, "nobody is said to have agreed who has not");

    let mut bench = sold(settled(|terms| terms.timeout_policy = TimeoutPolicy::Fail), 2);
    bench.must(&affirm(&bench, "p1", true));
    bench.advance_to(at(30_000));
    let reason = text("1 participants agreed in time where 3 are needed");
    assert_eq!(facts(&bench).last().unwrap().change, SettlementChange::Failed { reason });
    assert!(view(&bench).postings.is_empty());
}

#[test]
fn it_fails_as_soon_as_the_quorum_is_out_of_reach() {
    let mut bench = sold(settled(|terms| terms.quorum_ppm = 500_000), 3);
    bench.must(&affirm(&bench, "p1", false));
    bench.must(&affirm(&bench, "p2", false));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Consensus, "two of four may still agree");
    bench.must(&affirm(&bench, "p3", false));
    let reason = text("3 of 4 participants object: my bid was another");
    assert_eq!(facts(&bench).last().unwrap().change, SettlementChange::Failed { reason });
    assert_eq!(bench.engine.next_due(), None);
}

#[test]
fn affirmations_are_counted_once_and_answered_clearly() {
    let mut bench = sold(settled(|_| {}), 4);
    let id = settlement(1);
    let unknown = Command::AffirmSettlement(AffirmSettlement {
        settlement: settlement(9),
        party: party("p1"),
        hash: hash(&bench),
        agree: true,
        reason: None,
    });
    assert_eq!(bench.refused(&unknown), Rejection::SettlementNotFound { settlement: settlement(9) });
    assert_eq!(bench.refused(&affirm(&bench, "eve", true)), Rejection::NotAParticipant { settlement: id });
    let Command::AffirmSettlement(mut wrong) = affirm(&bench, "p1", true) else { unreachable!() };
    wrong.hash[0] ^= 1;
    let refusal = bench.refused(&Command::AffirmSettlement(wrong));
    assert_eq!(refusal, Rejection::WrongHash { settlement: id, hash: hash(&bench) });
    let again = |answer| matches!(answer, Answer::Affirmed { again: true, .. });
    assert!(!again(bench.must(&affirm(&bench, "p1", true))));
    let count = bench.events.len();
    assert!(again(bench.must(&affirm(&bench, "p1", true))));
    assert_eq!(bench.events.len(), count, "the second time nothing happens");
    assert_eq!(bench.refused(&affirm(&bench, "p1", false)), Rejection::AlreadyAffirmed { settlement: id });
    for name in ["p2", "p3", "p4"] {
        bench.must(&affirm(&bench, name, true));
    }
    let late = Rejection::SettlementNotWaiting { settlement: id, phase: SettlementPhase::Complete };
    assert_eq!(bench.refused(&affirm(&bench, "seller", true)), late);
    assert!(again(bench.must(&affirm(&bench, "p1", true))), "a repetition is answered after the end too");
}

#[test]
fn named_settlers_stand_for_everybody() {
    let settlers = vec![party("bank"), party("registry"), party("bank")];
    let mut bench = sold(
        settled(|terms| {
            terms.participants = Some(settlers);
            terms.quorum_ppm = 1_000_000;
        }),
        5,
    );
    assert_eq!(facts(&bench)[0].participants_total, 2);
    assert!(matches!(bench.refused(&affirm(&bench, "p1", true)), Rejection::NotAParticipant { .. }));
    bench.must(&affirm(&bench, "bank", true));
    bench.must(&affirm(&bench, "registry", true));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Complete);
}

#[test]
fn a_manual_settlement_waits_for_an_operator() {
    let mut bench = sold(settled(|terms| terms.start = SettlementStart::Manual), 1);
    assert!(facts(&bench).is_empty());
    assert_eq!(view(&bench).state.phase, SettlementPhase::Pending);
    assert_eq!(view(&bench).state.estimated_completion, None);
    assert_eq!(bench.engine.settlement_event(bench.slot(1)), None);
    let early =
        Rejection::SettlementNotWaiting { settlement: settlement(1), phase: SettlementPhase::Pending };
    assert_eq!(bench.refused(&affirm(&bench, "p1", true)), early);
    bench.now = at(5_000);
    let execute = Command::ExecuteSettlement { auction: auction(1) };
    bench.must(&execute);
    assert_eq!(view(&bench).started_at, at(5_000));
    assert!(matches!(bench.refused(&execute), Rejection::SettlementNotWaiting { .. }));
    bench.advance_to(at(35_000));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Complete);
    let nowhere = Command::ExecuteSettlement { auction: auction(5) };
    assert!(matches!(bench.refused(&nowhere), Rejection::AuctionNotFound { .. }));
    bench.must(&create(2, terms(fixed(1))));
    assert!(matches!(
        bench.refused(&Command::ExecuteSettlement { auction: auction(2) }),
        Rejection::WrongStatus { .. }
    ));
}

#[test]
fn phantoms_stay_out_of_it() {
    let mut terms = settled(|_| {});
    terms.allow_phantom_bids = true;
    let mut bench = Bench::with(terms);
    bench.submit(SubmitBid { is_phantom: true, ..submit(1, "ghost", 1, 6, 30) });
    bench.submit(submit(1, "ann", 2, 6, 20));
    bench.must(&close(1));
    let view = view(&bench);
    let parties: Vec<_> = view.participants.iter().map(|participant| participant.0.clone()).collect();
    assert_eq!(parties, [party("ann"), party("seller")]);
    assert!(view.obligations.iter().all(|net| net.party != party("ghost")));
}

#[test]
fn a_seller_who_wins_takes_part_once_and_its_accounts_net_out() {
    let mut bench = Bench::with(settled(|terms| terms.quorum_ppm = 0));
    bench.submit(submit(1, "seller", 1, 4, 20));
    bench.submit(submit(1, "ann", 2, 6, 20));
    bench.must(&close(1));
    let view = view(&bench);
    assert_eq!(view.participants.len(), 2);
    let nets: Vec<_> = view.obligations.iter().map(|net| (&*net.party.0, net.money, net.lots)).collect();
    assert_eq!(nets, [("seller", 120, -6), ("ann", -120, 6)]);
    check_balance(&view.postings);
}

#[test]
fn payments_are_rounded_down_once_per_bidder_and_the_seller_gets_the_sum() {
    let mut terms = settled(|terms| terms.quorum_ppm = 0);
    terms.sale.money_unit = MoneyTerm::new(engine_support::decimal(7), terms.tick.times(terms.lot));
    let mut bench = Bench::with(terms);
    bench.submit(submit(1, "ann", 1, 3, 20));
    bench.submit(submit(1, "ann", 2, 2, 20));
    bench.submit(submit(1, "bob", 3, 5, 20));
    bench.must(&close(1));
    let view = view(&bench);
    // 100 each is 14 sevens, 98; not 56 + 35.
    let nets: Vec<_> = view.obligations.iter().map(|net| (&*net.party.0, net.money, net.lots)).collect();
    assert_eq!(nets, [("ann", -98, 5), ("bob", -98, 5), ("seller", 196, -10)]);
    let summary = bench.engine.result_summary(bench.slot(1)).expect("a result");
    assert_eq!(summary.total_revenue.0, 196);
}

#[test]
fn a_host_prepares_and_commits_and_its_figures_are_told() {
    use SettlementStep::{Abort, Commit, Prepare};
    let mut bench = sold(settled(host), 2);
    assert_eq!(requests(&bench), [(Prepare, 1, 30)]);
    let wrong =
        Rejection::SettlementNotWaiting { settlement: settlement(1), phase: SettlementPhase::Reserve };
    assert_eq!(bench.refused(&report(Commit, true)), wrong);
    assert_eq!(bench.refused(&report(Abort, true)), wrong);
    bench.must(&report(Prepare, true));
    assert_eq!(requests(&bench), [(Prepare, 1, 30), (Commit, 1, 30)]);
    let count = bench.events.len();
    bench.must(&report(Prepare, true));
    assert_eq!(bench.events.len(), count, "a report that was given before changes nothing");
    assert!(matches!(bench.refused(&report(Prepare, false)), Rejection::SettlementNotWaiting { .. }));
    bench.must(&report(Commit, true));
    let SettlementChange::Completed { gas_used, execution_path } = &facts(&bench).last().unwrap().change
    else {
        panic!("it is complete");
    };
    assert_eq!(*gas_used, 42_000, "what both steps burned");
    assert_eq!(*execution_path, ["node", "yes", "node", "yes"].map(text));
    bench.must(&report(Commit, true));
    assert!(matches!(bench.refused(&report(Commit, false)), Rejection::SettlementNotWaiting { .. }));
    assert!(view(&bench).postings.is_empty(), "the postings are the ledger's");
    assert!(!view(&bench).obligations.is_empty(), "the host must know what to move");
}

#[test]
fn a_host_that_cannot_prepare_ends_it() {
    let mut bench = sold(settled(host), 2);
    bench.must(&report(SettlementStep::Prepare, false));
    assert_eq!(facts(&bench).last().unwrap().change, SettlementChange::Failed { reason: text("refused") });
    bench.must(&report(SettlementStep::Prepare, false));
}

#[test]
fn a_host_that_never_prepares_is_asked_four_times_and_then_to_abort() {
    use SettlementStep::{Abort, Prepare};
    let mut bench = sold(settled(host), 2);
    bench.advance_to(at(450_000));
    let asked = [30, 60, 120, 240];
    let expected: Vec<_> = (1..).zip(asked).map(|(attempt, given)| (Prepare, attempt, given)).collect();
    assert_eq!(requests(&bench)[..4], expected);
    assert_eq!(requests(&bench)[4], (Abort, 1, 30));
    // Whatever it says about the preparation now comes too late.
    assert!(matches!(bench.refused(&report(Prepare, true)), Rejection::SettlementNotWaiting { .. }));
    bench.must(&report(Abort, true));
    let reason = text("the executor did not answer");
    assert_eq!(facts(&bench).last().unwrap().change, SettlementChange::RolledBack { reason });
    assert_eq!(view(&bench).state.phase, SettlementPhase::RolledBack);
    bench.must(&report(Abort, true));
    assert_eq!(bench.engine.next_due(), None);
}

#[test]
fn a_host_that_never_answers_fails_it_in_the_end() {
    let mut bench = sold(settled(host), 2);
    bench.advance_to(at(1_000_000));
    assert_eq!(requests(&bench).len(), 8);
    let reason = text("the executor did not answer; it did not confirm the abort either");
    assert_eq!(facts(&bench).last().unwrap().change, SettlementChange::Failed { reason });
}

#[test]
fn silence_about_a_commit_is_never_taken_for_an_answer() {
    use SettlementStep::Commit;
    let mut bench = sold(settled(host), 2);
    bench.must(&report(SettlementStep::Prepare, true));
    bench.advance_to(at(30 * 24 * 3_600_000));
    let asked = requests(&bench);
    assert!(asked[1..].iter().all(|request| request.0 == Commit));
    assert!(asked.iter().all(|request| request.2 <= 3600), "at least once an hour");
    assert!(asked.len() < 740, "and hardly more often");
    assert_eq!(view(&bench).state.phase, SettlementPhase::Execute);
    bench.must(&report(Commit, true));
    assert_eq!(view(&bench).state.phase, SettlementPhase::Complete);
}

#[test]
fn a_commit_that_was_refused_is_rolled_back() {
    let mut bench = sold(settled(host), 2);
    bench.must(&report(SettlementStep::Prepare, true));
    bench.must(&report(SettlementStep::Commit, false));
    assert_eq!(requests(&bench).last(), Some(&(SettlementStep::Abort, 1, 30)));
    assert!(matches!(
        bench.refused(&report(SettlementStep::Commit, true)),
        Rejection::SettlementNotWaiting { .. }
    ));
    bench.must(&report(SettlementStep::Abort, true));
    assert_eq!(
        facts(&bench).last().unwrap().change,
        SettlementChange::RolledBack { reason: text("refused") }
    );
}

#[test]
fn what_a_host_was_asked_for_is_known_after_a_restart() {
    let mut bench = sold(settled(host), 2);
    bench.advance_to(at(40_000));
    let mut bytes = Vec::new();
    bench.engine.snapshot(&mut bytes);
    let restored = Engine::restore(&bytes, LIMITS).expect("a snapshot");
    let open: Vec<_> = restored.open_requests().collect();
    assert_eq!(open.len(), 1);
    let expected = SettlementChange::Requested { step: SettlementStep::Prepare, attempt: 2, due: at(90_000) };
    assert_eq!((open[0].0, &open[0].1.change), (bench.slot(1), &expected));
    bench.must(&report(SettlementStep::Prepare, false));
    assert_eq!(bench.engine.open_requests().count(), 0);
}

#[test]
fn an_old_deadline_does_nothing() {
    let mut bench = sold(settled(|_| {}), 1);
    let Some(Command::SettlementDeadline { settlement, number }) = bench.engine.due(at(30_000)) else {
        panic!("a deadline is due");
    };
    let count = bench.events.len();
    bench.must(&Command::SettlementDeadline { settlement, number });
    assert_eq!(bench.events.len(), count, "before its time it does nothing");
    bench.now = at(30_000);
    bench.must(&Command::SettlementDeadline { settlement, number: number - 1 });
    assert_eq!(bench.events.len(), count);
    bench.must(&Command::SettlementDeadline { settlement, number });
    assert!(bench.events.len() > count);
    bench.must(&Command::SettlementDeadline { settlement, number });
    assert_eq!(view(&bench).state.phase, SettlementPhase::Complete);
}

/// The canonical allocation list, made from the published result alone.
fn canonical_list(bench: &Bench, terms: &Terms, terms_json: &str) -> String {
    let mut list = format!("walras allocations 1\n{}\n", auction(1).0);
    for byte in Sha256::digest(terms_json.as_bytes()) {
        list += &format!("{byte:02x}");
    }
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("digits")
    };
    let mut after = None;
    let mut lines = String::new();
    loop {
        let page = bench.engine.result(auction(1), None, after, 2, bench.now).expect("a result");
        if lines.is_empty() {
            let price = page.summary.clearing_price.expect("something was sold");
            list += &format!("\n{}\n", text(&|out| terms.tick.write(price.0, out)));
        }
        for won in &page.allocations {
            let lots = text(&|out| terms.lot.write(won.filled.0, out));
            let paid = text(&|out| terms.tick.times(terms.lot).write(won.payment, out));
            let bidder = &won.party.0;
            lines += &format!("{},{lots},{paid},{}:{bidder}\n", won.bid.0, bidder.len());
        }
        after = page.next_after;
        if after.is_none() {
            return list + &lines;
        }
    }
}

#[test]
fn anybody_can_compute_the_hash_from_the_published_result() {
    let mut terms = settled(|_| {});
    (terms.tick, terms.lot) = (grid("0.05"), grid("0.001"));
    let mut bench = Bench::with(terms.clone());
    bench.submit(submit(1, "ann", 1, 4, 20));
    bench.submit(submit(1, "bob, the \"builder\"\n", 2, 4, 21));
    bench.submit(submit(1, "zoë", 3, 4, 20));
    bench.must(&close(1));
    let list = canonical_list(&bench, &terms, "{\"test\":1}");
    assert!(list.contains(&format!("{},0.004,0.004,19:bob, the \"builder\"\n\n", bid(2).0)), "{list}");
    let expected: [u8; 32] = Sha256::digest(list.as_bytes()).into();
    assert_eq!(hash(&bench), expected);
}

#[test]
fn the_worked_example_of_the_documentation_is_true() {
    let doc = include_str!("../docs/SETTLEMENT.md");
    let block = doc.split("```text\nwalras allocations 1\n").nth(1).expect("the example's list");
    let list = format!("walras allocations 1\n{}", block.split("```").next().expect("its end"));
    let hash: String = Sha256::digest(list.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(doc.contains(&hash), "the hash of the example's list is {hash}");
    let mut terms = settled(|_| {});
    (terms.tick, terms.lot) = (grid("0.01"), grid("0.5"));
    let mut bench = Bench::with(terms);
    bench.submit(submit(1, "ann", 1, 8, 5000));
    bench.submit(submit(1, "bob", 2, 4, 4850));
    bench.must(&close(1));
    let from_engine: String = self::hash(&bench).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(from_engine, hash);
}

fn check_balance(postings: &[Posting]) {
    for asset in [Asset::Money, Asset::Lots] {
        let sum: i128 = postings.iter().filter(|posting| posting.asset == asset).map(|it| it.amount).sum();
        assert_eq!(sum, 0, "the postings in {asset:?} balance");
    }
}

/// One thing that happens to a settlement.
#[derive(Debug, Clone)]
enum Act {
    Affirm { who: u8, agree: bool },
    Report { step: SettlementStep, ok: bool },
    Wait { seconds: i64 },
    Restart,
}

fn acts() -> impl Strategy<Value = Act> {
    let step =
        prop::sample::select(vec![SettlementStep::Prepare, SettlementStep::Commit, SettlementStep::Abort]);
    prop_oneof![
        3 => (0u8..4, prop::bool::weighted(0.7)).prop_map(|(who, agree)| Act::Affirm { who, agree }),
        3 => (step, prop::bool::weighted(0.7)).prop_map(|(step, ok)| Act::Report { step, ok }),
        3 => (0i64..200).prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::Restart),
    ]
}

fn settings() -> impl Strategy<Value = SettlementTerms> {
    (0u32..=1_000_000, any::<(bool, bool, bool)>()).prop_map(|(quorum_ppm, (fails, is_host, is_manual))| {
        SettlementTerms {
            participants: None,
            quorum_ppm,
            affirm_timeout_ms: 30_000,
            timeout_policy: if fails { TimeoutPolicy::Fail } else { TimeoutPolicy::Affirm },
            executor: if is_host { Executor::Host } else { Executor::Ledger },
            start: if is_manual { SettlementStart::Manual } else { SettlementStart::Auto },
        }
    })
}

/// What must hold of a settlement's facts, whatever happened.
fn check_facts(facts: &[&SettlementFact]) {
    let is_end = |fact: &&&SettlementFact| {
        matches!(
            fact.change,
            SettlementChange::Completed { .. }
                | SettlementChange::RolledBack { .. }
                | SettlementChange::Failed { .. }
        )
    };
    assert!(facts.iter().filter(is_end).count() <= 1, "a settlement ends once");
    if let Some(end) = facts.iter().position(|fact| is_end(&fact)) {
        assert_eq!(end, facts.len() - 1, "after its end nothing happens");
    }
    let place = |wanted: SettlementStep| {
        facts.iter().position(
            |fact| matches!(fact.change, SettlementChange::Requested { step, .. } if step == wanted),
        )
    };
    if let Some(commit) = place(SettlementStep::Commit) {
        assert!(place(SettlementStep::Prepare).is_some_and(|prepare| prepare < commit));
    }
    assert!(facts.windows(2).all(|pair| pair[0].participants_agreed <= pair[1].participants_agreed));
    assert!(facts.iter().all(|fact| fact.participants_agreed <= fact.participants_total));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_settlement_ends_once_and_its_postings_balance(
        settings in settings(),
        bids in prop::collection::vec((0u8..3, 1i64..8, 10i64..30), 1..8),
        history in prop::collection::vec(acts(), 0..30),
    ) {
        let mut terms = terms(fixed(10));
        terms.settlement = settings.clone();
        let mut bench = Bench::with(terms);
        for (number, (name, quantity, price)) in bids.iter().enumerate() {
            bench.submit(submit(1, &who(*name).0, number as u128 + 1, *quantity, *price));
        }
        bench.must(&close(1));
        let _ = bench.apply(&Command::ExecuteSettlement { auction: auction(1) });
        for act in history {
            match act {
                Act::Affirm { who: 3, agree } => drop(bench.apply(&affirm(&bench, "seller", agree))),
                Act::Affirm { who: name, agree } => drop(bench.apply(&affirm(&bench, &who(name).0, agree))),
                Act::Report { step, ok } => drop(bench.apply(&report(step, ok))),
                Act::Wait { seconds } => bench.advance_to(TimeUs(bench.now.0 + seconds * 1_000_000)),
                Act::Restart => {
                    let mut bytes = Vec::new();
                    bench.engine.snapshot(&mut bytes);
                    bench.engine = Engine::restore(&bytes, LIMITS).expect("a snapshot");
                }
            }
            check_facts(&facts(&bench));
            let view = view(&bench);
            check_balance(&view.postings);
            let is_posted = view.state.phase == SettlementPhase::Complete && settings.executor == Executor::Ledger;
            prop_assert_eq!(!view.postings.is_empty(), is_posted, "all at once, or nothing");
            let (money, lots) = view.obligations.iter().fold((0, 0), |sum, net| (sum.0 + net.money, sum.1 + net.lots));
            prop_assert_eq!((money, lots), (0, 0));
        }
    }

    #[test]
    fn money_moves_exactly_once_whatever_the_host_and_the_way_do(
        chaos in prop::collection::vec((0u8..6, 0i64..120), 0..60),
        prepares in prop::bool::weighted(0.8),
        commits in prop::bool::weighted(0.8),
    ) {
        let mut bench = sold(settled(host), 2);
        let mut executor = HostExecutor { prepares, commits, ..HostExecutor::default() };
        let mut seen = 0;
        let mut inbox: Vec<SettlementStep> = Vec::new();
        let mut outbox: Vec<Command> = Vec::new();
        for (what, seconds) in chaos {
            inbox.extend(requests(&bench)[seen..].iter().map(|request| request.0));
            seen = requests(&bench).len();
            match what {
                // A request arrives; sometimes twice.
                0 | 1 if !inbox.is_empty() => {
                    let step = if what == 0 { inbox.remove(0) } else { inbox[0] };
                    outbox.extend(executor.perform(step));
                }
                // A report arrives; sometimes twice, sometimes the latest first.
                2 if !outbox.is_empty() => drop(bench.apply(&outbox.remove(0))),
                3 if !outbox.is_empty() => drop(bench.apply(&outbox[outbox.len() - 1].clone())),
                // A message is lost.
                4 => drop((!inbox.is_empty()).then(|| inbox.remove(0)).or_else(|| {
                    outbox.pop();
                    None
                })),
                _ => bench.advance_to(TimeUs(bench.now.0 + seconds * 1_000_000)),
            }
            check_facts(&facts(&bench));
        }
        // From here on the way is sound: what is asked arrives, and so does the answer.
        for _ in 0..20 {
            inbox.extend(requests(&bench)[seen..].iter().map(|request| request.0));
            seen = requests(&bench).len();
            for step in std::mem::take(&mut inbox) {
                outbox.extend(executor.perform(step));
            }
            for report in std::mem::take(&mut outbox) {
                drop(bench.apply(&report));
            }
            if let Some(due) = bench.engine.next_due() {
                bench.advance_to(due);
            }
        }
        check_facts(&facts(&bench));
        let phase = view(&bench).state.phase;
        prop_assert!(view(&bench).ended_at.is_some(), "it ends once the way is sound: {phase:?}");
        prop_assert_eq!(executor.moved, u32::from(phase == SettlementPhase::Complete));
        prop_assert!(phase == SettlementPhase::Complete || !executor.is_holding || phase == SettlementPhase::Failed);
    }
}

/// A host as the contract asks for: each step is done once and answered the same ever after; what was aborted is
/// never prepared or committed.
#[derive(Debug, Default)]
struct HostExecutor {
    prepares: bool,
    commits: bool,
    is_holding: bool,
    is_aborted: bool,
    said: [Option<bool>; 3],
    moved: u32,
}

impl HostExecutor {
    fn perform(&mut self, step: SettlementStep) -> Option<Command> {
        let ok = match self.said[step as usize] {
            Some(ok) => ok,
            None => match step {
                SettlementStep::Prepare => {
                    self.is_holding = self.prepares && !self.is_aborted;
                    self.is_holding
                }
                SettlementStep::Commit => {
                    let ok = self.commits && self.is_holding;
                    self.moved += u32::from(ok);
                    self.is_holding &= !ok;
                    ok
                }
                SettlementStep::Abort => {
                    assert_eq!(self.moved, 0, "nobody is asked to abort what was committed");
                    (self.is_holding, self.is_aborted) = (false, true);
                    true
                }
            },
        };
        self.said[step as usize] = Some(ok);
        Some(report(step, ok))
    }
}

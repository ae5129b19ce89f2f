//! The live engine through the C face: auctions, bids, questions, time, forks.
#![cfg(feature = "ffi")]
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

mod ffi_support;

use std::ptr::{null, null_mut};

use ffi_support::*;
use walras::ffi::*;

#[test]
fn an_auction_runs_from_creation_to_its_allocation() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    let first = engine.submit(auction, "ann", 1500, 600, Some("a-1")).expect("a good bid");
    assert_eq!((first.offset, first.at_us, first.current_price_ticks), (2, 1_704_067_200_000_000, 100));
    assert_eq!(
        (first.standing, first.status, first.is_repeated),
        (WALRAS_STANDING_ABOVE, WALRAS_BID_PENDING, 0)
    );
    let second = engine.submit(auction, "bob", 1200, 600, None).expect("a good bid");
    assert_eq!((second.current_price_ticks, second.standing), (1200, WALRAS_STANDING_AT_MARGIN));
    let again = engine.submit(auction, "ann", 1500, 600, Some("a-1")).expect("known");
    assert_eq!((again.bid, again.is_repeated, again.offset), (first.bid, 1, 2));
    assert_eq!(engine.submit(auction, "ann", 1500, 601, Some("a-1")).err(), Some(WALRAS_DUPLICATE_BID_ID));
    assert_eq!(engine.submit(auction, "ann", 99, 1, None).err(), Some(WALRAS_BID_TOO_LOW));
    assert_eq!(engine.submit(auction, "ann", 1500, 0, None).err(), Some(WALRAS_INVALID_BID));
    let state = engine.state(auction);
    assert_eq!((state.status, state.outcome), (WALRAS_AUCTION_ACTIVE, WALRAS_OUTCOME_CLEARED));
    assert_eq!((state.bid_count, state.total_quantity_lots, state.matched_lots), (2, 1200, 1000));
    assert_eq!((state.demand_above_lots, state.demand_at_or_above_lots), (600, 1200));
    assert_eq!((state.marginal_demand_lots, state.marginal_available_lots), (600, 400));
    assert_eq!(state.ends_at_us, 1_704_067_260_000_000);
    engine.advance(60_000_000);
    let state = engine.state(auction);
    assert_eq!((state.status, state.next_price_ticks), (WALRAS_AUCTION_COMPLETED, WALRAS_NO_PRICE));
    assert_eq!(engine.submit(auction, "ann", 1500, 1, None).err(), Some(WALRAS_AUCTION_ENDED));
    let result = engine.result(auction);
    assert_eq!((result.clearing_price_ticks, result.allocated_lots, result.bid_count), (1200, 1000, 2));
    assert_eq!(number(result.revenue), 1200 * 1000);
    let won = engine.rows(auction, WALRAS_BIDS_WON);
    let parts: Vec<_> = won.iter().map(|row| (row.bidder, row.filled_lots, number(row.payment))).collect();
    assert_eq!(parts, [(0, 600, 600 * 1200), (1, 400, 400 * 1200)]);
    assert_eq!(&won[0].client_bid_id[..4], b"a-1\0");
    assert_eq!(won[1].flags, WALRAS_BID_AT_MARGIN);
    let bidders =
        // SAFETY: the places are writable.
        given(|json, bytes| unsafe { walras_auction_bidders(engine.0, &auction, 0, json, bytes) });
    assert_eq!(bidders, r#"["ann","bob"]"#);
}

#[test]
fn two_seeded_runs_give_the_same_bytes_and_another_seed_gives_others() {
    let run = |options: &str| {
        let engine = Engine::new(options);
        let subscriber = engine.subscribe("");
        let auction = engine.create(TERMS);
        let mut receipts = Vec::new();
        for step in 0..50 {
            receipts.push(engine.submit(
                auction,
                ["ann", "bob"][step as usize % 2],
                1000 + step * 7 % 31,
                90,
                None,
            ));
            engine.advance(500_000);
        }
        engine.advance(100_000_000);
        let heard: Vec<String> = subscriber.drain().iter().map(|event| event.json.to_string()).collect();
        assert!(heard.len() > 100, "bids, states and an end");
        (receipts, engine.digest(), heard)
    };
    let first = run(SIMULATED);
    assert!(first == run(SIMULATED));
    assert!(first.1 != run(&SIMULATED.replace("\"seed\":7", "\"seed\":8")).1);
}

#[test]
fn a_fork_goes_its_own_way_and_the_same_calls_keep_it_equal() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    for step in 0..20 {
        engine.submit(auction, "ann", 1000 + step, 70, None).expect("a good bid");
    }
    let fork = engine.fork();
    assert_eq!(fork.digest(), engine.digest());
    let on_both = |price| {
        let receipts = [&engine, &fork].map(|engine| engine.submit(auction, "bob", price, 40, None));
        assert_eq!(receipts[0], receipts[1], "ids go on alike");
    };
    on_both(2000);
    assert_eq!(fork.digest(), engine.digest());
    let before = engine.digest();
    fork.submit(auction, "cat", 5000, 1000, None).expect("a good bid");
    fork.close(auction);
    assert_eq!(fork.result(auction).clearing_price_ticks, 5000);
    assert_eq!(engine.digest(), before, "the original has not moved");
    assert_eq!(engine.state(auction).status, WALRAS_AUCTION_ACTIVE);
}

#[test]
fn the_digest_is_that_of_a_replay_of_the_log_and_of_the_same_without_a_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let simulated = r#""clock":"manual","start_time_us":1704067200000000,"seed":3}"#;
    let options =
        format!(r#"{{"data":{:?},"durability":"os",{simulated}"#, folder.path().to_str().expect("a path"));
    let [engine, in_memory] = [options.clone(), format!("{{{simulated}")].map(|options| {
        let engine = Engine::new(&options);
        let auction = engine.create(TERMS);
        for step in 0..30 {
            engine.submit(auction, "ann", 1000 + step, 70, None).expect("a good bid");
        }
        (engine, auction)
    });
    assert_eq!(engine.0.digest(), in_memory.0.digest());
    let (engine, auction) = engine;
    // SAFETY: the handle is good.
    ok(unsafe { walras_engine_drain(engine.0) });
    let digest = engine.digest();
    drop(engine);
    let replayed = walras::host::audit::replay(folder.path()).expect("a good log");
    assert_eq!(replayed.engine.digest(), digest);
    let again = Engine::new(&options);
    assert_eq!(again.digest(), digest);
    let one_more = again.submit(auction, "ann", 1500, 70, None).expect("ids are not given twice");
    assert_eq!(one_more.offset, 32);
}

#[test]
fn what_if_agrees_with_what_then_happens() {
    let engine = Engine::new(SIMULATED);
    let auction = engine.create(TERMS);
    let bids: Vec<walras_id> = (0..40)
        .map(|step| {
            engine.submit(auction, &format!("p{step}"), 1000 + step * 13 % 37, 60, None).expect("good").bid
        })
        .collect();
    let (prices, quantities) = ([2000, 1020, 1000, 1024, WALRAS_NO_PRICE], [500, 100, 10, 77, 0]);
    for without in [&[][..], &bids[3..9]] {
        let what_if = walras_what_if {
            count: 4,
            prices_ticks: prices.as_ptr(),
            quantities_lots: quantities.as_ptr(),
            without_count: without.len() as u64,
            without: without.as_ptr(),
        };
        let (mut found, mut filled) = ([0; 4], [0; 4]);
        let mut payments = [walras_int128 { low: 0, high: 0 }; 4];
        let before = engine.digest();
        // SAFETY: the arrays are as long as they say.
        ok(unsafe {
            walras_auction_what_if(
                engine.0,
                &auction,
                &what_if,
                found.as_mut_ptr(),
                filled.as_mut_ptr(),
                payments.as_mut_ptr(),
            )
        });
        assert_eq!(engine.digest(), before, "nothing has changed");
        for imagined in 0..4 {
            let fork = engine.fork();
            for bid in without {
                // SAFETY: the id is readable.
                ok(unsafe { walras_bid_cancel(fork.0, bid, null(), 0, null(), 0, null_mut()) });
            }
            let placed = fork
                .submit(auction, "new", prices[imagined], quantities[imagined], None)
                .expect("a good bid");
            fork.close(auction);
            assert_eq!(fork.result(auction).clearing_price_ticks, found[imagined], "{imagined}");
            let row = fork.rows(auction, WALRAS_BIDS_ALL).into_iter().find(|row| row.bid == placed.bid);
            let row = row.expect("it is there");
            assert_eq!((row.filled_lots, row.payment), (filled[imagined], payments[imagined]), "{imagined}");
        }
    }
}

#[test]
fn a_batch_is_as_its_bids_one_by_one_and_tells_the_price_path() {
    let (alone, together) = (Engine::new(SIMULATED), Engine::new(SIMULATED));
    let auction = alone.create(TERMS);
    assert_eq!(together.create(TERMS), auction);
    let count = 5000_usize;
    let prices: Vec<i64> = (0..count as i64).map(|step| 90 + step * 37 % 700).collect();
    let quantities: Vec<i64> = (0..count as i64).map(|step| step % 50).collect();
    let owners: Vec<u32> = (0..count as u32).map(|step| step % 3).collect();
    let names = ["ann", "bob", "zoë"];
    let offsets = [0, 3, 6, 10];
    let (mut statuses, mut ids) = (vec![-1; count], vec![walras_id { bytes: [1; 16] }; count]);
    let (mut path, mut above, mut events) = (vec![-1; count], vec![-1; count], vec![u64::MAX; count]);
    let joined = names.concat();
    let orders = walras_orders {
        count: count as u64,
        prices_ticks: prices.as_ptr(),
        quantities_lots: quantities.as_ptr(),
        flags: null(),
        party_count: 3,
        parties: joined.as_ptr().cast(),
        party_offsets: offsets.as_ptr(),
        party_indexes: owners.as_ptr(),
        client_bid_ids: null(),
        client_bid_id_offsets: null(),
    };
    let answers = walras_answers {
        statuses: statuses.as_mut_ptr(),
        bids: ids.as_mut_ptr(),
        offsets: events.as_mut_ptr(),
        path_prices_ticks: path.as_mut_ptr(),
        path_demand_above_lots: above.as_mut_ptr(),
    };
    let mut accepted = 0;
    // SAFETY: the arrays are as long as they say.
    ok(unsafe { walras_bids_submit(together.0, &auction, &orders, &answers, &mut accepted) });
    let mut taken = 0;
    for index in 0..count {
        let told =
            alone.submit(auction, names[owners[index] as usize], prices[index], quantities[index], None);
        match told {
            Ok(receipt) => {
                taken += 1;
                assert_eq!((statuses[index], ids[index]), (WALRAS_OK, receipt.bid), "bid {index}");
                assert_eq!((events[index], path[index]), (receipt.offset, receipt.current_price_ticks));
            }
            Err(status) => assert_eq!((statuses[index], events[index]), (status, 0), "bid {index}"),
        }
        assert_eq!(above[index], alone.state(auction).demand_above_lots, "bid {index}");
    }
    assert_eq!(accepted, taken);
    assert!(accepted > 4000 && (accepted as usize) < count, "{accepted}");
    assert_eq!(alone.digest(), together.digest());
}

//! The pure clearing through the C face: the worked auctions, refusals, many sales at once, and misuse.
#![cfg(feature = "ffi")]
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::fs;
use std::path::PathBuf;
use std::ptr::{null, null_mut};

use proptest::prelude::*;
use serde_json::Value;
use walras::clearing::{Bid, Want};
use walras::ffi::*;
use walras::wire::auction_json::{Auction, check};

/// Columns of bids that live as long as the call.
#[derive(Default)]
struct Columns {
    prices: Vec<i64>,
    quantities: Vec<i64>,
    budgets: Vec<walras_int128>,
    sequences: Vec<u64>,
    bidders: Vec<u32>,
    flags: Vec<u8>,
}

impl Columns {
    fn of(bids: &[Bid], bidder: impl Fn(u32) -> u32) -> Self {
        let mut columns = Self::default();
        for bid in bids {
            columns.prices.push(bid.price.map_or(WALRAS_NO_PRICE, |price| price.0));
            let (lots, budget) = match bid.want {
                Want::Quantity(lots) => (lots.0, 0),
                Want::Budget(money) => (0, money.0),
            };
            columns.quantities.push(lots);
            columns.budgets.push(int128(budget));
            columns.sequences.push(bid.seq);
            columns.bidders.push(bidder(bid.bidder));
            columns.flags.push(if bid.is_phantom { WALRAS_BID_PHANTOM as u8 } else { 0 });
        }
        columns
    }

    fn view(&self) -> walras_bids {
        walras_bids {
            count: self.prices.len() as u64,
            prices_ticks: self.prices.as_ptr(),
            quantities_lots: self.quantities.as_ptr(),
            budgets: self.budgets.as_ptr(),
            sequences: self.sequences.as_ptr(),
            bidders: self.bidders.as_ptr(),
            flags: self.flags.as_ptr(),
            ..none()
        }
    }
}

fn none() -> walras_bids {
    walras_bids {
        count: 0,
        prices_ticks: null(),
        quantities_lots: null(),
        prices: null(),
        quantities: null(),
        budgets: null(),
        sequences: null(),
        bidders: null(),
        flags: null(),
    }
}

fn int128(number: i128) -> walras_int128 {
    walras_int128 { low: number as u64, high: (number >> 64) as i64 }
}

fn number(number: walras_int128) -> i128 {
    i128::from(number.high) << 64 | i128::from(number.low)
}

/// Room for the parts of a result.
struct Fills {
    lots: Vec<i64>,
    payments: Vec<walras_int128>,
    marks: Vec<u8>,
    bidders: Vec<u32>,
    bidder_lots: Vec<i64>,
    bidder_payments: Vec<walras_int128>,
}

impl Fills {
    fn new(count: usize) -> Self {
        Self {
            lots: vec![-1; count],
            payments: vec![int128(-1); count],
            marks: vec![0xff; count],
            bidders: vec![u32::MAX; count],
            bidder_lots: vec![-1; count],
            bidder_payments: vec![int128(-1); count],
        }
    }

    fn view(&mut self) -> walras_fills {
        walras_fills {
            lots: self.lots.as_mut_ptr(),
            payments: self.payments.as_mut_ptr(),
            marks: self.marks.as_mut_ptr(),
            bidders_capacity: self.bidders.len() as u64,
            bidders: self.bidders.as_mut_ptr(),
            bidder_lots: self.bidder_lots.as_mut_ptr(),
            bidder_payments: self.bidder_payments.as_mut_ptr(),
        }
    }
}

fn last_error() -> String {
    // SAFETY: the library gives a text that ends with a zero.
    unsafe { CStr::from_ptr(walras_last_error()) }.to_string_lossy().into_owned()
}

fn clear(terms: &str, bids: &walras_bids, fills: &mut Fills) -> Result<walras_clearing, (i32, String)> {
    let mut out = unsafe { std::mem::zeroed::<walras_clearing>() };
    let fills = fills.view();
    // SAFETY: all arrays are as long as they say.
    let status = unsafe { walras_clear(terms.as_ptr().cast(), terms.len() as u64, bids, &fills, &mut out) };
    if status == WALRAS_OK { Ok(out) } else { Err((status, last_error())) }
}

fn terms_new(json: &str) -> *mut walras_terms {
    let mut terms = null_mut();
    // SAFETY: the text is as long as it says.
    let status = unsafe { walras_terms_new(json.as_ptr().cast(), json.len() as u64, &mut terms) };
    assert_eq!(status, WALRAS_OK, "{}", last_error());
    terms
}

#[test]
fn every_vector_clears_to_the_same_figures_fills_and_payments() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut vector_count = 0;
    for entry in fs::read_dir(folder).expect("the vectors are there") {
        let file = fs::read(entry.expect("a readable entry").path()).expect("a readable file");
        assert!(check(&file).expect("vectors").iter().all(|vector| vector.failures.is_empty()));
        for vector in serde_json::from_slice::<Vec<Value>>(&file).expect("vectors are JSON") {
            check_vector(&vector);
            vector_count += 1;
        }
    }
    assert!(vector_count >= 58, "only {vector_count} vectors");
}

fn check_vector(vector: &Value) {
    let document = vector["auction"].to_string();
    let auction = Auction::read(document.as_bytes()).expect("good terms");
    let clearing = auction.clear().expect("it clears");
    let mut terms = vector["auction"].clone();
    terms.as_object_mut().expect("an object").remove("bids");
    // Bidders of `net_long` come first, in the order written; all others get numbers behind them.
    let named: Vec<&String> = auction.terms.net_long.iter().map(|(name, _)| name).collect();
    let renumbered: HashMap<u32, u32> = (0..auction.bidders.len() as u32)
        .map(|old| {
            let place = named.iter().position(|name| **name == auction.bidders[old as usize]);
            (old, place.map_or(named.len() as u32 + old, |place| place as u32))
        })
        .collect();
    let columns = Columns::of(&auction.bids, |bidder| renumbered[&bidder]);
    let mut fills = Fills::new(auction.bids.len());
    let found = clear(&terms.to_string(), &columns.view(), &mut fills)
        .unwrap_or_else(|why| panic!("{vector}: {why:?}"));
    let id = &vector["id"];
    assert_eq!(found.price_ticks, clearing.price.map_or(WALRAS_NO_PRICE, |price| price.0), "{id}");
    let interval = (found.price_low_ticks, found.price_high_ticks);
    assert_eq!(interval, (clearing.interval.0.0, clearing.interval.1.0), "{id}");
    assert_eq!(found.indicative_price_ticks, clearing.indicative_price.0, "{id}");
    assert_eq!(found.supply_lots, clearing.supply.0, "{id}");
    assert_eq!(found.allocated_lots, clearing.total_allocated.0, "{id}");
    assert_eq!((found.unsold_lots, found.oversold_lots), (clearing.unsold.0, clearing.oversold.0), "{id}");
    assert_eq!(number(found.demand_at_or_above_lots), clearing.demand_at_or_above, "{id}");
    assert_eq!(number(found.demand_above_lots), clearing.demand_above, "{id}");
    assert_eq!(number(found.marginal_demand_lots), clearing.marginal_demand, "{id}");
    assert_eq!(number(found.marginal_available_lots), clearing.marginal_available, "{id}");
    assert_eq!(number(found.total_quantity_lots), clearing.total_quantity, "{id}");
    assert_eq!(number(found.revenue), clearing.revenue.whole.0, "{id}");
    assert_eq!((found.bid_count, found.phantom_count), (clearing.total_bids, clearing.phantom_bids), "{id}");
    assert_eq!((found.refused_count, found.killed_count), (0, clearing.killed.len() as u64), "{id}");
    let mut are_exact = clearing.revenue.part == 0;
    for (index, (bid, lots, payment)) in clearing.fills(&auction.bids).enumerate() {
        assert_eq!(fills.lots[index], lots.0, "{id}: bid {index}");
        assert_eq!(number(fills.payments[index]), payment.whole.0, "{id}: bid {index}");
        let at_margin = fills.marks[index] & WALRAS_MARK_AT_MARGIN != 0;
        assert_eq!(at_margin, clearing.is_at_margin(bid), "{id}: bid {index}");
        assert_eq!(
            fills.marks[index] & WALRAS_MARK_KILLED != 0,
            clearing.is_killed(bid),
            "{id}: bid {index}"
        );
        are_exact &= payment.part == 0;
    }
    assert_eq!(found.payments_are_exact == 1, are_exact, "{id}");
    assert_eq!(found.bidder_count, clearing.bidders.len() as u64, "{id}");
    for (index, award) in clearing.bidders.iter().enumerate() {
        assert_eq!(fills.bidders[index], renumbered[&award.bidder], "{id}");
        assert_eq!(fills.bidder_lots[index], award.lots.0, "{id}");
        assert_eq!(number(fills.bidder_payments[index]), award.payment.whole.0, "{id}");
    }
}

const TERMS: &str = r#"{"tick_size":"0.01","lot_size":1,"reserve_price":10,"min_bid_quantity":5,
    "supply":{"type":"fixed","quantity":100}}"#;

#[test]
fn floats_clear_as_steps_do_and_refusals_are_told_bid_by_bid() {
    let prices = [15.0, 12.345, 12.34, 9.99, f64::NAN, 11.0, -1.0];
    let quantities = [60.0, 10.0, 60.0, 10.0, 10.0, 4.0, 7.5];
    let bids = walras_bids { count: 7, prices: prices.as_ptr(), quantities: quantities.as_ptr(), ..none() };
    let mut fills = Fills::new(7);
    let found = clear(TERMS, &bids, &mut fills).expect("it clears");
    let refused: Vec<u8> = fills.marks.iter().map(|mark| mark & WALRAS_MARK_REFUSAL).collect();
    let (off, low, few) =
        (WALRAS_REFUSED_NOT_A_MULTIPLE, WALRAS_REFUSED_BELOW_RESERVE, WALRAS_REFUSED_BELOW_MIN_QUANTITY);
    assert_eq!(refused, [0, off, 0, low, 0, few, off]);
    assert_eq!((found.refused_count, found.price_ticks), (4, 1234));
    assert_eq!(fills.lots, [60, 0, 30, 0, 10, 0, 0]);
    assert_eq!(number(fills.payments[2]), 30 * 1234);
    let without_marks = walras_fills { marks: null_mut(), ..fills.view() };
    let mut out = found;
    // SAFETY: all arrays are as long as they say.
    let status =
        unsafe { walras_clear(TERMS.as_ptr().cast(), TERMS.len() as u64, &bids, &without_marks, &mut out) };
    assert_eq!(status, WALRAS_INVALID_BID);
    assert!(last_error().contains("bid 1 is refused (not_a_multiple)"), "{}", last_error());
}

#[test]
fn many_sales_on_many_threads_are_as_each_alone() {
    let terms = terms_new(TERMS);
    let (mut columns, mut offsets) = (Columns::default(), vec![0_u64]);
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for sale in 0..300 {
        for _ in 0..random(if sale % 7 == 0 { 1 } else { 40 }) {
            columns.prices.push(1000 + random(500) as i64);
            columns.quantities.push(5 + random(30) as i64);
            columns.budgets.push(int128(0));
            columns.sequences.push(random(10));
            columns.bidders.push(random(5) as u32);
            columns.flags.push(random(8).saturating_sub(6) as u8);
        }
        offsets.push(columns.prices.len() as u64);
    }
    let count = columns.prices.len();
    let mut expected: Option<(Vec<walras_clearing>, Vec<i64>)> = None;
    for threads in [1, 2, 0, 7, 1000] {
        let mut fills = Fills::new(count);
        let mut clearings = vec![unsafe { std::mem::zeroed::<walras_clearing>() }; 300];
        let (bids, view) = (columns.view(), fills.view());
        // SAFETY: all arrays are as long as they say.
        let status = unsafe {
            walras_clear_many(terms, 300, offsets.as_ptr(), &bids, threads, &view, clearings.as_mut_ptr())
        };
        assert_eq!(status, WALRAS_OK, "{}", last_error());
        let (all, lots) = expected.get_or_insert_with(|| (clearings.clone(), fills.lots.clone()));
        assert!(*all == clearings && *lots == fills.lots, "{threads} threads");
    }
    let (all, lots) = expected.expect("five runs");
    for sale in 0..300 {
        let range = offsets[sale] as usize..offsets[sale + 1] as usize;
        let own = Columns {
            prices: columns.prices[range.clone()].to_vec(),
            quantities: columns.quantities[range.clone()].to_vec(),
            budgets: columns.budgets[range.clone()].to_vec(),
            sequences: columns.sequences[range.clone()].to_vec(),
            bidders: columns.bidders[range.clone()].to_vec(),
            flags: columns.flags[range.clone()].to_vec(),
        };
        let mut fills = Fills::new(range.len());
        assert_eq!(clear(TERMS, &own.view(), &mut fills).expect("it clears"), all[sale], "sale {sale}");
        assert_eq!(fills.lots, lots[range], "sale {sale}");
    }
    // SAFETY: any handle may be freed.
    assert_eq!(unsafe { walras_terms_free(terms) }, WALRAS_OK);
}

#[test]
fn misuse_is_told_and_never_followed() {
    let terms = terms_new(TERMS);
    let mut out = unsafe { std::mem::zeroed::<walras_clearing>() };
    let columns = Columns { prices: vec![1200; 3], quantities: vec![9; 3], ..Columns::default() };
    let bids = walras_bids {
        count: 3,
        prices_ticks: columns.prices.as_ptr(),
        quantities_lots: columns.quantities.as_ptr(),
        ..none()
    };
    let before = out;
    // SAFETY: null and impossible pointers are what is tested; the library must not follow them.
    unsafe {
        let clear_with = |terms, bids: *const walras_bids, out: *mut walras_clearing| {
            walras_clear_with(terms, bids, null(), out)
        };
        assert_eq!(clear_with(null(), &bids, &mut out), WALRAS_BAD_HANDLE);
        assert_eq!(clear_with(0x1234 as *const walras_terms, &bids, &mut out), WALRAS_BAD_HANDLE);
        assert_eq!(clear_with(terms, null(), &mut out), WALRAS_NULL_POINTER);
        assert_eq!(clear_with(terms, &bids, null_mut()), WALRAS_NULL_POINTER);
        let missing = walras_bids { prices_ticks: null(), ..bids };
        assert_eq!(clear_with(terms, &missing, &mut out), WALRAS_NULL_POINTER);
        let floats = [1.0; 3];
        let twice = walras_bids { prices: floats.as_ptr(), ..bids };
        assert_eq!(clear_with(terms, &twice, &mut out), WALRAS_BAD_LENGTH);
        let endless = walras_bids { count: u64::MAX, ..bids };
        assert_eq!(clear_with(terms, &endless, &mut out), WALRAS_BAD_LENGTH);
        let crooked =
            walras_bids { prices_ticks: (1 + bids.prices_ticks as usize) as *const i64, count: 2, ..bids };
        assert_eq!(clear_with(terms, &crooked, &mut out), WALRAS_BAD_LENGTH);
        let flags = [0, 0x80, 0];
        let flagged = walras_bids { flags: flags.as_ptr(), ..bids };
        assert_eq!(clear_with(terms, &flagged, &mut out), WALRAS_BAD_ARGUMENT);
        assert_eq!(out, before, "nothing is written unless a call succeeds");
        for offsets in [[0, 4], [1, 3], [0, 2]] {
            let many = walras_clear_many(terms, 1, offsets.as_ptr(), &bids, 1, null(), &mut out);
            assert_eq!(many, WALRAS_BAD_LENGTH);
        }
        assert_eq!(clear_with(terms, &bids, &mut out), WALRAS_OK);
        assert_eq!(last_error(), "", "success leaves no error");
        assert_eq!(walras_terms_free(terms), WALRAS_OK);
        assert_eq!(walras_terms_free(terms), WALRAS_BAD_HANDLE, "freed twice");
        assert_eq!(walras_terms_free(null_mut()), WALRAS_OK);
        assert_eq!(clear_with(terms, &bids, &mut out), WALRAS_BAD_HANDLE, "used after it was freed");
    }
}

#[test]
fn bad_terms_name_the_field_and_bad_text_the_byte() {
    let mut terms = null_mut();
    let mut read = |json: &[u8]| {
        // SAFETY: the text is as long as it says.
        let status = unsafe { walras_terms_new(json.as_ptr().cast(), json.len() as u64, &mut terms) };
        (status, last_error())
    };
    let (status, why) = read(br#"{"suply":{"type":"fixed","quantity":1}}"#);
    assert_eq!(status, WALRAS_INVALID_MESSAGE);
    assert!(why.contains("suply") && why.contains("supply"), "{why}");
    assert_eq!(read(b"{\"name\":\"\xff\"}").0, WALRAS_NOT_UTF8);
    assert_eq!(read(b"").0, WALRAS_INVALID_MESSAGE);
    assert!(terms.is_null());
    // SAFETY: null is what is tested.
    unsafe {
        assert_eq!(walras_terms_new(null(), 5, &mut terms), WALRAS_NULL_POINTER);
        assert_eq!(
            walras_terms_new(TERMS.as_ptr().cast(), TERMS.len() as u64, null_mut()),
            WALRAS_NULL_POINTER
        );
    }
}

#[test]
fn documents_give_the_programs_own_line_and_supply_is_told_by_price() {
    let document =
        format!("{},\"bids\":[{{\"id\":\"a\",\"quantity\":7,\"price\":12}}]}}", &TERMS[..TERMS.len() - 1]);
    let (mut text, mut bytes): (*const c_char, u64) = (null(), 0);
    // SAFETY: the text is as long as it says, and what comes back ends with a zero.
    let line = unsafe {
        let status =
            walras_clear_json(document.as_ptr().cast(), document.len() as u64, &mut text, &mut bytes);
        assert_eq!(status, WALRAS_OK, "{}", last_error());
        CStr::from_ptr(text).to_str().expect("text")
    };
    assert_eq!(line.len() as u64, bytes);
    assert_eq!(line.as_bytes(), walras::wire::auction_json::result_line(document.as_bytes()).0);
    let elastic = terms_new(
        r#"{"tick_size":1,"lot_size":"0.1","reserve_price":1,"supply":{"type":"logarithmic","base_quantity":1000,
            "elasticity_factor":"0.5","reference_price":100}}"#,
    );
    let (mut lots, mut lowest) = ([0; 2], 0);
    let mut grids = walras_grids { tick_mantissa: 0, lot_mantissa: 0, tick_scale: 0, lot_scale: 0 };
    // SAFETY: the arrays are as long as they say.
    unsafe {
        assert_eq!(walras_terms_supply(elastic, [100, 200].as_ptr(), 2, lots.as_mut_ptr()), WALRAS_OK);
        assert_eq!(walras_terms_grids(elastic, &mut grids, &mut lowest), WALRAS_OK);
        assert_eq!(walras_terms_free(elastic), WALRAS_OK);
    }
    assert_eq!((lots, lowest), ([10_000, 13_465], 1));
    assert_eq!(grids, walras_grids { tick_mantissa: 1, lot_mantissa: 1, tick_scale: 0, lot_scale: 1 });
}

#[test]
fn floats_are_put_on_a_grid_whole_or_not_at_all() {
    let floats = [48.5, 0.1 + 0.2, 1.239];
    let mut steps = [-7; 3];
    let mut put = |rounding| {
        // SAFETY: the arrays are as long as they say.
        unsafe { walras_steps_from_floats(1, 2, rounding, floats.as_ptr(), 3, steps.as_mut_ptr()) }
    };
    assert_eq!(put(WALRAS_ROUND_REFUSE), WALRAS_OFF_GRID);
    assert!(last_error().contains("item 2"), "{}", last_error());
    assert_eq!(put(3), WALRAS_BAD_ARGUMENT);
    assert_eq!(put(WALRAS_ROUND_DOWN), WALRAS_OK);
    assert_eq!(steps, [4850, 30, 123]);
}

/// Terms of all kinds of sales in which prices and quantities are all there is to a bid.
fn plain_terms() -> impl Strategy<Value = String> {
    let supply = prop_oneof![
        (1_i64..4_000).prop_map(|lots| format!(r#"{{"type":"fixed","quantity":{lots}}}"#)),
        (1_i64..2_000)
            .prop_map(|lots| { format!(r#"{{"type":"step","points":[[5,{lots}],[40,{}]]}}"#, 2 * lots) }),
    ];
    let allocation =
        prop_oneof![Just("pro_rata"), Just("price_time"), Just("pro_rata_demand"), Just("size_time")];
    let price_rule = prop_oneof![Just("lab"), Just("hrb"), Just("mid"), Just("pay_as_bid")];
    let short = prop_oneof![Just("reserve"), Just("lowest_bid"), Just("cancel")];
    (supply, allocation, price_rule, short).prop_map(|(supply, allocation, price_rule, short)| {
        format!(
            r#"{{"supply":{supply},"tick_size":1,"lot_size":1,"reserve_price":5,"allow_price_takers":true,
                "allocation":"{allocation}","price_rule":"{price_rule}","undersubscribed":"{short}"}}"#
        )
    })
}

/// Few prices over a wide range or a narrow one, some too low, some without a limit, some wanting nothing.
fn plain_bids() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let price = prop_oneof![
        8 => 5_i64..60,
        4 => (0_i64..40).prop_map(|step| 5 + step * 100_003),
        1 => Just(WALRAS_NO_PRICE),
        1 => -3_i64..5,
    ];
    proptest::collection::vec((price, prop_oneof![20 => 1_i64..400, 1 => -1_i64..1]), 0..80)
}

proptest! {
    /// The short way for bids that are prices and quantities only gives what the long way gives.
    #[test]
    fn prices_and_quantities_alone_clear_as_with_all_columns(
        terms in plain_terms(),
        bids in plain_bids(),
        wants_payments in any::<bool>(),
    ) {
        let (prices, quantities): (Vec<i64>, Vec<i64>) = bids.iter().copied().unzip();
        let count = bids.len();
        let flags = vec![0_u8; count];
        let plain = walras_bids {
            count: count as u64,
            prices_ticks: prices.as_ptr(),
            quantities_lots: quantities.as_ptr(),
            ..none()
        };
        let with_flags = walras_bids { flags: flags.as_ptr(), ..plain };
        let mut long = Fills::new(count);
        let expected = clear(&terms, &with_flags, &mut long).expect("terms and columns are good");
        let (mut lots, mut marks) = (vec![-1_i64; count], vec![0xff_u8; count]);
        let mut payments = vec![int128(-1); count];
        let fills = walras_fills {
            lots: lots.as_mut_ptr(),
            payments: if wants_payments { payments.as_mut_ptr() } else { null_mut() },
            marks: marks.as_mut_ptr(),
            bidders_capacity: 0,
            bidders: null_mut(),
            bidder_lots: null_mut(),
            bidder_payments: null_mut(),
        };
        let handle = terms_new(&terms);
        let mut figures = std::mem::MaybeUninit::<walras_clearing>::zeroed();
        // SAFETY: every array has as many items as the count says, and the result is written where there is room.
        let status = unsafe { walras_clear_with(handle, &plain, &fills, figures.as_mut_ptr()) };
        prop_assert_eq!(status, 0, "{}", last_error());
        // SAFETY: the call has written it.
        let found = unsafe { figures.assume_init() };
        prop_assert_eq!((found.price_ticks, found.allocated_lots), (expected.price_ticks, expected.allocated_lots));
        prop_assert_eq!(found.refused_count, expected.refused_count);
        prop_assert_eq!(number(found.revenue), number(expected.revenue));
        prop_assert_eq!(number(found.marginal_demand_lots), number(expected.marginal_demand_lots));
        prop_assert_eq!(number(found.demand_above_lots), number(expected.demand_above_lots));
        prop_assert_eq!(&lots, &long.lots);
        if wants_payments {
            let numbers = |payments: &[walras_int128]| payments.iter().copied().map(number).collect::<Vec<_>>();
            prop_assert_eq!(numbers(&payments), numbers(&long.payments));
        }
        prop_assert_eq!(&marks, &long.marks);
        // SAFETY: the handle is freed once.
        unsafe { walras_terms_free(handle) };
    }
}

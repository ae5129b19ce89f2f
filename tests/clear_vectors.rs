//! The worked auctions in `tests/vectors`, and `walras clear` itself: its forms of input and output, and
//! its exit codes.

use std::fs;
use std::path::PathBuf;

use walras::wire::auction_json::{Auction, RefusalCode, check, result_line};

fn vector_files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let entries = fs::read_dir(folder).expect("the vectors are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

#[test]
fn every_vector_holds() {
    let mut vector_count = 0;
    for path in vector_files() {
        let file = fs::read(&path).expect("a readable file");
        for vector in check(&file).expect("a file of vectors") {
            assert!(vector.failures.is_empty(), "{}: {}: {:?}", path.display(), vector.id, vector.failures);
            vector_count += 1;
        }
    }
    assert!(vector_count >= 58, "only {vector_count} vectors");
}

fn result(auction: &str) -> String {
    let (line, _) = result_line(auction.as_bytes());
    String::from_utf8(line).expect("results are text")
}

/// A sale of so many lots at a reserve of 10, with these bids and further terms.
fn sale(supply: &str, terms: &str, bids: &str) -> String {
    format!(
        r#"{{"tick_size":"0.01","lot_size":1,"reserve_price":10,"supply":{{"type":"fixed","quantity":{supply}}}{terms},"bids":[{bids}]}}"#
    )
}

#[test]
fn a_result_has_every_figure_in_its_documented_order() {
    let auction = sale(
        "100",
        r#","money_unit":"1""#,
        r#"{"id":"a","quantity":60,"price":15.005},{"id":"b","bidder":"B","quantity":"60","price":"12"},
           {"id":"c","quantity":60,"price":12.35}"#,
    );
    assert_eq!(
        result(&auction),
        concat!(
            r#"{"mode":"sale","outcome":"cleared","clearing_price":"12","price_interval":["12","12"],"#,
            r#""indicative_price":"12","supply_at_price":"100","demand_at_or_above":"120","#,
            r#""demand_above":"60","marginal_demand":"60","marginal_available":"40","#,
            r#""marginal_fill_ratio":"2/3","total_allocated":"100","unsold":"0","oversold":"0","#,
            r#""total_revenue":"1200","total_bids":2,"total_quantity":"120","#,
            r#""allocations":{"b":{"quantity":"40","payment":"480"},"#,
            r#""c":{"quantity":"60","payment":"720"}},"#,
            r#""bidders":{"B":{"quantity":"40","payment":"480"},"c":{"quantity":"60","payment":"720"}},"#,
            r#""killed":[],"refused":{"a":"not_a_multiple"}}"#
        )
    );
}

#[test]
fn payments_are_exact_where_no_decimal_exists() {
    let auction = sale(
        "10",
        r#","price_rule":"pay_as_bid""#,
        r#"{"id":"t","quantity":1,"price":null},{"id":"a","quantity":2,"price":"20.01"},{"id":"b","quantity":5,"price":11}"#,
    );
    // 2 x 20.01 + 5 x 11 = 95.02 for 7 lots.
    let result = result(&auction);
    assert!(result.contains(r#""t":{"quantity":"1","payment":"4751/350"}"#), "{result}");
    assert!(result.contains(r#""total_revenue":"19004/175""#), "{result}");
}

#[test]
fn refusals_come_in_their_documented_order() {
    let terms = r#","min_bid_quantity":5,"max_bids_per_bidder":1"#;
    let cases = [
        // Off the grid wins over everything, the price before the quantity, and over what is unreadable after it.
        (r#"{"id":"x","price":1.001,"quantity":"two"}"#, RefusalCode::NotAMultiple),
        (r#"{"id":"x","price":"high","quantity":1.5}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":1.5}"#, RefusalCode::NotAMultiple),
        (r#"{"id":"x","price":-1.001,"quantity":1}"#, RefusalCode::NotAMultiple),
        (r#"{"id":"x","price":-1,"quantity":10}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":0}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":-7}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":7,"budget":7}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":7,"budget":7.001}"#, RefusalCode::NotAMultiple),
        (r#"{"id":"x","price":9}"#, RefusalCode::Invalid),
        (r#"{"id":"x","quantity":7}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":7,"sid":"buy"}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":7,"seq":-1}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":7,"is_phantom":1}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":true}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":1e400,"quantity":7}"#, RefusalCode::Invalid),
        (r#"{"id":"first","price":9,"quantity":7}"#, RefusalCode::Invalid),
        (r#"{"id":"x","price":9,"quantity":4}"#, RefusalCode::BelowMinQuantity),
        (r#"{"id":"x","price":null,"quantity":4}"#, RefusalCode::BelowMinQuantity),
        (r#"{"id":"x","price":9.99,"quantity":5}"#, RefusalCode::BelowReserve),
        (r#"{"id":"x","price":9.99,"budget":5}"#, RefusalCode::BelowReserve),
    ];
    for (bid, code) in cases {
        let bids = format!(r#"{{"id":"first","price":10,"quantity":5}},{bid}"#);
        let auction = Auction::read(sale("100", terms, &bids).as_bytes()).expect("the terms are good");
        let codes: Vec<RefusalCode> = auction.refused.iter().map(|refused| refused.1).collect();
        assert_eq!(codes, [code], "{bid}");
    }
}

#[test]
fn a_budget_needs_a_price_above_zero_and_no_cap() {
    let bid = r#"{"id":"x","price":9,"budget":5}"#;
    let free = format!(r#"{{"supply":{{"type":"fixed","quantity":1}},"bids":[{bid}]}}"#);
    let auction = Auction::read(free.as_bytes()).expect("the terms are good");
    assert_eq!(auction.refused, [("x".into(), RefusalCode::NeedsPositiveReserve)]);
    let capped = sale("10", r#","max_award_fraction":0.5"#, bid);
    let auction = Auction::read(capped.as_bytes()).expect("the terms are good");
    assert_eq!(auction.refused, [("x".into(), RefusalCode::Invalid)]);
}

#[test]
fn bids_without_a_usable_id_are_refused_by_their_place() {
    let bids =
        r#"{"price":10,"quantity":5},{"id":{},"price":10,"quantity":5},[],{"id":7,"price":10,"quantity":5}"#;
    let auction = Auction::read(sale("100", "", bids).as_bytes()).expect("the terms are good");
    let refused: Vec<&str> = auction.refused.iter().map(|refused| refused.0.as_str()).collect();
    assert_eq!(refused, ["bids[0]", "bids[1]", "bids[2]"]);
    assert_eq!(auction.ids, ["7"]);
}

#[test]
fn time_priority_is_the_sequence_number_and_then_the_place() {
    let bids = r#"{"id":"a","price":12,"quantity":6,"seq":9},{"id":"b","price":12,"quantity":6,"seq":"3"},
                  {"id":"c","price":12,"quantity":6,"seq":3}"#;
    let result = result(&sale("8", r#","allocation":"price_time""#, bids));
    for (id, lots) in [("a", 0), ("b", 6), ("c", 2)] {
        assert!(result.contains(&format!(r#""{id}":{{"quantity":"{lots}""#)), "{result}");
    }
}

/// The program itself.
#[cfg(feature = "server")]
mod program {
    use std::io::Write;
    use std::process::{Command, Output, Stdio};

    use super::{sale, vector_files};

    fn clear(arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_walras"))
            .arg("clear")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("its input is ours");
        // It may refuse its arguments without reading.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("the program ends")
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("the program writes text")
    }

    #[test]
    fn all_vectors_hold_and_a_broken_one_is_told_field_by_field() {
        let files = vector_files();
        let mut arguments = vec!["--check"];
        arguments.extend(files.iter().map(|path| path.to_str().expect("plain names")));
        let output = clear(&arguments, "");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        assert!(text(&output.stdout).ends_with("vectors hold\n"));

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("broken.json");
        let auction = sale("10", "", r#"{"id":"a","quantity":20,"price":12}"#);
        let expect =
            r#"{"clearing_price":"12.0","quantities":{"a":9,"b":0},"total_revenue":120,"outcome":"no_sale"}"#;
        std::fs::write(&path, format!(r#"[{{"id":"v","auction":{auction},"expect":{expect}}}]"#))
            .expect("written");
        let path = path.to_str().expect("plain names");
        let output = clear(&["--check", path], "");
        assert_eq!(output.status.code(), Some(1));
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        assert_eq!(
            lines,
            [
                format!(r#"{path}: v: quantities.a: expected 9, got "10""#),
                format!(r#"{path}: v: outcome: expected "no_sale", got "cleared""#),
                "0 of 1 vectors hold".into()
            ]
        );
    }

    #[test]
    fn a_batch_answers_every_line_in_order_and_ends_with_1_if_one_was_bad() {
        let good = sale("10", "", r#"{"id":"a","quantity":20,"price":12}"#);
        let bad = good.replace("reserve_price", "reserved_price");
        let output = clear(&["--batch"], &format!("{good}\n{bad}\n\nnonsense\n{good}"));
        assert_eq!(output.status.code(), Some(1));
        let lines: Vec<&str> = text(&output.stdout).lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with(r#"{"mode":"sale","outcome":"cleared""#));
        let error = r#"{"error":"reserved_price: unknown key; the nearest known is `reserve_price`"}"#;
        assert_eq!(lines[1], error);
        assert!(lines[2].starts_with(r#"{"error":"#) && lines[3].starts_with(r#"{"error":"#));
        assert_eq!(lines[4], lines[0]);
        let output = clear(&["--batch"], &format!("{good}\n{good}\n"));
        assert_eq!(output.status.code(), Some(0));
    }

    #[test]
    fn bad_terms_are_named_and_end_with_2() {
        let points = r#"[[1,5],[2,7],[3,6]]"#;
        let auction = format!(r#"{{"supply":{{"type":"step","points":{points}}},"bids":[]}}"#);
        let output = clear(&[], &auction);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), "walras: supply.points[2]: quantity decreases\n");
        assert!(output.stdout.is_empty());
        assert_eq!(clear(&["/no/such/file"], "").status.code(), Some(2));
        assert_eq!(clear(&["--batch", "--table"], "").status.code(), Some(2));
    }

    #[test]
    fn a_table_and_a_picture_show_the_sale() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sale.svg");
        let bids = r#"{"id":"a","quantity":60,"price":15},{"id":"b","quantity":60,"price":12},{"id":"x","quantity":1,"price":1}"#;
        let plot = path.to_str().expect("plain names");
        let output = clear(&["-", "--table", "--plot", plot], &sale("100", "", bids));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let table = text(&output.stdout);
        for line in ["clearing price   12", "sold             100", "x: refused, below_reserve"] {
            assert!(table.lines().any(|each| each == line), "{table}");
        }
        let row = table.lines().find(|line| line.starts_with("b ")).expect("a row for b");
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells, ["b", "b", "60", "12", "40", "480", "at", "the", "margin"]);
        let picture = std::fs::read_to_string(path).expect("a picture");
        for words in ["clearing price 12", "quantity", "price", "supply", "demand"] {
            assert!(picture.contains(words), "{words}");
        }
    }
}

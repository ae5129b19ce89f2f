//! `walras dev --once` as a user runs it: it ends by itself in time, and its table is a
//! result that follows from the bids it lists.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Runs the binary and gives what it printed, and how long that took.
fn dev(arguments: &[&str]) -> (Output, Duration) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_walras"))
        .arg("dev")
        .args(["--port", "0"])
        .args(arguments)
        .output()
        .expect("the binary is there");
    (output, started.elapsed())
}

/// One line of the table: limit, wanted, won and paid, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    limit: i64,
    wanted: i64,
    won: i64,
    pays: i64,
}

struct Table {
    price: i64,
    sold: i64,
    paid: i64,
    winners: usize,
    bids: usize,
    rows: Vec<Row>,
    left_out: usize,
}

/// `1,234.50` in hundredths.
fn hundredths(text: &str) -> i64 {
    let text = text.replace(',', "");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    assert_eq!(fraction.len(), 2, "{text}");
    let whole: i64 = whole.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
    let fraction: i64 = fraction.parse().expect("digits");
    whole * 100 + fraction
}

/// Reads `Auction 1 cleared at P: S sold for M; W of B bids won.` and the rows below it.
fn table(printed: &str) -> Table {
    let line = printed.lines().find(|line| line.contains(" cleared at ")).expect("it cleared");
    let words: Vec<&str> = line.split([' ', ':', ';']).filter(|word| !word.is_empty()).collect();
    let word_after = |word: &str| words[words.iter().position(|one| *one == word).expect(word) + 1];
    let word_before = |word: &str| words[words.iter().position(|one| *one == word).expect(word) - 1];
    let below = printed.split("bidder  ").nth(1).expect("the table's head");
    let rows = below.lines().skip(1).take_while(|line| !line.is_empty());
    let mut left_out = 0;
    let mut found = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split_whitespace().collect();
        match cells[0] {
            "…" => left_out = cells.get(1).map_or(0, |count| count.parse().expect("a count")),
            name if name.starts_with("bidder-") => found.push(Row {
                limit: hundredths(cells[1]),
                wanted: hundredths(cells[2]),
                won: hundredths(cells[3]),
                pays: hundredths(cells[4]),
            }),
            _ => assert!(row.contains('─'), "{row}"),
        }
    }
    Table {
        price: hundredths(word_after("at")),
        sold: hundredths(word_before("sold")),
        paid: hundredths(word_after("for")),
        winners: word_before("of").parse().expect("a count"),
        bids: word_after("of").parse().expect("a count"),
        rows: found,
        left_out,
    }
}

impl Table {
    fn check(&self) {
        assert_eq!(self.rows.len() + self.left_out, self.bids);
        assert!(self.rows.iter().map(|row| row.limit).is_sorted_by(|one, next| one >= next), "best first");
        for row in &self.rows {
            assert!(row.won <= row.wanted, "{row:?}");
            assert!(row.limit <= self.price || row.won == row.wanted, "above the price, so filled: {row:?}");
            assert!(row.limit >= self.price || row.won == 0, "below the price, so nothing: {row:?}");
            assert_eq!(row.pays * 100, row.won * self.price, "everybody pays the one price: {row:?}");
        }
        let won: Vec<&Row> = self.rows.iter().filter(|row| row.won > 0).collect();
        assert_eq!(won.len(), self.winners);
        assert_eq!(won.iter().map(|row| row.won).sum::<i64>(), self.sold);
        assert_eq!(won.iter().map(|row| row.pays).sum::<i64>(), self.paid);
        // A lower price would not do: more was wanted at this one, or nobody below it was left out.
        let wanted: i64 = self.rows.iter().filter(|row| row.limit >= self.price).map(|row| row.wanted).sum();
        assert!(wanted >= self.sold);
    }
}

#[test]
fn one_auction_ends_in_time_with_a_table_that_adds_up() {
    let (output, took) = dev(&["--once", "--duration", "5s", "--seed", "7"]);
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.stderr.is_empty(),
        "nothing to complain about: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!printed.contains('\u{1b}'), "plain lines where there is no terminal");
    assert!(printed.contains("wscat -c ws://127.0.0.1:") && printed.contains("Bearer test-token:NAME"));
    assert!(printed.lines().filter(|line| line.starts_with("auction 1 ")).count() >= 4, "it is shown live");
    assert!(printed.contains("which sum to 0.00 in money and 0 in lots"), "it was settled: {printed}");
    let first = table(&printed);
    first.check();
    assert!(first.winners >= 3 && first.bids > first.winners, "a market worth looking at: {printed}");

    // The seed repeats the whole book.
    let (output, _) = dev(&["--once", "--duration", "5s", "--seed", "7"]);
    let again = table(&String::from_utf8(output.stdout).expect("text"));
    assert_eq!((again.price, again.sold, again.paid), (first.price, first.sold, first.paid));
    assert_eq!(again.rows, first.rows);
}

#[test]
fn other_bidders_rates_and_seeds_give_other_markets_that_add_up_too() {
    for arguments in [
        ["--seed", "11", "--bidders", "40", "--bids-per-second", "60", "--duration", "3s"],
        ["--seed", "12", "--bidders", "3", "--bids-per-second", "4", "--duration", "2s"],
    ] {
        let (output, took) = dev(&[&["--once"], &arguments[..]].concat());
        let printed = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(took < Duration::from_secs(15), "{took:?}");
        if printed.contains(" cleared at ") && !printed.contains("  …\n") {
            table(&printed).check();
        }
    }
}

#[test]
fn wrong_arguments_are_told_with_what_would_do() {
    for (arguments, told) in [
        (&["--duration", "5"][..], "5"),
        (&["--bidders", "0"], "1..=500"),
        (&["--bids-per-second", "fast"], "must be a number"),
        (&["--duration", "2h"], "from 1s to 1h"),
        (&["--port", "80", "--listen", "127.0.0.1:0"], "cannot be used"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_walras")).arg("dev").args(arguments).output();
        let output = output.expect("the binary is there");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

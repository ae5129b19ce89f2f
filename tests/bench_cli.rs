//! `walras bench` against a real server, both as processes: what it counts must add up,
//! and nothing of it may stay behind.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const SECRET: &str = "a secret of the tests, long enough for HS256";

/// A server in memory on a free port, killed when this goes.
struct Server {
    process: Child,
    ready: Value,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(settings: &[&str]) -> Self {
        let mut process = walras()
            .args(["serve", "--listen", "127.0.0.1:0", "--durability", "memory", "--accept-loss"])
            .args(["--shards", "2", "--set", "log=error"])
            .args(settings)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).expect("the readiness line is JSON");
        Self { process, ready }
    }

    fn bench(&self, arguments: &[&str]) -> Output {
        let url = self.ready["ws"].as_str().expect("an address");
        let pid = self.process.id().to_string();
        let mut command = walras();
        command.arg("bench").args(arguments).args(["--url", url, "--server-pid", &pid]);
        command.output().expect("the binary runs")
    }

    /// The one JSON object of a run that went well.
    fn figures(&self, arguments: &[&str]) -> Value {
        let output = self.bench(&[arguments, &["--json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn walras() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walras"));
    command.env("WALRAS_AUTH_HS256_SECRET", SECRET).env_remove("WALRAS_CONFIG");
    command
}

fn count(figures: &Value, key: &str) -> u64 {
    figures[key].as_u64().unwrap_or_else(|| panic!("{key} in {figures}"))
}

fn value(figures: &Value, key: &str) -> f64 {
    figures[key].as_f64().unwrap_or_else(|| panic!("{key} in {figures}"))
}

#[test]
fn every_bid_reaches_every_subscriber_in_a_window_and_by_the_clock() {
    let server = Server::start();
    for pace in [["--window", "1"], ["--window", "16"], ["--rate", "200"]] {
        let run = ["fanout", "--subscribers", "30", "--seconds", "500ms", pace[0], pace[1]];
        let figures = server.figures(&run);
        assert!(count(&figures, "bids") > 0, "{figures}");
        assert_eq!(count(&figures, "deliveries"), 30 * count(&figures, "bids"), "{figures}");
        assert_eq!(count(&figures, "gaps"), 0, "{figures}");
        assert!((250.0..400.0).contains(&value(&figures, "message_bytes")), "{figures}");
        assert!(value(&figures, "latency_p50_us") > 0.0, "{figures}");
        assert!(value(&figures, "latency_p50_us") <= value(&figures, "to_all_max_us"), "{figures}");
        assert!(value(&figures, "cpu_s_per_million_deliveries") > 0.0, "{figures}");
    }
    let by_the_clock = server.figures(&["fanout", "--subscribers", "3", "--seconds", "1s", "--rate", "100"]);
    assert_eq!(count(&by_the_clock, "bids"), 100, "the clock was not kept: {by_the_clock}");
}

#[test]
fn subscribers_that_read_nothing_do_not_keep_the_others_from_their_bids() {
    let server = Server::start();
    let run = ["fanout", "--subscribers", "12", "--stalled", "2", "--seconds", "500ms"];
    let figures = server.figures(&run);
    assert_eq!(count(&figures, "deliveries"), 10 * count(&figures, "bids"), "{figures}");
    let ends = ["stalled_closed_4431", "stalled_reset", "stalled_open"];
    assert_eq!(ends.map(|key| count(&figures, key)).iter().sum::<u64>(), 2, "{figures}");
}

#[test]
fn bids_and_pings_are_answered_in_both_kinds_of_loops() {
    let server = Server::start();
    for (what, run) in [
        ("bids", vec!["bids", "--connections", "4", "--window", "3"]),
        ("pings", vec!["pings", "--connections", "4"]),
    ] {
        let figures = server.figures(&[&run[..], &["--seconds", "500ms"]].concat());
        assert!(count(&figures, what) > 0, "{figures}");
        assert!(value(&figures, "corrected_p99_us") > 0.0, "{figures}");
        let by_the_clock = [&run[..3], &["--seconds", "1s", "--rate", "100"]].concat();
        let figures = server.figures(&by_the_clock);
        assert!((50..=150).contains(&count(&figures, what)), "about a hundred, not {figures}");
        assert!(value(&figures, "latency_p99_us") > 0.0, "{figures}");
    }
}

#[test]
fn auctions_that_are_full_are_followed_by_others() {
    let server = Server::start_with(&["--set", "limits.bids_per_auction=100"]);
    for pace in [["--window", "3"], ["--rate", "2000"]] {
        let run = ["bids", "--connections", "4", "--seconds", "500ms", pace[0], pace[1]];
        let figures = server.figures(&run);
        assert!(count(&figures, "bids") > 200, "more than two auctions take: {figures}");
    }
}

#[test]
fn waiting_connections_are_counted_and_their_memory_is_found() {
    let server = Server::start();
    let run = ["idle", "--connections", "200", "--subscriptions", "3", "--settle", "100ms"];
    let figures = server.figures(&run);
    assert_eq!((count(&figures, "connections"), count(&figures, "subscriptions")), (200, 3));
    assert!(count(&figures, "resident_bytes_before") > 1_000_000, "{figures}");
    assert!(value(&figures, "opened_s") > 0.0, "{figures}");
}

#[test]
fn a_table_for_people_and_no_auction_left_behind() {
    let server = Server::start();
    let output = server.bench(&["fanout", "--subscribers", "5", "--seconds", "200ms"]);
    let table = String::from_utf8_lossy(&output.stdout);
    for line in ["deliveries a second", "latency of a delivery, µs", "CPU s per million deliveries"] {
        assert!(table.lines().any(|found| found.starts_with(line)), "{line} in\n{table}");
    }
    let next = server.figures(&["idle", "--connections", "1", "--settle", "100ms"]);
    assert_eq!(count(&next, "connections"), 1);
    let http = server.ready["http"].as_str().and_then(|url| url.strip_prefix("http://")).expect("an address");
    let states = auction_states(http);
    assert_eq!(states, ["cancelled", "cancelled"], "one of each run");
}

/// The status of each auction, over REST.
fn auction_states(authority: &str) -> Vec<String> {
    use std::io::{Read as _, Write as _};
    let token =
        walras().args(["token", "--subject", "olive", "--role", "operator"]).output().expect("it runs");
    let token = String::from_utf8(token.stdout).expect("a token is text");
    let mut stream = std::net::TcpStream::connect(authority).expect("the server is there");
    write!(
        stream,
        "GET /v1/auctions HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        token.trim()
    )
    .expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    let listed: Value = serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {answer}"));
    let auctions = listed["auctions"].as_array().unwrap_or_else(|| panic!("auctions in {listed}"));
    auctions.iter().map(|auction| auction["status"].as_str().expect("a status").to_owned()).collect()
}

#[test]
fn what_cannot_be_measured_is_said_with_the_right_status() {
    let no_secret = Command::new(env!("CARGO_BIN_EXE_walras"))
        .args(["bench", "pings", "--url", "ws://127.0.0.1:1"])
        .env_remove("WALRAS_AUTH_HS256_SECRET")
        .output()
        .expect("the binary runs");
    assert_eq!(no_secret.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&no_secret.stderr).contains("hs256_secret"));
    for (arguments, status, part) in [
        (&["pings", "--url", "http://127.0.0.1:1"][..], 2, "ws://"),
        (&["pings", "--url", "ws://127.0.0.1"], 2, "port"),
        (&["pings", "--url", "wss://127.0.0.1:1"], 2, "--tls-ca"),
        (&["fanout", "--url", "ws://127.0.0.1:1", "--window", "1", "--rate", "5"], 2, "--rate"),
        (&["fanout", "--url", "ws://127.0.0.1:1", "--subscribers", "2", "--stalled", "2"], 2, "--stalled"),
        // Nobody listens at port 1.
        (&["fanout", "--url", "ws://127.0.0.1:1"], 1, "no auction"),
        (&["pings", "--url", "ws://127.0.0.1:1"], 1, "no connection"),
    ] {
        let output = walras().arg("bench").args(arguments).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(errors.contains(part) && output.stdout.is_empty(), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_token_that_the_server_does_not_take_is_told_in_the_servers_words() {
    let server = Server::start();
    let output = server.bench(&["pings", "--token", "made.up.token", "--seconds", "200ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Invalid token"));
}

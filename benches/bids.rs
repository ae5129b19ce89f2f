//! Durable bids over WebSockets, end to end: the real server as a process, its log on a real disk, clients on the same
//! machine.
//!
//! `cargo bench --bench bids -- [FOLDER]`, the folder being on the disk to be measured. First how long an acknowledgement
//! takes at 1,000 bids a second, counted from the moment the bid was due; beside it what one write and one
//! `fdatasync` of a plain file on the same disk take, as often as that disk can up to the same rate. Then as many
//! bids a second as go through, each connection keeping some unanswered. Every answer counted is a `bid_accepted`; in the end the log is asked how many
//! bids it holds.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};
use walras::server::jwt::{Claims, NumericDate, OneOrMany, mint};

const BINARY: &str = env!("CARGO_BIN_EXE_walras");
const SECRET: &str = "a secret of the bench, long enough for HS256";
const AUCTION: &str = "550e8400-e29b-41d4-a716-446655440000";
const CONNECTIONS: u32 = 32;
/// Bids without an answer, on each connection.
const UNANSWERED: u32 = 128;
const ROUND: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
const PACED_CONNECTIONS: u32 = 10;
const PACED_PER_SECOND: u32 = 1_000;
const PACED: Duration = Duration::from_secs(10);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let place = tempfile::tempdir_in(folder).expect("a folder to write to");
    let data = place.path().join("data");
    let server = Server::start(&data);
    create_auction(server.address);
    let plain = plain_file(place.path());
    let acks = paced(server.address);
    say(format!("at {PACED_PER_SECOND}/s, {PACED_CONNECTIONS} connections, {} s:", PACED.as_secs()));
    say(format!("  plain write and fdatasync   {}", told(&plain)));
    say(format!("  bid to acknowledgement      {}", told(&acks)));
    let mut accepted = acks.len();
    for _ in 0..ROUNDS {
        let (count, elapsed) = flood(server.address);
        accepted += count;
        let per_second = count as f64 / elapsed.as_secs_f64();
        say(format!(
            "{CONNECTIONS} connections, {UNANSWERED} unanswered on each: {per_second:.0} durable bids/s"
        ));
    }
    drop(server);
    let dump = Command::new(BINARY).args(["log", "dump"]).arg(&data).output().expect("it runs");
    let held = String::from_utf8_lossy(&dump.stdout).matches(r#""kind":"submit_bid""#).count() as u64;
    assert!(held >= accepted, "{accepted} bids were acknowledged, and the log holds {held}");
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--set", "log=error"]);
        command.args(["--set", "limits.bids_per_auction=100000000", "--data"]).arg(data);
        command.env("WALRAS_AUTH_HS256_SECRET", SECRET).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("it speaks");
        let ready: Value = serde_json::from_str(&line).expect("it serves");
        let address = ready["http"].as_str().and_then(|url| url.strip_prefix("http://")).expect("an address");
        Self { process, address: address.parse().expect("an address") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it was not waited for");
        self.process.wait().expect("it ends");
    }
}

fn token(subject: &str, permissions: &[&str]) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let claims = Claims {
        sub: subject.to_owned(),
        exp: NumericDate::from_seconds(now.as_secs() as i64 + 3_600),
        permissions: Some(OneOrMany::Many(permissions.iter().map(|&word| word.to_owned()).collect())),
        limits: Some("unlimited".into()),
        ..Claims::default()
    };
    mint(&claims, SECRET)
}

fn create_auction(address: SocketAddr) {
    let body = json!({
        "auction_id": AUCTION, "supply": {"type": "fixed", "quantity": 1_000_000}, "tick_size": "0.01",
        "lot_size": "1", "max_bids_per_bidder": 100_000_000,
    })
    .to_string();
    let token = token("operator", &["read", "operate"]);
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "POST /v1/auctions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// A signed-in connection.
fn connect(address: SocketAddr, subject: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a setting");
    let (mut socket, _) =
        tungstenite::client(format!("ws://{address}/v1/ws"), stream).expect("it shakes hands");
    let auth = json!({"type": "auth", "token": token(subject, &["read", "write"])});
    socket.send(Message::text(auth.to_string())).expect("sent");
    let welcome = socket.read().expect("answered");
    assert!(welcome.to_text().expect("text").starts_with(r#"{"type":"auth_success""#), "{welcome}");
    socket
}

fn bid(number: u32) -> Message {
    let price = 1 + number.wrapping_mul(2_654_435_761) % 100_000;
    Message::text(format!(
        r#"{{"type":"submit_bid","auction_id":"{AUCTION}","payload":{{"quantity":{},"price":{}.{:02}}}}}"#,
        1 + number % 90,
        price / 100,
        price % 100
    ))
}

/// Reads until an answer to a bid, which must be its acceptance.
fn read_acceptance(socket: &mut WebSocket<TcpStream>) {
    loop {
        let Message::Text(text) = socket.read().expect("it lives") else { continue };
        if text.starts_with(r#"{"type":"bid_accepted""#) {
            return;
        }
        assert!(text.starts_with(r#"{"type":"ping""#), "{text}");
    }
}

/// As many bids as go through; how many were acknowledged, and in which time.
fn flood(address: SocketAddr) -> (u64, Duration) {
    let mut sockets: Vec<_> =
        (0..CONNECTIONS).map(|number| connect(address, &format!("flood-{number}"))).collect();
    let begun = Instant::now();
    let count = std::thread::scope(|scope| {
        let work = |socket| move || flood_one(socket, begun + ROUND);
        let threads: Vec<_> = sockets.iter_mut().map(|socket| scope.spawn(work(socket))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    (count, begun.elapsed())
}

fn flood_one(socket: &mut WebSocket<TcpStream>, until: Instant) -> u64 {
    let (mut sent, mut acknowledged) = (0, 0);
    while Instant::now() < until || acknowledged < sent {
        // Half of what may be unanswered at a time, so that bids share writes as a busy desk's would.
        if Instant::now() < until && sent - acknowledged <= u64::from(UNANSWERED / 2) {
            for _ in 0..UNANSWERED / 2 {
                socket.write(bid(sent as u32)).expect("it lives");
                sent += 1;
            }
            socket.flush().expect("it lives");
        }
        read_acceptance(socket);
        acknowledged += 1;
    }
    acknowledged
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds in order")
}

/// From when the time of a piece of work is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// When it was due: what waits behind it waits too.
    Due,
    /// When it was begun.
    Begun,
}

/// Calls `work` at its share of the rate and notes how long each took, in microseconds.
fn at_rate(per_second: u32, from: Since, mut work: impl FnMut(u32)) -> Histogram<u64> {
    let mut took = histogram();
    let begun = Instant::now();
    for number in 0..per_second * PACED.as_secs() as u32 {
        let due = begun + Duration::from_secs(1) * number / per_second;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = if from == Since::Due { due } else { Instant::now() };
        work(number);
        took.record(start.elapsed().as_micros() as u64).expect("within bounds");
    }
    took
}

fn paced(address: SocketAddr) -> Histogram<u64> {
    let threads: Vec<_> = (0..PACED_CONNECTIONS)
        .map(|number| {
            std::thread::spawn(move || {
                let mut socket = connect(address, &format!("paced-{number}"));
                std::thread::sleep(Duration::from_millis(u64::from(number)));
                at_rate(PACED_PER_SECOND / PACED_CONNECTIONS, Since::Due, |number| {
                    socket.send(bid(number)).expect("it lives");
                    read_acceptance(&mut socket);
                })
            })
        })
        .collect();
    let mut all = histogram();
    for thread in threads {
        all.add(thread.join().expect("no panic")).expect("the same bounds");
    }
    all
}

/// One write of a bid's size into a file that is full of zeros, and one sync, at the same rate.
fn plain_file(folder: &Path) -> Histogram<u64> {
    let file = File::create_new(folder.join("plain")).expect("made");
    file.write_all_at(&vec![0; 16 << 20], 0).expect("written");
    file.sync_all().expect("synced");
    at_rate(PACED_PER_SECOND, Since::Begun, |number| {
        file.write_all_at(&[1; 320], u64::from(number) * 320).expect("written");
        file.sync_data().expect("synced");
    })
}

fn told(took: &Histogram<u64>) -> String {
    let ms = |part: f64| took.value_at_quantile(part) as f64 / 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms", ms(0.5), ms(0.99), ms(0.999))
}

fn say(line: String) {
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}

//! `walras bench bids` and `walras bench pings`: messages that are answered, in a closed
//! loop (the next one when the last is answered) or an open one (by the clock).

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::Value;

use super::super::Failure;
use super::super::settings::DurationMs;
use super::access::Access;
use super::crowd::{Crowd, Heard, Plan, kind};
use super::progress::Progress;
use super::report::{Report, grouped, latencies};
use super::{CommonFlags, bid, rate, seconds, spans};

/// How long the last answers may take once the last message is sent.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// Bids from many bidders: how many a second, and how long until they are accepted
///
/// Without --rate each connection sends its next bid when one is accepted (a closed loop): that
/// shows how much the server can do. Latency of a closed loop says little about real clients, who
/// do not wait for each other, so it is also given as if they had not. With --rate bids leave by
/// the clock (an open loop), and latency counts from when they were due. Acceptance comes once a
/// bid is as durable as the server promises.
#[derive(clap::Args)]
pub struct BidArguments {
    #[command(flatten)]
    exchange: ExchangeFlags,
}

/// Round trips of the client's ping: the connection by itself, without the engine
#[derive(clap::Args)]
pub struct PingArguments {
    #[command(flatten)]
    exchange: ExchangeFlags,
}

#[derive(clap::Args)]
struct ExchangeFlags {
    /// How many clients there are, each a bidder of its own
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Messages that each connection has under way in a closed loop
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    window: u32,
    /// Messages a second, all connections together, by the clock
    #[arg(long, value_name = "RATE", conflicts_with = "window", value_parser = rate)]
    rate: Option<f64>,
    /// How long to measure, such as 10s
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = seconds)]
    seconds: DurationMs,
    #[command(flatten)]
    common: CommonFlags,
}

/// What is sent and what answers it.
enum Subject {
    /// To the last of these auctions: the others are full.
    Bids {
        auctions: Vec<String>,
    },
    Pings,
}

impl Subject {
    fn request(&self, number: u64) -> String {
        match self {
            Self::Bids { auctions } => bid(auctions.last().map_or("", String::as_str), number),
            Self::Pings => r#"{"type":"ping","timestamp":"2024-01-01T00:00:30.000Z"}"#.to_owned(),
        }
    }

    fn answer(&self) -> &'static [u8] {
        match self {
            Self::Bids { .. } => b"bid_accepted",
            Self::Pings => b"pong",
        }
    }

    fn plural(&self) -> &'static str {
        match self {
            Self::Bids { .. } => "bids",
            Self::Pings => "pings",
        }
    }

    fn auctions(&self) -> &[String] {
        match self {
            Self::Bids { auctions } => auctions,
            Self::Pings => &[],
        }
    }
}

/// Whether an answer says that the auction has as many bids as the server takes.
fn is_full(text: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(text).unwrap_or_default();
    let refusal = &answer["payload"];
    answer["type"] == "bid_rejected"
        && refusal["code"] == "SERVICE_UNAVAILABLE"
        && refusal["details"]["max"].is_number()
}

pub fn run_bids(arguments: &BidArguments) -> Result<(), Failure> {
    let flags = &arguments.exchange;
    flags.common.check()?;
    let access = flags.common.access.open()?;
    let mut subject = Subject::Bids { auctions: vec![access.open_auction()?] };
    let outcome = measure(flags, &access, &mut subject);
    subject.auctions().iter().for_each(|auction| access.cancel_auction(auction));
    outcome?.print(flags.common.json);
    Ok(())
}

pub fn run_pings(arguments: &PingArguments) -> Result<(), Failure> {
    let flags = &arguments.exchange;
    flags.common.check()?;
    let access = flags.common.access.open()?;
    measure(flags, &access, &mut Subject::Pings)?.print(flags.common.json);
    Ok(())
}

/// Messages and their answers.
struct Exchange<'a> {
    access: &'a Access,
    subject: &'a mut Subject,
    /// By connection, its messages without an answer. Answers come in their order.
    under_way: Vec<VecDeque<UnderWay>>,
    /// Whose bids were refused by an auction that is full; to be sent again.
    refused_by_full: Vec<(usize, UnderWay)>,
    sent: u64,
    answered: u64,
    is_sending: bool,
    is_closed_loop: bool,
    latency: Histogram<u64>,
    refused: Option<String>,
}

/// A message without an answer.
#[derive(Clone, Copy)]
struct UnderWay {
    /// When it was sent, or was due.
    since: Instant,
    /// How many auctions there were then.
    auction_count: usize,
}

impl Exchange<'_> {
    #[inline]
    fn hear(&mut self, heard: Heard<'_>) {
        let kind = kind(heard.text);
        if kind == b"ping" {
            return;
        }
        let Some(answered) = self.under_way[heard.member].pop_front() else {
            return self.refuse(heard.text);
        };
        if kind != self.subject.answer() {
            if is_full(heard.text) {
                return self.refused_by_full.push((heard.member, answered));
            }
            return self.refuse(heard.text);
        }
        self.answered += 1;
        self.latency.saturating_record(heard.at.saturating_duration_since(answered.since).as_nanos() as u64);
        if self.is_closed_loop && self.is_sending {
            let request = self.next(heard.member, heard.at);
            heard.out.text(request.as_bytes());
        }
    }

    #[cold]
    fn refuse(&mut self, text: &[u8]) {
        self.refused.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
    }

    /// The next message of a connection.
    fn next(&mut self, member: usize, at: Instant) -> String {
        self.sent += 1;
        self.request(member, at)
    }

    fn request(&mut self, member: usize, since: Instant) -> String {
        let auction_count = self.subject.auctions().len();
        self.under_way[member].push_back(UnderWay { since, auction_count });
        self.subject.request(self.sent)
    }

    /// Sends the bids again that came to an auction that was full: to another one, opened if need be.
    fn send_again(&mut self, crowd: &mut Crowd<'_>) -> Result<(), Failure> {
        for (member, refused) in std::mem::take(&mut self.refused_by_full) {
            if let Subject::Bids { auctions } = self.subject
                && auctions.len() == refused.auction_count
            {
                auctions.push(self.access.open_auction()?);
            }
            let request = self.request(member, refused.since);
            crowd.send(member, request.as_bytes());
        }
        Ok(())
    }
}

fn measure(flags: &ExchangeFlags, access: &Access, subject: &mut Subject) -> Result<Report, Failure> {
    let mut crowd = Crowd::new(access).map_err(Failure::running)?;
    let plans: Vec<Rc<Plan>> = (0..flags.connections)
        .map(|index| {
            let token = access.token(&format!("bench-bidder-{index}"), "trader")?;
            Ok(Rc::new(Plan { token, subscribes: Vec::new(), receive_bytes: None }))
        })
        .collect::<Result<_, Failure>>()?;
    let opened = crowd.open(plans.into_iter()).map_err(Failure::running)?;
    let plural = subject.plural();
    let mut exchange = Exchange {
        access,
        subject,
        under_way: vec![VecDeque::new(); crowd.count()],
        refused_by_full: Vec::new(),
        sent: 0,
        answered: 0,
        is_sending: true,
        is_closed_loop: flags.rate.is_none(),
        latency: latencies(),
        refused: None,
    };
    if exchange.is_closed_loop {
        for member in 0..crowd.count() {
            for _ in 0..flags.window {
                let request = exchange.next(member, Instant::now());
                crowd.send(member, request.as_bytes());
            }
        }
    }
    let (span, warm_up) = spans(flags.seconds);
    drive(flags, &mut crowd, &mut exchange, warm_up)?;
    exchange.latency.reset();
    let answered_before = exchange.answered;
    let (started_at, before) = (Instant::now(), flags.common.processor_time()?);
    drive(flags, &mut crowd, &mut exchange, span)?;
    let (measured, after) = (started_at.elapsed(), flags.common.processor_time()?);
    let answered = exchange.answered - answered_before;
    exchange.is_sending = false;
    finish(&mut crowd, &mut exchange)?;

    let span_s = measured.as_secs_f64();
    let mut report = Report::default();
    report.count("connections", "connections", u64::from(flags.connections));
    report.value("opened_s", "seconds until all were signed in", opened.as_secs_f64(), 2);
    match flags.rate {
        Some(rate) => report.value("rate", "asked for a second, by the clock", rate, 1),
        None => report.count("window", "under way on each connection", u64::from(flags.window)),
    }
    report.count(plural, &format!("{plural} answered"), answered);
    report.value(&format!("{plural}_per_s"), "a second", answered as f64 / span_s, 0);
    report.latency("latency", "latency", &exchange.latency);
    if exchange.is_closed_loop && answered > 0 {
        // As if each connection had sent at its mean pace, whatever the answers did.
        let pace_ns = (span_s * 1e9 * f64::from(flags.connections) / answered as f64) as u64;
        let corrected = exchange.latency.clone_correct(pace_ns.max(1));
        report.latency("corrected", "corrected for waiting", &corrected);
    }
    if let Some((before, after)) = before.zip(after) {
        report.processor(after.since(before), span_s, answered, plural);
    }
    Ok(report)
}

/// Goes on for this long.
fn drive(
    flags: &ExchangeFlags,
    crowd: &mut Crowd<'_>,
    exchange: &mut Exchange<'_>,
    span: Duration,
) -> Result<(), Failure> {
    let started_at = Instant::now();
    let (until, first) = (started_at + span, exchange.sent);
    let mut progress = Progress::new();
    loop {
        let now = Instant::now();
        if now >= until {
            return Ok(());
        }
        let mut patience = (until - now).min(Duration::from_millis(50));
        while let Some(rate) = flags.rate {
            let due = started_at + Duration::from_secs_f64((exchange.sent - first) as f64 / rate);
            if due > now {
                patience = patience.min(due - now);
                break;
            }
            let member = (exchange.sent % crowd.count() as u64) as usize;
            let request = exchange.next(member, due);
            crowd.send(member, request.as_bytes());
        }
        poll(crowd, exchange, patience)?;
        progress.show(now, || {
            format!("{} sent, {} answered", grouped(exchange.sent), grouped(exchange.answered))
        });
    }
}

/// Waits for the last answers.
fn finish(crowd: &mut Crowd<'_>, exchange: &mut Exchange<'_>) -> Result<(), Failure> {
    let until = Instant::now() + LAST_PATIENCE;
    while exchange.answered < exchange.sent {
        if Instant::now() > until {
            let missing = exchange.sent - exchange.answered;
            return Err(Failure::running(format!("{missing} messages were not answered in time")));
        }
        poll(crowd, exchange, Duration::from_millis(50))?;
    }
    Ok(())
}

fn poll(crowd: &mut Crowd<'_>, exchange: &mut Exchange<'_>, patience: Duration) -> Result<(), Failure> {
    crowd.poll(patience, &mut |heard| exchange.hear(heard)).map_err(Failure::running)?;
    exchange.send_again(crowd)?;
    if let Some(refused) = &exchange.refused {
        return Err(Failure::running(format!("the server answered: {refused}")));
    }
    if crowd.over_count() > 0 {
        let ending = (0..crowd.count()).find_map(|member| crowd.ending(member));
        return Err(Failure::running(format!("a connection was lost: {ending:?}")));
    }
    Ok(())
}

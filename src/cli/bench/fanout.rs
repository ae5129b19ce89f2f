//! `walras bench fanout`: one bidder, many who watch. What a delivery costs the server,
//! and how long it takes from the bid to everybody.

use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::super::Failure;
use super::super::settings::DurationMs;
use super::crowd::{Crowd, Ending, Heard, Plan, sequence};
use super::process::ProcessorTime;
use super::progress::Progress;
use super::report::{Report, grouped, latencies};
use super::{CommonFlags, bid, rate, seconds, spans};

/// How long the last deliveries may take once the last bid is sent.
const LAST_PATIENCE: Duration = Duration::from_secs(10);
/// What a subscriber that reads nothing lets the system hold for it.
const STALLED_RECEIVE_BYTES: usize = 4096;

/// One bidder, many subscribers: the cost and the latency of a delivery
///
/// Each bid is cleared and logged by the server, and its `new_bid` goes to every subscriber. With
/// --window so many bids are under way at a time: 1 shows what single events cost, 16 what the
/// server makes of a burst. With --rate bids leave by the clock, and latency counts from the moment
/// a bid was due, so that a server that stalls cannot hide it.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many clients watch
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    subscribers: u32,
    /// How many of them read nothing once they have subscribed
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    stalled: u32,
    /// Bids under way: sent, and not yet with all who read
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: u32,
    /// Bids a second, by the clock, instead of a window
    #[arg(long, value_name = "RATE", conflicts_with = "window", value_parser = rate)]
    rate: Option<f64>,
    /// How long to measure, such as 10s
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = seconds)]
    seconds: DurationMs,
    #[command(flatten)]
    common: CommonFlags,
}

/// What has come to whom.
struct Deliveries {
    /// When each bid was sent, or was due.
    sent: Vec<Instant>,
    /// By bid, how many have it.
    arrivals: Vec<u32>,
    /// Bids that all have.
    complete: usize,
    readers: u32,
    members: Vec<Reading>,
    bidder: usize,
    accepted: u64,
    refused: Option<String>,
    /// The first bid that counts.
    first_measured: usize,
    count: u64,
    bytes: u64,
    gaps: u64,
    latency: Histogram<u64>,
    to_all: Histogram<u64>,
}

/// How far one subscriber is.
#[derive(Default, Clone, Copy)]
struct Reading {
    sequence: u64,
    bids: usize,
}

impl Deliveries {
    fn new(readers: u32, members: usize, bidder: usize) -> Self {
        Self {
            sent: Vec::new(),
            arrivals: Vec::new(),
            complete: 0,
            readers,
            members: vec![Reading::default(); members],
            bidder,
            accepted: 0,
            refused: None,
            first_measured: 0,
            count: 0,
            bytes: 0,
            gaps: 0,
            latency: latencies(),
            to_all: latencies(),
        }
    }

    #[inline]
    fn hear(&mut self, heard: &Heard<'_>) {
        let member = &mut self.members[heard.member];
        let number = sequence(heard.text).unwrap_or(0);
        self.gaps += u64::from(member.sequence != 0 && number != member.sequence + 1);
        member.sequence = number;
        if heard.member == self.bidder {
            if heard.text.starts_with(br#"{"type":"bid_accepted""#) {
                self.accepted += 1;
            } else if !heard.text.starts_with(br#"{"type":"ping""#) {
                self.refused.get_or_insert_with(|| String::from_utf8_lossy(heard.text).into_owned());
            }
            return;
        }
        if !heard.text.starts_with(br#"{"type":"new_bid""#) {
            return;
        }
        // Nobody else bids here: the n-th message is of the n-th bid.
        let index = member.bids;
        member.bids += 1;
        let (Some(&sent), Some(arrivals)) = (self.sent.get(index), self.arrivals.get_mut(index)) else {
            self.refused.get_or_insert_with(|| "a bid came that was never sent".to_owned());
            return;
        };
        *arrivals += 1;
        let is_with_all = *arrivals == self.readers;
        self.complete += usize::from(is_with_all);
        if index >= self.first_measured {
            let ns = heard.at.saturating_duration_since(sent).as_nanos() as u64;
            self.count += 1;
            self.bytes += heard.text.len() as u64;
            self.latency.saturating_record(ns);
            if is_with_all {
                self.to_all.saturating_record(ns);
            }
        }
    }

    /// Bids from now on count, and nothing before.
    fn start_measuring(&mut self) {
        self.first_measured = self.sent.len();
        (self.count, self.bytes, self.gaps) = (0, 0, 0);
        self.latency.reset();
        self.to_all.reset();
    }
}

/// A run under way.
struct Run<'a> {
    arguments: &'a Arguments,
    crowd: Crowd<'a>,
    deliveries: Deliveries,
    auction: &'a str,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.stalled >= arguments.subscribers {
        return Err(Failure::usage("--stalled must leave a subscriber that reads"));
    }
    arguments.common.check()?;
    let access = arguments.common.access.open()?;
    let auction = access.open_auction()?;
    let outcome = measure(arguments, &access, &auction);
    access.cancel_auction(&auction);
    outcome?.print(arguments.common.json);
    Ok(())
}

fn measure(arguments: &Arguments, access: &super::access::Access, auction: &str) -> Result<Report, Failure> {
    let mut crowd = Crowd::new(access).map_err(Failure::running)?;
    let subscribe = format!(r#"{{"type":"subscribe","channel":"bids","auction_id":"{auction}"}}"#);
    let watching = |receive_bytes| -> Result<Rc<Plan>, Failure> {
        let token = access.token("bench-watcher", "viewer")?;
        Ok(Rc::new(Plan { token, subscribes: vec![subscribe.clone()], receive_bytes }))
    };
    let readers = arguments.subscribers - arguments.stalled;
    let plans: Vec<Rc<Plan>> = std::iter::repeat_n(watching(None)?, readers as usize)
        .chain(std::iter::repeat_n(watching(Some(STALLED_RECEIVE_BYTES))?, arguments.stalled as usize))
        .collect();
    let opened = crowd.open(plans.into_iter()).map_err(Failure::running)?;
    let token = access.token("bench-bidder", "trader")?;
    let bidding = Rc::new(Plan { token, subscribes: Vec::new(), receive_bytes: None });
    crowd.open(std::iter::once(bidding)).map_err(Failure::running)?;
    for member in readers..arguments.subscribers {
        crowd.stop_reading(member as usize);
    }
    let (members, bidder) = (crowd.count(), crowd.count() - 1);
    let deliveries = Deliveries::new(readers, members, bidder);
    let mut run = Run { arguments, crowd, deliveries, auction };
    let (span, warm_up) = spans(arguments.seconds);
    run.drive(warm_up, "warming up")?;
    run.deliveries.start_measuring();
    let (started_at, before) = (Instant::now(), arguments.common.processor_time()?);
    run.drive(span, "measuring")?;
    let (measured, after) = (started_at.elapsed(), arguments.common.processor_time()?);
    let used = before.zip(after).map(|(before, after)| after.since(before));
    run.report(measured, opened, used)
}

impl Run<'_> {
    /// Sends bids for this long, then waits until all who read have them.
    fn drive(&mut self, span: Duration, what: &str) -> Result<(), Failure> {
        let started_at = Instant::now();
        let (first, until) = (self.deliveries.sent.len(), started_at + span);
        let mut progress = Progress::new();
        loop {
            let now = Instant::now();
            let is_over = now >= until;
            let mut patience = Duration::from_millis(50);
            if !is_over {
                patience = patience.min(until - now).min(self.send_due(started_at, first, now));
            } else if self.deliveries.complete == self.deliveries.sent.len() {
                return Ok(());
            } else if now > until + LAST_PATIENCE {
                let missing = self.deliveries.sent.len() - self.deliveries.complete;
                return Err(Failure::running(format!("{missing} bids did not reach everybody in time")));
            }
            let Self { crowd, deliveries, .. } = self;
            crowd.poll(patience, &mut |heard| deliveries.hear(&heard)).map_err(Failure::running)?;
            self.check()?;
            progress.show(now, || {
                let (sent, done) = (self.deliveries.sent.len(), self.deliveries.complete);
                format!("{what}: {} bids sent, {} with everybody", grouped(sent as u64), grouped(done as u64))
            });
        }
    }

    /// Sends the bids whose time has come, and says how long there is nothing more to send.
    fn send_due(&mut self, started_at: Instant, first: usize, now: Instant) -> Duration {
        loop {
            let number = self.deliveries.sent.len();
            let sent_at = match self.arguments.rate {
                Some(rate) => {
                    let due = started_at + Duration::from_secs_f64((number - first) as f64 / rate);
                    if due > now {
                        return due - now;
                    }
                    due
                }
                None if number - self.deliveries.complete >= self.arguments.window as usize => {
                    return Duration::MAX;
                }
                None => Instant::now(),
            };
            self.deliveries.sent.push(sent_at);
            self.deliveries.arrivals.push(0);
            self.crowd.send(self.deliveries.bidder, bid(self.auction, number as u64).as_bytes());
        }
    }

    /// Nobody who reads may be lost, and no bid refused.
    fn check(&self) -> Result<(), Failure> {
        if let Some(refused) = &self.deliveries.refused {
            return Err(Failure::running(format!("the bidder was told: {refused}")));
        }
        if self.crowd.over_count() > 0 {
            let readers = (0..self.deliveries.readers as usize).chain([self.deliveries.bidder]);
            if let Some(ending) = readers.filter_map(|member| self.crowd.ending(member)).next() {
                return Err(Failure::running(format!("a connection was lost: {ending:?}")));
            }
        }
        Ok(())
    }

    fn report(
        mut self,
        measured: Duration,
        opened: Duration,
        used: Option<ProcessorTime>,
    ) -> Result<Report, Failure> {
        let span_s = measured.as_secs_f64();
        let stalled = self.end_of_stalled()?;
        let deliveries = &self.deliveries;
        let mut report = Report::default();
        report.count("subscribers", "subscribers", u64::from(self.arguments.subscribers));
        match self.arguments.rate {
            Some(rate) => report.value("rate", "bids a second, by the clock", rate, 1),
            None => report.count("window", "bids under way", u64::from(self.arguments.window)),
        }
        report.value("opened_s", "seconds until all had subscribed", opened.as_secs_f64(), 2);
        report.count("bids", "bids", (deliveries.sent.len() - deliveries.first_measured) as u64);
        report.count("deliveries", "deliveries", deliveries.count);
        report.value("deliveries_per_s", "deliveries a second", deliveries.count as f64 / span_s, 0);
        let message_bytes = deliveries.bytes as f64 / deliveries.count.max(1) as f64;
        report.value("message_bytes", "bytes a message", message_bytes, 0);
        report.count("gaps", "gaps in the numbers", deliveries.gaps);
        report.latency("latency", "latency of a delivery", &deliveries.latency);
        report.latency("to_all", "latency of the last one", &deliveries.to_all);
        if let Some(used) = used {
            report.processor(used, span_s, deliveries.count, "deliveries");
        }
        if self.arguments.stalled > 0 {
            report.count("stalled_closed_4431", "stalled: closed as slow (4431)", stalled.slow);
            report.count("stalled_reset", "stalled: reset", stalled.reset);
            report.count("stalled_open", "stalled: still open", stalled.open);
        }
        Ok(report)
    }

    /// Lets the stalled read again, and sees what became of them.
    fn end_of_stalled(&mut self) -> Result<Stalled, Failure> {
        let mut stalled = Stalled::default();
        let members = self.deliveries.readers as usize..self.arguments.subscribers as usize;
        members.clone().for_each(|member| self.crowd.resume_reading(member));
        let until = Instant::now() + Duration::from_secs(1);
        while !members.is_empty() && Instant::now() < until {
            let patience = until.saturating_duration_since(Instant::now());
            self.crowd.poll(patience, &mut |_| {}).map_err(Failure::running)?;
        }
        for member in members {
            match self.crowd.ending(member) {
                Some(Ending::Closed(4431)) => stalled.slow += 1,
                Some(_) => stalled.reset += 1,
                None => stalled.open += 1,
            }
        }
        Ok(stalled)
    }
}

/// What became of subscribers that did not read.
#[derive(Default)]
struct Stalled {
    slow: u64,
    reset: u64,
    open: u64,
}

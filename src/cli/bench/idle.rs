//! `walras bench idle`: connections that are signed in, subscribed, and wait. How fast
//! they come in, and how much of the server's memory each of them takes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::super::Failure;
use super::super::settings::DurationMs;
use super::access::Access;
use super::crowd::{Crowd, Plan};
use super::process::resident_bytes;
use super::progress::Progress;
use super::report::Report;
use super::{CommonFlags, seconds};

/// Connections that only wait: how fast they come in, and what each costs in memory
///
/// Memory is the growth of the server's resident set from before the first connection until
/// --settle after the last, divided by their number. The system may allow too few open
/// sockets: raise `ulimit -n` for both sides.
#[derive(clap::Args)]
pub struct Arguments {
    /// How many connections
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Auctions each is subscribed to
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    subscriptions: u32,
    /// How long to wait before memory is read
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = seconds)]
    settle: DurationMs,
    #[command(flatten)]
    common: CommonFlags,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.common.check()?;
    let access = arguments.common.access.open()?;
    let mut auctions = Vec::new();
    let mut outcome = Ok(());
    for _ in 0..arguments.subscriptions {
        match access.open_auction() {
            Ok(auction) => auctions.push(auction),
            Err(why) => {
                outcome = Err(why);
                break;
            }
        }
    }
    let outcome = outcome.and_then(|()| measure(arguments, &access, &auctions));
    auctions.iter().for_each(|auction| access.cancel_auction(auction));
    outcome?.print(arguments.common.json);
    Ok(())
}

fn measure(arguments: &Arguments, access: &Access, auctions: &[String]) -> Result<Report, Failure> {
    let memory = || arguments.common.server_pid.map(resident_bytes).transpose().map_err(Failure::running);
    let mut crowd = Crowd::new(access).map_err(Failure::running)?;
    let subscribe = |auction| format!(r#"{{"type":"subscribe","channel":"bids","auction_id":"{auction}"}}"#);
    let plan = Rc::new(Plan {
        token: access.token("bench-watcher", "viewer")?,
        subscribes: auctions.iter().map(subscribe).collect(),
        receive_bytes: None,
    });
    let before = memory()?;
    let plans: Vec<Rc<Plan>> = std::iter::repeat_n(plan, arguments.connections as usize).collect();
    let opened = crowd.open(plans.into_iter()).map_err(Failure::running)?;
    let until = Instant::now() + Duration::from_millis(arguments.settle.0);
    let mut progress = Progress::new();
    while Instant::now() < until {
        let patience = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(50));
        crowd.poll(patience, &mut |_| {}).map_err(Failure::running)?;
        progress.show(Instant::now(), || format!("{} connections wait", arguments.connections));
    }
    if crowd.over_count() > 0 {
        let ending = (0..crowd.count()).find_map(|member| crowd.ending(member));
        return Err(Failure::running(format!("a connection was lost: {ending:?}")));
    }
    let mut report = Report::default();
    report.count("connections", "connections", u64::from(arguments.connections));
    report.count("subscriptions", "subscriptions of each", u64::from(arguments.subscriptions));
    report.value("opened_s", "seconds until all were ready", opened.as_secs_f64(), 2);
    if let Some((before, after)) = before.zip(memory()?) {
        let bytes = (after as f64 - before as f64) / f64::from(arguments.connections);
        report.count("resident_bytes_before", "resident bytes of the server before", before);
        report.count("resident_bytes_after", "resident bytes of the server after", after);
        report.value("bytes_per_connection", "bytes a connection", bytes, 0);
    }
    Ok(report)
}

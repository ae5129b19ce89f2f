//! `walras bench`: a load generator for any walras server, over real sockets.
//!
//! One thread plays all clients; the server's processor time and memory come from its
//! process. Each measurement is a file: `fanout`, `exchange` (bids and pings), `idle`.

mod access;
mod crowd;
mod exchange;
mod fanout;
mod frame;
mod idle;
mod process;
mod progress;
mod report;
mod stream;

use std::time::Duration;

use clap::Subcommand;

use super::Failure;
use super::settings::DurationMs;
use access::AccessFlags;

/// Measure a running server: fan-out, bids, round trips, memory
///
/// Opens an auction of its own on the server, another when bids have filled it, plays the clients, and
/// takes the auctions back. Results go to standard output, a line about the progress to standard error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  walras bench fanout --rate 50 --token test-token          against `walras dev`
  walras bench fanout --subscribers 1000 --window 16 --server-pid $(pgrep -n walras)
  walras bench fanout --subscribers 1000 --rate 200 --stalled 10 --seconds 30s
  walras bench bids --connections 64                        closed loop: how many, as fast as they are answered
  walras bench bids --rate 1000 --json                      open loop: how long at this rate
  walras bench idle --connections 10000 --server-pid PID    memory of a connection that waits

For figures to compare, give server and bench a core each (`taskset -c 0 walras serve …`,
`taskset -c 1 walras bench …`) and take the median of several runs.")]
pub struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    Fanout(fanout::Arguments),
    Bids(exchange::BidArguments),
    Pings(exchange::PingArguments),
    Idle(idle::Arguments),
}

/// What all measurements take.
#[derive(clap::Args)]
struct CommonFlags {
    #[command(flatten)]
    access: AccessFlags,
    /// The server's process on this machine, for its processor time and memory
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::raise_socket_limit();
    match &arguments.measurement {
        Measurement::Fanout(arguments) => fanout::run(arguments),
        Measurement::Bids(arguments) => exchange::run_bids(arguments),
        Measurement::Pings(arguments) => exchange::run_pings(arguments),
        Measurement::Idle(arguments) => idle::run(arguments),
    }
}

impl CommonFlags {
    /// Checks that the process is there before anything is measured.
    fn check(&self) -> Result<(), Failure> {
        match self.server_pid.map(process::ProcessorTime::of) {
            Some(Err(why)) => Err(Failure::usage(format!("--server-pid: {why}"))),
            _ => Ok(()),
        }
    }

    fn processor_time(&self) -> Result<Option<process::ProcessorTime>, Failure> {
        self.server_pid.map(process::ProcessorTime::of).transpose().map_err(Failure::running)
    }
}

/// How long a measurement lasts, and how long the server is warmed up before.
fn spans(seconds: DurationMs) -> (Duration, Duration) {
    let measured = Duration::from_millis(seconds.0);
    (measured, (measured / 5).min(Duration::from_secs(1)))
}

fn seconds(text: &str) -> Result<DurationMs, String> {
    let duration: DurationMs = text.parse()?;
    if (100..=3_600_000).contains(&duration.0) {
        Ok(duration)
    } else {
        Err("must be from 100ms to 1h".to_owned())
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.1..=10_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("must be from 0.1 to 10000000".to_owned())
    }
}

/// A bid of the `number`th of a run: prices and quantities that move up and down, so that there is a market.
fn bid(auction: &str, number: u64) -> String {
    // Steps of the golden ratio fall evenly everywhere.
    let spread = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32;
    let (quantity, ticks) = (1 + spread % 200, 80 + spread / 200 % 41);
    format!(
        r#"{{"type":"submit_bid","auction_id":"{auction}","payload":{{"quantity":{quantity}.0,"price":{}.{},"is_marginal":false}}}}"#,
        ticks / 2,
        ticks % 2 * 5
    )
}

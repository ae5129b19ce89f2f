//! `walras dev`: a whole market on this machine. A real server, an auction that stays open for
//! whoever wants to try the guide, and a demo that runs one auction after the other with
//! simulated bidders over real WebSockets.

mod bidder;
mod client;
mod desk;
mod figures;
mod plan;
mod report;
mod screen;
mod show;
mod view;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;
use walras::server::Origins;
use walras::server::auth::Tokens;
use walras::server::config::{Config, Source};

use super::Failure;
use super::instance::{self, Instance, Signals};
use super::settings::{ConfigFlags, DurationMs};
use desk::Desk;
use plan::Pace;
use screen::Screen;

/// The auction that the guide's snippets name.
const GUIDE_AUCTION: &str = "550e8400-e29b-41d4-a716-446655440000";
/// People type: signing in may take a minute.
const SIGN_IN_MS: u64 = 60_000;
const BIDDERS_MAX: u64 = 500;

/// Run a whole market on this machine: server, open auction, and a live demo with simulated bidders
///
/// Serves http://127.0.0.1:8080 and ws://127.0.0.1:8080/v1/ws, accepts `Bearer test-token` and
/// `Bearer test-token:NAME`, keeps the guide's auction open, and runs demo auctions until stopped.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  walras dev                                  demo auctions of 30 seconds, until Ctrl-C
  walras dev --once --duration 5s             one auction, then exit
  walras dev --seed 7 --bidders 40 --bids-per-second 50
  walras dev --port 9000 --data ./dev-data    keep the log for `walras log`")]
pub struct Arguments {
    /// Port on the loopback interface; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080, conflicts_with = "listen")]
    port: u16,
    /// Serve on another address than loopback: anybody who can reach it may do anything
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Keep the log in this folder [default: a temporary folder, removed at exit]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// How many simulated bidders there are
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=BIDDERS_MAX))]
    bidders: u64,
    /// How often they act, all together
    #[arg(long, value_name = "RATE", default_value_t = 8.0, value_parser = rate)]
    bids_per_second: f64,
    /// How long each auction lasts, from 1s
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    duration: DurationMs,
    /// Run one auction, then exit: 0 if its result adds up
    #[arg(long)]
    once: bool,
    /// Repeat the demo of this seed [default: random]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    config: ConfigFlags,
}

/// A folder that is removed when this value goes.
struct TemporaryFolder(PathBuf);

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let temporary = if arguments.data.is_none() { Some(TemporaryFolder::make()?) } else { None };
    let config = config(arguments, temporary.as_ref().map(|folder| folder.0.as_path()))?;
    instance::start_reports(&config.log)?;
    let signals = Signals::listen()?;
    let instance = instance::start(&config, Tokens::Development, origins(arguments))?;
    stop_on(signals, Arc::clone(&stop));
    let outcome = demo(arguments, &instance, &stop);
    instance.stop();
    drop(temporary);
    outcome
}

/// The first signal ends the demo in good order, the second at once.
fn stop_on(mut signals: Signals, stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        signals.wait();
        stop.store(true, Ordering::Relaxed);
        signals.wait();
        std::process::exit(130);
    });
}

fn demo(arguments: &Arguments, instance: &Instance, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let desk = Desk::new(Arc::clone(&instance.host));
    let mut screen = Screen::new();
    let guide_note = open_guide_auction(&desk).map_err(Failure::running)?;
    let seed = arguments.seed.unwrap_or_else(|| u64::from(Uuid::new_v4().as_fields().0));
    screen.print(&welcome(instance, guide_note, seed));
    let pace = Pace {
        bidders: usize::try_from(arguments.bidders).unwrap_or(1),
        steps_per_second: arguments.bids_per_second,
        duration_ms: arguments.duration.0,
    };
    for number in 1.. {
        let show = show::Show { desk: &desk, server: instance.local_address(), number, seed, pace, stop };
        show.run(&mut screen).map_err(Failure::running)?;
        if arguments.once || show::rest(stop) {
            break;
        }
    }
    if stop.load(Ordering::Relaxed) {
        screen.print("\nStopping.");
    }
    Ok(())
}

/// The guide's auction, open for a day. Its id is fixed, so on kept data it may be there from before.
fn open_guide_auction(desk: &Desk) -> Result<&'static str, String> {
    let terms = serde_json::json!({
        "auction_id": GUIDE_AUCTION,
        "name": "The guide's auction",
        "supply": {
            "type": "linear", "base_quantity": 10_000, "price_floor": 40, "price_ceiling": 80,
            "elasticity_factor": 0.5,
        },
        "tick_size": "0.01",
        "lot_size": "0.01",
        "reserve_price": 40,
        "duration_ms": 86_400_000,
        "allow_price_takers": true,
        "allow_phantom_bids": true,
    });
    Ok(match desk.open(&terms, "test-token")? {
        desk::Opened::Now(_) => "open for a day",
        desk::Opened::Before(_) => "kept from before",
    })
}

fn welcome(instance: &Instance, guide_note: &str, seed: u64) -> String {
    let ws = instance.ws_url();
    format!(
        "walras dev: a market on this machine; everybody may do everything. Ctrl-C stops it.\n\n  \
         REST       {http}\n  \
         WebSocket  {ws}\n  \
         tokens     Bearer test-token, or Bearer test-token:NAME for separate bidders\n  \
         auction    {GUIDE_AUCTION} ({guide_note})\n\n\
         Join in another terminal (npm install -g wscat), paste the lines after it:\n\n  \
         wscat -c {ws}\n  \
         {{\"type\":\"auth\",\"token\":\"Bearer test-token:me\"}}\n  \
         {{\"type\":\"subscribe\",\"channel\":\"auction\",\"auction_id\":\"{GUIDE_AUCTION}\"}}\n  \
         {{\"type\":\"submit_bid\",\"auction_id\":\"{GUIDE_AUCTION}\",\"payload\":{{\"quantity\":100.0,\"price\":50.0}}}}\n\n\
         Simulated bidders, seed {seed} (--seed {seed} repeats them):\n",
        http = instance.http_url(),
    )
}

fn config(arguments: &Arguments, temporary: Option<&Path>) -> Result<Config, Failure> {
    let loaded = arguments.config.load()?;
    let mut config = loaded.config.clone();
    if loaded.source("log") == Some(&Source::Default) {
        // What goes well would only disturb the picture.
        config.log = "warn".to_owned();
    }
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    config.listen = arguments.listen.unwrap_or(loopback);
    config.auth.deadline_ms = SIGN_IN_MS;
    config.drain_ms = 0;
    if let Some(folder) = arguments.data.as_deref().or(temporary) {
        config.data = folder.to_owned();
    }
    Ok(config)
}

/// On loopback any web page that a browser shows could connect: only pages of this machine may.
fn origins(arguments: &Arguments) -> Origins {
    match arguments.listen {
        Some(address) if !is_loopback(address.ip()) => Origins::Any,
        _ => Origins::Loopback,
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.1..=10_000.0).contains(&rate) { Ok(rate) } else { Err("must be from 0.1 to 10000".to_owned()) }
}

fn duration(text: &str) -> Result<DurationMs, String> {
    let duration: DurationMs = text.parse()?;
    let hour_ms = 3_600_000;
    if (1_000..=hour_ms).contains(&duration.0) {
        Ok(duration)
    } else {
        Err("must be from 1s to 1h".to_owned())
    }
}

impl TemporaryFolder {
    fn make() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("walras-dev-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&path)
            .map_err(|why| Failure::running(format!("cannot make the folder {}: {why}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(why) = std::fs::remove_dir_all(&self.0) {
            super::complain(&format!("cannot remove {}: {why}", self.0.display()));
        }
    }
}

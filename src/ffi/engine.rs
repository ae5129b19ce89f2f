//! The live engine: made from a few options, entered by every call, stopped when it is freed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::handles::{Forking, Kind, Table};
use super::live_types::{
    WALRAS_DURABILITY_FSYNC, WALRAS_DURABILITY_MEMORY, WALRAS_DURABILITY_OS, WALRAS_ENGINE_DRAINING,
    WALRAS_ENGINE_FAULTY, WALRAS_ENGINE_FROZEN, WALRAS_ENGINE_FULL, WALRAS_ENGINE_LOW_SPACE,
    WALRAS_ENGINE_READY, walras_engine_status,
};
use super::platform;
use super::status::{
    Fault, WALRAS_BAD_ARGUMENT, WALRAS_FROZEN, WALRAS_INTERNAL, WALRAS_NOT_SUPPORTED, WALRAS_STOPPED,
    WALRAS_UNAVAILABLE,
};
use crate::engine::{self, Answer, Command, EngineLimits};
use crate::host::{
    Clock, Closed, Encoding, Host, HostConfig, Ids, ManualClock, Memory, RandomIds, Readiness, Refused,
    SeededIds, SystemClock, Turn,
};
use crate::log::{self, Durability, Epoch, Fresh, LogId, Options};
use crate::units::TimeUs;

/// All engines that C holds.
pub(super) static ENGINES: Table<Engine> = Table::new(Kind::Engine, Forking::Ends);

/// An engine, and whatever time it keeps.
pub(super) struct Engine {
    pub(super) host: Arc<Host>,
    manual: Option<Arc<ManualClock>>,
    config: HostConfig,
}

/// What an engine may be told when it is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    data: Option<PathBuf>,
    durability: Option<DurabilityWord>,
    clock: ClockWord,
    start_time_us: Option<i64>,
    seed: Option<u64>,
    ring_bytes: usize,
    history_bytes: usize,
    queue_requests: usize,
    active_auctions: u32,
    bids_per_auction: u32,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum DurabilityWord {
    Fsync,
    Os,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum ClockWord {
    System,
    Manual,
}

/// Least and most bytes of the ring of events.
const RING_BYTES: std::ops::RangeInclusive<usize> = 64 << 10..=1 << 30;
/// Most requests of a server's clients that may wait for the engine.
const QUEUE_REQUESTS_MAX: usize = 1 << 20;

impl Default for Settings {
    fn default() -> Self {
        let host = HostConfig::default();
        Self {
            data: None,
            durability: None,
            clock: ClockWord::System,
            start_time_us: None,
            seed: None,
            ring_bytes: host.ring_bytes,
            history_bytes: host.history_bytes,
            queue_requests: host.intake_requests_max,
            active_auctions: 1_000_000,
            bids_per_auction: host.engine.bids_per_auction_max,
        }
    }
}

impl Settings {
    fn read(json: &str) -> Result<Self, Fault> {
        if json.trim().is_empty() {
            return Ok(Self::default());
        }
        let settings: Self =
            serde_json::from_str(json).map_err(|error| Fault::invalid("the engine's options", error))?;
        let wrong = |field: &str, why: &str| Err(Fault::invalid(field, why));
        if !RING_BYTES.contains(&settings.ring_bytes) {
            return wrong("ring_bytes", "must be from 65536 to 1073741824");
        }
        if !(1..=QUEUE_REQUESTS_MAX).contains(&settings.queue_requests) {
            return wrong("queue_requests", "must be from 1 to 1048576");
        }
        if settings.active_auctions == 0 || settings.bids_per_auction >= u32::MAX - 1 {
            return wrong("active_auctions, bids_per_auction", "are beyond what an engine takes");
        }
        if settings.durability.is_some() && settings.data.is_none() {
            return wrong("durability", "needs a folder in `data`: without one nothing is durable");
        }
        if settings.start_time_us.is_some() && settings.clock == ClockWord::System {
            return wrong("start_time_us", "is for the manual clock");
        }
        Ok(settings)
    }

    fn host(&self) -> HostConfig {
        HostConfig {
            engine: EngineLimits {
                active_auctions_max: self.active_auctions,
                bids_per_auction_max: self.bids_per_auction,
            },
            intake_requests_max: self.queue_requests,
            ring_bytes: self.ring_bytes,
            history_bytes: self.history_bytes,
            encoding: Encoding::WhileHeard,
            ..HostConfig::default()
        }
    }

    /// Names for a history that begins.
    fn fresh(&self) -> Fresh {
        let epoch = match self.seed {
            Some(seed) => format!("seed-{seed:016x}"),
            None => Uuid::new_v4().simple().to_string(),
        };
        Fresh {
            epoch: Epoch::new(epoch).expect("these characters can be printed"),
            log_id: LogId(*Uuid::new_v4().as_bytes()),
        }
    }
}

impl Engine {
    pub fn new(options: &str) -> Result<Self, Fault> {
        engine::advise_of_memory(platform::expect_filling);
        let settings = Settings::read(options)?;
        let manual = (settings.clock == ClockWord::Manual)
            .then(|| Arc::new(ManualClock::new(TimeUs(settings.start_time_us.unwrap_or(0)))));
        let clock: Arc<dyn Clock> = match &manual {
            Some(manual) => Arc::clone(manual) as _,
            None => Arc::new(SystemClock::new()),
        };
        let config = settings.host();
        let host = match &settings.data {
            Some(data) => {
                let durability = match settings.durability {
                    None | Some(DurabilityWord::Fsync) => Durability::Fsync,
                    Some(DurabilityWord::Os) => Durability::Os,
                };
                let options = Options { durability, ..Options::default() };
                let opened = log::open(data, options, settings.fresh())?;
                // A run that goes on with a log must not give the ids of the run before again.
                let ids = ids(settings.seed, opened.recovery.end.0);
                Host::start(config, opened, clock, ids)?
            }
            None => {
                let is_timed = manual.is_none();
                let engine = engine::Engine::new(config.engine);
                let memory = Memory { engine, fresh: settings.fresh(), is_timed };
                Host::in_memory(config, memory, clock, ids(settings.seed, 0))?
            }
        };
        Ok(Self { host, manual, config })
    }

    /// An engine of its own that begins where this one stands: in memory, its clock standing still.
    pub fn fork(&self) -> Result<Self, Fault> {
        let (engine, ids, now) = self.enter(|turn| (turn.engine().clone(), turn.fork_ids(), turn.now()))?;
        let manual = Arc::new(ManualClock::new(now));
        let epoch = Epoch::new(format!("fork-{}", Uuid::new_v4().simple()));
        let fresh = Fresh {
            epoch: epoch.expect("these characters can be printed"),
            log_id: LogId(*Uuid::new_v4().as_bytes()),
        };
        let memory = Memory { engine, fresh, is_timed: false };
        let host = Host::in_memory(self.config, memory, Arc::clone(&manual) as _, ids)?;
        Ok(Self { host, manual: Some(manual), config: self.config })
    }

    /// Takes the engine for one turn.
    pub fn enter<T>(&self, work: impl FnOnce(&mut Turn<'_>) -> T) -> Result<T, Fault> {
        self.host.enter(work).map_err(closed)
    }

    /// Carries a wish out.
    pub fn command(&self, command: Command) -> Result<Answer, Fault> {
        self.enter(|turn| turn.command(command))?.map_err(refused)
    }

    /// Waits until everything that was asked for before is carried out, durable and published.
    pub fn drain(&self) -> Result<(), Fault> {
        self.host.drain().map_err(closed)
    }

    pub fn digest(&self) -> Result<[u8; 32], Fault> {
        self.enter(|turn| turn.engine().digest())
    }

    pub fn now_us(&self) -> i64 {
        self.host.clock().now().0
    }

    /// Moves the manual clock on, and does what becomes due by then.
    pub fn advance(&self, by_us: i64) -> Result<(), Fault> {
        let Some(manual) = &self.manual else {
            return Err(Fault::new(WALRAS_NOT_SUPPORTED, "the engine keeps the system's time"));
        };
        let by_us = u64::try_from(by_us)
            .map_err(|_| Fault::new(WALRAS_BAD_ARGUMENT, "time does not go backwards"))?;
        manual.advance(Duration::from_micros(by_us));
        self.enter(|_| ())
    }

    pub fn status(&self) -> Result<walras_engine_status, Fault> {
        let auction_count = self.enter(|turn| turn.engine().auction_count() as u64)?;
        let readiness = match self.host.readiness() {
            Readiness::Ready | Readiness::Recovering => WALRAS_ENGINE_READY,
            Readiness::LowSpace { bids_refused: false } => WALRAS_ENGINE_LOW_SPACE,
            Readiness::LowSpace { bids_refused: true } => WALRAS_ENGINE_FULL,
            Readiness::Frozen { .. } => WALRAS_ENGINE_FROZEN,
            Readiness::Faulty { .. } => WALRAS_ENGINE_FAULTY,
            Readiness::Draining => WALRAS_ENGINE_DRAINING,
        };
        let durability = match self.host.durability() {
            Durability::Fsync => WALRAS_DURABILITY_FSYNC,
            Durability::Os => WALRAS_DURABILITY_OS,
            Durability::Memory => WALRAS_DURABILITY_MEMORY,
        };
        Ok(walras_engine_status { readiness, durability, now_us: self.now_us(), auction_count })
    }
}

fn ids(seed: Option<u64>, begun_at: u64) -> Box<dyn Ids> {
    match seed {
        Some(seed) => Box::new(SeededIds::new(seed ^ begun_at.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        None => Box::new(RandomIds::default()),
    }
}

#[cold]
fn closed(closed: Closed) -> Fault {
    match closed {
        Closed::Stopped => Fault::new(WALRAS_STOPPED, "the engine was stopped"),
        Closed::Frozen { reason } => Fault::new(WALRAS_FROZEN, reason),
        Closed::Unknown { reason } => {
            Fault::new(WALRAS_INTERNAL, format!("whether it was carried out is unknown: {reason}"))
        }
    }
}

/// What a refused wish is told.
#[cold]
pub(super) fn refused(refused: Refused) -> Fault {
    match refused {
        Refused::Rejected(rejection) => rejection.into(),
        Refused::Unavailable(why) => Fault::new(WALRAS_UNAVAILABLE, why),
    }
}

//! What the library reports of itself: to standard error, or to a function of the host's, from a level on.
//!
//! Nothing is reported before the host asks for it. The first request makes this the process's subscriber of
//! `tracing`; where the host's own Rust code has made another, that one goes on alone.

use std::ffi::{CString, c_char, c_void};
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, TryLockError};

use tracing::field::{Field, Visit};
use tracing::metadata::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::status::{Fault, WALRAS_BAD_ARGUMENT, WALRAS_FORKED};
use super::{boundary, forks};

/// Nothing is reported.
pub const WALRAS_LOG_OFF: u32 = 0;
/// Faults alone.
pub const WALRAS_LOG_ERROR: u32 = 1;
/// And what needs somebody's attention.
pub const WALRAS_LOG_WARN: u32 = 2;
/// And what happens seldom.
pub const WALRAS_LOG_INFO: u32 = 3;
/// And what is of use to developers.
pub const WALRAS_LOG_DEBUG: u32 = 4;
/// And everything else.
pub const WALRAS_LOG_TRACE: u32 = 5;

/// A function of the host's that takes a line.
pub(super) type LogFunction = unsafe extern "C" fn(*mut c_void, u32, *const c_char);

static LEVEL: AtomicU32 = AtomicU32::new(WALRAS_LOG_OFF);
/// Who takes the lines; nobody: standard error. The standard library's lock is a number in this place and nothing
/// else, so that a child can tell what a fork did to it.
static SINK: Mutex<Option<Sink>> = Mutex::new(None);
/// Whether this process was forked while the lock was taken, by a thread that most likely stayed behind.
static IS_STUCK: AtomicBool = AtomicBool::new(false);
static STARTED: Once = Once::new();

struct Sink {
    function: LogFunction,
    argument: usize,
}

/// Reports from `level` on. When it returns, no thread is inside the function that was set before.
pub(super) fn set(level: u32, function: Option<LogFunction>, argument: usize) -> Result<(), Fault> {
    if level > WALRAS_LOG_TRACE {
        return Err(Fault::new(WALRAS_BAD_ARGUMENT, "this is no level"));
    }
    forks::watch();
    let Some(mut sink) = lock() else {
        return Err(Fault::new(WALRAS_FORKED, "the log function was under way when this process was forked"));
    };
    *sink = function.map(|function| Sink { function, argument });
    drop(sink);
    // Relaxed: a number that stands alone.
    LEVEL.store(level, Ordering::Relaxed);
    if level != WALRAS_LOG_OFF {
        STARTED.call_once(|| {
            // Another subscriber that was there first goes on alone.
            let _ = tracing::subscriber::set_global_default(Reporter);
        });
    }
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

/// Looks, in a child just forked, whether the lock's holder is there.
pub(super) fn look_after_fork() {
    // Relaxed: this is the only thread.
    IS_STUCK.store(matches!(SINK.try_lock(), Err(TryLockError::WouldBlock)), Ordering::Relaxed);
}

fn lock() -> Option<MutexGuard<'static, Option<Sink>>> {
    // Nothing that is done under the lock can leave it half done.
    (!IS_STUCK.load(Ordering::Relaxed)).then(|| SINK.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Reporter;

fn number(level: &Level) -> u32 {
    match *level {
        Level::ERROR => WALRAS_LOG_ERROR,
        Level::WARN => WALRAS_LOG_WARN,
        Level::INFO => WALRAS_LOG_INFO,
        Level::DEBUG => WALRAS_LOG_DEBUG,
        Level::TRACE => WALRAS_LOG_TRACE,
    }
}

impl Subscriber for Reporter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && metadata.target().starts_with("walras")
            && number(metadata.level()) <= LEVEL.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match LEVEL.load(Ordering::Relaxed) {
            WALRAS_LOG_OFF => LevelFilter::OFF,
            WALRAS_LOG_ERROR => LevelFilter::ERROR,
            WALRAS_LOG_WARN => LevelFilter::WARN,
            WALRAS_LOG_INFO => LevelFilter::INFO,
            WALRAS_LOG_DEBUG => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(String::new());
        event.record(&mut line);
        tell(number(metadata.level()), metadata.target(), line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

fn tell(level: u32, target: &str, mut said: String) {
    let sink = lock();
    let Some(sink) = sink.as_ref().and_then(|sink| sink.as_ref()) else {
        let word = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"][level as usize];
        // There is nobody to tell that standard error is closed.
        let _ = writeln!(std::io::stderr(), "{word} {target}: {said}");
        return;
    };
    said.retain(|character| character != '\0');
    let Ok(said) = CString::new(said) else { return };
    // SAFETY: whoever set the function promised that it may be called with this argument from any thread until it is
    // replaced, which takes the lock held here.
    boundary::call_back(|| unsafe { (sink.function)(sink.argument as *mut c_void, level, said.as_ptr()) });
}

/// An event's message, its fields behind it.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("a string takes everything");
    }
}

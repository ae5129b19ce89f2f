//! One line on standard error that tells how far a run is: rewritten in place on a
//! terminal, a new line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const TERMINAL_INTERVAL: Duration = Duration::from_millis(200);
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// See the module. What stands on a terminal is wiped when this goes.
pub struct Progress {
    is_terminal: bool,
    shown_at: Instant,
    has_line: bool,
}

impl Progress {
    /// Nothing shown yet.
    pub fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), shown_at: Instant::now(), has_line: false }
    }

    /// Shows what `line` gives, if it is time again.
    pub fn show(&mut self, now: Instant, line: impl FnOnce() -> String) {
        let interval = if self.is_terminal { TERMINAL_INTERVAL } else { PLAIN_INTERVAL };
        if now.saturating_duration_since(self.shown_at) < interval {
            return;
        }
        self.shown_at = now;
        self.has_line = true;
        let mut out = std::io::stderr().lock();
        // People look at it; a run does not fail for it.
        let _ = match self.is_terminal {
            true => write!(out, "\r{}\x1b[K", line()).and_then(|()| out.flush()),
            false => writeln!(out, "{}", line()),
        };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.has_line {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

//! What the kernel says about the server's process: processor time and memory, from `/proc`.

use std::fs;

/// What `/proc` counts in, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time that a process has used since its start, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessorTime {
    /// All its living threads together, exact to the nanosecond.
    pub total_s: f64,
    /// In its own code; counted in ticks of the clock.
    pub user_s: f64,
    /// In the kernel; counted in ticks of the clock.
    pub system_s: f64,
}

impl ProcessorTime {
    /// What process `pid` has used.
    pub fn of(pid: u32) -> Result<Self, String> {
        let threads =
            fs::read_dir(format!("/proc/{pid}/task")).map_err(|why| format!("process {pid}: {why}"))?;
        let mut total_s = 0.0;
        for thread in threads.flatten() {
            // A thread may end between the listing and the reading.
            let line = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let ns: f64 = line.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
            total_s += ns / 1e9;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, which may hold anything, ends with the last bracket.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let seconds = |index: usize| {
            let ticks: f64 = fields.get(index).and_then(|word| word.parse().ok()).unwrap_or(0.0);
            ticks / TICKS_PER_SECOND
        };
        Ok(Self { total_s, user_s: seconds(11), system_s: seconds(12) })
    }

    /// The time used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total_s: self.total_s - earlier.total_s,
            user_s: self.user_s - earlier.user_s,
            system_s: self.system_s - earlier.system_s,
        }
    }
}

/// Memory of process `pid` that is in use now, in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64, String> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|why| format!("process {pid}: {why}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes * 1024).ok_or_else(|| format!("process {pid} shows no memory"))
}

/// Lets this process have as many open sockets as the system allows it.
pub fn raise_socket_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it is refused, opening the sockets will say what is missing.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        let before = ProcessorTime::of(pid).expect("this process is there");
        let mut number = 1_u64;
        let after = loop {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005) | 1);
            let now = ProcessorTime::of(pid).expect("this process is there");
            if now.total_s > before.total_s {
                break now;
            }
        };
        assert!(after.since(before).total_s > 0.0);
        assert!(resident_bytes(pid).expect("this process is there") > 100_000);
        assert!(ProcessorTime::of(0).is_err() && resident_bytes(0).is_err());
    }
}

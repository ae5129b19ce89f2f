//! What a session does by itself as time passes: pings, the deadlines of sign-in,
//! silence and the token's end, and the moment at which the next of these is due.

use crate::units::TimeUs;

/// How often the server pings.
pub const HEARTBEAT_US: i64 = 30_000_000;
/// How long a peer may be silent.
const SILENCE_US: i64 = 75_000_000;
/// How long before a token's end its holder is told.
const EXPIRING_US: i64 = 60_000_000;
/// How long after a token's end its connection goes on.
const EXPIRED_US: i64 = 25_000_000;
/// A peer that has not answered a ping for so long counts as dead when its place is wanted.
const UNANSWERED_US: i64 = 10_000_000;

/// The clockwork of one session.
#[derive(Debug)]
pub struct Heartbeat {
    ping_at: TimeUs,
    /// The oldest ping that may still be without an answer.
    pinged_at: Option<TimeUs>,
    waits: Waits,
}

/// What else is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Sign-in, until then.
    SignIn(TimeUs),
    /// The time to tell that the token ends; its end.
    Expiring { warn_at: TimeUs, expires_at: TimeUs },
    /// The token's end, which has been told.
    Expired { expires_at: TimeUs },
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nobody has signed in in time.
    SignIn,
    /// The peer has been silent for too long.
    Silence,
    /// The token has ended, and the patience after it.
    Expired,
    /// The token ends soon.
    Expiring(TimeUs),
    /// A ping.
    Ping,
}

impl Heartbeat {
    /// For a connection that opened now. `phase` spreads the pings of connections: any number.
    pub fn new(now: TimeUs, phase: u64, sign_in_us: i64) -> Self {
        // The golden ratio spreads consecutive numbers evenly over the interval.
        let spread = (phase.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as i64;
        let first = 1 + ((spread * HEARTBEAT_US) >> 32);
        Self {
            ping_at: TimeUs(now.0 + first),
            pinged_at: None,
            waits: Waits::SignIn(TimeUs(now.0 + sign_in_us)),
        }
    }

    /// Somebody has signed in, with a token that ends then.
    pub fn signed_in(&mut self, expires_at: TimeUs) {
        let warn_at = TimeUs(expires_at.0.saturating_sub(EXPIRING_US));
        self.waits = Waits::Expiring { warn_at, expires_at };
    }

    /// When something is due next, given when the peer was last heard.
    pub fn next_due(&self, heard_at: TimeUs) -> TimeUs {
        let waits = match self.waits {
            Waits::SignIn(due) => due,
            Waits::Expiring { warn_at, .. } => warn_at,
            Waits::Expired { expires_at } => after(expires_at, EXPIRED_US),
        };
        self.ping_at.min(after(heard_at, SILENCE_US)).min(waits)
    }

    /// Takes one thing that is due. What ends the connection comes first.
    pub fn take_due(&mut self, heard_at: TimeUs, now: TimeUs) -> Option<Due> {
        match self.waits {
            Waits::SignIn(due) if due <= now => return Some(Due::SignIn),
            Waits::Expired { expires_at } | Waits::Expiring { expires_at, .. }
                if after(expires_at, EXPIRED_US) <= now =>
            {
                return Some(Due::Expired);
            }
            _ if after(heard_at, SILENCE_US) <= now => return Some(Due::Silence),
            Waits::Expiring { warn_at, expires_at } if warn_at <= now => {
                self.waits = Waits::Expired { expires_at };
                return Some(Due::Expiring(expires_at));
            }
            _ => {}
        }
        if self.ping_at > now {
            return None;
        }
        let missed = (now.0 - self.ping_at.0) / HEARTBEAT_US;
        self.ping_at = after(self.ping_at, (missed + 1) * HEARTBEAT_US);
        // The first ping that has no answer is the one that counts.
        if self.pinged_at.is_none_or(|pinged_at| heard_at >= pinged_at) {
            self.pinged_at = Some(now);
        }
        Some(Due::Ping)
    }

    /// Whether the peer has not answered a ping that it should have answered.
    pub fn is_unanswered(&self, heard_at: TimeUs, now: TimeUs) -> bool {
        self.pinged_at.is_some_and(|pinged_at| heard_at < pinged_at && after(pinged_at, UNANSWERED_US) <= now)
    }
}

fn after(moment: TimeUs, span_us: i64) -> TimeUs {
    TimeUs(moment.0.saturating_add(span_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn pings_every_thirty_seconds_at_a_phase_of_its_own() {
        let mut firsts = Vec::new();
        for phase in 0..1000 {
            let mut heartbeat = Heartbeat::new(TimeUs(0), phase, 5 * SECOND);
            heartbeat.signed_in(TimeUs(i64::MAX));
            let first = heartbeat.next_due(TimeUs(0));
            assert!((1..=30 * SECOND).contains(&first.0));
            assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(first.0 - 1)), None);
            assert_eq!(heartbeat.take_due(TimeUs(0), first), Some(Due::Ping));
            assert_eq!(heartbeat.take_due(TimeUs(0), first), None);
            assert_eq!(heartbeat.next_due(first), TimeUs(first.0 + 30 * SECOND));
            firsts.push(first.0);
        }
        let early = firsts.iter().filter(|&&first| first < 3 * SECOND).count();
        assert!((80..120).contains(&early), "a tenth of them in a tenth of the time, not {early}");
    }

    #[test]
    fn deadlines_come_at_their_time_and_not_before() {
        let mut heartbeat = Heartbeat::new(TimeUs(0), 0, 5 * SECOND);
        heartbeat.take_due(TimeUs(0), TimeUs(1));
        assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(5 * SECOND - 1)), None);
        assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(5 * SECOND)), Some(Due::SignIn));

        let expires_at = TimeUs(100 * SECOND);
        heartbeat.signed_in(expires_at);
        let heard_at = TimeUs(39 * SECOND);
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(39 * SECOND)), Some(Due::Ping));
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(40 * SECOND)), Some(Due::Expiring(expires_at)));
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(40 * SECOND)), None);
        let heard_at = TimeUs(110 * SECOND);
        while heartbeat.take_due(heard_at, TimeUs(125 * SECOND - 1)) == Some(Due::Ping) {}
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(125 * SECOND - 1)), None);
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(125 * SECOND)), Some(Due::Expired));
    }

    #[test]
    fn silence_ends_a_connection_after_75_seconds_and_makes_it_doubtful_before() {
        let mut heartbeat = Heartbeat::new(TimeUs(0), 0, 5 * SECOND);
        heartbeat.signed_in(TimeUs(i64::MAX));
        assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(SECOND)), Some(Due::Ping));
        assert!(!heartbeat.is_unanswered(TimeUs(0), TimeUs(11 * SECOND - 1)));
        assert!(heartbeat.is_unanswered(TimeUs(0), TimeUs(11 * SECOND)));
        assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(31 * SECOND)), Some(Due::Ping));
        assert!(heartbeat.is_unanswered(TimeUs(0), TimeUs(31 * SECOND)), "another ping gives no more time");
        assert!(!heartbeat.is_unanswered(TimeUs(SECOND), TimeUs(70 * SECOND)));
        let heard_at = TimeUs(2 * SECOND);
        while heartbeat.take_due(heard_at, TimeUs(77 * SECOND - 1)) == Some(Due::Ping) {}
        assert_eq!(heartbeat.take_due(heard_at, TimeUs(77 * SECOND)), Some(Due::Silence));
    }

    #[test]
    fn a_token_shorter_than_the_warning_is_told_of_at_once() {
        let mut heartbeat = Heartbeat::new(TimeUs(0), 0, 5 * SECOND);
        heartbeat.signed_in(TimeUs(30 * SECOND));
        assert_eq!(heartbeat.take_due(TimeUs(0), TimeUs(0)), Some(Due::Expiring(TimeUs(30 * SECOND))));
    }
}

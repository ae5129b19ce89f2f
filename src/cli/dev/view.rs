//! The auction as a spectator sees it: fed with the messages of one connection, it keeps what
//! is worth showing.

use std::collections::VecDeque;

use serde_json::Value;

/// How many of the latest events are kept.
const LATEST_MAX: usize = 6;
/// How many points the price's picture has.
pub const TREND_POINTS: usize = 40;

/// What a spectator knows.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The auction's number in this demo.
    pub number: u64,
    /// How long it lasts.
    pub duration_ms: u64,
    /// `active` and so on; empty until the first message.
    pub status: String,
    /// The price if it closed now.
    pub price: f64,
    /// Demand at or above the reserve.
    pub demand: f64,
    /// Supply at that price.
    pub supply: f64,
    /// Live bids.
    pub live_count: u64,
    /// Time left.
    pub left_ms: u64,
    /// Bids placed so far.
    pub placed_count: u64,
    /// Bids improved so far.
    pub raised_count: u64,
    /// Bids taken back so far.
    pub cancelled_count: u64,
    /// The newest events, newest last.
    pub latest: VecDeque<String>,
    /// The price over time, one point for each part of the auction that has passed.
    pub trend: Vec<f64>,
    /// The payload of `auction_complete` or `auction_cancelled`.
    pub ended: Option<Value>,
    /// Agreed and asked participants.
    pub agreed: Option<(u64, u64)>,
    /// The message that ended the settlement.
    pub settled: Option<Value>,
}

impl View {
    /// A spectator who has just come.
    pub fn new(number: u64, duration_ms: u64) -> Self {
        Self { number, duration_ms, left_ms: duration_ms, ..Self::default() }
    }

    /// Whether nothing more will come.
    pub fn is_over(&self) -> bool {
        let sold_nothing = |ended: &Value| ended["total_allocated"].as_f64().unwrap_or(0.0) == 0.0;
        self.settled.is_some() || self.ended.as_ref().is_some_and(sold_nothing)
    }

    /// Takes one message in.
    pub fn hear(&mut self, message: &Value) {
        let payload = &message["payload"];
        match message["type"].as_str().unwrap_or_default() {
            "auction_update" => self.hear_state(payload),
            "new_bid" => {
                self.placed_count += 1;
                self.note(message, "new", &terms(payload));
            }
            "bid_amended" => {
                self.raised_count += 1;
                self.note(message, "improved", &terms(payload));
            }
            "bid_cancelled" => {
                self.cancelled_count += 1;
                self.note(message, "cancelled", "");
            }
            "auction_complete" | "auction_cancelled" => {
                self.status = payload["status"].as_str().unwrap_or_default().to_owned();
                self.left_ms = 0;
                self.ended = Some(payload.clone());
            }
            "settlement_started" => self.agreed = Some((0, count(&payload["participants_total"]))),
            "settlement_progress" => {
                let agreed = count(&payload["participants_agreed"]);
                self.agreed = Some((agreed, count(&payload["participants_total"])));
            }
            "settlement_complete" | "settlement_failed" => self.settled = Some(message.clone()),
            _ => {}
        }
    }

    fn hear_state(&mut self, payload: &Value) {
        let number = |key: &str| payload[key].as_f64().unwrap_or(0.0);
        self.status = payload["status"].as_str().unwrap_or_default().to_owned();
        self.price = number("current_price");
        self.demand = number("total_quantity");
        self.supply = number("supply_available");
        self.live_count = count(&payload["total_bids"]);
        self.left_ms = count(&payload["time_remaining_ms"]);
        let passed_ms = self.duration_ms.saturating_sub(self.left_ms);
        let points = TREND_POINTS as u64 * passed_ms / self.duration_ms.max(1) + 1;
        let points = usize::try_from(points).unwrap_or(TREND_POINTS).min(TREND_POINTS);
        if self.live_count > 0 && self.trend.len() <= points {
            if self.trend.len() == points {
                self.trend.pop();
            }
            self.trend.resize(points, self.price);
        }
    }

    fn note(&mut self, message: &Value, what: &str, terms: &str) {
        // The time of day out of "2026-11-23T12:00:31.123Z".
        let time = message["timestamp"].as_str().and_then(|stamp| stamp.get(11..19)).unwrap_or("");
        self.latest.push_back(format!("{time}  {what:<9}  {terms}"));
        if self.latest.len() > LATEST_MAX {
            self.latest.pop_front();
        }
    }
}

fn terms(payload: &Value) -> String {
    let number = |key: &str| payload[key].as_f64().unwrap_or(0.0);
    format!("{:>7} @ {:.2}", super::figures::grouped(&format!("{:.0}", number("quantity"))), number("price"))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(left_ms: u64, price: f64) -> Value {
        json!({"type": "auction_update", "payload": {"status": "active", "current_price": price,
            "total_quantity": 900.0, "supply_available": 500.0, "total_bids": 3, "time_remaining_ms": left_ms}})
    }

    #[test]
    fn the_trend_follows_time_and_ends_with_the_latest_price() {
        let mut view = View::new(1, 4_000);
        for (left_ms, price) in [(4_000, 40.0), (3_990, 41.0), (3_000, 45.0), (1_000, 50.0), (900, 51.0)] {
            view.hear(&state(left_ms, price));
        }
        assert_eq!(view.trend.len(), 32);
        assert_eq!((view.trend[0], view.trend[31]), (41.0, 51.0));
        view.hear(&state(0, 52.0));
        assert_eq!(view.trend.len(), TREND_POINTS);
    }

    #[test]
    fn it_is_over_when_settled_or_when_nothing_sold() {
        let mut view = View::new(1, 1_000);
        view.hear(
            &json!({"type": "auction_complete", "payload": {"status": "completed", "total_allocated": 5.0}}),
        );
        assert!(!view.is_over());
        view.hear(&json!({"type": "settlement_started", "payload": {"participants_total": 3}}));
        view.hear(&json!({"type": "settlement_progress", "payload": {"participants_agreed": 2, "participants_total": 3}}));
        assert_eq!(view.agreed, Some((2, 3)));
        view.hear(&json!({"type": "settlement_complete", "payload": {}}));
        assert!(view.is_over());
        let mut empty = View::new(2, 1_000);
        empty.hear(&json!({"type": "auction_complete", "payload": {"total_allocated": 0.0}}));
        assert!(empty.is_over());
        let mut off = View::new(3, 1_000);
        off.hear(&json!({"type": "auction_cancelled", "payload": {"reason": "x"}}));
        assert!(off.is_over());
    }

    #[test]
    fn only_the_latest_events_are_kept() {
        let mut view = View::new(1, 1_000);
        for index in 0..20 {
            view.hear(&json!({"type": "new_bid", "timestamp": "2024-01-01T00:00:31.000Z",
                "payload": {"quantity": f64::from(index) * 1000.0, "price": 50.5}}));
        }
        assert_eq!((view.placed_count, view.latest.len()), (20, LATEST_MAX));
        assert_eq!(view.latest[5], "00:00:31  new         19,000 @ 50.50");
    }
}

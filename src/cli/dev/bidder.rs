//! The simulated participants: bidders that carry their plans out, and the seller. Each is a
//! WebSocket client of its own, on a thread of its own, and knows only what the server tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::plan::{BidderPlan, Deed, Step, TICKS_PER_UNIT};

/// The auction as its participants see it.
#[derive(Debug, Clone)]
pub struct Floor {
    /// Where the server is.
    pub server: SocketAddr,
    /// Which auction.
    pub auction: String,
    /// When it opened.
    pub opened: Instant,
    /// When everybody goes home, whatever happens.
    pub closing_time: Instant,
    /// Set when the demo is stopped.
    pub stop: Arc<AtomicBool>,
}

/// What became of a participant's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent.
    pub sent_count: usize,
    /// Refused by the server.
    pub refused_count: usize,
}

impl Floor {
    /// Whether there is still something to do here.
    pub fn is_open(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && Instant::now() < self.closing_time
    }
}

/// Carries a plan out, then affirms the settlement if a bid has won.
pub fn bid(floor: &Floor, plan: &BidderPlan) -> Result<Tally, String> {
    let mut client = Client::connect(floor.server, &format!("test-token:{}", plan.name))?;
    client.send(&json!({"type": "subscribe", "channel": "settlement", "auction_id": floor.auction}))?;
    let mut steps = plan.steps.iter().peekable();
    let mut tally = Tally::default();
    let mut has_won = false;
    while floor.is_open() {
        let due = |step: &&Step| floor.opened + Duration::from_millis(step.at_ms);
        while let Some(step) = steps.next_if(|step| due(step) <= Instant::now()) {
            client.send(&message(floor, step))?;
            tally.sent_count += 1;
        }
        let until = steps.peek().map_or(floor.closing_time, due);
        let Some(heard) = client.next(until)? else { continue };
        match heard["type"].as_str().unwrap_or_default() {
            "bid_rejected" | "error" | "rate_limit" => {
                tally.refused_count += 1;
                tracing::debug!(bidder = plan.name, %heard, "refused");
            }
            "auction_complete" => {
                has_won = heard["payload"]["own_allocations"].as_array().is_some_and(|won| !won.is_empty());
                if !has_won {
                    break;
                }
            }
            "settlement_started" if has_won => affirm(&mut client, &heard)?,
            "auction_cancelled" | "settlement_complete" | "settlement_failed" => break,
            _ => {}
        }
    }
    client.close();
    Ok(tally)
}

/// Waits for the settlement and affirms it.
pub fn sell(floor: &Floor, name: &str) -> Result<(), String> {
    let mut client = Client::connect(floor.server, &format!("test-token:{name}"))?;
    client.send(&json!({"type": "subscribe", "channel": "settlement", "auction_id": floor.auction}))?;
    while floor.is_open() {
        let Some(heard) = client.next(floor.closing_time)? else { continue };
        match heard["type"].as_str().unwrap_or_default() {
            "settlement_started" => affirm(&mut client, &heard)?,
            "settlement_complete" | "settlement_failed" => break,
            _ => {}
        }
    }
    client.close();
    Ok(())
}

fn affirm(client: &mut Client, started: &Value) -> Result<(), String> {
    let payload = &started["payload"];
    client.send(&json!({
        "type": "settlement_affirm",
        "settlement_id": payload["settlement_id"],
        "hash": payload["hash"],
        "agree": true,
    }))
}

fn message(floor: &Floor, step: &Step) -> Value {
    let client_bid_id = format!("bid-{}", step.bid);
    match step.deed {
        Deed::Place { quantity_lots, price_ticks } => json!({
            "type": "submit_bid",
            "auction_id": floor.auction,
            "payload": {
                "client_bid_id": client_bid_id,
                "quantity": quantity_lots,
                "price": price(price_ticks),
            },
        }),
        Deed::Raise { price_ticks } => json!({
            "type": "amend_bid",
            "auction_id": floor.auction,
            "client_bid_id": client_bid_id,
            "payload": {"price": price(price_ticks)},
        }),
        Deed::Cancel => json!({
            "type": "cancel_bid",
            "auction_id": floor.auction,
            "client_bid_id": client_bid_id,
        }),
    }
}

/// Ticks as the decimal text that stands for them exactly.
fn price(ticks: i64) -> String {
    format!("{}.{:02}", ticks / TICKS_PER_UNIT, ticks % TICKS_PER_UNIT * (100 / TICKS_PER_UNIT))
}

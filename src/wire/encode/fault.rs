//! `error` and `rate_limit`, literally as the guide has them, with the payload beside.

use crate::units::TimeUs;
use crate::wire::{Code, Message, Refusal};

/// Something asked for was refused. The correlation id (the client's own, or one made for this
/// answer) is added by whoever finishes the message.
pub fn error(message: &mut Message, now: TimeUs, refusal: &Refusal) {
    let json = message.begin("error", now);
    json.raw("{");
    refusal.members(json);
    json.raw("}");
    let json = message.end_payload();
    json.raw(r#","error":{"#);
    refusal.members(json);
    json.raw("}");
}

/// A message was not executed because too many came; `client_bid_id` where a bid was among them.
pub fn rate_limit(message: &mut Message, now: TimeUs, retry_after_ms: u64, client_bid_id: Option<&str>) {
    message.begin("rate_limit", now).raw("{}");
    let json = message.end_payload();
    json.raw(r#","error":{"code":"#);
    json.text(Code::RateLimited.as_str());
    json.raw(r#","message":"Message rate limit exceeded","retry_after":"#);
    json.count(retry_after_ms);
    if let Some(client_bid_id) = client_bid_id {
        json.raw(r#","details":{"client_bid_id":"#);
        json.text(client_bid_id);
        json.raw("}");
    }
    json.raw("}");
}

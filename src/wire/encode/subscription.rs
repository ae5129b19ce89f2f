//! `subscribed`, `unsubscribed`, `subscriptions`.

use crate::engine::AuctionId;
use crate::units::TimeUs;
use crate::wire::json::Json;
use crate::wire::{Channel, Message};

/// The auction of a subscription, as its messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuctionWord<'a> {
    /// One auction.
    Id(AuctionId),
    /// The word the client used.
    Echo(&'a str),
    /// All that the client may see: `"global"`.
    All,
}

/// A subscription that starts.
#[derive(Debug, Clone, Copy)]
pub struct Subscribed<'a> {
    /// Its channel.
    pub channel: Channel,
    /// Its auction.
    pub auction: AuctionWord<'a>,
    /// Whether everything since the client's place follows; `None` if it named none.
    pub recovered: Option<Recovered>,
    /// The epoch to resume with.
    pub epoch: &'a str,
    /// The auction's last event before the first live message; `None` where there is no single auction.
    pub offset: Option<u64>,
}

/// Whether a client that came back gets all that it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// Every missed message follows.
    All,
    /// The log does not reach back that far, or is another: a snapshot follows.
    Nothing,
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsubscribeReason {
    /// The client asked.
    Requested,
    /// The auction ended.
    AuctionCompleted,
    /// The auction was called off.
    AuctionCancelled,
    /// The client's new token does not allow it.
    Permission,
}

/// A subscription in a listing, with the options that hold.
#[derive(Debug, Clone, Copy)]
pub struct Subscription<'a> {
    /// Its channel.
    pub channel: Channel,
    /// Its auction.
    pub auction: AuctionWord<'a>,
    /// Its options.
    pub options: SubscriptionOptions<'a>,
}

/// The options of a subscription; those that do not apply to its channel are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SubscriptionOptions<'a> {
    /// Whether the client's own bids are shown.
    pub include_own: Option<bool>,
    /// The least quantity shown: a JSON number's text.
    pub min_quantity: Option<&'a str>,
    /// The least time between two states.
    pub interval_ms: Option<u32>,
    /// Only this token.
    pub token: Option<&'a str>,
    /// Only this pair.
    pub token_pair: Option<&'a str>,
}

/// A subscription holds from here on.
pub fn subscribed(message: &mut Message, now: TimeUs, subscribed: &Subscribed<'_>) {
    let json = message.begin("subscribed", now);
    json.raw(r#"{"channel":"#);
    json.text(subscribed.channel.as_str());
    json.raw(r#","auction_id":"#);
    auction_word(json, subscribed.auction);
    if let Some(recovered) = subscribed.recovered {
        json.raw(r#","recovered":"#);
        json.flag(recovered == Recovered::All);
    }
    json.raw(r#","epoch":"#);
    json.text(subscribed.epoch);
    json.raw(r#","offset":"#);
    match subscribed.offset {
        Some(offset) => json.count(offset),
        None => json.raw("null"),
    }
    json.raw("}");
    message.end_payload();
}

/// A subscription holds no longer.
pub fn unsubscribed(
    message: &mut Message,
    now: TimeUs,
    channel: Channel,
    auction: AuctionWord<'_>,
    reason: UnsubscribeReason,
) {
    let json = message.begin("unsubscribed", now);
    json.raw(r#"{"channel":"#);
    json.text(channel.as_str());
    json.raw(r#","auction_id":"#);
    auction_word(json, auction);
    json.raw(r#","reason":"#);
    json.text(match reason {
        UnsubscribeReason::Requested => "requested",
        UnsubscribeReason::AuctionCompleted => "auction_completed",
        UnsubscribeReason::AuctionCancelled => "auction_cancelled",
        UnsubscribeReason::Permission => "permission",
    });
    json.raw("}");
    message.end_payload();
}

/// The connection's subscriptions.
pub fn subscriptions<'a>(
    message: &mut Message,
    now: TimeUs,
    subscriptions: impl IntoIterator<Item = Subscription<'a>>,
) {
    let json = message.begin("subscriptions", now);
    json.raw(r#"{"subscriptions":["#);
    for (index, subscription) in subscriptions.into_iter().enumerate() {
        json.raw(if index == 0 { r#"{"channel":"# } else { r#",{"channel":"# });
        json.text(subscription.channel.as_str());
        json.raw(r#","auction_id":"#);
        auction_word(json, subscription.auction);
        json.raw(r#","options":{"#);
        options(json, &subscription.options);
        json.raw("}}");
    }
    json.raw("]}");
    message.end_payload();
}

fn auction_word(json: &mut Json, auction: AuctionWord<'_>) {
    match auction {
        AuctionWord::Id(id) => json.id(id.0),
        AuctionWord::Echo(word) => json.text(word),
        AuctionWord::All => json.raw(r#""global""#),
    }
}

fn options(json: &mut Json, options: &SubscriptionOptions<'_>) {
    let mut comma = "";
    let mut key = |json: &mut Json, key: &str| {
        json.raw(comma);
        json.text(key);
        json.raw(":");
        comma = ",";
    };
    if let Some(include_own) = options.include_own {
        key(json, "include_own");
        json.flag(include_own);
    }
    if let Some(min_quantity) = options.min_quantity {
        key(json, "min_quantity");
        json.raw(min_quantity);
    }
    if let Some(interval_ms) = options.interval_ms {
        key(json, "interval_ms");
        json.count(u64::from(interval_ms));
    }
    if let Some(token) = options.token {
        key(json, "token");
        json.text(token);
    }
    if let Some(token_pair) = options.token_pair {
        key(json, "token_pair");
        json.text(token_pair);
    }
}

//! From an object to a message: which members each type has.

use super::error::{DecodeError, Fault};
use super::fields::{
    auction, auction_of, client_bid_id_opt, count_opt, flag, flag_opt, hash, id_of, is_client_bid_id,
    missing, not_allowed, number_opt, settlement, text, text_opt, words_opt, wrong_type,
};
use super::message::{
    AuctionScope, BidPayload, BidRefText, ChannelRef, ClientBody, ClientMessage, ClientTime,
    SettlementReport, SubscribeRequest, Unsupported,
};
use super::options;
use super::tree::{Kind, Object, Value};
use crate::engine::{BidId, SettlementStep};
use crate::limits::{BATCH_BIDS_MAX, CORRELATION_ID_BYTES_MAX, PAGE_ENTRIES_MAX, TEXT_BYTES_MAX};
use crate::wire::Channel;

type Read<T> = Result<T, DecodeError>;

/// Longest `timestamp` of a ping, in bytes.
const CLIENT_TIME_BYTES_MAX: usize = 64;
/// Longest grace of `set_cancel_on_disconnect`.
const GRACE_MS_MAX: u64 = 600_000;
/// Most steps of an `execution_path`.
const PATH_STEPS_MAX: usize = 32;

/// Reads a message; errors carry its ids where those could be read.
pub(super) fn read<'a>(object: Object<'_, 'a>) -> Read<ClientMessage<'a>> {
    let correlation_id = match correlation_id(object) {
        Ok(correlation_id) => correlation_id,
        Err(error) => return Err(with_bid_id(error, object)),
    };
    match body(object) {
        Ok(body) => Ok(ClientMessage { correlation_id, body }),
        Err(mut error) => {
            error.correlation_id = correlation_id.map(Box::from);
            Err(with_bid_id(error, object))
        }
    }
}

#[cold]
fn with_bid_id(mut error: DecodeError, object: Object<'_, '_>) -> DecodeError {
    let payload = object.find("payload").and_then(Value::object);
    let nested = payload.and_then(|payload| payload.find("client_bid_id"));
    if let Some(Kind::Text(id)) = nested.or_else(|| object.find("client_bid_id")).map(Value::kind)
        && is_client_bid_id(id)
    {
        error.client_bid_id = Some(Box::from(id));
    }
    error
}

fn correlation_id<'a>(object: Object<'_, 'a>) -> Read<Option<&'a str>> {
    const FIELD: &str = "correlation_id";
    match text_opt(object, FIELD)? {
        Some(id) if id.len() > CORRELATION_ID_BYTES_MAX => Err(not_allowed(FIELD, "at most 128 bytes long")),
        id => Ok(id),
    }
}

fn body<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
    Ok(match text(object, "type")? {
        "submit_bid" => {
            ClientBody::SubmitBid { auction: auction(object)?, bid: payload(object, bid_payload)? }
        }
        "ping" => ClientBody::Ping { client_time: client_time(object)? },
        "pong" => ClientBody::Pong,
        "cancel_bid" => ClientBody::CancelBid { bid: bid_ref(object)? },
        "amend_bid" => amend_bid(object)?,
        "submit_bids" => submit_bids(object)?,
        "auth" => ClientBody::Auth { token: text(object, "token")? },
        "subscribe" => ClientBody::Subscribe(subscribe(object)?),
        "unsubscribe" => ClientBody::Unsubscribe { channel: channel(object)?, auction: scope(object)? },
        "cancel_all" => ClientBody::CancelAll { auction: text_opt(object, "auction_id")?.map(auction_of) },
        "get_bid" => ClientBody::GetBid { bid: bid_ref(object)? },
        "get_bids" => get_bids(object)?,
        "get_auction" => ClientBody::GetAuction { auction: auction(object)? },
        "list_subscriptions" => ClientBody::ListSubscriptions,
        "set_cancel_on_disconnect" => cancel_on_disconnect(object)?,
        "settlement_affirm" => ClientBody::SettlementAffirm {
            settlement: settlement(object)?,
            hash: hash(object, "hash")?,
            agree: flag(object, "agree")?,
            reason: words_opt(object, "reason")?,
        },
        "settlement_report" => ClientBody::SettlementReport(Box::new(settlement_report(object)?)),
        unknown => {
            let word = unknown.chars().take(64).collect::<String>();
            return Err(DecodeError::new(Fault::UnknownType(word.into()), "type"));
        }
    })
}

/// Reads the member `payload`, an object.
fn payload<'t, 'a, T>(object: Object<'t, 'a>, read: impl FnOnce(Object<'t, 'a>) -> Read<T>) -> Read<T> {
    let value = object.find("payload").ok_or_else(|| missing("payload"))?;
    let payload = value.object().ok_or_else(|| wrong_type("payload", "an object"))?;
    read(payload).map_err(|error| error.inside("payload"))
}

fn bid_payload<'a>(payload: Object<'_, 'a>) -> Read<BidPayload<'a>> {
    let (order, mut unsupported) = order_type(payload)?;
    let quantity = number_opt(payload, "quantity")?;
    let price = number_opt(payload, "price")?;
    if order == Order::Market && price.is_some() {
        let contradiction = Unsupported { field: "price", why: "a market order has no price" };
        unsupported = unsupported.or(Some(contradiction));
    }
    if unsupported.is_none() {
        if quantity.is_none() {
            return Err(missing("quantity"));
        }
        if price.is_none() && order == Order::Limit {
            return Err(missing("price"));
        }
    }
    Ok(BidPayload {
        quantity,
        price,
        client_bid_id: client_bid_id_opt(payload)?,
        is_marginal: flag_opt(payload, "is_marginal")?.unwrap_or(false),
        is_phantom: flag_opt(payload, "is_phantom")?.unwrap_or(false),
        unsupported,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Limit,
    Market,
}

/// The kind of order a payload asks for, and the first member of it that is not offered.
fn order_type(payload: Object<'_, '_>) -> Read<(Order, Option<Unsupported>)> {
    const NOT_OFFERED: [&str; 6] =
        ["side", "budget", "stop_price", "expires_at", "time_in_force", "post_only"];
    let found = payload.members().find_map(|(key, _)| NOT_OFFERED.into_iter().find(|&field| field == key));
    let unsupported = found.map(|field| Unsupported { field, why: "bids have a quantity and a price alone" });
    Ok(match text_opt(payload, "order_type")? {
        None | Some("limit") => (Order::Limit, unsupported),
        Some("market") => (Order::Market, unsupported),
        Some(_) => {
            let unknown = Unsupported { field: "order_type", why: "the order types are limit and market" };
            (Order::Limit, unsupported.or(Some(unknown)))
        }
    })
}

fn submit_bids<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
    let auction = auction(object)?;
    let value = object.find("bids").ok_or_else(|| missing("bids"))?;
    let elements = value.elements().ok_or_else(|| wrong_type("bids", "an array of bids"))?;
    if !(1..=BATCH_BIDS_MAX).contains(&elements.len()) {
        return Err(not_allowed("bids", "1 to 100 bids"));
    }
    let mut bids = Vec::with_capacity(elements.len());
    for (index, element) in elements.enumerate() {
        let bid = match element.object() {
            Some(payload) => bid_payload(payload),
            None => Err(wrong_type("", "an object")),
        };
        bids.push(bid.map_err(|error| error.inside(&format!("bids[{index}]")))?);
    }
    Ok(ClientBody::SubmitBids { auction, bids })
}

fn amend_bid<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
    let bid = bid_ref(object)?;
    payload(object, |payload| {
        let (order, mut unsupported) = order_type(payload)?;
        if order == Order::Market {
            let fixed = Unsupported { field: "order_type", why: "an order's type cannot be changed" };
            unsupported = unsupported.or(Some(fixed));
        }
        let quantity = number_opt(payload, "quantity")?;
        let price = number_opt(payload, "price")?;
        if quantity.is_none() && price.is_none() && unsupported.is_none() {
            return Err(missing("quantity"));
        }
        Ok(ClientBody::AmendBid { bid, quantity, price, unsupported })
    })
}

fn bid_ref<'a>(object: Object<'_, 'a>) -> Read<BidRefText<'a>> {
    if let Some(word) = text_opt(object, "bid_id")? {
        return Ok(BidRefText::Id { word, id: id_of(word).map(BidId) });
    }
    let client_bid_id = client_bid_id_opt(object)?.ok_or_else(|| missing("bid_id"))?;
    Ok(BidRefText::Client { auction: auction(object)?, client_bid_id })
}

fn get_bids<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
    let auction = auction(object)?;
    let after = match text_opt(object, "after")? {
        None => None,
        Some(word) => Some(BidId(id_of(word).ok_or_else(|| not_allowed("after", "a bid's id"))?)),
    };
    let limit = count_opt(object, "limit")?.unwrap_or(PAGE_ENTRIES_MAX as u64);
    if !(1..=PAGE_ENTRIES_MAX as u64).contains(&limit) {
        return Err(not_allowed("limit", "1 to 100"));
    }
    Ok(ClientBody::GetBids { auction, after, limit: limit as u32 })
}

fn cancel_on_disconnect<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
    let enabled = flag(object, "enabled")?;
    let grace_ms = count_opt(object, "grace_ms")?.unwrap_or(0);
    if grace_ms > GRACE_MS_MAX {
        return Err(not_allowed("grace_ms", "at most 600000"));
    }
    Ok(ClientBody::SetCancelOnDisconnect { grace_ms: enabled.then_some(grace_ms) })
}

fn client_time<'a>(object: Object<'_, 'a>) -> Read<Option<ClientTime<'a>>> {
    const FIELD: &str = "timestamp";
    match object.find(FIELD).map(Value::kind) {
        None => Ok(None),
        Some(Kind::Text(text) | Kind::Number(text)) if text.len() > CLIENT_TIME_BYTES_MAX => {
            Err(not_allowed(FIELD, "at most 64 bytes long"))
        }
        Some(Kind::Text(text)) => Ok(Some(ClientTime::Text(text))),
        Some(Kind::Number(number)) => Ok(Some(ClientTime::Number(number))),
        Some(_) => Err(wrong_type(FIELD, "a string or a number")),
    }
}

fn settlement_report<'a>(object: Object<'_, 'a>) -> Read<SettlementReport<'a>> {
    let step = match text(object, "step")? {
        "prepare" => SettlementStep::Prepare,
        "commit" => SettlementStep::Commit,
        "abort" => SettlementStep::Abort,
        _ => return Err(not_allowed("step", "prepare, commit or abort")),
    };
    Ok(SettlementReport {
        settlement: settlement(object)?,
        step,
        ok: flag(object, "ok")?,
        gas_used: count_opt(object, "gas_used")?.unwrap_or(0),
        execution_path: execution_path(object)?,
        reason: words_opt(object, "reason")?,
    })
}

fn execution_path<'a>(object: Object<'_, 'a>) -> Read<Vec<&'a str>> {
    const FIELD: &str = "execution_path";
    const EXPECTED: &str = "an array of at most 32 strings of at most 256 bytes";
    let Some(value) = object.find(FIELD) else { return Ok(Vec::new()) };
    let elements = value.elements().ok_or_else(|| wrong_type(FIELD, EXPECTED))?;
    if elements.len() > PATH_STEPS_MAX {
        return Err(not_allowed(FIELD, EXPECTED));
    }
    elements
        .map(|element| match element.kind() {
            Kind::Text(text) if text.len() <= TEXT_BYTES_MAX => Ok(text),
            _ => Err(not_allowed(FIELD, EXPECTED)),
        })
        .collect()
}

fn channel<'a>(object: Object<'_, 'a>) -> Read<ChannelRef<'a>> {
    let word = text(object, "channel")?;
    Ok(ChannelRef { word, channel: Channel::from_word(word) })
}

fn scope<'a>(object: Object<'_, 'a>) -> Read<AuctionScope<'a>> {
    Ok(match text_opt(object, "auction_id")? {
        None | Some("global") => AuctionScope::All,
        Some(word) => AuctionScope::One(auction_of(word)),
    })
}

pub(super) fn subscribe<'a>(object: Object<'_, 'a>) -> Read<SubscribeRequest<'a>> {
    Ok(SubscribeRequest {
        channel: channel(object)?,
        auction: scope(object)?,
        options: options::read(object),
    })
}

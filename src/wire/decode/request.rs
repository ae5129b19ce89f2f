//! From an object to a message: which members each type has.

use super::error::{DecodeError, Fault};
use super::fields::{
    auction, auction_in, auction_of, client_bid_id_of, count_opt, flag, flag_of, hash, id_of, missing,
    not_allowed, number_of, settlement, text, text_of, text_opt, words_opt, wrong_type,
};
use super::message::{
    AuctionScope, BidPayload, BidRefText, ChannelRef, ClientBody, ClientMessage, ClientTime, NumberText,
    SettlementReport, SubscribeRequest, Unsupported,
};
use super::options;
use super::tree::{Kind, Object, Value};
use crate::engine::{BidId, SettlementStep};
use crate::limits::{BATCH_BIDS_MAX, CORRELATION_ID_BYTES_MAX, PAGE_ENTRIES_MAX, TEXT_BYTES_MAX};
use crate::wire::Channel;

type Read<T> = Result<T, Box<DecodeError>>;

/// Longest `timestamp` of a ping, in bytes.
const CLIENT_TIME_BYTES_MAX: usize = 64;
/// Longest grace of `set_cancel_on_disconnect`.
const GRACE_MS_MAX: u64 = 600_000;
/// Most steps of an `execution_path`.
const PATH_STEPS_MAX: usize = 32;

/// The members that nearly every message is made of, found in one pass.
struct Envelope<'t, 'a> {
    object: Object<'t, 'a>,
    kind: Option<Value<'t, 'a>>,
    auction: Option<Value<'t, 'a>>,
    payload: Option<Value<'t, 'a>>,
    correlation: Option<Value<'t, 'a>>,
}

impl<'t, 'a> Envelope<'t, 'a> {
    #[inline]
    fn of(object: Object<'t, 'a>) -> Self {
        let mut envelope = Self { object, kind: None, auction: None, payload: None, correlation: None };
        for (key, value) in object.members() {
            match key {
                "type" => envelope.kind = value.unless_null(),
                "auction_id" => envelope.auction = value.unless_null(),
                "payload" => envelope.payload = value.unless_null(),
                "correlation_id" => envelope.correlation = value.unless_null(),
                _ => {}
            }
        }
        envelope
    }
}

/// Reads a message; errors carry its ids where those could be read.
pub(super) fn read<'a>(object: Object<'_, 'a>) -> Read<ClientMessage<'a>> {
    let envelope = Envelope::of(object);
    let correlation_id = match envelope.correlation {
        None => Ok(None),
        Some(value) => correlation_id(value).map(Some),
    };
    match correlation_id
        .and_then(|correlation_id| Ok(ClientMessage { correlation_id, body: body(&envelope)? }))
    {
        Ok(message) => Ok(message),
        Err(error) => Err(with_ids(error, &envelope)),
    }
}

#[cold]
fn with_ids(mut error: Box<DecodeError>, envelope: &Envelope<'_, '_>) -> Box<DecodeError> {
    let nested = envelope.payload.and_then(Value::object).and_then(|payload| payload.find("client_bid_id"));
    let named = nested.or_else(|| envelope.object.find("client_bid_id"));
    error.client_bid_id = named.and_then(|value| client_bid_id_of(value).ok()).map(Box::from);
    error.correlation_id = envelope.correlation.and_then(|value| correlation_id(value).ok()).map(Box::from);
    error
}

fn correlation_id<'a>(value: Value<'_, 'a>) -> Read<&'a str> {
    const FIELD: &str = "correlation_id";
    match text_of(value, FIELD)? {
        id if id.len() > CORRELATION_ID_BYTES_MAX => Err(not_allowed(FIELD, "at most 128 bytes long")),
        id => Ok(id),
    }
}

fn body<'a>(envelope: &Envelope<'_, 'a>) -> Read<ClientBody<'a>> {
    let object = envelope.object;
    let kind = text_of(envelope.kind.ok_or_else(|| missing("type"))?, "type")?;
    Ok(match kind {
        "submit_bid" => {
            let auction = auction_in(envelope.auction)?;
            ClientBody::SubmitBid { auction, bid: payload(envelope, bid_payload)? }
        }
        "ping" => ClientBody::Ping { client_time: client_time(object)? },
        "pong" => ClientBody::Pong,
        "cancel_bid" => ClientBody::CancelBid { bid: bid_ref(object)? },
        "amend_bid" => amend_bid(envelope)?,
        "submit_bids" => submit_bids(object)?,
        "auth" => ClientBody::Auth { token: text(object, "token")? },
        "subscribe" => ClientBody::Subscribe(Box::new(subscribe(object)?)),
        "unsubscribe" => ClientBody::Unsubscribe { channel: channel(object)?, auction: scope(object)? },
        "cancel_all" => ClientBody::CancelAll { auction: text_opt(object, "auction_id")?.map(auction_of) },
        "get_bid" => ClientBody::GetBid { bid: bid_ref(object)? },
        "get_bids" => bids_page(object)?,
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
#[inline]
fn payload<'t, 'a, T>(envelope: &Envelope<'t, 'a>, read: impl FnOnce(Object<'t, 'a>) -> Read<T>) -> Read<T> {
    let value = envelope.payload.ok_or_else(|| missing("payload"))?;
    let payload = value.object().ok_or_else(|| wrong_type("payload", "an object"))?;
    read(payload).map_err(|error| error.inside("payload"))
}

/// The members of a bid's payload, found in one pass.
#[derive(Default)]
struct Terms<'t, 'a> {
    quantity: Option<Value<'t, 'a>>,
    price: Option<Value<'t, 'a>>,
    client_bid_id: Option<Value<'t, 'a>>,
    is_marginal: Option<Value<'t, 'a>>,
    is_phantom: Option<Value<'t, 'a>>,
    order_type: Option<Value<'t, 'a>>,
    unsupported: Option<Unsupported>,
}

impl<'t, 'a> Terms<'t, 'a> {
    #[inline]
    fn of(payload: Object<'t, 'a>) -> Self {
        let mut terms = Self::default();
        for (key, value) in payload.members() {
            let unsupported = match key {
                "quantity" => {
                    terms.quantity = Some(value);
                    continue;
                }
                "price" => {
                    terms.price = Some(value);
                    continue;
                }
                "client_bid_id" => {
                    terms.client_bid_id = value.unless_null();
                    continue;
                }
                "is_marginal" => {
                    terms.is_marginal = value.unless_null();
                    continue;
                }
                "is_phantom" => {
                    terms.is_phantom = value.unless_null();
                    continue;
                }
                "order_type" => {
                    terms.order_type = value.unless_null();
                    continue;
                }
                "side" => Unsupported::Side,
                "budget" => Unsupported::Budget,
                "stop_price" => Unsupported::StopPrice,
                "expires_at" => Unsupported::ExpiresAt,
                "time_in_force" => Unsupported::TimeInForce,
                "post_only" => Unsupported::PostOnly,
                _ => continue,
            };
            terms.unsupported = terms.unsupported.or(Some(unsupported));
        }
        terms
    }

    #[inline]
    fn quantity(&self) -> Read<Option<NumberText<'a>>> {
        let Some(value) = self.quantity else { return Ok(None) };
        Ok(Some(number_of(value, "quantity")?))
    }

    #[inline]
    fn price(&self) -> Read<Option<NumberText<'a>>> {
        let Some(value) = self.price else { return Ok(None) };
        Ok(Some(number_of(value, "price")?))
    }

    fn order(&self) -> Read<Order> {
        match self.order_type.map(|value| text_of(value, "order_type")).transpose()? {
            None | Some("limit") => Ok(Order::Limit),
            Some("market") => Ok(Order::Market),
            Some(_) => Ok(Order::Unknown),
        }
    }
}

/// The kind of order that a payload asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Limit,
    Market,
    Unknown,
}

fn bid_payload<'a>(payload: Object<'_, 'a>) -> Read<BidPayload<'a>> {
    let terms = Terms::of(payload);
    let (order, quantity, price) = (terms.order()?, terms.quantity()?, terms.price()?);
    let contradiction = match order {
        Order::Unknown => Some(Unsupported::OrderType),
        Order::Market if price.is_some() => Some(Unsupported::MarketPrice),
        Order::Market | Order::Limit => None,
    };
    let unsupported = terms.unsupported.or(contradiction);
    if unsupported.is_none() {
        if quantity.is_none() {
            return Err(missing("quantity"));
        }
        if price.is_none() && order == Order::Limit {
            return Err(missing("price"));
        }
    }
    let flag = |value: Option<Value<'_, '_>>, field| value.map_or(Ok(false), |value| flag_of(value, field));
    Ok(BidPayload {
        quantity,
        price,
        client_bid_id: terms.client_bid_id.map(client_bid_id_of).transpose()?,
        is_marginal: flag(terms.is_marginal, "is_marginal")?,
        is_phantom: flag(terms.is_phantom, "is_phantom")?,
        unsupported,
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

fn amend_bid<'a>(envelope: &Envelope<'_, 'a>) -> Read<ClientBody<'a>> {
    let bid = bid_ref(envelope.object)?;
    payload(envelope, |payload| {
        let terms = Terms::of(payload);
        let change = match terms.order()? {
            Order::Market | Order::Unknown => Some(Unsupported::OrderTypeChange),
            Order::Limit => None,
        };
        let unsupported = terms.unsupported.or(change);
        let (quantity, price) = (terms.quantity()?, terms.price()?);
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
    let client_bid_id = client_bid_id_of(object.find("client_bid_id").ok_or_else(|| missing("bid_id"))?)?;
    Ok(BidRefText::Client { auction: auction(object)?, client_bid_id })
}

fn bids_page<'a>(object: Object<'_, 'a>) -> Read<ClientBody<'a>> {
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

fn subscribe<'a>(object: Object<'_, 'a>) -> Read<SubscribeRequest<'a>> {
    Ok(SubscribeRequest {
        channel: channel(object)?,
        auction: scope(object)?,
        options: options::read(object),
    })
}

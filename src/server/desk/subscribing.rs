//! Subscribing: what a client may follow, and how it wants it. The host gives each
//! subscription its place in the order; it holds from the frame that says so.

use super::Desk;
use crate::engine::AuctionSlot;
use crate::host::{
    Body, DirectoryEntry, OpenRequests, OwnBids, Query, Since, Snapshot, Subscribe, pair_key, token_key,
};
use crate::server::connection::ConnectionId;
use crate::server::identity::{Identity, Permissions};
use crate::server::session::{Market, MinQuantity, Options, Place, RareOptions, Session, Topic};
use crate::server::sockets::Sockets;
use crate::server::topics::{Flags, Member};
use crate::units::QuantityLots;
use crate::wire::decode::{
    AuctionScope, ChannelRef, ClientBody, SubscribeOptions, SubscribeRequest, lots_at_least,
};
use crate::wire::encode::{self, AuctionWord, Subscription, SubscriptionOptions};
use crate::wire::{Channel, SessionRefusal};

use std::sync::Arc;

/// The interval of state where a client names none, in milliseconds.
const INTERVAL_MS: u32 = 100;

/// What a client asks to follow, as far as it may.
struct Wanted<'a> {
    channel: Channel,
    entry: Option<Arc<DirectoryEntry>>,
    options: &'a SubscribeOptions<'a>,
}

impl Desk {
    /// A client wants to follow something.
    pub(super) fn subscribe(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        request: &SubscribeRequest<'_>,
        correlation: Option<&str>,
    ) {
        let default = self.settings.limits;
        let Some(session) = self.sessions.get_mut(id.index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(identity) = session.identity.clone() else { return };
        let wanted = match want(&self.host, &identity, request) {
            Ok(wanted) => wanted,
            Err(refusal) => return self.refuse_session(sockets, id, &refusal, correlation),
        };
        let topic = Topic { channel: wanted.channel, slot: wanted.entry.as_ref().map(|entry| entry.slot) };
        let max = session.limits(default).subscriptions_max;
        if let Some(max) = max
            && session.subscriptions.find(topic).is_none()
            && session.subscriptions.count() >= max as usize
        {
            let refusal = SessionRefusal::TooManySubscriptions { max };
            return self.refuse_session(sockets, id, &refusal, correlation);
        }
        let ticket = session.ticket();
        let options = options(&wanted);
        let query = query(&wanted, &options, &identity, session, ticket);
        session.subscriptions.reserve(topic, ticket, options);
        self.submit(sockets, id, correlation, Body::Query(Query::Subscribe(query)));
    }

    /// A subscription that the client's token asks for.
    pub(super) fn subscribe_from_token(&mut self, sockets: &mut Sockets, id: ConnectionId, message: &str) {
        // The message that is being carried out has the desk's own decoder.
        let mut decoder = crate::wire::decode::Decoder::new();
        match decoder.decode(message.as_bytes()) {
            Ok(message) => {
                if let ClientBody::Subscribe(request) = &message.body {
                    self.subscribe(sockets, id, request, message.correlation_id);
                }
            }
            Err(error) => {
                self.refuse(sockets, id, &crate::wire::Refusal::of_decode(&error), None);
            }
        }
    }

    /// A client wants to follow something no longer.
    pub(super) fn unsubscribe(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        channel: ChannelRef<'_>,
        auction: AuctionScope<'_>,
        correlation: Option<&str>,
    ) {
        let Some(kind) = channel.channel else {
            let refusal = SessionRefusal::UnknownChannel { word: channel.word };
            return self.refuse_session(sockets, id, &refusal, correlation);
        };
        let (auction, auction_word) = match auction {
            AuctionScope::One(auction) if kind != Channel::MarketData => {
                match auction.id.and_then(|id| self.host.directory().find(id)) {
                    Some(entry) => (Some(entry), auction.word),
                    None => {
                        let refusal = SessionRefusal::UnknownAuction { word: auction.word };
                        return self.refuse_session(sockets, id, &refusal, correlation);
                    }
                }
            }
            _ => (None, "global"),
        };
        let slot = auction.as_ref().map(|entry| entry.slot);
        self.drop_subscription(id.index, Topic { channel: kind, slot });
        let query = Query::Unsubscribe {
            channel: kind,
            auction: auction.map(|entry| entry.id),
            auction_word: auction_word.into(),
        };
        self.submit(sockets, id, correlation, Body::Query(query));
    }

    /// Tells a client what it follows.
    pub(super) fn list_subscriptions(
        &mut self,
        sockets: &mut Sockets,
        id: ConnectionId,
        correlation: Option<&str>,
    ) {
        let Some(session) = self.sessions.get(id.index as usize).and_then(Option::as_deref) else { return };
        let live = session.subscriptions.iter().filter(|subscription| subscription.place().is_some());
        let listed = live.map(|subscription| {
            let Topic { channel, slot } = subscription.topic();
            let entry = slot.and_then(|slot| self.host.directory().at(slot));
            let rare = subscription.rare();
            let name = |market: &'_ Option<Market>| market.as_ref().map(|market| market.name.clone());
            (
                channel,
                entry.map(|entry| entry.id),
                (channel == Channel::Bids).then_some(!subscription.own_hidden()),
                rare.and_then(|rare| rare.min_quantity.as_ref()).map(|min| min.text.clone()),
                tells_state(channel).then_some(u32::from(subscription.interval_ms())),
                rare.and_then(|rare| name(&rare.token)),
                rare.and_then(|rare| name(&rare.token_pair)),
            )
        });
        let listed: Vec<_> = listed.collect();
        let entries =
            listed.iter().map(|(channel, auction, own, min, interval_ms, token, pair)| Subscription {
                channel: *channel,
                auction: auction.map_or(AuctionWord::All, AuctionWord::Id),
                options: SubscriptionOptions {
                    include_own: *own,
                    min_quantity: min.as_deref(),
                    interval_ms: *interval_ms,
                    token: token.as_deref(),
                    token_pair: pair.as_deref(),
                },
            });
        encode::subscriptions(&mut self.message, sockets.now(), entries);
        self.reply(sockets, id, correlation);
    }

    /// A subscription holds from here on.
    pub(super) fn activate(&mut self, index: u32, ticket: u32) {
        let Some(session) = self.sessions.get_mut(index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some((topic, before)) = session.subscriptions.activate(ticket) else { return };
        if let Some(place) = before {
            self.vacate(topic, place);
        }
        let Some(session) = self.sessions.get_mut(index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(subscription) = session.subscriptions.find(topic) else { return };
        let interval_ms = subscription.interval_ms();
        let member = Member { connection: index, flags: flags(session, topic) };
        let position = self.topics.join(topic, interval_ms, member);
        session.subscriptions.settle(topic, position);
        self.set_global_flags(index, topic);
    }

    /// Ends a subscription.
    pub(super) fn drop_subscription(&mut self, index: u32, topic: Topic) {
        let Some(session) = self.sessions.get_mut(index as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        if let Some(place) = session.subscriptions.remove(topic) {
            self.vacate(topic, place);
            self.set_global_flags(index, topic);
        }
    }

    /// Frees a member's place, and tells the one that moves into it.
    pub(super) fn vacate(&mut self, topic: Topic, place: Place) {
        let Some(moved) = self.topics.leave(topic, place) else { return };
        if let Some(session) = self.sessions.get_mut(moved as usize).and_then(Option::as_deref_mut) {
            session.subscriptions.settle(topic, place.position);
        }
    }

    /// Brings what is asked of a member up to date with its session.
    pub(super) fn set_flags(&mut self, index: u32, topic: Topic) {
        let Some(session) = self.sessions.get(index as usize).and_then(Option::as_deref) else { return };
        if let Some(place) = session.subscriptions.find(topic).and_then(|subscription| subscription.place()) {
            self.topics.set_flags(topic, place, flags(session, topic));
        }
    }

    /// The same for the subscription to all auctions, when one to a single auction has changed.
    pub(super) fn set_global_flags(&mut self, index: u32, changed: Topic) {
        if changed.slot.is_some() {
            self.set_flags(index, Topic { slot: None, ..changed });
        }
    }
}

/// What a client wants, or why it may not have it.
fn want<'a>(
    host: &crate::host::Host,
    identity: &Identity,
    request: &'a SubscribeRequest<'a>,
) -> Result<Wanted<'a>, SessionRefusal<'a>> {
    if !identity.permissions.has(Permissions::SUBSCRIBE) {
        return Err(SessionRefusal::PermissionDenied { permission: "subscribe" });
    }
    let word = request.channel.word;
    let channel = request.channel.channel.ok_or(SessionRefusal::UnknownChannel { word })?;
    if !identity.may_follow(channel) {
        return Err(SessionRefusal::NotAllowed { what: "channel", word });
    }
    let options = request
        .options
        .as_ref()
        .map_err(|wrong| SessionRefusal::WrongOption { option: wrong.option, expected: wrong.expected })?;
    if options.snapshot == Some(true) && !identity.permissions.has(Permissions::READ) {
        return Err(SessionRefusal::PermissionDenied { permission: "read" });
    }
    let entry = match request.auction {
        // Market data is of no auction, whatever a client's habit says.
        AuctionScope::One(auction) if channel != Channel::MarketData => {
            let word = auction.word;
            let entry = auction.id.and_then(|id| host.directory().find(id));
            let entry = entry.ok_or(SessionRefusal::UnknownAuction { word })?;
            if !identity.may_see(entry.id) {
                return Err(SessionRefusal::NotAllowed { what: "auction_id", word });
            }
            Some(entry)
        }
        _ => None,
    };
    Ok(Wanted { channel, entry, options })
}

/// The options as the session keeps them.
fn options(wanted: &Wanted<'_>) -> Options {
    let given = wanted.options;
    let mut rare = RareOptions::default();
    if wanted.channel == Channel::Bids
        && let Some(number) = given.min_quantity
    {
        let lots = wanted.entry.as_ref().map(|entry| lots_at_least(number, entry.grids.lot).0);
        rare.min_quantity = Some(MinQuantity { text: number.text.into(), lots });
    }
    if wanted.channel == Channel::MarketData {
        rare.token = given.token.map(|name| Market { name: name.into(), key: token_key(name) });
        rare.token_pair = given.token_pair.map(|name| Market { name: name.into(), key: pair_key(name) });
    }
    let interval_ms = if tells_state(wanted.channel) { given.interval_ms.unwrap_or(INTERVAL_MS) } else { 0 };
    Options {
        interval_ms: interval_ms.min(u32::from(u16::MAX)) as u16,
        own_hidden: wanted.channel == Channel::Bids && given.include_own == Some(false),
        resumes: given.since.is_some(),
        rare: (rare != RareOptions::default()).then(|| Box::new(rare)),
    }
}

fn query(
    wanted: &Wanted<'_>,
    options: &Options,
    identity: &Identity,
    session: &Session,
    ticket: u32,
) -> Subscribe {
    let given = wanted.options;
    let auction = wanted.entry.as_ref().map(|entry| entry.id);
    let rare = options.rare.as_deref();
    let name = |market: Option<&Market>| market.map(|market| market.name.clone());
    let lots = rare.and_then(|rare| rare.min_quantity.as_ref()).and_then(|min| min.lots);
    Subscribe {
        ticket,
        channel: wanted.channel,
        auction,
        allowed: identity.auctions.clone(),
        party: session.party,
        own: if options.own_hidden { OwnBids::Hidden } else { OwnBids::Shown },
        min_quantity: QuantityLots(lots.unwrap_or(0)),
        snapshot: if given.snapshot == Some(true) { Snapshot::Sent } else { Snapshot::Omitted },
        open_requests: if session.may(Permissions::SETTLE) {
            OpenRequests::Told
        } else {
            OpenRequests::Hidden
        },
        token: name(rare.and_then(|rare| rare.token.as_ref())),
        token_pair: name(rare.and_then(|rare| rare.token_pair.as_ref())),
        since: given.since.as_ref().map(|since| {
            let mut offsets = since.offsets.clone();
            if let (Some(auction), Some(offset)) = (auction, since.offset) {
                offsets.retain(|(named, _)| *named != auction);
                offsets.push((auction, offset));
            }
            Since { epoch: since.epoch.into(), offsets }
        }),
    }
}

/// Whether a channel tells state, which has an interval.
fn tells_state(channel: Channel) -> bool {
    matches!(channel, Channel::Auction | Channel::MarketData)
}

/// What must be asked before a member gets a message.
fn flags(session: &Session, topic: Topic) -> Flags {
    let Some(subscription) = session.subscriptions.find(topic) else { return Flags::NONE };
    let rare = subscription.rare();
    let is_global = topic.slot.is_none();
    let is_restricted = session.identity.as_ref().is_some_and(|identity| identity.auctions.is_some());
    let is_shadowed = is_global
        && session.subscriptions.iter().any(|other| {
            let other_topic: Topic = other.topic();
            let slot: Option<AuctionSlot> = other_topic.slot;
            other_topic.channel == topic.channel && slot.is_some() && other.place().is_some()
        });
    Flags::NONE
        .with(Flags::OWN_HIDDEN.when(subscription.own_hidden()))
        .with(Flags::MIN_QUANTITY.when(rare.is_some_and(|rare| rare.min_quantity.is_some())))
        .with(Flags::MARKET.when(rare.is_some_and(|rare| rare.token.is_some() || rare.token_pair.is_some())))
        .with(Flags::RESTRICTED.when(is_global && is_restricted && topic.channel != Channel::MarketData))
        .with(Flags::SHADOWED.when(is_shadowed))
}

//! A connection's subscriptions: at most one for each channel of each auction, and one
//! for each channel of all auctions.
//!
//! A subscription is asked for with a ticket and holds from the frame that carries the
//! ticket back. Until then it takes a place in the count and gets nothing; one that is
//! asked for again with other options goes on with the old ones until then.

use crate::engine::{AuctionSlot, PartyKey};
use crate::wire::Channel;

/// What is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    /// Which channel.
    pub channel: Channel,
    /// Which auction; `None` for all.
    pub slot: Option<AuctionSlot>,
}

/// The options of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The least time between two states, in milliseconds.
    pub interval_ms: u16,
    /// Whether the client's own bids are left out.
    pub own_hidden: bool,
    /// Whether it asks for the past first: until it holds, its facts come with that, each in its place.
    pub resumes: bool,
    /// What most subscriptions leave at its default.
    pub rare: Option<Box<RareOptions>>,
}

/// Options that few clients use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RareOptions {
    /// The least quantity shown.
    pub min_quantity: Option<MinQuantity>,
    /// Only this token.
    pub token: Option<Market>,
    /// Only this pair.
    pub token_pair: Option<Market>,
}

/// A token or a pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Market {
    /// Its name.
    pub name: Box<str>,
    /// What frames carry for it.
    pub key: PartyKey,
}

/// The least quantity that a subscription shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinQuantity {
    /// As the client wrote it: a JSON number.
    pub text: Box<str>,
    /// In lots of the subscription's auction; `None` where it has all, since each has its own lots.
    pub lots: Option<i64>,
}

/// Where a live subscription stands among its topic's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The group of its interval.
    pub interval_ms: u16,
    /// The place within that group.
    pub position: u32,
}

/// One subscription.
#[derive(Debug)]
pub struct Subscription {
    slot: u32,
    position: u32,
    interval_ms: u16,
    channel: Channel,
    own_hidden: bool,
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    rare: Option<Box<RareOptions>>,
    pending: Option<(u32, Options)>,
}

const ALL: u32 = u32::MAX;
const NOT_LIVE: u32 = u32::MAX;

/// How many places the list grows by: connections are many, so it never doubles.
const GROWTH: usize = 5;

impl Subscription {
    /// What it is to.
    pub fn topic(&self) -> Topic {
        let slot = (self.slot != ALL).then_some(AuctionSlot(self.slot));
        Topic { channel: self.channel, slot }
    }

    /// Where it stands, if it is live.
    pub fn place(&self) -> Option<Place> {
        (self.position != NOT_LIVE)
            .then_some(Place { interval_ms: self.interval_ms, position: self.position })
    }

    /// Whether the client's own bids are left out.
    pub fn own_hidden(&self) -> bool {
        self.own_hidden
    }

    /// The least time between two states, in milliseconds.
    pub fn interval_ms(&self) -> u16 {
        self.interval_ms
    }

    /// The options that few use.
    pub fn rare(&self) -> Option<&RareOptions> {
        self.more.as_ref()?.rare.as_deref()
    }

    fn give_back(&mut self) {
        if self.more.as_ref().is_some_and(|more| more.rare.is_none() && more.pending.is_none()) {
            self.more = None;
        }
    }
}

/// All subscriptions of a connection.
#[derive(Debug, Default)]
pub struct Subscriptions {
    list: Vec<Subscription>,
}

impl Subscriptions {
    /// How many there are, those that are only asked for included.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// All of them, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.iter()
    }

    /// The one to this topic.
    pub fn find(&self, topic: Topic) -> Option<&Subscription> {
        self.list.iter().find(|subscription| subscription.topic() == topic)
    }

    fn find_mut(&mut self, topic: Topic) -> Option<&mut Subscription> {
        self.list.iter_mut().find(|subscription| subscription.topic() == topic)
    }

    /// Whether a live subscription to this topic exists.
    pub fn is_live(&self, topic: Topic) -> bool {
        self.find(topic).is_some_and(|subscription| subscription.place().is_some())
    }

    /// Whether a subscription to this topic is on its way that tells the past first.
    pub fn is_resuming(&self, topic: Topic) -> bool {
        let pending = self.find(topic).filter(|subscription| subscription.place().is_none());
        let pending = pending.and_then(|subscription| subscription.more.as_ref()?.pending.as_ref());
        pending.is_some_and(|(_, options)| options.resumes)
    }

    /// Asks for a subscription, or for other options of one.
    pub fn reserve(&mut self, topic: Topic, ticket: u32, options: Options) {
        if self.find(topic).is_none() {
            if self.list.len() == self.list.capacity() {
                self.list.reserve_exact(GROWTH);
            }
            self.list.push(Subscription {
                slot: topic.slot.map_or(ALL, |slot| slot.0),
                position: NOT_LIVE,
                interval_ms: 0,
                channel: topic.channel,
                own_hidden: false,
                more: None,
            });
        }
        let subscription = self.find_mut(topic).expect("it was added where it was missing");
        subscription.more.get_or_insert_default().pending = Some((ticket, options));
    }

    /// A subscription holds from now on: its topic, where it stood until now if it was live, and what is new.
    /// `None` if it was given up in the meantime. The caller says with `settle` where it stands.
    pub fn activate(&mut self, ticket: u32) -> Option<(Topic, Option<Place>)> {
        let subscription = self.list.iter_mut().find(|subscription| {
            let more = subscription.more.as_ref();
            more.and_then(|more| more.pending.as_ref()).is_some_and(|(pending, _)| *pending == ticket)
        })?;
        let before = subscription.place();
        let more = subscription.more.as_mut()?;
        let (_, options) = more.pending.take()?;
        more.rare = options.rare;
        subscription.interval_ms = options.interval_ms;
        subscription.own_hidden = options.own_hidden;
        subscription.position = NOT_LIVE;
        subscription.give_back();
        Some((subscription.topic(), before))
    }

    /// Notes where a live subscription stands.
    pub fn settle(&mut self, topic: Topic, position: u32) {
        if let Some(subscription) = self.find_mut(topic) {
            subscription.position = position;
        }
    }

    /// What was asked for with this ticket is refused.
    pub fn refuse(&mut self, ticket: u32) {
        for subscription in &mut self.list {
            let Some(more) = &mut subscription.more else { continue };
            if more.pending.as_ref().is_some_and(|(pending, _)| *pending == ticket) {
                more.pending = None;
                subscription.give_back();
            }
        }
        self.list.retain(|subscription| subscription.place().is_some() || subscription.more.is_some());
    }

    /// Ends a subscription, and gives where it stood if it was live.
    pub fn remove(&mut self, topic: Topic) -> Option<Place> {
        let index = self.list.iter().position(|subscription| subscription.topic() == topic)?;
        let place = self.list.swap_remove(index).place();
        if self.list.is_empty() {
            self.list = Vec::new();
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(slot: u32) -> Topic {
        Topic { channel: Channel::Bids, slot: Some(AuctionSlot(slot)) }
    }

    fn options(interval_ms: u16) -> Options {
        Options { interval_ms, ..Options::default() }
    }

    #[test]
    fn holds_from_its_ticket_on_and_keeps_old_options_until_then() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.reserve(topic(1), 7, options(50));
        assert_eq!((subscriptions.count(), subscriptions.is_live(topic(1))), (1, false));
        assert_eq!(subscriptions.activate(8), None);
        assert_eq!(subscriptions.activate(7), Some((topic(1), None)));
        subscriptions.settle(topic(1), 3);
        assert!(subscriptions.is_live(topic(1)));

        subscriptions.reserve(topic(1), 9, options(200));
        let place = Place { interval_ms: 50, position: 3 };
        assert_eq!(subscriptions.find(topic(1)).and_then(Subscription::place), Some(place));
        assert_eq!(subscriptions.activate(9), Some((topic(1), Some(place))));
        assert_eq!(subscriptions.count(), 1);
        assert_eq!(subscriptions.find(topic(1)).map(Subscription::interval_ms), Some(200));
    }

    #[test]
    fn a_refusal_frees_the_place_unless_the_subscription_was_live() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.reserve(topic(1), 1, options(0));
        subscriptions.refuse(1);
        assert_eq!(subscriptions.count(), 0);
        subscriptions.reserve(topic(1), 2, options(0));
        subscriptions.activate(2);
        subscriptions.settle(topic(1), 0);
        subscriptions.reserve(topic(1), 3, options(9));
        subscriptions.refuse(3);
        assert!(subscriptions.is_live(topic(1)));
        assert_eq!(subscriptions.activate(3), None);
        assert_eq!(subscriptions.remove(topic(1)), Some(Place { interval_ms: 0, position: 0 }));
        assert_eq!(subscriptions.remove(topic(1)), None);
    }

    #[test]
    fn fifty_subscriptions_take_little_room() {
        assert!(size_of::<Subscription>() <= 24);
        let mut subscriptions = Subscriptions::default();
        for slot in 0..50 {
            subscriptions.reserve(topic(slot), slot, options(0));
            subscriptions.activate(slot);
            subscriptions.settle(topic(slot), 0);
        }
        assert_eq!(subscriptions.list.capacity(), 50);
        assert!(subscriptions.iter().all(|subscription| subscription.more.is_none()));
    }
}

//! What the host published, to those it is for.

use super::Desk;
use crate::engine::AuctionSlot;
use crate::host::{Body, Delivery, FrameHeader, Host, Origin, Query};
use crate::server::backlog::StateKey;
use crate::server::connection::ConnectionId;
use crate::server::identity::Permissions;
use crate::server::outbox::{PieceId, Record};
use crate::server::session::{Session, Topic};
use crate::server::sockets::Sockets;
use crate::server::states::{Gate, Passage};
use crate::server::topics::{Flags, Group, Member};
use crate::units::Reading;
use crate::wire::Channel;
use crate::wire::decode::{NumberText, lots_at_least};

/// Most bytes of the ring in one turn: what is more waits for the next one.
const TURN_BYTES: usize = 2 << 20;

impl Desk {
    /// Takes what has come since the last turn.
    pub(super) fn read_ring(&mut self, sockets: &mut Sockets) {
        let mut at = 0;
        while at < TURN_BYTES
            && let Some(first) = sockets.outbox().read(&mut self.ring, TURN_BYTES)
        {
            at = first;
            while let Some(record) = sockets.outbox().record(at) {
                at = record.next;
                if let Some(header) = record.header {
                    self.deliver(sockets, &record, &header);
                }
            }
        }
        if at >= TURN_BYTES {
            sockets.ask_for_turn();
        }
    }

    fn deliver(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        if header.is_terminal
            && let Some(slot) = header.slot
        {
            self.release_states(sockets, slot);
        }
        match header.delivery {
            Delivery::Reply => self.deliver_reply(sockets, record, header),
            Delivery::Owner => self.deliver_to_owner(sockets, record, header),
            Delivery::Party => self.deliver_to_party(sockets, record, header),
            Delivery::Public | Delivery::Settlers => self.deliver_public(sockets, record, header),
            Delivery::State => self.deliver_state(sockets, record, header),
            Delivery::Ending => self.deliver_ending(sockets, record, header),
            Delivery::Activate => {
                if let Some(id) = sockets.find(header.connection) {
                    self.activate(id.index, header.ticket);
                }
            }
            Delivery::Continue => {
                if let Some(id) = sockets.find(header.connection)
                    && let Some(session) = self.session(id)
                {
                    session.has_caught_up = true;
                    session.unfinished.get_or_insert_default().push(header.ticket);
                    // If nothing waits after this turn's flush, nothing will tell that it has drained.
                    sockets.tell_when_drained(id);
                }
            }
            Delivery::Embedders => {}
            Delivery::Noted => {
                if let Some(id) = sockets.find(header.connection)
                    && let Some(session) = self.session(id)
                {
                    session.note_bid(header.bid);
                }
            }
        }
    }

    fn deliver_reply(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let Some(id) = sockets.find(header.connection) else { return };
        if header.ticket != 0
            && let Some(session) = self.session(id)
        {
            session.subscriptions.refuse(header.ticket);
        }
        let piece = sockets.outbox().piece_for_asker(record);
        sockets.send_piece(id.index, piece);
    }

    fn deliver_to_owner(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let asker = sockets.find(header.connection);
        if let Some(id) = asker {
            let piece = sockets.outbox().piece_for_asker(record);
            sockets.send_piece(id.index, piece);
            if !header.bid.0.is_nil()
                && let Some(session) = self.session(id)
            {
                session.note_bid(header.bid);
            }
        }
        let Some(connections) = self.parties.get(&header.party) else { return };
        let mut piece = None;
        for &connection in connections {
            let is_asker = asker.is_some_and(|id| id.index == connection);
            let Some(session) = self.sessions[connection as usize].as_deref().filter(|_| !is_asker) else {
                continue;
            };
            let follows = |slot| session.subscriptions.is_live(Topic { channel: header.channel, slot });
            if follows(header.slot) || follows(None) {
                let outbox = sockets.outbox();
                let piece = *piece.get_or_insert_with(|| outbox.piece_of_record(record, StateKey::NONE));
                sockets.send_piece(connection, piece);
            }
        }
    }

    fn deliver_to_party(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let fact = Some((header.slot, header.channel, header.offset));
        if self.served.fact != fact {
            self.served.fact = fact;
            self.served.connections.clear();
        }
        let Some(connections) = self.parties.get(&header.party) else { return };
        let piece = sockets.outbox().piece_of_record(record, StateKey::NONE);
        for &connection in connections {
            // Who resumes hears it in its place among what was missed.
            let session = self.sessions[connection as usize].as_deref();
            if session.is_some_and(|session| resumes(session, header)) {
                continue;
            }
            sockets.send_piece(connection, piece);
            self.served.connections.insert(connection);
        }
    }

    fn deliver_public(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let fact = Some((header.slot, header.channel, header.offset));
        let has_served = self.served.fact == fact && !self.served.connections.is_empty();
        let asker = sockets.find(header.connection).map(|id| id.index);
        let piece = sockets.outbox().piece_of_record(record, StateKey::NONE);
        let rules = Rules { sessions: &self.sessions, host: &self.host, header };
        for topic in topics_of(header) {
            for group in self.topics.groups(topic) {
                for member in &group.members {
                    if (member.flags != Flags::NONE && !rules.admit(member, topic))
                        || Some(member.connection) == asker
                        || (has_served && self.served.connections.contains(&member.connection))
                        || (header.delivery == Delivery::Settlers && !rules.may_settle(member))
                    {
                        continue;
                    }
                    sockets.send_piece(member.connection, piece);
                }
            }
        }
        if has_served {
            self.served.fact = None;
            self.served.connections.clear();
        }
    }

    fn deliver_state(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let (key, now) = (state_key(header), sockets.now());
        let rules = Rules { sessions: &self.sessions, host: &self.host, header };
        let (mut piece, mut is_held) = (None, false);
        for topic in topics_of(header) {
            for group in self.topics.groups(topic) {
                let gate = Gate { topic, interval_ms: group.interval_ms, key };
                if self.states.arrive(gate, now) == Passage::Shut {
                    is_held = true;
                    continue;
                }
                let outbox = sockets.outbox();
                let piece = *piece.get_or_insert_with(|| outbox.piece_of_record(record, key));
                rules.send(sockets, topic, &group.members, piece);
            }
        }
        if is_held {
            self.states.hold(key, *header, sockets.outbox().parts(record));
        }
    }

    fn deliver_ending(&mut self, sockets: &mut Sockets, record: &Record, header: &FrameHeader) {
        let topic = Topic { channel: header.channel, slot: header.slot };
        let piece = sockets.outbox().piece_of_record(record, StateKey::NONE);
        for Group { members, .. } in self.topics.end(topic) {
            for Member { connection, .. } in members {
                sockets.send_piece(connection, piece);
                if let Some(session) = self.sessions[connection as usize].as_deref_mut() {
                    session.subscriptions.remove(topic);
                }
                self.set_global_flags(connection, topic);
            }
        }
    }

    /// Sends states whose interval is over.
    pub(super) fn open_gates(&mut self, sockets: &mut Sockets) {
        for gate in self.states.open(sockets.now()) {
            self.let_through(sockets, gate);
        }
    }

    /// Sends at once what is held back of an auction that ends.
    fn release_states(&mut self, sockets: &mut Sockets, slot: AuctionSlot) {
        let key = auction_key(slot);
        for slot in [Some(slot), None] {
            let topic = Topic { channel: Channel::Auction, slot };
            let intervals: Vec<u16> =
                self.topics.groups(topic).iter().map(|group| group.interval_ms).collect();
            for interval_ms in intervals {
                let gate = Gate { topic, interval_ms, key };
                if self.states.remove(gate) {
                    self.let_through(sockets, gate);
                }
            }
        }
    }

    fn let_through(&mut self, sockets: &mut Sockets, gate: Gate) {
        if let Some(held) = self.states.held(gate.key) {
            let members = self.topics.members(gate.topic, gate.interval_ms);
            if !members.is_empty() {
                let piece = sockets.outbox().piece_of_parts(held.parts(), gate.key);
                let rules = Rules { sessions: &self.sessions, host: &self.host, header: &held.header };
                rules.send(sockets, gate.topic, members, piece);
            }
        }
        self.states.passed(gate.key);
    }

    /// Goes on with subscriptions that waited for everything before to be sent.
    pub(super) fn go_on(&mut self, sockets: &mut Sockets, id: ConnectionId) {
        let Some(tickets) = self.session(id).and_then(|session| session.unfinished.take()) else { return };
        for ticket in *tickets {
            let origin = Origin::Connection(sockets.key(id));
            self.run_errand(origin, Body::Query(Query::Continue { ticket }));
        }
    }
}

/// Whom a message to many is for.
struct Rules<'a> {
    sessions: &'a [Option<Box<Session>>],
    host: &'a Host,
    header: &'a FrameHeader,
}

impl Rules<'_> {
    fn send(&self, sockets: &mut Sockets, topic: Topic, members: &[Member], piece: PieceId) {
        for member in members {
            if member.flags == Flags::NONE || self.admit(member, topic) {
                sockets.send_piece(member.connection, piece);
            }
        }
    }

    /// Whether a member with questions to ask gets the message.
    fn admit(&self, member: &Member, topic: Topic) -> bool {
        let (header, flags) = (self.header, member.flags);
        let Some(session) = self.sessions[member.connection as usize].as_deref() else { return false };
        if flags.has(Flags::OWN_HIDDEN) && header.party == session.party {
            return false;
        }
        if flags.has(Flags::SHADOWED) && header.slot.is_some() {
            let own = Topic { channel: topic.channel, slot: header.slot };
            if session.subscriptions.is_live(own) {
                return false;
            }
        }
        if flags.has(Flags::RESTRICTED) && !self.may_see(session) {
            return false;
        }
        let rare = session.subscriptions.find(topic).and_then(|subscription| subscription.rare());
        let Some(rare) = rare else { return true };
        if let Some(min) = &rare.min_quantity {
            let lots = min.lots.unwrap_or_else(|| self.lots_here(&min.text));
            if header.lots < lots {
                return false;
            }
        }
        let markets = [&rare.token, &rare.token_pair];
        !flags.has(Flags::MARKET) || markets.into_iter().flatten().any(|market| market.key == header.party)
    }

    fn may_see(&self, session: &Session) -> bool {
        let Some(entry) = self.header.slot.and_then(|slot| self.host.directory().at(slot)) else {
            return true;
        };
        session.identity.as_ref().is_some_and(|identity| identity.may_see(entry.id))
    }

    /// A least quantity in the lots of the message's auction.
    fn lots_here(&self, text: &str) -> i64 {
        let Some(entry) = self.header.slot.and_then(|slot| self.host.directory().at(slot)) else { return 0 };
        lots_at_least(NumberText { text, reading: Reading::ProgramNumber }, entry.grids.lot).0
    }

    fn may_settle(&self, member: &Member) -> bool {
        let session = self.sessions[member.connection as usize].as_deref();
        session.is_some_and(|session| session.may(Permissions::SETTLE))
    }
}

/// Whether the session has asked for the past of what the frame is about, and is still waiting for it.
fn resumes(session: &Session, header: &FrameHeader) -> bool {
    topics_of(header).into_iter().any(|topic| session.subscriptions.is_resuming(topic))
}

/// The topics whose members a message is for: its auction's, and that of all auctions.
fn topics_of(header: &FrameHeader) -> impl Iterator<Item = Topic> + use<> {
    let channel = header.channel;
    let own = header.slot.map(|slot| Topic { channel, slot: Some(slot) });
    own.into_iter().chain([Topic { channel, slot: None }])
}

/// Which state a message tells.
fn state_key(header: &FrameHeader) -> StateKey {
    match header.slot {
        Some(slot) => auction_key(slot),
        // Keys of tokens and pairs are hashes: 63 bits of them tell those of a market apart.
        None => StateKey(1 << 63 | header.party.0 as u64),
    }
}

fn auction_key(slot: AuctionSlot) -> StateKey {
    StateKey(u64::from(slot.0) + 1)
}

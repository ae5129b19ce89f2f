//! Who follows what on a shard: members by topic, and within a topic by the interval
//! at which they want state.
//!
//! A member is eight bytes, and the members of a group lie behind each other, since
//! every message to many walks them. What filters a member has is a hint in its flags;
//! the rules themselves are the desk's.

use rustc_hash::FxHashMap;

use super::session::{Place, Topic};

/// A connection that follows a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its slot on the shard.
    pub connection: u32,
    /// What must be asked before it gets a message; none for most.
    pub flags: Flags,
}

/// What must be asked before a member gets a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Whether the message is about the client's own bid.
    pub const OWN_HIDDEN: Self = Self(1);
    /// Whether the quantity is large enough.
    pub const MIN_QUANTITY: Self = Self(1 << 1);
    /// Whether the auction is one that the client may see.
    pub const RESTRICTED: Self = Self(1 << 2);
    /// Whether it is the right token or pair.
    pub const MARKET: Self = Self(1 << 3);
    /// Whether the client follows this auction by itself too.
    pub const SHADOWED: Self = Self(1 << 4);

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This, if `condition` holds.
    #[must_use]
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    /// Whether all of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The members of one topic who want state at the same interval.
#[derive(Debug)]
pub struct Group {
    /// The least time between two states of a kind, in milliseconds.
    pub interval_ms: u16,
    /// Its members, in no particular order.
    pub members: Vec<Member>,
}

/// All topics of a shard.
#[derive(Debug, Default)]
pub struct Topics {
    groups: FxHashMap<Topic, Vec<Group>>,
}

impl Topics {
    /// Adds a member and gives its position in the group.
    pub fn join(&mut self, topic: Topic, interval_ms: u16, member: Member) -> u32 {
        let groups = self.groups.entry(topic).or_default();
        let index = match groups.binary_search_by_key(&interval_ms, |group| group.interval_ms) {
            Ok(index) => index,
            Err(index) => {
                groups.insert(index, Group { interval_ms, members: Vec::new() });
                index
            }
        };
        let members = &mut groups[index].members;
        members.push(member);
        members.len() as u32 - 1
    }

    /// Takes a member away. The one that is moved into its place, if any, must be told its new position:
    /// it is the connection given.
    pub fn leave(&mut self, topic: Topic, place: Place) -> Option<u32> {
        let groups = self.groups.get_mut(&topic)?;
        let index = groups.binary_search_by_key(&place.interval_ms, |group| group.interval_ms).ok()?;
        let members = &mut groups[index].members;
        members.swap_remove(place.position as usize);
        let moved = members.get(place.position as usize).map(|member| member.connection);
        if members.is_empty() {
            groups.remove(index);
            if groups.is_empty() {
                self.groups.remove(&topic);
            }
        } else if members.len() * 4 < members.capacity() {
            members.shrink_to(members.len() * 2);
        }
        moved
    }

    /// The groups of a topic.
    pub fn groups(&self, topic: Topic) -> &[Group] {
        self.groups.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Members of a topic's group of this interval.
    pub fn members(&self, topic: Topic, interval_ms: u16) -> &[Member] {
        let groups = self.groups(topic);
        match groups.binary_search_by_key(&interval_ms, |group| group.interval_ms) {
            Ok(index) => &groups[index].members,
            Err(_) => &[],
        }
    }

    /// Changes what is asked before a member gets a message.
    pub fn set_flags(&mut self, topic: Topic, place: Place, flags: Flags) {
        let Some(groups) = self.groups.get_mut(&topic) else { return };
        if let Ok(index) = groups.binary_search_by_key(&place.interval_ms, |group| group.interval_ms)
            && let Some(member) = groups[index].members.get_mut(place.position as usize)
        {
            member.flags = flags;
        }
    }

    /// Takes a topic away with all its members.
    pub fn end(&mut self, topic: Topic) -> Vec<Group> {
        self.groups.remove(&topic).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::AuctionSlot;
    use crate::wire::Channel;

    fn topic(slot: u32) -> Topic {
        Topic { channel: Channel::Auction, slot: Some(AuctionSlot(slot)) }
    }

    proptest! {
        #[test]
        fn members_come_and_go_and_positions_stay_true(
            steps in proptest::collection::vec((0_u32..12, 0_u32..3, 0_u16..3, any::<bool>()), 1..300),
        ) {
            let mut topics = Topics::default();
            let mut places: BTreeMap<(u32, u32), Place> = BTreeMap::new();
            for (connection, slot, interval_ms, joins) in steps {
                let key = (connection, slot);
                match (joins, places.contains_key(&key)) {
                    (true, false) => {
                        let member = Member { connection, flags: Flags::NONE };
                        let position = topics.join(topic(slot), interval_ms, member);
                        places.insert(key, Place { interval_ms, position });
                    }
                    (false, true) => {
                        let place = places.remove(&key).expect("it is there");
                        if let Some(moved) = topics.leave(topic(slot), place) {
                            places.get_mut(&(moved, slot)).expect("a member moved").position = place.position;
                        }
                    }
                    _ => {}
                }
                for (&(connection, slot), place) in &places {
                    let members = topics.members(topic(slot), place.interval_ms);
                    prop_assert_eq!(members[place.position as usize].connection, connection);
                }
                let count: usize =
                    (0..3).flat_map(|slot| topics.groups(topic(slot))).map(|group| group.members.len()).sum();
                prop_assert_eq!(count, places.len());
            }
        }
    }

    #[test]
    fn a_member_takes_eight_bytes_and_empty_topics_none() {
        assert_eq!(size_of::<Member>(), 8);
        let mut topics = Topics::default();
        topics.join(topic(1), 5, Member { connection: 1, flags: Flags::NONE });
        assert_eq!(topics.leave(topic(1), Place { interval_ms: 5, position: 0 }), None);
        assert!(topics.groups.is_empty());
    }
}

//! The order of an auction's bids in time.
//!
//! Bids stand in the order in which they came, which takes no memory at all. One that loses its priority by an
//! amendment goes behind all others that there are: that is a move, and moves are what is kept. Each bid and each
//! move has a place of its own; a place that its bid has left again no longer counts.

use rustc_hash::FxHashMap;

use super::column::Column;

/// The owner of a place that has none.
const NOBODY: u32 = u32::MAX;

/// A bid that went behind all others.
#[derive(Debug, Clone, Copy)]
struct Move {
    bid: u32,
    /// How many bids there were.
    bids_before: u32,
}

/// See the module. Bids are their indexes; how many there are is known to who keeps them.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeOrder {
    moves: Column<Move>,
    /// The latest move of each bid that has one.
    latest: FxHashMap<u32, u32>,
}

impl TimeOrder {
    /// The places that so many bids and their moves have taken.
    pub(super) fn place_count(&self, bid_count: u32) -> usize {
        bid_count as usize + self.moves.len()
    }

    /// Has a bid go behind all others, of which there are so many with it.
    pub(super) fn move_behind(&mut self, bid: u32, bid_count: u32) {
        self.latest.insert(bid, self.moves.len() as u32);
        self.moves.push(Move { bid, bids_before: bid_count });
    }

    /// What sorts bids by their places, and is found faster than those.
    #[inline]
    pub(super) fn rank(&self, bid: u32) -> u64 {
        match self.latest_move(bid) {
            Some(at) => u64::from(self.moves[at as usize].bids_before) << u32::BITS | (u64::from(at) + 1),
            None => (u64::from(bid) + 1) << u32::BITS,
        }
    }

    /// The place of each of so many bids: a lower one comes first.
    pub(super) fn places(&self, bid_count: u32) -> impl Iterator<Item = u32> + '_ {
        let mut moves = self.moves.iter().peekable();
        let mut moves_before = 0;
        (0..bid_count).map(move |bid| {
            while moves.next_if(|moved| moved.bids_before <= bid).is_some() {
                moves_before += 1;
            }
            match self.latest_move(bid) {
                Some(at) => self.moves[at as usize].bids_before + at,
                None => bid + moves_before,
            }
        })
    }

    #[inline]
    fn latest_move(&self, bid: u32) -> Option<u32> {
        // Most auctions have no moves, and then there is nothing to hash for.
        if self.latest.is_empty() { None } else { self.latest.get(&bid).copied() }
    }

    /// The bids from a place on, of so many, in their order and with their places.
    pub(super) fn iter_from(&self, place: u32, bid_count: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut next_move =
            self.moves.partition_point(|at, moved| moved.bids_before + (at as u32) < place) as u32;
        let mut next_bid = place.saturating_sub(next_move);
        let places = std::iter::from_fn(move || {
            let place = next_bid.checked_add(next_move)?;
            match self.moves.get(next_move as usize) {
                Some(moved) if moved.bids_before <= next_bid => {
                    let is_current = self.latest.get(&moved.bid) == Some(&next_move);
                    next_move += 1;
                    Some((place, moved.bid, is_current))
                }
                _ if next_bid < bid_count => {
                    let bid = next_bid;
                    next_bid += 1;
                    Some((place, bid, self.latest_move(bid).is_none()))
                }
                _ => None,
            }
        });
        places.filter(|&(.., is_current)| is_current).map(|(place, bid, _)| (place, bid))
    }

    /// The order in which each of so many bids has its place; `None` if there is none. Where there are several, they differ only
    /// in places that no longer count.
    pub(super) fn with_places(places: &[u32], place_count: usize) -> Option<Self> {
        let mut owners = vec![NOBODY; place_count];
        for (&place, bid) in places.iter().zip(0..) {
            let owner = owners.get_mut(place as usize)?;
            if *owner != NOBODY {
                return None;
            }
            *owner = bid;
        }
        // A bid may still be where it came, if that is before the next one came. Otherwise it came at a place that has
        // no owner now: at the last one before the next one's, which leaves those before it the most room.
        let mut is_move = vec![true; place_count];
        let mut next_came = place_count;
        for &place in places.iter().rev() {
            let came = if (place as usize) < next_came {
                place as usize
            } else {
                owners[..next_came].iter().rposition(|&owner| owner == NOBODY)?
            };
            is_move[came] = false;
            next_came = came;
        }
        let mut order = Self::default();
        let moves = owners.into_iter().zip(0..).zip(is_move).filter(|(_, is_move)| *is_move);
        for (((owner, place), _), at) in moves.zip(0_u32..) {
            if owner != NOBODY {
                order.latest.insert(owner, at);
            }
            // The place that a bid has left may be any bid's: no bid's latest move is this one.
            order.moves.push(Move { bid: if owner == NOBODY { 0 } else { owner }, bids_before: place - at });
        }
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each place taken, with the bid that took it.
    #[derive(Debug, Default)]
    struct Model {
        takers: Vec<u32>,
        bid_count: u32,
    }

    impl Model {
        fn place(&self, bid: u32) -> u32 {
            self.takers.iter().rposition(|&taker| taker == bid).expect("it came") as u32
        }
    }

    fn check(order: &TimeOrder, model: &Model) -> Result<(), TestCaseError> {
        let bids = model.bid_count;
        let places: Vec<u32> = (0..bids).map(|bid| model.place(bid)).collect();
        prop_assert_eq!(order.place_count(bids), model.takers.len());
        prop_assert_eq!(order.places(bids).collect::<Vec<_>>(), places.clone());
        let mut in_order: Vec<(u32, u32)> = places.iter().copied().zip(0..).collect();
        in_order.sort_unstable();
        prop_assert!(in_order.is_sorted_by_key(|&(_, bid)| order.rank(bid)));
        prop_assert!((1..bids).all(|bid| order.rank(bid) != order.rank(bid - 1)));
        for from in 0..model.takers.len() as u32 + 2 {
            let expected = in_order.iter().copied().filter(|&(place, _)| place >= from);
            prop_assert!(order.iter_from(from, bids).eq(expected), "from {}", from);
        }
        Ok(())
    }

    /// Bids that come (`None`), and bids that go behind the others.
    fn histories() -> impl Strategy<Value = Vec<Option<prop::sample::Index>>> {
        prop::collection::vec(prop::option::weighted(0.6, any::<prop::sample::Index>()), 0..40)
    }

    fn happen(steps: &[Option<prop::sample::Index>], order: &mut TimeOrder, model: &mut Model) {
        for step in steps {
            let moved =
                step.filter(|_| model.bid_count > 0).map(|bid| bid.index(model.bid_count as usize) as u32);
            match moved {
                Some(bid) => order.move_behind(bid, model.bid_count),
                None => model.bid_count += 1,
            }
            model.takers.push(moved.unwrap_or(model.bid_count - 1));
        }
    }

    proptest! {
        #[test]
        fn bids_stand_as_they_came_or_moved_before_and_after_they_are_read_again(
            before in histories(),
            after in histories(),
        ) {
            let (mut order, mut model) = (TimeOrder::default(), Model::default());
            happen(&before, &mut order, &mut model);
            check(&order, &model)?;
            let places: Vec<u32> = order.places(model.bid_count).collect();
            let mut order = TimeOrder::with_places(&places, model.takers.len()).expect("an order");
            check(&order, &model)?;
            happen(&after, &mut order, &mut model);
            check(&order, &model)?;
        }

        #[test]
        fn places_that_are_read_are_the_orders_or_refused(
            places in prop::collection::vec(0_u32..12, 0..10),
            more in 0_usize..4,
        ) {
            if let Some(order) = TimeOrder::with_places(&places, places.len() + more) {
                let count = places.len() as u32;
                prop_assert_eq!(order.place_count(count), places.len() + more);
                prop_assert_eq!(order.places(count).collect::<Vec<_>>(), places);
            }
        }
    }

    #[test]
    fn no_two_bids_have_one_place_and_none_moves_ahead() {
        for (places, place_count) in [(&[0, 0][..], 2), (&[1, 0], 2), (&[0, 2], 2), (&[2, 0, 1], 3)] {
            assert!(TimeOrder::with_places(places, place_count).is_none(), "{places:?} of {place_count}");
        }
    }
}

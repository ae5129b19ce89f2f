//! The questions to a tree of sums: lots at a key and above it, neighbouring keys that have lots, and the lowest key
//! at which something fits, which is the search behind every price.

use super::demand_tree::{FAN, FAN_BITS, Node, SumTree, digit, leaf_start};

/// How many children a search looks at together.
const EIGHT: usize = 8;

/// A leaf where the next question is expected. Wherever it points, answers are right.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Near(u32);

/// Where the search ended: a key, and the lots at all keys above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub key: u64,
    pub above: i64,
}

/// Keys from `low` to `high`, `above` being the lots at all higher keys.
struct Span {
    low: u64,
    high: u64,
    above: i64,
}

/// The words above and below a digit.
#[inline]
fn bits_above(word: u64, digit: usize) -> u64 {
    word & (u64::MAX << 1 << digit)
}

#[inline]
fn bits_below(word: u64, digit: usize) -> u64 {
    word & !(u64::MAX << digit)
}

impl SumTree {
    /// The lots at a key.
    #[inline]
    pub fn at(&self, key: u64) -> i64 {
        let Some(mut node) = self.root else { return 0 };
        while let Some(index) = node.inner() {
            let inner = &self.inners[index];
            let place = digit(key, inner.shift);
            if !inner.holds(key) || inner.occupied >> place & 1 == 0 {
                return 0;
            }
            node = inner.children[place];
        }
        let is_here = self.heads[node.leaf()].start == leaf_start(key);
        if is_here { self.sums[node.leaf()].0[digit(key, 0)] } else { 0 }
    }

    /// The lowest key above a key that has lots, and how many; `near` is where it looks first.
    #[inline]
    pub fn level_above(&self, near: &mut Near, key: u64) -> Option<(u64, i64)> {
        if let Some((start, occupied)) = self.leaf_near(*near, key) {
            let higher = bits_above(occupied, digit(key, 0));
            if higher != 0 {
                let place = higher.trailing_zeros() as usize % FAN;
                return Some((start + place as u64, self.sums[near.0].0[place]));
            }
        }
        let next = self.next(key)?;
        Some((next, self.at_near(near, next)))
    }

    /// The highest key below a key that has lots, and how many; `near` is where it looks first.
    #[inline]
    pub fn level_below(&self, near: &mut Near, key: u64) -> Option<(u64, i64)> {
        if let Some((start, occupied)) = self.leaf_near(*near, key) {
            let lower = bits_below(occupied, digit(key, 0));
            if lower != 0 {
                let place = lower.ilog2() as usize % FAN;
                return Some((start + place as u64, self.sums[near.0].0[place]));
            }
        }
        let previous = self.previous(key)?;
        Some((previous, self.at_near(near, previous)))
    }

    /// The first key of the leaf that `near` names and which of its keys have lots, if it is the leaf of a key.
    #[inline]
    fn leaf_near(&self, near: Near, key: u64) -> Option<(u64, u64)> {
        let head = self.heads.find(near.0)?;
        (head.start == leaf_start(key) && head.occupied != 0).then_some((head.start, head.occupied))
    }

    /// The lots at a key that has some; its leaf becomes `near`.
    #[cold]
    fn at_near(&self, near: &mut Near, key: u64) -> i64 {
        let mut node = self.root.expect("a key with lots is in a node");
        while let Some(index) = node.inner() {
            let inner = &self.inners[index];
            node = inner.children[digit(key, inner.shift)];
        }
        *near = Near(node.leaf());
        self.sums[node.leaf()].0[digit(key, 0)]
    }

    /// The lots at all keys above a key.
    pub fn above(&self, key: u64) -> i64 {
        let Some(mut node) = self.root else { return 0 };
        let (mut sum, mut above) = (self.total, 0);
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key < start { above + sum } else { above };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let sums = &self.sums[node.leaf()].0;
                return above + sums[place + 1..].iter().sum::<i64>();
            };
            let inner = &self.inners[index];
            above += inner.sums[place + 1..].iter().sum::<i64>();
            if inner.occupied >> place & 1 == 0 {
                return above;
            }
            (node, sum) = (inner.children[place], inner.sums[place]);
        }
    }

    /// The lowest key above a key that has lots.
    #[inline]
    pub fn next(&self, key: u64) -> Option<u64> {
        let mut node = self.root?;
        // The nearest subtree known to lie above.
        let mut beyond = None;
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key < start {
                    Some(self.first_of(node))
                } else {
                    beyond.map(|node| self.first_of(node))
                };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let higher = bits_above(self.heads[node.leaf()].occupied, place);
                if higher != 0 {
                    return Some(start + u64::from(higher.trailing_zeros()));
                }
                return beyond.map(|node| self.first_of(node));
            };
            let inner = &self.inners[index];
            let higher = bits_above(inner.occupied, place);
            if higher != 0 {
                beyond = Some(inner.children[higher.trailing_zeros() as usize]);
            }
            if inner.occupied >> place & 1 == 0 {
                return beyond.map(|node| self.first_of(node));
            }
            node = inner.children[place];
        }
    }

    /// The highest key below a key that has lots.
    pub fn previous(&self, key: u64) -> Option<u64> {
        let mut node = self.root?;
        let mut beyond = None;
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key > start {
                    Some(self.last_of(node))
                } else {
                    beyond.map(|node| self.last_of(node))
                };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let lower = bits_below(self.heads[node.leaf()].occupied, place);
                if lower != 0 {
                    return Some(start + u64::from(lower.ilog2()));
                }
                return beyond.map(|node| self.last_of(node));
            };
            let inner = &self.inners[index];
            let lower = bits_below(inner.occupied, place);
            if lower != 0 {
                beyond = Some(inner.children[lower.ilog2() as usize]);
            }
            if inner.occupied >> place & 1 == 0 {
                return beyond.map(|node| self.last_of(node));
            }
            node = inner.children[place];
        }
    }

    /// The lowest key that has lots.
    pub fn first(&self) -> Option<u64> {
        self.root.map(|root| self.first_of(root))
    }

    /// The highest key that has lots.
    pub fn last(&self) -> Option<u64> {
        self.root.map(|root| self.last_of(root))
    }

    /// The lowest key up to `last` that `fits`, given the lots above it; `last` if none does.
    ///
    /// What fits at one key fits at every higher one.
    pub fn first_fit(&self, last: u64, fits: impl Fn(u64, i64) -> bool) -> Found {
        let Some(mut node) = self.root else { return bisect(Span { low: 0, high: last, above: 0 }, fits) };
        let mut sum = self.total;
        // The key lies in this span, and so does the whole node but what `last` cuts off.
        let mut span = Span { low: 0, high: last, above: 0 };
        loop {
            let (start, shift) = self.place_of(node);
            let end = start | (u64::MAX >> (u64::BITS - FAN_BITS) << shift) | ((1 << shift) - 1);
            if start > span.high || (start > span.low && fits(start - 1, span.above + sum)) {
                let high = span.high.min(start.wrapping_sub(1));
                return bisect(Span { high, above: span.above + sum, ..span }, fits);
            }
            if end < span.high && !fits(end, span.above) {
                return bisect(Span { low: end + 1, ..span }, fits);
            }
            span.low = start;
            span.high = span.high.min(end);
            let sums = match node.inner() {
                Some(index) => &self.inners[index].sums,
                None => &self.sums[node.leaf()].0,
            };
            let place = span.narrow(sums, shift, &fits);
            let Some(index) = node.inner() else { return Found { key: span.low, above: span.above } };
            let inner = &self.inners[index];
            if inner.occupied >> place & 1 == 0 {
                return bisect(span, fits);
            }
            (node, sum) = (inner.children[place], inner.sums[place]);
        }
    }

    fn first_of(&self, mut node: Node) -> u64 {
        while let Some(index) = node.inner() {
            let inner = &self.inners[index];
            node = inner.children[inner.occupied.trailing_zeros() as usize];
        }
        let head = &self.heads[node.leaf()];
        head.start + u64::from(head.occupied.trailing_zeros())
    }

    fn last_of(&self, mut node: Node) -> u64 {
        while let Some(index) = node.inner() {
            let inner = &self.inners[index];
            node = inner.children[inner.occupied.ilog2() as usize];
        }
        let head = &self.heads[node.leaf()];
        head.start + u64::from(head.occupied.ilog2())
    }
}

impl Span {
    /// Narrows the span of a node to the child that holds the first fitting key, and says which that is.
    ///
    /// Children are looked at by eights first, so that few sums depend on one another.
    #[inline]
    fn narrow(&mut self, sums: &[i64; FAN], shift: u32, fits: &impl Fn(u64, i64) -> bool) -> usize {
        let (start, above) = (self.low, self.above);
        let end = |place: usize| start + ((place as u64 + 1) << shift) - 1;
        let (eights, _) = sums.as_chunks::<EIGHT>();
        let last = digit(self.high, shift);
        let higher = sums_above(&std::array::from_fn(|index| eights[index].iter().sum()));
        let fits_by = |eight: usize| fits(end(eight * EIGHT + EIGHT - 1), above + higher[eight]);
        let eight = first(last / EIGHT, fits_by);
        let (higher, above) = (sums_above(&eights[eight]), above + higher[eight]);
        let last = if eight == last / EIGHT { last % EIGHT } else { EIGHT - 1 };
        let place = first(last, |place| fits(end(eight * EIGHT + place), above + higher[place]));
        self.above = above + higher[place];
        let place = eight * EIGHT + place;
        self.low = start + ((place as u64) << shift);
        self.high = self.high.min(end(place));
        place
    }
}

/// For each of eight sums, what those behind it come to.
#[inline]
fn sums_above(sums: &[i64; EIGHT]) -> [i64; EIGHT] {
    let mut above = [0; EIGHT];
    for place in (0..EIGHT - 1).rev() {
        above[place] = above[place + 1] + sums[place + 1];
    }
    above
}

/// The first place that holds, where all after the first do; `last` if none before it does.
#[inline]
fn first(last: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = (low + high) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The lowest key of a span without lots that fits, or its highest: in doubling steps from the lowest, then by
/// halving, since the answer is near in most spans and some are endless.
fn bisect(span: Span, fits: impl Fn(u64, i64) -> bool) -> Found {
    let Span { mut low, mut high, above } = span;
    let mut step = 0;
    while low < high {
        let tried = low + step.min(high - low);
        if tried == high || fits(tried, above) {
            high = tried;
            break;
        }
        low = tried + 1;
        step = step * 2 + 1;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle, above) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Found { key: low, above }
}

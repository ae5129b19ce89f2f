//! A column of values that grows without moving more than a few of those it has.
//!
//! A vector that is full is copied into one twice its size: with a million bids that is milliseconds, in which nobody
//! is answered. A column adds a chunk instead. Only its first chunk, and the last one of a copy, grows as a vector
//! does, so that a small auction stays small.

use std::ops::{Index, IndexMut};

use super::memory::room_for;

/// Values of a chunk, as a power of two.
const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Column<T> {
    full: Vec<Vec<T>>,
    /// The chunk behind them, at hand for what is pushed: empty only in an empty column.
    last: Vec<T>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Column<T> {
    pub(super) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) {
        if self.last.len() == CHUNK {
            self.begin_chunk();
        }
        self.last.push(value);
    }

    #[cold]
    fn begin_chunk(&mut self) {
        self.full.push(std::mem::replace(&mut self.last, room_for(CHUNK)));
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        let (chunk, place) = (place >> CHUNK_BITS, place & (CHUNK - 1));
        match self.full.get(chunk) {
            Some(full) => full.get(place),
            None if chunk == self.full.len() => self.last.get(place),
            None => None,
        }
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.last.last()
    }

    /// How many values come first for which this holds, with their places: for those behind them it does not.
    pub(super) fn partition_point(&self, holds: impl Fn(usize, &T) -> bool) -> usize {
        let (mut start, mut end) = (0, self.len());
        while start < end {
            let middle = start + (end - start) / 2;
            if holds(middle, &self[middle]) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        start
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }

    /// The values from a place on.
    pub(super) fn iter_from(&self, start: usize) -> impl Iterator<Item = &T> {
        let (chunk, place) = (start >> CHUNK_BITS, start & (CHUNK - 1));
        let mut chunks = self.full.iter().chain(std::iter::once(&self.last)).skip(chunk);
        let first = chunks.next().and_then(|chunk| chunk.get(place..)).unwrap_or_default();
        first.iter().chain(chunks.flatten())
    }
}

impl<T: Clone> Column<T> {
    /// So many times the same value.
    pub(super) fn filled(value: T, count: usize) -> Self {
        let starts = (0..count).step_by(CHUNK);
        let mut full: Vec<_> = starts.map(|start| vec![value.clone(); CHUNK.min(count - start)]).collect();
        let last = full.pop().unwrap_or_default();
        Self { full, last }
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        self.get(place).expect("a place in the column")
    }
}

impl<T> IndexMut<usize> for Column<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        let (chunk, place) = (place >> CHUNK_BITS, place & (CHUNK - 1));
        let chunk = if chunk == self.full.len() { &mut self.last } else { &mut self.full[chunk] };
        &mut chunk[place]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn around_chunks() -> impl Strategy<Value = usize> {
        (0_usize..4, -2_isize..3).prop_map(|(chunks, by)| (chunks * CHUNK).saturating_add_signed(by))
    }

    proptest! {
        #[test]
        fn a_column_is_a_vector(filled in around_chunks(), pushed in around_chunks(), start in around_chunks()) {
            let mut column = Column::filled(9, filled);
            let mut vector = vec![9; filled];
            for value in 0..pushed {
                column.push(value);
                vector.push(value);
            }
            if let Some(place) = vector.len().checked_sub(1) {
                column[place] += 7;
                vector[place] += 7;
            }
            prop_assert_eq!((column.len(), column.last()), (vector.len(), vector.last()));
            prop_assert!(column.iter().eq(&vector));
            prop_assert!(column.clone().iter_from(start).eq(vector.iter().skip(start)));
            prop_assert!((0..vector.len()).all(|place| column[place] == vector[place]));
            let is_before = |place: usize, value: &usize| place < start && *value == vector[place];
            prop_assert_eq!(column.partition_point(is_before), vector.len().min(start));
            prop_assert!((0..vector.len() + CHUNK).all(|place| column.get(place) == vector.get(place)));
        }
    }

    #[test]
    fn what_is_there_stays_where_it_is() {
        let mut column = Column::filled(0_u64, CHUNK);
        let first = std::ptr::from_ref(&column[0]);
        (0..3 * CHUNK).for_each(|_| column.push(1));
        assert_eq!(first, std::ptr::from_ref(&column[0]));
    }
}

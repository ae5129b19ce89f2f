//! A column of values that grows without moving more than a few of those it has.
//!
//! A vector that is full is copied into one twice its size: with a million bids that is milliseconds, in which nobody
//! is answered. A column adds a chunk instead. Only its first chunk, and the last one of a copy, grows as a vector
//! does, so that a small auction stays small.

use std::ops::{Index, IndexMut};

/// Values of a chunk, as a power of two.
const CHUNK_BITS: u32 = 12;
const CHUNK: usize = 1 << CHUNK_BITS;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Column<T> {
    /// All full but the last, none empty.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Column<T> {
    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    #[inline]
    pub(super) fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => self.push_chunk(value),
        }
    }

    #[cold]
    fn push_chunk(&mut self, value: T) {
        let mut chunk = if self.chunks.is_empty() { Vec::new() } else { Vec::with_capacity(CHUNK) };
        chunk.push(value);
        self.chunks.push(chunk);
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.chunks.get(place >> CHUNK_BITS)?.get(place & (CHUNK - 1))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// The values from a place on.
    pub(super) fn iter_from(&self, start: usize) -> impl Iterator<Item = &T> {
        let (chunk, place) = (start >> CHUNK_BITS, start & (CHUNK - 1));
        let mut chunks = self.chunks.iter().skip(chunk);
        let first = chunks.next().and_then(|chunk| chunk.get(place..)).unwrap_or_default();
        first.iter().chain(chunks.flatten())
    }
}

impl<T: Clone> Column<T> {
    /// So many times the same value.
    pub(super) fn filled(value: T, count: usize) -> Self {
        let starts = (0..count).step_by(CHUNK);
        Self { chunks: starts.map(|start| vec![value.clone(); CHUNK.min(count - start)]).collect() }
    }
}

impl<T> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        &self.chunks[place >> CHUNK_BITS][place & (CHUNK - 1)]
    }
}

impl<T> IndexMut<usize> for Column<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.chunks[place >> CHUNK_BITS][place & (CHUNK - 1)]
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
            prop_assert_eq!(column.len(), vector.len());
            prop_assert!(column.iter().eq(&vector));
            prop_assert!(column.clone().iter_from(start).eq(vector.iter().skip(start)));
            prop_assert!((0..vector.len()).all(|place| column[place] == vector[place]));
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

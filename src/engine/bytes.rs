//! The engine's own binary form: how numbers, texts and choices stand in snapshots.
//!
//! Integers are little endian and of fixed size; texts and lists have their length before them, in four
//! bytes; what may be absent has a byte 0 or 1 before it; one of several has its place in a fixed
//! table. Reading checks everything and never panics.

use std::sync::Arc;

use uuid::Uuid;

use super::ids::Party;
use crate::units::{Decimal, Grid, Money, PriceTicks, QuantityLots, TimeUs};

/// Why bytes are no state of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// They are of another format.
    #[error("the format is {found}, not one that this program reads")]
    Format {
        /// The number found.
        found: u32,
    },
    /// They end too early.
    #[error("the bytes end too early")]
    Short,
    /// Something is not what it can only be.
    #[error("{what} cannot be right")]
    Wrong {
        /// What.
        what: &'static str,
    },
}

/// Writes.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn u128(&mut self, value: u128) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn i128(&mut self, value: i128) {
        self.raw(&value.to_le_bytes());
    }

    pub(super) fn id(&mut self, id: Uuid) {
        self.raw(id.as_bytes());
    }

    pub(super) fn time(&mut self, time: TimeUs) {
        self.i64(time.0);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("no list of the engine is longer than 32 bits count"));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    pub(super) fn party(&mut self, party: &Party) {
        self.text(&party.0);
    }

    pub(super) fn decimal(&mut self, decimal: Decimal) {
        self.i128(decimal.mantissa());
        self.u32(decimal.scale());
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.count(values.len());
        for value in values {
            write(self, value);
        }
    }

    /// Writes a choice as its place in a table that holds them all.
    pub(super) fn choice<T: PartialEq>(&mut self, table: &[T], choice: &T) {
        let place = table.iter().position(|one| one == choice).expect("a table holds every choice");
        self.byte(place as u8);
    }
}

/// Reads what [`Writer`] wrote.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

pub(super) type Read<T> = Result<T, BytesError>;

impl<'a> Reader<'a> {
    pub(super) fn raw(&mut self, count: usize) -> Read<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(BytesError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(BytesError::Short)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BytesError::Wrong { what: "a flag" }),
        }
    }

    pub(super) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Read<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(super) fn u128(&mut self) -> Read<u128> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    pub(super) fn i128(&mut self) -> Read<i128> {
        Ok(i128::from_le_bytes(self.array()?))
    }

    pub(super) fn id(&mut self) -> Read<Uuid> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    pub(super) fn time(&mut self) -> Read<TimeUs> {
        self.i64().map(TimeUs)
    }

    pub(super) fn lots(&mut self) -> Read<QuantityLots> {
        self.i64().map(QuantityLots)
    }

    pub(super) fn price(&mut self) -> Read<PriceTicks> {
        self.i64().map(PriceTicks)
    }

    pub(super) fn money(&mut self) -> Read<Money> {
        self.i128().map(Money)
    }

    /// The length of a list; `entry_bytes` is the least that each entry takes, so that no length can ask for more
    /// memory than there are bytes.
    pub(super) fn count(&mut self, entry_bytes: usize) -> Read<usize> {
        let count = self.u32()? as usize;
        if count.saturating_mul(entry_bytes) > self.0.len() {
            return Err(BytesError::Short);
        }
        Ok(count)
    }

    pub(super) fn text(&mut self) -> Read<Arc<str>> {
        let count = self.count(1)?;
        let text = std::str::from_utf8(self.raw(count)?);
        text.map(Arc::from).map_err(|_| BytesError::Wrong { what: "a text" })
    }

    pub(super) fn party(&mut self) -> Read<Party> {
        self.text().map(Party)
    }

    pub(super) fn decimal(&mut self) -> Read<Decimal> {
        let (mantissa, scale) = (self.i128()?, self.u32()?);
        // Written in one way only, in lowest terms.
        Decimal::new(mantissa, scale)
            .filter(|decimal| (decimal.mantissa(), decimal.scale()) == (mantissa, scale))
            .ok_or(BytesError::Wrong { what: "a decimal" })
    }

    pub(super) fn grid(&mut self) -> Read<Grid> {
        Grid::new(self.decimal()?).ok_or(BytesError::Wrong { what: "a grid" })
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(super) fn list<T>(
        &mut self,
        entry_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        let count = self.count(entry_bytes)?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn choice<T: Clone>(&mut self, table: &[T], what: &'static str) -> Read<T> {
        table.get(self.byte()? as usize).cloned().ok_or(BytesError::Wrong { what })
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Read<()> {
        if self.0.is_empty() { Ok(()) } else { Err(BytesError::Wrong { what: "the length" }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_in_the_one_way_it_is_written() {
        let read = |mantissa: i128, scale: u32| {
            let mut bytes = Vec::new();
            Writer(&mut bytes).i128(mantissa);
            Writer(&mut bytes).u32(scale);
            Reader(&bytes).decimal()
        };
        for (mantissa, scale) in [(0, 0), (5, 1), (-125, 2), (10, 0)] {
            assert_eq!(read(mantissa, scale), Ok(Decimal::new(mantissa, scale).expect("a decimal")));
        }
        for (mantissa, scale) in [(0, 1), (0, u32::MAX), (50, 1), (-1250, 3), (1, 99)] {
            assert_eq!(
                read(mantissa, scale),
                Err(BytesError::Wrong { what: "a decimal" }),
                "{mantissa} {scale}"
            );
        }
    }
}

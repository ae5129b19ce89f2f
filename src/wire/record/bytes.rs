//! Little-endian fields of a record: written in order, read back in the same order.
//!
//! Reading checks every length before it takes a byte, and never trusts a count
//! further than the bytes that are there.

use std::sync::Arc;

use uuid::Uuid;

use super::RecordError;

/// Appends fields.
pub(super) struct Writer<'a>(pub &'a mut Vec<u8>);

/// Takes fields off the front.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl Writer<'_> {
    pub fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn flag(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn array(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    pub fn id(&mut self, value: Uuid) {
        self.0.extend_from_slice(value.as_bytes());
    }

    /// The length in four bytes, then UTF-8.
    pub fn text(&mut self, value: &str) {
        self.u32(u32::try_from(value.len()).expect("texts are bounded far below 4 GiB"));
        self.0.extend_from_slice(value.as_bytes());
    }

    /// A flag, then the value if there is one.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn text_opt(&mut self, value: Option<&Arc<str>>) {
        self.option(value, |writer, text| writer.text(text));
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    /// Fails unless every byte has been taken.
    pub fn end(self) -> Result<(), RecordError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(RecordError::Malformed { at: self.taken }) }
    }

    /// The failure for a value that means nothing, where the reader stands.
    pub fn malformed(&self) -> RecordError {
        RecordError::Malformed { at: self.taken }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) =
            self.bytes.split_at_checked(len).ok_or(RecordError::Truncated { at: self.taken })?;
        self.bytes = rest;
        self.taken += len;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8, RecordError> {
        Ok(self.array::<1>()?[0])
    }

    /// 0 or 1, nothing else.
    pub fn flag(&mut self) -> Result<bool, RecordError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed()),
        }
    }

    pub fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn id(&mut self) -> Result<Uuid, RecordError> {
        self.array().map(Uuid::from_bytes)
    }

    pub fn text(&mut self) -> Result<Arc<str>, RecordError> {
        let len = self.u32()? as usize;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map(Arc::from).map_err(|_| self.malformed())
    }

    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A count in four bytes, then that many values.
    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let count = self.u32()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }
}

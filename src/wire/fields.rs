//! The members of one JSON object of terms, read by name: every problem names its field.

use std::borrow::Cow;

use super::document::{DocumentError, Members, Value};
use crate::units::{Decimal, Grid, GridError, Reading};

/// What is wrong with terms, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct TermsError {
    /// A path into the terms: `reserve_price`, `supply.points[2]`; `json` where the text is no JSON object.
    pub field: String,
    /// What is wrong, for people.
    pub message: String,
}

impl TermsError {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<DocumentError> for TermsError {
    fn from(error: DocumentError) -> Self {
        let message = error.to_string();
        Self::new(error.key.unwrap_or_else(|| "json".into()), message)
    }
}

/// An object's members, each taken once. `null` is as good as absent.
pub(super) struct Fields<'a> {
    path: String,
    members: Members<'a>,
    reading: Reading,
}

impl<'a> Fields<'a> {
    /// Refuses keys that are not known, naming the nearest that is. `path` is empty for the whole document.
    pub fn new(
        path: impl Into<String>,
        members: Members<'a>,
        known: &[&[&str]],
        reading: Reading,
    ) -> Result<Self, TermsError> {
        let fields = Self { path: path.into(), members, reading };
        let is_known = |key: &str| known.iter().any(|keys| keys.contains(&key));
        if let Some((key, _)) = fields.members.iter().find(|(key, _)| !is_known(key)) {
            let nearest = known.iter().copied().flatten().min_by_key(|known| distance(key, known));
            let message = match nearest {
                Some(nearest) => format!("unknown key; the nearest known is `{nearest}`"),
                None => "unknown key".into(),
            };
            let mut shown: String = key.chars().take(64).collect();
            if shown.is_empty() {
                shown.push_str("\"\"");
            }
            return Err(fields.error(&shown, message));
        }
        Ok(fields)
    }

    /// The full path of a member.
    pub fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    pub fn error(&self, key: &str, message: impl Into<String>) -> TermsError {
        TermsError::new(self.at(key), message)
    }

    pub fn missing(&self, key: &str) -> TermsError {
        self.error(key, "is required")
    }

    pub fn reading(&self) -> Reading {
        self.reading
    }

    pub fn take(&mut self, key: &str) -> Option<Value<'a>> {
        let index = self.members.iter().position(|member| member.0 == key)?;
        let (_, value) = self.members.swap_remove(index);
        (value != Value::Null).then_some(value)
    }

    fn wrong_kind(&self, key: &str, wanted: &str, value: &Value) -> TermsError {
        self.error(key, format!("expected {wanted}, not {}", value.kind()))
    }

    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, TermsError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.wrong_kind(key, "true or false", &other)),
        }
    }

    pub fn text(&mut self, key: &str) -> Result<Option<Cow<'a, str>>, TermsError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_kind(key, "a string", &other)),
        }
    }

    /// A text of at least `bytes_min` and at most `bytes_max` bytes.
    pub fn short_text(
        &mut self,
        key: &str,
        bytes: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<Cow<'a, str>>, TermsError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if !bytes.contains(&text.len()) {
            let (min, max) = (bytes.start(), bytes.end());
            return Err(self.error(key, format!("must be {min} to {max} bytes long")));
        }
        Ok(Some(text))
    }

    /// One of the words, as what it stands for.
    pub fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, TermsError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        Err(self.error(key, format!("must be one of {}", words.join(", "))))
    }

    pub fn object(&mut self, key: &str, known: &[&[&str]]) -> Result<Option<Fields<'a>>, TermsError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(members)) => Fields::new(self.at(key), members, known, self.reading).map(Some),
            Some(other) => Err(self.wrong_kind(key, "an object", &other)),
        }
    }

    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value<'a>>>, TermsError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::List(values)) => Ok(Some(values)),
            Some(other) => Err(self.wrong_kind(key, "an array", &other)),
        }
    }

    /// A whole number from 0 to `max`.
    pub fn whole(&mut self, key: &str, max: u64) -> Result<Option<u64>, TermsError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let decimal = decimal_of(&value, &self.at(key))?;
        let whole =
            u64::try_from(decimal.mantissa()).ok().filter(|&whole| decimal.scale() == 0 && whole <= max);
        whole.map(Some).ok_or_else(|| self.error(key, format!("must be a whole number from 0 to {max}")))
    }

    pub fn decimal(&mut self, key: &str) -> Result<Option<Decimal>, TermsError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        decimal_of(&value, &self.at(key)).map(Some)
    }

    /// A decimal above 0.
    pub fn positive_decimal(&mut self, key: &str) -> Result<Option<Decimal>, TermsError> {
        let Some(decimal) = self.decimal(key)? else { return Ok(None) };
        if decimal.mantissa() <= 0 {
            return Err(self.error(key, "must be above 0"));
        }
        Ok(Some(decimal))
    }

    /// A count of steps of a grid, not negative.
    pub fn steps(&mut self, key: &str, grid: Grid) -> Result<Option<i64>, TermsError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        steps_of(&value, grid, self.reading, &self.at(key)).map(Some)
    }

    /// A count of steps of a grid, above 0.
    pub fn positive_steps(&mut self, key: &str, grid: Grid) -> Result<Option<i64>, TermsError> {
        let Some(steps) = self.steps(key, grid)? else { return Ok(None) };
        if steps == 0 {
            return Err(self.error(key, "must be above 0"));
        }
        Ok(Some(steps))
    }
}

/// A JSON number or a decimal string, exactly.
pub(super) fn decimal_of(value: &Value, field: &str) -> Result<Decimal, TermsError> {
    let (text, _) = number_text(value, field)?;
    Decimal::parse(text).map_err(|error| TermsError::new(field, error.to_string()))
}

/// A JSON number or a decimal string, as a count of steps that is not negative.
pub(super) fn steps_of(value: &Value, grid: Grid, reading: Reading, field: &str) -> Result<i64, TermsError> {
    let (text, is_number) = number_text(value, field)?;
    let reading = if is_number { reading } else { Reading::Exact };
    match grid.read(text, reading) {
        Ok(steps) if steps < 0 => Err(TermsError::new(field, "must not be negative")),
        Ok(steps) => Ok(steps),
        Err(GridError::Unreadable) => Err(TermsError::new(field, "not a decimal number")),
        Err(error) => Err(TermsError::new(field, error.to_string())),
    }
}

/// The digits of a JSON number or of a string, and whether it was a number.
fn number_text<'v>(value: &'v Value, field: &str) -> Result<(&'v str, bool), TermsError> {
    match value {
        Value::Number(text) => Ok((text, true)),
        Value::Text(text) => Ok((text, false)),
        other => Err(TermsError::new(field, format!("expected a number, not {}", other.kind()))),
    }
}

/// How many characters must be inserted, removed or replaced to make one key of the other. Long keys are compared
/// by their beginnings.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, left) in left.chars().take(64).enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (place, &right) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[right.len()]
}

//! JSON documents with their numbers as written.
//!
//! Terms and auctions are read from here: once per auction, so a tree is fine, but never through floats, so a
//! number stays the text it was. Strict: one value of RFC 8259, no key twice in an object, at most
//! [`JSON_DEPTH_MAX`] deep. The members of one array may be read one at a time, for documents with
//! a million bids.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use crate::limits::JSON_DEPTH_MAX;

/// One JSON value; text is borrowed from the document where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// As written, in JSON's grammar.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Members<'a>),
}

/// The members of an object, in the order written.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {byte}")]
pub(crate) struct DocumentError {
    pub problem: String,
    pub byte: usize,
    /// The key at fault, where one is.
    pub key: Option<String>,
}

/// An array inside a document, whose elements have been checked but not kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread<'a> {
    document: &'a str,
    start: usize,
}

/// Reads a document.
pub(crate) fn read(document: &[u8]) -> Result<Value<'_>, DocumentError> {
    let mut reader = Reader::new(document)?;
    reader.space();
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Reads a document that is one object. The array under the key `apart`, if there is one, is set apart.
pub(crate) fn read_object<'a>(
    document: &'a [u8],
    apart: Option<&str>,
) -> Result<(Members<'a>, Option<Unread<'a>>), DocumentError> {
    let text = std::str::from_utf8(document).map_err(|error| DocumentError {
        problem: "not UTF-8".into(),
        byte: error.valid_up_to(),
        key: None,
    })?;
    let mut reader = Reader { text, place: 0 };
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(reader.error("expected an object"));
    }
    let mut unread = None;
    let members = reader.members(0, &mut |key, reader| {
        if apart != Some(key) || reader.peek() != Some(b'[') {
            return Ok(false);
        }
        unread = Some(Unread { document: reader.text, start: reader.place });
        reader.elements(1, &mut |_| ()).map(|()| true)
    })?;
    reader.end()?;
    Ok((members, unread))
}

impl<'a> Unread<'a> {
    /// Calls `visit` with each element, in order.
    pub fn for_each(self, mut visit: impl FnMut(Value<'a>)) {
        let mut reader = Reader { text: self.document, place: self.start };
        reader.elements(1, &mut visit).expect("the array was read once before");
    }
}

impl Value<'_> {
    /// Appends the value as JSON without white space, numbers as they were written.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Appends a string as JSON.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a string takes everything");
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The keys of one object so far.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    const FEW: usize = 32;

    /// Whether the key is new.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

struct Reader<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Reader<'a> {
    fn new(document: &'a [u8]) -> Result<Self, DocumentError> {
        match std::str::from_utf8(document) {
            Ok(text) => Ok(Self { text, place: 0 }),
            Err(error) => {
                Err(DocumentError { problem: "not UTF-8".into(), byte: error.valid_up_to(), key: None })
            }
        }
    }

    fn end(&mut self) -> Result<(), DocumentError> {
        self.space();
        if self.place < self.text.len() { Err(self.error("text after the end")) } else { Ok(()) }
    }

    fn error(&self, problem: impl Into<String>) -> DocumentError {
        DocumentError { problem: problem.into(), byte: self.place, key: None }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.place += usize::from(is_there);
        is_there
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, DocumentError> {
        match self.peek() {
            Some(b'{') => Ok(Value::Object(self.members(depth, &mut |_, _| Ok(false))?)),
            Some(b'[') => {
                let mut values = Vec::new();
                self.elements(depth, &mut |value| values.push(value))?;
                Ok(Value::List(values))
            }
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.error("expected a value")),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, DocumentError> {
        if !self.text[self.place..].starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.place += word.len();
        Ok(value)
    }

    /// An object; `set_apart` may read a member's value itself and say so, then it is not among the members.
    fn members(
        &mut self,
        depth: usize,
        set_apart: &mut dyn FnMut(&str, &mut Self) -> Result<bool, DocumentError>,
    ) -> Result<Members<'a>, DocumentError> {
        self.enter(depth)?;
        let mut members: Members<'a> = Vec::new();
        let mut keys = Keys::default();
        self.space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key"));
            }
            let key_place = self.place;
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                let problem = "the key stands twice".into();
                return Err(DocumentError { problem, byte: key_place, key: Some(key.into()) });
            }
            self.space();
            if !self.take(b':') {
                return Err(self.error("expected `:`"));
            }
            self.space();
            if !set_apart(&key, self)? {
                let value = self.value(depth + 1)?;
                members.push((key, value));
            }
            self.space();
            if self.take(b'}') {
                return Ok(members);
            }
            if !self.take(b',') {
                return Err(self.error("expected `,` or `}`"));
            }
        }
    }

    fn elements(&mut self, depth: usize, visit: &mut dyn FnMut(Value<'a>)) -> Result<(), DocumentError> {
        self.enter(depth)?;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.space();
            visit(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.error("expected `,` or `]`"));
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Result<(), DocumentError> {
        if depth >= JSON_DEPTH_MAX {
            return Err(self.error(format!("nested more than {JSON_DEPTH_MAX} deep")));
        }
        self.place += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, DocumentError> {
        let start = self.place;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.error("not a number"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.error("not a number"));
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(self.error("not a number"));
            }
        }
        Ok(&self.text[start..self.place])
    }

    fn digits(&mut self) -> usize {
        let start = self.place;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.place += 1;
        }
        self.place - start
    }

    fn string(&mut self) -> Result<Cow<'a, str>, DocumentError> {
        self.place += 1;
        let start = self.place;
        let mut decoded: Option<String> = None;
        loop {
            let run = self.place;
            while matches!(self.peek(), Some(byte) if byte != b'"' && byte != b'\\' && byte >= b' ') {
                self.place += 1;
            }
            let plain = &self.text[run..self.place];
            match self.peek() {
                Some(b'"') => {
                    self.place += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(&self.text[start..self.place - 1]),
                        Some(text) => Cow::Owned(text + plain),
                    });
                }
                Some(b'\\') => {
                    self.place += 1;
                    let character = self.escape()?;
                    let text = decoded.get_or_insert_default();
                    text.push_str(plain);
                    text.push(character);
                }
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("an open string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, DocumentError> {
        let Some(byte) = self.peek() else {
            return Err(self.error("an open string"));
        };
        self.place += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.error("an unknown escape")),
        })
    }

    fn unicode(&mut self) -> Result<char, DocumentError> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.error("half of a surrogate pair"));
                }
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.error("half of a surrogate pair"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn hex(&mut self) -> Result<u32, DocumentError> {
        let digits = self.text.as_bytes().get(self.place..self.place + 4);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits else {
            return Err(self.error("an unknown escape"));
        };
        self.place += 4;
        Ok(digits.iter().fold(0, |code, &digit| code * 16 + char::from(digit).to_digit(16).unwrap_or(0)))
    }
}

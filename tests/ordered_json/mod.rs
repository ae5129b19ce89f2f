//! JSON as it stands: keys in their order and numbers as their text, for tests that
//! compare what a reader of the wire sees.
#![allow(dead_code, reason = "each test that includes this file uses its own part of it")]

use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`, `true`, `false`.
    Word(String),
    /// A number's text.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order of the text.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value; panics with the place if there is none, or more.
    pub fn parse(text: &str) -> Self {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value();
        parser.space();
        assert_eq!(parser.at, text.len(), "one value and nothing behind it in {text}");
        value
    }

    /// The member at a path such as `payload.price`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, key| match value {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        })
    }

    /// The string at a path.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.at(path)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What of `self` is missing from `other` or different there: keys must stand in the same order, numbers have
    /// the same text, moments be the same, arrays have the same length. `None` if `self` is a subset.
    pub fn missing_from(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Object(ours), Self::Object(theirs)) => {
                let mut from = 0;
                for (key, value) in ours {
                    let Some(found) = theirs[from..].iter().position(|(name, _)| name == key) else {
                        return Some(format!("key {key} is not there, or not in this order"));
                    };
                    if let Some(missing) = value.missing_from(&theirs[from + found].1) {
                        return Some(format!("{key}: {missing}"));
                    }
                    from += found + 1;
                }
                None
            }
            (Self::List(ours), Self::List(theirs)) if ours.len() == theirs.len() => {
                ours.iter().zip(theirs).find_map(|(our, their)| our.missing_from(their))
            }
            (Self::Text(ours), Self::Text(theirs)) if with_millis(ours) == with_millis(theirs) => None,
            _ if self == other => None,
            _ => Some(format!("{self} against {other}")),
        }
    }
}

/// Moments may leave their fraction out in documents; the wire always writes it.
fn with_millis(text: &str) -> String {
    let is_moment = text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    if is_moment { format!("{}.000Z", &text[..19]) } else { text.to_owned() }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) | Self::Number(word) => f.write_str(word),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{key:?}:{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.space();
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn value(&mut self) -> Json {
        self.space();
        match self.rest().chars().next() {
            Some('{') => self.object(),
            Some('[') => self.list(),
            Some('"') => Json::Text(self.string()),
            Some(_) => {
                let len = self.rest().find(|c: char| c.is_whitespace() || ",]}".contains(c));
                let word = self.rest()[..len.unwrap_or(self.rest().len())].to_owned();
                self.at += word.len();
                match word.as_str() {
                    "null" | "true" | "false" => Json::Word(word),
                    _ => {
                        assert!(
                            serde_json::from_str::<f64>(&word).is_ok(),
                            "{word} is no number in {}",
                            self.text
                        );
                        Json::Number(word)
                    }
                }
            }
            None => panic!("a value is missing at the end of {}", self.text),
        }
    }

    fn string(&mut self) -> String {
        let mut end = 1;
        while !self.rest()[end..].starts_with('"') {
            end += if self.rest()[end..].starts_with('\\') { 2 } else { 1 };
            while !self.rest().is_char_boundary(end) {
                end += 1;
            }
        }
        let quoted = self.rest()[..=end].to_owned();
        self.at += quoted.len();
        serde_json::from_str(&quoted).unwrap_or_else(|error| panic!("{quoted}: {error}"))
    }

    fn object(&mut self) -> Json {
        assert!(self.take('{'));
        let mut members: Vec<(String, Json)> = Vec::new();
        while !self.take('}') {
            assert!(members.is_empty() || self.take(','), "a comma is missing before {}", self.rest());
            self.space();
            let key = self.string();
            assert!(members.iter().all(|(name, _)| *name != key), "{key} appears twice in {}", self.text);
            assert!(self.take(':'), "a colon is missing before {}", self.rest());
            members.push((key, self.value()));
        }
        Json::Object(members)
    }

    fn list(&mut self) -> Json {
        assert!(self.take('['));
        let mut values = Vec::new();
        while !self.take(']') {
            assert!(values.is_empty() || self.take(','), "a comma is missing before {}", self.rest());
            values.push(self.value());
        }
        Json::List(values)
    }
}

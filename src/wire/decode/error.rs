//! Why a message could not be read, and where in it.

use std::fmt;

/// A message that says nothing we can act on: `INVALID_MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub fault: Fault,
    /// Where: a path such as `payload.quantity` or `bids[3].price`; empty for the message as a whole.
    pub field: String,
    /// The message's `correlation_id`, where it could be read.
    pub correlation_id: Option<Box<str>>,
    /// The `client_bid_id` of the bid it speaks of, where it could be read.
    pub client_bid_id: Option<Box<str>>,
}

/// What is wrong with a message, or with the member that the path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, near this byte.
    NotJson {
        /// Offset from the start of the message.
        at: usize,
    },
    /// JSON, but nested deeper than 32 levels.
    TooDeep,
    /// JSON, but no object.
    NotAnObject,
    /// An object has a key twice.
    DuplicateKey,
    /// `type` names nothing that clients may send.
    UnknownType(Box<str>),
    /// The member must be there and is not.
    Missing,
    /// The member is of another type.
    WrongType {
        /// What it must be.
        expected: &'static str,
    },
    /// The member has the right type and a value that is not allowed.
    NotAllowed {
        /// What it must be.
        expected: &'static str,
    },
}

impl DecodeError {
    /// Boxed, so that results which are no errors stay small.
    #[cold]
    pub(super) fn new(fault: Fault, field: impl Into<String>) -> Box<Self> {
        Box::new(Self { fault, field: field.into(), correlation_id: None, client_bid_id: None })
    }

    /// The same, found inside the member `outer`.
    pub(super) fn inside(mut self: Box<Self>, outer: &str) -> Box<Self> {
        let joint = if self.field.is_empty() { "" } else { "." };
        self.field = format!("{outer}{joint}{}", self.field);
        self
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.as_str();
        match &self.fault {
            Fault::NotJson { at } => write!(f, "Not valid JSON near byte {at}"),
            Fault::TooDeep => write!(f, "JSON nested deeper than 32 levels"),
            Fault::NotAnObject => write!(f, "A message is a JSON object"),
            Fault::DuplicateKey => write!(f, "{field} appears twice"),
            Fault::UnknownType(word) => write!(f, "Unknown message type {word}"),
            Fault::Missing => write!(f, "{field} is missing"),
            Fault::WrongType { expected } | Fault::NotAllowed { expected } => {
                write!(f, "{field} must be {expected}")
            }
        }
    }
}

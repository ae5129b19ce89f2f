//! Client messages: bytes in, a typed message with exact number texts out, or a
//! precise error.
//!
//! A [`Decoder`] keeps its buffers, so that a bid costs no allocation. It is strict
//! where JSON is (and rejects duplicate keys and more than 32 levels), and lenient
//! where the protocol says so: unknown members are ignored, and `null` stands for
//! "not given" wherever a member may be left out, prices and quantities excepted.

mod bid;
mod error;
mod fields;
mod market;
mod message;
mod options;
mod request;
mod tree;

pub use bid::{AmendedNumbers, BidNumbers, UnreadableNumbers, lots_at_least, read_amendment, read_bid};
pub use error::{DecodeError, Fault};
pub use fields::is_client_bid_id;
pub use message::{
    AuctionRef, AuctionScope, BidPayload, BidRefText, ChannelRef, ClientBody, ClientMessage, ClientTime,
    NumberText, SettlementRef, SettlementReport, SinceText, SubscribeOptions, SubscribeRequest, Unsupported,
    WrongOption,
};

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Tape};

use crate::limits::{JSON_DEPTH_MAX, MESSAGE_BYTES_MAX};
use crate::units::TimeUs;
use tree::{Object, Tree, find_places};

/// A reader of client messages with buffers of its own. One per thread is enough.
pub struct Decoder {
    /// The message and padding; strings are unescaped in place.
    scratch: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    places: Vec<u32>,
    key_order: Vec<u32>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A reader with empty buffers; they grow to the largest message seen (64 KiB at most).
    pub fn new() -> Self {
        Self {
            scratch: Vec::new(),
            buffers: Buffers::with_max_depth(1024, JSON_DEPTH_MAX),
            tape: Tape(Vec::new()),
            places: Vec::new(),
            key_order: Vec::new(),
        }
    }

    /// Reads one message. Never panics, whatever the bytes; the result borrows from the message and
    /// from the decoder until the next call.
    pub fn decode<'a>(&'a mut self, message: &'a [u8]) -> Result<ClientMessage<'a>, Box<DecodeError>> {
        self.parse(message, request::read)
    }

    /// Reads an operator's `{prices, "24h_change"?, timestamp?}` into the payload of `price_update`.
    pub fn decode_prices(
        &mut self,
        token: &str,
        body: &[u8],
        now: TimeUs,
    ) -> Result<String, Box<DecodeError>> {
        self.parse(body, |object| market::prices(token, object, now))
    }

    /// Reads an operator's `{bids, asks, spread?, mid_price?, timestamp?}` into the payload of
    /// `order_book_update`.
    pub fn decode_order_book(
        &mut self,
        token_pair: &str,
        body: &[u8],
        now: TimeUs,
    ) -> Result<String, Box<DecodeError>> {
        self.parse(body, |object| market::order_book(token_pair, object, now))
    }

    fn parse<'a, T>(
        &'a mut self,
        message: &'a [u8],
        read: impl FnOnce(Object<'_, 'a>) -> Result<T, Box<DecodeError>>,
    ) -> Result<T, Box<DecodeError>> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::new(
                Fault::NotAllowed { expected: "at most 65536 bytes" },
                "The message",
            ));
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(message);
        self.scratch.resize(message.len() + INPUT_PADDING, b' ');
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed =
            simd_json::fill_tape_padded(&mut self.scratch, message.len(), &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => {
                find_places(self.buffers.structural_indexes(), message, &mut self.places);
                let tree = Tree::new(&tape.0, &self.places, message);
                read_tree(tree.as_ref(), &mut self.key_order, read)
            }
            Err(error) => Err(DecodeError::new(
                match error.error() {
                    ErrorType::DepthLimitExceeded => Fault::TooDeep,
                    _ => Fault::NotJson { at: error.index() },
                },
                "",
            )),
        };
        self.tape = tape.reset();
        result
    }
}

fn read_tree<'t, 'a, T>(
    tree: Option<&'t Tree<'t, 'a>>,
    key_order: &mut Vec<u32>,
    read: impl FnOnce(Object<'t, 'a>) -> Result<T, Box<DecodeError>>,
) -> Result<T, Box<DecodeError>> {
    let tree = tree.ok_or_else(|| DecodeError::new(Fault::NotJson { at: 0 }, ""))?;
    let object = tree.root().object().ok_or_else(|| DecodeError::new(Fault::NotAnObject, ""))?;
    tree.check_keys(key_order)?;
    read(object)
}

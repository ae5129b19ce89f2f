//! Market data: payloads that `decode` made when they were put, wrapped as they are.

use crate::units::TimeUs;
use crate::wire::Message;

/// New prices of a token; `payload` is canonical JSON.
pub fn price_update(message: &mut Message, at: TimeUs, payload: &str) {
    message.begin("price_update", at).raw(payload);
    message.end_payload();
}

/// A new order book of a pair; `payload` is canonical JSON.
pub fn order_book_update(message: &mut Message, at: TimeUs, payload: &str) {
    message.begin("order_book_update", at).raw(payload);
    message.end_payload();
}

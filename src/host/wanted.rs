//! Which facts of the past a subscriber is told.

use super::frame::{Delivery, Frame};
use super::request::{OwnBids, Subscribe};
use crate::wire::Channel;

/// Whether a kept fact is for this subscriber, by the same rules as live delivery.
/// `told_privately` is the event whose public frame its own copy replaces.
pub(super) fn wanted(frame: &Frame<'_>, subscribe: &Subscribe, told_privately: &mut Option<u64>) -> bool {
    let header = &frame.header;
    if header.channel != subscribe.channel {
        return false;
    }
    match header.delivery {
        Delivery::Owner => header.party == subscribe.party,
        Delivery::Party => {
            let is_own = header.party == subscribe.party;
            if is_own {
                *told_privately = Some(header.offset);
            }
            is_own
        }
        Delivery::Public => {
            let is_hidden_own =
                subscribe.own == OwnBids::Hidden && header.party == subscribe.party && header.lots > 0;
            let is_small = subscribe.channel == Channel::Bids && header.lots < subscribe.min_quantity.0;
            *told_privately != Some(header.offset) && !is_hidden_own && !is_small
        }
        Delivery::Reply
        | Delivery::State
        | Delivery::Activate
        | Delivery::Ending
        | Delivery::Settlers
        | Delivery::Continue
        | Delivery::Noted
        | Delivery::Embedders => false,
    }
}

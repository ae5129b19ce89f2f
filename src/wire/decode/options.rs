//! The options of `subscribe`. What is wrong here fails the subscription, not the message.

use super::fields::{count_of, count_opt, id_of, number_of, text};
use super::message::{NumberText, SinceText, SubscribeOptions, WrongOption};
use super::tree::{Kind, Object, Value};
use crate::engine::AuctionId;

/// Longest `interval_ms`.
const INTERVAL_MS_MAX: u64 = 60_000;
/// Longest name of a token or pair, in bytes.
const TOKEN_BYTES_MAX: usize = 64;
/// Longest number of an option, in bytes.
const NUMBER_BYTES_MAX: usize = 64;
/// Longest epoch word, in bytes.
const EPOCH_BYTES_MAX: usize = 128;

type Read<T> = Result<T, WrongOption>;

/// Where options may stand: in `options`, or beside it. The nested one counts where both are given.
#[derive(Clone, Copy)]
struct Given<'t, 'a> {
    nested: Option<Object<'t, 'a>>,
    message: Object<'t, 'a>,
}

/// Reads the options of a `subscribe`.
pub(super) fn read<'a>(message: Object<'_, 'a>) -> Read<SubscribeOptions<'a>> {
    let nested = match message.find("options") {
        None => None,
        Some(value) => Some(value.object().ok_or(WrongOption { option: "options", expected: "an object" })?),
    };
    let given = Given { nested, message };
    Ok(SubscribeOptions {
        include_own: given.flag("include_own")?,
        min_quantity: match given.find("min_quantity") {
            None => None,
            Some(value) => {
                let wrong = WrongOption { option: "min_quantity", expected: "a quantity, not negative" };
                let number = number_of(value, "min_quantity").ok();
                // It is kept, and told again in `subscriptions`: no longer than a number need be.
                let is_good = |number: &NumberText<'_>| {
                    !number.text.starts_with('-') && number.text.len() <= NUMBER_BYTES_MAX
                };
                Some(number.filter(is_good).ok_or(wrong)?)
            }
        },
        snapshot: given.flag("snapshot")?,
        interval_ms: match given.find("interval_ms") {
            None => None,
            Some(value) => {
                let wrong = WrongOption { option: "interval_ms", expected: "a whole number, 0 to 60000" };
                let count = count(value).filter(|&ms| ms <= INTERVAL_MS_MAX);
                Some(count.ok_or(wrong)? as u32)
            }
        },
        token: given.name("token")?,
        token_pair: given.name("token_pair")?,
        since: given.find("since").map(since).transpose()?,
    })
}

impl<'t, 'a> Given<'t, 'a> {
    fn find(self, key: &str) -> Option<Value<'t, 'a>> {
        self.nested.and_then(|nested| nested.find(key)).or_else(|| self.message.find(key))
    }

    fn flag(self, option: &'static str) -> Read<Option<bool>> {
        match self.find(option).map(Value::kind) {
            None => Ok(None),
            Some(Kind::Flag(flag)) => Ok(Some(flag)),
            Some(_) => Err(WrongOption { option, expected: "true or false" }),
        }
    }

    fn name(self, option: &'static str) -> Read<Option<&'a str>> {
        match self.find(option).map(Value::kind) {
            None => Ok(None),
            Some(Kind::Text(name)) if (1..=TOKEN_BYTES_MAX).contains(&name.len()) => Ok(Some(name)),
            Some(_) => Err(WrongOption { option, expected: "a string of 1 to 64 bytes" }),
        }
    }
}

fn count(value: Value<'_, '_>) -> Option<u64> {
    match value.kind() {
        Kind::Number(digits) => count_of(digits),
        Kind::Null | Kind::Flag(_) | Kind::Text(_) | Kind::Array | Kind::Object => None,
    }
}

fn since<'a>(value: Value<'_, 'a>) -> Read<SinceText<'a>> {
    const WRONG: WrongOption = WrongOption {
        option: "since",
        expected: "{epoch, offset} or {epoch, offsets: {auction_id: offset}}",
    };
    let object = value.object().ok_or(WRONG)?;
    let epoch = text(object, "epoch").map_err(|_| WRONG)?;
    let offset = count_opt(object, "offset").map_err(|_| WRONG)?;
    let by_auction = object.find("offsets");
    let mut offsets = Vec::new();
    if let Some(by_auction) = by_auction {
        for (word, value) in by_auction.object().ok_or(WRONG)?.members() {
            let auction = AuctionId(id_of(word).ok_or(WRONG)?);
            offsets.push((auction, count(value).ok_or(WRONG)?));
        }
    }
    let is_given = offset.is_some() || by_auction.is_some();
    if is_given && epoch.len() <= EPOCH_BYTES_MAX {
        Ok(SinceText { epoch, offset, offsets })
    } else {
        Err(WRONG)
    }
}

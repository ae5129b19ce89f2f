//! What the claims of a token mean: roles and permissions, allow-lists, limits.
//! A word that nobody knows refuses the token: half-understood rights are no rights.

use std::sync::Arc;

use uuid::Uuid;

use super::identity::{Channels, ConnectionLimits, Permissions};
use super::jwt::{Claims, OneOrMany};
use crate::engine::{AuctionId, Party};
use crate::limits::{PARTY_BYTES_MAX, TEXT_BYTES_MAX};
use crate::wire::Channel;

/// A claim that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claim `{claim}` {why}")]
pub struct ClaimError {
    /// Its name.
    pub claim: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// The roles, and what each may do.
pub const ROLES: [(&str, Permissions); 5] = [
    ("viewer", VIEWER),
    ("trader", TRADER),
    ("operator", OPERATOR),
    ("settler", VIEWER.with(Permissions::SETTLE)),
    ("admin", OPERATOR.with(Permissions::SETTLE)),
];

const VIEWER: Permissions = Permissions::READ.with(Permissions::SUBSCRIBE);
const TRADER: Permissions = VIEWER.with(Permissions::WRITE);
const OPERATOR: Permissions = TRADER.with(Permissions::OPERATE);

/// The token's subject.
pub(super) fn subject(sub: &str) -> Result<Arc<str>, ClaimError> {
    if sub.is_empty() || sub.len() > TEXT_BYTES_MAX {
        return Err(wrong("sub", format!("must have 1 to {TEXT_BYTES_MAX} bytes")));
    }
    Ok(sub.into())
}

/// The party that owns bids.
pub(super) fn party(name: &str) -> Result<Party, ClaimError> {
    if name.is_empty() || name.len() > PARTY_BYTES_MAX {
        return Err(wrong("bidder", format!("must have 1 to {PARTY_BYTES_MAX} bytes")));
    }
    Ok(Party(name.into()))
}

/// The permissions of all roles and those named by themselves; none named means a viewer's.
pub(super) fn permissions(claims: &Claims) -> Result<Permissions, ClaimError> {
    let words = |list: &Option<OneOrMany>| -> Vec<String> {
        list.iter().flat_map(OneOrMany::iter).map(str::to_owned).collect()
    };
    let roles: Vec<String> = claims.role.iter().cloned().chain(words(&claims.roles)).collect();
    if roles.is_empty() && claims.permissions.is_none() {
        return Ok(VIEWER);
    }
    let mut all = Permissions::NONE;
    for role in &roles {
        all = all.with(role_permissions(role).map_err(|why| wrong("role", why))?);
    }
    for word in words(&claims.permissions) {
        all = all.with(permission(&word).map_err(|why| wrong("permissions", why))?);
    }
    Ok(all)
}

/// What a role may do.
pub fn role_permissions(role: &str) -> Result<Permissions, String> {
    ROLES
        .iter()
        .find(|(name, _)| *name == role)
        .map(|(_, permissions)| *permissions)
        .ok_or_else(|| format!("knows viewer, trader, operator, settler and admin, not {role:?}"))
}

/// The permission a word names.
pub fn permission(word: &str) -> Result<Permissions, String> {
    Permissions::from_word(word).ok_or_else(|| {
        let known: Vec<_> = Permissions::ALL.words().collect();
        format!("knows {}, not {word:?}", known.join(", "))
    })
}

/// The allow-list of auctions.
pub(super) fn auctions(claims: &Claims) -> Result<Option<Arc<[AuctionId]>>, ClaimError> {
    let Some(list) = &claims.auctions else { return Ok(None) };
    let read = |text: &String| {
        let id =
            Uuid::try_parse(text).map_err(|_| wrong("auctions", format!("must list ids, not {text:?}")))?;
        Ok(AuctionId(id))
    };
    list.iter().map(read).collect::<Result<Vec<_>, _>>().map(|ids| Some(ids.into()))
}

/// The allow-list of channels.
pub(super) fn channels(claims: &Claims) -> Result<Option<Channels>, ClaimError> {
    let Some(list) = &claims.channels else { return Ok(None) };
    let mut allowed = Channels::default();
    for word in list {
        let channel = Channel::from_word(word)
            .ok_or_else(|| wrong("channels", format!("must list channels, not {word:?}")))?;
        allowed = allowed.with(channel);
    }
    Ok(Some(allowed))
}

/// The subscriptions applied after sign-in, as whole messages.
pub(super) fn subscribes(claims: &Claims) -> Result<Arc<[Box<str>]>, ClaimError> {
    let message = |entry: &serde_json::Value| {
        let mut members =
            entry.as_object().cloned().ok_or_else(|| wrong("subs", "must list objects".to_owned()))?;
        members.insert("type".to_owned(), "subscribe".into());
        Ok(serde_json::Value::Object(members).to_string().into_boxed_str())
    };
    claims.subs.iter().map(message).collect()
}

/// The limits of connections; what the claim does not name stays as configured.
pub(super) fn limits(claims: &Claims, configured: ConnectionLimits) -> Result<ConnectionLimits, ClaimError> {
    let members = match &claims.limits {
        None => return Ok(configured),
        Some(serde_json::Value::String(word)) if word == "unlimited" => {
            return Ok(ConnectionLimits::UNLIMITED);
        }
        Some(serde_json::Value::Object(members)) => members,
        Some(_) => return Err(wrong("limits", "must be \"unlimited\" or an object".to_owned())),
    };
    let mut limits = configured;
    for (name, value) in members {
        let number =
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|&number| number > 0);
        let number = match (number, value.as_str()) {
            (Some(number), _) => Some(number),
            (None, Some("unlimited")) => None,
            _ => return Err(wrong("limits", format!("has a wrong {name:?}"))),
        };
        match name.as_str() {
            "connections" => limits.connections_max = number,
            "messages_per_second" => limits.messages_per_second_max = number,
            "subscriptions" => limits.subscriptions_max = number,
            _ => {
                let known = "connections, messages_per_second and subscriptions";
                return Err(wrong("limits", format!("knows {known}, not {name:?}")));
            }
        }
    }
    Ok(limits)
}

fn wrong(claim: &'static str, why: String) -> ClaimError {
    ClaimError { claim, why }
}

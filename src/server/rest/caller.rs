//! Who calls: the identity behind `Authorization: Bearer`, and what it may do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Rest;
use super::answer::Fault;
use super::submit::internal;
use crate::engine::AuctionId;
use crate::server::identity::{self, Identity, Permissions, Verdict};
use crate::wire::SessionRefusal;

/// A caller with a good token.
pub(super) struct Caller {
    identity: Arc<Identity>,
}

impl Caller {
    /// Refuses callers that lack a permission.
    pub(super) fn need(self, permission: Permissions) -> Result<Arc<Identity>, Fault> {
        if self.identity.permissions.has(permission) {
            return Ok(self.identity);
        }
        let lacking = permission
            .words()
            .find(|word| Permissions::from_word(word).is_some_and(|one| !self.identity.permissions.has(one)));
        Err(Fault::session(&SessionRefusal::PermissionDenied { permission: lacking.unwrap_or("") }))
    }
}

/// Refuses auctions that the caller's token leaves out.
pub(super) fn must_see(identity: &Identity, auction: AuctionId) -> Result<(), Fault> {
    if identity.may_see(auction) {
        return Ok(());
    }
    Err(Fault::session(&SessionRefusal::NotAllowed { what: "auction_id", word: &auction.0.to_string() }))
}

impl FromRequestParts<Rest> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Fault> {
        let missing = || Fault::session(&SessionRefusal::AuthRequired);
        let header = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
        let (scheme, token) =
            header.to_str().ok().and_then(|text| text.trim().split_once(' ')).ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        match identity::verdict(&*rest.verify, token.trim(), rest.host.clock().now()) {
            Verdict::Taken(identity) => Ok(Self { identity: Arc::new(identity) }),
            Verdict::Refused(message) => Err(Fault::session(&SessionRefusal::AuthFailed(message))),
            Verdict::Failed => Err(internal()),
        }
    }
}

//! SPIFFE IDs beside the subject of an SVID, and in the tokens of issuers (policy: `spiffe_trust_domains`).
//!
//! JWT-SVID §4: the keys that may name a workload are those of its trust domain. An issuer's key names one only where the
//! policy says so, domain by domain: for workloads that get their access tokens by a JWT-SVID.

use crate::limits;
use crate::reason::Reason;
use crate::record::VerifiedToken;
use crate::specs::common::actor;
use crate::spiffe_id::{self, SpiffeId};

/// JWT-SVID §3.1: "The `sub` claim MUST be set to the SPIFFE ID of the workload". The trust domain in it chooses the bundle, and
/// nothing else does (§4, specs: BND-1). The ID must have a path: without one it names the domain, not a workload.
///
/// # Errors
/// [`Reason::SubjectMalformed`]
pub(crate) fn of_workload(subject: &str) -> Result<SpiffeId<'_>, Reason> {
    SpiffeId::parse(subject).ok().filter(|id| !id.path().is_empty()).ok_or(Reason::SubjectMalformed)
}

/// The subject, the client and the current actor of a token may be SPIFFE IDs of the domains that `speaks_for` names, and of no other.
/// A text that only begins as a SPIFFE ID does, in any case, is refused too: a reader may take it for one.
///
/// Prior actors are history (see [`actor`]), and are not looked at.
///
/// # Errors
/// [`Reason::SubjectRefused`]
#[cold]
pub(crate) fn check(verified: &VerifiedToken<'_>, speaks_for: impl Fn(&str) -> bool) -> Result<(), Reason> {
    let of_a_domain = |text: &str| {
        let id = of_workload(text);
        id.is_ok_and(|id| speaks_for(id.trust_domain().as_str()))
    };
    let allowed = |text: &str| !spiffe_id::resembles_one(text.chars()) || of_a_domain(text);
    // An actor that does not fit is longer than any SPIFFE ID.
    let mut scratch = [0; limits::SPIFFE_ID_BYTES];
    let actor = verified.actor_json().and_then(|act| actor::chain_in(act).next()).and_then(|actor| actor.subject);
    let actor_allowed = actor.is_none_or(|subject| match subject.text(&mut scratch) {
        Some(text) => allowed(text),
        None => !spiffe_id::resembles_one(subject.chars()),
    });
    if actor_allowed && [verified.subject(), verified.client_id()].into_iter().flatten().all(allowed) {
        Ok(())
    } else {
        Err(Reason::SubjectRefused)
    }
}

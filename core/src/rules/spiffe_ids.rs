//! SPIFFE IDs in the tokens of issuers (policy: `spiffe_trust_domains`).
//!
//! JWT-SVID §4: the keys that may name a workload are those of its trust domain. An issuer's key names one only where the
//! policy says so, domain by domain: for workloads that get their access tokens by a JWT-SVID.

use alloc::boxed::Box;

use crate::limits;
use crate::reason::Reason;
use crate::rules::facts::Facts;
use crate::rules::{actor, jwt_svid};
use crate::spiffe_id;

/// The subject, the client and the current actor of an issuer's token may be SPIFFE IDs of `domains`, and of no other.
/// A text that only begins as a SPIFFE ID does is refused too: what it names is not for an issuer to say.
///
/// Prior actors are history (see [`actor`]), and are not looked at.
///
/// # Errors
/// [`Reason::SubjectRefused`]
#[cold]
pub(crate) fn check(facts: &Facts<'_>, domains: &[Box<str>]) -> Result<(), Reason> {
    let of_a_domain = |text: &str| {
        let id = jwt_svid::spiffe_id(text);
        id.is_ok_and(|id| domains.iter().any(|domain| **domain == *id.trust_domain().as_str()))
    };
    let allowed = |text: &str| !text.starts_with(spiffe_id::PREFIX) || of_a_domain(text);
    // An actor that does not fit is longer than any SPIFFE ID.
    let mut scratch = [0; limits::SPIFFE_ID_BYTES];
    let actor = facts.actor_json().and_then(|act| actor::chain_in(act).next()).and_then(|actor| actor.subject);
    let actor_allowed = actor.is_none_or(|subject| match subject.text(&mut scratch) {
        Some(text) => allowed(text),
        None => !subject.starts_with(spiffe_id::PREFIX),
    });
    if actor_allowed && [facts.subject(), facts.client_id()].into_iter().flatten().all(allowed) {
        Ok(())
    } else {
        Err(Reason::SubjectRefused)
    }
}

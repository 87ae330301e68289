//! Challenges: `WWW-Authenticate` for `Bearer` (RFC 6750 §3) and `DPoP` (RFC 9449 §7.1), and `DPoP-Nonce` (§8, §9).
//!
//! Values consist of words of the policy and of this crate: no byte of the request is in them, so nothing needs escaping.

use core::fmt::{self, Display, Formatter};

use crate::engine::decision::Decision;
use crate::engine::outcome::Outcome;
use crate::policy::{Binding, CredentialLocation, CredentialPolicy, Policy};
use crate::reason::{ChallengeError, Reason};
use crate::specs::common::presentation::AuthScheme;

impl Decision<'_> {
    /// Passes name and value of each header field of the answer to `field`: the challenges of a refusal, and a fresh nonce.
    ///
    /// Names are in small letters. Values are valid field values and contain no byte of the request.
    ///
    /// # Errors
    /// The first error that `field` returns; this function has none of its own.
    #[inline]
    pub fn write_headers(&self, field: &mut dyn FnMut(&str, &dyn Display) -> fmt::Result) -> fmt::Result {
        if self.outcome().reason.is_none() && self.outcome().next_nonce.is_none() {
            return Ok(()); // most requests, and nothing of `challenge` is touched for them
        }
        let Some(policy) = self.policy() else { return Ok(()) };
        write(policy, self.outcome(), field)
    }
}

type Field<'f> = &'f mut dyn FnMut(&str, &dyn Display) -> fmt::Result;

/// Writes the header fields of an answer, challenges first.
fn write(policy: &Policy, outcome: &Outcome, field: Field<'_>) -> fmt::Result {
    if let Some(reason) = outcome.reason {
        let (status, error) = match (reason, outcome.next_nonce) {
            // RFC 9449 §9: the client is to make a proof with the nonce that comes with this answer.
            (Reason::ProofHistoryUnknown, Some(_)) => (reason.status(), ChallengeError::UseDpopNonce),
            _ => reason.answer(),
        };
        // RFC 9110 §11.6.1: a 401 must have a challenge; RFC 6750 §3.1 puts one on 400 and 403 too, with its error.
        if status == 401 || error != ChallengeError::None {
            for scheme in schemes(policy, outcome, error) {
                let error = error_for(policy, scheme, error, outcome);
                field("www-authenticate", &Challenge { policy, outcome, reason, error, scheme })?;
            }
        }
    }
    if let Some(nonce) = &outcome.next_nonce {
        field("dpop-nonce", &core::str::from_utf8(nonce).unwrap_or_default())?;
        // RFC 9449 §8.2: "a response […] with a nonce […] should be uncacheable"
        field("cache-control", &"no-store")?;
    }
    Ok(())
}

/// The schemes that the policy takes. RFC 9449 §7.2: a server that takes both challenges for both.
fn schemes(policy: &Policy, outcome: &Outcome, error: ChallengeError) -> impl Iterator<Item = AuthScheme> {
    let bearer = policy.binding != Binding::Dpop;
    // A token that is bound to a key needs its proof whatever the policy demands.
    let dpop = policy.binding != Binding::Mtls || outcome.scheme == Some(AuthScheme::Dpop) || is_of_proof(error);
    [(AuthScheme::Bearer, bearer), (AuthScheme::Dpop, dpop)]
        .into_iter()
        .filter(|(_, taken)| *taken)
        .map(|(scheme, _)| scheme)
}

/// Whether an error is about the proof, which exists under DPoP only.
fn is_of_proof(error: ChallengeError) -> bool {
    matches!(error, ChallengeError::InvalidDpopProof | ChallengeError::UseDpopNonce)
}

/// RFC 9449 §7.2: with both schemes challenged, the error goes to "the scheme that was used". Errors of proofs exist for
/// DPoP only. Where the request had no usable scheme, or more than one credential (figure 19), both challenges have the error.
fn error_for(policy: &Policy, scheme: AuthScheme, error: ChallengeError, outcome: &Outcome) -> ChallengeError {
    let used = match outcome.reason {
        Some(Reason::CredentialRepeated) => None,
        // A credential outside of Authorization comes under no scheme: it is a bearer token.
        _ if outcome.credential > 0 => Some(AuthScheme::Bearer),
        _ if is_of_proof(error) => Some(AuthScheme::Dpop),
        _ if policy.credential.from != CredentialLocation::Authorization => Some(AuthScheme::Bearer),
        _ => outcome.scheme,
    };
    // A scheme that is not challenged cannot carry the error: then those that are do.
    let challenged = |used: AuthScheme| schemes(policy, outcome, error).any(|scheme| scheme == used);
    if used.is_none_or(|used| used == scheme || !challenged(used)) { error } else { ChallengeError::None }
}

struct Challenge<'c> {
    policy: &'c Policy,
    outcome: &'c Outcome,
    reason: Reason,
    scheme: AuthScheme,
    error: ChallengeError,
}

impl Display for Challenge<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let settings = &self.policy.challenge;
        // RFC 6750 §3: "Bearer" MUST be followed by one or more auth-param values; the realm is always there.
        let realm = settings.realm.as_deref().unwrap_or(&self.policy.name);
        write!(f, "{} realm=\"{realm}\"", self.scheme.name())?;
        if let Some(error) = self.error.word() {
            write!(f, ", error=\"{error}\"")?;
            if !settings.hide_description {
                write!(f, ", error_description=\"{}", self.reason)?;
                if let Some(credential) = self.further() {
                    write!(f, " in {}", credential.from.field())?; // which of its tokens a client must renew
                }
                f.write_str("\"")?;
            }
        }
        if self.error == ChallengeError::InsufficientScope || self.error == ChallengeError::None {
            self.write_scope(f)?;
        }
        if self.scheme == AuthScheme::Dpop {
            // RFC 9449 §7.1: "algs: A space-delimited list of supported JWS algorithms"
            let algorithms = self.policy.dpop.algorithms;
            for (place, algorithm) in algorithms.iter().enumerate() {
                f.write_str(if place == 0 { ", algs=\"" } else { " " })?;
                f.write_str(algorithm.name())?;
            }
            if !algorithms.is_empty() {
                f.write_str("\"")?;
            }
        }
        if let Some(uri) = &settings.resource_metadata {
            write!(f, ", resource_metadata=\"{uri}\"")?; // RFC 9728 §5.1
        }
        Ok(())
    }
}

impl Challenge<'_> {
    /// The credential beside the first that was refused.
    fn further(&self) -> Option<&CredentialPolicy> {
        self.outcome.credential.checked_sub(1).and_then(|place| self.policy.others.get(place))
    }

    /// RFC 6750 §3: `scope` is "the required scope of the access token": that of the entry which refused the token, or, where
    /// no entry was asked, of the first of its credential that demands any.
    fn write_scope(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let accept = &self.further().unwrap_or(&self.policy.credential).accept;
        let entry = match self.outcome.refusing_entry {
            Some(place) => accept.get(place).filter(|entry| !entry.scope.is_empty()),
            None => accept.iter().find(|entry| !entry.scope.is_empty()),
        };
        let Some(entry) = entry else { return Ok(()) };
        for (place, word) in entry.scope.iter().enumerate() {
            f.write_str(if place == 0 { ", scope=\"" } else { " " })?;
            f.write_str(word)?;
        }
        f.write_str("\"")
    }
}

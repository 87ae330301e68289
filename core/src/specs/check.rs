//! The checks of a decision, in their public order. The first that fails gives the reason.

use alloc::vec::Vec;

/// One check, with the rule that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Exactly one credential under a scheme that is taken.
    Presentation,
    /// The token was verified before, by a key that is still trusted.
    TokenCache,
    /// Three base64url parts.
    TokenForm,
    /// The header is one JSON object.
    HeaderForm,
    /// No critical extension.
    HeaderCritical,
    /// The payload is one JSON object with claims of the right types.
    ClaimsForm,
    /// `typ` names a kind that the policy accepts.
    TokenKind,
    /// The algorithm is allowed for the kind and the policy.
    Algorithm,
    /// The header holds nothing that its kind forbids.
    HeaderParameters,
    /// The claims that the kind requires are there.
    RequiredClaims,
    /// The trust domain or issuer is configured and its keys are fresh.
    Authority,
    /// The key is known and fits the algorithm.
    Key,
    /// The signature verifies.
    Signature,
    /// Not expired, already valid.
    Time,
    /// For us.
    Audience,
    /// An issuer's token names workloads only of the trust domains that the issuer speaks for.
    SpiffeIds,
    /// An issuer, subject and lifetime that the policy lets in.
    Subject,
    /// The scope that the policy demands.
    Scope,
    /// Key, subject, token and issuer epoch are not revoked.
    Revocation,
    /// The credentials have in common what the policy demands.
    Ties,
    /// Bound as the policy demands, by methods that we check, and presented accordingly.
    Binding,
    /// The connection's certificate is the one that the token is bound to.
    Certificate,
    /// Exactly one proof.
    ProofPresent,
    /// The proof is well-formed, of the right type, with a public key.
    ProofForm,
    /// The proof's algorithm is allowed.
    ProofAlgorithm,
    /// The proof's key is the one that the token is bound to.
    ProofKey,
    /// The proof is for this method.
    ProofMethod,
    /// The proof is for this URI.
    ProofUri,
    /// The proof is for this token.
    ProofToken,
    /// The proof is recent.
    ProofWindow,
    /// The proof has a nonce that this server issued.
    ProofNonce,
    /// The proof's signature verifies.
    ProofSignature,
    /// The proof is used for the first time.
    ProofReplay,
    /// The body is one that the policy lets in.
    Body,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 34] = [
        Self::Presentation,
        Self::TokenCache,
        Self::TokenForm,
        Self::HeaderForm,
        Self::HeaderCritical,
        Self::ClaimsForm,
        Self::TokenKind,
        Self::Algorithm,
        Self::HeaderParameters,
        Self::RequiredClaims,
        Self::Authority,
        Self::Key,
        Self::Signature,
        Self::Time,
        Self::Audience,
        Self::SpiffeIds,
        Self::Subject,
        Self::Scope,
        Self::Revocation,
        Self::Ties,
        Self::Binding,
        Self::Certificate,
        Self::ProofPresent,
        Self::ProofForm,
        Self::ProofAlgorithm,
        Self::ProofKey,
        Self::ProofMethod,
        Self::ProofUri,
        Self::ProofToken,
        Self::ProofWindow,
        Self::ProofNonce,
        Self::ProofSignature,
        Self::ProofReplay,
        Self::Body,
    ];

    /// The check's name in `lower_snake`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.text().0
    }

    /// The rule, by document and section.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        self.text().1
    }

    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Presentation => ("presentation", "RFC 6750 §2, RFC 9449 §7.1"),
            Self::TokenCache => ("token_cache", "a token whose key is gone is a miss"),
            Self::TokenForm => ("token_form", "RFC 7515 §7.1, §5.2"),
            Self::HeaderForm => ("header_form", "RFC 7515 §4"),
            Self::HeaderCritical => ("header_critical", "RFC 7515 §4.1.11, RFC 7797 §7"),
            Self::ClaimsForm => ("claims_form", "RFC 7519 §4, §7.2"),
            Self::TokenKind => ("token_kind", "RFC 8725 §3.11, RFC 9068 §4, JWT-SVID §2.3"),
            Self::Algorithm => ("algorithm", "RFC 8725 §3.1, JWT-SVID §2.1"),
            Self::HeaderParameters => ("header_parameters", "JWT-SVID §2, RFC 8725 §3.3"),
            Self::RequiredClaims => ("required_claims", "JWT-SVID §3, RFC 9068 §2.2, RFC 7519 §4.1"),
            Self::Authority => ("authority", "JWT-SVID §4, RFC 9068 §4, RFC 8725 §3.8"),
            Self::Key => ("key", "RFC 7515 §4.1.4, RFC 8725 §3.1"),
            Self::Signature => ("signature", "RFC 7515 §5.2"),
            Self::Time => ("time", "RFC 7519 §4.1.4, §4.1.5"),
            Self::Audience => ("audience", "RFC 7519 §4.1.3, RFC 9068 §4, JWT-SVID §3.2"),
            Self::SpiffeIds => ("spiffe_ids", "JWT-SVID §4, policy: spiffe_trust_domains"),
            Self::Subject => ("subject", "policy: issuer, subjects, algorithms, max_lifetime_seconds"),
            Self::Scope => ("scope", "RFC 6750 §3.1"),
            Self::Revocation => ("revocation", "host's revocation list"),
            Self::Ties => ("ties", "policy: tie"),
            Self::Binding => ("binding", "RFC 7800 §3.1, RFC 9449 §7.2, policy: binding"),
            Self::Certificate => ("certificate", "RFC 8705 §3"),
            Self::ProofPresent => ("proof_present", "RFC 9449 §4.3 item 1, §7.1"),
            Self::ProofForm => ("proof_form", "RFC 9449 §4.3 items 2, 3, 4, 7"),
            Self::ProofAlgorithm => ("proof_algorithm", "RFC 9449 §4.3 item 5"),
            Self::ProofKey => ("proof_key", "RFC 9449 §4.3 item 12"),
            Self::ProofMethod => ("proof_method", "RFC 9449 §4.3 item 8"),
            Self::ProofUri => ("proof_uri", "RFC 9449 §4.3 item 9"),
            Self::ProofToken => ("proof_token", "RFC 9449 §4.3 item 12"),
            Self::ProofWindow => ("proof_window", "RFC 9449 §4.3 item 11"),
            Self::ProofNonce => ("proof_nonce", "RFC 9449 §4.3 item 10, §9"),
            Self::ProofSignature => ("proof_signature", "RFC 9449 §4.3 item 6"),
            Self::ProofReplay => ("proof_replay", "RFC 9449 §11.1"),
            Self::Body => ("body", "JSON-RPC 2.0 §4, policy: tools, body_bytes"),
        }
    }
}

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It held.
    Passed,
    /// It did not, and so the request is refused.
    Failed,
    /// It held when the token was verified, and its outcome is remembered.
    Cached,
    /// The token or the policy does not call for it.
    NotNeeded,
    /// Another one failed before.
    NotReached,
}

impl CheckResult {
    /// The word in explanations.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Cached => "cached",
            Self::NotNeeded => "not_needed",
            Self::NotReached => "not_reached",
        }
    }
}

impl Check {
    /// The result of every check, in the public order, of a decision that began the checks `visited`.
    #[must_use]
    pub fn results(visited: &[Self], refused: bool) -> Vec<(Self, CheckResult)> {
        let last = visited.last().copied();
        let verified = visited.contains(&Self::TokenForm);
        let remembered = |check: Self| !verified && check > Self::TokenCache && check < Self::Time;
        let result = |check: Self| {
            if visited.contains(&check) {
                if refused && last == Some(check) { CheckResult::Failed } else { CheckResult::Passed }
            } else if last.is_none_or(|last| check > last && refused) {
                CheckResult::NotReached
            } else if remembered(check) {
                CheckResult::Cached
            } else {
                CheckResult::NotNeeded
            }
        };
        Self::ALL.into_iter().map(|check| (check, result(check))).collect()
    }
}

/// Follows a decision from check to check, for `explain`.
pub trait Trace {
    /// The decision begins this check; if the request is refused next, it is by this one.
    fn enter(&mut self, check: Check);
}

/// The trace of a decision that is not traced; costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl<T: Trace + ?Sized> Trace for &mut T {
    fn enter(&mut self, check: Check) {
        (**self).enter(check);
    }
}

impl Trace for NoTrace {
    fn enter(&mut self, _: Check) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result_of(check: Check, visited: &[Check], refused: bool) -> CheckResult {
        Check::results(visited, refused).into_iter().find(|(known, _)| *known == check).unwrap().1
    }

    #[test]
    fn every_check_has_a_result() {
        assert_eq!(Check::results(&[], true).len(), Check::ALL.len());
        assert!(Check::results(&[], true).iter().all(|(_, result)| *result == CheckResult::NotReached));
    }

    #[test]
    fn a_cached_token_skips_its_own_checks_only() {
        let visited = [Check::Presentation, Check::TokenCache, Check::Time, Check::Audience];
        assert_eq!(result_of(Check::Signature, &visited, true), CheckResult::Cached);
        assert_eq!(result_of(Check::Time, &visited, true), CheckResult::Passed);
        assert_eq!(result_of(Check::Audience, &visited, true), CheckResult::Failed);
        assert_eq!(result_of(Check::Scope, &visited, true), CheckResult::NotReached);
    }

    #[test]
    fn what_a_request_does_not_call_for_is_not_needed() {
        let visited: Vec<Check> = Check::ALL.into_iter().filter(|check| *check <= Check::Binding).collect();
        assert_eq!(result_of(Check::Binding, &visited, false), CheckResult::Passed);
        assert_eq!(result_of(Check::ProofSignature, &visited, false), CheckResult::NotNeeded);
    }
}

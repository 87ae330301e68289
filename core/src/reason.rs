//! Why a request was refused: one closed enum, the same word on every surface.
//!
//! Numbers and codes are append-only; `tests/reasons.tsv` fails the build on any change but an added line.
//! The order of checks is public (see `engine`), so each request has exactly one right reason: the first that fails.

/// The one reason of a refusal.
///
/// The hundreds say where it was found: 11 presentation, 12 form, 13 key, 14 claims, 15 DPoP, 16 mTLS, 17 binding,
/// 18 revocation, 19 ours. 0 is not a reason, so zeroed memory never reads as "accepted".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Reason {
    /// The request carries no credential (RFC 6750 §3).
    CredentialMissing = 1101,
    /// The credential comes by a scheme or a place that is not taken here: not `Bearer`, not `DPoP`, or the URI query.
    SchemeUnsupported = 1102,
    /// More than one credential, or more than one proof (RFC 6750 §2, RFC 9449 §4.3 item 1).
    CredentialRepeated = 1103,
    /// The credential or the proof is longer than the limit.
    CredentialTooLarge = 1104,
    /// A header field that selects the policy is there more than once: each hop could take another one.
    PolicyAmbiguous = 1105,

    /// The token is not three base64url parts with two periods (RFC 7515 §7.1).
    TokenMalformed = 1201,
    /// A part is not strict, unpadded base64url (RFC 7515 §2).
    TokenBase64 = 1202,
    /// Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2).
    TokenJson = 1203,
    /// The header's `typ` names no token kind that this policy accepts (RFC 8725 §3.11).
    HeaderType = 1204,
    /// The header has `crit`, and no extension is understood (RFC 7515 §4.1.11), or `b64` (RFC 7797 §7).
    HeaderCritical = 1205,
    /// A claim that the token kind requires is absent.
    ClaimMissing = 1206,
    /// A claim or header parameter has the wrong JSON type or an impossible value; never read as absent.
    ClaimType = 1207,
    /// The header carries a parameter that this token kind forbids (an embedded or remote key, `zip`, `enc`, `cty`).
    HeaderForbidden = 1208,

    /// The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all.
    AlgorithmRefused = 1301,
    /// No bundle is configured for the trust domain of the subject.
    TrustDomainUnknown = 1302,
    /// The trust domain or issuer has no usable key of this `kid`.
    KeyUnknown = 1303,
    /// The key of this `kid` may not be used with the token's algorithm.
    KeyUnfit = 1304,
    /// The signature does not verify.
    SignatureInvalid = 1305,
    /// The keys of this trust domain or issuer, or the list of what is revoked, never came or are too old; our fault.
    BundleStale = 1306,
    /// No key set is configured for the token's issuer.
    IssuerUnknown = 1307,

    /// The token has expired (RFC 7519 §4.1.4).
    TokenExpired = 1401,
    /// The token is not valid yet, by `nbf` or by an `iat` in the future (RFC 7519 §4.1.5).
    TokenNotYetValid = 1402,
    /// The token is for another audience (RFC 7519 §4.1.3).
    AudienceMismatch = 1403,
    /// The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2).
    SubjectMalformed = 1404,
    /// The token lives longer than the policy allows.
    LifetimeTooLong = 1405,
    /// The subject, the issuer or the client is not one that the policy lets in.
    SubjectRefused = 1406,
    /// The token's scope lacks one that the policy demands (RFC 6750 §3.1).
    ScopeInsufficient = 1407,

    /// A proof of possession is demanded and there is none (RFC 9449 §7.1).
    ProofMissing = 1501,
    /// The proof is not a well-formed DPoP proof with all that it must hold (RFC 9449 §4.3 items 2 to 4).
    ProofMalformed = 1502,
    /// The proof is for another method (RFC 9449 §4.3 item 8).
    ProofMethodMismatch = 1503,
    /// The proof is for another URI (RFC 9449 §4.3 item 9).
    ProofUriMismatch = 1504,
    /// The proof is for another access token (RFC 9449 §4.3 item 12).
    ProofTokenMismatch = 1505,
    /// The proof is made with another key than the token is bound to (RFC 9449 §4.3 item 12).
    ProofKeyMismatch = 1506,
    /// The proof is older than the window (RFC 9449 §4.3 item 11).
    ProofTooOld = 1507,
    /// The proof is dated in the future (RFC 9449 §4.3 item 11).
    ProofFromFuture = 1508,
    /// The proof's signature does not verify (RFC 9449 §4.3 item 6).
    ProofSignatureInvalid = 1509,
    /// The proof was used before (RFC 9449 §11.1).
    ProofReplayed = 1510,
    /// The proof must carry a nonce that this server gave (RFC 9449 §9).
    NonceRequired = 1511,
    /// The proof's nonce is not one of ours, or has expired (RFC 9449 §9).
    NonceMismatch = 1512,
    /// The proof's algorithm is not accepted (RFC 9449 §4.3 item 5).
    ProofAlgorithmRefused = 1513,
    /// The proof's key holds a private part or is not a valid public key (RFC 9449 §4.3 item 7).
    ProofKeyRefused = 1514,

    /// The token is bound to a certificate and the connection has none (RFC 8705 §3).
    CertificateMissing = 1601,
    /// The connection's certificate is not the one that the token is bound to (RFC 8705 §3).
    CertificateMismatch = 1602,

    /// The policy, or the `DPoP` scheme, demands a bound token and this one is not.
    BindingRequired = 1701,
    /// The token's `cnf` holds no confirmation method that we can check (RFC 7800 §3.1).
    BindingUnsupported = 1702,
    /// The token's `cnf` holds more than one key representation (RFC 7800 §3.1).
    BindingAmbiguous = 1703,
    /// A DPoP-bound token came under the `Bearer` scheme (RFC 9449 §7.2).
    SchemeMismatch = 1704,

    /// The key that signed the token is revoked.
    KeyRevoked = 1801,
    /// The subject is revoked.
    SubjectRevoked = 1802,
    /// This token (its `jti`) is revoked.
    TokenRevoked = 1803,
    /// The token was issued before its issuer's revocation epoch, or does not say when it was issued.
    EpochRevoked = 1804,

    /// The input asks for more work than a limit allows: depth, members, string length.
    LimitExceeded = 1901,
    /// The replay store is full; our fault, not the client's.
    ReplayStoreFull = 1902,
    /// The replay store did not answer; our fault, not the client's.
    ReplayStoreUnavailable = 1903,
    /// The host gave a request that cannot be judged, such as a URI without authority and no `origin` in the policy.
    RequestUnusable = 1904,
    /// A fault of ours.
    InternalError = 1999,
}

/// The `error` word of a challenge (RFC 6750 §3.1, RFC 9449 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeError {
    /// No `error` parameter: "If the request lacks any authentication information" (RFC 6750 §3.1).
    None,
    /// `invalid_request`.
    InvalidRequest,
    /// `invalid_token`.
    InvalidToken,
    /// `insufficient_scope`.
    InsufficientScope,
    /// `invalid_dpop_proof`.
    InvalidDpopProof,
    /// `use_dpop_nonce`.
    UseDpopNonce,
}

impl ChallengeError {
    /// The word as it stands in the challenge, or `None` where the challenge has no `error`.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope => Some("insufficient_scope"),
            Self::InvalidDpopProof => Some("invalid_dpop_proof"),
            Self::UseDpopNonce => Some("use_dpop_nonce"),
        }
    }
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every reason, in the order of the numbers.
    pub const ALL: [Self; 56] = [
        Self::CredentialMissing,
        Self::SchemeUnsupported,
        Self::CredentialRepeated,
        Self::CredentialTooLarge,
        Self::PolicyAmbiguous,
        Self::TokenMalformed,
        Self::TokenBase64,
        Self::TokenJson,
        Self::HeaderType,
        Self::HeaderCritical,
        Self::ClaimMissing,
        Self::ClaimType,
        Self::HeaderForbidden,
        Self::AlgorithmRefused,
        Self::TrustDomainUnknown,
        Self::KeyUnknown,
        Self::KeyUnfit,
        Self::SignatureInvalid,
        Self::BundleStale,
        Self::IssuerUnknown,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::AudienceMismatch,
        Self::SubjectMalformed,
        Self::LifetimeTooLong,
        Self::SubjectRefused,
        Self::ScopeInsufficient,
        Self::ProofMissing,
        Self::ProofMalformed,
        Self::ProofMethodMismatch,
        Self::ProofUriMismatch,
        Self::ProofTokenMismatch,
        Self::ProofKeyMismatch,
        Self::ProofTooOld,
        Self::ProofFromFuture,
        Self::ProofSignatureInvalid,
        Self::ProofReplayed,
        Self::NonceRequired,
        Self::NonceMismatch,
        Self::ProofAlgorithmRefused,
        Self::ProofKeyRefused,
        Self::CertificateMissing,
        Self::CertificateMismatch,
        Self::BindingRequired,
        Self::BindingUnsupported,
        Self::BindingAmbiguous,
        Self::SchemeMismatch,
        Self::KeyRevoked,
        Self::SubjectRevoked,
        Self::TokenRevoked,
        Self::EpochRevoked,
        Self::LimitExceeded,
        Self::ReplayStoreFull,
        Self::ReplayStoreUnavailable,
        Self::RequestUnusable,
        Self::InternalError,
    ];
    /// The word: `lower_snake`, the same in Rust, C, JavaScript, challenges, metrics, logs and the command line.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CredentialMissing => "credential_missing",
            Self::SchemeUnsupported => "scheme_unsupported",
            Self::CredentialRepeated => "credential_repeated",
            Self::CredentialTooLarge => "credential_too_large",
            Self::PolicyAmbiguous => "policy_ambiguous",
            Self::TokenMalformed => "token_malformed",
            Self::TokenBase64 => "token_base64",
            Self::TokenJson => "token_json",
            Self::HeaderType => "header_type",
            Self::HeaderCritical => "header_critical",
            Self::ClaimMissing => "claim_missing",
            Self::ClaimType => "claim_type",
            Self::HeaderForbidden => "header_forbidden",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::TrustDomainUnknown => "trust_domain_unknown",
            Self::KeyUnknown => "key_unknown",
            Self::KeyUnfit => "key_unfit",
            Self::SignatureInvalid => "signature_invalid",
            Self::BundleStale => "bundle_stale",
            Self::IssuerUnknown => "issuer_unknown",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::AudienceMismatch => "audience_mismatch",
            Self::SubjectMalformed => "subject_malformed",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::SubjectRefused => "subject_refused",
            Self::ScopeInsufficient => "scope_insufficient",
            Self::ProofMissing => "proof_missing",
            Self::ProofMalformed => "proof_malformed",
            Self::ProofMethodMismatch => "proof_method_mismatch",
            Self::ProofUriMismatch => "proof_uri_mismatch",
            Self::ProofTokenMismatch => "proof_token_mismatch",
            Self::ProofKeyMismatch => "proof_key_mismatch",
            Self::ProofTooOld => "proof_too_old",
            Self::ProofFromFuture => "proof_from_future",
            Self::ProofSignatureInvalid => "proof_signature_invalid",
            Self::ProofReplayed => "proof_replayed",
            Self::NonceRequired => "nonce_required",
            Self::NonceMismatch => "nonce_mismatch",
            Self::ProofAlgorithmRefused => "proof_algorithm_refused",
            Self::ProofKeyRefused => "proof_key_refused",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateMismatch => "certificate_mismatch",
            Self::BindingRequired => "binding_required",
            Self::BindingUnsupported => "binding_unsupported",
            Self::BindingAmbiguous => "binding_ambiguous",
            Self::SchemeMismatch => "scheme_mismatch",
            Self::KeyRevoked => "key_revoked",
            Self::SubjectRevoked => "subject_revoked",
            Self::TokenRevoked => "token_revoked",
            Self::EpochRevoked => "epoch_revoked",
            Self::LimitExceeded => "limit_exceeded",
            Self::ReplayStoreFull => "replay_store_full",
            Self::ReplayStoreUnavailable => "replay_store_unavailable",
            Self::RequestUnusable => "request_unusable",
            Self::InternalError => "internal_error",
        }
    }

    /// The number, append-only.
    #[must_use]
    #[allow(clippy::as_conversions)] // a fieldless enum with explicit discriminants has no other way
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The HTTP status and the challenge's `error` of this reason.
    ///
    /// RFC 6750 §3.1: `invalid_request` is 400, `invalid_token` 401, `insufficient_scope` 403. RFC 9449 §7.1 and §9:
    /// `invalid_dpop_proof` and `use_dpop_nonce` are 401 at a resource server. A failing store or missing trust is a
    /// 5xx without a challenge: nothing that the client sends could mend it.
    #[must_use]
    pub const fn answer(self) -> (u16, ChallengeError) {
        match self {
            Self::CredentialMissing | Self::SchemeUnsupported => (401, ChallengeError::None),
            Self::CredentialRepeated | Self::CredentialTooLarge | Self::LimitExceeded => {
                (400, ChallengeError::InvalidRequest)
            }
            Self::PolicyAmbiguous => (400, ChallengeError::None),
            Self::TokenMalformed
            | Self::TokenBase64
            | Self::TokenJson
            | Self::HeaderType
            | Self::HeaderCritical
            | Self::ClaimMissing
            | Self::ClaimType
            | Self::HeaderForbidden
            | Self::AlgorithmRefused
            | Self::TrustDomainUnknown
            | Self::KeyUnknown
            | Self::KeyUnfit
            | Self::SignatureInvalid
            | Self::IssuerUnknown
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::AudienceMismatch
            | Self::SubjectMalformed
            | Self::LifetimeTooLong
            | Self::ProofKeyMismatch
            | Self::CertificateMissing
            | Self::CertificateMismatch
            | Self::BindingRequired
            | Self::BindingUnsupported
            | Self::BindingAmbiguous
            | Self::SchemeMismatch
            | Self::KeyRevoked
            | Self::SubjectRevoked
            | Self::TokenRevoked
            | Self::EpochRevoked => (401, ChallengeError::InvalidToken),
            Self::BundleStale | Self::ReplayStoreFull | Self::ReplayStoreUnavailable => (503, ChallengeError::None),
            Self::SubjectRefused => (403, ChallengeError::None),
            Self::ScopeInsufficient => (403, ChallengeError::InsufficientScope),
            Self::ProofMissing
            | Self::ProofMalformed
            | Self::ProofMethodMismatch
            | Self::ProofUriMismatch
            | Self::ProofTokenMismatch
            | Self::ProofTooOld
            | Self::ProofFromFuture
            | Self::ProofSignatureInvalid
            | Self::ProofReplayed
            | Self::ProofAlgorithmRefused
            | Self::ProofKeyRefused => (401, ChallengeError::InvalidDpopProof),
            Self::NonceRequired | Self::NonceMismatch => (401, ChallengeError::UseDpopNonce),
            Self::RequestUnusable | Self::InternalError => (500, ChallengeError::None),
        }
    }

    /// The HTTP status that a host answers with.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.answer().0
    }

    /// One sentence for a person, without any byte of the input.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::CredentialMissing => "The request carries no credential (RFC 6750 §3)",
            Self::SchemeUnsupported => {
                "The credential comes by a scheme or a place that is not taken here: not Bearer, not DPoP, or the URI query"
            }
            Self::CredentialRepeated => {
                "More than one credential, or more than one proof (RFC 6750 §2, RFC 9449 §4.3 item 1)"
            }
            Self::CredentialTooLarge => "The credential or the proof is longer than the limit",
            Self::PolicyAmbiguous => {
                "A header field that selects the policy is there more than once: each hop could take another one"
            }
            Self::TokenMalformed => "The token is not three base64url parts with two periods (RFC 7515 §7.1)",
            Self::TokenBase64 => "A part is not strict, unpadded base64url (RFC 7515 §2)",
            Self::TokenJson => {
                "Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2)"
            }
            Self::HeaderType => "The header's typ names no token kind that this policy accepts (RFC 8725 §3.11)",
            Self::HeaderCritical => {
                "The header has crit, and no extension is understood (RFC 7515 §4.1.11), or b64 (RFC 7797 §7)"
            }
            Self::ClaimMissing => "A claim that the token kind requires is absent",
            Self::ClaimType => {
                "A claim or header parameter has the wrong JSON type or an impossible value; never read as absent"
            }
            Self::HeaderForbidden => {
                "The header carries a parameter that this token kind forbids (an embedded or remote key, zip, enc, cty)"
            }
            Self::AlgorithmRefused => {
                "The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all"
            }
            Self::TrustDomainUnknown => "No bundle is configured for the trust domain of the subject",
            Self::KeyUnknown => "The trust domain or issuer has no usable key of this kid",
            Self::KeyUnfit => "The key of this kid may not be used with the token's algorithm",
            Self::SignatureInvalid => "The signature does not verify",
            Self::BundleStale => {
                "The keys of this trust domain or issuer, or the list of what is revoked, never came or are too old; our fault"
            }
            Self::IssuerUnknown => "No key set is configured for the token's issuer",
            Self::TokenExpired => "The token has expired (RFC 7519 §4.1.4)",
            Self::TokenNotYetValid => "The token is not valid yet, by nbf or by an iat in the future (RFC 7519 §4.1.5)",
            Self::AudienceMismatch => "The token is for another audience (RFC 7519 §4.1.3)",
            Self::SubjectMalformed => "The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2)",
            Self::LifetimeTooLong => "The token lives longer than the policy allows",
            Self::SubjectRefused => "The subject, the issuer or the client is not one that the policy lets in",
            Self::ScopeInsufficient => "The token's scope lacks one that the policy demands (RFC 6750 §3.1)",
            Self::ProofMissing => "A proof of possession is demanded and there is none (RFC 9449 §7.1)",
            Self::ProofMalformed => {
                "The proof is not a well-formed DPoP proof with all that it must hold (RFC 9449 §4.3 items 2 to 4)"
            }
            Self::ProofMethodMismatch => "The proof is for another method (RFC 9449 §4.3 item 8)",
            Self::ProofUriMismatch => "The proof is for another URI (RFC 9449 §4.3 item 9)",
            Self::ProofTokenMismatch => "The proof is for another access token (RFC 9449 §4.3 item 12)",
            Self::ProofKeyMismatch => {
                "The proof is made with another key than the token is bound to (RFC 9449 §4.3 item 12)"
            }
            Self::ProofTooOld => "The proof is older than the window (RFC 9449 §4.3 item 11)",
            Self::ProofFromFuture => "The proof is dated in the future (RFC 9449 §4.3 item 11)",
            Self::ProofSignatureInvalid => "The proof's signature does not verify (RFC 9449 §4.3 item 6)",
            Self::ProofReplayed => "The proof was used before (RFC 9449 §11.1)",
            Self::NonceRequired => "The proof must carry a nonce that this server gave (RFC 9449 §9)",
            Self::NonceMismatch => "The proof's nonce is not one of ours, or has expired (RFC 9449 §9)",
            Self::ProofAlgorithmRefused => "The proof's algorithm is not accepted (RFC 9449 §4.3 item 5)",
            Self::ProofKeyRefused => {
                "The proof's key holds a private part or is not a valid public key (RFC 9449 §4.3 item 7)"
            }
            Self::CertificateMissing => "The token is bound to a certificate and the connection has none (RFC 8705 §3)",
            Self::CertificateMismatch => {
                "The connection's certificate is not the one that the token is bound to (RFC 8705 §3)"
            }
            Self::BindingRequired => "The policy, or the DPoP scheme, demands a bound token and this one is not",
            Self::BindingUnsupported => {
                "The token's cnf holds no confirmation method that we can check (RFC 7800 §3.1)"
            }
            Self::BindingAmbiguous => "The token's cnf holds more than one key representation (RFC 7800 §3.1)",
            Self::SchemeMismatch => "A DPoP-bound token came under the Bearer scheme (RFC 9449 §7.2)",
            Self::KeyRevoked => "The key that signed the token is revoked",
            Self::SubjectRevoked => "The subject is revoked",
            Self::TokenRevoked => "This token (its jti) is revoked",
            Self::EpochRevoked => {
                "The token was issued before its issuer's revocation epoch, or does not say when it was issued"
            }
            Self::LimitExceeded => "The input asks for more work than a limit allows: depth, members, string length",
            Self::ReplayStoreFull => "The replay store is full; our fault, not the client's",
            Self::ReplayStoreUnavailable => "The replay store did not answer; our fault, not the client's",
            Self::RequestUnusable => {
                "The host gave a request that cannot be judged: a path alone as its URI, and no origin in the policy"
            }
            Self::InternalError => "A fault of ours",
        }
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// The reason with this word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The place of this reason in [`Reason::ALL`], for a table of counters.
    #[must_use]
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|reason| *reason == self).unwrap_or(Self::COUNT - 1)
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_words_are_unique() {
        for pair in Reason::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number());
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
            assert_eq!(Reason::ALL[reason.index()], reason);
            assert!(reason.code().bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit()));
        }
        assert_eq!(Reason::from_number(0), None);
    }

    #[test]
    fn status_agrees_with_the_challenge_word() {
        for reason in Reason::ALL {
            let (status, error) = reason.answer();
            let allowed: &[u16] = match error {
                ChallengeError::InvalidRequest => &[400],
                ChallengeError::InvalidToken | ChallengeError::InvalidDpopProof | ChallengeError::UseDpopNonce => {
                    &[401]
                }
                ChallengeError::InsufficientScope => &[403],
                // No policy, so nobody's challenge.
                ChallengeError::None if reason == Reason::PolicyAmbiguous => &[400],
                ChallengeError::None => &[401, 403, 500, 503],
            };
            assert!(allowed.contains(&status), "{reason}");
        }
    }
}

//! Why a request was refused: one closed enum, the same word on every surface.
//!
//! One row of `reasons!` is all that a reason needs here; `make generate` writes what follows from it (the C enum, docs/reasons.md).
//! Numbers and words are append-only; `tests/reasons.tsv` fails the build on any change but an added line.
//! The order of checks is public (see `engine`), so each request has exactly one right reason: the first that fails.

/// One row a reason: `Name = number, "word", status, error of the challenge, "meaning";`, in the order of the numbers.
macro_rules! reasons {
    ($($name:ident = $number:literal, $word:literal, $status:literal, $error:ident, $meaning:literal;)+) => {
        /// The one reason of a refusal.
        ///
        /// The hundreds say where it was found: 11 presentation, 12 form, 13 key, 14 claims, 15 DPoP, 16 mTLS, 17 binding,
        /// 18 revocation, 19 the server's side. No reason has the number 0, so zeroed memory never reads as "accepted".
        // Without gaps in memory, so that what a reason has is looked up in a table and not searched for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the numbers.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$name),+];

            /// The number, append-only.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)+
                }
            }

            /// The word: `lower_snake`, the same in Rust, C, JavaScript, challenges, metrics, logs and the command line.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The HTTP status and the challenge's `error` of this reason.
            ///
            /// RFC 6750 §3.1: `invalid_request` is 400, `invalid_token` 401, `insufficient_scope` 403. RFC 9449 §7.1 and §9:
            /// `invalid_dpop_proof` and `use_dpop_nonce` are 401 at a resource server. A failing store or missing trust is a
            /// 5xx without a challenge: nothing that the client sends could mend it. RFC 6585 §4: a client that sends too much gets 429.
            #[must_use]
            pub const fn answer(self) -> (u16, ChallengeError) {
                match self {
                    $(Self::$name => ($status, ChallengeError::$error),)+
                }
            }

            /// One sentence for a person, without any byte of the input.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }

            /// The index of this reason in [`Reason::ALL`], for a table of counters.
            #[must_use]
            #[allow(clippy::as_conversions)] // a fieldless enum has no other way
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

reasons! {
    // presentation
    CredentialMissing = 1101, "credential_missing", 401, None, "The request carries no credential (RFC 6750 §3)";
    SchemeUnsupported = 1102, "scheme_unsupported", 401, None, "The credential comes by a scheme or a place that is not taken here: not Bearer, not DPoP, or the URI query";
    CredentialRepeated = 1103, "credential_repeated", 400, InvalidRequest, "More than one credential (RFC 6750 §2, RFC 9449 §7.2)";
    CredentialTooLarge = 1104, "credential_too_large", 400, InvalidRequest, "The token is longer than the limit";
    PolicyAmbiguous = 1105, "policy_ambiguous", 400, None, "A header field that selects the policy is there more than once: each hop could take another one";
    BodyTooLarge = 1106, "body_too_large", 413, None, "The body is longer than the policy reads";
    BodyMalformed = 1107, "body_malformed", 400, None, "The body is not one JSON-RPC 2.0 message, and the policy names the tools that may be called";
    // form
    TokenMalformed = 1201, "token_malformed", 401, InvalidToken, "The token is not three base64url parts with two periods (RFC 7515 §7.1)";
    TokenEncoding = 1202, "token_encoding", 401, InvalidToken, "A part is not strict, unpadded base64url (RFC 7515 §2)";
    TokenJson = 1203, "token_json", 401, InvalidToken, "Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2)";
    TypNotAccepted = 1204, "typ_not_accepted", 401, InvalidToken, "The header's typ names no token kind that this policy accepts (RFC 8725 §3.11)";
    HeaderCritical = 1205, "header_critical", 401, InvalidToken, "The header has crit, and no extension is understood (RFC 7515 §4.1.11), or b64 (RFC 7797 §7)";
    ClaimMissing = 1206, "claim_missing", 401, InvalidToken, "A claim that the token kind requires is absent";
    ClaimInvalid = 1207, "claim_invalid", 401, InvalidToken, "A claim or header parameter has the wrong JSON type or an impossible value; never read as absent";
    HeaderForbidden = 1208, "header_forbidden", 401, InvalidToken, "The header carries a parameter that this token kind forbids (encryption, compression, a nested token; in a JWT-SVID also a key and any other)";
    // key
    AlgorithmRefused = 1301, "algorithm_refused", 401, InvalidToken, "The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all";
    TrustDomainUnknown = 1302, "trust_domain_unknown", 401, InvalidToken, "No bundle is configured for the trust domain of the subject";
    KeyUnknown = 1303, "key_unknown", 401, InvalidToken, "The trust domain or issuer has no usable key of this kid";
    KeyNotUsable = 1304, "key_not_usable", 401, InvalidToken, "The key of this kid may not be used with the token's algorithm";
    SignatureInvalid = 1305, "signature_invalid", 401, InvalidToken, "The signature does not verify";
    KeysStale = 1306, "keys_stale", 503, None, "No current keys of this trust domain or issuer are available (server-side condition)";
    IssuerUnknown = 1307, "issuer_unknown", 401, InvalidToken, "No key set is configured for the token's issuer";
    // claims
    TokenExpired = 1401, "token_expired", 401, InvalidToken, "The token has expired (RFC 7519 §4.1.4)";
    TokenNotYetValid = 1402, "token_not_yet_valid", 401, InvalidToken, "The token is not valid yet, by nbf or by an iat in the future (RFC 7519 §4.1.5)";
    AudienceMismatch = 1403, "audience_mismatch", 401, InvalidToken, "The token is for another audience (RFC 7519 §4.1.3)";
    SubjectMalformed = 1404, "subject_malformed", 401, InvalidToken, "The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2)";
    LifetimeTooLong = 1405, "lifetime_too_long", 401, InvalidToken, "The token lives longer than the policy allows";
    SubjectRefused = 1406, "subject_refused", 403, None, "The subject or the client is not one that the policy accepts";
    ScopeInsufficient = 1407, "scope_insufficient", 403, InsufficientScope, "The token's scope lacks one that the policy demands (RFC 6750 §3.1)";
    TokenInactive = 1408, "token_inactive", 401, InvalidToken, "The authorization server answers that the token is not active (RFC 7662 §2.2)";
    CredentialsUntied = 1409, "credentials_untied", 403, None, "The credentials do not have in common what the policy demands";
    ToolRefused = 1410, "tool_refused", 403, None, "The tool that is called is not one that the policy lets in";
    IssuerRefused = 1411, "issuer_refused", 401, InvalidToken, "The token's issuer or trust domain is trusted, and the policy does not accept its tokens (RFC 9068 §4)";
    ClaimRefused = 1412, "claim_refused", 403, None, "A claim is not what a condition of the policy demands";
    // DPoP
    ProofMissing = 1501, "proof_missing", 401, InvalidDpopProof, "A proof of possession is demanded and there is none (RFC 9449 §7.1)";
    ProofMalformed = 1502, "proof_malformed", 401, InvalidDpopProof, "The proof is not a well-formed DPoP proof with all that it must hold (RFC 9449 §4.3 items 2 to 4)";
    ProofMethodMismatch = 1503, "proof_method_mismatch", 401, InvalidDpopProof, "The proof is for another method (RFC 9449 §4.3 item 8)";
    ProofUriMismatch = 1504, "proof_uri_mismatch", 401, InvalidDpopProof, "The proof is for another URI (RFC 9449 §4.3 item 9)";
    ProofTokenMismatch = 1505, "proof_token_mismatch", 401, InvalidDpopProof, "The proof is for another access token (RFC 9449 §4.3 item 12)";
    ProofKeyMismatch = 1506, "proof_key_mismatch", 401, InvalidToken, "The proof is made with another key than the token is bound to (RFC 9449 §4.3 item 12)";
    ProofTooOld = 1507, "proof_too_old", 401, InvalidDpopProof, "The proof is older than the window (RFC 9449 §4.3 item 11)";
    ProofNotYetValid = 1508, "proof_not_yet_valid", 401, InvalidDpopProof, "The proof is dated in the future (RFC 9449 §4.3 item 11)";
    ProofSignatureInvalid = 1509, "proof_signature_invalid", 401, InvalidDpopProof, "The proof's signature does not verify (RFC 9449 §4.3 item 6)";
    ProofReplayed = 1510, "proof_replayed", 401, InvalidDpopProof, "The proof was used before (RFC 9449 §11.1)";
    NonceRequired = 1511, "nonce_required", 401, UseDpopNonce, "The proof must carry a nonce that this server gave (RFC 9449 §9)";
    NonceMismatch = 1512, "nonce_mismatch", 401, UseDpopNonce, "The proof's nonce was not issued by this server, or has expired (RFC 9449 §9)";
    ProofAlgorithmRefused = 1513, "proof_algorithm_refused", 401, InvalidDpopProof, "The proof's algorithm is not accepted (RFC 9449 §4.3 item 5)";
    ProofKeyRefused = 1514, "proof_key_refused", 401, InvalidDpopProof, "The proof's key holds a private part, is not a valid public key, or is an RSA key outside of the policy's bounds (RFC 9449 §4.3 items 5 and 7)";
    ProofRepeated = 1515, "proof_repeated", 401, InvalidDpopProof, "The request has more than one DPoP header field (RFC 9449 §4.3 item 1)";
    ProofTooLarge = 1516, "proof_too_large", 401, InvalidDpopProof, "The proof exceeds a limit: length, length of its header, depth, members, digits of a number";
    ProofHistoryUnknown = 1517, "proof_history_unknown", 401, InvalidDpopProof, "Whether the proof was used before is not known: the replay store is new, or the server's clock was wrong for a while; a proof made now passes (RFC 9449 §11.1)";
    ProofShareExceeded = 1518, "proof_share_exceeded", 429, None, "The key has so many proofs in the replay store that the room left is for other keys; it has room again when these proofs expire (RFC 6585 §4)";
    // mTLS
    CertificateMissing = 1601, "certificate_missing", 401, InvalidToken, "The token is bound to a certificate and the connection has none (RFC 8705 §3)";
    CertificateMismatch = 1602, "certificate_mismatch", 401, InvalidToken, "The connection's certificate is not the one that the token is bound to (RFC 8705 §3)";
    // binding
    BindingRequired = 1701, "binding_required", 401, InvalidToken, "The policy, or the DPoP scheme, demands a bound token and this one is not";
    BindingUnsupported = 1702, "binding_unsupported", 401, InvalidToken, "The token's cnf holds no confirmation method that we can check (RFC 7800 §3.1)";
    BindingAmbiguous = 1703, "binding_ambiguous", 401, InvalidToken, "The token's cnf holds more than one key representation (RFC 7800 §3.1)";
    SchemeMismatch = 1704, "scheme_mismatch", 401, InvalidToken, "A DPoP-bound token came under the Bearer scheme (RFC 9449 §7.2)";
    // revocation
    KeyRevoked = 1801, "key_revoked", 401, InvalidToken, "The key that signed the token is revoked";
    SubjectRevoked = 1802, "subject_revoked", 401, InvalidToken, "The subject is revoked";
    TokenRevoked = 1803, "token_revoked", 401, InvalidToken, "This token (its jti) is revoked";
    IssuedBeforeCutoff = 1804, "issued_before_cutoff", 401, InvalidToken, "The token was issued before its issuer's revocation epoch, or does not say when it was issued";
    RevocationsStale = 1805, "revocations_stale", 503, None, "No current list of revocations is available (server-side condition)";
    // the server's side
    LimitExceeded = 1901, "limit_exceeded", 400, InvalidRequest, "The token or the body exceeds a limit: of a token the length of its header or signature, depth, members, digits of a number, audiences, actors, the claims that the policy names (`named_claim_bytes`); of a body depth and members";
    ReplayStoreFull = 1902, "replay_store_full", 503, None, "The replay store is full; our fault, not the client's";
    ReplayStoreUnavailable = 1903, "replay_store_unavailable", 503, None, "The replay store did not answer; our fault, not the client's";
    RequestInvalid = 1904, "request_invalid", 500, None, "The host gave a request that cannot be judged: a path alone as its URI, and no origin in the policy";
    IntrospectionUnavailable = 1905, "introspection_unavailable", 503, None, "The authorization server did not answer about the token, or not as RFC 7662 §2.2 has it";
    DecisionAbandoned = 1906, "decision_abandoned", 503, None, "The decision waited for an answer that never came";
    IntrospectionRateExceeded = 1907, "introspection_rate_exceeded", 429, None, "The authorization server is asked about so many unknown tokens that this one has to wait for the next second (RFC 6585 §4)";
    InternalError = 1999, "internal_error", 500, None, "An internal error of the server";
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
    /// The word of the challenge, or `None` where the challenge has no `error`.
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

    /// The HTTP status that a host answers with.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.answer().0
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
                // No credential could mend these, so they have no challenge.
                ChallengeError::None if reason == Reason::PolicyAmbiguous || reason == Reason::BodyMalformed => &[400],
                ChallengeError::None if reason == Reason::BodyTooLarge => &[413],
                // The credential is good.
                ChallengeError::None
                    if matches!(reason, Reason::ProofShareExceeded | Reason::IntrospectionRateExceeded) =>
                {
                    &[429]
                }
                ChallengeError::None => &[401, 403, 500, 503],
            };
            assert!(allowed.contains(&status), "{reason}");
        }
    }
}

//! Written by `make generate` from the table of reasons in the core; do not edit.

use countersign::Reason;

/// Why a request was refused, or that it was not. Numbers are append-only, and the core's own.
///
/// 0 is none of them, so zeroed memory never reads as accepted. A newer library may give numbers that are not
/// here: treat every number but `COUNTERSIGN_REASON_ACCEPTED` as a refusal.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_reason {
    /// Not refused.
    Accepted = 1000,
    /// The request carries no credential (RFC 6750 §3).
    CredentialMissing = 1101,
    /// The credential comes by a scheme or a place that is not taken here: not Bearer, not DPoP, or the URI query.
    SchemeUnsupported = 1102,
    /// More than one credential (RFC 6750 §2, RFC 9449 §7.2).
    CredentialRepeated = 1103,
    /// The token is longer than the limit.
    CredentialTooLarge = 1104,
    /// A header field that selects the policy is there more than once: each hop could take another one.
    PolicyAmbiguous = 1105,
    /// The body is longer than the policy reads.
    BodyTooLarge = 1106,
    /// The body is not one JSON-RPC 2.0 message, and the policy names the tools that may be called.
    BodyMalformed = 1107,
    /// The token is not three base64url parts with two periods (RFC 7515 §7.1).
    TokenMalformed = 1201,
    /// A part is not strict, unpadded base64url (RFC 7515 §2).
    TokenEncoding = 1202,
    /// Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2).
    TokenJson = 1203,
    /// The header's typ names no token kind that this policy accepts (RFC 8725 §3.11).
    TypNotAccepted = 1204,
    /// The header has crit, and no extension is understood (RFC 7515 §4.1.11), or b64 (RFC 7797 §7).
    HeaderCritical = 1205,
    /// A claim that the token kind requires is absent.
    ClaimMissing = 1206,
    /// A claim or header parameter has the wrong JSON type or an impossible value; never read as absent.
    ClaimInvalid = 1207,
    /// The header carries a parameter that this token kind forbids (encryption, compression, a nested token; in a JWT-SVID also a key and any other).
    HeaderForbidden = 1208,
    /// The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all.
    AlgorithmRefused = 1301,
    /// No bundle is configured for the trust domain of the subject.
    TrustDomainUnknown = 1302,
    /// The trust domain or issuer has no usable key of this kid.
    KeyUnknown = 1303,
    /// The key of this kid may not be used with the token's algorithm.
    KeyNotUsable = 1304,
    /// The signature does not verify.
    SignatureInvalid = 1305,
    /// No current keys of this trust domain or issuer are available (server-side condition).
    KeysStale = 1306,
    /// No key set is configured for the token's issuer.
    IssuerUnknown = 1307,
    /// The token has expired (RFC 7519 §4.1.4).
    TokenExpired = 1401,
    /// The token is not valid yet, by nbf or by an iat in the future (RFC 7519 §4.1.5).
    TokenNotYetValid = 1402,
    /// The token is for another audience (RFC 7519 §4.1.3).
    AudienceMismatch = 1403,
    /// The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2).
    SubjectMalformed = 1404,
    /// The token lives longer than the policy allows.
    LifetimeTooLong = 1405,
    /// The subject or the client is not one that the policy accepts.
    SubjectRefused = 1406,
    /// The token's scope lacks one that the policy demands (RFC 6750 §3.1).
    ScopeInsufficient = 1407,
    /// The authorization server answers that the token is not active (RFC 7662 §2.2).
    TokenInactive = 1408,
    /// The credentials do not have in common what the policy demands.
    CredentialsUntied = 1409,
    /// The tool that is called is not one that the policy lets in.
    ToolRefused = 1410,
    /// The token's issuer or trust domain is trusted, and the policy does not accept its tokens (RFC 9068 §4).
    IssuerRefused = 1411,
    /// A claim is not what a condition of the policy demands.
    ClaimRefused = 1412,
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
    ProofNotYetValid = 1508,
    /// The proof's signature does not verify (RFC 9449 §4.3 item 6).
    ProofSignatureInvalid = 1509,
    /// The proof was used before (RFC 9449 §11.1).
    ProofReplayed = 1510,
    /// The proof must carry a nonce that this server gave (RFC 9449 §9).
    NonceRequired = 1511,
    /// The proof's nonce was not issued by this server, or has expired (RFC 9449 §9).
    NonceMismatch = 1512,
    /// The proof's algorithm is not accepted (RFC 9449 §4.3 item 5).
    ProofAlgorithmRefused = 1513,
    /// The proof's key holds a private part, is not a valid public key, or is an RSA key outside of the policy's bounds (RFC 9449 §4.3 items 5 and 7).
    ProofKeyRefused = 1514,
    /// The request has more than one DPoP header field (RFC 9449 §4.3 item 1).
    ProofRepeated = 1515,
    /// The proof exceeds a limit: length, length of its header, depth, members, digits of a number.
    ProofTooLarge = 1516,
    /// Whether the proof was used before is not known: the replay store is new, or the server's clock was wrong for a while; a proof made now passes (RFC 9449 §11.1).
    ProofHistoryUnknown = 1517,
    /// The key has so many proofs in the replay store that the room left is for other keys; it has room again when these proofs expire (RFC 6585 §4).
    ProofShareExceeded = 1518,
    /// The token is bound to a certificate and the connection has none (RFC 8705 §3).
    CertificateMissing = 1601,
    /// The connection's certificate is not the one that the token is bound to (RFC 8705 §3).
    CertificateMismatch = 1602,
    /// The policy, or the DPoP scheme, demands a bound token and this one is not.
    BindingRequired = 1701,
    /// The token's cnf holds no confirmation method that we can check (RFC 7800 §3.1).
    BindingUnsupported = 1702,
    /// The token's cnf holds more than one key representation (RFC 7800 §3.1).
    BindingAmbiguous = 1703,
    /// A DPoP-bound token came under the Bearer scheme (RFC 9449 §7.2).
    SchemeMismatch = 1704,
    /// The key that signed the token is revoked.
    KeyRevoked = 1801,
    /// The subject is revoked.
    SubjectRevoked = 1802,
    /// This token (its jti) is revoked.
    TokenRevoked = 1803,
    /// The token was issued before its issuer's revocation epoch, or does not say when it was issued.
    IssuedBeforeCutoff = 1804,
    /// No current list of revocations is available (server-side condition).
    RevocationsStale = 1805,
    /// The token or the body exceeds a limit: of a token the length of its header or signature, depth, members, digits of a number, audiences, actors, the claims that the policy names (`named_claim_bytes`); of a body depth and members.
    LimitExceeded = 1901,
    /// The replay store is full; our fault, not the client's.
    ReplayStoreFull = 1902,
    /// The replay store did not answer; our fault, not the client's.
    ReplayStoreUnavailable = 1903,
    /// The host gave a request that cannot be judged: a path alone as its URI, and no origin in the policy.
    RequestInvalid = 1904,
    /// The authorization server did not answer about the token, or not as RFC 7662 §2.2 has it.
    IntrospectionUnavailable = 1905,
    /// The decision waited for an answer that never came.
    DecisionAbandoned = 1906,
    /// The authorization server is asked about so many unknown tokens that this one has to wait for the next second (RFC 6585 §4).
    IntrospectionRateExceeded = 1907,
    /// An internal error of the server.
    InternalError = 1999,
}

impl From<Reason> for countersign_reason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::CredentialMissing => Self::CredentialMissing,
            Reason::SchemeUnsupported => Self::SchemeUnsupported,
            Reason::CredentialRepeated => Self::CredentialRepeated,
            Reason::CredentialTooLarge => Self::CredentialTooLarge,
            Reason::PolicyAmbiguous => Self::PolicyAmbiguous,
            Reason::BodyTooLarge => Self::BodyTooLarge,
            Reason::BodyMalformed => Self::BodyMalformed,
            Reason::TokenMalformed => Self::TokenMalformed,
            Reason::TokenEncoding => Self::TokenEncoding,
            Reason::TokenJson => Self::TokenJson,
            Reason::TypNotAccepted => Self::TypNotAccepted,
            Reason::HeaderCritical => Self::HeaderCritical,
            Reason::ClaimMissing => Self::ClaimMissing,
            Reason::ClaimInvalid => Self::ClaimInvalid,
            Reason::HeaderForbidden => Self::HeaderForbidden,
            Reason::AlgorithmRefused => Self::AlgorithmRefused,
            Reason::TrustDomainUnknown => Self::TrustDomainUnknown,
            Reason::KeyUnknown => Self::KeyUnknown,
            Reason::KeyNotUsable => Self::KeyNotUsable,
            Reason::SignatureInvalid => Self::SignatureInvalid,
            Reason::KeysStale => Self::KeysStale,
            Reason::IssuerUnknown => Self::IssuerUnknown,
            Reason::TokenExpired => Self::TokenExpired,
            Reason::TokenNotYetValid => Self::TokenNotYetValid,
            Reason::AudienceMismatch => Self::AudienceMismatch,
            Reason::SubjectMalformed => Self::SubjectMalformed,
            Reason::LifetimeTooLong => Self::LifetimeTooLong,
            Reason::SubjectRefused => Self::SubjectRefused,
            Reason::ScopeInsufficient => Self::ScopeInsufficient,
            Reason::TokenInactive => Self::TokenInactive,
            Reason::CredentialsUntied => Self::CredentialsUntied,
            Reason::ToolRefused => Self::ToolRefused,
            Reason::IssuerRefused => Self::IssuerRefused,
            Reason::ClaimRefused => Self::ClaimRefused,
            Reason::ProofMissing => Self::ProofMissing,
            Reason::ProofMalformed => Self::ProofMalformed,
            Reason::ProofMethodMismatch => Self::ProofMethodMismatch,
            Reason::ProofUriMismatch => Self::ProofUriMismatch,
            Reason::ProofTokenMismatch => Self::ProofTokenMismatch,
            Reason::ProofKeyMismatch => Self::ProofKeyMismatch,
            Reason::ProofTooOld => Self::ProofTooOld,
            Reason::ProofNotYetValid => Self::ProofNotYetValid,
            Reason::ProofSignatureInvalid => Self::ProofSignatureInvalid,
            Reason::ProofReplayed => Self::ProofReplayed,
            Reason::NonceRequired => Self::NonceRequired,
            Reason::NonceMismatch => Self::NonceMismatch,
            Reason::ProofAlgorithmRefused => Self::ProofAlgorithmRefused,
            Reason::ProofKeyRefused => Self::ProofKeyRefused,
            Reason::ProofRepeated => Self::ProofRepeated,
            Reason::ProofTooLarge => Self::ProofTooLarge,
            Reason::ProofHistoryUnknown => Self::ProofHistoryUnknown,
            Reason::ProofShareExceeded => Self::ProofShareExceeded,
            Reason::CertificateMissing => Self::CertificateMissing,
            Reason::CertificateMismatch => Self::CertificateMismatch,
            Reason::BindingRequired => Self::BindingRequired,
            Reason::BindingUnsupported => Self::BindingUnsupported,
            Reason::BindingAmbiguous => Self::BindingAmbiguous,
            Reason::SchemeMismatch => Self::SchemeMismatch,
            Reason::KeyRevoked => Self::KeyRevoked,
            Reason::SubjectRevoked => Self::SubjectRevoked,
            Reason::TokenRevoked => Self::TokenRevoked,
            Reason::IssuedBeforeCutoff => Self::IssuedBeforeCutoff,
            Reason::RevocationsStale => Self::RevocationsStale,
            Reason::LimitExceeded => Self::LimitExceeded,
            Reason::ReplayStoreFull => Self::ReplayStoreFull,
            Reason::ReplayStoreUnavailable => Self::ReplayStoreUnavailable,
            Reason::RequestInvalid => Self::RequestInvalid,
            Reason::IntrospectionUnavailable => Self::IntrospectionUnavailable,
            Reason::DecisionAbandoned => Self::DecisionAbandoned,
            Reason::IntrospectionRateExceeded => Self::IntrospectionRateExceeded,
            Reason::InternalError => Self::InternalError,
            // A reason of a newer core, which a fresh table does not have.
            _ => Self::InternalError,
        }
    }
}

//! Header rules that hold for every token kind (RFC 7515 §4.1, RFC 7797 §7, RFC 8725 §3).

use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::header::UnverifiedHeader;
use crate::jose::json::{JsonString, Value};
use crate::reason::Reason;
use crate::specs::claims::{Audience, UnverifiedClaims};

/// RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
/// recipient, then the JWS is invalid." We understand none, so any `crit` is invalid, and an empty or malformed one was
/// never valid. RFC 7797 §7: `b64` "MUST NOT be used" in a JWT with the value false, and needs `crit` for any.
///
/// # Errors
/// [`Reason::HeaderCritical`]
pub fn check_critical(header: &UnverifiedHeader<'_>) -> Result<(), Reason> {
    if header.critical { Err(Reason::HeaderCritical) } else { Ok(()) }
}

/// RFC 8725 §3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any other
/// algorithms". `none`, MACs, unknown names, an absent or mistyped `alg` are all outside `allowed`.
///
/// # Errors
/// [`Reason::AlgorithmRefused`]
pub fn check_algorithm(header: &UnverifiedHeader<'_>, allowed: AlgorithmSet) -> Result<Algorithm, Reason> {
    header.algorithm.filter(|algorithm| allowed.contains(*algorithm)).ok_or(Reason::AlgorithmRefused)
}

/// RFC 8725 §3.3: a JWE must be distinguished from a JWS: `enc` makes one (RFC 7516 §9), and `zip` is defined for a JWE alone, so a payload
/// that claims to be compressed is not read as if it were not (specs: JWS-13). RFC 7519 §5.2: nesting is announced by `cty`, and "the value
/// of this Header Parameter MUST be 'JWT'". The engine reads none of these.
///
/// Any other `cty` is for the application (RFC 7515 §4.1.10: "ignored by JWS implementations").
///
/// # Errors
/// [`Reason::HeaderForbidden`]
pub fn check_nested(header: &UnverifiedHeader<'_>) -> Result<(), Reason> {
    if header.nested { Err(Reason::HeaderForbidden) } else { Ok(()) }
}

/// RFC 7519 §5.3: for claims replicated in the header, "the application receiving them SHOULD verify that their values are
/// identical". We do, and otherwise do not use them.
///
/// # Errors
/// [`Reason::HeaderForbidden`] for a replica that differs.
pub fn check_replicated(header: &UnverifiedHeader<'_>, claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
    let differs = |replica: Option<Value<'_>>, claim: Option<JsonString<'_>>| {
        replica.is_some_and(|replica| claim.is_none() || replica.as_string() != claim)
    };
    // One audience may be written as a string or as an array (RFC 7519 §4.1.3); several are identical in one order only.
    let audience_differs = header.audience.is_some_and(|replica| match (Audience::read(replica), claims.audience) {
        (Ok(replica), Some(claim)) => !replica.values().eq(claim.values()),
        _ => true,
    });
    if audience_differs || differs(header.issuer, claims.issuer) || differs(header.subject, claims.subject) {
        return Err(Reason::HeaderForbidden);
    }
    Ok(())
}

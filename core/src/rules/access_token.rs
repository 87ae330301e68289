//! JWT access tokens (RFC 9068).
//!
//! Does not check: `auth_time`, `acr`, `amr`, roles and groups (§2.2.1, §2.2.3.1), which are the application's.

use crate::jose::claims::UnverifiedClaims;
use crate::reason::Reason;

/// §2.2: `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are REQUIRED. The rule binds the issuer; a token
/// without one of them did not come from an issuer of this kind, so it is refused (specs: AT-6).
///
/// §4: `typ` was checked when the kind was resolved; `iss` chooses the keys by exact comparison.
///
/// # Errors
/// [`Reason::ClaimMissing`]
pub fn check_claims(claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
    let all = claims.issuer.is_some()
        && claims.expires_at.is_some()
        && claims.audience.is_some()
        && claims.subject.is_some()
        && claims.client_id.is_some()
        && claims.issued_at.is_some()
        && claims.token_id.is_some();
    if all { Ok(()) } else { Err(Reason::ClaimMissing) }
}

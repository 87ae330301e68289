//! A plain JWT of a pinned issuer (RFC 7519), for servers that type their access tokens `JWT` or not at all.
//!
//! Such a token cannot be told from an ID token by its form (RFC 8725 §3.11 calls that risk): the audience must tell.
//! Does not check: `jti`, `client_id`, or any claim that RFC 7519 leaves to the application.

use crate::jose::claims::UnverifiedClaims;
use crate::reason::Reason;

/// RFC 7519 makes no claim mandatory; a service that keys on the issuer and pins an audience needs `iss`, `aud` and `exp`.
///
/// # Errors
/// [`Reason::ClaimMissing`]
pub fn check_claims(claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
    if claims.issuer.is_none() || claims.audience.is_none() || claims.expires_at.is_none() {
        return Err(Reason::ClaimMissing);
    }
    Ok(())
}

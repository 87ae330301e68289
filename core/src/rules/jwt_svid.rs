//! JWT-SVID (SPIFFE JWT-SVID, sections 2 to 6).
//!
//! Does not check: who may call what (`subjects` of the policy does), `jti` (§7.1 asks for no tracking), `iss` (§3 does
//! not define it; keys never come from it).

use crate::jose::claims::UnverifiedClaims;
use crate::jose::header::UnverifiedHeader;
use crate::reason::Reason;
use crate::spiffe_id::SpiffeId;

/// §2: "the following are the only […] header parameters" that a JWT-SVID carries: `alg`, `kid`, `typ`. A validator is
/// told nothing, so: parameters that name another key or describe another payload are refused always, unknown ones
/// unless `ignore_unknown` (specs: D3).
///
/// §2.1 (algorithms) and §2.3 (`typ`) were checked when the kind was resolved.
///
/// # Errors
/// [`Reason::HeaderForbidden`]
pub fn check_header(header: &UnverifiedHeader<'_>, ignore_unknown: bool) -> Result<(), Reason> {
    if header.names_key || header.describes_payload || (header.has_extra_parameters() && !ignore_unknown) {
        return Err(Reason::HeaderForbidden);
    }
    Ok(())
}

/// §3.1 to §3.3: `sub`, `aud` and `exp` must be there.
///
/// # Errors
/// [`Reason::ClaimMissing`]
pub fn check_claims(claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
    if claims.subject.is_none() || claims.audience.is_none() || claims.expires_at.is_none() {
        return Err(Reason::ClaimMissing);
    }
    Ok(())
}

/// §3.1: "The `sub` claim MUST be set to the SPIFFE ID of the workload". The trust domain in it chooses the bundle, and
/// nothing else does (§4, specs: BND-1). The ID must have a path: without one it names the domain, not a workload.
///
/// # Errors
/// [`Reason::SubjectMalformed`]
pub fn spiffe_id(subject: &str) -> Result<SpiffeId<'_>, Reason> {
    SpiffeId::parse(subject).ok().filter(|id| !id.path().is_empty()).ok_or(Reason::SubjectMalformed)
}

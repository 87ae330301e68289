//! JWT-SVID (SPIFFE JWT-SVID, sections 2 to 6).
//!
//! Does not check: who may call what (`subjects` of the policy does), `jti` (§7.1 asks for no tracking), `iss` (§3 does
//! not define it; keys never come from it).

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::reason::Reason;
use crate::specs::claims::{Claim, ClaimSet};
use crate::specs::profile::{Keys, Latitude, Place, Profile, ProfileSettings};
use crate::spiffe_id::SpiffeId;

pub(crate) const PROFILE: Profile = Profile {
    name: "jwt-svid",
    title: "JWT-SVID",
    // §2.3: "If set, its value MUST be either JWT or JOSE".
    types: &[Typ::Absent, Typ::Jwt, Typ::Jose],
    // §2.1
    algorithms: AlgorithmSet::JWT_SVID,
    keys: Keys::SubjectTrustDomain,
    place: Place::Anywhere,
    // §3.1 to §3.3
    required: ClaimSet::of(&[Claim::Subject, Claim::Audience, Claim::ExpiresAt]),
    // §3 defines no scope.
    may_lack: ClaimSet::of(&[]),
    scope_is_text: false,
    kept: ClaimSet::of(&[Claim::Issuer, Claim::Subject, Claim::ClientId, Claim::TokenId, Claim::Actor]),
    check_header,
    check_claims: |_| Ok(()),
    latitude: |settings| Latitude {
        // SPIFFE's own validators demand `kid` (specs: D2).
        single_candidate_key: settings.jwt_svid.single_candidate_key,
        unknown_headers: settings.jwt_svid.ignore_unknown_headers,
    },
    rules: "JSV",
};

/// What a policy says of JWT-SVIDs beyond their specification.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// A token without `kid` may be verified by the only key that fits (specs: D2).
    pub(crate) single_candidate_key: bool,
    /// Unknown header parameters are ignored (specs: D3).
    pub(crate) ignore_unknown_headers: bool,
}

/// §2: "the following are the only […] header parameters" that a JWT-SVID carries: `alg`, `kid`, `typ`. A validator is
/// told nothing, so: parameters that name another key or describe another payload are refused always, unknown ones
/// unless the policy ignores them (specs: D3).
fn check_header(header: &UnverifiedHeader<'_>, settings: &ProfileSettings) -> Result<(), Reason> {
    let ignore_unknown = settings.jwt_svid.ignore_unknown_headers;
    if header.names_key || header.describes_payload || (header.has_extra_parameters() && !ignore_unknown) {
        return Err(Reason::HeaderForbidden);
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

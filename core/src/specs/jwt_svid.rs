//! JWT-SVID (SPIFFE JWT-SVID, sections 2 to 6).
//!
//! Does not check: who may call what (`subjects` of the policy does), `jti` (§7.1 asks for no tracking), `iss` (§3 does
//! not define it; keys never come from it).

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::{Typ, UnverifiedHeader};
use crate::reason::Reason;
use crate::specs::claims::{Claim, ClaimSet};
use crate::specs::row::{Keys, Latitude, Place, Profile};
use crate::specs::settings::ProfileSettings;

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

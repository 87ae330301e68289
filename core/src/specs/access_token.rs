//! JWT access tokens (RFC 9068).
//!
//! Does not check: `auth_time`, `acr`, `amr`, roles and groups (§2.2.1, §2.2.3.1), which are the application's.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Typ;
use crate::specs::claims::{Claim, ClaimSet};
use crate::specs::row::{Keys, Latitude, Place, Profile};

pub(crate) const PROFILE: Profile = Profile {
    name: "at+jwt",
    title: "access token (RFC 9068)",
    // §4: "The resource server MUST verify that the 'typ' header value is 'at+jwt' or 'application/at+jwt'".
    types: &[Typ::AtJwt],
    algorithms: AlgorithmSet::ALL,
    // §4: "The issuer identifier for the authorization server […] MUST exactly match the value of the iss claim."
    keys: Keys::Issuer,
    place: Place::Anywhere,
    // §2.2: all REQUIRED. The rule binds the issuer; a token without one of them did not come from an issuer of this kind, so it is
    // refused (specs: AT-6).
    required: ClaimSet::of(&[
        Claim::Issuer,
        Claim::ExpiresAt,
        Claim::Audience,
        Claim::Subject,
        Claim::ClientId,
        Claim::IssuedAt,
        Claim::TokenId,
    ]),
    may_lack: ClaimSet::of(&[Claim::Audience, Claim::Subject, Claim::ClientId, Claim::IssuedAt, Claim::TokenId]),
    scope_is_text: true,
    kept: ClaimSet::of(&[Claim::Issuer, Claim::Subject, Claim::Scope, Claim::ClientId, Claim::TokenId, Claim::Actor]),
    check_header: |_, _| Ok(()),
    check_claims: |_| Ok(()),
    latitude: |_| Latitude::JOSE,
    rules: "AT",
};

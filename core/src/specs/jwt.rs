//! A plain JWT of a pinned issuer (RFC 7519), for servers that type their access tokens `JWT` or not at all.
//!
//! Such a token cannot be distinguished from an ID token by its form (RFC 8725 §3.11 calls that risk), only by its audience.
//! Does not check: `jti`, `client_id`, or any claim that RFC 7519 leaves to the application.

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::header::Typ;
use crate::specs::claims::{Claim, ClaimSet};
use crate::specs::row::{Keys, Latitude, Place, Profile};

pub(crate) const PROFILE: Profile = Profile {
    name: "jwt",
    title: "JWT",
    types: &[Typ::Absent, Typ::Jwt],
    algorithms: AlgorithmSet::ALL,
    keys: Keys::Issuer,
    place: Place::Anywhere,
    // RFC 7519 makes no claim mandatory; a service that keys on the issuer and pins an audience needs these.
    required: ClaimSet::of(&[Claim::Issuer, Claim::Audience, Claim::ExpiresAt]),
    may_lack: ClaimSet::of(&[Claim::Audience]),
    scope_is_text: false,
    kept: ClaimSet::of(&[Claim::Issuer, Claim::Subject, Claim::Scope, Claim::ClientId, Claim::TokenId, Claim::Actor]),
    check_header: |_, _| Ok(()),
    check_claims: |_| Ok(()),
    latitude: |_| Latitude::JOSE,
    rules: "JWT",
};

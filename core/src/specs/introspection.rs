//! Token introspection (RFC 7662): what an authorization server answers about a token that only it can read.
//!
//! Does not check: the connection to the server, its status and media type, or the credentials of the caller (§2.1, §4), which are the
//! host's; that the answer is about this token, which §2.2 gives no means for. RFC 9701 (signed answers) is not read.

use crate::document::DocumentKind;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::{NameTable, Value};
use crate::reason::Reason;
use crate::specs::claims::{Claim, ClaimSet, UnverifiedClaims};
use crate::specs::row::{Keys, Latitude, Place, Profile};
use crate::time::UnixSeconds;

pub(crate) const PROFILE: Profile = Profile {
    name: "introspected",
    title: "introspected token",
    types: &[],
    algorithms: AlgorithmSet::ALL,
    keys: Keys::Answer,
    place: Place::Anywhere,
    // §2.2 leaves all but `active` optional. Without `aud` a token for any other service would pass (specs: IN-2).
    required: ClaimSet::of(&[Claim::Audience]),
    may_lack: ClaimSet::of(&[Claim::Audience]),
    scope_is_text: true,
    kept: ClaimSet::of(&[Claim::Issuer, Claim::Subject, Claim::Scope, Claim::ClientId, Claim::TokenId, Claim::Actor]),
    check_header: |_, _| Ok(()),
    check_claims: |_| Ok(()),
    latitude: |_| Latitude::JOSE,
    rules: "IN",
};

/// How long an answer without `exp` is good at least, in seconds.
const WITHOUT_EXPIRY_SECONDS: u64 = 60;

/// Reads an answer: the claims of an active token.
///
/// §2.2: "active REQUIRED. Boolean indicator of whether or not the presented token is currently active." Only the boolean `true` is; with
/// `false`, all else is ignored.
///
/// Also gives until when it may be used for other requests.
///
/// # Errors
/// [`Reason::TokenInactive`]; [`Reason::IntrospectionUnavailable`] for a body that is not an answer; otherwise those of
/// [`UnverifiedClaims::parse`].
pub(crate) fn read<'a>(
    answer: &'a [u8],
    issuer: &str,
    names: &mut NameTable,
    now: UnixSeconds,
    cache_seconds: u64,
) -> Result<(UnverifiedClaims<'a>, UnixSeconds), Reason> {
    let root = DocumentKind::Introspection.parse(answer).map_err(|_| Reason::IntrospectionUnavailable)?;
    let root = root.as_object().ok_or(Reason::IntrospectionUnavailable)?;
    match root.member("active") {
        Some(Value::Bool(true)) => {}
        // An `active` of another type is no promise (specs: IN-1).
        Some(_) => return Err(Reason::TokenInactive),
        None => return Err(Reason::IntrospectionUnavailable),
    }
    let mut claims = UnverifiedClaims::parse(answer, names)?;
    // The server that was asked is the issuer that the policy names; an answer that names another one is not about its token.
    if claims.issuer.is_some_and(|named| !named.is(issuer)) {
        return Err(Reason::IssuerUnknown);
    }
    // §2.2: `exp` is optional. Without it the answer is good for as long as it may be cached, and for the decision that asked, which may
    // wait for the body of the request.
    let without_expiry = now.plus(cache_seconds.max(WITHOUT_EXPIRY_SECONDS));
    claims.expires_at = Some(claims.expires_at.unwrap_or(without_expiry));
    Ok((claims, now.plus(cache_seconds)))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn an_answer_of_8_mib_is_read_and_no_longer_one() {
        let answer = |bytes: usize| {
            let (head, tail) = (r#"{"active":true,"aud":"a","more":""#, "\"}");
            format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
        };
        let read = |text: &str| {
            let read = read(text.as_bytes(), "https://as.example", &mut NameTable::new(1), UnixSeconds::new(1), 0);
            read.map(|_| ()).err()
        };
        assert_eq!(read(&answer(8 << 20)), None);
        assert_eq!(read(&answer((8 << 20) + 1)), Some(Reason::IntrospectionUnavailable));
    }
}

//! When a token is valid (RFC 7519 §4.1.4 to §4.1.6) and for whom (§4.1.3). Runs on every request, cached or not.

use alloc::boxed::Box;

use crate::reason::Reason;
use crate::record::VerifiedToken;
use crate::time::UnixSeconds;

/// §4.1.4: "the current date/time MUST be before the expiration date/time"; §4.1.5: "MUST be after or equal to the
/// not-before date/time"; both with `leeway_seconds` for skewed clocks. An `iat` further in the future than that is a
/// token that does not exist yet (specs: JSV-9).
///
/// # Errors
/// [`Reason::TokenExpired`], [`Reason::TokenNotYetValid`]
pub fn check_time(verified: &VerifiedToken<'_>, now: UnixSeconds, leeway_seconds: u64) -> Result<(), Reason> {
    if now >= verified.expires_at.plus(leeway_seconds) {
        return Err(Reason::TokenExpired);
    }
    let latest_start = now.plus(leeway_seconds);
    if verified.not_before.is_some_and(|at| at > latest_start) || verified.issued_at.is_some_and(|at| at > latest_start)
    {
        return Err(Reason::TokenNotYetValid);
    }
    Ok(())
}

/// The policy's cap on a token's life: from `iat` to `exp`, or from now where the token has no `iat` (specs: JSV-16).
///
/// # Errors
/// [`Reason::LifetimeTooLong`]
pub fn check_lifetime(
    verified: &VerifiedToken<'_>,
    now: UnixSeconds,
    max_lifetime_seconds: Option<u64>,
) -> Result<(), Reason> {
    let start = verified.issued_at.unwrap_or(now);
    match max_lifetime_seconds {
        Some(most) if verified.expires_at > start.plus(most) => Err(Reason::LifetimeTooLong),
        _ => Ok(()),
    }
}

/// §4.1.3: "Each principal intended to process the JWT MUST identify itself with a value in the audience claim." Exact
/// comparison, byte for byte; no prefix, no folding (RFC 8707: specs RI-3).
///
/// # Errors
/// [`Reason::AudienceMismatch`]
#[cfg_attr(feature = "fast", inline(always))]
pub fn check_audience(verified: &VerifiedToken<'_>, ours: &[Box<str>]) -> Result<(), Reason> {
    let is_ours = |value: &[u8]| ours.iter().any(|own| own.as_bytes() == value);
    if verified.audience_bytes().any(is_ours) { Ok(()) } else { Err(Reason::AudienceMismatch) }
}

/// RFC 6750 §3.1: "The request requires higher privileges than provided by the access token." Scope is one
/// space-separated string (RFC 8693 §4.2); every required word must be one of its words.
///
/// # Errors
/// [`Reason::ScopeInsufficient`]
#[cfg_attr(feature = "fast", inline(always))]
pub fn check_scope(verified: &VerifiedToken<'_>, demanded: &[Box<str>]) -> Result<(), Reason> {
    if demanded.is_empty() {
        return Ok(());
    }
    let granted = verified.scope_bytes();
    if demanded.iter().all(|word| grants(granted, word)) { Ok(()) } else { Err(Reason::ScopeInsufficient) }
}

/// Whether `word` is one of the words of `granted`, which have spaces between them.
#[cfg_attr(feature = "fast", inline(always))]
pub fn grants(granted: &[u8], word: &str) -> bool {
    granted.split(|byte| *byte == b' ').any(|grant| grant == word.as_bytes())
}

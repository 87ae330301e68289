//! SPIFFE IDs and trust domain names (SPIFFE-ID §2).
//!
//! Nothing is folded, decoded or repaired: what parses is compared byte for byte (§2.4 would let the scheme and the trust
//! domain ignore case, §2.1 demands lower case; we refuse upper case, so both hold).

use core::fmt;
use core::str;

use crate::limits;

/// A valid SPIFFE ID, borrowed (SPIFFE-ID §2).
///
/// Does not say that anyone proved to own it, nor that it has a path: whether an ID without one, which names the trust
/// domain itself, is acceptable is the caller's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId<'a> {
    /// The whole ID.
    text: &'a str,
    /// Where the path starts: the index of the slash after the trust domain, or `text.len()`.
    path_start: usize,
}

impl<'a> SpiffeId<'a> {
    /// Parses a SPIFFE ID of at most [`MAX_ID_BYTES`] bytes.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &'a str) -> Result<Self, SpiffeIdError> {
        let path_start = path_start(text.as_bytes())?;
        Ok(Self { text, path_start })
    }

    /// The ID as it was given.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The trust domain that the ID belongs to (SPIFFE-ID §2.1).
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain<'a> {
        TrustDomain { name: self.text.get(SCHEME.len()..self.path_start).unwrap_or_default() }
    }

    /// The path with its leading slash, or nothing (SPIFFE-ID §2.2).
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.text.get(self.path_start..).unwrap_or_default()
    }

    /// The segments of the path, none of them empty; none at all when there is no path.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.path().split('/').skip(1)
    }
}

impl fmt::Display for SpiffeId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// A valid trust domain name, without the scheme (SPIFFE-ID §2.1).
///
/// Not an address: `1.2.3.4`, `-` and `td.` are names like any other, and `td.` is not `td`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain<'a> {
    /// 1 to [`MAX_TRUST_DOMAIN_BYTES`] bytes of `[a-z0-9._-]`.
    name: &'a str,
}

impl<'a> TrustDomain<'a> {
    /// Parses a bare name such as `example.org`; `spiffe://example.org` is not one.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn parse(name: &'a str) -> Result<Self, SpiffeIdError> {
        check_trust_domain(name.as_bytes())?;
        Ok(Self { name })
    }

    /// The name, such as `example.org`.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.name
    }
}

impl fmt::Display for TrustDomain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Which rule of SPIFFE-ID §2 a text breaks first, read from the left after its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpiffeIdError {
    /// More than [`MAX_ID_BYTES`] bytes (§2.3).
    TooLong,
    /// Does not start with `spiffe://`, in lower case (§2).
    Scheme,
    /// No trust domain (§2.1).
    TrustDomainEmpty,
    /// A trust domain of more than [`MAX_TRUST_DOMAIN_BYTES`] bytes (§2.3).
    TrustDomainTooLong,
    /// A trust domain with a character outside `[a-z0-9._-]` (§2.1).
    TrustDomainCharacter,
    /// An `@` where the trust domain should be (§2.1).
    Userinfo,
    /// A `:` where the trust domain should be (§2.1).
    Port,
    /// A `?`, even if nothing follows (§2).
    Query,
    /// A `#`, even if nothing follows (§2).
    Fragment,
    /// A path with a character outside `[A-Za-z0-9._-]` and `/` (§2.2).
    PathCharacter,
    /// An empty segment inside the path (§2.2).
    PathSegmentEmpty,
    /// A segment `.` or `..` (§2.2).
    PathSegmentDots,
    /// A slash at the end (§2.2).
    PathTrailingSlash,
}

impl fmt::Display for SpiffeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a SPIFFE ID has at most 2048 bytes",
            Self::Scheme => "a SPIFFE ID starts with spiffe:// in lower case",
            Self::TrustDomainEmpty => "the trust domain is empty",
            Self::TrustDomainTooLong => "a trust domain has at most 255 bytes",
            Self::TrustDomainCharacter => "a trust domain holds only a-z 0-9 . _ -",
            Self::Userinfo => "a SPIFFE ID has no userinfo",
            Self::Port => "a SPIFFE ID has no port",
            Self::Query => "a SPIFFE ID has no query",
            Self::Fragment => "a SPIFFE ID has no fragment",
            Self::PathCharacter => "a SPIFFE path holds only A-Z a-z 0-9 . _ - and slashes",
            Self::PathSegmentEmpty => "a SPIFFE path has no empty segment",
            Self::PathSegmentDots => "a SPIFFE path has no segment . or ..",
            Self::PathTrailingSlash => "a SPIFFE ID does not end with a slash",
        })
    }
}

impl core::error::Error for SpiffeIdError {}

/// Checks the whole ID and returns the index at which its path starts.
fn path_start(text: &[u8]) -> Result<usize, SpiffeIdError> {
    if text.len() > MAX_ID_BYTES {
        return Err(SpiffeIdError::TooLong);
    }
    let rest = text.strip_prefix(SCHEME.as_bytes()).ok_or(SpiffeIdError::Scheme)?;
    let mut parts = rest.split(|byte| *byte == b'/').peekable();
    let trust_domain = parts.next().unwrap_or_default();
    check_trust_domain(trust_domain)?;
    while let Some(segment) = parts.next() {
        if segment.is_empty() && parts.peek().is_none() {
            return Err(SpiffeIdError::PathTrailingSlash);
        }
        check_path_segment(segment)?;
    }
    Ok(SCHEME.len() + trust_domain.len())
}

/// SPIFFE-ID §2.1: `[a-z0-9._-]`, not empty. No IP or DNS syntax is looked for.
pub(crate) fn check_trust_domain(name: &[u8]) -> Result<(), SpiffeIdError> {
    if name.is_empty() {
        return Err(SpiffeIdError::TrustDomainEmpty);
    }
    for byte in name {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {}
            b'@' => return Err(SpiffeIdError::Userinfo),
            b':' => return Err(SpiffeIdError::Port),
            b'?' => return Err(SpiffeIdError::Query),
            b'#' => return Err(SpiffeIdError::Fragment),
            _ => return Err(SpiffeIdError::TrustDomainCharacter),
        }
    }
    if name.len() > MAX_TRUST_DOMAIN_BYTES {
        return Err(SpiffeIdError::TrustDomainTooLong);
    }
    Ok(())
}

/// SPIFFE-ID §2.2: `[A-Za-z0-9._-]`, not empty, neither `.` nor `..`.
pub(crate) fn check_path_segment(segment: &[u8]) -> Result<(), SpiffeIdError> {
    match segment {
        b"" => return Err(SpiffeIdError::PathSegmentEmpty),
        b"." | b".." => return Err(SpiffeIdError::PathSegmentDots),
        _ => {}
    }
    for byte in segment {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {}
            b'?' => return Err(SpiffeIdError::Query),
            b'#' => return Err(SpiffeIdError::Fragment),
            _ => return Err(SpiffeIdError::PathCharacter),
        }
    }
    Ok(())
}

/// The longest SPIFFE ID.
pub const MAX_ID_BYTES: usize = limits::SPIFFE_ID_BYTES;

/// The longest trust domain name.
pub const MAX_TRUST_DOMAIN_BYTES: usize = limits::TRUST_DOMAIN_BYTES;

pub(crate) const SCHEME: &str = "spiffe://";

/// How a text begins that claims to be a SPIFFE ID, whether it is one or not: only the keys of a trust domain may sign it.
pub const PREFIX: &str = "spiffe:";

/// Whether a text begins as [`PREFIX`] does, in any case: a reader that follows RFC 3986 §3.1, where the scheme of a URI ignores case,
/// takes `SPIFFE://…` for a SPIFFE ID. [`SpiffeId::parse`] does not.
#[must_use]
pub fn resembles_one(mut text: impl Iterator<Item = char>) -> bool {
    PREFIX.chars().all(|expected| text.next().is_some_and(|found| found.eq_ignore_ascii_case(&expected)))
}

#[cfg(test)]
mod tests;

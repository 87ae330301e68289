//! Subject patterns of a policy: whole segments, byte for byte.

use alloc::boxed::Box;
use core::fmt;

use crate::limits;
use crate::spiffe_id::{self, SpiffeIdError};

/// A pattern for `sub`, made of segments between slashes.
///
/// `*` is exactly one segment and a trailing `/**` is one or more further segments, none of them empty; every other segment
/// stands for itself, byte for byte. A pattern that starts with `spiffe://` names its trust domain and matches SPIFFE IDs
/// only. Does not decode, fold or normalise anything, and does not tell who vouches for the subject.
///
/// ```
/// # use countersign::subject_pattern::SubjectPattern;
/// let pattern = SubjectPattern::parse("spiffe://example.org/ns/*/sa/web")?;
/// assert!(pattern.matches("spiffe://example.org/ns/prod/sa/web"));
/// assert!(!pattern.matches("spiffe://example.org/ns/prod/eu/sa/web"));
/// # Ok::<(), countersign::subject_pattern::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectPattern {
    text: Box<str>,
    /// The pattern without a trailing `/**` is the first `head_len` bytes of `text`.
    head_len: usize,
    /// No `*` anywhere, so matching is equality.
    literal: bool,
    spiffe: bool,
}

impl SubjectPattern {
    /// Reads a pattern of a policy. Allocates once.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        let spiffe = text.starts_with(spiffe_id::SCHEME);
        // `Spiffe://…` can match no SPIFFE ID, and whoever wrote it meant one.
        let cased_scheme = text.get(..spiffe_id::SCHEME.len());
        if !spiffe && cased_scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(spiffe_id::SCHEME)) {
            return Err(PatternError::Spiffe(SpiffeIdError::Scheme));
        }
        // The scheme of a URI is never a wildcard; `*//td/**` would be a way around the literal trust domain.
        if text.starts_with("*//") {
            return Err(PatternError::SchemeWildcard);
        }
        if text == "**" {
            return Err(PatternError::DoubleStarAlone);
        }
        let head = text.strip_suffix("/**").unwrap_or(text);
        for segment in head.split('/') {
            match segment {
                "*" => {}
                "**" => return Err(PatternError::DoubleStarNotLast),
                _ if segment.contains('*') => return Err(PatternError::StarInsideSegment),
                _ => {}
            }
        }
        if spiffe {
            check_spiffe(head, head.len() < text.len())?;
        }
        Ok(Self { text: text.into(), head_len: head.len(), literal: !text.contains('*'), spiffe })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether the pattern stands for `subject`. Linear in the subject, allocates nothing.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        self.matches_bytes(subject.as_bytes())
    }

    pub(crate) fn matches_bytes(&self, subject: &[u8]) -> bool {
        if self.literal {
            return self.text.as_bytes() == subject;
        }
        if self.spiffe && subject.len() > spiffe_id::MAX_ID_BYTES {
            return false;
        }
        let head = self.text.as_bytes().get(..self.head_len).unwrap_or_default();
        let mut segments = subject.split(|byte| *byte == b'/');
        for wanted in head.split(|byte| *byte == b'/') {
            let Some(segment) = segments.next() else {
                return false;
            };
            let taken = if wanted == b"*" { self.wildcard_takes(segment) } else { wanted == segment };
            if !taken {
                return false;
            }
        }
        let further = self.head_len < self.text.len();
        match segments.next() {
            None => !further,
            Some(first) => {
                further && self.wildcard_takes(first) && segments.all(|segment| self.wildcard_takes(segment))
            }
        }
    }

    /// Literal segments of a SPIFFE pattern were checked when it was read; what a wildcard takes is checked here, so a
    /// SPIFFE pattern matches nothing that is not a SPIFFE ID.
    fn wildcard_takes(&self, segment: &[u8]) -> bool {
        if self.spiffe { spiffe_id::check_path_segment(segment).is_ok() } else { !segment.is_empty() }
    }
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a subject pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatternError {
    /// Nothing was written; an empty pattern would never be meant.
    Empty,
    /// More than [`MAX_PATTERN_BYTES`] bytes.
    TooLong,
    /// A `*` beside other characters of its segment.
    StarInsideSegment,
    /// A segment `**` before the end.
    DoubleStarNotLast,
    /// Only `**`: it would stand for everyone.
    DoubleStarAlone,
    /// A `*` where the scheme of a URI would be.
    SchemeWildcard,
    /// A `*` or `**` where the trust domain of a SPIFFE ID must be named.
    TrustDomainWildcard,
    /// Starts with `spiffe://`, yet can match no SPIFFE ID.
    Spiffe(SpiffeIdError),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a subject pattern is not empty",
            Self::TooLong => "a subject pattern has at most 2048 bytes",
            Self::StarInsideSegment => "a * stands for one whole segment and cannot be a part of one",
            Self::DoubleStarNotLast => "** can only be the last segment",
            Self::DoubleStarAlone => "** needs something before it",
            Self::SchemeWildcard => "a * cannot stand for a scheme",
            Self::TrustDomainWildcard => "a SPIFFE pattern names its trust domain, a * cannot stand for it",
            Self::Spiffe(fault) => return fault.fmt(f),
        })
    }
}

impl core::error::Error for PatternError {}

/// `head` starts with `spiffe://` and every `*` in it is a whole segment; `further` tells of a trailing `/**`.
fn check_spiffe(head: &str, further: bool) -> Result<(), PatternError> {
    // `spiffe://**` ends in `/**` too, and then the head has lost a slash of the scheme.
    let Some(rest) = head.strip_prefix(spiffe_id::SCHEME) else {
        return Err(PatternError::TrustDomainWildcard);
    };
    let mut parts = rest.split('/').peekable();
    let trust_domain = parts.next().unwrap_or_default();
    if trust_domain == "*" {
        return Err(PatternError::TrustDomainWildcard);
    }
    spiffe_id::check_trust_domain(trust_domain.as_bytes()).map_err(PatternError::Spiffe)?;
    while let Some(segment) = parts.next() {
        if segment.is_empty() && parts.peek().is_none() && !further {
            return Err(PatternError::Spiffe(SpiffeIdError::PathTrailingSlash));
        }
        if segment != "*" {
            spiffe_id::check_path_segment(segment.as_bytes()).map_err(PatternError::Spiffe)?;
        }
    }
    Ok(())
}

/// The longest pattern.
pub const MAX_PATTERN_BYTES: usize = limits::SUBJECT_PATTERN_BYTES;

#[cfg(test)]
mod tests;

//! Subject patterns of a policy: whole segments, byte for byte.

use alloc::boxed::Box;
use core::fmt;

use crate::limits;
use crate::spiffe_id::{self, SpiffeIdError};

/// A pattern for `sub` or another claim, made of segments between slashes, or between another separator of the policy's choice.
///
/// `*` is exactly one segment and a trailing `/**` is one or more further segments, none of them empty; every other segment
/// matches itself, byte for byte. A pattern that starts with `spiffe://` names its trust domain and matches SPIFFE IDs
/// only. Does not decode, fold or normalise anything, and does not check whose key signed the subject.
///
/// ```
/// # use countersign::SubjectPattern;
/// let pattern = SubjectPattern::parse("spiffe://example.org/ns/*/sa/web")?;
/// assert!(pattern.matches("spiffe://example.org/ns/prod/sa/web"));
/// assert!(!pattern.matches("spiffe://example.org/ns/prod/eu/sa/web"));
/// # Ok::<(), countersign::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectPattern {
    text: Box<str>,
    /// The pattern without a trailing `/**` is the first `head_len` bytes of `text`.
    head_len: usize,
    /// The segments before the first `*`, with the separator behind each, are the first `fixed_len` bytes of `text`.
    fixed_len: usize,
    /// No `*` anywhere, so matching is equality.
    literal: bool,
    spiffe: bool,
    separator: u8,
}

impl SubjectPattern {
    /// Parses a pattern whose segments are between slashes. Allocates once.
    ///
    /// # Errors
    /// The first rule that the pattern breaks.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::parse_with(text, SLASH)
    }

    /// The same with another separator, for texts such as `system:serviceaccount:prod:web`.
    ///
    /// Such a pattern matches nothing that begins with `spiffe:`, in any case: those are patterns with slashes, which name their trust domain.
    ///
    /// # Errors
    /// [`PatternError::Separator`] for a character that cannot separate segments, else as [`parse`](Self::parse).
    pub fn parse_with(text: &str, separator: char) -> Result<Self, PatternError> {
        if !is_separator(separator) {
            return Err(PatternError::Separator);
        }
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        if separator != SLASH && begins_as_spiffe_id(text.as_bytes()) {
            return Err(PatternError::SpiffeSeparator);
        }
        let spiffe = text.starts_with(spiffe_id::SCHEME);
        // `Spiffe://…` can match no SPIFFE ID, although its author meant one.
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
        let head = text.strip_suffix("**").and_then(|head| head.strip_suffix(separator)).unwrap_or(text);
        for segment in head.split(separator) {
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
        let wild = head.split(separator).position(|segment| segment == "*");
        let fixed =
            wild.map_or(head.len(), |wild| head.split(separator).take(wild).map(|segment| segment.len() + 1).sum());
        Ok(Self {
            text: text.into(),
            head_len: head.len(),
            fixed_len: fixed,
            literal: !text.contains('*'),
            spiffe,
            separator: u8::try_from(separator).map_err(|_| PatternError::Separator)?,
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches `subject`. Linear in the subject, allocates nothing.
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
        if self.separator != b'/' && begins_as_spiffe_id(subject) {
            return false;
        }
        let head = self.text.as_bytes().get(..self.head_len).unwrap_or_default();
        let (fixed, head) = head.split_at_checked(self.fixed_len).unwrap_or_default();
        let Some(rest) = subject.strip_prefix(fixed) else { return false };
        let mut segments = rest.split(|byte| *byte == self.separator);
        for wanted in head.split(|byte| *byte == self.separator) {
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
    /// Only `**`: it would match every subject.
    DoubleStarAlone,
    /// A `*` where the scheme of a URI would be.
    SchemeWildcard,
    /// A `*` or `**` where the trust domain of a SPIFFE ID must be named.
    TrustDomainWildcard,
    /// A separator that is no ASCII punctuation character, or `*`.
    Separator,
    /// Begins as a SPIFFE ID, whose segments are between slashes, with another separator.
    SpiffeSeparator,
    /// Starts with `spiffe://`, yet can match no SPIFFE ID.
    Spiffe(SpiffeIdError),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a subject pattern is not empty",
            Self::TooLong => "a subject pattern has at most 2048 bytes",
            Self::StarInsideSegment => "a * matches one whole segment and cannot be a part of one",
            Self::DoubleStarNotLast => "** can only be the last segment",
            Self::DoubleStarAlone => "** needs something before it",
            Self::SchemeWildcard => "a * cannot match a scheme",
            Self::TrustDomainWildcard => "a SPIFFE pattern names its trust domain, a * cannot match it",
            Self::Separator => "a separator is one ASCII punctuation character that is not *",
            Self::SpiffeSeparator => "a SPIFFE pattern has slashes between its segments, and no other separator",
            Self::Spiffe(fault) => return fault.fmt(f),
        })
    }
}

impl core::error::Error for PatternError {}

/// `head` starts with `spiffe://` and every `*` in it is a whole segment; `further` is true for a trailing `/**`.
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

/// The separator of a pattern that names no other.
pub const SLASH: char = '/';

/// Whether a policy may choose the character as separator of segments.
#[must_use]
pub const fn is_separator(character: char) -> bool {
    character.is_ascii_punctuation() && character != '*'
}

fn begins_as_spiffe_id(text: &[u8]) -> bool {
    text.get(..SPIFFE.len()).is_some_and(|start| start.eq_ignore_ascii_case(SPIFFE))
}

const SPIFFE: &[u8] = b"spiffe:";

/// The longest pattern.
pub const MAX_PATTERN_BYTES: usize = limits::SUBJECT_PATTERN_BYTES;

#[cfg(test)]
mod tests;

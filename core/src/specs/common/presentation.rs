//! How a token is presented (RFC 6750 §2, RFC 9449 §7.1): exactly one credential, one scheme, bounded sizes.

use crate::limits;
use crate::reason::Reason;
pub use crate::request::HeaderField;
use crate::uri;

/// The scheme that a token came under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthScheme {
    /// `Bearer` (RFC 6750 §2.1).
    Bearer,
    /// `DPoP` (RFC 9449 §7.1).
    Dpop,
}

impl AuthScheme {
    /// The scheme of a request's one credential, whatever is wrong with the rest of it.
    #[must_use]
    pub fn of(authorization: HeaderField<'_>) -> Option<Self> {
        match authorization {
            HeaderField::One(value) => Self::split(trim(value)).map(|(scheme, _)| scheme),
            HeaderField::Absent | HeaderField::Repeated => None,
        }
    }

    /// The word in challenges, audit records and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// RFC 6750 §2.1: `credentials = "Bearer" 1*SP b64token`. Spaces only: a tab is part of an unknown scheme's name.
    #[inline(always)]
    fn split(value: &[u8]) -> Option<(Self, &[u8])> {
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (name, rest) = value.split_at_checked(end)?;
        // RFC 9110 §11.1: the scheme is case-insensitive.
        if name.eq_ignore_ascii_case(b"Bearer") {
            Some((Self::Bearer, rest))
        } else if name.eq_ignore_ascii_case(b"DPoP") {
            Some((Self::Dpop, rest))
        } else {
            None
        }
    }
}

/// A credential as presented.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'r> {
    /// Its scheme.
    pub scheme: AuthScheme,
    /// The token's text, not yet looked at.
    pub token: &'r [u8],
}

impl<'r> Credential<'r> {
    /// Takes the one credential out of the `Authorization` field.
    ///
    /// Tokens in a form body are never taken (RFC 6750 §2.2 leaves that open), nor in the URI query (§2.3: "SHOULD NOT be
    /// used"); a query that has one is refused rather than ignored.
    ///
    /// # Errors
    /// [`Reason::CredentialMissing`], [`Reason::SchemeUnsupported`], [`Reason::CredentialRepeated`],
    /// [`Reason::CredentialTooLarge`], or [`Reason::TokenMalformed`] for a scheme without a token.
    #[cfg_attr(feature = "fast", inline(always))]
    pub fn read(authorization: HeaderField<'r>, request_uri: &[u8]) -> Result<Self, Reason> {
        let in_query = uri::has_query_parameter(request_uri, b"access_token");
        let value = match authorization {
            HeaderField::Absent if in_query => return Err(Reason::SchemeUnsupported),
            HeaderField::Absent => return Err(Reason::CredentialMissing),
            // RFC 6750 §2: "Clients MUST NOT use more than one method to transmit the token in each request."
            HeaderField::Repeated => return Err(Reason::CredentialRepeated),
            HeaderField::One(_) if in_query => return Err(Reason::CredentialRepeated),
            HeaderField::One(value) => trim(value),
        };
        if value.is_empty() {
            return Err(Reason::CredentialMissing);
        }
        let (scheme, rest) = AuthScheme::split(value).ok_or(Reason::SchemeUnsupported)?;
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        let token = rest.get(spaces..).unwrap_or_default();
        if token.len() > limits::TOKEN_BYTES {
            return Err(Reason::CredentialTooLarge);
        }
        if token.is_empty() { Err(Reason::TokenMalformed) } else { Ok(Self { scheme, token }) }
    }
}

impl<'r> Credential<'r> {
    /// Takes the one credential out of a header field of its own, which holds nothing else; `None` without the field.
    ///
    /// # Errors
    /// [`Reason::CredentialRepeated`], [`Reason::CredentialTooLarge`], [`Reason::TokenMalformed`] for an empty field.
    pub(crate) fn alone(field: HeaderField<'r>) -> Result<Option<Self>, Reason> {
        let token = match field {
            HeaderField::Absent => return Ok(None),
            HeaderField::Repeated => return Err(Reason::CredentialRepeated),
            HeaderField::One(value) => trim(value),
        };
        if token.len() > limits::TOKEN_BYTES {
            return Err(Reason::CredentialTooLarge);
        }
        if token.is_empty() {
            Err(Reason::TokenMalformed)
        } else {
            Ok(Some(Self { scheme: AuthScheme::Bearer, token }))
        }
    }
}

impl Credential<'_> {
    /// A list is what some hosts make of two fields; no `b64token` holds a comma. Asked of tokens that are not cached only:
    /// no verified token holds one.
    ///
    /// # Errors
    /// [`Reason::CredentialRepeated`]
    pub fn check_single(&self) -> Result<(), Reason> {
        if self.token.contains(&b',') { Err(Reason::CredentialRepeated) } else { Ok(()) }
    }

    /// RFC 6750 §2.1: `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`. Asked of tokens that only their issuer can
    /// read: the parts of a JWS are base64url, which is checked as they are decoded.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`]
    pub(crate) fn check_characters(&self) -> Result<(), Reason> {
        let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let characters = self.token.iter().take_while(|byte| is_character(byte)).count();
        let padding = self.token.get(characters..).unwrap_or_default();
        if characters > 0 && padding.iter().all(|byte| *byte == b'=') { Ok(()) } else { Err(Reason::TokenMalformed) }
    }
}

/// Takes the one proof out of the `DPoP` field.
///
/// # Errors
/// [`Reason::ProofRepeated`] (RFC 9449 §4.3 item 1: "There is not more than one DPoP HTTP request header field"),
/// [`Reason::ProofTooLarge`], [`Reason::ProofMissing`]
pub(crate) fn proof(field: HeaderField<'_>) -> Result<&[u8], Reason> {
    match field {
        HeaderField::Absent => Err(Reason::ProofMissing),
        HeaderField::Repeated => Err(Reason::ProofRepeated),
        HeaderField::One(value) if value.len() > limits::PROOF_BYTES => Err(Reason::ProofTooLarge),
        HeaderField::One(value) => Ok(trim(value)),
    }
}

/// Removes the optional white space around a field value (RFC 9110 §5.5).
#[inline]
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

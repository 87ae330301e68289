//! How a token is presented (RFC 6750 §2, RFC 9449 §7.1): exactly one credential, one scheme, bounded sizes.

use alloc::vec::Vec;

use crate::jose::base64url::{self, Base64Error};
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

/// The value of a field that may come once.
fn one(field: HeaderField<'_>) -> Result<Option<&[u8]>, Reason> {
    match field {
        HeaderField::Absent => Ok(None),
        HeaderField::Repeated => Err(Reason::CredentialRepeated),
        HeaderField::One(value) => Ok(Some(trim(value))),
    }
}

impl<'r> Credential<'r> {
    fn sized(token: &'r [u8]) -> Result<Option<Self>, Reason> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(Reason::CredentialTooLarge);
        }
        if token.is_empty() {
            Err(Reason::TokenMalformed)
        } else {
            Ok(Some(Self { scheme: AuthScheme::Bearer, token }))
        }
    }

    /// Takes the one credential out of a header field of its own, which holds nothing else, or a scheme before it; `None` without the field.
    ///
    /// # Errors
    /// [`Reason::CredentialRepeated`], [`Reason::CredentialTooLarge`], [`Reason::SchemeUnsupported`] for another scheme,
    /// [`Reason::TokenMalformed`] for a field without a token.
    pub(crate) fn in_field(field: HeaderField<'r>, scheme: Option<&str>) -> Result<Option<Self>, Reason> {
        let Some(mut value) = one(field)? else { return Ok(None) };
        if let Some(scheme) = scheme {
            // RFC 9110 §11.1: the scheme is case-insensitive; §11.4: 1*SP behind it.
            let (name, rest) = value.split_at_checked(scheme.len()).ok_or(Reason::SchemeUnsupported)?;
            if !name.eq_ignore_ascii_case(scheme.as_bytes()) || !matches!(rest.first(), None | Some(b' ')) {
                return Err(Reason::SchemeUnsupported);
            }
            value = rest;
            while let [b' ', more @ ..] = value {
                value = more;
            }
        }
        Self::sized(value)
    }

    /// Takes the one credential out of the cookie `name`; `None` without it.
    ///
    /// RFC 6265 §4.2.1: pairs with a semicolon between them, a name and a value with `=` between them. §5.4: a client sends one `Cookie`
    /// field. Two cookies of one name (§4.2.2: "servers SHOULD NOT rely upon the serialization order") are two credentials.
    ///
    /// # Errors
    /// As [`in_field`](Self::in_field).
    pub(crate) fn in_cookie(field: HeaderField<'r>, name: &str) -> Result<Option<Self>, Reason> {
        Self::among(field, b';', &|pair| value_of_cookie(pair, name))?.map_or(Ok(None), Self::sized)
    }

    /// Takes the one credential out of `Sec-WebSocket-Protocol`, behind `prefix` in one element of the list (RFC 6455 §11.3.4); `None` without
    /// one. Where it is `encoded`, the element has the token in base64url, which `room` takes decoded.
    ///
    /// # Errors
    /// As [`in_field`](Self::in_field), and [`Reason::TokenEncoding`].
    pub(crate) fn in_protocols(
        field: HeaderField<'r>,
        prefix: &str,
        is_encoded: bool,
        room: &'r mut [u8],
    ) -> Result<Option<Self>, Reason> {
        let Some(found) = Self::among(field, b',', &|element| element.strip_prefix(prefix.as_bytes()))? else {
            return Ok(None);
        };
        if !is_encoded {
            return Self::sized(found);
        }
        match base64url::decode(found, room) {
            Ok(token) => Self::sized(token),
            Err(Base64Error::OutputTooShort) => Err(Reason::CredentialTooLarge),
            Err(_) => Err(Reason::TokenEncoding),
        }
    }

    /// The one element of a list that `find` finds something in.
    fn among(
        field: HeaderField<'r>,
        separator: u8,
        find: &dyn Fn(&'r [u8]) -> Option<&'r [u8]>,
    ) -> Result<Option<&'r [u8]>, Reason> {
        let Some(value) = one(field)? else { return Ok(None) };
        let mut all = value.split(|byte| *byte == separator).filter_map(|element| find(trim(element)));
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Reason::CredentialRepeated),
            (found, None) => Ok(found),
        }
    }
}

/// The value of a pair whose name is `name`.
fn value_of_cookie<'r>(pair: &'r [u8], name: &str) -> Option<&'r [u8]> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (known, value) = (pair.get(..at)?, pair.get(at + 1..)?);
    (trim(known) == name.as_bytes()).then(|| trim(value))
}

/// What is left of a `Cookie` field without the cookies called `name`; empty, if nothing is.
pub(crate) fn without_cookie(value: &[u8], name: &str) -> Vec<u8> {
    without(value, b';', &|pair| value_of_cookie(pair, name).is_some())
}

/// What is left of a `Sec-WebSocket-Protocol` field without the elements that begin with `prefix`; empty, if nothing is.
pub(crate) fn without_protocol(value: &[u8], prefix: &str) -> Vec<u8> {
    without(value, b',', &|element| element.starts_with(prefix.as_bytes()))
}

/// The other elements of a list, each byte for byte.
fn without(value: &[u8], separator: u8, is_taken: &dyn Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut rest = Vec::new();
    for element in value.split(|byte| *byte == separator).filter(|element| !is_taken(trim(element))) {
        if !rest.is_empty() {
            rest.push(separator);
        }
        rest.extend_from_slice(if rest.is_empty() { trim(element) } else { element });
    }
    rest
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

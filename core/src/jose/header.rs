//! The header of a token or proof (RFC 7515 §4), read once.

use crate::jose::algorithm::Algorithm;
use crate::jose::json::{self, Budget, JsonFault, JsonObject, JsonString, NameTable, Value};
use crate::reason::Reason;

/// What `typ` says (RFC 7515 §4.1.9, RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// No `typ`.
    Absent,
    /// Exactly `JWT`.
    Jwt,
    /// `JWT` in another case: the same media type, but not the same to SPIFFE (JWT-SVID §2.3 names two spellings).
    JwtOtherCase,
    /// Exactly `JOSE`.
    Jose,
    /// `at+jwt` or `application/at+jwt` in any case (RFC 9068 §4; its own figure prints `at+JWT`).
    AtJwt,
    /// `dpop+jwt` in any case (RFC 9449 §4.2).
    DpopJwt,
    /// Any other text.
    Other,
}

/// A header as read: nothing in it is trusted.
///
/// Does not check that the algorithm suits a key, nor that `typ` suits the reader.
#[derive(Clone, Copy, Debug)]
pub struct UnverifiedHeader<'a> {
    /// `alg`, if it is one that we know; absent, unknown and mistyped are alike here.
    pub algorithm: Option<Algorithm>,
    /// Whether there is any `alg`.
    pub has_algorithm: bool,
    /// `typ`.
    pub typ: Typ,
    /// `kid`.
    pub kid: Option<JsonString<'a>>,
    /// `jwk`: trusted by nobody but a DPoP proof.
    pub jwk: Option<JsonObject<'a>>,
    /// Whether there is any `crit` or `b64`.
    pub critical: bool,
    /// Whether there is `zip`, `enc` or `cty`: encryption, compression or nesting, none of which we do.
    pub nested: bool,
    /// Whether there is `jku`, `jwk`, `x5u`, `x5c`, `x5t` or `x5t#S256`.
    pub names_key: bool,
    /// Whether there is a parameter that this reader does not know.
    pub unknown: bool,
    /// `iss` replicated in the header (RFC 7519 §5.3).
    pub issuer: Option<Value<'a>>,
    /// `sub` replicated in the header.
    pub subject: Option<Value<'a>>,
    /// `aud` replicated in the header.
    pub audience: Option<Value<'a>>,
}

impl From<JsonFault> for Reason {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::Malformed { .. } => Self::TokenJson,
            JsonFault::Limit => Self::LimitExceeded,
        }
    }
}

impl<'a> UnverifiedHeader<'a> {
    /// Reads the decoded header `bytes`.
    ///
    /// # Errors
    /// [`Reason::TokenJson`] unless `bytes` are one JSON object without repeated names, [`Reason::LimitExceeded`] past the
    /// budget, [`Reason::HeaderType`] for a `typ` that is no string, [`Reason::ClaimType`] for a `kid` that is none.
    pub fn parse(bytes: &'a [u8], names: &mut NameTable) -> Result<Self, Reason> {
        let mut header = Self {
            algorithm: None,
            has_algorithm: false,
            typ: Typ::Absent,
            kid: None,
            jwk: None,
            critical: false,
            nested: false,
            names_key: false,
            unknown: false,
            issuer: None,
            subject: None,
            audience: None,
        };
        // RFC 7515 §5.2 step 3: "Verify that the resulting octet sequence is a UTF-8-encoded representation of a
        // completely valid JSON object".
        let value = json::scan(bytes, names, Budget::TOKEN, |name, value| header.take(name, value))?;
        value.as_object().map(|_| header).ok_or(Reason::TokenJson)
    }

    /// Whether there is more than `alg`, `typ`, `kid` and what the other fields name.
    #[must_use]
    pub const fn has_extra_parameters(&self) -> bool {
        self.unknown || self.issuer.is_some() || self.subject.is_some() || self.audience.is_some()
    }

    fn take(&mut self, name: JsonString<'a>, value: Value<'a>) -> Result<(), Reason> {
        // Names are compared unescaped. An escaped name of ours is rare enough to take the slow comparison.
        let known = match name.plain() {
            Some(plain) => plain,
            None => {
                const KNOWN: [&str; 17] = [
                    "alg", "typ", "kid", "crit", "b64", "zip", "enc", "cty", "jku", "jwk", "x5u", "x5c", "x5t",
                    "x5t#S256", "iss", "sub", "aud",
                ];
                KNOWN.into_iter().find(|known| name.is(known)).unwrap_or_default()
            }
        };
        match known {
            "alg" => {
                self.has_algorithm = true;
                let mut text = [0; 8]; // "Ed25519" is the longest name
                let length = value.as_string().and_then(|name| name.unescape(&mut text));
                self.algorithm = length.and_then(|length| text.get(..length)).and_then(Algorithm::from_name);
            }
            "typ" => self.typ = Typ::read(value.as_string().ok_or(Reason::HeaderType)?),
            "kid" => self.kid = Some(value.as_string().ok_or(Reason::ClaimType)?),
            "crit" | "b64" => self.critical = true,
            "zip" | "enc" | "cty" => self.nested = true,
            "jwk" => {
                self.names_key = true;
                self.jwk = value.as_object();
            }
            "jku" | "x5u" | "x5c" | "x5t" | "x5t#S256" => self.names_key = true,
            "iss" => self.issuer = Some(value),
            "sub" => self.subject = Some(value),
            "aud" => self.audience = Some(value),
            _ => self.unknown = true,
        }
        Ok(())
    }
}

impl Typ {
    fn read(text: JsonString<'_>) -> Self {
        let text = match text.plain() {
            Some(plain) => plain,
            None if text.is("at+jwt") => "at+jwt", // "at\u002bjwt": some encoders escape the plus
            None if text.is("dpop+jwt") => "dpop+jwt",
            None => "",
        };
        if text == "JWT" {
            Self::Jwt
        } else if text == "JOSE" {
            Self::Jose
        } else if text.eq_ignore_ascii_case("JWT") {
            Self::JwtOtherCase
        } else if text.eq_ignore_ascii_case("at+jwt") || text.eq_ignore_ascii_case("application/at+jwt") {
            Self::AtJwt
        } else if text.eq_ignore_ascii_case("dpop+jwt") {
            Self::DpopJwt
        } else {
            Self::Other
        }
    }
}

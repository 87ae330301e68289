//! The claims of a token (RFC 7519 §4, RFC 9068 §2.2, RFC 7800 §3.1, RFC 8693 §4.1), read once and typed once.
//!
//! A claim of the wrong type is a refusal and never "absent" (CVE-2026-25537).

use crate::jose::header::Faults;
use crate::jose::json::{self, Budget, Fraction, JsonArray, JsonObject, JsonString, NameTable, Value};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixSeconds;

/// The claims of a token as read: nothing in them is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnverifiedClaims<'a> {
    /// `iss`
    pub issuer: Option<JsonString<'a>>,
    /// `sub`
    pub subject: Option<JsonString<'a>>,
    /// `aud`
    pub audience: Option<Audience<'a>>,
    /// `exp`, a fraction dropped
    pub expires_at: Option<UnixSeconds>,
    /// `nbf`, a fraction rounded up
    pub not_before: Option<UnixSeconds>,
    /// `iat`, a fraction dropped
    pub issued_at: Option<UnixSeconds>,
    /// `jti`
    pub token_id: Option<JsonString<'a>>,
    /// `client_id`
    pub client_id: Option<JsonString<'a>>,
    /// `scope`
    pub scope: Option<JsonString<'a>>,
    /// `cnf`
    pub confirmation: Option<JsonObject<'a>>,
    /// `act`
    pub actor: Option<JsonObject<'a>>,
}

/// `aud`: one string or several (RFC 7519 §4.1.3), at least one of them not empty. An empty one names no audience.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// One string.
    One(JsonString<'a>),
    /// An array of at most [`limits::AUDIENCES`] strings.
    Many(JsonArray<'a>),
}

impl<'a> Audience<'a> {
    /// Reads a value of `aud`.
    ///
    /// # Errors
    /// [`Reason::ClaimType`], [`Reason::LimitExceeded`]
    pub(crate) fn read(value: Value<'a>) -> Result<Self, Reason> {
        match value {
            Value::String(one) if !one.is_empty() => Ok(Self::One(one)),
            Value::Array(many) => {
                let mut named = false;
                for (place, element) in many.elements().enumerate() {
                    let one = string(element)?;
                    if place >= limits::AUDIENCES {
                        return Err(Reason::LimitExceeded);
                    }
                    named |= !one.is_empty();
                }
                if named { Ok(Self::Many(many)) } else { Err(Reason::ClaimType) }
            }
            _ => Err(Reason::ClaimType),
        }
    }

    /// The values in order.
    pub fn values(self) -> impl Iterator<Item = JsonString<'a>> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many.elements().filter_map(Value::as_string))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl<'a> UnverifiedClaims<'a> {
    /// Reads the decoded payload `bytes`.
    ///
    /// # Errors
    /// [`Reason::TokenJson`] unless `bytes` are one JSON object without repeated names, [`Reason::LimitExceeded`] past the
    /// budget, [`Reason::ClaimType`] for a claim of the wrong type.
    pub fn parse(bytes: &'a [u8], names: &mut NameTable) -> Result<Self, Reason> {
        let mut claims = Self::default();
        // RFC 7519 §7.2 step 10: "Verify that the resulting octet sequence is a UTF-8-encoded representation of a
        // completely valid JSON object".
        let mut faults = Faults::default();
        let value = json::scan(bytes, names, Budget::TOKEN, |name, value| faults.note(claims.take(name, value)))?;
        value.as_object().ok_or(Reason::TokenJson)?;
        faults.first().map(|()| claims)
    }

    fn take(&mut self, name: JsonString<'a>, value: Value<'a>) -> Result<(), Reason> {
        // "client_id" is the longest name.
        match name.text(&mut [0; 9]).unwrap_or_default() {
            "iss" => self.issuer = Some(string(value)?),
            "sub" => self.subject = Some(string(value)?),
            "aud" => self.audience = Some(Audience::read(value)?),
            "exp" => self.expires_at = Some(numeric_date(value, Fraction::Drop)?),
            "nbf" => self.not_before = Some(numeric_date(value, Fraction::RoundUp)?),
            "iat" => self.issued_at = Some(numeric_date(value, Fraction::Drop)?),
            "jti" => self.token_id = Some(string(value)?),
            "client_id" => self.client_id = Some(string(value)?),
            "scope" => self.scope = Some(string(value)?),
            "cnf" => self.confirmation = Some(value.as_object().ok_or(Reason::ClaimType)?),
            "act" => self.actor = Some(value.as_object().ok_or(Reason::ClaimType)?),
            _ => {} // RFC 7519 §4: "all claims that are not understood by implementations MUST be ignored"
        }
        Ok(())
    }
}

pub(crate) fn string(value: Value<'_>) -> Result<JsonString<'_>, Reason> {
    value.as_string().ok_or(Reason::ClaimType)
}

pub(crate) fn numeric_date(value: Value<'_>, fraction: Fraction) -> Result<UnixSeconds, Reason> {
    match value {
        Value::Number(number) => number.numeric_date(fraction).map(UnixSeconds::new).ok_or(Reason::ClaimType),
        _ => Err(Reason::ClaimType),
    }
}

//! The claims that readers know (RFC 7519 §4, RFC 9068 §2.2, RFC 7800 §3.1, RFC 8693 §4.1): one row of `claims!` each.
//!
//! A payload is read once and typed once. A claim of the wrong type is a refusal and never "absent" (CVE-2026-25537).

use self::types::{ClaimType, Confirmed, Date, DateUp, Granted, Listed, Object, Text};
use crate::jose::header::Faults;
use crate::jose::json::{self, Budget, Fraction, JsonArray, JsonString, NameTable, Value};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixSeconds;

/// What a record keeps of a claim.
#[derive(Clone, Copy, Debug)]
pub enum Kept<'a> {
    /// A string, without its escapes.
    Text(JsonString<'a>),
    /// JSON, as in the token.
    Json(&'a str),
    /// Strings, with spaces between them.
    Words(JsonArray<'a>),
}

/// How claims are read: types that only the table names.
mod types {
    use super::{Audience, Kept, Scope, numeric_date, string};
    use crate::jose::json::{Fraction, JsonObject, JsonString, Value};
    use crate::reason::Reason;
    use crate::time::UnixSeconds;

    /// How a claim is read, and what a record keeps of it.
    pub trait ClaimType {
        type Read<'a>: Copy;

        fn read(value: Value<'_>) -> Result<Self::Read<'_>, Reason>;

        /// What a record keeps; dates, the audience and the confirmation have places of their own there.
        fn kept<'a>(_: Self::Read<'a>) -> Option<Kept<'a>> {
            None
        }
    }

    pub enum Text {}
    pub enum Object {}
    pub enum Listed {}
    pub enum Confirmed {}
    pub enum Granted {}
    /// A date of which a fraction is dropped.
    pub enum Date {}
    /// A date of which a fraction is rounded up.
    pub enum DateUp {}

    impl ClaimType for Text {
        type Read<'a> = JsonString<'a>;

        fn read(value: Value<'_>) -> Result<JsonString<'_>, Reason> {
            string(value)
        }

        fn kept<'a>(text: Self::Read<'a>) -> Option<Kept<'a>> {
            Some(Kept::Text(text))
        }
    }

    impl ClaimType for Object {
        type Read<'a> = JsonObject<'a>;

        fn read(value: Value<'_>) -> Result<JsonObject<'_>, Reason> {
            value.as_object().ok_or(Reason::ClaimInvalid)
        }

        fn kept<'a>(object: Self::Read<'a>) -> Option<Kept<'a>> {
            Some(Kept::Json(object.raw()))
        }
    }

    impl ClaimType for Confirmed {
        type Read<'a> = JsonObject<'a>;

        fn read(value: Value<'_>) -> Result<JsonObject<'_>, Reason> {
            value.as_object().ok_or(Reason::ClaimInvalid)
        }
    }

    impl ClaimType for Granted {
        type Read<'a> = Scope<'a>;

        fn read(value: Value<'_>) -> Result<Scope<'_>, Reason> {
            Scope::read(value)
        }

        fn kept<'a>(scope: Self::Read<'a>) -> Option<Kept<'a>> {
            Some(match scope {
                Scope::Text(text) => Kept::Text(text),
                Scope::Listed(words) => Kept::Words(words),
            })
        }
    }

    impl ClaimType for Listed {
        type Read<'a> = Audience<'a>;

        fn read(value: Value<'_>) -> Result<Audience<'_>, Reason> {
            Audience::read(value)
        }
    }

    impl ClaimType for Date {
        type Read<'a> = UnixSeconds;

        fn read(value: Value<'_>) -> Result<UnixSeconds, Reason> {
            numeric_date(value, Fraction::Drop)
        }
    }

    impl ClaimType for DateUp {
        type Read<'a> = UnixSeconds;

        fn read(value: Value<'_>) -> Result<UnixSeconds, Reason> {
            numeric_date(value, Fraction::RoundUp)
        }
    }
}

/// One row a claim: `Name, field: Type = "name", "meaning";`. The order is that of the record.
macro_rules! claims {
    ($($claim:ident, $field:ident: $type:ident = $name:literal, $meaning:literal;)+) => {
        /// A claim that readers know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Claim {
            $(#[doc = $meaning] $claim,)+
        }

        impl Claim {
            /// Every claim that readers know.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$claim),+];

            /// The name of the claim.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$claim => $name,)+
                }
            }
        }

        /// The longest name of a claim that is known, in bytes.
        const LONGEST_NAME: usize = {
            let mut longest = 0;
            $(if $name.len() > longest { longest = $name.len(); })+
            longest
        };

        /// The claims of a token as read: nothing in them is trusted.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct UnverifiedClaims<'a> {
            $(#[doc = $meaning] pub $field: Option<<$type as ClaimType>::Read<'a>>,)+
        }

        impl<'a> UnverifiedClaims<'a> {
            fn take(&mut self, name: JsonString<'a>, value: Value<'a>) -> Result<(), Reason> {
                match name.text(&mut [0; LONGEST_NAME]).unwrap_or_default() {
                    $($name => self.$field = Some(<$type as ClaimType>::read(value)?),)+
                    _ => {} // RFC 7519 §4: "all claims that are not understood by implementations MUST be ignored"
                }
                Ok(())
            }

            /// The claims that the token has.
            #[must_use]
            pub fn present(&self) -> ClaimSet {
                let mut set = 0;
                $(if self.$field.is_some() { set |= 1 << Claim::$claim.index(); })+
                ClaimSet(set)
            }

            /// What a record keeps of `claim`.
            pub(crate) fn kept(&self, claim: Claim) -> Option<Kept<'a>> {
                match claim {
                    $(Claim::$claim => self.$field.and_then(<$type as ClaimType>::kept),)+
                }
            }
        }
    };
}

claims! {
    Issuer, issuer: Text = "iss", "`iss`: who issued the token.";
    Subject, subject: Text = "sub", "`sub`: whom it is about.";
    Scope, scope: Granted = "scope", "`scope`: what it allows, words with spaces between them (RFC 8693 §4.2).";
    ClientId, client_id: Text = "client_id", "`client_id`: the client that it was issued to (RFC 8693 §4.3).";
    TokenId, token_id: Text = "jti", "`jti`: what names the token.";
    Actor, actor: Object = "act", "`act`: who acts for the subject (RFC 8693 §4.1).";
    Transaction, transaction: Text = "txn", "`txn`: what names the transaction; kept of transaction tokens alone, since clients may choose claims of others.";
    RequestingWorkload, requesting_workload: Text = "req_wl", "`req_wl`: the workload that asked for a transaction token.";
    TransactionContext, transaction_context: Object = "tctx", "`tctx`: what a transaction is about.";
    RequesterContext, requester_context: Object = "rctx", "`rctx`: the surroundings of the request that began a transaction.";
    Audience, audience: Listed = "aud", "`aud`: whom the token is for.";
    ExpiresAt, expires_at: Date = "exp", "`exp`: when it expires, a fraction dropped.";
    NotBefore, not_before: DateUp = "nbf", "`nbf`: when it begins to be valid, a fraction rounded up.";
    IssuedAt, issued_at: Date = "iat", "`iat`: when it was issued, a fraction dropped.";
    Confirmation, confirmation: Confirmed = "cnf", "`cnf`: the key whose possession the presenter must prove (RFC 7800 §3.1).";
}

/// How many of the first claims of the table a record keeps as text: those before `aud`.
pub(crate) const KEPT: usize = Claim::Audience.index();

impl Claim {
    /// The index of the claim in the table.
    #[allow(clippy::as_conversions)] // a fieldless enum has no other way
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A set of claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimSet(u32);

impl ClaimSet {
    /// The set of `claims`.
    pub(crate) const fn of(claims: &[Claim]) -> Self {
        let (mut set, mut place) = (0, 0);
        while place < claims.len() {
            set |= 1 << claims[place].index();
            place += 1;
        }
        Self(set)
    }

    /// Whether `claim` is in the set.
    #[must_use]
    pub const fn contains(self, claim: Claim) -> bool {
        self.0 & 1 << claim.index() != 0
    }

    /// This set with `claim` in it.
    pub(crate) const fn with(self, claim: Claim) -> Self {
        Self(self.0 | 1 << claim.index())
    }

    /// The claims of both sets.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its claims, in the order of the table.
    pub(crate) fn iter(self) -> impl Iterator<Item = Claim> {
        Claim::ALL.into_iter().filter(move |claim| self.contains(*claim))
    }

    /// Whether every claim of this set is in `other`.
    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The names of its claims, in the order of the table.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Claim::name)
    }
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
    /// [`Reason::ClaimInvalid`], [`Reason::LimitExceeded`]
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
                if named { Ok(Self::Many(many)) } else { Err(Reason::ClaimInvalid) }
            }
            _ => Err(Reason::ClaimInvalid),
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

/// `scope`: words with spaces between them in one string (RFC 8693 §4.2), or an array of words, as some issuers write it.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// One string.
    Text(JsonString<'a>),
    /// An array of strings, each of them one scope-token of RFC 6749 §3.3: one with a space in it would grant two.
    Listed(JsonArray<'a>),
}

impl<'a> Scope<'a> {
    /// Reads a value of `scope`. Which kinds may have an array is for their profiles.
    ///
    /// # Errors
    /// [`Reason::ClaimInvalid`]
    pub(crate) fn read(value: Value<'a>) -> Result<Self, Reason> {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let is_token =
            |word: JsonString<'_>| !word.is_empty() && word.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~'));
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Array(words) if words.elements().all(|word| word.as_string().is_some_and(is_token)) => {
                Ok(Self::Listed(words))
            }
            _ => Err(Reason::ClaimInvalid),
        }
    }
}

impl<'a> UnverifiedClaims<'a> {
    /// Reads the decoded payload `bytes`.
    ///
    /// # Errors
    /// [`Reason::TokenJson`] unless `bytes` are one JSON object without repeated names, [`Reason::LimitExceeded`] past the
    /// budget, [`Reason::ClaimInvalid`] for a claim of the wrong type.
    pub fn parse(bytes: &'a [u8], names: &mut NameTable) -> Result<Self, Reason> {
        let mut claims = Self::default();
        // RFC 7519 §7.2 step 10: "Verify that the resulting octet sequence is a UTF-8-encoded representation of a
        // completely valid JSON object".
        let mut faults = Faults::default();
        let value = json::scan(bytes, names, Budget::TOKEN, |name, value| faults.note(claims.take(name, value)))?;
        value.as_object().ok_or(Reason::TokenJson)?;
        faults.first().map(|()| claims)
    }
}

pub(crate) fn string(value: Value<'_>) -> Result<JsonString<'_>, Reason> {
    value.as_string().ok_or(Reason::ClaimInvalid)
}

pub(crate) fn numeric_date(value: Value<'_>, fraction: Fraction) -> Result<UnixSeconds, Reason> {
    match value {
        Value::Number(number) => number.numeric_date(fraction).map(UnixSeconds::new).ok_or(Reason::ClaimInvalid),
        _ => Err(Reason::ClaimInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_record_keeps_what_has_a_text() {
        for (place, claim) in Claim::ALL.into_iter().enumerate() {
            assert_eq!(claim.index(), place);
            assert_eq!(Claim::ALL.into_iter().filter(|other| other.name() == claim.name()).count(), 1);
            let text =
                alloc::format!(r#"{{"{}":{}}}"#, claim.name(), if claim.name() == "aud" { r#""a""# } else { "1" });
            let object = alloc::format!(r#"{{"{}":{{}}}}"#, claim.name());
            let string = alloc::format!(r#"{{"{}":"x"}}"#, claim.name());
            let kept = [text, object, string].iter().any(|payload| {
                let claims = UnverifiedClaims::parse(payload.as_bytes(), &mut NameTable::new(0));
                claims.is_ok_and(|claims| claims.kept(claim).is_some())
            });
            assert_eq!(kept, place < KEPT, "{claim:?}");
        }
    }
}

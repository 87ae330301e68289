//! The revocations document: one form for every host, whether it is pushed, in a file, in settings or fetched.
//!
//! ```json
//! {"all_before":N,"authorities":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],
//!  "subjects":["sub",{"subject":"sub","before":N}],"tokens":["jti"]}]}
//! ```
//!
//! Unknown members are faults: a misspelt one must not leave tokens valid that were to be revoked.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use countersign::internal::document::DocumentKind;
use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Pointer, Reader};
use countersign::{Authority, JsonString, PolicyDocument, PolicyError, Revocations, RevocationsBuilder, UnixSeconds};

use crate::documents::Notice;
use crate::printable::printable;

/// The revocations. By default there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationDocument {
    /// Every token that was issued before this moment, by any issuer.
    all_before: Option<UnixSeconds>,
    authorities: Vec<RevokedAuthority>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RevokedAuthority {
    authority: Authority,
    before: Option<UnixSeconds>,
    keys: Vec<String>,
    /// For good, or the tokens of before a moment.
    subjects: Vec<(String, Option<UnixSeconds>)>,
    tokens: Vec<String>,
}

impl RevocationDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// Position, value found and value expected of each fault; never an empty list. No value or name of the input is in it, which may be a token
    /// in the wrong place.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader::without_quotes();
        let root = reader.parse(bytes, DocumentKind::Revocations);
        let document = root.and_then(|root| read_document(&mut reader, &Pointer::Root, root));
        reader.finish(document)
    }

    /// Reads a document that is part of another one, at `at` there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_value(value: Value<'_>, at: &Pointer<'_>) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader::without_quotes();
        let document = read_document(&mut reader, at, value);
        reader.finish(document)
    }

    /// This and what `more` says.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        self.all_before = self.all_before.max(more.all_before);
        self.authorities.extend(more.authorities);
        self
    }

    /// The authorities that `policies` does not know: no fault, since one list may serve many policies, but perhaps a slip of the pen.
    #[must_use]
    pub fn unknown_authorities(&self, policies: &PolicyDocument) -> Vec<String> {
        let is_known = |authority: &Authority| {
            let is_issuer = || !authority.is_trust_domain() && !policies.key_sources(authority.name()).all().is_empty();
            policies.authority(authority).is_some() || is_issuer()
        };
        let unknown = self.authorities.iter().filter(|entry| !is_known(&entry.authority));
        unknown.map(|entry| entry.authority.to_string()).collect()
    }

    /// All of it and nothing else, as engines take it.
    #[must_use]
    pub fn build(&self) -> Revocations {
        let mut builder = RevocationsBuilder::default();
        self.apply(&mut builder);
        builder.build()
    }

    /// Revokes all of it, besides what `builder` has already.
    pub fn apply(&self, builder: &mut RevocationsBuilder) {
        if let Some(moment) = self.all_before {
            builder.all_before(moment);
        }
        for RevokedAuthority { authority, before, keys, subjects, tokens } in &self.authorities {
            let authority = authority.name();
            if let Some(moment) = before {
                builder.authority_before(authority, *moment);
            }
            for key in keys {
                builder.key(authority, key);
            }
            for (subject, before) in subjects {
                match before {
                    None => builder.subject(authority, subject),
                    Some(moment) => builder.subject_before(authority, subject, *moment),
                };
            }
            for token in tokens {
                builder.token(authority, token);
            }
        }
    }
}

/// Reports the authorities of the list called `name` that no policy trusts.
pub fn tell_unknown(name: &str, unknown: &[String], notice: Notice<'_>) {
    for authority in unknown {
        notice(&format!("{name}: the policy knows no {}", printable(authority)));
    }
}

/// The first faults as one line of a log, and how many more there are.
#[must_use]
pub fn one_line(faults: &[PolicyError]) -> String {
    const NAMED: usize = 16;
    let mut lines: Vec<String> = faults.iter().take(NAMED).map(ToString::to_string).collect();
    if let Some(more) = faults.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("{more} more faults"));
    }
    lines.join("; ")
}

fn read_document(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<RevocationDocument> {
    let members = reader.members(at, value, &["all_before", "authorities"])?;
    let mut authorities = Vec::new();
    each(reader, &members, "authorities", &mut |reader, at, value| {
        authorities.extend(read_authority(reader, at, value))
    });
    Some(RevocationDocument { all_before: moment(reader, &members, "all_before"), authorities })
}

fn read_authority(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<RevokedAuthority> {
    const MEMBERS: &[&str] = &["issuer", "trust_domain", "before", "keys", "subjects", "tokens"];
    let members = reader.members(at, value, MEMBERS)?;
    let authority = reader.authority(&members);
    let before = moment(reader, &members, "before");
    let texts = |reader: &mut Reader, name| {
        let mut all = Vec::new();
        each(reader, &members, name, &mut |reader, at, value| all.extend(text(reader, at, value)));
        all
    };
    let (keys, tokens) = (texts(reader, "keys"), texts(reader, "tokens"));
    let mut subjects = Vec::new();
    each(reader, &members, "subjects", &mut |reader, at, value| subjects.extend(read_subject(reader, at, value)));
    Some(RevokedAuthority { authority: authority?, before, keys, subjects, tokens })
}

/// A subject, or an object of a subject and the moment before which its tokens are revoked.
fn read_subject(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<(String, Option<UnixSeconds>)> {
    if let Some(subject) = value.as_string() {
        return Some((subject.to_owned_string(), None));
    }
    let members = reader.members(at, value, &["subject", "before"])?;
    let subject = members.get("subject").and_then(|value| text(reader, &members.at("subject"), value));
    let before = moment(reader, &members, "before");
    if !(members.has("subject") && members.has("before")) {
        // Without its moment it would be revoked for good, although the document limits it.
        reader.fault(at, "an object without subject or before", "a subject, or an object of subject, before");
    }
    Some((subject?, Some(before?)))
}

/// Passes each element of an array to `read`, if the member is there.
fn each(
    reader: &mut Reader,
    members: &Members<'_, '_>,
    name: &str,
    read: &mut dyn FnMut(&mut Reader, &Pointer<'_>, Value<'_>),
) {
    if let Some(value) = members.get(name) {
        reader.elements(&members.at(name), value, "an array", read);
    }
}

/// A string, which may be empty: a token can have an empty `kid`, `sub` or `jti`.
fn text(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<String> {
    if value.as_string().is_none() {
        reader.unexpected(at, value, "a string");
    }
    value.as_string().map(JsonString::to_owned_string)
}

fn moment(reader: &mut Reader, members: &Members<'_, '_>, name: &str) -> Option<UnixSeconds> {
    let value = members.get(name)?;
    let seconds = if let Value::Number(number) = value { number.as_u64() } else { None };
    if seconds.is_none() {
        reader.unexpected(&members.at(name), value, "whole seconds since 1970");
    }
    seconds.map(UnixSeconds::new)
}

#[cfg(test)]
mod tests;

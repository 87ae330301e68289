//! What is revoked, as operators write it: one document for every host, whether it is pushed, in a file, in settings or fetched.
//!
//! ```json
//! {"all_before":N,"origins":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],
//!  "subjects":["sub",{"subject":"sub","before":N}],"tokens":["jti"]}]}
//! ```
//!
//! Unknown members are faults: a misspelt one must not leave in force what was to be revoked.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use countersign::document::DocumentKind;
use countersign::jose::json::{JsonString, Value};
use countersign::memory::revocation::{Revocations, RevocationsBuilder};
use countersign::policy::reader::{Members, Pointer, Reader};
use countersign::policy::{PolicyDocument, PolicyFault};
use countersign::time::UnixSeconds;
use countersign::trust::Origin;

use crate::documents::Notice;
use crate::printable::printable;

/// What is revoked. By default, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationDocument {
    /// Every token that was issued before this moment, whoever issued it.
    all_before: Option<UnixSeconds>,
    origins: Vec<RevokedOrigin>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RevokedOrigin {
    origin: Origin,
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
    /// Where, what was found, what was expected; never an empty list. No value or name of the input is in it, which may be a token
    /// that stands in the wrong place.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<PolicyFault>> {
        let mut reader = Reader::without_quotes();
        let root = reader.parse(bytes, DocumentKind::Revocations);
        let document = root.and_then(|root| read_document(&mut reader, &Pointer::Root, root));
        reader.finish(document)
    }

    /// Reads a document that is part of another one and stands at `at` there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_value(value: Value<'_>, at: &Pointer<'_>) -> Result<Self, Vec<PolicyFault>> {
        let mut reader = Reader::without_quotes();
        let document = read_document(&mut reader, at, value);
        reader.finish(document)
    }

    /// This and what `more` says.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        self.all_before = self.all_before.max(more.all_before);
        self.origins.extend(more.origins);
        self
    }

    /// The origins that `policies` does not know: no fault, since one list may serve many policies, but perhaps a slip of the pen.
    #[must_use]
    pub fn unknown_origins(&self, policies: &PolicyDocument) -> Vec<String> {
        let unknown = self.origins.iter().filter(|entry| policies.origin(&entry.origin).is_none());
        unknown.map(|entry| entry.origin.to_string()).collect()
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
        for RevokedOrigin { origin, before, keys, subjects, tokens } in &self.origins {
            let origin = origin.name();
            if let Some(moment) = before {
                builder.origin_before(origin, *moment);
            }
            for key in keys {
                builder.key(origin, key);
            }
            for (subject, before) in subjects {
                match before {
                    None => builder.subject(origin, subject),
                    Some(moment) => builder.subject_before(origin, subject, *moment),
                };
            }
            for token in tokens {
                builder.token(origin, token);
            }
        }
    }
}

/// Tells the origins of the list called `name` that no policy knows.
pub fn tell_unknown(name: &str, unknown: &[String], notice: Notice<'_>) {
    for origin in unknown {
        notice(&format!("{name}: the policy knows no {}", printable(origin)));
    }
}

/// The first faults as one line of a log, and how many more there are.
#[must_use]
pub fn one_line(faults: &[PolicyFault]) -> String {
    const NAMED: usize = 16;
    let mut lines: Vec<String> = faults.iter().take(NAMED).map(ToString::to_string).collect();
    if let Some(more) = faults.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("{more} more faults"));
    }
    lines.join("; ")
}

fn read_document(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<RevocationDocument> {
    let members = reader.members(at, value, &["all_before", "origins"])?;
    let mut origins = Vec::new();
    each(reader, &members, "origins", &mut |reader, at, value| origins.extend(read_origin(reader, at, value)));
    Some(RevocationDocument { all_before: moment(reader, &members, "all_before"), origins })
}

fn read_origin(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<RevokedOrigin> {
    const MEMBERS: &[&str] = &["issuer", "trust_domain", "before", "keys", "subjects", "tokens"];
    let members = reader.members(at, value, MEMBERS)?;
    let origin = reader.origin(&members);
    let before = moment(reader, &members, "before");
    let texts = |reader: &mut Reader, name| {
        let mut all = Vec::new();
        each(reader, &members, name, &mut |reader, at, value| all.extend(text(reader, at, value)));
        all
    };
    let (keys, tokens) = (texts(reader, "keys"), texts(reader, "tokens"));
    let mut subjects = Vec::new();
    each(reader, &members, "subjects", &mut |reader, at, value| subjects.extend(read_subject(reader, at, value)));
    Some(RevokedOrigin { origin: origin?, before, keys, subjects, tokens })
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
        // Without its moment it would be revoked for good, which is not what was written.
        reader.fault(at, "an object without subject or before", "a subject, or an object of subject, before");
    }
    Some((subject?, Some(before?)))
}

/// Hands each element of an array to `read`, if the member is there.
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
mod tests {
    use std::vec;

    use countersign::memory::revocation::{Presented, RevokedBy};

    use countersign::limits;

    use super::*;

    fn faults(text: &str) -> Vec<String> {
        RevocationDocument::read(text.as_bytes()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_written_is_revoked() -> Result<(), Vec<PolicyFault>> {
        let text = r#"{"all_before":5,"origins":[{"issuer":"https://as.example","before":100,"keys":["k\u0031"],
            "subjects":["alice",{"subject":"bob","before":300}],"tokens":["t1"]},{"trust_domain":"example.org"}]}"#;
        let revocations = RevocationDocument::read(text.as_bytes())?.build();
        let origin = "https://as.example";
        let token = |key, subject, id, issued_at| Presented {
            origin,
            key_id: Some(key),
            subject: Some(subject),
            token_id: Some(id),
            issued_at: Some(UnixSeconds::new(issued_at)),
        };
        for (presented, expected) in [
            (token("k2", "carol", "t2", 100), None),
            (token("k1", "carol", "t2", 100), Some(RevokedBy::Key)),
            (token("k2", "alice", "t2", 100), Some(RevokedBy::Subject)),
            (token("k2", "bob", "t2", 299), Some(RevokedBy::Subject)),
            (token("k2", "bob", "t2", 300), None),
            (token("k2", "carol", "t1", 100), Some(RevokedBy::Token)),
            (token("k2", "carol", "t2", 99), Some(RevokedBy::Epoch)),
            (Presented { origin: "example.org", ..token("k2", "carol", "t2", 4) }, Some(RevokedBy::Epoch)),
            (Presented { origin: "example.org", ..token("k1", "alice", "t1", 5) }, None),
        ] {
            assert_eq!(revocations.revoked_by(&presented), expected, "{presented:?}");
        }
        assert_eq!(RevocationDocument::read(b"{}")?, RevocationDocument::default());
        Ok(())
    }

    #[test]
    fn two_documents_hold_together() -> Result<(), Vec<PolicyFault>> {
        let read = |text: &str| RevocationDocument::read(text.as_bytes());
        let one = read(r#"{"all_before":5,"origins":[{"issuer":"a","tokens":["t"]}]}"#)?;
        let both = one.clone().with(read(r#"{"origins":[{"issuer":"a","keys":["k"]}]}"#)?);
        let expected = r#"{"all_before":5,"origins":[{"issuer":"a","tokens":["t"]},{"issuer":"a","keys":["k"]}]}"#;
        assert_eq!(both, read(expected)?);
        assert_eq!(one.clone().with(read(r#"{"all_before":4}"#)?), one);
        assert_eq!(read(r#"{"all_before":4}"#)?.with(one.clone()), one);
        Ok(())
    }

    #[test]
    fn all_faults_are_told_at_once_and_nothing_of_the_input() {
        let text = r#"{"before":1,"all_before":"secret","origins":[{"issuer":"a","trust_domain":"b"},{},[],{"issuer":1},
            {"issuer":"secret","before":-1,"keys":"secret","subjects":[1,{"subject":"secret"},{"before":1},
            {"subject":1,"before":1},{"subject":"a","before":1,"secret":1}],"tokens":[null],"secret":1}]}"#;
        let all = ["issuer", "trust_domain", "before", "keys", "subjects", "tokens"].join(", ");
        let expected = vec![
            "the document: found an unknown member, expected one of all_before, origins".to_owned(),
            "/origins/0: found both trust_domain and issuer, expected one of them".to_owned(),
            "/origins/1: found neither trust_domain nor issuer, expected one of them".to_owned(),
            "/origins/2: found an empty array, expected an object".to_owned(),
            "/origins/3/issuer: found a number, expected the issuer's identifier, as in `iss`".to_owned(),
            format!("/origins/4: found an unknown member, expected one of {all}"),
            "/origins/4/before: found a number, expected whole seconds since 1970".to_owned(),
            "/origins/4/keys: found a string, expected an array".to_owned(),
            "/origins/4/tokens/0: found null, expected a string".to_owned(),
            "/origins/4/subjects/0: found a number, expected an object".to_owned(),
            "/origins/4/subjects/1: found an object without subject or before, expected a subject, or an object of subject, before"
                .to_owned(),
            "/origins/4/subjects/2: found an object without subject or before, expected a subject, or an object of subject, before"
                .to_owned(),
            "/origins/4/subjects/3/subject: found a number, expected a string".to_owned(),
            "/origins/4/subjects/4: found an unknown member, expected one of subject, before".to_owned(),
            "/all_before: found a string, expected whole seconds since 1970".to_owned(),
        ];
        assert_eq!(faults(text), expected);
        let many = format!(r#"{{"origins":[{}1]}}"#, "1,".repeat(999));
        let many = faults(&many);
        assert_eq!(many.len(), limits::NAMED_FAULTS + 1);
        assert_eq!(many[limits::NAMED_FAULTS], "the document: found 900 more faults, expected none");
    }

    #[test]
    fn text_that_is_no_document() {
        for text in
            ["", "secret", "{\"secret\":", "[]", "null", r#"{"origins":[],"origins":[]}"#, "{} {}", "\u{feff}{}"]
        {
            let found = faults(text);
            assert!(found.len() == 1 && !found[0].contains("secret"), "{text}: {found:?}");
        }
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(
            faults(&deep),
            ["the document: found a value at level 33, expected at most 32 levels (limit document_depth)"]
        );
        let number = format!("{{\"secret\":{}}}", "1".repeat(33));
        assert_eq!(
            faults(&number),
            [
                "the document: found a number of more than 32 bytes, expected at most 32 bytes in a number (limit json_number_bytes)"
            ]
        );
    }

    #[test]
    fn a_long_list_is_read() -> Result<(), Vec<PolicyFault>> {
        let tokens: Vec<String> = (0..100_000).map(|number| format!("\"t{number}\"")).collect();
        let text = format!(r#"{{"origins":[{{"issuer":"a","tokens":[{}]}}]}}"#, tokens.join(","));
        assert_eq!(RevocationDocument::read(text.as_bytes())?.build().names(), 100_000);
        Ok(())
    }
}

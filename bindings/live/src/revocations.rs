//! What is revoked, as operators write it: one document for every host, whether it is pushed, in a file, in settings or fetched.
//!
//! ```json
//! {"all_before":N,"origins":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],
//!  "subjects":["sub",{"subject":"sub","before":N}],"tokens":["jti"]}]}
//! ```
//!
//! Unknown members are faults: a misspelt one must not leave in force what was to be revoked.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use countersign::engine::{PolicyDocument, PolicyFault};
use countersign::jose::json::{self, Budget, JsonFault, Value};
use countersign::limits;
use countersign::memory::revocation::{Revocations, RevocationsBuilder};
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

/// A document may name a million tokens, so only its bytes bound it.
const BUDGET: Budget = Budget { members: limits::POLICY_DOCUMENT_BYTES, ..Budget::POLICY };

/// How many faults of one document are told: a long list may be wrong in every line.
const MOST_FAULTS: usize = 16;

impl RevocationDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// Where, what was found, what was expected; never an empty list. No value or name of the input is in it, which may be a token
    /// that stands in the wrong place.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<PolicyFault>> {
        json::parse(bytes, BUDGET)
            .map_err(|fault| alloc::vec![not_json(bytes, fault)])
            .and_then(|root| Self::from_value(root, ""))
    }

    /// Reads a document that is part of another one and stands at `pointer` there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_value(value: Value<'_>, pointer: &str) -> Result<Self, Vec<PolicyFault>> {
        let mut reader = Reader::default();
        let document = reader.document(value, &pointer);
        if reader.faults.is_empty() { Ok(document) } else { Err(reader.faults) }
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

/// Faults as one line of a log.
#[must_use]
pub fn one_line(faults: &[PolicyFault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

fn not_json(text: &[u8], fault: JsonFault) -> PolicyFault {
    let (found, expected) = match fault {
        JsonFault::Malformed { at, expected } => {
            (format!("text that is not JSON at byte {}", at + 1), expected.to_owned())
        }
        JsonFault::Limit => {
            // Without the pointer, which holds names of the input.
            let PolicyFault { found, expected, .. } = PolicyFault::of_json_within(text, fault, BUDGET);
            (found, expected)
        }
    };
    PolicyFault { pointer: String::new(), found, expected }
}

/// A JSON pointer; written only for a fault, since a list may be long.
type Pointer<'p> = &'p dyn Display;

/// What stands below another place.
struct Below<'p, T>(Pointer<'p>, T);

impl<T: Display> Display for Below<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

#[derive(Default)]
struct Reader {
    faults: Vec<PolicyFault>,
}

impl Reader {
    fn fault(&mut self, pointer: Pointer<'_>, found: &str, expected: &str) {
        if self.faults.len() < MOST_FAULTS {
            let (pointer, found, expected) = (pointer.to_string(), found.to_owned(), expected.to_owned());
            self.faults.push(PolicyFault { pointer, found, expected });
        }
    }

    /// The members of an object that has these and no others, in one pass.
    fn object<'a, const N: usize>(
        &mut self,
        value: Value<'a>,
        pointer: Pointer<'_>,
        names: [&str; N],
    ) -> Option<[Option<Value<'a>>; N]> {
        let Some(object) = value.as_object() else {
            self.fault(pointer, value.kind(), &format!("an object of {}", names.join(", ")));
            return None;
        };
        let (mut found, mut unknown) = ([None; N], false);
        for (name, value) in object.members() {
            match names.iter().zip(&mut found).find(|(known, _)| name.is(known)) {
                Some((_, place)) => *place = Some(value),
                None => unknown = true,
            }
        }
        if unknown {
            self.fault(pointer, "an unknown member", &format!("an object of {}", names.join(", ")));
        }
        Some(found)
    }

    /// What `read` makes of each element of an array, if it is there.
    fn each<T>(
        &mut self,
        value: Option<Value<'_>>,
        pointer: Pointer<'_>,
        mut read: impl FnMut(&mut Self, Value<'_>, Pointer<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut all = Vec::new();
        match value {
            None => {}
            Some(Value::Array(array)) => {
                for (place, element) in array.elements().enumerate() {
                    all.extend(read(self, element, &Below(pointer, place)));
                }
            }
            Some(other) => self.fault(pointer, other.kind(), "an array"),
        }
        all
    }

    fn text(&mut self, value: Value<'_>, pointer: Pointer<'_>) -> Option<String> {
        if value.as_string().is_none() {
            self.fault(pointer, value.kind(), "a string");
        }
        value.as_string().map(json::JsonString::to_owned_string)
    }

    fn moment(&mut self, value: Option<Value<'_>>, pointer: Pointer<'_>) -> Option<UnixSeconds> {
        let value = value?;
        let seconds = if let Value::Number(number) = value { number.as_u64() } else { None };
        if seconds.is_none() {
            self.fault(pointer, value.kind(), "whole seconds since 1970");
        }
        seconds.map(UnixSeconds::new)
    }

    fn document(&mut self, value: Value<'_>, pointer: Pointer<'_>) -> RevocationDocument {
        let Some([all_before, origins]) = self.object(value, pointer, ["all_before", "origins"]) else {
            return RevocationDocument::default();
        };
        RevocationDocument {
            all_before: self.moment(all_before, &Below(pointer, "all_before")),
            origins: self.each(origins, &Below(pointer, "origins"), Self::origin),
        }
    }

    fn origin(&mut self, value: Value<'_>, pointer: Pointer<'_>) -> Option<RevokedOrigin> {
        let names = ["issuer", "trust_domain", "before", "keys", "subjects", "tokens"];
        let [issuer, trust_domain, before, keys, subjects, tokens] = self.object(value, pointer, names)?;
        let issuer = issuer.and_then(|name| self.text(name, &Below(pointer, "issuer")));
        let trust_domain = trust_domain.and_then(|name| self.text(name, &Below(pointer, "trust_domain")));
        let origin = match (issuer, trust_domain) {
            (Some(name), None) => Some(Origin::Issuer(name)),
            (None, Some(name)) => Some(Origin::TrustDomain(name)),
            _ => {
                self.fault(pointer, "none or both", "one of issuer, trust_domain");
                None
            }
        };
        let before = self.moment(before, &Below(pointer, "before"));
        let keys = self.each(keys, &Below(pointer, "keys"), Self::text);
        let subjects = self.each(subjects, &Below(pointer, "subjects"), Self::subject);
        let tokens = self.each(tokens, &Below(pointer, "tokens"), Self::text);
        Some(RevokedOrigin { origin: origin?, before, keys, subjects, tokens })
    }

    fn subject(&mut self, value: Value<'_>, pointer: Pointer<'_>) -> Option<(String, Option<UnixSeconds>)> {
        if value.as_string().is_some() {
            return Some((self.text(value, pointer)?, None));
        }
        let [subject, before] = self.object(value, pointer, ["subject", "before"])?;
        let (Some(subject), Some(_)) = (subject, before) else {
            // Without its moment it would be revoked for good, which is not what was written.
            self.fault(pointer, "an object without subject or before", "a subject, or an object of subject, before");
            return None;
        };
        let before = self.moment(before, &Below(pointer, "before"));
        Some((self.text(subject, &Below(pointer, "subject"))?, Some(before?)))
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use countersign::memory::revocation::{Presented, RevokedBy};

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
            "the document: found an unknown member, expected an object of all_before, origins".to_owned(),
            "/all_before: found string, expected whole seconds since 1970".to_owned(),
            "/origins/0: found none or both, expected one of issuer, trust_domain".to_owned(),
            "/origins/1: found none or both, expected one of issuer, trust_domain".to_owned(),
            format!("/origins/2: found array, expected an object of {all}"),
            "/origins/3/issuer: found number, expected a string".to_owned(),
            "/origins/3: found none or both, expected one of issuer, trust_domain".to_owned(),
            format!("/origins/4: found an unknown member, expected an object of {all}"),
            "/origins/4/before: found number, expected whole seconds since 1970".to_owned(),
            "/origins/4/keys: found string, expected an array".to_owned(),
            "/origins/4/subjects/0: found number, expected an object of subject, before".to_owned(),
            "/origins/4/subjects/1: found an object without subject or before, expected a subject, or an object of subject, before"
                .to_owned(),
            "/origins/4/subjects/2: found an object without subject or before, expected a subject, or an object of subject, before"
                .to_owned(),
            "/origins/4/subjects/3/subject: found number, expected a string".to_owned(),
            "/origins/4/subjects/4: found an unknown member, expected an object of subject, before".to_owned(),
            "/origins/4/tokens/0: found null, expected a string".to_owned(),
        ];
        assert_eq!(faults(text), expected);
        let many = format!(r#"{{"origins":[{}1]}}"#, "1,".repeat(1000));
        assert_eq!(faults(&many).len(), MOST_FAULTS);
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
        assert_eq!(faults(&deep), ["the document: found a value at level 33, expected at most 32 levels"]);
        let number = format!("{{\"secret\":{}}}", "1".repeat(33));
        assert_eq!(
            faults(&number),
            ["the document: found a number of 33 bytes, expected at most 32 bytes in a number"]
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

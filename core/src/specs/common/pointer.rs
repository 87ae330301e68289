//! Claims that a policy names by JSON Pointer (RFC 6901), beside those of the table.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use crate::jose::json::{JsonObject, Value};
use crate::limits;
use crate::record::RulesNumber;

/// A JSON Pointer into the claims of a token, its segments without their escapes; without any, the whole payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPointer {
    segments: Vec<Box<str>>,
}

impl ClaimPointer {
    /// Reads a pointer (RFC 6901 §3): `/` before each segment; `~0` is `~`, `~1` is `/`, and no other `~` is allowed.
    ///
    /// At most [`limits::POINTER_SEGMENTS`] segments. An index into an array is a segment of digits without leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        if text.is_empty() {
            return Some(Self { segments });
        }
        for segment in text.strip_prefix('/')?.split('/') {
            if segments.len() == limits::POINTER_SEGMENTS {
                return None;
            }
            let mut plain = String::new();
            let mut parts = segment.split('~');
            plain.push_str(parts.next()?);
            for part in parts {
                let (escaped, rest) = (part.chars().next()?, part.get(1..)?);
                plain.push(match escaped {
                    '0' => '~',
                    '1' => '/',
                    _ => return None,
                });
                plain.push_str(rest);
            }
            segments.push(plain.into_boxed_str());
        }
        Some(Self { segments })
    }

    /// Goes on from the value of the first segment.
    fn descend<'a>(&self, mut value: Value<'a>) -> Option<Value<'a>> {
        for segment in self.segments.iter().skip(1) {
            value = match value {
                Value::Object(object) => object.member(segment)?,
                Value::Array(array) => array.elements().nth(index(segment)?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// RFC 6901 §4: digits without a leading zero.
fn index(segment: &str) -> Option<usize> {
    let plain = segment == "0" || (!segment.starts_with('0') && segment.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { segment.parse().ok() } else { None }
}

/// The claims that the policies of a document name, each once; a record keeps them under their places here.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedClaims {
    pointers: Vec<ClaimPointer>,
    /// How many entries of policies have rules for claims.
    rules: u16,
}

impl NamedClaims {
    /// The slot of `pointer`; `None` where [`limits::NAMED_CLAIMS`] others are named.
    pub(crate) fn slot(&mut self, pointer: &ClaimPointer) -> Option<u8> {
        let known = self.pointers.iter().position(|known| known == pointer);
        let place = known.unwrap_or(self.pointers.len());
        if place >= limits::NAMED_CLAIMS {
            return None;
        }
        if known.is_none() {
            self.pointers.push(pointer.to_owned());
        }
        u8::try_from(place).ok()
    }

    /// A number for the rules of one more entry; `None` where there are no more numbers.
    pub(crate) fn next_rules(&mut self) -> Option<RulesNumber> {
        self.rules = self.rules.saturating_add(1);
        NonZeroU16::new(self.rules).filter(|number| *number < NonZeroU16::MAX).map(RulesNumber)
    }

    /// How many claims are named.
    pub(crate) fn count(&self) -> usize {
        self.pointers.len()
    }

    /// Whether no policy names a claim.
    pub(crate) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// Hands each claim that `payload` has to `found`, with its slot. Walks over the payload's members once, and copies nothing.
    pub(crate) fn find_in<'a>(&self, payload: JsonObject<'a>, found: &mut dyn FnMut(u8, Value<'a>)) {
        for (slot, _) in (0u8..).zip(&self.pointers).filter(|(_, pointer)| pointer.segments.is_empty()) {
            found(slot, Value::Object(payload));
        }
        for (name, value) in payload.members() {
            for (slot, pointer) in (0u8..).zip(&self.pointers) {
                if pointer.segments.first().is_some_and(|first| name.is(first))
                    && let Some(value) = pointer.descend(value)
                {
                    found(slot, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::json::{self, Budget};

    #[test]
    fn a_pointer_is_read_by_the_letter() {
        for good in ["", "/a", "/", "/a/b", "/a~1b/~0c", "/a/0"] {
            assert!(ClaimPointer::parse(good).is_some(), "{good}");
        }
        for bad in ["a", "/~", "/~2", "/a~", &"/a".repeat(limits::POINTER_SEGMENTS + 1)] {
            assert!(ClaimPointer::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn claims_are_found_as_serde_json_would() {
        let text = r#"{"a":{"b":[1,{"c":"x"}],"~":2,"/":3},"":4,"d":null}"#;
        let payload = json::parse(text.as_bytes(), Budget::TOKEN).unwrap().as_object().unwrap();
        for (pointer, expected) in [
            ("/a/b/1/c", Some("x")),
            ("/a/b/0", Some("1")),
            ("/a/b/01", None),
            ("/a/b/2", None),
            ("/a/~0", Some("2")),
            ("/a/~1", Some("3")),
            ("/", Some("4")),
            ("/d", Some("null")),
            ("/e", None),
            ("/d/x", None),
            ("", Some(text)),
        ] {
            let mut names = NamedClaims::default();
            assert_eq!(names.slot(&ClaimPointer::parse(pointer).unwrap()), Some(0));
            let mut found = None;
            names.find_in(payload, &mut |slot, value| {
                assert_eq!(slot, 0);
                found = value.json().map(ToOwned::to_owned).or_else(|| Some(value.as_string()?.to_owned_string()));
            });
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
    }

    #[test]
    fn slots_are_bounded_and_given_once() {
        let mut names = NamedClaims::default();
        for place in 0..limits::NAMED_CLAIMS {
            let pointer = ClaimPointer::parse(&alloc::format!("/{place}")).unwrap();
            assert_eq!(names.slot(&pointer), u8::try_from(place).ok());
            assert_eq!(names.slot(&pointer), u8::try_from(place).ok());
        }
        assert_eq!(names.slot(&ClaimPointer::parse("/one more").unwrap()), None);
    }
}

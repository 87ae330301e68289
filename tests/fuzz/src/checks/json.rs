//! The JSON reader beside `serde_json`: both take a text or both refuse it, and they read the same. The differences:
//!
//! - a limit of Countersign (RFC 8259 §9 allows them): depth, members, length of a number;
//! - a repeated name, which we refuse (RFC 7519 §4) and `serde_json` keeps the last of;
//! - a number beyond the range of a double, which is JSON and which `serde_json` refuses;
//! - nesting beyond 128, where `serde_json` gives up;
//! - the last digits of a double, which `serde_json` rounds roughly.

use countersign::JsonError;
use countersign::internal::jose::json::{self, Budget, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// What the reader expects where a name is repeated.
const NAME_NOT_REPEATED: &str = "a name that is not repeated";

/// A value with all members of its objects, repeated ones too.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Bool(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Number(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Number(value.into()))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
                serde_json::Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("not finite"))
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::String(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = access.next_element()? {
                    elements.push(element);
                }
                Ok(Node::Array(elements))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Node::Object(members))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl Node {
    fn repeats_a_name(&self) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(Self::repeats_a_name),
            Self::Object(members) => {
                let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                names.windows(2).any(|pair| pair[0] == pair[1])
                    || members.iter().any(|(_, value)| value.repeats_a_name())
            }
            _ => false,
        }
    }

    fn is_same(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(theirs), Value::Bool(ours)) => *theirs == ours,
            (Self::Number(theirs), Value::Number(ours)) => {
                // A whole number that fits is the same; any other is compared as a double.
                match (theirs.as_u64(), ours.as_u64()) {
                    (Some(theirs), Some(ours)) => theirs == ours,
                    (None, Some(_)) => false,
                    (_, None) => match (ours.text().parse::<f64>(), theirs.as_f64()) {
                        (Ok(ours), Some(theirs)) => (ours - theirs).abs() <= ours.abs() * 4.0 * f64::EPSILON,
                        _ => false,
                    },
                }
            }
            (Self::String(theirs), Value::String(ours)) => {
                ours.to_owned_string() == *theirs && ours.is(theirs) && ours.chars().eq(theirs.chars())
            }
            (Self::Array(theirs), Value::Array(ours)) => {
                ours.elements().count() == theirs.len()
                    && theirs.iter().zip(ours.elements()).all(|(theirs, ours)| theirs.is_same(ours))
            }
            (Self::Object(theirs), Value::Object(ours)) => {
                ours.members().count() == theirs.len()
                    && theirs
                        .iter()
                        .zip(ours.members())
                        .all(|((name, theirs), (our_name, ours))| our_name.is(name) && theirs.is_same(ours))
                    && theirs.iter().all(|(name, theirs)| ours.member(name).is_some_and(|ours| theirs.is_same(ours)))
            }
            _ => false,
        }
    }
}

pub fn check(text: &[u8]) -> bool {
    let theirs = serde_json::from_slice::<Node>(text);
    for budget in [Budget::TOKEN, Budget::TRUST, Budget::POLICY] {
        match (json::parse(text, budget), &theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert!(!theirs.repeats_a_name(), "a repeated name passes");
                assert!(theirs.is_same(ours), "{ours:?} is not {theirs:?}");
            }
            (Err(JsonError::Limit { .. }), _) => {}
            (Err(JsonError::Malformed { expected, .. }), Ok(theirs)) => {
                assert!(expected == NAME_NOT_REPEATED && theirs.repeats_a_name(), "refused, expected {expected}");
            }
            (Ok(_), Err(fault)) => {
                let fault = fault.to_string();
                assert!(
                    fault.contains("number out of range") || fault.contains("recursion limit"),
                    "accepted: {fault}"
                );
            }
            (Err(JsonError::Malformed { at, .. }), Err(_)) => assert!(at <= text.len()),
        }
    }
    json::parse(text, Budget::TOKEN).is_ok()
}

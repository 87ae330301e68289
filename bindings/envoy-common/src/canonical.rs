//! One spelling of a JSON text: two texts have the same one if they hold the same values, in whatever order their members come.
//!
//! Envoy keeps a `Struct` as a hash map, so equal settings come with their members in any order.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::JsonString;
use countersign::internal::document::DocumentKind;
use countersign::internal::jose::json::Value;

/// The one spelling of `text`, to be compared or hashed, not to be read; `None` if it is not JSON, or larger than a policy document may be.
#[must_use]
pub fn canonical(text: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    write(DocumentKind::Settings.parse(text).ok()?, &mut out);
    Some(out)
}

/// As deep as the budget lets the text nest.
fn write(value: Value<'_>, out: &mut String) {
    match value {
        Value::String(text) => write_text(text, out),
        Value::Number(number) => out.push_str(&format!("#{};", number.text())),
        Value::Bool(flag) => out.push(if flag { 't' } else { 'f' }),
        Value::Null => out.push('n'),
        Value::Array(array) => {
            out.push('[');
            for element in array.elements() {
                write(element, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            // No two names are equal: such a text is not read.
            let mut members: Vec<(String, Value<'_>)> =
                object.members().map(|(name, value)| (name.to_owned_string(), value)).collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            out.push('{');
            for (name, value) in members {
                out.push_str(&format!("{}:{name}", name.len()));
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// With its length in front, so that no text can look like what follows it.
fn write_text(text: JsonString<'_>, out: &mut String) {
    let text = text.to_owned_string();
    out.push_str(&format!("{}:{text}", text.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_have_one_spelling() {
        let one = br#"{"a":{"x":[1,"2",null],"y":true},"b":"\u0041"}"#;
        for same in [
            br#"{"b":"A","a":{"y":true,"x":[1,"2",null]}}"#.as_slice(),
            br#" { "a" : { "y" : true , "x" : [ 1 , "2" , null ] } , "b" : "A" } "#,
        ] {
            assert_eq!(canonical(one), canonical(same));
        }
        assert!(canonical(one).is_some());
    }

    #[test]
    fn other_values_have_another_one() {
        let texts: [&[u8]; 14] = [
            b"{}",
            b"[]",
            b"null",
            b"\"\"",
            b"0",
            b"true",
            b"false",
            br#"{"a":"b"}"#,
            br#"{"a":["b"]}"#,
            br#"["a","b"]"#,
            br#"["ab",""]"#,
            br#"["a1:b"]"#,
            br#"[["a"],"b"]"#,
            br#"{"a":"b","c":"d"}"#,
        ];
        for (place, one) in texts.iter().enumerate() {
            for (other_place, other) in texts.iter().enumerate() {
                assert_eq!(canonical(one) == canonical(other), place == other_place, "{one:?} {other:?}");
            }
        }
        for text in [b"".as_slice(), b"{", br#"{"a":1,"a":1}"#] {
            assert_eq!(canonical(text), None);
        }
    }
}

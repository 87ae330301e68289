//! What holds for every reader of documents that collects faults.

use countersign::PolicyError;
use countersign::internal::printable::is_printable;
use serde_json::Value;

/// Each fault points to a value of the document, or names a member that is not there. Its line can be written to a log.
pub fn check_faults(text: &[u8], faults: &[PolicyError]) {
    assert!(!faults.is_empty(), "refused without a fault");
    for fault in faults {
        assert!(!fault.found.is_empty() && !fault.expected.is_empty(), "{fault:?}");
        assert!(is_printable(&fault.to_string()), "{fault:?}");
    }
    // A document that `serde_json` cannot read has no values to point to; one that repeats a name has too many.
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return };
    for fault in faults {
        let points_to_a_value = document.pointer(&fault.pointer).is_some();
        let parent = fault.pointer.rsplit_once('/').and_then(|(parent, _)| document.pointer(parent));
        assert!(points_to_a_value || parent.is_some_and(Value::is_object), "{fault:?} in {document}");
    }
}

/// The same document with every string written as escapes and without white space, if it is JSON.
///
/// RFC 8259 §8.3: strings are equal by their characters, however they are written.
pub fn respelled(text: &[u8]) -> Option<Vec<u8>> {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).ok()?;
    let mut rest = core::str::from_utf8(text).ok()?;
    let mut out = String::with_capacity(text.len() * 6);
    while let Some(next) = rest.chars().next() {
        if next != '"' {
            if !next.is_ascii_whitespace() {
                out.push(next);
            }
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let mut escaped = false;
        let end = rest[1..].find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        })? + 2;
        let string: String = serde_json::from_str(&rest[..end]).ok()?;
        out.push('"');
        for unit in string.encode_utf16() {
            out.push_str(&format!("\\u{unit:04X}"));
        }
        out.push('"');
        rest = &rest[end..];
    }
    Some(out.into_bytes())
}

/// Where the faults are, in order.
pub fn pointers(faults: &[PolicyError]) -> Vec<&str> {
    faults.iter().map(|fault| fault.pointer.as_str()).collect()
}

//! Texts of others as JSON strings that are also fit for a terminal.

use std::fmt::Write;

use countersign_live::printable::is_tricky;
pub(crate) use countersign_live::printable::{counted, printable};

/// `text` as a JSON string that is also fit for a terminal.
pub(crate) fn json_string(out: &mut String, text: impl Iterator<Item = char>) {
    out.push('"');
    for c in text {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if is_tricky(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_escaped_and_json_stays_json() {
        let mut out = String::new();
        json_string(&mut out, "\"\\\n\u{e0001}é".chars());
        assert_eq!(out, r#""\"\\\u000a\udb40\udc01é""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "\"\\\n\u{e0001}é");
    }
}

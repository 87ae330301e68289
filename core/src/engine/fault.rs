//! What is wrong with a policy document, or with the settings of a host around one.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::jose::json::{JsonFault, MAX_DEPTH, Value};
use crate::printable::{is_tricky, quoted};

/// One fault of a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where: a JSON pointer, empty for the document itself.
    pub pointer: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str("the document")?;
        }
        // Names come from the document: a line feed or a terminal sequence in one must not reach the log.
        for c in self.pointer.chars() {
            if is_tricky(c) { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

impl core::error::Error for PolicyFault {}

impl PolicyFault {
    /// A text that is not JSON, or too much of it.
    #[must_use]
    pub fn of_json(text: &[u8], fault: JsonFault) -> Self {
        let (found, expected) = match fault {
            JsonFault::Malformed { at, expected } => {
                (format!("text that is not JSON at byte {at} ({})", place(text, at)), expected.to_owned())
            }
            JsonFault::Limit => ("JSON that is too deep or too wide".to_owned(), format!("at most {MAX_DEPTH} levels")),
        };
        Self { pointer: String::new(), found, expected }
    }

    /// The pointer to the member `name` of what `pointer` points to. RFC 6901 §3: `~` is written `~0` and `/` is written `~1`.
    #[must_use]
    pub fn member(pointer: &str, name: &str) -> String {
        let mut member = format!("{pointer}/");
        for c in name.chars() {
            match c {
                '~' => member.push_str("~0"),
                '/' => member.push_str("~1"),
                c => member.push(c),
            }
        }
        member
    }

    /// What a value is, short enough for one line of a log.
    #[must_use]
    pub fn describe(value: Value<'_>) -> String {
        match value {
            Value::String(text) => quoted(&text.to_owned_string()),
            Value::Number(number) => number.text().to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null => "null".to_owned(),
            Value::Array(array) if array.elements().next().is_none() => "an empty array".to_owned(),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        }
    }
}

/// Line and column of a byte, for people.
fn place(text: &[u8], at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("line {line}, column {column}")
}

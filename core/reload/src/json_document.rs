//! JSON of operators and clients by strict types, with errors that never repeat a byte of the input.

use serde::de::DeserializeOwned;

/// Reads one document.
///
/// # Errors
/// A sentence with the position and the expected value, without any value or name of the input.
pub fn read<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, String> {
    serde_json::from_str(utf8(bytes)?).map_err(|error| describe(&error))
}

/// The text of a document.
///
/// # Errors
/// The index at which it stops being UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))
}

/// An error as a sentence without any value or name of the input, which may be a token in the wrong place.
#[must_use]
pub fn describe(error: &serde_json::Error) -> String {
    let place = match error.line() {
        0 | 1 => format!("column {}", error.column()),
        line => format!("line {line}, column {}", error.column()),
    };
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if !error.is_data() {
        return format!("not JSON at {place}: {text}"); // these texts are fixed ones
    }
    // The words of this crate follow the last `, expected `; the value that was found precedes it.
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| format!(", expected {expected}"));
    let expected = expected.unwrap_or_default().replace("a tuple of size 2", "a name and a value");
    let found = if text.starts_with("missing field") || text.starts_with("duplicate field") {
        return text.replace("field", "member"); // the name is a Rust field
    } else if text.starts_with("unknown field") {
        "an unknown member"
    } else if text.starts_with("invalid type") {
        "a value of the wrong type"
    } else {
        "an unsuitable value"
    };
    format!("{found} at {place}{expected}")
}

//! Texts of others with unprintable characters escaped.

use countersign::internal::printable::{write_json, write_json_string};
pub(crate) use countersign_reload::printable::{counted, printable};

/// `text` as a JSON string that is also fit for a terminal.
pub(crate) fn json_string(out: &mut String, text: impl Iterator<Item = char>) {
    let _infallible = write_json_string(out, text);
}

/// A JSON document without any character that is not printable.
pub(crate) fn json_text(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let _infallible = write_json(&mut out, document);
    out
}

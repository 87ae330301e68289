//! Texts of others, and how many there are of something, in words for a log.

use alloc::format;
use alloc::string::String;

pub use countersign::internal::printable::{is_tricky, printable};

/// `1 key`, `2 keys`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

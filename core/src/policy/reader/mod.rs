//! Reads JSON documents of operators and collects every fault, each with its JSON pointer.
//!
//! The policy document, revocations and the settings of hosts are read by one [`Reader`]. It never stops at the first fault, and an
//! unknown member is a fault: a misspelt condition must not vanish.
//!
//! ```
//! use countersign::internal::document::DocumentKind;
//! use countersign::internal::policy::reader::{Pointer, Reader};
//!
//! let mut reader = Reader::new();
//! let text = br#"{"seconds": 0, "mood": 1}"#;
//! let seconds = reader.parse(text, DocumentKind::Settings).and_then(|root| {
//!     let members = reader.members(&Pointer::Root, root, &["seconds"])?;
//!     Some(reader.number(&members, "seconds", 60, (1, 300)))
//! });
//! let faults: Vec<String> = reader.finish(seconds).unwrap_err().iter().map(ToString::to_string).collect();
//! assert_eq!(faults, [
//!     "/mood: found an unknown member, expected one of seconds",
//!     "/seconds: found 0, expected a whole number from 1 to 300",
//! ]);
//! ```

mod algorithms;
mod authority;
mod fault;
mod locate;
mod members;
mod pointer;
mod uri;
mod values;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::document::{DocumentFault, DocumentKind};
use crate::hash_index::HashIndex;
use crate::jose::json::Value;
use crate::limits;
use crate::printable::quoted;

pub(super) use authority::TRUST_DOMAIN;
pub use fault::PolicyError;
pub use members::Members;
pub use pointer::Pointer;
pub(super) use values::is_name_byte;

/// The value found where a member is absent.
pub const NOTHING: &str = "nothing";

/// Reads one document and collects its faults.
#[derive(Debug)]
pub struct Reader {
    faults: Vec<PolicyError>,
    /// The places of the faults by their pointers.
    by_pointer: HashIndex,
    /// How many faults more there are than are kept.
    left_out: usize,
    most: usize,
    /// Whether faults may quote values and unknown names of the document.
    quotes: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader whose faults quote the values found.
    #[must_use]
    pub fn new() -> Self {
        Self {
            faults: Vec::new(),
            by_pointer: HashIndex::default(),
            left_out: 0,
            most: limits::NAMED_FAULTS,
            quotes: true,
        }
    }

    /// A reader whose faults repeat no value and no unknown name of the document, which may be a token or key in the wrong place.
    #[must_use]
    pub fn without_quotes() -> Self {
        Self { quotes: false, ..Self::new() }
    }

    /// Records a fault. One that is recorded already is not recorded again: a condition may be read once for each kind that it must suit.
    pub fn fault(&mut self, at: &Pointer<'_>, found: impl Into<String>, expected: impl Into<String>) {
        self.add(PolicyError { pointer: at.to_string(), found: found.into(), expected: expected.into() });
    }

    /// Records a fault of a document inside this one, see [`fault`](Self::fault).
    pub fn add(&mut self, fault: PolicyError) {
        if self.faults.len() >= self.most {
            self.left_out += 1;
            return;
        }
        let Self { faults, by_pointer, .. } = self;
        if by_pointer.find(&fault.pointer, |place| faults.get(place) == Some(&fault)).is_some() {
            return;
        }
        let pointer = |place: usize| faults.get(place).map_or("", |known| known.pointer.as_str());
        by_pointer.add(&fault.pointer, faults.len(), pointer);
        faults.push(fault);
    }

    /// Records that `value` is not the expected one.
    pub fn unexpected(&mut self, at: &Pointer<'_>, value: Value<'_>, expected: &str) {
        let found = self.describe(value);
        self.fault(at, found, expected);
    }

    /// How many faults there are so far.
    #[must_use]
    pub const fn fault_count(&self) -> usize {
        self.faults.len().saturating_add(self.left_out)
    }

    /// The result, if there is no fault.
    ///
    /// # Errors
    /// Every fault, in the order in which they were found, and how many more there are where the list would be too long; empty only where
    /// `read` is `None` without a fault.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Vec<PolicyError>> {
        if self.left_out > 0 {
            let found = format!("{} more faults", self.left_out);
            self.faults.push(PolicyError { pointer: String::new(), found, expected: "none".to_owned() });
        }
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(self.faults),
        }
    }

    /// The value of a text of this kind.
    pub fn parse<'a>(&mut self, text: &'a [u8], kind: DocumentKind) -> Option<Value<'a>> {
        match kind.parse(text) {
            Ok(root) => Some(root),
            Err(DocumentFault::TooLong { bytes, most }) => {
                self.fault(&Pointer::Root, format!("{bytes} bytes"), most.of("bytes").to_string());
                None
            }
            Err(DocumentFault::Json(fault)) => {
                self.add(if self.quotes {
                    PolicyError::of_json(text, fault)
                } else {
                    PolicyError::of_json_unquoted(text, fault)
                });
                None
            }
        }
    }

    /// What a value is, short enough for one line of a log.
    #[must_use]
    pub fn describe(&self, value: Value<'_>) -> String {
        let kind = match value {
            Value::String(text) if self.quotes => return quoted(&text.to_owned_string()),
            Value::Number(number) if self.quotes => return number.text().to_owned(),
            Value::Bool(flag) if self.quotes => return flag.to_string(),
            Value::String(_) => "a string",
            Value::Number(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Null => "null",
            Value::Array(array) if array.elements().next().is_none() => "an empty array",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        kind.to_owned()
    }
}

#[cfg(test)]
mod tests;

//! A fault of a policy document, of revocations, or of the settings of a host.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::jose::json::{JsonError, JsonLimit, NAME_NOT_REPEATED};
use crate::policy::reader::locate::{Open, place};
use crate::policy::reader::pointer;
use crate::printable::{quoted, write_printable};

/// One fault of a policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where: a JSON pointer, empty for the document itself.
    pub pointer: String,
    /// The value found.
    pub found: String,
    /// The value expected.
    pub expected: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str("the document")?;
        }
        // Names come from the document: a line feed or a terminal sequence in one must not reach the log.
        for part in [&self.pointer, ": found ", &self.found, ", expected ", &self.expected] {
            write_printable(f, part)?;
        }
        Ok(())
    }
}

impl core::error::Error for PolicyError {}

impl PolicyError {
    /// A text that is not JSON, or more of it than a budget allows; `fault` is that of a scan of `text`.
    #[must_use]
    #[doc(hidden)]
    pub fn of_json(text: &[u8], fault: JsonError) -> Self {
        let unquoted = Self::of_json_unquoted(text, fault);
        match fault {
            JsonError::Malformed { at, expected: NAME_NOT_REPEATED } => {
                let open = Open::at(text, at + 1);
                let found = format!("a second member {} ({})", quoted(&open.name()), place(text, at));
                Self { pointer: open.pointer(), found, expected: "each member once".to_owned() }
            }
            JsonError::Malformed { .. } => unquoted,
            // The bracket of a value that is too deep opens nothing.
            JsonError::Limit { at, of: JsonLimit::Depth, .. } => {
                Self { pointer: Open::at(text, at).pointer(), ..unquoted }
            }
            JsonError::Limit { at, .. } => Self { pointer: Open::at(text, at + 1).pointer(), ..unquoted },
        }
    }

    /// The same without any name of the document, and so without a pointer.
    pub(super) fn of_json_unquoted(text: &[u8], fault: JsonError) -> Self {
        let (mut found, mut expected) = (String::new(), String::new());
        // A string takes whatever is written.
        let _ = fault.write_found(&mut found);
        let _ = fault.write_expected(&mut expected);
        if let JsonError::Malformed { at, .. } = fault {
            found += &format!(" ({})", place(text, at));
        }
        Self { pointer: String::new(), found, expected }
    }

    /// The pointer to the member `name` of the object at `pointer`. RFC 6901 §3: `~` is written `~0` and `/` is written `~1`.
    #[must_use]
    pub fn member(pointer: &str, name: &str) -> String {
        pointer::member(pointer, name)
    }
}

//! Lines for the caller's log, one at a time, beside the result of a call.

use std::ffi::c_void;

use countersign::internal::printable::printable;

use crate::text::countersign_str;

/// A function that takes lines for the host's log: faults of a policy, files that cannot be used, keys that are dropped.
///
/// It is called on the calling thread, before the call that was given it returns. A line names files, authorities and places
/// in documents, and holds no byte of a token. Controls, line feeds and invisible characters in it are written as `\u{…}`. It must not unwind and must not call back into the same handle.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct countersign_notice {
    /// Receives one line, valid until it returns. NULL: lines are dropped.
    pub report: Option<unsafe extern "C" fn(context: *mut c_void, line: countersign_str<'_>)>,
    /// Passed to `report` unchanged.
    pub context: *mut c_void,
}

impl countersign_notice {
    pub(crate) fn report(&self, line: &str) {
        if let Some(report) = self.report {
            debug_assert!(!line.is_empty());
            // Names of documents and files may hold anything, and no host must have to look for that.
            let line = printable(line);
            // SAFETY: the caller gave a function of this type, and lends its context for the time of the call.
            unsafe { report(self.context, countersign_str::of(&line)) };
        }
    }
}

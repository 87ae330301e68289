//! Whether Envoy may take traffic. Where its bootstrap names this module as an extension, it waits for the first documents of the
//! filters' configurations: none of its first requests is refused for want of keys.

use std::sync::{Mutex, PoisonError};

use countersign::PolicyError;
use countersign::internal::document::DocumentKind;
use countersign::internal::policy::reader::{Pointer, Reader};

use crate::host::Wake;

/// The report to the bootstrap extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitSettings {
    /// How long Envoy waits at most.
    pub(crate) wait_seconds: u64,
}

const DEFAULT_WAIT_SECONDS: u64 = 30;

impl WaitSettings {
    /// Reads the extension's configuration; an empty text is one without any setting.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub(crate) fn read(text: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let text = if text.is_empty() { b"{}" } else { text };
        let mut reader = Reader::new();
        let root = reader.parse(text, DocumentKind::Settings);
        let read = root.and_then(|root| {
            let members = reader.members(&Pointer::Root, root, &["wait_seconds"])?;
            Some(Self { wait_seconds: reader.number(&members, "wait_seconds", DEFAULT_WAIT_SECONDS, (1, 3600)) })
        });
        reader.finish(read)
    }
}

/// An Envoy that waits.
struct Waiting {
    /// Calls the extension.
    wake: Box<dyn Wake>,
    /// Whether no document is left to wait for.
    has_documents: fn() -> bool,
}

/// `None` before Envoy waits and after.
static WAITING: Mutex<Option<Waiting>> = Mutex::new(None);

/// Envoy waits from now on, until [`end`].
pub(crate) fn begin(wake: Box<dyn Wake>, has_documents: fn() -> bool) {
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Waiting { wake, has_documents });
}

/// Envoy does not wait any more; whether it did until now.
pub(crate) fn end() -> bool {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
}

/// A document was loaded: calls the extension, if there is none left to wait for.
pub(crate) fn loaded() {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(waiting) = waiting.as_ref().filter(|waiting| (waiting.has_documents)()) {
        waiting.wake.wake_main();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_one_number() {
        let read = |text: &str| WaitSettings::read(text.as_bytes()).map(|settings| settings.wait_seconds);
        assert_eq!((read(""), read("{}"), read(r#"{"wait_seconds":3}"#)), (Ok(30), Ok(30), Ok(3)));
        for text in [r#"{"wait_seconds":0}"#, r#"{"wait_seconds":3601}"#, r#"{"wait":3}"#, "[]", "{"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

//! Loads trust documents, and reports their faults.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use countersign::{
    AuthorityIndex, Engine, LoadReport, MapReport, PolicyDocument, TrustDocument, TrustState, UnixSeconds,
};

use crate::printable::printable;

/// Takes one line for the host's log; it names files and authorities, and holds no byte of a token.
pub type Notice<'n> = &'n mut dyn FnMut(&str);

/// A fault of a document that the host started with, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadError {
    /// A JSON pointer into the policy document, or the path of a file.
    pub place: String,
    /// The fault.
    pub fault: String,
}

impl core::fmt::Display for ReloadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl core::error::Error for ReloadError {}

/// Loads the documents that are in the policy document itself.
///
/// # Errors
/// Every document that cannot be used, by its JSON pointer.
pub fn load_inline(
    engine: &Engine,
    trust_state: &mut TrustState,
    now: UnixSeconds,
    notice: Notice<'_>,
) -> Result<(), Vec<ReloadError>> {
    let mut faults = Vec::new();
    for (index, source) in engine.document().trust() {
        let TrustDocument::Inline(text) = source.document() else { continue };
        match engine.load(trust_state, index, text.as_bytes(), now) {
            Ok(report) => warn_of_drops(&printable(&source.authority().to_string()), &report, notice),
            Err(fault) => {
                let place = format!("/trust/{}/{}", source.entry(), source.form().inline_member());
                faults.push(ReloadError { place, fault: fault.to_string() });
            }
        }
    }
    for (index, map) in engine.document().bundle_maps() {
        let TrustDocument::Inline(text) = map.document() else { continue };
        let place = format!("/trust/{}/{}", map.entry(), map.form().inline_member());
        match engine.load_map(trust_state, index, text.as_bytes(), now) {
            Ok(report) => {
                warn_of_map(&place, engine.document(), &report, notice);
                faults.extend(report.refused.iter().map(|(index, fault)| {
                    let domain = name_of(engine.document(), *index);
                    ReloadError { place: place.clone(), fault: format!("trust domain {domain}: {fault}") }
                }));
            }
            Err(fault) => faults.push(ReloadError { place, fault: fault.to_string() }),
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Reports the keys of a document that are not used, with the reasons.
pub fn warn_of_drops(whose: &str, report: &LoadReport, notice: Notice<'_>) {
    for dropped in &report.dropped {
        let key_id = dropped.key_id.as_deref().map(|id| format!(" ({})", printable(id))).unwrap_or_default();
        notice(&format!("{whose}: key {}{key_id} is dropped: {}", dropped.index, dropped.fault.code()));
    }
    if report.sequence_reused {
        notice(&format!("{whose}: another document with the sequence number of the one before"));
    }
    if let Some(form) = report.resembles {
        notice(&format!("{whose}: it looks like {form}; a trust entry names that by {}", form.setting()));
    }
}

/// The same for each trust domain of a bundle map that was loaded, and which of them it does not have. Those that were refused have faults
/// that their place in the host reports.
pub fn warn_of_map(whose: &str, document: &PolicyDocument, report: &MapReport, notice: Notice<'_>) {
    for (index, loaded) in &report.loaded {
        warn_of_drops(&format!("{whose}: trust domain {}", name_of(document, *index)), loaded, notice);
    }
    for index in &report.absent {
        notice(&format!("{whose}: it has no trust domain {}, whose tokens are refused", name_of(document, *index)));
    }
}

/// The name of an authority, for a line of text.
pub(crate) fn name_of(document: &PolicyDocument, index: AuthorityIndex) -> String {
    document.source(index.as_usize()).map(|source| printable(source.authority().name())).unwrap_or_default()
}

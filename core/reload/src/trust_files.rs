//! The trust documents that stand in files, read again when they change.

use std::path::{Path, PathBuf};

use countersign::engine::{Engine, PolicyDocument, TrustDocument, TrustState};
use countersign::time::UnixSeconds;
use countersign::trust::AuthorityIndex;

use crate::documents::{Notice, warn_of_drops};
use crate::files::{self, LookReport, Stamp};
use crate::printable::counted;

/// The files of a policy document's trust sources.
#[derive(Debug, Default)]
pub(crate) struct TrustFiles {
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    index: AuthorityIndex,
    path: PathBuf,
    /// How long the document may be.
    most_bytes: usize,
    /// The version that was read last, good or not; `None` where there was none to read.
    seen: Option<Stamp>,
    missing: bool,
}

impl TrustFiles {
    /// The files that `document` names, relative to `directory`; none is read yet.
    pub(crate) fn named_by(document: &PolicyDocument, directory: &Path) -> Self {
        let watched = document.trust().filter_map(|(index, source)| match source.document() {
            TrustDocument::File(name) => {
                let most_bytes = source.authority().document_kind().bytes().most;
                Some(Watched { index, path: directory.join(name), most_bytes, seen: None, missing: false })
            }
            TrustDocument::Inline(_) | TrustDocument::Uri(_) | TrustDocument::Pushed => None,
        });
        Self { watched: watched.collect() }
    }

    /// Reads again what has changed. A document that is refused leaves the last good one in force.
    pub(crate) fn look(
        &mut self,
        engine: &Engine,
        trust_state: &mut TrustState,
        now: UnixSeconds,
        notice: Notice<'_>,
    ) -> LookReport {
        let mut report = LookReport::default();
        for file in &mut self.watched {
            // Taken before the file is read: if it changes meanwhile, the next look sees another stamp.
            let stamp = Stamp::of(&file.path);
            if stamp.is_some() && stamp == file.seen {
                continue;
            }
            let path = file.path.display();
            let bytes = match files::read(&file.path, file.most_bytes) {
                Ok(bytes) => bytes,
                Err(error) => {
                    if !file.missing || stamp.is_some() {
                        notice(&format!("{path}: {error}; {}", what_stands(trust_state, file.index)));
                        report.unreadable += 1;
                    }
                    (file.missing, file.seen) = (true, stamp);
                    continue;
                }
            };
            (file.missing, file.seen) = (false, stamp);
            match engine.load(trust_state, file.index, &bytes, now) {
                Ok(loaded) => {
                    warn_of_drops(&path.to_string(), &loaded, notice);
                    report.loaded += 1;
                }
                Err(fault) => {
                    notice(&format!("{path}: {fault}; {}", what_stands(trust_state, file.index)));
                    report.refused += 1;
                }
            }
        }
        report
    }
}

fn what_stands(trust_state: &TrustState, index: AuthorityIndex) -> String {
    match trust_state.bundles.set(index) {
        Some(set) => format!("the last good document stays in force, with {}", counted(set.len(), "key")),
        None => "there are no keys yet".to_owned(),
    }
}

//! Trust documents: inline ones, files that are read again when they change, and pushed ones.

use std::path::{Path, PathBuf};

use countersign::engine::{Engine, Snapshot, TrustDocument};
use countersign::limits;
use countersign::time::UnixSeconds;
use countersign::trust::{LoadReport, OriginIndex};

use crate::failure::{Failure, complain};
use crate::files::{self, Stamp};
use crate::printable::{counted, printable};

/// The files of a policy document's trust sources.
#[derive(Debug)]
pub(crate) struct TrustFiles {
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    index: OriginIndex,
    path: PathBuf,
    /// The version that was read last, good or not; `None` where there was none to read.
    seen: Option<Stamp>,
    missing: bool,
}

impl TrustFiles {
    /// Loads every document of `engine` into `snapshot`; paths are relative to `directory`.
    ///
    /// A faulty inline document is a fault of the policy. A file that cannot be read may still come: until then its
    /// tokens are refused with `bundle_stale`.
    pub(crate) fn open(
        engine: &Engine,
        snapshot: &mut Snapshot,
        policy_path: &Path,
        now: UnixSeconds,
    ) -> Result<Self, Failure> {
        let directory = policy_path.parent().unwrap_or(Path::new(""));
        let mut files = Self { watched: Vec::new() };
        let mut faults = Vec::new();
        for (index, source) in engine.document().trust() {
            let origin = source.origin();
            match source.document() {
                TrustDocument::Inline(text) => match engine.load(snapshot, index, text.as_bytes(), now) {
                    Ok(report) => warn_of_drops(&printable(&origin.to_string()), &report),
                    Err(fault) => {
                        let member = if origin.is_trust_domain() { "bundle" } else { "jwks" };
                        let pointer = format!("/trust/{}/{member}", index.as_usize());
                        faults.push(format!("{}: {pointer}: {fault}", policy_path.display()));
                    }
                },
                TrustDocument::File(name) => {
                    files.watched.push(Watched { index, path: directory.join(name), seen: None, missing: false });
                }
                TrustDocument::Uri(_) => {
                    let origin = printable(&origin.to_string());
                    complain(&format!("warning: {origin}: URIs are not fetched here; it starts without keys"));
                }
                TrustDocument::Pushed => {}
            }
        }
        if !faults.is_empty() {
            return Err(Failure::Unusable(faults));
        }
        files.look(engine, snapshot, now);
        Ok(files)
    }

    /// Reads again what has changed. A document that is refused leaves the last good one in force.
    pub(crate) fn look(&mut self, engine: &Engine, snapshot: &mut Snapshot, now: UnixSeconds) {
        for file in &mut self.watched {
            // Taken before the file is read: if it changes meanwhile, the next look sees another stamp.
            let stamp = Stamp::of(&file.path);
            if stamp.is_some() && stamp == file.seen {
                continue;
            }
            let path = file.path.display();
            let bytes = match files::read(&file.path, limits::TRUST_DOCUMENT_BYTES) {
                Ok(bytes) => bytes,
                Err(error) => {
                    if !file.missing || stamp.is_some() {
                        complain(&format!("warning: {path}: {error}; {}", what_stands(snapshot, file.index)));
                    }
                    (file.missing, file.seen) = (true, stamp);
                    continue;
                }
            };
            (file.missing, file.seen) = (false, stamp);
            match engine.load(snapshot, file.index, &bytes, now) {
                Ok(report) => warn_of_drops(&path.to_string(), &report),
                Err(fault) => complain(&format!("warning: {path}: {fault}; {}", what_stands(snapshot, file.index))),
            }
        }
    }
}

fn what_stands(snapshot: &Snapshot, index: OriginIndex) -> String {
    match snapshot.trust.set(index) {
        Some(set) => format!("the last good document stays in force, with {}", counted(set.len(), "key")),
        None => "there are no keys yet".to_owned(),
    }
}

fn warn_of_drops(whose: &str, report: &LoadReport) {
    for dropped in &report.dropped {
        let key_id = dropped.key_id.as_deref().map(|id| format!(" ({})", printable(id))).unwrap_or_default();
        complain(&format!("warning: {whose}: key {}{key_id} is dropped: {}", dropped.index, dropped.fault.code()));
    }
    if report.sequence_reused {
        complain(&format!("warning: {whose}: another document with the sequence number of the one before"));
    }
}

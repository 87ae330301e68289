//! Trust documents in files, read again when they change.

use std::path::{Path, PathBuf};

use countersign::{
    AuthorityIndex, BundleMapIndex, Engine, KeySet, PolicyDocument, TrustDocument, TrustError, TrustState, UnixSeconds,
};

use crate::documents::{Notice, warn_of_drops, warn_of_map};
use crate::files::{self, LookReport, Stamp};
use crate::printable::counted;

/// The files of a policy document's trust sources.
#[derive(Debug, Default)]
pub(crate) struct TrustFiles {
    watched: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    keys: Keys,
    path: PathBuf,
    /// How long the document may be.
    most_bytes: usize,
    /// The version that was read last, good or not; `None` where there was none to read.
    seen: Option<Stamp>,
    missing: bool,
}

/// The authority of the keys in a file.
#[derive(Clone, Copy, Debug)]
enum Keys {
    Authority(AuthorityIndex),
    Map(BundleMapIndex),
}

impl Keys {
    /// Loads a document, and reports the keys it dropped.
    fn load(
        self,
        engine: &Engine,
        trust_state: &mut TrustState,
        (path, bytes): (&str, &[u8]),
        now: UnixSeconds,
        notice: Notice<'_>,
    ) -> Result<(), TrustError> {
        match self {
            Self::Authority(index) => warn_of_drops(path, &engine.load(trust_state, index, bytes, now)?, notice),
            Self::Map(index) => {
                let report = engine.load_map(trust_state, index, bytes, now)?;
                warn_of_map(path, engine.document(), &report, notice);
            }
        }
        Ok(())
    }

    /// How many keys of this file are in use; `None` if it was never loaded.
    fn in_force(self, engine: &Engine, trust_state: &TrustState) -> Option<usize> {
        let keys = |index| trust_state.bundles.set(index).map(KeySet::len);
        match self {
            Self::Authority(index) => keys(index),
            Self::Map(index) => {
                let sets = engine.document().bundle_map(index)?.authorities().filter_map(keys);
                sets.fold(None, |sum, keys| Some(sum.unwrap_or(0) + keys))
            }
        }
    }
}

impl TrustFiles {
    /// The files that `document` names, relative to `directory`; none is read yet.
    pub(crate) fn named_by(document: &PolicyDocument, directory: &Path) -> Self {
        let sources =
            document.trust().map(|(index, source)| (Keys::Authority(index), source.form(), source.document()));
        let maps = document.bundle_maps().map(|(index, map)| (Keys::Map(index), map.form(), map.document()));
        let watched = sources.chain(maps).filter_map(|(keys, form, document)| match document {
            TrustDocument::File(name) => {
                let most_bytes = form.document_kind().bytes().most;
                Some(Watched { keys, path: directory.join(name), most_bytes, seen: None, missing: false })
            }
            TrustDocument::Inline(_) | TrustDocument::Uri(_) | TrustDocument::Pushed | TrustDocument::Map(_) => None,
        });
        Self { watched: watched.collect() }
    }

    /// Reads changed files again. A document that is refused leaves the last good one in use.
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
                        notice(&format!("{path}: {error}; {}", what_stands(engine, trust_state, file.keys)));
                        report.unreadable += 1;
                    }
                    (file.missing, file.seen) = (true, stamp);
                    continue;
                }
            };
            (file.missing, file.seen) = (false, stamp);
            match file.keys.load(engine, trust_state, (&path.to_string(), &bytes), now, notice) {
                Ok(()) => report.loaded += 1,
                Err(fault) => {
                    notice(&format!("{path}: {fault}; {}", what_stands(engine, trust_state, file.keys)));
                    report.refused += 1;
                }
            }
        }
        report
    }
}

fn what_stands(engine: &Engine, trust_state: &TrustState, keys: Keys) -> String {
    match keys.in_force(engine, trust_state) {
        Some(count) => format!("the last good document stays in use, with {}", counted(count, "key")),
        None => "there are no keys yet".to_owned(),
    }
}

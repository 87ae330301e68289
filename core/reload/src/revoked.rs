//! Everything that is revoked in a running engine: a file that is read again when it changes, and what the host says besides.

use std::path::{Path, PathBuf};

use countersign::internal::document::DocumentKind;
use countersign::{PolicyDocument, Revocations, RevocationsBuilder};

use crate::documents::{Notice, ReloadError};
use crate::files::{self, LookReport, Stamp};
use crate::revocations::{RevocationDocument, one_line, tell_unknown};

/// Everything that is revoked, by where it was said.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    file: Option<(PathBuf, Option<Stamp>)>,
    by_file: RevocationDocument,
    by_host: RevocationsBuilder,
}

impl Revoked {
    /// Reads the file at `path`, and looks at it from now on.
    pub(crate) fn watch(
        &mut self,
        path: PathBuf,
        policies: &PolicyDocument,
        notice: Notice<'_>,
    ) -> Result<(), ReloadError> {
        let stamp = Stamp::of(&path);
        let read = read(&path, policies);
        let (document, unknown) = read.map_err(|fault| ReloadError { place: path.display().to_string(), fault })?;
        tell_unknown(&path.display().to_string(), &unknown, notice);
        self.by_file = document;
        self.file = Some((path, stamp));
        Ok(())
    }

    /// Reads the file again if it has changed; while it cannot be used, its last good content applies.
    pub(crate) fn look(&mut self, policies: &PolicyDocument, notice: Notice<'_>) -> LookReport {
        let mut report = LookReport::default();
        let Some((path, seen)) = &mut self.file else { return report };
        let stamp = Stamp::of(path);
        if stamp == *seen {
            return report;
        }
        *seen = stamp;
        match read(path, policies) {
            Ok((document, unknown)) => {
                tell_unknown(&path.display().to_string(), &unknown, notice);
                self.by_file = document;
                report.loaded = 1;
            }
            Err(fault) => {
                notice(&format!("{}: {fault}; the last good list holds", path.display()));
                report.refused = 1;
            }
        }
        report
    }

    /// Revokes what `more` says besides.
    pub(crate) fn add(&mut self, more: &RevocationDocument) {
        more.apply(&mut self.by_host);
    }

    /// As [`Revoked::add`], but nothing holds that the host said before.
    pub(crate) fn replace(&mut self, all: &RevocationDocument) {
        self.by_host = RevocationsBuilder::default();
        all.apply(&mut self.by_host);
    }

    pub(crate) fn all(&self) -> Revocations {
        let mut all = self.by_host.clone();
        self.by_file.apply(&mut all);
        all.build()
    }
}

fn read(path: &Path, policies: &PolicyDocument) -> Result<(RevocationDocument, Vec<String>), String> {
    let bytes = files::read(path, DocumentKind::Revocations.bytes().most).map_err(|error| error.to_string())?;
    let document = RevocationDocument::read(&bytes).map_err(|faults| one_line(&faults))?;
    let unknown = document.unknown_authorities(policies);
    Ok((document, unknown))
}

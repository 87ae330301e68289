//! What is revoked: a file that is read again when it changes, and what the stream adds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::engine::{PolicyDocument, Snapshot};
use countersign::limits;
use countersign::memory::revocation::{Revocations, RevocationsBuilder};
use countersign::time::UnixSeconds;
use countersign::trust::Origin;

use crate::failure::{Failure, complain};
use crate::files::{self, Stamp};
use crate::input::{self, RevocationDocument, RevokedOrigin, RevokedSubject};
use crate::printable::printable;

/// Everything that is revoked, by where it was said.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    file: Option<(PathBuf, Option<Stamp>)>,
    by_file: RevocationDocument,
    by_lines: RevocationsBuilder,
}

impl Revoked {
    /// Reads the file, without which a command that was given one does not start.
    pub(crate) fn open(
        path: Option<&Path>,
        document: &PolicyDocument,
        snapshot: &mut Snapshot,
    ) -> Result<Self, Failure> {
        let mut revoked = Self::default();
        if let Some(path) = path {
            let stamp = Stamp::of(path);
            let bytes = files::need(path, limits::POLICY_DOCUMENT_BYTES)?;
            let in_file = |fault: String| Failure::unusable(format!("{}: {fault}", path.display()));
            revoked.by_file = input::read_revocations(&bytes).map_err(in_file)?;
            let unknown = check(&revoked.by_file, document).map_err(in_file)?;
            warn_of_unknown(path, &unknown);
            revoked.file = Some((path.to_owned(), stamp));
        }
        snapshot.revocations = Arc::new(revoked.all());
        Ok(revoked)
    }

    /// Reads the file again if it has changed; while it cannot be read, what it said last holds.
    pub(crate) fn look(&mut self, document: &PolicyDocument, snapshot: &mut Snapshot) {
        let Some((path, seen)) = &mut self.file else { return };
        let stamp = Stamp::of(path);
        if stamp == *seen {
            return;
        }
        *seen = stamp;
        let read = files::read(path, limits::POLICY_DOCUMENT_BYTES).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| input::read_revocations(&bytes));
        match read.and_then(|read| check(&read, document).map(|unknown| (read, unknown))) {
            Ok((read, unknown)) => {
                warn_of_unknown(path, &unknown);
                self.by_file = read;
                snapshot.revocations = Arc::new(self.all());
            }
            Err(fault) => complain(&format!("warning: {}: {fault}; the last good list holds", path.display())),
        }
    }

    /// Revokes what `more` says besides everything that is revoked already; tells the origins that no policy knows.
    pub(crate) fn add(
        &mut self,
        more: &RevocationDocument,
        document: &PolicyDocument,
        snapshot: &mut Snapshot,
    ) -> Result<Vec<String>, String> {
        let unknown = check(more, document)?;
        apply(more, &mut self.by_lines);
        snapshot.revocations = Arc::new(self.all());
        Ok(unknown)
    }

    fn all(&self) -> Revocations {
        let mut all = self.by_lines.clone();
        apply(&self.by_file, &mut all);
        all.build()
    }
}

/// Each entry names one origin. One that the policy document does not know is no fault, since one list may serve many
/// policies; but it is told, since it may be a slip of the pen.
fn check(revoked: &RevocationDocument, document: &PolicyDocument) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    for (place, entry) in revoked.origins.iter().enumerate() {
        let origin = match (&entry.trust_domain, &entry.issuer) {
            (Some(name), None) => Origin::TrustDomain(name.clone()),
            (None, Some(name)) => Origin::Issuer(name.clone()),
            _ => return Err(format!("/origins/{place}: expected one of trust_domain and issuer")),
        };
        if document.origin(&origin).is_none() {
            unknown.push(origin.to_string());
        }
    }
    Ok(unknown)
}

fn warn_of_unknown(path: &Path, unknown: &[String]) {
    for origin in unknown {
        complain(&format!("warning: {}: the policy knows no {}", path.display(), printable(origin)));
    }
}

fn apply(document: &RevocationDocument, builder: &mut RevocationsBuilder) {
    if let Some(moment) = document.all_before {
        builder.all_before(UnixSeconds::new(moment));
    }
    for entry in &document.origins {
        let RevokedOrigin { trust_domain, issuer, before, keys, subjects, tokens } = entry;
        let Some(origin) = trust_domain.as_deref().or(issuer.as_deref()) else { continue };
        if let Some(moment) = before {
            builder.origin_before(origin, UnixSeconds::new(*moment));
        }
        for key in keys {
            builder.key(origin, key);
        }
        for subject in subjects {
            match subject {
                RevokedSubject::ForGood(subject) => builder.subject(origin, subject),
                RevokedSubject::Before(of) => builder.subject_before(origin, &of.subject, UnixSeconds::new(of.before)),
            };
        }
        for token in tokens {
            builder.token(origin, token);
        }
    }
}

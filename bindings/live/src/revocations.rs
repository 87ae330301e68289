//! What is revoked: a file that is read again when it changes, and what the host says besides.

use std::path::PathBuf;

use countersign::engine::PolicyDocument;
use countersign::limits;
use countersign::memory::revocation::{Revocations, RevocationsBuilder};
use countersign::time::UnixSeconds;
use countersign::trust::Origin;
use serde::Deserialize;

use crate::documents::{LiveFault, Notice};
use crate::engine::LookReport;
use crate::files::{self, Stamp};
use crate::json_document;
use crate::printable::printable;

/// What is revoked, as operators write it.
///
/// ```json
/// {"all_before":N,"origins":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],
///  "subjects":["sub",{"subject":"sub","before":N}],"tokens":["jti"]}]}
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationDocument {
    /// Every token that was issued before this moment, whoever issued it.
    all_before: Option<u64>,
    #[serde(default)]
    origins: Vec<RevokedOrigin>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedOrigin {
    trust_domain: Option<String>,
    issuer: Option<String>,
    before: Option<u64>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    subjects: Vec<RevokedSubject>,
    #[serde(default)]
    tokens: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a subject, or an object of `subject` and `before`")]
enum RevokedSubject {
    ForGood(String),
    Before(SubjectBefore),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectBefore {
    subject: String,
    before: u64,
}

impl RevocationDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// A sentence that says where and what was expected, without any value of the input.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        json_document::read(bytes)
    }

    /// The origins that `policies` does not know.
    fn unknown_origins(&self, policies: &PolicyDocument) -> Result<Vec<String>, String> {
        let mut unknown = Vec::new();
        for (place, entry) in self.origins.iter().enumerate() {
            let origin = match (&entry.trust_domain, &entry.issuer) {
                (Some(name), None) => Origin::TrustDomain(name.clone()),
                (None, Some(name)) => Origin::Issuer(name.clone()),
                _ => return Err(format!("/origins/{place}: expected one of trust_domain and issuer")),
            };
            if policies.origin(&origin).is_none() {
                unknown.push(origin.to_string());
            }
        }
        Ok(unknown)
    }

    fn apply(&self, builder: &mut RevocationsBuilder) {
        if let Some(moment) = self.all_before {
            builder.all_before(UnixSeconds::new(moment));
        }
        for entry in &self.origins {
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
                    RevokedSubject::Before(of) => {
                        builder.subject_before(origin, &of.subject, UnixSeconds::new(of.before))
                    }
                };
            }
            for token in tokens {
                builder.token(origin, token);
            }
        }
    }
}

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
    ) -> Result<(), LiveFault> {
        let stamp = Stamp::of(&path);
        let read = read(&path, policies);
        let (document, unknown) = read.map_err(|fault| LiveFault { place: path.display().to_string(), fault })?;
        tell_unknown(&path, &unknown, notice);
        self.by_file = document;
        self.file = Some((path, stamp));
        Ok(())
    }

    /// Reads the file again if it has changed; while it cannot be used, what it said last holds.
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
                tell_unknown(path, &unknown, notice);
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

    /// Revokes what `more` says besides; tells the origins that no policy knows.
    pub(crate) fn add(&mut self, more: &RevocationDocument, policies: &PolicyDocument) -> Result<Vec<String>, String> {
        let unknown = more.unknown_origins(policies)?;
        more.apply(&mut self.by_host);
        Ok(unknown)
    }

    /// As [`Revoked::add`], but nothing holds that the host said before.
    pub(crate) fn replace(
        &mut self,
        all: &RevocationDocument,
        policies: &PolicyDocument,
    ) -> Result<Vec<String>, String> {
        let unknown = all.unknown_origins(policies)?;
        self.by_host = RevocationsBuilder::default();
        all.apply(&mut self.by_host);
        Ok(unknown)
    }

    pub(crate) fn all(&self) -> Revocations {
        let mut all = self.by_host.clone();
        self.by_file.apply(&mut all);
        all.build()
    }
}

fn read(path: &std::path::Path, policies: &PolicyDocument) -> Result<(RevocationDocument, Vec<String>), String> {
    let bytes = files::read(path, limits::POLICY_DOCUMENT_BYTES).map_err(|error| error.to_string())?;
    let document = RevocationDocument::read(&bytes)?;
    let unknown = document.unknown_origins(policies)?;
    Ok((document, unknown))
}

fn tell_unknown(path: &std::path::Path, unknown: &[String], notice: Notice<'_>) {
    for origin in unknown {
        notice(&format!("{}: the policy knows no {}", path.display(), printable(origin)));
    }
}

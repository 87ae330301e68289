//! The settings of the filter and of its routes: JSON, as Envoy hands over a `Struct` or a `StringValue`.
//!
//! As with the policy document, every fault is reported at once: its pointer, the value found, the value expected. Unknown members are
//! faults, since a misspelt condition must not vanish.

mod build;
mod fetch;
mod files;
mod identity;
mod policy;
mod questions;
mod route;
mod selection;
mod vm;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use countersign::internal::document::DocumentKind;
use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Pointer, Reader};
use countersign::internal::uri::AllowedOrigins;
use countersign::{Mode, PolicyDocument, PolicyError};
use countersign_reload::RevocationDocument;

use crate::attribute::AttributeName;
use crate::certificate::CertificateSource;
use crate::identity::{IdentityHeaders, removed_credentials};

pub use build::{Build, ReadFile};
pub(crate) use fetch::DEFAULT_REFRESH_SECONDS;
pub use fetch::{Document, Fetch};
pub use files::Files;
pub use questions::{Endpoint, Questions};
pub use route::RouteSettings;
pub use selection::{HeaderMatch, Selection};
pub use vm::{Signatures, Vm};

/// The filter's configuration without the policy document.
#[derive(Debug)]
pub struct Settings {
    /// The policy of routes that name none, where no header selects one.
    pub policy: String,
    /// Policies that headers select; the first that matches holds.
    pub selections: Vec<Selection>,
    /// The external origins, for policies that have none of their own.
    pub origin: Option<AllowedOrigins>,
    /// Over the mode of the policy.
    pub mode: Option<Mode>,
    /// How often files are looked at, fetches are begun and counts are carried over.
    pub poll: Duration,
    /// The documents to fetch, and their URIs.
    pub fetches: Vec<Fetch>,
    /// The revocations in the settings, in addition to those fetched or in a file.
    pub revocations: RevocationDocument,
    /// The fields that are written from a decision, or read for a certificate.
    pub identity_headers: IdentityHeaders,
    /// Whether the route is chosen anew by the identity headers that were written, and asked again.
    pub clear_route_cache: bool,
    /// The metadata in which attributes are stored for filters and logs.
    pub metadata_namespace: String,
    /// Which attributes are left there.
    pub metadata: Vec<AttributeName>,
    /// Which decisions are logged.
    pub audit: Audit,
    /// The source of the client certificate.
    pub certificate: CertificateSource,
    /// The name of the store of used proofs.
    pub replay_store: String,
    /// Whether proofs from before the store was made may pass.
    pub forget_proofs: bool,
    /// Whom decisions that wait ask.
    pub questions: Questions,
    /// The settings of the module only.
    pub files: Files,
    /// The settings of the proxy-wasm filter only.
    pub vm: Vm,
}

/// Which decisions are written to Envoy's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audit {
    /// None.
    #[default]
    Off,
    /// Those that refuse.
    Refusals,
    /// All.
    All,
}

const DEFAULT_POLL_MILLISECONDS: u64 = 1000;

impl Settings {
    /// Whether a list of revocations is to be fetched: until then the revocations are not known.
    #[must_use]
    pub fn awaits_revocations(&self) -> bool {
        self.fetches.iter().any(|fetch| matches!(fetch.document, Document::Revocations { .. }))
    }

    /// Reads the filter's configuration and the policy document in it.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub fn read(text: &[u8], build: Build<'_>) -> Result<(Self, PolicyDocument), Vec<PolicyError>> {
        let mut reader = Reader::new();
        let root = reader.parse(text, DocumentKind::Settings);
        let read = root.and_then(|root| Self::read_value(&mut reader, root, build));
        reader.finish(read)
    }

    fn read_value(reader: &mut Reader, root: Value<'_>, build: Build<'_>) -> Option<(Self, PolicyDocument)> {
        let known = build.members();
        let members = reader.members_and(&Pointer::Root, root, &known, build.of_the_other())?;
        let document = match build {
            Build::Module { read } => policy::read_document(reader, &members, Some(read)),
            // A file's name is a fault already.
            Build::Wasm if root.as_object()?.member("policy_file").is_some() && !members.has("policy") => None,
            Build::Wasm => policy::read_document(reader, &members, None),
        };
        let certificate = identity::read_certificate(reader, &members);
        let identity_headers = identity::read_headers(reader, &members, certificate);
        let policy = policy::read_default(reader, &members, document.as_ref());
        let selections = selection::read_all(reader, &members, document.as_ref(), &identity_headers);
        let origin = route::read_origin(reader, &members);
        let mode = route::read_mode(reader, &members);
        let poll = reader.number(&members, "poll_milliseconds", DEFAULT_POLL_MILLISECONDS, (10, 60_000));
        let fetches = fetch::read_all(reader, &members, document.as_ref());
        let revocations = read_revocations(reader, &members);
        // Envoy chooses the route anew whenever a VM sets a field, but gives a VM the one before: settings that depend on it are refused
        // (`vm`).
        let clear_route_cache =
            matches!(build, Build::Module { .. }) && reader.flag(&members, "clear_route_cache", false);
        let (metadata_namespace, metadata) = identity::read_metadata(reader, &members);
        let audits = [("off", Audit::Off), ("refusals", Audit::Refusals), ("all", Audit::All)];
        let audit = reader.word(&members, "audit_log", &audits).unwrap_or_default();
        let replay_store = store_name(reader, &members);
        let proofs = [("refuse", false), ("danger_accept", true)];
        let forget_proofs = reader.word(&members, "proofs_before_start", &proofs).unwrap_or_default();
        let questions = questions::read(reader, &members, document.as_ref(), build);
        if let Some(document) = &document {
            identity::check_against(reader, &members, document, &identity_headers, &metadata);
        }
        let (files, vm) = match build {
            Build::Module { .. } => (Files::read(reader, &members, document.as_ref()), Vm::default()),
            Build::Wasm => {
                let removes = |document: &PolicyDocument| {
                    document.policies().any(|(_, policy)| removed_credentials(policy).next().is_some())
                };
                let has_identity = !identity_headers.is_empty() || document.as_ref().is_some_and(removes);
                (Files::default(), Vm::read(reader, &members, document.as_ref(), has_identity))
            }
        };
        let settings = Self {
            policy,
            selections,
            origin,
            mode,
            poll: Duration::from_millis(poll),
            fetches,
            revocations,
            identity_headers,
            clear_route_cache,
            metadata_namespace,
            metadata,
            audit,
            certificate,
            replay_store,
            forget_proofs,
            questions,
            files,
            vm,
        };
        Some((settings, document?))
    }
}

fn read_revocations(reader: &mut Reader, members: &Members<'_, '_>) -> RevocationDocument {
    let Some(value) = members.get("revocations") else { return RevocationDocument::default() };
    RevocationDocument::from_value(value, &members.at("revocations")).unwrap_or_else(|faults| {
        for fault in faults {
            reader.add(fault);
        }
        RevocationDocument::default()
    })
}

#[cfg(test)]
mod tests;

/// The name of a replay store: a part of keys of shared data and of names of gauges.
fn store_name(reader: &mut Reader, settings: &Members<'_, '_>) -> String {
    const EXPECTED: &str = "a name of 1 to 64 letters, digits, \"-\" and \"_\"";
    let name = reader.text(settings, "replay_store", EXPECTED);
    let is_good = |name: &String| {
        name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if let (Some(value), Some(false)) = (settings.get("replay_store"), name.as_ref().map(is_good)) {
        reader.unexpected(&settings.at("replay_store"), value, EXPECTED);
    }
    name.unwrap_or_else(|| "default".to_owned())
}

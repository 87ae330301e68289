//! The settings of the dynamic module only: files.

use alloc::borrow::ToOwned;
use alloc::string::String;

use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Reader};
use countersign::{PolicyDocument, TrustDocument};

/// Settings of the dynamic module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The folder of relative names of trust files.
    pub directory: String,
    /// Revocations, read again when they change.
    pub revocations: Option<String>,
    /// Keys of nonces, read again when they change.
    pub nonce_keys: Option<String>,
    /// The replay store, shared with the other process of a hot restart.
    pub replay: Option<String>,
}

impl Files {
    pub(super) fn read(reader: &mut Reader, settings: &Members<'_, '_>, document: Option<&PolicyDocument>) -> Self {
        let directory = reader.text(settings, "trust_directory", "the path of a directory");
        let policy_file = settings.get("policy_file").and_then(Value::as_string).map(|text| text.to_owned_string());
        let beside = policy_file.map(|file| match file.rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((folder, _)) => folder.to_owned(),
            None => String::new(),
        });
        let relative = |name: &str| !name.starts_with('/');
        let from_nowhere = |source: &TrustDocument| matches!(source, TrustDocument::File(name) if relative(name));
        let sources = document.into_iter().flat_map(PolicyDocument::trust).map(|(_, source)| source.document());
        let maps = document.into_iter().flat_map(PolicyDocument::bundle_maps).map(|(_, map)| map.document());
        if directory.is_none() && beside.is_none() && sources.chain(maps).any(from_nowhere) {
            reader.missing(settings, "trust_directory", "the directory of the trust files that the policy names");
        }
        Self {
            directory: directory.or(beside).unwrap_or_default(),
            revocations: reader.text(settings, "revocations_file", "the path of a file"),
            nonce_keys: reader.text(settings, "nonce_keys_file", "the path of a file"),
            replay: reader.text(settings, "replay_file", "the path of a file on a tmpfs"),
        }
    }
}

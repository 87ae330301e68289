//! The settings of the proxy-wasm filter only.

use alloc::string::String;
use alloc::vec::Vec;

use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Reader};
use countersign::{JsonString, PolicyDocument, TrustDocument};

use crate::nonce_keys;

/// Settings of the proxy-wasm filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vm {
    /// The key of nonces in use, and the one before it.
    pub nonce_keys: Vec<[u8; 32]>,
    /// Whether the metadata of routes is read.
    pub route_metadata: bool,
    /// Whether the proxy may check signatures.
    pub signatures: Signatures,
}

/// The verifier of signatures without a precomputed table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// The proxy where it can, and the VM where not.
    #[default]
    Host,
    /// The VM.
    Vm,
}

impl Vm {
    /// `has_identity` where a header field of identity is written or read.
    pub(super) fn read(
        reader: &mut Reader,
        settings: &Members<'_, '_>,
        document: Option<&PolicyDocument>,
        has_identity: bool,
    ) -> Self {
        let mut check = |place, named: &TrustDocument| {
            if matches!(named, TrustDocument::File(_)) {
                let expected = "the document itself, or a URI with an entry in fetch: a WebAssembly VM has no files";
                let policy = settings.at("policy");
                let trust = policy.member("trust");
                reader.fault(&trust.element(place), "the name of a file", expected);
            }
        };
        if let Some(document) = document {
            document.trust().for_each(|(_, source)| check(source.entry(), source.document()));
            document.bundle_maps().for_each(|(_, map)| check(map.entry(), map.document()));
        }
        let several = document.is_some_and(|document| document.policies().nth(1).is_some());
        let route_metadata = reader.flag(settings, "route_metadata", several);
        // Envoy chooses the route anew whenever a VM sets or removes a header field, and gives the VM the metadata of the route before: a
        // route that matches on an identity header could be reached by a request that was judged by the policy of another.
        const MATCH: &str = "routes_match_identity";
        if reader.flag(settings, MATCH, route_metadata && has_identity) {
            let found = if settings.has(MATCH) { "true" } else { "nothing beside route metadata and identity headers" };
            reader.fault(&settings.at(MATCH), found, "false, and no route that matches on an identity header");
        }
        let words = [("host", Signatures::Host), ("vm", Signatures::Vm)];
        let signatures = reader.word(settings, "signatures", &words).unwrap_or_default();
        Self { nonce_keys: read_nonce_keys(reader, settings), route_metadata, signatures }
    }
}

fn read_nonce_keys(reader: &mut Reader, settings: &Members<'_, '_>) -> Vec<[u8; 32]> {
    let Some(value) = settings.get("nonce_keys") else { return Vec::new() };
    let text = |value: Value<'_>| value.as_string().map(JsonString::to_owned_string);
    let texts: Option<Vec<String>> = value.as_array().and_then(|array| array.elements().map(text).collect());
    let keys = texts.and_then(|texts| nonce_keys::decode(texts.iter().map(String::as_bytes)));
    keys.unwrap_or_else(|| {
        // The value found is a secret.
        let expected = "an array of one or two texts, each 32 random bytes in base64url";
        reader.fault(&settings.at("nonce_keys"), "something else", expected);
        Vec::new()
    })
}

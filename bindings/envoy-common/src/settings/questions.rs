//! `shared_store` and `introspection`: whom the filter asks for decisions that wait.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::PolicyDocument;
use countersign::internal::policy::reader::{Members, NOTHING, Pointer, Reader};
use countersign::internal::printable::quoted;

use crate::attribute::is_field_value;
use crate::settings::build::Build;
use crate::settings::fetch::split_uri;
use crate::settings::selection::is_field_name;

/// Whom decisions that wait ask.
#[derive(Debug, Default)]
pub struct Questions {
    /// The store of used proofs that several proxies share.
    pub store: Option<Endpoint>,
    /// The issuer of tokens that only it can read.
    pub introspection: Option<Endpoint>,
}

/// A server that is asked, through a cluster of the proxy.
#[derive(Debug)]
pub struct Endpoint {
    /// The proxy's cluster that has it.
    pub cluster: String,
    /// For the field of this name.
    pub authority: String,
    /// With the query.
    pub path: String,
    /// How long an answer may take.
    pub timeout_milliseconds: u64,
    /// Header fields beside those of the protocol, by names in small letters: what the server knows the filter by.
    pub fields: Vec<(String, String)>,
}

const CLUSTER: &str = "the name of a cluster";
const PATH: &str = "a path, such as /proofs";
const STORE_MILLISECONDS: u64 = 250;
const INTROSPECTION_MILLISECONDS: u64 = 2000;
/// A client waits as long.
const MOST_MILLISECONDS: u64 = 60_000;

/// States that Envoy gives a VM the body of a request whose head it holds back. It is a setting of Envoy's `PluginConfig`, which a VM cannot
/// read; without it such a request waits until Envoy ends it.
pub(super) const BODY_HOOK: &str = "allow_on_headers_stop_iteration";

/// Reads both, and finds each policy that asks what no setting answers.
pub(super) fn read(
    reader: &mut Reader,
    settings: &Members<'_, '_>,
    document: Option<&PolicyDocument>,
    build: Build<'_>,
) -> Questions {
    let store = read_store(reader, settings);
    let introspection = document.and_then(|document| read_introspection(reader, settings, document));
    // The module is given every body.
    let has_bodies = matches!(build, Build::Module { .. }) || reader.flag(settings, BODY_HOOK, false);
    for (_, policy) in document.into_iter().flat_map(PolicyDocument::policies) {
        let name = quoted(policy.name());
        let asks = [
            ("shared_store", policy.asks_shared_store(), "a store that several proxies share"),
            ("introspection", policy.introspects(), "an issuer about tokens"),
        ];
        for (member, _, what) in asks.into_iter().filter(|(member, asks, _)| *asks && !settings.has(member)) {
            let expected = format!("the cluster to ask, since the policy {name} asks {what}");
            reader.fault(&settings.at(member), NOTHING, expected);
        }
        if policy.body().is_some() && !has_bodies {
            let found = if settings.has(BODY_HOOK) { "false" } else { NOTHING };
            let expected = format!("true, here and beside `configuration`, since the policy {name} asks for the body");
            reader.fault(&settings.at(BODY_HOOK), found, expected);
        }
    }
    Questions { store, introspection }
}

fn read_store(reader: &mut Reader, settings: &Members<'_, '_>) -> Option<Endpoint> {
    let value = settings.get("shared_store")?;
    let members =
        reader.members(&settings.at("shared_store"), value, &["cluster", "path", "timeout_milliseconds", "headers"])?;
    let path = reader.text(&members, "path", PATH).unwrap_or_else(|| "/".to_owned());
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if !is_path {
        reader.fault(&members.at("path"), quoted(&path), PATH);
    }
    Some(Endpoint { path, ..read_call(reader, &members, STORE_MILLISECONDS)? })
}

fn read_introspection(reader: &mut Reader, settings: &Members<'_, '_>, document: &PolicyDocument) -> Option<Endpoint> {
    let value = settings.get("introspection")?;
    let at = settings.at("introspection");
    let members = reader.members(&at, value, &["cluster", "timeout_milliseconds", "headers"])?;
    let call = read_call(reader, &members, INTROSPECTION_MILLISECONDS)?;
    let mut endpoints = document.trust().filter_map(|(_, source)| source.introspection());
    let first = endpoints.next();
    if first.is_none() || endpoints.next().is_some() {
        let found = if first.is_none() { "no issuer" } else { "several issuers" };
        // The fields that one issuer knows the filter by must not go to another one.
        reader.fault(&at, format!("{found} with `introspection` in /policy/trust"), "one");
    }
    let (authority, path) = split_uri(first?.uri())?;
    Some(Endpoint { authority: authority.to_owned(), path: path.to_owned(), ..call })
}

/// The settings of both: cluster, header fields and time.
fn read_call(reader: &mut Reader, members: &Members<'_, '_>, milliseconds: u64) -> Option<Endpoint> {
    let cluster = reader.needed_text(members, "cluster", CLUSTER);
    let timeout_milliseconds = reader.number(members, "timeout_milliseconds", milliseconds, (1, MOST_MILLISECONDS));
    let fields = read_fields(reader, members);
    let cluster = cluster?;
    Some(Endpoint { authority: cluster.clone(), cluster, path: "/".to_owned(), timeout_milliseconds, fields })
}

fn read_fields(reader: &mut Reader, members: &Members<'_, '_>) -> Vec<(String, String)> {
    const EXPECTED: &str = "an object: names of header fields with their values";
    let mut all = Vec::new();
    let Some(value) = members.get("headers") else { return all };
    let at = members.at("headers");
    let Some(object) = value.as_object() else {
        reader.unexpected(&at, value, EXPECTED);
        return all;
    };
    for (name, value) in object.members() {
        let name = name.to_owned_string();
        read_field(reader, &at.member(&name), &name, value.as_string().map(|text| text.to_owned_string()), &mut all);
    }
    all
}

fn read_field(
    reader: &mut Reader,
    at: &Pointer<'_>,
    name: &str,
    value: Option<String>,
    all: &mut Vec<(String, String)>,
) {
    let name = name.to_ascii_lowercase();
    let is_protocol = ["host", "content-length", "content-type", "accept", "transfer-encoding", "connection"]
        .contains(&name.as_str())
        || name.starts_with("countersign-");
    if !is_field_name(&name) || is_protocol {
        reader.fault(at, quoted(&name), "a header field that the protocol does not set, such as authorization");
    }
    match value.filter(|value| is_field_value(value)) {
        Some(value) => all.push((name, value)),
        // Not shown: it may be a secret.
        None => reader.fault(at, "a value that is no field value", "a text without control characters"),
    }
}

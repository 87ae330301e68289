//! `fetch` and `revocations_fetch`: the documents that the filter fetches through clusters of the proxy.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use countersign::internal::jose::json::Value;
use countersign::internal::limits;
use countersign::internal::policy::reader::{Members, NOTHING, Pointer, Reader};
use countersign::internal::printable::quoted;
use countersign::{Authority, PolicyDocument, TrustDocument};

/// How often a document is fetched that says nothing of it itself, in seconds.
pub(crate) const DEFAULT_REFRESH_SECONDS: u64 = 300;

/// A document that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// The keys of a trust domain or an issuer.
    Trust(Authority),
    /// The revocations.
    Revocations {
        /// For how long a list of revocations is current after it was fetched, in seconds; without it, until the next one.
        max_stale_seconds: Option<u64>,
    },
}

impl core::fmt::Display for Document {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Trust(authority) => authority.fmt(f),
            Self::Revocations { .. } => f.write_str("revocations"),
        }
    }
}

/// The documents to fetch, and their URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The kind of document.
    pub document: Document,
    /// The proxy's cluster that has it.
    pub cluster: String,
    /// For the field of this name.
    pub authority: String,
    /// With the query.
    pub path: String,
    /// How long an answer may take.
    pub timeout_milliseconds: u64,
    /// Over what the document says of itself.
    pub refresh_seconds: Option<u64>,
}

const DEFAULT_TIMEOUT_MILLISECONDS: u64 = 5000;
const DAY_SECONDS: u64 = 24 * 60 * 60;
const FETCH: &[&str] = &["issuer", "trust_domain", "cluster", "uri", "timeout_milliseconds", "refresh_seconds"];
const REVOCATIONS_FETCH: &[&str] = &["cluster", "uri", "timeout_milliseconds", "refresh_seconds", "max_stale_seconds"];

/// Reads `fetch` and `revocations_fetch`.
pub(super) fn read_all(
    reader: &mut Reader,
    settings: &Members<'_, '_>,
    document: Option<&PolicyDocument>,
) -> Vec<Fetch> {
    let mut all = Vec::new();
    // By the place in the policy's trust.
    let mut fetched: Vec<bool> = document.into_iter().flat_map(PolicyDocument::trust).map(|_| false).collect();
    if let Some(value) = settings.get("fetch") {
        reader.elements(&settings.at("fetch"), value, "an array", &mut |reader, at, element| {
            let Some(read) = read_one(reader, at, element, document) else { return };
            let index = document.and_then(|document| read.index(document).ok().flatten());
            if let Some(known) = index.and_then(|index| fetched.get_mut(index.as_usize()))
                && core::mem::replace(known, true)
            {
                reader.fault(at, format!("the {} again", read.document), "each authority once");
            }
            all.push(read);
        });
    }
    for (place, (_, source)) in document.into_iter().flat_map(PolicyDocument::trust).enumerate() {
        let behind_uri = matches!(source.document(), TrustDocument::Uri(_));
        if behind_uri && !fetched.get(place).is_some_and(|fetched| *fetched) {
            let found = format!("no cluster for /policy/trust/{}", source.entry());
            reader.fault(&settings.at("fetch"), found, format!("an entry for the {}", source.authority()));
        }
    }
    all.extend(read_revocations_fetch(reader, settings));
    all
}

fn read_revocations_fetch(reader: &mut Reader, settings: &Members<'_, '_>) -> Option<Fetch> {
    let value = settings.get("revocations_fetch")?;
    let members = reader.members(&settings.at("revocations_fetch"), value, REVOCATIONS_FETCH)?;
    let max_stale_seconds = reader.optional_number(&members, "max_stale_seconds", (1, limits::YEAR_SECONDS));
    let fetch = read_place(reader, &members, Some((Document::Revocations { max_stale_seconds }, None)))?;
    // A list that is too old before the next one is asked for would refuse every token now and then.
    let refresh_seconds = fetch.refresh_seconds.unwrap_or(DEFAULT_REFRESH_SECONDS);
    if let Some(most) = max_stale_seconds.filter(|most| *most <= refresh_seconds) {
        let expected = format!("more than refresh_seconds, which is {refresh_seconds}");
        reader.fault(&members.at("max_stale_seconds"), most.to_string(), expected);
    }
    Some(fetch)
}

fn read_one(
    reader: &mut Reader,
    at: &Pointer<'_>,
    value: Value<'_>,
    document: Option<&PolicyDocument>,
) -> Option<Fetch> {
    let members = reader.members(at, value, FETCH)?;
    let authority = reader.authority(&members);
    let known = authority.zip(document).and_then(|(authority, document)| {
        let source = document.authority(&authority).and_then(|index| document.source(index.as_usize()));
        if source.is_none() {
            reader.fault(at, authority.to_string(), "an authority of the policy's trust");
        }
        let own = match source?.document() {
            TrustDocument::Uri(uri) => Some(uri.as_str()),
            TrustDocument::Map(_) => {
                reader.fault(
                    at,
                    format!("the {authority}, whose keys are in a bundle map"),
                    "an entry with keys of its own",
                );
                return None;
            }
            _ => None,
        };
        Some((Document::Trust(authority), own))
    });
    read_place(reader, &members, known)
}

/// The source of a document: `what` it is and its URI in the policy, or nothing if that is a fault already.
fn read_place(reader: &mut Reader, members: &Members<'_, '_>, what: Option<(Document, Option<&str>)>) -> Option<Fetch> {
    let cluster = reader.needed_text(members, "cluster", "the name of a cluster");
    let uri = reader.text(members, "uri", "an http or https URI");
    let timeout_milliseconds =
        reader.number(members, "timeout_milliseconds", DEFAULT_TIMEOUT_MILLISECONDS, (1, 600_000));
    let refresh_seconds = reader.optional_number(members, "refresh_seconds", (1, DAY_SECONDS));
    let (document, own) = what?;
    let Some(uri) = uri.or_else(|| own.map(ToOwned::to_owned)) else {
        if !members.has("uri") {
            reader.fault(&members.at("uri"), NOTHING, "an http or https URI, since the policy has none");
        }
        return None;
    };
    let Some((authority, path)) = split_uri(&uri) else {
        reader.fault(&members.at("uri"), quoted(&uri), "an http or https URI");
        return None;
    };
    let (authority, path) = (authority.to_owned(), path.to_owned());
    Some(Fetch { document, cluster: cluster?, authority, path, timeout_milliseconds, refresh_seconds })
}

/// Authority and path of an http or https URI.
pub(super) fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !authority.is_empty() && path.starts_with('/') && !path.contains('#')).then_some((authority, path))
}

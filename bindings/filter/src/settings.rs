//! The settings of the filter and of its routes: JSON, as Envoy hands over a `Struct` or a `StringValue`.
//!
//! As with the policy document, every fault is told at once: where, what was found, what was expected. Unknown members are
//! faults, since a misspelt condition must not vanish.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use countersign::engine::{Mode, PolicyDocument, PolicyFault, TrustDocument};
use countersign::jose::json::{self, Budget, JsonObject, JsonString, Value};
use countersign::printable::quoted;
use countersign::time::YEAR_SECONDS;
use countersign::trust::Origin;
use countersign::uri::OwnedOrigin;
use countersign_live::RevocationDocument;

use crate::certificate::{self, CertificateSource};
use crate::fact::Fact;
use crate::fetch::DEFAULT_REFRESH_SECONDS;
use crate::identity::{IdentityHeaders, spells_alike};
use crate::nonce_keys;

/// Gives the bytes of a file, or why it cannot.
pub type ReadFile = dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Which build of the filter reads its settings: each refuses what only the other can do, instead of leaving it undone.
#[derive(Clone, Copy)]
pub enum Build<'b> {
    /// The dynamic module, which reads files: `read` gives the bytes of one, or why not.
    Module {
        /// Reads a policy document.
        read: &'b ReadFile,
    },
    /// The proxy-wasm filter, which has no files.
    Wasm,
}

impl core::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Module { .. } => "Module",
            Self::Wasm => "Wasm",
        })
    }
}

impl Build<'_> {
    /// The members that this build takes.
    fn members(self) -> Vec<&'static str> {
        let own: &[&str] = match self {
            Self::Module { .. } => &OF_MODULE,
            Self::Wasm => &OF_WASM,
        };
        [&OF_BOTH, own].concat()
    }

    /// What is wrong with a member that only the other build takes.
    fn why_not(self, name: &str) -> Option<&'static str> {
        match self {
            Self::Module { .. } => OF_WASM.contains(&name).then_some("a setting of the proxy-wasm filter only"),
            Self::Wasm => {
                let why = match name {
                    "clear_route_cache" => {
                        "a setting of the dynamic module only: Envoy clears the route cache whenever a VM sets a field"
                    }
                    _ => "a setting that needs files, which a WebAssembly VM has none of",
                };
                OF_MODULE.contains(&name).then_some(why)
            }
        }
    }
}

const OF_BOTH: [&str; 15] = [
    "policy",
    "use",
    "use_when",
    "origin",
    "mode",
    "poll_milliseconds",
    "fetch",
    "revocations",
    "revocations_fetch",
    "identity_headers",
    "metadata",
    "audit_log",
    "certificate",
    "replay_store",
    "proofs_before_start",
];
const OF_MODULE: [&str; 5] =
    ["policy_file", "trust_directory", "revocations_file", "nonce_keys_file", "clear_route_cache"];
const OF_WASM: [&str; 4] = ["nonce_keys", "route_metadata", "routes_match_identity", "signatures"];

/// What the filter's configuration says, but for the policy document.
#[derive(Debug)]
pub struct Settings {
    /// The policy of routes that name none, where no header selects one.
    pub policy: String,
    /// Policies that headers select; the first that matches holds.
    pub selections: Vec<Selection>,
    /// The external origin, for policies that have none of their own.
    pub origin: Option<String>,
    /// Over the mode of the policy.
    pub mode: Option<Mode>,
    /// How often files are looked at, fetches are begun and counts are carried over.
    pub poll: Duration,
    /// What is fetched, and where.
    pub fetches: Vec<Fetch>,
    /// What is revoked, whatever is fetched or in a file besides.
    pub revocations: RevocationDocument,
    /// The fields that are written from a decision, or read for a certificate.
    pub identity_headers: IdentityHeaders,
    /// Whether the route is chosen anew by the identity headers that were written, and asked again.
    pub clear_route_cache: bool,
    /// Where facts are left for filters and logs.
    pub metadata_namespace: String,
    /// Which facts are left there.
    pub metadata: Vec<Fact>,
    /// Which decisions are logged.
    pub audit: Audit,
    /// Where the client certificate comes from.
    pub certificate: CertificateSource,
    /// The name of the store of used proofs.
    pub replay_store: String,
    /// Whether proofs from before the store was made may pass.
    pub forget_proofs: bool,
    /// What only the module has.
    pub files: Files,
    /// What only the proxy-wasm filter has.
    pub vm: Vm,
}

/// A policy for requests by one of their header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The name of the field, in small letters; or `:path`, `:method`, `:authority`, `:scheme`.
    pub header: String,
    /// What its value has to be.
    pub value: HeaderMatch,
    /// The name of the policy.
    pub policy: String,
}

/// What a value has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderMatch {
    /// This text.
    Exact(String),
    /// A text that begins with this one.
    Prefix(String),
}

impl Selection {
    /// Whether a value is the one.
    ///
    /// A path without its query: a client could otherwise leave an exact one by a question mark. Host and scheme in whatever case
    /// (RFC 9110 §4.2.3).
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let (value, any_case) = match self.header.as_str() {
            ":path" => (value.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default(), false),
            name => (value, matches!(name, ":authority" | ":scheme")),
        };
        let (value, text) = match &self.value {
            HeaderMatch::Exact(text) => (Some(value), text),
            HeaderMatch::Prefix(text) => (value.get(..text.len()), text),
        };
        value.is_some_and(|value| value == text.as_bytes() || (any_case && value.eq_ignore_ascii_case(text.as_bytes())))
    }

    /// Whether whatever `later` matches, this does too.
    fn hides(&self, later: &Self) -> bool {
        self.header == later.header
            && match (&self.value, &later.value) {
                (HeaderMatch::Prefix(_), HeaderMatch::Exact(text) | HeaderMatch::Prefix(text))
                | (HeaderMatch::Exact(_), HeaderMatch::Exact(text)) => self.matches(text.as_bytes()),
                (HeaderMatch::Exact(_), HeaderMatch::Prefix(_)) => false,
            }
    }
}

/// Settings of the dynamic module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Where relative names of trust files begin.
    pub directory: String,
    /// Revocations, read again when they change.
    pub revocations: Option<String>,
    /// Keys of nonces, read again when they change.
    pub nonce_keys: Option<String>,
}

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

/// Who checks signatures that no table of ours does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// The proxy where it can, and the VM where not.
    #[default]
    Host,
    /// The VM.
    Vm,
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

/// A document that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// The keys of a trust domain or an issuer.
    Trust(Origin),
    /// What is revoked.
    Revocations {
        /// How long after it was fetched a list tells what is revoked; without it, until the next one.
        max_stale_seconds: Option<u64>,
    },
}

impl core::fmt::Display for Document {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Trust(origin) => origin.fmt(f),
            Self::Revocations { .. } => f.write_str("revocations"),
        }
    }
}

/// What is fetched, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// What it is.
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

/// What one route says over the filter's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSettings {
    /// The name of its policy.
    pub policy: Option<String>,
    /// Its external origin.
    pub origin: Option<String>,
    /// What happens to refused requests.
    pub mode: Option<Mode>,
}

const DEFAULT_POLL_MILLISECONDS: u64 = 1000;
const DEFAULT_FETCH_MILLISECONDS: u64 = 5000;
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// Where something is fetched.
const PLACE: [&str; 4] = ["cluster", "uri", "timeout_milliseconds", "refresh_seconds"];

impl Settings {
    /// Whether a list of revocations is to be fetched: until it was, nobody knows what is revoked.
    #[must_use]
    pub fn awaits_revocations(&self) -> bool {
        self.fetches.iter().any(|fetch| matches!(fetch.document, Document::Revocations { .. }))
    }

    /// Reads the filter's configuration and the policy document in it.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub fn read(text: &[u8], build: Build<'_>) -> Result<(Self, PolicyDocument), Vec<PolicyFault>> {
        let mut reader = Reader::default();
        let read = reader.settings(text, build);
        match read {
            Some(read) if reader.faults.is_empty() => Ok(read),
            _ => Err(reader.faults),
        }
    }
}

impl RouteSettings {
    /// Reads what a route says.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub fn read(text: &[u8]) -> Result<Self, Vec<PolicyFault>> {
        let mut reader = Reader::default();
        let mut read = Self::default();
        if let Some(root) = reader.root(text)
            && let Some(members) = reader.members("", root, &["use", "origin", "mode"])
        {
            read.policy = reader.text(&members, "use", "the name of a policy");
            read.origin = reader.origin(&members);
            read.mode = reader.mode(&members);
        }
        if reader.faults.is_empty() { Ok(read) } else { Err(reader.faults) }
    }

    /// Reads the same from names and values, as the metadata of a route tells them. `None` if a word of it is not understood.
    #[must_use]
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p [u8], &'p [u8])>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in pairs {
            let value = str::from_utf8(value).ok()?;
            match name {
                b"use" => read.policy = Some(value.to_owned()),
                b"origin" => {
                    OwnedOrigin::parse(value.as_bytes()).ok()?;
                    read.origin = Some(value.trim_end_matches('/').to_owned());
                }
                b"mode" => {
                    let known = [Mode::Enforce, Mode::Shadow].into_iter().find(|mode| mode.name() == value);
                    read.mode = Some(known?);
                }
                _ => return None,
            }
        }
        Some(read)
    }
}

/// The members of an object and where it stands.
struct Members<'a> {
    pointer: String,
    object: JsonObject<'a>,
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<Value<'a>> {
        self.object.member(name)
    }

    fn at(&self, name: &str) -> String {
        PolicyFault::member(&self.pointer, name)
    }
}

#[derive(Default)]
struct Reader {
    faults: Vec<PolicyFault>,
}

impl Reader {
    fn fault(&mut self, pointer: String, found: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(PolicyFault { pointer, found: found.into(), expected: expected.into() });
    }

    fn root<'a>(&mut self, text: &'a [u8]) -> Option<Value<'a>> {
        match json::parse(text, Budget::POLICY) {
            Ok(root) => Some(root),
            Err(fault) => {
                self.faults.push(PolicyFault::of_json(text, fault));
                None
            }
        }
    }

    fn members<'a>(&mut self, pointer: &str, value: Value<'a>, names: &[&str]) -> Option<Members<'a>> {
        self.members_but(pointer, value, names, |_| None)
    }

    /// `found` says what a member is that is not among `names` and yet known.
    fn members_but<'a>(
        &mut self,
        pointer: &str,
        value: Value<'a>,
        names: &[&str],
        found: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<Members<'a>> {
        let Some(object) = value.as_object() else {
            self.fault(pointer.to_owned(), PolicyFault::describe(value), "an object");
            return None;
        };
        for (name, _) in object.members() {
            if !names.iter().any(|known| name.is(known)) {
                let name = name.to_owned_string();
                let found = found(&name).unwrap_or("an unknown member");
                self.fault(PolicyFault::member(pointer, &name), found, format!("one of {}", names.join(", ")));
            }
        }
        Some(Members { pointer: pointer.to_owned(), object })
    }

    fn settings(&mut self, text: &[u8], build: Build<'_>) -> Option<(Settings, PolicyDocument)> {
        let root = self.root(text)?;
        let known = build.members();
        let members = self.members_but("", root, &known, |name| build.why_not(name))?;
        let document = match build {
            Build::Module { read } => self.policy(&members, Some(read)),
            Build::Wasm => self.policy(&members, None),
        };
        let certificate = self.certificate(&members);
        let identity_headers = self.identity_headers(&members, certificate);
        let has_identity = !identity_headers.is_empty();
        let settings = Settings {
            policy: self.default_policy(&members, document.as_ref()),
            selections: self.selections(&members, document.as_ref(), &identity_headers),
            origin: self.origin(&members),
            mode: self.mode(&members),
            poll: Duration::from_millis(self.number(
                &members,
                "poll_milliseconds",
                DEFAULT_POLL_MILLISECONDS,
                (10, 60_000),
            )),
            fetches: self.fetches(&members, document.as_ref()),
            revocations: self.revocations(&members),
            identity_headers,
            clear_route_cache: match build {
                Build::Module { .. } => self.flag(&members, "clear_route_cache", false),
                // Envoy chooses it anew whenever a VM sets a field, but gives a VM the one before: settings that depend on it are refused (`vm`).
                Build::Wasm => false,
            },
            metadata_namespace: self.metadata_namespace(&members),
            metadata: self.metadata_facts(&members),
            audit: self.word(
                &members,
                "audit_log",
                &[("off", Audit::Off), ("refusals", Audit::Refusals), ("all", Audit::All)],
            ),
            certificate,
            replay_store: self.text(&members, "replay_store", "a name").unwrap_or_else(|| "default".to_owned()),
            forget_proofs: self.word(&members, "proofs_before_start", &[("refuse", false), ("danger_accept", true)]),
            files: match build {
                Build::Module { .. } => self.files(&members, document.as_ref()),
                Build::Wasm => Files::default(),
            },
            vm: match build {
                Build::Module { .. } => Vm::default(),
                Build::Wasm => self.vm(&members, document.as_ref(), has_identity),
            },
        };
        Some((settings, document?))
    }

    fn files(&mut self, members: &Members<'_>, document: Option<&PolicyDocument>) -> Files {
        let directory = self.text(members, "trust_directory", "the path of a directory");
        let policy_file = match members.get("policy_file") {
            Some(Value::String(text)) => Some(text.to_owned_string()),
            _ => None,
        };
        let beside = policy_file.map(|file| match file.rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((folder, _)) => folder.to_owned(),
            None => String::new(),
        });
        let relative = |name: &str| !name.starts_with('/');
        let from_nowhere = |source: &TrustDocument| matches!(source, TrustDocument::File(name) if relative(name));
        let mut sources = document.into_iter().flat_map(PolicyDocument::trust);
        if directory.is_none() && beside.is_none() && sources.any(|(_, source)| from_nowhere(source.document())) {
            let expected = "the directory of the trust files that the policy names";
            self.fault(members.at("trust_directory"), "nothing", expected);
        }
        Files {
            directory: directory.or(beside).unwrap_or_default(),
            revocations: self.text(members, "revocations_file", "the path of a file"),
            nonce_keys: self.text(members, "nonce_keys_file", "the path of a file"),
        }
    }

    fn vm(&mut self, members: &Members<'_>, document: Option<&PolicyDocument>, has_identity: bool) -> Vm {
        for (place, (_, source)) in document.into_iter().flat_map(PolicyDocument::trust).enumerate() {
            if matches!(source.document(), TrustDocument::File(_)) {
                let expected = "the document itself, or a URI with an entry in fetch: a WebAssembly VM has no files";
                self.fault(format!("/policy/trust/{place}"), "the name of a file", expected);
            }
        }
        let several = document.is_some_and(|document| document.policies().nth(1).is_some());
        let route_metadata = self.flag(members, "route_metadata", several);
        // Envoy chooses the route anew whenever a VM sets or removes a header field, and gives the VM the metadata of the route before: a
        // route that matches on an identity header could be reached by a request that was judged by the policy of another.
        const MATCH: &str = "routes_match_identity";
        if self.flag(members, MATCH, route_metadata && has_identity) {
            let found = if members.get(MATCH).is_some() {
                "true"
            } else {
                "nothing beside route metadata and identity headers"
            };
            self.fault(members.at(MATCH), found, "false, and no route that matches on an identity header");
        }
        let signatures = self.word(members, "signatures", &[("host", Signatures::Host), ("vm", Signatures::Vm)]);
        Vm { nonce_keys: self.nonce_keys(members), route_metadata, signatures }
    }

    fn nonce_keys(&mut self, members: &Members<'_>) -> Vec<[u8; 32]> {
        let Some(value) = members.get("nonce_keys") else { return Vec::new() };
        let text = |value: Value<'_>| value.as_string().map(JsonString::to_owned_string);
        let texts: Option<Vec<String>> = value.as_array().and_then(|array| array.elements().map(text).collect());
        let keys = texts.and_then(|texts| nonce_keys::decode(texts.iter().map(String::as_bytes)));
        keys.unwrap_or_else(|| {
            // What was found is a secret.
            let expected = "an array of one or two texts, each 32 random bytes in base64url";
            self.fault(members.at("nonce_keys"), "something else", expected);
            Vec::new()
        })
    }

    /// Without `read`, there is no `policy_file`: the member is a fault already.
    fn policy(&mut self, members: &Members<'_>, read: Option<&ReadFile>) -> Option<PolicyDocument> {
        let file = read.and_then(|read| {
            let path = self.text(members, "policy_file", "the path of a file")?;
            Some((read, path))
        });
        let (text, place) = match (members.get("policy"), file) {
            (Some(value @ Value::Object(object)), None) => {
                debug_assert_eq!(value.kind(), "object");
                (object.raw().as_bytes().to_vec(), "/policy".to_owned())
            }
            (Some(value), None) => {
                self.fault(members.at("policy"), PolicyFault::describe(value), "a policy document");
                return None;
            }
            (None, Some((read, file))) => match read(&file) {
                Ok(text) => (text, format!("{file} ")),
                Err(error) => {
                    self.fault(members.at("policy_file"), error, "a file that can be read");
                    return None;
                }
            },
            (Some(_), Some(_)) => {
                self.fault(members.at("policy_file"), "a file besides policy", "one of policy, policy_file");
                return None;
            }
            (None, None) if members.get("policy_file").is_some() => return None,
            (None, None) => {
                let or_a_file = if read.is_some() { ", or policy_file" } else { "" };
                self.fault(members.at("policy"), "nothing", format!("a policy document{or_a_file}"));
                return None;
            }
        };
        match PolicyDocument::parse(&text) {
            Ok(document) => Some(document),
            Err(faults) => {
                for fault in faults {
                    self.fault(format!("{place}{}", fault.pointer), fault.found, fault.expected);
                }
                None
            }
        }
    }

    /// What `use` names; where it says nothing, the only policy, or the one called `default`.
    fn default_policy(&mut self, members: &Members<'_>, document: Option<&PolicyDocument>) -> String {
        let named = self.text(members, "use", "the name of a policy");
        let Some(document) = document else { return String::new() };
        let mut names = document.policies().map(|(_, policy)| policy.name());
        let name = match (&named, names.next(), names.next()) {
            (None, Some(only), None) => only,
            (None, ..) => "default",
            (Some(name), ..) => name,
        };
        if document.policy(name).is_none() {
            let found = named.as_ref().map_or_else(|| "nothing".to_owned(), |name| quoted(name));
            self.policy_fault(members, found, document);
        }
        name.to_owned()
    }

    fn policy_fault(&mut self, members: &Members<'_>, found: String, document: &PolicyDocument) {
        let all: Vec<&str> = document.policies().map(|(_, policy)| policy.name()).collect();
        self.fault(members.at("use"), found, format!("one of {}", all.join(", ")));
    }

    fn selections(
        &mut self,
        members: &Members<'_>,
        document: Option<&PolicyDocument>,
        identity: &IdentityHeaders,
    ) -> Vec<Selection> {
        let mut all: Vec<(usize, Selection)> = Vec::new();
        match members.get("use_when") {
            None => {}
            Some(Value::Array(array)) => {
                for (place, element) in array.elements().enumerate() {
                    let pointer = format!("/use_when/{place}");
                    let Some(read) = self.selection(&pointer, element, document) else { continue };
                    if identity.removes(read.header.as_bytes()) {
                        let found = format!("{}, an identity header, which no client can send", quoted(&read.header));
                        self.fault(format!("{pointer}/header"), found, "another header field");
                    }
                    if let Some((before, _)) = all.iter().find(|(_, earlier)| earlier.hides(&read)) {
                        let found = format!("what entry {before} matches before it");
                        self.fault(pointer, found, "the narrower match first");
                    }
                    all.push((place, read));
                }
            }
            Some(other) => self.fault(members.at("use_when"), PolicyFault::describe(other), "an array"),
        }
        all.into_iter().map(|(_, selection)| selection).collect()
    }

    fn selection(&mut self, pointer: &str, value: Value<'_>, document: Option<&PolicyDocument>) -> Option<Selection> {
        let members = self.members(pointer, value, &["header", "exact", "prefix", "use"])?;
        let mut need = |name: &str, expected: &str| {
            if members.get(name).is_none() {
                self.fault(members.at(name), "nothing", expected);
            }
            self.text(&members, name, expected)
        };
        let header = need("header", "the name of a header field").map(|name| name.to_ascii_lowercase());
        let policy = need("use", "the name of a policy");
        let (exact, prefix) = (self.text(&members, "exact", "a value"), self.text(&members, "prefix", "a value"));
        if members.get("exact").is_some() == members.get("prefix").is_some() {
            self.fault(pointer.to_owned(), "none or both", "one of exact, prefix");
        }
        if let Some(name) = &header
            && !matches!(name.as_str(), ":path" | ":method" | ":authority" | ":scheme")
            && (!is_field_name(name) || matches!(name.as_str(), "authorization" | "dpop" | "host"))
        {
            let expected = "a header field other than authorization and dpop, or :path, :method, :authority, :scheme";
            self.fault(members.at("header"), quoted(name), expected);
        }
        if let (Some(name), Some(document)) = (&policy, document)
            && document.policy(name).is_none()
        {
            self.policy_fault(&members, quoted(name), document);
        }
        let text = exact.as_deref().or(prefix.as_deref()).unwrap_or("/");
        if header.as_deref() == Some(":path") && (!text.starts_with('/') || text.contains(['?', '#'])) {
            self.fault(pointer.to_owned(), "a value that no path has", "a path, without a query");
        }
        let value = exact.map(HeaderMatch::Exact).or(prefix.map(HeaderMatch::Prefix))?;
        Some(Selection { header: header?, value, policy: policy? })
    }

    fn fetches(&mut self, members: &Members<'_>, document: Option<&PolicyDocument>) -> Vec<Fetch> {
        let mut all = Vec::new();
        // By the place in the policy's trust.
        let mut fetched: Vec<bool> = document.into_iter().flat_map(PolicyDocument::trust).map(|_| false).collect();
        match members.get("fetch") {
            None => {}
            Some(Value::Array(array)) => {
                for (place, element) in array.elements().enumerate() {
                    let pointer = format!("/fetch/{place}");
                    let Some(read) = self.fetch(&pointer, element, document) else { continue };
                    let index = document.and_then(|document| read.index(document).ok().flatten());
                    if let Some(known) = index.and_then(|index| fetched.get_mut(index.as_usize()))
                        && core::mem::replace(known, true)
                    {
                        self.fault(pointer, format!("the {} again", read.document), "each origin once");
                    }
                    all.push(read);
                }
            }
            Some(other) => self.fault(members.at("fetch"), PolicyFault::describe(other), "an array"),
        }
        for (place, (_, source)) in document.into_iter().flat_map(PolicyDocument::trust).enumerate() {
            let behind_uri = matches!(source.document(), TrustDocument::Uri(_));
            if behind_uri && !fetched.get(place).is_some_and(|fetched| *fetched) {
                let found = format!("no cluster for /policy/trust/{place}");
                self.fault(members.at("fetch"), found, format!("an entry for the {}", source.origin()));
            }
        }
        all.extend(members.get("revocations_fetch").and_then(|value| self.revocations_fetch(value)));
        all
    }

    fn revocations_fetch(&mut self, value: Value<'_>) -> Option<Fetch> {
        const STALE: &str = "max_stale_seconds";
        let members = self.members("/revocations_fetch", value, &[PLACE.as_slice(), &[STALE]].concat())?;
        let max_stale_seconds = self.number_if_there(&members, STALE, YEAR_SECONDS);
        let fetch = self.fetch_from(&members, Some((Document::Revocations { max_stale_seconds }, None)))?;
        // A list that is too old before the next one is asked for would refuse everybody now and then.
        let refresh_seconds = fetch.refresh_seconds.unwrap_or(DEFAULT_REFRESH_SECONDS);
        if let Some(most) = max_stale_seconds.filter(|most| *most <= refresh_seconds) {
            let expected = format!("more than refresh_seconds, which is {refresh_seconds}");
            self.fault(members.at(STALE), most.to_string(), expected);
        }
        Some(fetch)
    }

    fn fetch(&mut self, pointer: &str, value: Value<'_>, document: Option<&PolicyDocument>) -> Option<Fetch> {
        let members = self.members(pointer, value, &[&["issuer", "trust_domain"], PLACE.as_slice()].concat())?;
        let issuer = self.text(&members, "issuer", "an issuer of the policy");
        let trust_domain = self.text(&members, "trust_domain", "a trust domain of the policy");
        let origin = match (issuer, trust_domain) {
            (Some(name), None) => Some(Origin::Issuer(name)),
            (None, Some(name)) => Some(Origin::TrustDomain(name)),
            _ => {
                self.fault(pointer.to_owned(), "none or both", "one of issuer, trust_domain");
                None
            }
        };
        let known = origin.zip(document).and_then(|(origin, document)| {
            let source = document.origin(&origin).and_then(|index| document.source(index.as_usize()));
            if source.is_none() {
                self.fault(pointer.to_owned(), origin.to_string(), "an origin of the policy's trust");
            }
            let own = match source?.document() {
                TrustDocument::Uri(uri) => Some(uri.as_str()),
                _ => None,
            };
            Some((Document::Trust(origin), own))
        });
        self.fetch_from(&members, known)
    }

    /// Where something is fetched: `what` it is and the URI that the policy has for it, or nothing if that is a fault already.
    fn fetch_from(&mut self, members: &Members<'_>, what: Option<(Document, Option<&str>)>) -> Option<Fetch> {
        let cluster = self.text(members, "cluster", "the name of a cluster");
        let uri = self.text(members, "uri", "an http or https URI");
        let timeout_milliseconds =
            self.number(members, "timeout_milliseconds", DEFAULT_FETCH_MILLISECONDS, (1, 600_000));
        let refresh_seconds = self.number_if_there(members, "refresh_seconds", DAY_SECONDS);
        if cluster.is_none() && members.get("cluster").is_none() {
            self.fault(members.at("cluster"), "nothing", "the name of a cluster");
        }
        let (document, own) = what?;
        let Some(uri) = uri.or_else(|| own.map(ToOwned::to_owned)) else {
            if members.get("uri").is_none() {
                self.fault(members.at("uri"), "nothing", "an http or https URI, since the policy has none");
            }
            return None;
        };
        let Some((authority, path)) = split_uri(&uri) else {
            self.fault(members.at("uri"), quoted(&uri), "an http or https URI");
            return None;
        };
        let (authority, path) = (authority.to_owned(), path.to_owned());
        Some(Fetch { document, cluster: cluster?, authority, path, timeout_milliseconds, refresh_seconds })
    }

    fn revocations(&mut self, members: &Members<'_>) -> RevocationDocument {
        let Some(value) = members.get("revocations") else { return RevocationDocument::default() };
        RevocationDocument::from_value(value, "/revocations").unwrap_or_else(|faults| {
            self.faults.extend(faults);
            RevocationDocument::default()
        })
    }

    fn identity_headers(&mut self, members: &Members<'_>, certificate: CertificateSource) -> IdentityHeaders {
        let read = (certificate == CertificateSource::Forwarded).then_some(certificate::FORWARDED);
        IdentityHeaders::new(self.written_headers(members, read), read)
    }

    /// `read` is the field that the certificate is taken from.
    fn written_headers(&mut self, members: &Members<'_>, read: Option<&str>) -> Vec<(String, Fact)> {
        let mut all: Vec<(String, Fact)> = Vec::new();
        let Some(value) = members.get("identity_headers") else { return all };
        let Some(object) = value.as_object() else {
            self.fault(
                members.at("identity_headers"),
                PolicyFault::describe(value),
                "an object: names of header fields with facts",
            );
            return all;
        };
        for (name, value) in object.members() {
            let name = name.to_owned_string();
            let pointer = PolicyFault::member("/identity_headers", &name);
            let name = name.to_ascii_lowercase();
            let alike = |known: &str| spells_alike(known.as_bytes(), name.as_bytes());
            if !is_field_name(&name) || ["authorization", "dpop", "host"].into_iter().chain(read).any(alike) {
                self.fault(pointer.clone(), "this name", "a header field of identity, such as x-user");
            }
            if let Some((known, _)) = all.iter().find(|(known, _)| alike(known)) {
                self.fault(pointer.clone(), format!("another spelling of {known}"), "each name once");
            }
            match self.fact(pointer, value) {
                Some(fact) => all.push((name, fact)),
                None => continue,
            }
        }
        all
    }

    fn fact(&mut self, pointer: String, value: Value<'_>) -> Option<Fact> {
        let fact = value.as_string().and_then(|text| Fact::from_name(&text.to_owned_string()));
        if fact.is_none() {
            let names: Vec<&str> = Fact::ALL.into_iter().map(Fact::name).collect();
            self.fault(pointer, PolicyFault::describe(value), format!("one of {}", names.join(", ")));
        }
        fact
    }

    fn metadata_namespace(&mut self, members: &Members<'_>) -> String {
        let default = || "countersign".to_owned();
        let Some(value @ Value::Object(_)) = members.get("metadata") else { return default() };
        let Some(metadata) = self.members("/metadata", value, &["namespace", "facts"]) else { return default() };
        self.text(&metadata, "namespace", "a name").unwrap_or_else(default)
    }

    fn metadata_facts(&mut self, members: &Members<'_>) -> Vec<Fact> {
        let facts = match members.get("metadata") {
            None | Some(Value::Bool(false)) => return Vec::new(),
            Some(Value::Object(object)) => object.member("facts"),
            Some(other) => {
                self.fault(members.at("metadata"), PolicyFault::describe(other), "an object, or false");
                return Vec::new();
            }
        };
        match facts {
            None => Fact::COMMON.into(),
            Some(Value::Array(array)) => {
                let read = |(place, value)| self.fact(format!("/metadata/facts/{place}"), value);
                array.elements().enumerate().filter_map(read).collect()
            }
            Some(other) => {
                self.fault("/metadata/facts".to_owned(), PolicyFault::describe(other), "an array of facts");
                Vec::new()
            }
        }
    }

    fn certificate(&mut self, members: &Members<'_>) -> CertificateSource {
        match members.get("certificate") {
            None => CertificateSource::Connection,
            Some(Value::Bool(false)) => CertificateSource::Nowhere,
            Some(_) => self.word(
                members,
                "certificate",
                &[
                    ("connection", CertificateSource::Connection),
                    ("x-forwarded-client-cert", CertificateSource::Forwarded),
                ],
            ),
        }
    }

    fn origin(&mut self, members: &Members<'_>) -> Option<String> {
        let expected = "an origin such as https://api.example";
        let origin = self.text(members, "origin", expected)?;
        if OwnedOrigin::parse(origin.as_bytes()).is_err() {
            self.fault(members.at("origin"), quoted(&origin), expected);
            return None;
        }
        Some(origin.trim_end_matches('/').to_owned())
    }

    fn mode(&mut self, members: &Members<'_>) -> Option<Mode> {
        members.get("mode")?;
        Some(self.word(members, "mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]))
    }

    fn flag(&mut self, members: &Members<'_>, name: &str, default: bool) -> bool {
        match members.get(name) {
            None => default,
            Some(Value::Bool(asked)) => asked,
            Some(other) => {
                self.fault(members.at(name), PolicyFault::describe(other), "true or false");
                default
            }
        }
    }

    fn text(&mut self, members: &Members<'_>, name: &str, expected: &str) -> Option<String> {
        match members.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.to_owned_string()),
            other => {
                self.fault(members.at(name), PolicyFault::describe(other), expected);
                None
            }
        }
    }

    fn number(&mut self, members: &Members<'_>, name: &str, default: u64, (least, most): (u64, u64)) -> u64 {
        let Some(value) = members.get(name) else { return default };
        let number = match value {
            Value::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
            _ => None,
        };
        number.unwrap_or_else(|| {
            self.fault(
                members.at(name),
                PolicyFault::describe(value),
                format!("a whole number from {least} to {most}"),
            );
            default
        })
    }

    /// A number from 1 to `most`, if the member is there.
    fn number_if_there(&mut self, members: &Members<'_>, name: &str, most: u64) -> Option<u64> {
        members.get(name).is_some().then(|| self.number(members, name, most, (1, most)))
    }

    /// One of a few words; the first where the member is absent.
    fn word<T: Copy + Default>(&mut self, members: &Members<'_>, name: &str, words: &[(&str, T)]) -> T {
        let Some(value) = members.get(name) else {
            return words.first().map(|(_, meaning)| *meaning).unwrap_or_default();
        };
        let found = value.as_string().and_then(|text| words.iter().find(|(word, _)| text.is(word)));
        found.map(|(_, meaning)| *meaning).unwrap_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(members.at(name), PolicyFault::describe(value), format!("one of {}", names.join(", ")));
            T::default()
        })
    }
}

/// RFC 9110 §5.6.2, in small letters; no pseudo-header of HTTP/2.
fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// Authority and path of an http or https URI.
fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !authority.is_empty() && path.starts_with('/') && !path.contains('#')).then_some((authority, path))
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    const POLICY: &str = r#"{"trust":[{"issuer":"https://as.example"}],
        "policies":{"default":{"accept":["at+jwt"],"audience":["https://api.example"]}}}"#;

    const MODULE: Build<'_> = Build::Module { read: &|_| Err("no files here".to_owned()) };

    fn faults(text: &str) -> Vec<String> {
        faults_of(text, MODULE)
    }

    fn faults_of(text: &str, build: Build<'_>) -> Vec<String> {
        Settings::read(text.as_bytes(), build).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_least_there_is() -> Result<(), Vec<PolicyFault>> {
        let (settings, document) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), MODULE)?;
        assert_eq!(document.policies().count(), 1);
        assert_eq!(settings.policy, "default");
        assert_eq!(settings.metadata, []);
        assert_eq!(settings.audit, Audit::Off);
        assert!(!settings.forget_proofs);
        Ok(())
    }

    #[test]
    fn all_there_is() -> Result<(), Vec<PolicyFault>> {
        let text = format!(
            r#"{{"policy":{POLICY},"use":"default","origin":"https://api.example/","mode":"shadow",
            "trust_directory":"/trust","poll_milliseconds":20,"certificate":"x-forwarded-client-cert",
            "fetch":[{{"issuer":"https://as.example","cluster":"as","uri":"http://as.example/keys?all",
                "timeout_milliseconds":100,"refresh_seconds":2}}],
            "identity_headers":{{"X-User":"subject"}},"clear_route_cache":true,"metadata":{{"namespace":"n","facts":["kind"]}},
            "audit_log":"all","revocations_file":"/r","nonce_keys_file":"/n","replay_store":"s",
            "proofs_before_start":"danger_accept"}}"#
        );
        let (settings, _) = Settings::read(text.as_bytes(), MODULE)?;
        assert_eq!(settings.origin.as_deref(), Some("https://api.example"));
        assert_eq!(settings.identity_headers.written(), [("x-user".to_owned(), Fact::Subject)]);
        assert!(settings.clear_route_cache && settings.identity_headers.removes(b"x_forwarded_client_cert"));
        assert_eq!((settings.metadata_namespace.as_str(), settings.metadata), ("n", vec![Fact::Kind]));
        assert_eq!(settings.certificate, CertificateSource::Forwarded);
        assert!(settings.forget_proofs);
        let fetch = Fetch {
            document: Document::Trust(Origin::Issuer("https://as.example".to_owned())),
            cluster: "as".to_owned(),
            authority: "as.example".to_owned(),
            path: "/keys?all".to_owned(),
            timeout_milliseconds: 100,
            refresh_seconds: Some(2),
        };
        assert_eq!(settings.fetches, [fetch]);
        Ok(())
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let text = r#"{"policy":{"trust":[],"policies":{"default":{"accept":["at+jwt"]}}},"polcy_file":"x",
            "mode":"enforced","poll_milliseconds":0,"identity_headers":{"x-user":"sub","a b":"subject"},"metadata":true}"#;
        let found = faults(text);
        for expected in [
            "/polcy_file: found an unknown member, expected one of policy, use,",
            "/policy/policies/default/audience: found nothing, expected",
            "/mode: found \"enforced\", expected one of enforce, shadow",
            "/poll_milliseconds: found 0, expected a whole number from 10 to 60000",
            "/identity_headers/x-user: found \"sub\", expected one of decision, reason,",
            "/identity_headers/a b: found this name, expected a header field",
            "/metadata: found true, expected an object, or false",
        ] {
            assert!(found.iter().any(|fault| fault.starts_with(expected)), "{expected} in {found:#?}");
        }
    }

    #[test]
    fn a_document_behind_a_uri_needs_a_cluster() {
        let policy = POLICY.replace(r#"example"}"#, r#"example","jwks_uri":"https://as.example/keys"}"#);
        let found = faults(&format!(r#"{{"policy":{policy}}}"#));
        assert_eq!(
            found,
            ["/fetch: found no cluster for /policy/trust/0, expected an entry for the issuer https://as.example"]
        );
        let fetch = r#""fetch":[{"issuer":"https://as.example","cluster":"as"}]"#;
        assert_eq!(faults(&format!(r#"{{"policy":{policy},{fetch}}}"#)), [""; 0]);
        let unknown = fetch.replace("https://as", "https://other");
        let found = faults(&format!(r#"{{"policy":{POLICY},{unknown}}}"#));
        assert_eq!(found, ["/fetch/0: found issuer https://other.example, expected an origin of the policy's trust"]);
    }

    #[test]
    fn revocations_stand_here_or_are_fetched() -> Result<(), Vec<PolicyFault>> {
        let revoked = r#"{"origins":[{"issuer":"https://as.example","keys":["k"]}]}"#;
        let text = format!(
            r#"{{"policy":{POLICY},"revocations":{revoked},"revocations_fetch":{{"cluster":"as","uri":"https://as/r"}}}}"#
        );
        for build in [MODULE, Build::Wasm] {
            let (settings, _) = Settings::read(text.as_bytes(), build)?;
            assert_eq!(settings.revocations, RevocationDocument::read(revoked.as_bytes())?);
            let fetch = settings.fetches.first().ok_or_else(Vec::new)?;
            let read = (&fetch.document, fetch.cluster.as_str(), fetch.authority.as_str(), fetch.path.as_str());
            assert_eq!(read, (&Document::Revocations { max_stale_seconds: None }, "as", "as", "/r"));
        }
        let fetch = |more: &str| {
            let place = r#""cluster":"as","uri":"https://as/r""#;
            format!(r#"{{"policy":{POLICY},"revocations_fetch":{{{place},{more}}}}}"#)
        };
        let (settings, _) = Settings::read(fetch(r#""max_stale_seconds":301"#).as_bytes(), MODULE)?;
        let document = settings.fetches.first().map(|fetch| fetch.document.clone());
        assert_eq!(document, Some(Document::Revocations { max_stale_seconds: Some(301) }));
        for (more, found) in [
            (r#""max_stale_seconds":300"#, "300, expected more than refresh_seconds, which is 300"),
            (r#""max_stale_seconds":9,"refresh_seconds":10"#, "9, expected more than refresh_seconds, which is 10"),
            (r#""max_stale_seconds":0,"refresh_seconds":1"#, "0, expected a whole number from 1 to 31622400"),
        ] {
            let expected = [format!("/revocations_fetch/max_stale_seconds: found {found}")];
            assert_eq!(faults(&fetch(more)), expected);
        }
        let text = format!(
            r#"{{"policy":{POLICY},"revocations":{{"al_before":1,"origins":[{{}}]}},"revocations_fetch":{{"issuer":"a"}}}}"#
        );
        let place = "cluster, uri, timeout_milliseconds, refresh_seconds, max_stale_seconds";
        let expected = [
            format!("/revocations_fetch/issuer: found an unknown member, expected one of {place}"),
            "/revocations_fetch/cluster: found nothing, expected the name of a cluster".to_owned(),
            "/revocations_fetch/uri: found nothing, expected an http or https URI, since the policy has none"
                .to_owned(),
            "/revocations: found an unknown member, expected an object of all_before, origins".to_owned(),
            "/revocations/origins/0: found none or both, expected one of issuer, trust_domain".to_owned(),
        ];
        assert_eq!(faults(&text), expected);
        Ok(())
    }

    #[test]
    fn headers_select_policies() -> Result<(), Vec<PolicyFault>> {
        let text = format!(
            r#"{{"policy":{POLICY},"use_when":[{{"header":":path","prefix":"/orders/","use":"default"}},
            {{"header":"X-Tenant","exact":"blue","use":"default"}},{{"header":":authority","exact":"a.example","use":"default"}},
            {{"header":":path","exact":"/orders","use":"default"}}]}}"#
        );
        let matches = |place: usize, value: &str, settings: &Settings| {
            settings.selections.get(place).is_some_and(|selection| selection.matches(value.as_bytes()))
        };
        for build in [MODULE, Build::Wasm] {
            let (settings, _) = Settings::read(text.as_bytes(), build)?;
            assert_eq!(settings.selections.get(1).map(|selection| selection.header.as_str()), Some("x-tenant"));
            for (place, value, expected) in [
                (0, "/orders/1?a", true),
                (0, "/orders/", true),
                (0, "/orders?/", false),
                (0, "/Orders/1", false),
                (0, "", false),
                (1, "blue", true),
                (1, "blue?", false),
                (1, "Blue", false),
                (1, "blu", false),
                (2, "A.example", true),
                (2, "a.example:443", false),
                (3, "/orders", true),
                (3, "/orders?a=b", true),
                (3, "/orders#", true),
                (3, "/orders/", false),
            ] {
                assert_eq!(matches(place, value, &settings), expected, "{place} {value}");
            }
        }
        let (settings, _) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), MODULE)?;
        assert_eq!(settings.selections, []);
        Ok(())
    }

    #[test]
    fn all_faults_of_selections_are_told_at_once() {
        let entries = [
            r#"{"header":"x-a","exact":"b","use":"other"}"#,
            r#"{"header":"x-a","use":"default"}"#,
            r#"{"header":"x-a","exact":"b","prefix":"c","use":"default"}"#,
            r#"{"exact":"b"}"#,
            r#"{"header":"host","exact":"b","use":"default"}"#,
            r#"{"header":"DPoP","exact":"b","use":"default"}"#,
            r#"{"header":"a b","prefix":"","use":"default","mode":"shadow"}"#,
            r#"{"header":"X-A","exact":"b","use":"default"}"#,
            r#"{"header":":path","prefix":"/a","use":"default"}"#,
            r#"{"header":":path","prefix":"/a/b","use":"default"}"#,
            r#"{"header":":path","exact":"/a","use":"default"}"#,
            "1",
            r#"{"header":":path","exact":"/b?c","use":"default"}"#,
            r#"{"header":":path","prefix":"b","use":"default"}"#,
        ];
        let name = "a header field other than authorization and dpop, or :path, :method, :authority, :scheme";
        let expected = [
            "/use_when/0/use: found \"other\", expected one of default".to_owned(),
            "/use_when/1: found none or both, expected one of exact, prefix".to_owned(),
            "/use_when/2: found none or both, expected one of exact, prefix".to_owned(),
            "/use_when/2: found what entry 0 matches before it, expected the narrower match first".to_owned(),
            "/use_when/3/header: found nothing, expected the name of a header field".to_owned(),
            "/use_when/3/use: found nothing, expected the name of a policy".to_owned(),
            format!("/use_when/4/header: found \"host\", expected {name}"),
            format!("/use_when/5/header: found \"dpop\", expected {name}"),
            "/use_when/6/mode: found an unknown member, expected one of header, exact, prefix, use".to_owned(),
            "/use_when/6/prefix: found \"\", expected a value".to_owned(),
            format!("/use_when/6/header: found \"a b\", expected {name}"),
            "/use_when/7: found what entry 0 matches before it, expected the narrower match first".to_owned(),
            "/use_when/9: found what entry 8 matches before it, expected the narrower match first".to_owned(),
            "/use_when/10: found what entry 8 matches before it, expected the narrower match first".to_owned(),
            "/use_when/11: found 1, expected an object".to_owned(),
            "/use_when/12: found a value that no path has, expected a path, without a query".to_owned(),
            "/use_when/13: found a value that no path has, expected a path, without a query".to_owned(),
        ];
        assert_eq!(faults(&format!(r#"{{"policy":{POLICY},"use_when":[{}]}}"#, entries.join(","))), expected);
        let found = faults(&format!(r#"{{"policy":{POLICY},"use_when":{{}}}}"#));
        assert_eq!(found, ["/use_when: found an object, expected an array"]);
    }

    #[test]
    fn each_build_refuses_what_only_the_other_does() {
        let found = faults_of(&format!(r#"{{"policy":{POLICY},"revocations_file":"/r"}}"#), Build::Wasm);
        let expected =
            "/revocations_file: found a setting that needs files, which a WebAssembly VM has none of, expected one of";
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        let found = faults_of(&format!(r#"{{"policy":{POLICY},"nonce_keys":[]}}"#), MODULE);
        let expected = "/nonce_keys: found a setting of the proxy-wasm filter only, expected one of policy,";
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        let found = faults_of(r#"{"policy_file":"/p"}"#, Build::Wasm);
        assert!(found.iter().all(|fault| fault.starts_with("/policy_file: ")) && found.len() == 1, "{found:?}");
        let policy = POLICY.replace(r#"example"}"#, r#"example","jwks_file":"as.json"}"#);
        let found = faults_of(&format!(r#"{{"policy":{policy}}}"#), Build::Wasm);
        assert!(found.len() == 1 && found[0].starts_with("/policy/trust/0: found the name of a file"), "{found:?}");
        let found = faults_of(&format!(r#"{{"policy":{POLICY},"nonce_keys":["secret"]}}"#), Build::Wasm);
        assert!(found.len() == 1 && !found[0].contains("secret"), "{found:?}");
    }

    #[test]
    fn an_identity_header_has_one_name_and_selects_no_policy() {
        let text = format!(
            r#"{{"policy":{POLICY},"certificate":"x-forwarded-client-cert","identity_headers":{{"X-User":"subject","x_user":"issuer",
            "X.Forwarded.Client.Cert":"kind"}},"use_when":[{{"header":"X+User","exact":"a","use":"default"}},
            {{"header":"x-forwarded-client-cert","exact":"a","use":"default"}}]}}"#
        );
        let expected = [
            "/identity_headers/x_user: found another spelling of x-user, expected each name once",
            "/identity_headers/X.Forwarded.Client.Cert: found this name, expected a header field of identity, such as x-user",
            "/use_when/0/header: found \"x+user\", an identity header, which no client can send, expected another header field",
        ];
        for build in [MODULE, Build::Wasm] {
            assert_eq!(faults_of(&text, build), expected);
        }
        let found = faults_of(&format!(r#"{{"policy":{POLICY},"clear_route_cache":true}}"#), Build::Wasm);
        let expected = "/clear_route_cache: found a setting of the dynamic module only: Envoy clears the route cache";
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        let found = faults(&format!(r#"{{"policy":{POLICY},"clear_route_cache":"yes"}}"#));
        assert_eq!(found, ["/clear_route_cache: found \"yes\", expected true or false"]);
    }

    #[test]
    fn routes_have_a_say_beside_identity_headers_only_where_they_match_on_none() {
        let found = |more: &str| {
            faults_of(&format!(r#"{{"policy":{POLICY},"identity_headers":{{"x-user":"subject"}}{more}}}"#), Build::Wasm)
        };
        assert_eq!(found(""), [""; 0]);
        assert_eq!(found(r#","route_metadata":true,"routes_match_identity":false"#), [""; 0]);
        let expected = "expected false, and no route that matches on an identity header";
        let missing = "/routes_match_identity: found nothing beside route metadata and identity headers";
        assert_eq!(found(r#","route_metadata":true"#), [format!("{missing}, {expected}")]);
        let found = found(r#","route_metadata":true,"routes_match_identity":true"#);
        assert_eq!(found, [format!("/routes_match_identity: found true, {expected}")]);
        let with_certificate = r#""certificate":"x-forwarded-client-cert","route_metadata":true"#;
        let found = faults_of(&format!(r#"{{"policy":{POLICY},{with_certificate}}}"#), Build::Wasm);
        assert_eq!(found, [format!("{missing}, {expected}")]);
    }

    #[test]
    fn what_a_vm_is_told() -> Result<(), Vec<PolicyFault>> {
        let key = "A".repeat(43);
        let text = format!(r#"{{"policy":{POLICY},"nonce_keys":["{key}"],"route_metadata":true,"signatures":"vm"}}"#);
        let (settings, _) = Settings::read(text.as_bytes(), Build::Wasm)?;
        let expected = Vm { nonce_keys: vec![[0; 32]], route_metadata: true, signatures: Signatures::Vm };
        assert_eq!(settings.vm, expected);
        let (settings, _) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes(), Build::Wasm)?;
        assert_eq!(settings.vm, Vm::default());
        Ok(())
    }

    #[test]
    fn pairs_say_what_a_route_says() {
        let read = |pairs: &[(&str, &str)]| {
            RouteSettings::from_pairs(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        };
        let origin = Some("https://api.example/base".to_owned());
        let expected = RouteSettings { policy: Some("orders".to_owned()), origin, mode: Some(Mode::Shadow) };
        let pairs = [("use", "orders"), ("mode", "shadow"), ("origin", "https://api.example/base/")];
        assert_eq!(read(&pairs), Some(expected));
        assert_eq!(read(&[]), Some(RouteSettings::default()));
        for wrong in [("usee", "orders"), ("mode", "off"), ("origin", "api.example")] {
            assert_eq!(read(&[wrong]), None);
        }
    }

    #[test]
    fn a_route_says_little() {
        let read = RouteSettings::read(br#"{"use":"orders","mode":"shadow"}"#);
        let expected = RouteSettings { policy: Some("orders".to_owned()), origin: None, mode: Some(Mode::Shadow) };
        assert_eq!(read, Ok(expected));
        assert!(RouteSettings::read(br#"{"policy":"orders"}"#).is_err());
        assert!(RouteSettings::read(b"").is_err());
    }
}

//! The settings of the filter and of its routes: JSON, as Envoy hands over a `Struct` or a `StringValue`.
//!
//! As with the policy document, every fault is told at once: where, what was found, what was expected. Unknown members are
//! faults, since a misspelt condition must not vanish.

use std::path::PathBuf;
use std::time::Duration;

use countersign::engine::{Mode, PolicyDocument, PolicyFault, TrustDocument};
use countersign::jose::json::{self, Budget, JsonObject, Value};
use countersign::limits;
use countersign::trust::Origin;
use countersign::uri::OwnedOrigin;
use countersign_live::files;

use crate::certificate::CertificateSource;
use crate::fact::Fact;

/// What the filter's configuration says, but for the policy document.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The policy of routes that name none.
    pub(crate) policy: String,
    /// The external origin, for policies that have none of their own.
    pub(crate) origin: Option<String>,
    /// Over the mode of the policy.
    pub(crate) mode: Option<Mode>,
    /// Where relative names of trust files begin.
    pub(crate) directory: PathBuf,
    /// How often files are looked at and counts are carried over.
    pub(crate) poll: Duration,
    pub(crate) fetches: Vec<Fetch>,
    /// Names in small letters.
    pub(crate) identity_headers: Vec<(String, Fact)>,
    pub(crate) metadata_namespace: String,
    pub(crate) metadata: Vec<Fact>,
    pub(crate) audit: Audit,
    pub(crate) revocations_file: Option<PathBuf>,
    pub(crate) nonce_keys_file: Option<PathBuf>,
    pub(crate) certificate: CertificateSource,
    /// The name of the store of used proofs.
    pub(crate) replay_store: String,
    /// Whether proofs from before the store was made may pass.
    pub(crate) forget_proofs: bool,
}

/// Which decisions are written to Envoy's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Audit {
    #[default]
    Off,
    Refusals,
    All,
}

/// Where a trust document is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub(crate) origin: Origin,
    pub(crate) cluster: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) timeout_milliseconds: u64,
    pub(crate) refresh_seconds: Option<u64>,
}

/// What one route says over the filter's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteSettings {
    pub(crate) policy: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) mode: Option<Mode>,
}

const DEFAULT_POLL_MILLISECONDS: u64 = 1000;
const DEFAULT_FETCH_MILLISECONDS: u64 = 5000;
const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Settings {
    /// Reads the filter's configuration and the policy document in it.
    ///
    /// # Errors
    /// Every fault; never an empty list.
    pub(crate) fn read(text: &[u8]) -> Result<(Self, PolicyDocument), Vec<PolicyFault>> {
        let mut reader = Reader::default();
        let read = reader.settings(text);
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
    pub(crate) fn read(text: &[u8]) -> Result<Self, Vec<PolicyFault>> {
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
        child(&self.pointer, name)
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
                self.fault(String::new(), format!("text that is not JSON ({fault:?})"), "an object of settings");
                None
            }
        }
    }

    fn members<'a>(&mut self, pointer: &str, value: Value<'a>, names: &[&str]) -> Option<Members<'a>> {
        let Some(object) = value.as_object() else {
            self.fault(pointer.to_owned(), describe(value), "an object");
            return None;
        };
        for (name, _) in object.members() {
            if !names.iter().any(|known| name.is(known)) {
                let at = child(pointer, &name.to_owned_string());
                self.fault(at, "an unknown member", format!("one of {}", names.join(", ")));
            }
        }
        Some(Members { pointer: pointer.to_owned(), object })
    }

    fn settings(&mut self, text: &[u8]) -> Option<(Settings, PolicyDocument)> {
        let root = self.root(text)?;
        let members = self.members(
            "",
            root,
            &[
                "policy",
                "policy_file",
                "use",
                "origin",
                "mode",
                "trust_directory",
                "poll_milliseconds",
                "fetch",
                "identity_headers",
                "metadata",
                "audit_log",
                "revocations_file",
                "nonce_keys_file",
                "certificate",
                "replay_store",
                "proofs_before_start",
            ],
        )?;
        let path = |name: &'static str| (name, "the path of a file");
        let policy_file = self.path(&members, path("policy_file"));
        let directory = self.path(&members, ("trust_directory", "the path of a directory"));
        let document = self.policy(&members, policy_file.as_ref());
        let beside = policy_file.as_ref().and_then(|file| file.parent()).map(PathBuf::from);
        let settings = Settings {
            policy: self.default_policy(&members, document.as_ref()),
            origin: self.origin(&members),
            mode: self.mode(&members),
            directory: directory.clone().or(beside.clone()).unwrap_or_default(),
            poll: Duration::from_millis(self.number(
                &members,
                "poll_milliseconds",
                DEFAULT_POLL_MILLISECONDS,
                (10, 60_000),
            )),
            fetches: self.fetches(&members, document.as_ref()),
            identity_headers: self.identity_headers(&members),
            metadata_namespace: self.metadata_namespace(&members),
            metadata: self.metadata_facts(&members),
            audit: self.word(
                &members,
                "audit_log",
                &[("off", Audit::Off), ("refusals", Audit::Refusals), ("all", Audit::All)],
            ),
            revocations_file: self.path(&members, path("revocations_file")),
            nonce_keys_file: self.path(&members, path("nonce_keys_file")),
            certificate: self.certificate(&members),
            replay_store: self.text(&members, "replay_store", "a name").unwrap_or_else(|| "default".to_owned()),
            forget_proofs: self.word(&members, "proofs_before_start", &[("refuse", false), ("danger_accept", true)]),
        };
        let document = document?;
        let relative = |name: &str| !name.starts_with('/');
        let from_nowhere = |source: &TrustDocument| matches!(source, TrustDocument::File(name) if relative(name));
        if directory.or(beside).is_none() && document.trust().any(|(_, source)| from_nowhere(source.document())) {
            self.fault(
                members.at("trust_directory"),
                "nothing",
                "the directory of the trust files that the policy names",
            );
        }
        Some((settings, document))
    }

    fn policy(&mut self, members: &Members<'_>, file: Option<&PathBuf>) -> Option<PolicyDocument> {
        let (text, place) = match (members.get("policy"), file) {
            (Some(value @ Value::Object(object)), None) => {
                debug_assert_eq!(value.kind(), "object");
                (object.raw().as_bytes().to_vec(), "/policy".to_owned())
            }
            (Some(value), None) => {
                self.fault(members.at("policy"), describe(value), "a policy document");
                return None;
            }
            (None, Some(file)) => match files::read(file, limits::POLICY_DOCUMENT_BYTES) {
                Ok(text) => (text, format!("{} ", file.display())),
                Err(error) => {
                    self.fault(members.at("policy_file"), error.to_string(), "a file that can be read");
                    return None;
                }
            },
            (Some(_), Some(_)) => {
                self.fault(members.at("policy_file"), "a file besides policy", "one of policy, policy_file");
                return None;
            }
            (None, None) if members.get("policy_file").is_some() => return None,
            (None, None) => {
                self.fault(members.at("policy"), "nothing", "a policy document, or policy_file");
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
            let all: Vec<&str> = document.policies().map(|(_, policy)| policy.name()).collect();
            let found = named.as_ref().map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
            self.fault(members.at("use"), found, format!("one of {}", all.join(", ")));
        }
        name.to_owned()
    }

    fn fetches(&mut self, members: &Members<'_>, document: Option<&PolicyDocument>) -> Vec<Fetch> {
        let mut all = Vec::new();
        match members.get("fetch") {
            None => {}
            Some(Value::Array(array)) => {
                for (place, element) in array.elements().enumerate() {
                    let pointer = format!("/fetch/{place}");
                    let read = self.fetch(&pointer, element, document);
                    if let Some(read) = &read
                        && all.iter().any(|known: &Fetch| known.origin == read.origin)
                    {
                        self.fault(pointer, format!("the {} again", read.origin), "each origin once");
                    }
                    all.extend(read);
                }
            }
            Some(other) => self.fault(members.at("fetch"), describe(other), "an array"),
        }
        for (place, (_, source)) in document.into_iter().flat_map(PolicyDocument::trust).enumerate() {
            let behind_uri = matches!(source.document(), TrustDocument::Uri(_));
            if behind_uri && !all.iter().any(|fetch| fetch.origin == *source.origin()) {
                let found = format!("no cluster for /policy/trust/{place}");
                self.fault(members.at("fetch"), found, format!("an entry for the {}", source.origin()));
            }
        }
        all
    }

    fn fetch(&mut self, pointer: &str, value: Value<'_>, document: Option<&PolicyDocument>) -> Option<Fetch> {
        let names = ["issuer", "trust_domain", "cluster", "uri", "timeout_milliseconds", "refresh_seconds"];
        let members = self.members(pointer, value, &names)?;
        let issuer = self.text(&members, "issuer", "an issuer of the policy");
        let trust_domain = self.text(&members, "trust_domain", "a trust domain of the policy");
        let cluster = self.text(&members, "cluster", "the name of a cluster");
        let uri = self.text(&members, "uri", "an http or https URI");
        let timeout_milliseconds =
            self.number(&members, "timeout_milliseconds", DEFAULT_FETCH_MILLISECONDS, (1, 600_000));
        let refresh_seconds = members.get("refresh_seconds").is_some();
        let refresh_seconds =
            refresh_seconds.then(|| self.number(&members, "refresh_seconds", DAY_SECONDS, (1, DAY_SECONDS)));
        let origin = match (issuer, trust_domain) {
            (Some(name), None) => Origin::Issuer(name),
            (None, Some(name)) => Origin::TrustDomain(name),
            _ => {
                self.fault(pointer.to_owned(), "none or both", "one of issuer, trust_domain");
                return None;
            }
        };
        if cluster.is_none() && members.get("cluster").is_none() {
            self.fault(members.at("cluster"), "nothing", "the name of a cluster");
        }
        let document = document?;
        let Some((_, source)) = document.trust().find(|(_, source)| *source.origin() == origin) else {
            self.fault(pointer.to_owned(), origin.to_string(), "an origin of the policy's trust");
            return None;
        };
        let uri = match (uri, source.document()) {
            (Some(uri), _) => uri,
            (None, TrustDocument::Uri(uri)) => uri.clone(),
            _ => {
                self.fault(members.at("uri"), "nothing", "a URI, since the policy has none");
                return None;
            }
        };
        let Some((authority, path)) = split_uri(&uri) else {
            self.fault(members.at("uri"), format!("{uri:?}"), "an http or https URI");
            return None;
        };
        let (authority, path) = (authority.to_owned(), path.to_owned());
        Some(Fetch { origin, cluster: cluster?, authority, path, timeout_milliseconds, refresh_seconds })
    }

    fn identity_headers(&mut self, members: &Members<'_>) -> Vec<(String, Fact)> {
        let mut all = Vec::new();
        let Some(value) = members.get("identity_headers") else { return all };
        let Some(object) = value.as_object() else {
            self.fault(members.at("identity_headers"), describe(value), "an object: names of header fields with facts");
            return all;
        };
        for (name, value) in object.members() {
            let name = name.to_owned_string();
            let pointer = child("/identity_headers", &name);
            let name = name.to_ascii_lowercase();
            if !is_field_name(&name) || matches!(name.as_str(), "authorization" | "dpop" | "host") {
                self.fault(pointer.clone(), "this name", "a header field of identity, such as x-user");
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
            self.fault(pointer, describe(value), format!("one of {}", names.join(", ")));
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
                self.fault(members.at("metadata"), describe(other), "an object, or false");
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
                self.fault("/metadata/facts".to_owned(), describe(other), "an array of facts");
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
            self.fault(members.at("origin"), format!("{origin:?}"), expected);
            return None;
        }
        Some(origin.trim_end_matches('/').to_owned())
    }

    fn mode(&mut self, members: &Members<'_>) -> Option<Mode> {
        members.get("mode")?;
        Some(self.word(members, "mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]))
    }

    fn text(&mut self, members: &Members<'_>, name: &str, expected: &str) -> Option<String> {
        match members.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.to_owned_string()),
            other => {
                self.fault(members.at(name), describe(other), expected);
                None
            }
        }
    }

    fn path(&mut self, members: &Members<'_>, (name, expected): (&str, &str)) -> Option<PathBuf> {
        self.text(members, name, expected).map(PathBuf::from)
    }

    fn number(&mut self, members: &Members<'_>, name: &str, default: u64, (least, most): (u64, u64)) -> u64 {
        let Some(value) = members.get(name) else { return default };
        let number = match value {
            Value::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
            _ => None,
        };
        number.unwrap_or_else(|| {
            self.fault(members.at(name), describe(value), format!("a whole number from {least} to {most}"));
            default
        })
    }

    /// One of a few words; the first where the member is absent.
    fn word<T: Copy + Default>(&mut self, members: &Members<'_>, name: &str, words: &[(&str, T)]) -> T {
        let Some(value) = members.get(name) else {
            return words.first().map(|(_, meaning)| *meaning).unwrap_or_default();
        };
        let found = value.as_string().and_then(|text| words.iter().find(|(word, _)| text.is(word)));
        found.map(|(_, meaning)| *meaning).unwrap_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(members.at(name), describe(value), format!("one of {}", names.join(", ")));
            T::default()
        })
    }
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a value is, short enough for one line of a log.
fn describe(value: Value<'_>) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
        Value::Number(number) => number.text().to_owned(),
        Value::Bool(flag) => flag.to_string(),
        other => other.kind().to_owned(),
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
    use super::*;

    const POLICY: &str = r#"{"trust":[{"issuer":"https://as.example"}],
        "policies":{"default":{"accept":["at+jwt"],"audience":["https://api.example"]}}}"#;

    fn faults(text: &str) -> Vec<String> {
        Settings::read(text.as_bytes()).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_least_there_is() -> Result<(), Vec<PolicyFault>> {
        let (settings, document) = Settings::read(format!(r#"{{"policy":{POLICY}}}"#).as_bytes())?;
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
            "identity_headers":{{"X-User":"subject"}},"metadata":{{"namespace":"n","facts":["kind"]}},
            "audit_log":"all","revocations_file":"/r","nonce_keys_file":"/n","replay_store":"s",
            "proofs_before_start":"danger_accept"}}"#
        );
        let (settings, _) = Settings::read(text.as_bytes())?;
        assert_eq!(settings.origin.as_deref(), Some("https://api.example"));
        assert_eq!(settings.identity_headers, [("x-user".to_owned(), Fact::Subject)]);
        assert_eq!((settings.metadata_namespace.as_str(), settings.metadata), ("n", vec![Fact::Kind]));
        assert_eq!(settings.certificate, CertificateSource::Forwarded);
        assert!(settings.forget_proofs);
        let fetch = Fetch {
            origin: Origin::Issuer("https://as.example".to_owned()),
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
            "/polcy_file: found an unknown member, expected one of policy, policy_file,",
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
    fn a_route_says_little() {
        let read = RouteSettings::read(br#"{"use":"orders","mode":"shadow"}"#);
        let expected = RouteSettings { policy: Some("orders".to_owned()), origin: None, mode: Some(Mode::Shadow) };
        assert_eq!(read, Ok(expected));
        assert!(RouteSettings::read(br#"{"policy":"orders"}"#).is_err());
        assert!(RouteSettings::read(b"").is_err());
    }
}

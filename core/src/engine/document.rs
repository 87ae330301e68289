//! The policy document: one JSON text, the same for every host.
//!
//! Reading it never stops at the first fault: each names its JSON pointer (RFC 6901), what was found and what was
//! expected, and all are listed at once. Unknown members are faults: a misspelt condition must not vanish.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::crypto::RSA_MODULUS_MIN_BITS;
use crate::engine::fault::PolicyFault;
use crate::engine::policy::{
    AcceptedKind, Binding, ChallengePolicy, DpopPolicy, Mode, NonceMode, Policy, PolicyIndex, ReplayMode, SvidPolicy,
};
use crate::hash_index::HashIndex;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::jose::json::{self, Budget, JsonArray, JsonString, Value};
use crate::limits;
use crate::order::sort;
use crate::printable::quoted;
use crate::spiffe_id::TrustDomain;
use crate::subject_pattern::SubjectPattern;
use crate::time::YEAR_SECONDS;
use crate::token_kind::{TokenKind, TokenKinds};
use crate::trust::{Origin, OriginIndex, Origins};
use crate::uri::{OwnedOrigin, TargetUri};

/// The published JSON Schema of the document (draft 2020-12).
pub const SCHEMA: &str = include_str!("../../policy.schema.json");

/// Where the keys of one trust domain or issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSource {
    pub(crate) origin: Origin,
    pub(crate) document: TrustDocument,
    pub(crate) min_refresh_seconds: u64,
    pub(crate) max_stale_seconds: Option<u64>,
    pub(crate) spiffe_trust_domains: Vec<Box<str>>,
}

/// The document of a trust source. The engine fetches nothing: a host reads files and URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustDocument {
    /// It stands in the policy document.
    Inline(String),
    /// A file, relative to the policy document.
    File(String),
    /// A URI, for hosts with a network.
    Uri(String),
    /// The host pushes it.
    Pushed,
}

impl TrustSource {
    /// Whose keys.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where from.
    #[must_use]
    pub const fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// The floor between two refreshes that unknown keys can ask for, in seconds.
    #[must_use]
    pub const fn min_refresh_seconds(&self) -> u64 {
        self.min_refresh_seconds
    }

    /// After how many seconds without a new document the old one is no longer good; forever, if `None`.
    #[must_use]
    pub const fn max_stale_seconds(&self) -> Option<u64> {
        self.max_stale_seconds
    }

    /// Whether tokens of this source may name SPIFFE IDs of `trust_domain`: a trust domain's those of itself, an issuer's those of the
    /// domains that the policy gives it.
    pub(crate) fn speaks_for(&self, trust_domain: &str) -> bool {
        match &self.origin {
            Origin::TrustDomain(own) => own == trust_domain,
            Origin::Issuer(_) => self.spiffe_trust_domains().any(|given| given == trust_domain),
        }
    }

    /// The trust domains whose SPIFFE IDs the issuer's tokens may name as subject, client and current actor.
    pub fn spiffe_trust_domains(&self) -> impl Iterator<Item = &str> {
        self.spiffe_trust_domains.iter().map(AsRef::as_ref)
    }
}

/// A policy document without faults.
#[derive(Debug)]
pub struct PolicyDocument {
    pub(crate) trust: Vec<TrustSource>,
    /// Those of `trust`, in the same order.
    pub(crate) origins: Origins,
    /// Sorted by name.
    pub(crate) policies: Vec<Policy>,
    pub(crate) verdict_cache_bytes: usize,
    pub(crate) replay_proofs: usize,
    pub(crate) hot_key_bytes: usize,
}

const DEFAULT_VERDICT_CACHE_BYTES: u64 = 8 * 1024 * 1024;
const DEFAULT_REPLAY_PROOFS: u64 = 65_536;
/// Thirty keys of 256 KiB.
const DEFAULT_HOT_KEY_BYTES: u64 = 8 * 1024 * 1024;
const DEFAULT_LEEWAY_SECONDS: u64 = 30;
/// JWT-SVID Appendix A and RFC 9068 §4 allow "no more than a few minutes".
const MAX_LEEWAY_SECONDS: u64 = 300;
const DEFAULT_PROOF_AGE_SECONDS: u64 = 60;
const DEFAULT_PROOF_FUTURE_SECONDS: u64 = 5;
const MAX_PROOF_AGE_SECONDS: u64 = 300;
const DEFAULT_NONCE_LIFETIME_SECONDS: u64 = 300;
const DEFAULT_PROOF_RSA_BITS: u64 = 3072;
/// From what every RSA key must have to what no proof's key exceeds.
const PROOF_RSA_BITS: (u64, u64) = (2048, 4096);
const _: () = assert!(RSA_MODULUS_MIN_BITS == 2048 && limits::PROOF_RSA_MODULUS_BITS == 4096);
const DEFAULT_MIN_REFRESH_SECONDS: u64 = 60;
const TRUST_DOMAIN: &str = "a trust domain name of a-z, 0-9, dot, dash and underscore, up to 255 bytes";
/// What is found where a member is absent.
const NOTHING: &str = "nothing";
/// How many members an entry of `accept` may have.
const ENTRY_MEMBERS: usize = 8;

impl PolicyDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// Every fault in it; never an empty list.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<PolicyFault>> {
        let mut reader = Reader::default();
        if text.len() > limits::POLICY_DOCUMENT_BYTES {
            let found = format!("{} bytes", text.len());
            reader.fault("", found, format!("at most {} bytes", limits::POLICY_DOCUMENT_BYTES));
            return Err(reader.faults);
        }
        let root = match json::parse(text, Budget::POLICY) {
            Ok(root) => root,
            Err(fault) => return Err(vec![PolicyFault::of_json(text, fault)]),
        };
        let document = reader.document(root);
        // A condition of the policy is read once for every kind that it must suit.
        let (mut faults, mut by_pointer) = (Vec::<PolicyFault>::new(), HashIndex::default());
        for fault in core::mem::take(&mut reader.faults) {
            if by_pointer.find(&fault.pointer, |place| faults.get(place) == Some(&fault)).is_none() {
                let pointer = |place: usize| faults.get(place).map_or("", |known| known.pointer.as_str());
                by_pointer.add(&fault.pointer, faults.len(), pointer);
                faults.push(fault);
            }
        }
        reader.faults = faults;
        match document {
            Some(document) if reader.faults.is_empty() => Ok(document),
            _ => Err(reader.faults),
        }
    }

    /// The trust sources, in document order.
    pub fn trust(&self) -> impl Iterator<Item = (OriginIndex, &TrustSource)> {
        (0u32..).map(OriginIndex).zip(&self.trust)
    }

    /// The trust source at `index` of the document's list, see [`OriginIndex::as_usize`].
    #[must_use]
    pub fn source(&self, index: usize) -> Option<&TrustSource> {
        self.trust.get(index)
    }

    /// The place of an origin.
    #[must_use]
    pub fn origin(&self, origin: &Origin) -> Option<OriginIndex> {
        self.origins.find(origin)
    }

    /// The policies, in order of their names.
    pub fn policies(&self) -> impl Iterator<Item = (PolicyIndex, &Policy)> {
        self.policies.iter().enumerate().map(|(index, policy)| (PolicyIndex(index), policy))
    }

    /// The place of the policy called `name`.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<PolicyIndex> {
        self.policies.binary_search_by(|policy| policy.name.as_str().cmp(name)).ok().map(PolicyIndex)
    }

    /// How many bytes each worker's verdict cache may take (`memory.verdict_cache_bytes`).
    #[must_use]
    pub const fn verdict_cache_bytes(&self) -> usize {
        self.verdict_cache_bytes
    }

    /// How many bytes of tables each worker may keep for keys that are used often (`memory.hot_key_bytes`); 0 for none.
    #[must_use]
    pub const fn hot_key_bytes(&self) -> usize {
        self.hot_key_bytes
    }

    /// How many live proofs the replay store has room for (`memory.replay_proofs`).
    #[must_use]
    pub const fn replay_proofs(&self) -> usize {
        self.replay_proofs
    }

    /// The widest window of all policies, in seconds: how old a proof may be, and how far in the future.
    ///
    /// The replay store must remember by this one: a proof refused as too old by one policy can be young for another.
    #[must_use]
    pub fn proof_window_seconds(&self) -> (u64, u64) {
        let most =
            |field: fn(&DpopPolicy) -> u64| self.policies.iter().map(|policy| field(&policy.dpop)).max().unwrap_or(0);
        (most(|dpop| dpop.max_age_seconds), most(|dpop| dpop.future_seconds))
    }
}

#[derive(Default)]
struct Reader {
    faults: Vec<PolicyFault>,
    /// Names in `trust` whose entries have a fault there: a policy that uses one has no fault of its own.
    misnamed: Origins,
    /// There are entries of `trust` whose name cannot be read, so any name may be one of theirs.
    unnamed: bool,
}

/// The members of one object that are allowed there, by name.
struct Members<'a, const N: usize> {
    names: [&'static str; N],
    values: [Option<Value<'a>>; N],
}

impl<'a, const N: usize> Members<'a, N> {
    fn take(&self, name: &str) -> Option<Value<'a>> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values.get(at).copied().flatten()
    }
}

impl Reader {
    fn fault(&mut self, pointer: &str, found: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(PolicyFault { pointer: pointer.to_owned(), found: found.into(), expected: expected.into() });
    }

    fn members<'a, const N: usize>(
        &mut self,
        pointer: &str,
        value: Value<'a>,
        names: [&'static str; N],
    ) -> Option<Members<'a, N>> {
        let Some(object) = value.as_object() else {
            self.fault(pointer, PolicyFault::describe(value), "an object");
            return None;
        };
        let mut members = Members { names, values: [None; N] };
        for (name, value) in object.members() {
            match names.iter().position(|known| name.is(known)).and_then(|at| members.values.get_mut(at)) {
                Some(place) => *place = Some(value),
                None => {
                    let expected = format!("one of {}", names.join(", "));
                    self.fault(&PolicyFault::member(pointer, &name.to_owned_string()), "an unknown member", expected);
                }
            }
        }
        Some(members)
    }

    fn missing(&mut self, pointer: &str, name: &str, expected: impl Into<String>) {
        self.fault(&PolicyFault::member(pointer, name), NOTHING, expected);
    }

    fn text(&mut self, pointer: &str, value: Value<'_>, expected: &str) -> Option<String> {
        match value.as_string() {
            Some(text) if !text.is_empty() => Some(text.to_owned_string()),
            _ => {
                self.fault(pointer, PolicyFault::describe(value), expected);
                None
            }
        }
    }

    /// An unsigned integer from `least` to `most`, or `default` where absent.
    fn number(&mut self, at: (&str, &str), value: Option<Value<'_>>, default: u64, bounds: (u64, u64)) -> u64 {
        match value {
            Some(value) => self.number_at(&PolicyFault::member(at.0, at.1), value, default, bounds),
            None => default,
        }
    }

    /// An unsigned integer from `least` to `most`, or `default` after a fault.
    fn number_at(&mut self, at: &str, value: Value<'_>, default: u64, (least, most): (u64, u64)) -> u64 {
        let number = match value {
            Value::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
            _ => None,
        };
        number.unwrap_or_else(|| {
            self.fault(at, PolicyFault::describe(value), format!("a whole number from {least} to {most}"));
            default
        })
    }

    /// One of a few words, or the first of them where absent.
    fn word<T: Copy>(&mut self, at: (&str, &str), value: Option<Value<'_>>, words: &[(&str, T)]) -> Option<T> {
        let Some(value) = value else { return words.first().map(|(_, meaning)| *meaning) };
        let found = value.as_string().and_then(|text| words.iter().find(|(word, _)| text.is(word)));
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                &PolicyFault::member(at.0, at.1),
                PolicyFault::describe(value),
                format!("one of {}", names.join(", ")),
            );
        }
        found.map(|(_, meaning)| *meaning)
    }

    fn flag(&mut self, at: (&str, &str), value: Option<Value<'_>>) -> bool {
        match value {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.fault(&PolicyFault::member(at.0, at.1), PolicyFault::describe(other), "true or false");
                false
            }
        }
    }

    /// A string or an array of strings; each must be non-empty, and there must be one.
    fn texts(&mut self, pointer: &str, value: Value<'_>, what: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        match value {
            Value::String(_) => all.extend(self.text(pointer, value, what).map(|text| (pointer.to_owned(), text))),
            Value::Array(array) => {
                for (index, element) in array.elements().enumerate() {
                    let at = PolicyFault::member(pointer, &index.to_string());
                    all.extend(self.text(&at, element, what).map(|text| (at, text)));
                }
                if array.elements().next().is_none() {
                    self.fault(pointer, "an empty array", format!("at least one of: {what}"));
                }
            }
            other => self.fault(pointer, PolicyFault::describe(other), format!("{what}, or an array of them")),
        }
        all
    }

    fn document(&mut self, root: Value<'_>) -> Option<PolicyDocument> {
        let members = self.members("", root, ["$schema", "comment", "trust", "policies", "memory"])?;
        let (mut trust, mut origins) = (Vec::new(), Origins::default());
        match members.take("trust") {
            Some(Value::Array(sources)) => {
                for (index, source) in sources.elements().enumerate() {
                    let pointer = format!("/trust/{index}");
                    let Some(source) = self.trust_source(&pointer, source) else { continue };
                    if origins.add(source.origin.clone()) {
                        trust.push(source);
                    } else {
                        self.fault(&pointer, format!("a second entry for the {}", source.origin), "one entry for each");
                    }
                }
                if sources.elements().next().is_none() {
                    self.unnamed = true;
                    self.fault("/trust", "an empty array", "at least one trust domain or issuer");
                }
            }
            other => {
                self.unnamed = true;
                let found = other.map_or_else(|| NOTHING.to_owned(), PolicyFault::describe);
                self.fault("/trust", found, "an array of trust domains and issuers");
            }
        }
        let mut policies = Vec::new();
        match members.take("policies") {
            Some(Value::Object(named)) => {
                for (name, policy) in named.members() {
                    let name = name.to_owned_string();
                    policies.extend(self.policy(&name, policy, &origins));
                }
                if named.members().next().is_none() {
                    self.fault("/policies", "an empty object", "at least one policy");
                }
            }
            Some(other) => self.fault("/policies", PolicyFault::describe(other), "an object of policies by name"),
            None => self.missing("", "policies", "an object of policies by name"),
        }
        sort(&mut policies, |a: &Policy, b: &Policy| a.name.cmp(&b.name)); // no name comes twice

        let (mut cache, mut proofs, mut tables) =
            (DEFAULT_VERDICT_CACHE_BYTES, DEFAULT_REPLAY_PROOFS, DEFAULT_HOT_KEY_BYTES);
        if let Some(memory) = members.take("memory")
            && let Some(memory) =
                self.members("/memory", memory, ["verdict_cache_bytes", "replay_proofs", "hot_key_bytes"])
        {
            let most = 1 << 31;
            let value = memory.take("verdict_cache_bytes");
            cache = self.number(("/memory", "verdict_cache_bytes"), value, cache, (0, most));
            tables = self.number(("/memory", "hot_key_bytes"), memory.take("hot_key_bytes"), tables, (0, most));
            proofs = self.number(("/memory", "replay_proofs"), memory.take("replay_proofs"), proofs, (64, most / 16));
        }
        Some(PolicyDocument {
            trust,
            origins,
            policies,
            verdict_cache_bytes: usize::try_from(cache).ok()?,
            replay_proofs: usize::try_from(proofs).ok()?,
            hot_key_bytes: usize::try_from(tables).ok()?,
        })
    }

    fn trust_source(&mut self, pointer: &str, value: Value<'_>) -> Option<TrustSource> {
        let names = [
            "trust_domain",
            "issuer",
            "bundle",
            "bundle_file",
            "bundle_uri",
            "jwks",
            "jwks_file",
            "jwks_uri",
            "min_refresh_seconds",
            "max_stale_seconds",
            "spiffe_trust_domains",
            "comment",
        ];
        let Some(members) = self.members(pointer, value, names) else {
            self.unnamed = true;
            return None;
        };
        let origin = self.named_origin(pointer, &members);
        // Which members belong to the entry: those of both sorts where its sort is not known.
        let (domain, issuer) = match &origin {
            Some(origin) => (origin.is_trust_domain(), !origin.is_trust_domain()),
            None => match (members.take("trust_domain"), members.take("issuer")) {
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                _ => (true, true),
            },
        };
        let mut document = None;
        for (belongs, sources, sort, others) in [
            (domain, ["bundle", "bundle_file", "bundle_uri"], "an issuer", ["jwks", "jwks_file", "jwks_uri"]),
            (issuer, ["jwks", "jwks_file", "jwks_uri"], "a trust domain", ["bundle", "bundle_file", "bundle_uri"]),
        ] {
            let mut known = false;
            for (place, name) in sources.into_iter().enumerate() {
                let Some(value) = members.take(name) else { continue };
                let at = PolicyFault::member(pointer, name);
                if !belongs {
                    self.fault(&at, format!("a member that {sort} does not have"), others.join(", "));
                    continue;
                }
                if known {
                    self.fault(&at, "a second source of the same keys", format!("one of {}", sources.join(", ")));
                }
                known = true;
                let source = match place {
                    0 => inline_document(value).or_else(|| {
                        self.fault(&at, PolicyFault::describe(value), "the document, an object with an array `keys`");
                        None
                    }),
                    1 => self.text(&at, value, "the path of a file").map(TrustDocument::File),
                    _ => self.https_uri(&at, value).map(TrustDocument::Uri),
                };
                document = document.or(source);
            }
        }
        let refresh = members.take("min_refresh_seconds");
        let floor =
            self.number((pointer, "min_refresh_seconds"), refresh, DEFAULT_MIN_REFRESH_SECONDS, (1, YEAR_SECONDS));
        let stale = members
            .take("max_stale_seconds")
            .map(|value| self.number((pointer, "max_stale_seconds"), Some(value), YEAR_SECONDS, (1, YEAR_SECONDS)));
        let domains = match members.take("spiffe_trust_domains") {
            Some(_) if !issuer => {
                let at = PolicyFault::member(pointer, "spiffe_trust_domains");
                self.fault(
                    &at,
                    "a member that a trust domain does not have",
                    "nothing: only an issuer is given domains",
                );
                Vec::new()
            }
            Some(value) => self.spiffe_trust_domains(&PolicyFault::member(pointer, "spiffe_trust_domains"), value),
            None => Vec::new(),
        };
        Some(TrustSource {
            origin: origin?,
            document: document.unwrap_or(TrustDocument::Pushed),
            min_refresh_seconds: floor,
            max_stale_seconds: stale,
            spiffe_trust_domains: domains,
        })
    }

    /// Whose keys an entry of `trust` names; `None` after a fault.
    fn named_origin<const N: usize>(&mut self, pointer: &str, members: &Members<'_, N>) -> Option<Origin> {
        let (domain, issuer) = (members.take("trust_domain"), members.take("issuer"));
        let origin = match (domain, issuer) {
            (Some(domain), None) => {
                let at = PolicyFault::member(pointer, "trust_domain");
                let name = self.text(&at, domain, TRUST_DOMAIN);
                if name.as_ref().is_none_or(|name| TrustDomain::parse(name).is_ok()) {
                    name.map(Origin::TrustDomain)
                } else {
                    self.fault(&at, PolicyFault::describe(domain), TRUST_DOMAIN);
                    None
                }
            }
            (None, Some(issuer)) => {
                let at = PolicyFault::member(pointer, "issuer");
                self.text(&at, issuer, "the issuer's identifier, as in `iss`").map(Origin::Issuer)
            }
            (Some(_), Some(_)) => {
                self.fault(pointer, "both trust_domain and issuer", "one of them");
                None
            }
            (None, None) => {
                self.fault(pointer, "neither trust_domain nor issuer", "one of them");
                None
            }
        };
        if origin.is_none() {
            let name = |value: Option<Value<'_>>| value.and_then(Value::as_string).map(JsonString::to_owned_string);
            let names = [name(domain).map(Origin::TrustDomain), name(issuer).map(Origin::Issuer)];
            self.unnamed |= names.iter().all(Option::is_none);
            for name in names.into_iter().flatten() {
                self.misnamed.add(name);
            }
        }
        origin
    }

    /// The trust domains that an issuer speaks for.
    fn spiffe_trust_domains(&mut self, pointer: &str, value: Value<'_>) -> Vec<Box<str>> {
        let mut domains: Vec<Box<str>> = Vec::new();
        for (at, name) in self.texts(pointer, value, TRUST_DOMAIN) {
            let name = name.into_boxed_str();
            if domains.len() == limits::SPIFFE_TRUST_DOMAINS {
                self.fault(&at, "one trust domain more", format!("at most {} of them", domains.len()));
                break;
            }
            if TrustDomain::parse(&name).is_err() {
                self.fault(&at, quoted(&name), TRUST_DOMAIN);
            } else if domains.contains(&name) {
                self.fault(&at, format!("{} a second time", quoted(&name)), "each trust domain once");
            } else {
                domains.push(name);
            }
        }
        domains
    }

    /// SPIFFE Federation §5.2.1.1: https, no user information. Also what `resource_metadata` must be (RFC 9728 §5.1).
    fn https_uri(&mut self, pointer: &str, value: Value<'_>) -> Option<String> {
        let uri = self.text(pointer, value, "an https URI")?;
        let is_https = TargetUri::parse(uri.as_bytes()).is_ok_and(|uri| uri.is_https());
        // It goes into a quoted string of a header field: nothing in it may end the one or the other.
        let is_quotable = uri.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if is_https && is_quotable {
            return Some(uri);
        }
        self.fault(pointer, PolicyFault::describe(value), "an https URI without user information");
        None
    }

    fn policy(&mut self, name: &str, value: Value<'_>, trust: &Origins) -> Option<Policy> {
        let pointer = PolicyFault::member("/policies", name);
        if name.is_empty() || name.len() > limits::POLICY_NAME_BYTES || !name.bytes().all(is_name_byte) {
            self.fault(
                &pointer,
                "a policy with this name",
                "a name of 1 to 64 letters, digits, dots, dashes, underscores",
            );
        }
        let members = self.members(
            &pointer,
            value,
            [
                "accept",
                "audience",
                "leeway_seconds",
                "max_lifetime_seconds",
                "subjects",
                "scope",
                "algorithms",
                "binding",
                "dpop",
                "jwt_svid",
                "origin",
                "mode",
                "challenge",
                "comment",
            ],
        )?;
        let audience = match members.take("audience") {
            Some(value) => {
                self.texts(&PolicyFault::member(&pointer, "audience"), value, "the audience that tokens must be for")
            }
            None => {
                self.missing(&pointer, "audience", "the audience that tokens must be for: nothing means nobody");
                Vec::new()
            }
        };
        let leeway = members.take("leeway_seconds");
        let leeway_seconds =
            self.number((&pointer, "leeway_seconds"), leeway, DEFAULT_LEEWAY_SECONDS, (0, MAX_LEEWAY_SECONDS));
        let (accept, all_read) = self.accept(&pointer, &members, trust);
        let kinds = accept.iter().fold(TokenKinds::default(), |kinds, entry| kinds.with(entry.kind));
        let without_svid = all_read && !kinds.contains(TokenKind::JwtSvid);

        let mut binding = Binding::None;
        if let Some(value) = members.take("binding") {
            let at = PolicyFault::member(&pointer, "binding");
            if let Some(rule) = self.members(&at, value, ["require"]) {
                let words =
                    [("none", Binding::None), ("any", Binding::Any), ("dpop", Binding::Dpop), ("mtls", Binding::Mtls)];
                binding = self.word((&at, "require"), rule.take("require"), &words).unwrap_or(Binding::Any);
            }
        }
        let origin = members.take("origin").and_then(|value| {
            let at = PolicyFault::member(&pointer, "origin");
            let expected =
                "a scheme and authority such as https://api.example, and a base path if the proxy strips one";
            let origin = self.text(&at, value, expected)?;
            let parsed = OwnedOrigin::parse(origin.as_bytes()).ok();
            if parsed.is_none() {
                self.fault(&at, PolicyFault::describe(value), expected);
            }
            parsed
        });
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        let mode = self.word((&pointer, "mode"), members.take("mode"), &modes).unwrap_or_default();
        Some(Policy {
            name: name.to_owned(),
            accept,
            kinds,
            audience: audience.into_iter().map(|(_, text)| text.into_boxed_str()).collect(),
            leeway_seconds,
            binding,
            dpop: self.dpop(&PolicyFault::member(&pointer, "dpop"), members.take("dpop")),
            svid: self.svid(&PolicyFault::member(&pointer, "jwt_svid"), members.take("jwt_svid"), without_svid),
            origin,
            mode,
            challenge: self.challenge(&PolicyFault::member(&pointer, "challenge"), members.take("challenge")),
        })
    }

    /// The entries of `accept` that could be read, and whether those are all.
    fn accept<const N: usize>(
        &mut self,
        pointer: &str,
        policy: &Members<'_, N>,
        trust: &Origins,
    ) -> (Vec<AcceptedKind>, bool) {
        let at = PolicyFault::member(pointer, "accept");
        let entries = match policy.take("accept") {
            Some(Value::Array(entries)) => Some(entries),
            Some(other) => {
                self.fault(&at, PolicyFault::describe(other), "an array of token kinds");
                None
            }
            None => {
                self.fault(&at, NOTHING, "an array of token kinds: nothing means nothing is accepted");
                None
            }
        };
        let (mut accepted, mut count) = (Vec::new(), 0usize);
        for entry in entries.into_iter().flat_map(JsonArray::elements) {
            let at = PolicyFault::member(&at, &count.to_string());
            count += 1;
            let names: [_; ENTRY_MEMBERS] = [
                "kind",
                "issuer",
                "trust_domain",
                "subjects",
                "scope",
                "algorithms",
                "max_lifetime_seconds",
                "comment",
            ];
            let mut own = None;
            let (kind_at, kind) = match entry {
                Value::String(_) => (at.clone(), Some(entry)),
                _ => {
                    own = self.members(&at, entry, names);
                    let Some(own) = &own else { continue };
                    (PolicyFault::member(&at, "kind"), own.take("kind"))
                }
            };
            let named = kind.and_then(Value::as_string);
            let known = named.and_then(|name| TokenKind::from_name(&name.to_owned_string()));
            if known.is_none() {
                self.fault(&kind_at, kind.map_or_else(|| NOTHING.to_owned(), PolicyFault::describe), kind_names());
            }
            let own = own.as_ref().map(|own| (at.as_str(), own));
            accepted.extend(self.accepted_kind(known, own, known.map(|_| (pointer, policy)), trust));
        }
        if count == 0 && entries.is_some() {
            self.fault(&at, "an empty array", "at least one token kind");
        }
        if accepted.is_empty() {
            // No kind is known that the conditions of the policy must suit.
            self.accepted_kind(None, None, Some((pointer, policy)), trust);
        }
        let all_read = count > 0 && accepted.len() == count;
        (accepted, all_read)
    }

    /// The conditions of an entry and of its policy, each with its pointer. Where the kind is not known, they are only what every
    /// kind takes.
    fn accepted_kind<const N: usize>(
        &mut self,
        kind: Option<TokenKind>,
        own: Option<(&str, &Members<'_, ENTRY_MEMBERS>)>,
        policy: Option<(&str, &Members<'_, N>)>,
        trust: &Origins,
    ) -> Option<AcceptedKind> {
        let what = kind.map_or("a token", TokenKind::name);
        let allowed = kind.map_or(AlgorithmSet::ALL, TokenKind::algorithms);
        let (mut origins, mut subjects, mut scope) = (None, Vec::new(), Vec::new());
        let (mut algorithms, mut max_lifetime_seconds) = (allowed, None);
        if let Some((at, own)) = own {
            for (member, is_domain) in [("trust_domain", true), ("issuer", false)] {
                let Some(value) = own.take(member) else { continue };
                let at = PolicyFault::member(at, member);
                if kind.is_some_and(|kind| kind.is_keyed_by_trust_domain() != is_domain) {
                    let ours = if is_domain { "`issuer`" } else { "`trust_domain`" };
                    self.fault(&at, format!("a condition that {what} cannot carry"), ours);
                } else {
                    origins = Some(self.origins(&at, value, is_domain, trust));
                }
            }
        }
        // A condition on the policy holds for every kind in it, beside those of the entry.
        let both = |name: &'static str| {
            let own = own.and_then(|(at, own)| Some((at, own.take(name)?)));
            let all = policy.and_then(|(at, policy)| Some((at, policy.take(name)?)));
            [own, all].into_iter().flatten().map(move |(at, value)| (PolicyFault::member(at, name), value))
        };
        for (at, value) in both("subjects") {
            let patterns = self.subjects(&at, value, kind);
            if subjects.is_empty() {
                subjects = patterns;
            } else {
                self.fault(&at, "subjects on the policy and on an entry", "one of the two");
            }
        }
        for (at, value) in both("scope") {
            scope.extend(self.scope(&at, value, kind));
        }
        let faults = self.faults.len();
        for (at, value) in both("algorithms") {
            let named = self.algorithms(&at, value, allowed, what);
            let narrowed = algorithms.intersection(named);
            // A name with a fault may be that of the common algorithm.
            if narrowed.is_empty() && self.faults.len() == faults {
                self.fault(&at, "algorithms of which the entry allows none", "a common algorithm");
            }
            algorithms = narrowed;
        }
        for (at, value) in both("max_lifetime_seconds") {
            let most = self.number_at(&at, value, YEAR_SECONDS, (1, YEAR_SECONDS));
            max_lifetime_seconds = Some(max_lifetime_seconds.map_or(most, |known: u64| known.min(most)));
        }
        Some(AcceptedKind { kind: kind?, origins, subjects, scope, algorithms, max_lifetime_seconds })
    }

    fn origins(&mut self, pointer: &str, value: Value<'_>, is_domain: bool, trust: &Origins) -> Vec<OriginIndex> {
        let mut found = Vec::new();
        for (at, name) in self.texts(pointer, value, "a name from /trust") {
            let place = |list: &Origins| if is_domain { list.trust_domain(&name) } else { list.issuer(&name) };
            match place(trust) {
                Some(index) => found.push(index),
                None if self.unnamed || place(&self.misnamed).is_some() => {}
                None => self.fault(&at, quoted(&name), "a name that stands in /trust"),
            }
        }
        sort(&mut found, Ord::cmp);
        found
    }

    fn subjects(&mut self, pointer: &str, value: Value<'_>, kind: Option<TokenKind>) -> Vec<SubjectPattern> {
        let mut patterns = Vec::new();
        for (at, text) in self.texts(pointer, value, "a subject pattern") {
            match SubjectPattern::parse(&text) {
                Ok(_) if kind == Some(TokenKind::JwtSvid) && !text.starts_with("spiffe://") => {
                    self.fault(&at, quoted(&text), "a SPIFFE ID pattern: the subject of a jwt-svid is a SPIFFE ID");
                }
                Ok(pattern) => patterns.push(pattern),
                Err(fault) => self.fault(&at, quoted(&text), fault.to_string()),
            }
        }
        patterns
    }

    fn scope(&mut self, pointer: &str, value: Value<'_>, kind: Option<TokenKind>) -> Vec<Box<str>> {
        if let Some(kind) = kind.filter(|kind| !kind.has_scope()) {
            self.fault(pointer, format!("a condition that {} cannot carry", kind.name()), "no scope");
        }
        let mut scope = Vec::new();
        for (at, word) in self.texts(pointer, value, "a scope") {
            // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
            if word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                scope.push(word.into_boxed_str());
            } else {
                self.fault(&at, quoted(&word), "one scope, without spaces, quotes or backslashes (RFC 6749 §3.3)");
            }
        }
        scope
    }

    fn algorithms(&mut self, pointer: &str, value: Value<'_>, allowed: AlgorithmSet, what: &str) -> AlgorithmSet {
        let mut set = AlgorithmSet::default();
        for (at, name) in self.texts(pointer, value, "an algorithm") {
            match Algorithm::from_name(name.as_bytes()).filter(|algorithm| allowed.contains(*algorithm)) {
                Some(algorithm) => set = set.with(algorithm),
                None => {
                    let names: Vec<&str> = allowed.iter().map(Algorithm::name).collect();
                    self.fault(&at, quoted(&name), format!("an algorithm that {what} allows: {}", names.join(", ")));
                }
            }
        }
        set
    }

    fn dpop(&mut self, pointer: &str, value: Option<Value<'_>>) -> DpopPolicy {
        let mut dpop = DpopPolicy {
            max_age_seconds: DEFAULT_PROOF_AGE_SECONDS,
            future_seconds: DEFAULT_PROOF_FUTURE_SECONDS,
            nonce: NonceMode::Off,
            nonce_lifetime_seconds: DEFAULT_NONCE_LIFETIME_SECONDS,
            replay: ReplayMode::Refuse,
            algorithms: AlgorithmSet::DPOP_DEFAULT,
            max_rsa_bits: DEFAULT_PROOF_RSA_BITS,
        };
        let names = [
            "max_age_seconds",
            "future_seconds",
            "nonce",
            "nonce_lifetime_seconds",
            "replay",
            "algorithms",
            "max_rsa_bits",
        ];
        let Some(members) = value.and_then(|value| self.members(pointer, value, names)) else { return dpop };
        let number = |reader: &mut Self, name, default, bounds| {
            reader.number((pointer, name), members.take(name), default, bounds)
        };
        dpop.max_age_seconds = number(self, "max_age_seconds", dpop.max_age_seconds, (1, MAX_PROOF_AGE_SECONDS));
        dpop.future_seconds = number(self, "future_seconds", dpop.future_seconds, (0, MAX_PROOF_AGE_SECONDS));
        dpop.nonce_lifetime_seconds = number(self, "nonce_lifetime_seconds", dpop.nonce_lifetime_seconds, (10, 3600));
        let modes = [("off", NonceMode::Off), ("required", NonceMode::Required)];
        dpop.nonce = self.word((pointer, "nonce"), members.take("nonce"), &modes).unwrap_or_default();
        let modes = [
            ("refuse", ReplayMode::Refuse),
            ("danger_accept_when_full", ReplayMode::AcceptWhenFull),
            ("danger_accept", ReplayMode::Accept),
        ];
        dpop.replay = self.word((pointer, "replay"), members.take("replay"), &modes).unwrap_or(ReplayMode::Refuse);
        if let Some(value) = members.take("algorithms") {
            dpop.algorithms =
                self.algorithms(&PolicyFault::member(pointer, "algorithms"), value, AlgorithmSet::ALL, "a proof");
        }
        dpop.max_rsa_bits = number(self, "max_rsa_bits", dpop.max_rsa_bits, PROOF_RSA_BITS);
        dpop
    }

    fn svid(&mut self, pointer: &str, value: Option<Value<'_>>, without_svid: bool) -> SvidPolicy {
        let Some(members) =
            value.and_then(|value| self.members(pointer, value, ["single_candidate_key", "ignore_unknown_headers"]))
        else {
            return SvidPolicy::default();
        };
        if without_svid {
            self.fault(pointer, "rules for jwt-svid", "none, since the policy does not accept that kind");
        }
        SvidPolicy {
            single_candidate_key: self.flag((pointer, "single_candidate_key"), members.take("single_candidate_key")),
            ignore_unknown_headers: self
                .flag((pointer, "ignore_unknown_headers"), members.take("ignore_unknown_headers")),
        }
    }

    fn challenge(&mut self, pointer: &str, value: Option<Value<'_>>) -> ChallengePolicy {
        let names = ["realm", "resource_metadata", "hide_description"];
        let Some(members) = value.and_then(|value| self.members(pointer, value, names)) else {
            return ChallengePolicy::default();
        };
        let realm = members.take("realm").and_then(|value| {
            let at = PolicyFault::member(pointer, "realm");
            let expected = "printable ASCII without quotes and backslashes";
            let realm = self.text(&at, value, expected)?;
            if !realm.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
                self.fault(&at, quoted(&realm), expected);
            }
            Some(realm)
        });
        ChallengePolicy {
            realm,
            resource_metadata: members
                .take("resource_metadata")
                .and_then(|value| self.https_uri(&PolicyFault::member(pointer, "resource_metadata"), value)),
            hide_description: self.flag((pointer, "hide_description"), members.take("hide_description")),
        }
    }
}

fn inline_document(value: Value<'_>) -> Option<TrustDocument> {
    let object = value.as_object()?;
    object.member("keys")?.as_array()?;
    Some(TrustDocument::Inline(object.raw().to_owned()))
}

fn kind_names() -> String {
    let names: Vec<&str> = TokenKind::ALL.into_iter().map(TokenKind::name).collect();
    format!("a token kind: {}", names.join(", "))
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;

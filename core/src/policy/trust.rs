//! `trust`: the trust domains and issuers whose keys verify tokens, and where each one's keys come from.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::{JsonString, Value};
use crate::limits::{self, Limit};
use crate::order::sort;
use crate::policy::reader::{Members, Pointer, Reader, TRUST_DOMAIN, is_name_byte};
use crate::printable::quoted;
use crate::spiffe_id::TrustDomain;
use crate::trust::{Authorities, Authority, AuthorityIndex, KeySelection, MOST_TRIED, TrustForm};

/// Where the keys of one trust domain or issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSource {
    /// An issuer's is its name where it has one.
    pub(crate) authority: Authority,
    /// `iss` of the tokens of an issuer that has a name.
    identifier: Option<Box<str>>,
    /// The place of its entry in `trust`.
    entry: usize,
    form: TrustForm,
    pub(crate) document: TrustDocument,
    pub(crate) min_refresh_seconds: u64,
    pub(crate) max_stale_seconds: Option<u64>,
    pub(crate) spiffe_trust_domains: Vec<Box<str>>,
    pub(crate) introspection: Option<Introspection>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) selection: KeySelection,
}

/// The endpoint at which an issuer introspects its tokens (RFC 7662).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    pub(crate) uri: String,
    pub(crate) cache_seconds: u64,
    pub(crate) inactive_cache_seconds: u64,
    pub(crate) questions_per_second: u64,
}

impl Introspection {
    /// The introspection endpoint.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// For how many seconds an answer is good; 0 asks for every request.
    #[must_use]
    pub const fn cache_seconds(&self) -> u64 {
        self.cache_seconds
    }

    /// For how many seconds an answer that a token is not active is good; 0 asks for every request.
    #[must_use]
    pub const fn inactive_cache_seconds(&self) -> u64 {
        self.inactive_cache_seconds
    }

    /// How many questions an engine asks in a second, at most.
    #[must_use]
    pub const fn questions_per_second(&self) -> u64 {
        self.questions_per_second
    }

    fn read(reader: &mut Reader, source: &Members<'_, '_>) -> Option<Self> {
        let value = source.get("introspection")?;
        let known = ["uri", "cache_seconds", "inactive_cache_seconds", "questions_per_second", "comment"];
        let members = reader.members(&source.at("introspection"), value, &known)?;
        if !members.has("uri") {
            reader.missing(&members, "uri", "an https URI without user information");
        }
        let cache_seconds = reader.number_of(Some(&members), &limits::INTROSPECTION_CACHE_SECONDS);
        let inactive_cache_seconds = reader.number_of(Some(&members), &limits::INACTIVE_CACHE_SECONDS);
        let questions_per_second = reader.number_of(Some(&members), &limits::QUESTIONS_PER_SECOND);
        let uri = reader.https_uri(&members.at("uri"), members.get("uri")?)?;
        Some(Self { uri, cache_seconds, inactive_cache_seconds, questions_per_second })
    }
}

/// The document of a trust source. The engine fetches nothing: a host reads files and URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustDocument {
    /// Its text is in the policy document.
    Inline(String),
    /// A file, relative to the policy document.
    File(String),
    /// A URI, for hosts with a network.
    Uri(String),
    /// The host loads it, from wherever it gets it.
    Pushed,
    /// It is one of a bundle map.
    Map(BundleMapIndex),
}

/// The place of a bundle map among those of a policy document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleMapIndex(pub(crate) usize);

/// The entries of `trust` whose keys may verify a token: one, or the key sources of one issuer, which are no more than may be tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeySources {
    list: [AuthorityIndex; MOST_TRIED],
    count: usize,
}

impl KeySources {
    pub(crate) fn one(index: AuthorityIndex) -> Self {
        let mut sources = Self::default();
        sources.add(index);
        sources
    }

    pub(super) fn add(&mut self, index: AuthorityIndex) {
        if let Some(room) = self.list.get_mut(self.count) {
            *room = index;
            self.count += 1;
        }
    }

    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[AuthorityIndex] {
        self.list.get(..self.count).unwrap_or_default()
    }
}

/// A document with the keys of several trust domains, of which the policy names those that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleMap {
    entry: usize,
    form: TrustForm,
    document: TrustDocument,
    pub(crate) algorithms: AlgorithmSet,
    /// The first of its trust domains, and how many they are.
    first: u32,
    count: u32,
}

impl BundleMap {
    /// Its document: in the policy document itself, or a file.
    #[must_use]
    pub const fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// The form of the map.
    #[must_use]
    pub const fn form(&self) -> TrustForm {
        self.form
    }

    /// The place of its entry in `trust`.
    #[must_use]
    pub const fn entry(&self) -> usize {
        self.entry
    }

    /// The trust domains that take their keys from it.
    pub fn authorities(&self) -> impl Iterator<Item = AuthorityIndex> + use<> {
        (self.first..).take(usize::try_from(self.count).unwrap_or(0)).map(AuthorityIndex)
    }
}

impl TrustSource {
    /// The trust domain or issuer of the keys.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `iss` of its tokens, for an issuer: what `issuer` of the entry says, also where a name tells several key sources of it apart.
    #[must_use]
    pub fn identifier(&self) -> &str {
        self.identifier.as_deref().unwrap_or_else(|| self.authority.name())
    }

    /// Whether it is one of several key sources that one issuer may have.
    #[must_use]
    pub const fn has_name(&self) -> bool {
        self.identifier.is_some()
    }

    /// Where from.
    #[must_use]
    pub const fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// The form of its document; in a bundle map, of the part that is its own.
    #[must_use]
    pub const fn form(&self) -> TrustForm {
        self.form
    }

    /// The place of its entry in `trust`: that of several sources, where the entry is a bundle map.
    #[must_use]
    pub const fn entry(&self) -> usize {
        self.entry
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
        match &self.authority {
            Authority::TrustDomain(own) => own == trust_domain,
            Authority::Issuer(_) => self.spiffe_trust_domains().any(|given| given == trust_domain),
        }
    }

    /// The algorithms that its keys may be used with; all where the entry names none.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// How its tokens select a key.
    #[must_use]
    pub const fn selection(&self) -> KeySelection {
        self.selection
    }

    /// Where the issuer answers what its tokens say.
    #[must_use]
    pub const fn introspection(&self) -> Option<&Introspection> {
        self.introspection.as_ref()
    }

    /// The trust domains whose SPIFFE IDs the issuer's tokens may name as subject, client and current actor.
    pub fn spiffe_trust_domains(&self) -> impl Iterator<Item = &str> {
        self.spiffe_trust_domains.iter().map(AsRef::as_ref)
    }
}

/// The names in `trust`, for the policies that use them.
pub(super) struct TrustNames {
    authorities: Authorities,
    /// Names of entries with a fault in their name: a policy that uses one has no fault of its own.
    misnamed: Authorities,
    /// There are entries whose name cannot be read, so any name may be one of theirs.
    unnamed: bool,
    /// The issuers that answer what their tokens say.
    answering: Vec<AuthorityIndex>,
}

impl TrustNames {
    /// Those of a list that cannot be read.
    pub(super) fn unknown() -> Self {
        Self {
            authorities: Authorities::default(),
            misnamed: Authorities::default(),
            unnamed: true,
            answering: Vec::new(),
        }
    }

    pub(super) fn into_authorities(self) -> Authorities {
        self.authorities
    }

    /// Whether the issuer answers what its tokens say.
    pub(super) fn answers(&self, issuer: AuthorityIndex) -> bool {
        self.answering.contains(&issuer)
    }

    /// The places of the names that a condition lists, ascending.
    pub(super) fn places(
        &self,
        reader: &mut Reader,
        at: &Pointer<'_>,
        value: Value<'_>,
        is_domain: bool,
    ) -> Vec<AuthorityIndex> {
        let mut found = Vec::new();
        reader.texts(at, value, "a name from /trust", &mut |reader, at, name| {
            let place = |list: &Authorities| if is_domain { list.trust_domain(&name) } else { list.issuer(&name) };
            match place(&self.authorities) {
                Some(index) => found.push(index),
                None if self.unnamed || place(&self.misnamed).is_some() => {}
                None => reader.fault(at, quoted(&name), "a name of an entry of /trust"),
            }
        });
        sort(&mut found, Ord::cmp);
        found
    }
}

const MEMBERS: &[&str] = &[
    "trust_domain",
    "issuer",
    "name",
    "trust_domains",
    "bundle",
    "bundle_file",
    "bundle_uri",
    "jwks",
    "jwks_file",
    "jwks_uri",
    "bundle_map",
    "bundle_map_file",
    "format",
    "min_refresh_seconds",
    "max_stale_seconds",
    "spiffe_trust_domains",
    "introspection",
    "algorithms",
    "try_keys",
    "match_x5t",
    "eddsa_is_ed25519",
    "comment",
];
/// The members that say how the tokens of an issuer select a key. Those of a trust domain name it (JWT-SVID §6.1), and by no certificate (§2).
const SELECTION: [&str; 3] = ["try_keys", "match_x5t", "eddsa_is_ed25519"];
/// The members that give the keys: inline, by a file, by a URI.
const BUNDLE: [&str; 3] = ["bundle", "bundle_file", "bundle_uri"];
const JWKS: [&str; 3] = ["jwks", "jwks_file", "jwks_uri"];
/// The members that only a bundle map has.
const BUNDLE_MAP: [&str; 3] = ["trust_domains", "bundle_map", "bundle_map_file"];
/// The forms of a document that the host pushes for a trust domain.
const PUSHED_FORMS: [(&str, TrustForm); 2] = [("bundle", TrustForm::SpiffeBundle), ("jwks", TrustForm::JwkSet)];
const MAP_FORMS: [(&str, TrustForm); 2] = [("spiffe", TrustForm::BundleMap), ("spiffe-helper", TrustForm::HelperMap)];

impl TrustSource {
    /// What `trust` has to be.
    pub(super) const LIST: &str = "an array of trust domains and issuers";

    /// Reads `trust`.
    pub(super) fn read_all(
        reader: &mut Reader,
        at: &Pointer<'_>,
        value: Value<'_>,
    ) -> (Vec<Self>, Vec<BundleMap>, TrustNames) {
        let mut names = TrustNames {
            authorities: Authorities::default(),
            misnamed: Authorities::default(),
            unnamed: false,
            answering: Vec::new(),
        };
        let (mut sources, mut maps, mut count) = (Vec::new(), Vec::new(), 0usize);
        reader.elements(at, value, Self::LIST, &mut |reader, at, value| {
            let entry = count;
            count += 1;
            let Some(members) = reader.members(at, value, MEMBERS) else {
                names.unnamed = true;
                return;
            };
            let read = if BUNDLE_MAP.into_iter().any(|name| members.has(name)) {
                let first = u32::try_from(sources.len()).unwrap_or(u32::MAX);
                BundleMap::read(reader, &members, (entry, first), BundleMapIndex(maps.len()), &mut names, &mut maps)
            } else {
                Self::read(reader, &members, entry, &mut names).into_iter().collect()
            };
            for source in read {
                if names.authorities.add(source.authority.clone()) {
                    if source.introspection.is_some() {
                        names.answering.extend(names.authorities.find(&source.authority));
                    }
                    sources.push(source);
                } else {
                    reader.fault(at, format!("a second entry for the {}", source.authority), "one entry for each");
                }
            }
        });
        check_key_sources(reader, at, &sources);
        if count == 0 {
            names.unnamed = true;
            if value.as_array().is_some() {
                reader.unexpected(at, value, "at least one trust domain or issuer");
            }
        }
        (sources, maps, names)
    }

    fn read(reader: &mut Reader, members: &Members<'_, '_>, entry: usize, names: &mut TrustNames) -> Option<Self> {
        let authority = reader.authority(members);
        if authority.is_none() {
            names.add_misnamed(members);
        }
        // Which members belong to the entry: those of both sorts where its sort is not known.
        let (domain, issuer) = match &authority {
            Some(authority) => (authority.is_trust_domain(), !authority.is_trust_domain()),
            None => match (members.has("trust_domain"), members.has("issuer")) {
                (true, false) => (true, false),
                (false, true) => (false, true),
                _ => (true, true),
            },
        };
        let (mut document, mut form, mut known) = (None, None, false);
        for (belongs, sources, of_sources) in
            [(domain, BUNDLE, TrustForm::SpiffeBundle), (true, JWKS, TrustForm::JwkSet)]
        {
            for (place, name) in sources.into_iter().enumerate() {
                let Some(value) = members.get(name) else { continue };
                let at = members.at(name);
                if !belongs {
                    reader.fault(&at, "a member that an issuer does not have", JWKS.join(", "));
                    continue;
                }
                if known {
                    let one_of = if domain { [BUNDLE, JWKS].concat() } else { JWKS.to_vec() };
                    reader.fault(&at, "a second source of the same keys", format!("one of {}", one_of.join(", ")));
                }
                (known, form) = (true, form.or(Some(of_sources)));
                let source = match place {
                    0 => inline_document(value).or_else(|| {
                        reader.unexpected(&at, value, "the document, an object with an array `keys`");
                        None
                    }),
                    1 => reader.text_at(&at, value, "the path of a file").map(TrustDocument::File),
                    _ => reader.https_uri(&at, value).map(TrustDocument::Uri),
                };
                document = document.or(source);
            }
        }
        if members.has("format") && (known || !domain) {
            let expected = "nothing: its other members say what form the document has";
            reader.fault(&members.at("format"), "a member that only a pushed bundle and a bundle map have", expected);
        } else {
            form = form.or(reader.word(members, "format", &PUSHED_FORMS));
        }
        let min_refresh_seconds = reader.number_of(Some(members), &limits::MIN_REFRESH_SECONDS);
        let max_stale_seconds = reader.optional_number_of(members, &limits::MAX_STALE_SECONDS);
        let spiffe_trust_domains = match members.get("spiffe_trust_domains") {
            Some(_) if !issuer => {
                let at = members.at("spiffe_trust_domains");
                let expected = "nothing: only an issuer is given domains";
                reader.fault(&at, "a member that a trust domain does not have", expected);
                Vec::new()
            }
            Some(value) => {
                let at = members.at("spiffe_trust_domains");
                read_domains(reader, &at, value, &limits::row::SPIFFE_TRUST_DOMAINS)
            }
            None => Vec::new(),
        };
        // RFC 8725 §3.1: a key is used with the algorithms that its owner uses, and `alg` of a key may be absent (RFC 7517 §4.4).
        let (allowed, what) = match (domain, issuer) {
            (true, false) => (AlgorithmSet::JWT_SVID, "a jwt-svid"),
            _ => (AlgorithmSet::ALL, "a token"),
        };
        let algorithms = members
            .get("algorithms")
            .map_or(AlgorithmSet::ALL, |value| reader.algorithms(&members.at("algorithms"), value, allowed, what));
        let selection = KeySelection {
            // Without it a `kid` is taken by its word; with it, also where it says 1, keys without `kid` serve any.
            try_keys: reader.optional_number_of(members, &limits::TRY_KEYS).and_then(|most| u8::try_from(most).ok()),
            match_x5t: reader.flag(members, "match_x5t", false),
            eddsa_is_ed25519: reader.flag(members, "eddsa_is_ed25519", false),
        };
        for name in SELECTION.into_iter().filter(|name| !issuer && members.has(name)) {
            let expected = "nothing: each key of a trust domain has a kid of its own, and its tokens name it";
            reader.fault(&members.at(name), "a member that a trust domain does not have", expected);
        }
        let introspection = Introspection::read(reader, members);
        if members.has("introspection") && !issuer {
            reader.fault(
                &members.at("introspection"),
                "a member that a trust domain does not have",
                "nothing: only an issuer answers",
            );
        }
        let name = match members.get("name") {
            Some(_) if !issuer => {
                let expected = "nothing: a trust domain has one bundle";
                reader.fault(&members.at("name"), "a member that a trust domain does not have", expected);
                None
            }
            Some(value) => read_name(reader, &members.at("name"), value),
            None => None,
        };
        let (authority, identifier) = match (authority?, name) {
            (Authority::Issuer(identifier), Some(name)) => (Authority::Issuer(name), Some(identifier.into_boxed_str())),
            (authority, _) => (authority, None),
        };
        let of_sort = if authority.is_trust_domain() { TrustForm::SpiffeBundle } else { TrustForm::JwkSet };
        Some(Self {
            authority,
            identifier,
            entry,
            form: form.unwrap_or(of_sort),
            document: document.unwrap_or(TrustDocument::Pushed),
            min_refresh_seconds,
            max_stale_seconds,
            spiffe_trust_domains,
            introspection,
            algorithms,
            selection,
        })
    }
}

impl BundleMap {
    /// Reads an entry for several trust domains, each of which becomes a source of its own. `entry` is its place, `first` that of the
    /// first source.
    fn read(
        reader: &mut Reader,
        members: &Members<'_, '_>,
        (entry, first): (usize, u32),
        index: BundleMapIndex,
        names: &mut TrustNames,
        maps: &mut Vec<Self>,
    ) -> Vec<TrustSource> {
        if !cfg!(feature = "bundle-maps") {
            let expected = "a build with the feature `bundle-maps`, or an entry for each trust domain";
            reader.fault(members.pointer(), "a bundle map, which this build leaves out", expected);
            names.unnamed = true;
            return Vec::new();
        }
        let only = ["trust_domain", "issuer", "name", "spiffe_trust_domains", "introspection"];
        for name in only.into_iter().chain(BUNDLE).chain(JWKS).chain(SELECTION) {
            if members.has(name) {
                reader.fault(&members.at(name), "a member that a bundle map does not have", BUNDLE_MAP.join(", "));
            }
        }
        let domains = match members.get("trust_domains") {
            Some(value) => {
                read_domains(reader, &members.at("trust_domains"), value, &limits::row::BUNDLE_MAP_TRUST_DOMAINS)
            }
            None => {
                reader.missing(members, "trust_domains", "the trust domains that are trusted by the map's keys");
                Vec::new()
            }
        };
        names.unnamed |= domains.is_empty();
        if !members.has("format") {
            reader.missing(members, "format", "spiffe or spiffe-helper");
        }
        let form = reader.word(members, "format", &MAP_FORMS);
        let file = reader.text(members, "bundle_map_file", "the path of a file").map(TrustDocument::File);
        let document = match members.get("bundle_map") {
            Some(_) if members.has("bundle_map_file") => {
                let at = members.at("bundle_map_file");
                reader.fault(&at, "a second source of the same keys", "one of bundle_map, bundle_map_file");
                None
            }
            Some(value) => {
                let inline = value.as_object().filter(|map| {
                    form != Some(TrustForm::BundleMap)
                        || map.member("trust_domains").and_then(Value::as_object).is_some()
                });
                if inline.is_none() {
                    let expected =
                        "the map, an object of documents by trust domain; in the format spiffe, under `trust_domains`";
                    reader.unexpected(&members.at("bundle_map"), value, expected);
                }
                inline.map(|map| TrustDocument::Inline(map.raw().to_owned()))
            }
            None => {
                if !members.has("bundle_map_file") {
                    reader.missing(members, "bundle_map_file", "the path of a file");
                }
                file
            }
        };
        let algorithms = members.get("algorithms").map_or(AlgorithmSet::ALL, |value| {
            reader.algorithms(&members.at("algorithms"), value, AlgorithmSet::JWT_SVID, "a jwt-svid")
        });
        let min_refresh_seconds = reader.number_of(Some(members), &limits::MIN_REFRESH_SECONDS);
        let max_stale_seconds = reader.optional_number_of(members, &limits::MAX_STALE_SECONDS);
        let (form, document) = (form.unwrap_or(TrustForm::BundleMap), document.unwrap_or(TrustDocument::Pushed));
        let count = u32::try_from(domains.len()).unwrap_or(0);
        maps.push(Self { entry, form, document, algorithms, first, count });
        let source = |domain: Box<str>| TrustSource {
            authority: Authority::TrustDomain(domain.into_string()),
            identifier: None,
            entry,
            form: form.of_one(),
            document: TrustDocument::Map(index),
            min_refresh_seconds,
            max_stale_seconds,
            spiffe_trust_domains: Vec::new(),
            introspection: None,
            algorithms,
            selection: KeySelection::default(),
        };
        domains.into_iter().map(source).collect()
    }
}

impl TrustNames {
    /// Remembers the names of an entry that has a fault in its name.
    fn add_misnamed(&mut self, members: &Members<'_, '_>) {
        let name = |member| members.get(member).and_then(Value::as_string).map(JsonString::to_owned_string);
        let named = [name("trust_domain").map(Authority::TrustDomain), name("issuer").map(Authority::Issuer)];
        self.unnamed |= named.iter().all(Option::is_none);
        for name in named.into_iter().flatten() {
            self.misnamed.add(name);
        }
    }
}

/// The name of one key source of an issuer. It has no colon, so it is never taken for the identifier of an issuer, which is a URI.
fn read_name(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<String> {
    const EXPECTED: &str = "a name of letters, digits, dots, dashes and underscores, up to 64 bytes";
    let name = reader.text_at(at, value, EXPECTED)?;
    let is_name = name.len() <= limits::POLICY_NAME_BYTES && name.bytes().all(is_name_byte);
    if !is_name {
        reader.unexpected(at, value, EXPECTED);
    }
    is_name.then_some(name)
}

/// Several key sources of one issuer have a name each, and together no more keys are tried than of one.
fn check_key_sources(reader: &mut Reader, at: &Pointer<'_>, sources: &[TrustSource]) {
    let named = || sources.iter().filter(|source| source.has_name());
    for (place, source) in named().enumerate() {
        let issuer = source.identifier();
        let (mut tries, mut is_last) = (0, true);
        for other in named().filter(|other| other.identifier() == issuer) {
            tries += other.selection.most();
            is_last = other.entry == source.entry;
        }
        let at = at.element(source.entry);
        if place >= limits::KEY_SOURCES {
            reader.fault(&at, "one key source with a name more", limits::row::KEY_SOURCES.of("of them").to_string());
            return;
        }
        if tries > MOST_TRIED && is_last {
            let found = format!("key sources of one issuer with {tries} keys to try");
            reader.fault(&at, found, format!("at most {MOST_TRIED}, try_keys of all of them together"));
        }
        let without = sources.iter().any(|other| !other.has_name() && other.authority.is_issuer(issuer));
        if without {
            reader.fault(&at, "a key source with a name beside one without", "a name for each");
        }
    }
}

/// The trust domains that an issuer speaks for, or that take their keys from a map; at most as many as `limit` says.
fn read_domains(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>, limit: &Limit) -> Vec<Box<str>> {
    let mut domains: Vec<Box<str>> = Vec::new();
    let mut is_full = false;
    reader.texts(at, value, TRUST_DOMAIN, &mut |reader, at, name| {
        let name = name.into_boxed_str();
        if domains.len() == limit.most {
            if !core::mem::replace(&mut is_full, true) {
                reader.fault(at, "one trust domain more", limit.of("of them").to_string());
            }
        } else if TrustDomain::parse(&name).is_err() {
            reader.fault(at, quoted(&name), TRUST_DOMAIN);
        } else if domains.contains(&name) {
            reader.fault(at, format!("{} a second time", quoted(&name)), "each trust domain once");
        } else {
            domains.push(name);
        }
    });
    domains
}

fn inline_document(value: Value<'_>) -> Option<TrustDocument> {
    let object = value.as_object()?;
    object.member("keys")?.as_array()?;
    Some(TrustDocument::Inline(object.raw().to_owned()))
}

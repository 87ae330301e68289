//! `trust`: the trust domains and issuers whose keys verify tokens, and where each one's keys come from.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::{JsonString, Value};
use crate::limits;
use crate::order::sort;
use crate::policy::reader::{Members, Pointer, Reader, TRUST_DOMAIN};
use crate::printable::quoted;
use crate::spiffe_id::TrustDomain;
use crate::trust::{Authorities, Authority, AuthorityIndex};

/// Where the keys of one trust domain or issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSource {
    pub(crate) authority: Authority,
    pub(crate) document: TrustDocument,
    pub(crate) min_refresh_seconds: u64,
    pub(crate) max_stale_seconds: Option<u64>,
    pub(crate) spiffe_trust_domains: Vec<Box<str>>,
    pub(crate) introspection: Option<Introspection>,
    pub(crate) algorithms: AlgorithmSet,
}

/// Where an issuer answers what its tokens say (RFC 7662).
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
    pub const fn authority(&self) -> &Authority {
        &self.authority
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
                None => reader.fault(at, quoted(&name), "a name that stands in /trust"),
            }
        });
        sort(&mut found, Ord::cmp);
        found
    }
}

const MEMBERS: &[&str] = &[
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
    "introspection",
    "algorithms",
    "comment",
];
/// The members that give the keys: inline, by a file, by a URI.
const BUNDLE: [&str; 3] = ["bundle", "bundle_file", "bundle_uri"];
const JWKS: [&str; 3] = ["jwks", "jwks_file", "jwks_uri"];

impl TrustSource {
    /// What `trust` has to be.
    pub(super) const LIST: &str = "an array of trust domains and issuers";

    /// Reads `trust`.
    pub(super) fn read_all(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> (Vec<Self>, TrustNames) {
        let mut names = TrustNames {
            authorities: Authorities::default(),
            misnamed: Authorities::default(),
            unnamed: false,
            answering: Vec::new(),
        };
        let (mut sources, mut count) = (Vec::new(), 0usize);
        reader.elements(at, value, Self::LIST, &mut |reader, at, entry| {
            count += 1;
            let Some(source) = Self::read(reader, at, entry, &mut names) else { return };
            if names.authorities.add(source.authority.clone()) {
                if source.introspection.is_some() {
                    names.answering.extend(names.authorities.find(&source.authority));
                }
                sources.push(source);
            } else {
                reader.fault(at, format!("a second entry for the {}", source.authority), "one entry for each");
            }
        });
        if count == 0 {
            names.unnamed = true;
            if value.as_array().is_some() {
                reader.unexpected(at, value, "at least one trust domain or issuer");
            }
        }
        (sources, names)
    }

    fn read(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>, names: &mut TrustNames) -> Option<Self> {
        let Some(members) = reader.members(at, value, MEMBERS) else {
            names.unnamed = true;
            return None;
        };
        let authority = reader.authority(&members);
        if authority.is_none() {
            names.add_misnamed(&members);
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
        let mut document = None;
        for (belongs, sources, sort, others) in
            [(domain, BUNDLE, "an issuer", JWKS), (issuer, JWKS, "a trust domain", BUNDLE)]
        {
            let mut known = false;
            for (place, name) in sources.into_iter().enumerate() {
                let Some(value) = members.get(name) else { continue };
                let at = members.at(name);
                if !belongs {
                    reader.fault(&at, format!("a member that {sort} does not have"), others.join(", "));
                    continue;
                }
                if known {
                    reader.fault(&at, "a second source of the same keys", format!("one of {}", sources.join(", ")));
                }
                known = true;
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
        let min_refresh_seconds = reader.number_of(Some(&members), &limits::MIN_REFRESH_SECONDS);
        let max_stale_seconds = reader.optional_number_of(&members, &limits::MAX_STALE_SECONDS);
        let spiffe_trust_domains = match members.get("spiffe_trust_domains") {
            Some(_) if !issuer => {
                let at = members.at("spiffe_trust_domains");
                let expected = "nothing: only an issuer is given domains";
                reader.fault(&at, "a member that a trust domain does not have", expected);
                Vec::new()
            }
            Some(value) => read_domains(reader, &members.at("spiffe_trust_domains"), value),
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
        let introspection = Introspection::read(reader, &members);
        if members.has("introspection") && !issuer {
            reader.fault(
                &members.at("introspection"),
                "a member that a trust domain does not have",
                "nothing: only an issuer answers",
            );
        }
        Some(Self {
            authority: authority?,
            document: document.unwrap_or(TrustDocument::Pushed),
            min_refresh_seconds,
            max_stale_seconds,
            spiffe_trust_domains,
            introspection,
            algorithms,
        })
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

/// The trust domains that an issuer speaks for.
fn read_domains(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Vec<Box<str>> {
    let mut domains: Vec<Box<str>> = Vec::new();
    let mut is_full = false;
    reader.texts(at, value, TRUST_DOMAIN, &mut |reader, at, name| {
        let name = name.into_boxed_str();
        if domains.len() == limits::SPIFFE_TRUST_DOMAINS {
            if !core::mem::replace(&mut is_full, true) {
                reader.fault(at, "one trust domain more", limits::row::SPIFFE_TRUST_DOMAINS.of("of them").to_string());
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

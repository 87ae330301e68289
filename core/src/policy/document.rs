//! The policy document as a whole: trust sources, policies and memory.

use alloc::vec::Vec;

use crate::document::DocumentKind;
use crate::jose::json::Value;
use crate::order::sort;
use crate::policy::memory::MemorySizes;
use crate::policy::reader::{NOTHING, Pointer, PolicyError, Reader};
use crate::policy::route::{Policy, PolicyIndex};
use crate::policy::trust::{BundleMap, BundleMapIndex, KeySources, TrustNames, TrustSource};
use crate::specs::common::pointer::NamedClaims;
use crate::specs::settings::DpopSettings;
use crate::trust::{Authorities, Authority, AuthorityIndex};

/// A parsed policy document: the trust sources, the policies by name, and the sizes of the memory.
///
/// `docs/policy.md` describes every member; [`POLICY_SCHEMA`](crate::POLICY_SCHEMA) is its JSON Schema. A parsed document has no faults: unknown
/// members, unreachable conditions and values out of range are refused by [`parse`](Self::parse), so a misspelt condition is never ignored.
///
/// Does not read the files and URIs that trust sources name, and does not check that they exist: that is the host's, by [`trust`](Self::trust).
///
/// # Examples
/// ```
/// use countersign::{PolicyDocument, TrustDocument};
///
/// let document = PolicyDocument::parse(br#"{
///     "trust": [{"issuer": "https://as.example", "jwks_file": "as.json"}],
///     "policies": {"default": {"accept": ["at+jwt"], "audience": "https://api.example"}}
/// }"#).map_err(|faults| faults[0].to_string())?;
/// for (_, source) in document.trust() {
///     assert_eq!(*source.document(), TrustDocument::File("as.json".into()));
/// }
/// assert!(document.policy("default").is_some());
///
/// let faults = PolicyDocument::parse(br#"{"trust": [], "policies": {"default": {"acept": ["at+jwt"]}}}"#).unwrap_err();
/// assert!(faults.iter().any(|fault| fault.to_string().starts_with("/policies/default/acept: ")), "{faults:?}");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct PolicyDocument {
    pub(crate) trust: Vec<TrustSource>,
    pub(crate) bundle_maps: Vec<BundleMap>,
    /// Those of `trust`, in the same order.
    pub(crate) authorities: Authorities,
    /// The key sources with a name: at most [`limits::KEY_SOURCES`], since each is compared with the issuer of a token.
    key_sources: Vec<AuthorityIndex>,
    /// Sorted by name.
    pub(crate) policies: Vec<Policy>,
    memory: MemorySizes,
    /// The claims that policies name; a record keeps them by their places here.
    pub(crate) named_claims: NamedClaims,
}

const MEMBERS: &[&str] = &["$schema", "comment", "trust", "policies", "memory"];

impl PolicyDocument {
    /// Parses the text of a document, which is JSON in UTF-8. Time and memory are bounded by the limits of `docs/limits.md`.
    ///
    /// # Errors
    /// Every fault of the document, each with its JSON Pointer, the value found and the value expected; never an empty list.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader::new();
        let root = reader.parse(text, DocumentKind::Policy);
        let document = root.and_then(|root| Self::read(&mut reader, &Pointer::Root, root));
        reader.finish(document)
    }

    /// Reads a document that is part of another one, at `at` there. `None` if `reader` has recorded a fault of it.
    #[doc(hidden)]
    pub fn read(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<Self> {
        let faults = reader.fault_count();
        let members = reader.members(at, value, MEMBERS)?;
        let (trust, bundle_maps, names) = match members.get("trust") {
            Some(sources) => TrustSource::read_all(reader, &members.at("trust"), sources),
            None => {
                reader.missing(&members, "trust", TrustSource::LIST);
                (Vec::new(), Vec::new(), TrustNames::unknown())
            }
        };
        let mut named_claims = NamedClaims::default();
        let mut policies = Vec::new();
        match members.get("policies") {
            Some(Value::Object(named)) => {
                let at = members.at("policies");
                for (name, policy) in named.members() {
                    policies.extend(Policy::read(
                        reader,
                        &at,
                        name.to_owned_string(),
                        policy,
                        &names,
                        &mut named_claims,
                    ));
                }
                if named.members().next().is_none() {
                    reader.fault(&at, "an empty object", "at least one policy");
                }
            }
            Some(other) => reader.unexpected(&members.at("policies"), other, "an object of policies by name"),
            None => reader.fault(&members.at("policies"), NOTHING, "an object of policies by name"),
        }
        sort(&mut policies, |a: &Policy, b: &Policy| a.name.cmp(&b.name)); // no name comes twice
        let memory = MemorySizes::read(reader, &members)?;
        let places = (0u32..).map(AuthorityIndex).zip(&trust);
        let key_sources = places.filter(|(_, source)| source.has_name()).map(|(place, _)| place).collect();
        let authorities = names.into_authorities();
        let document = Self { trust, bundle_maps, authorities, key_sources, policies, memory, named_claims };
        (reader.fault_count() == faults).then_some(document)
    }

    /// The trust sources, in document order.
    pub fn trust(&self) -> impl Iterator<Item = (AuthorityIndex, &TrustSource)> {
        (0u32..).map(AuthorityIndex).zip(&self.trust)
    }

    /// The trust source at `index` of the document's list, see [`AuthorityIndex::as_usize`].
    #[must_use]
    pub fn source(&self, index: usize) -> Option<&TrustSource> {
        self.trust.get(index)
    }

    /// The bundle maps, in document order.
    pub fn bundle_maps(&self) -> impl Iterator<Item = (BundleMapIndex, &BundleMap)> {
        self.bundle_maps.iter().enumerate().map(|(index, map)| (BundleMapIndex(index), map))
    }

    /// The bundle map at `index`.
    #[must_use]
    pub fn bundle_map(&self, index: BundleMapIndex) -> Option<&BundleMap> {
        self.bundle_maps.get(index.0)
    }

    /// The index of an authority, if the document trusts it.
    #[must_use]
    pub fn authority(&self, authority: &Authority) -> Option<AuthorityIndex> {
        self.authorities.find(authority)
    }

    /// The entries of `trust` for the issuer whose tokens have this `iss`: one, or several with a name each.
    #[must_use]
    pub fn key_sources(&self, issuer: &str) -> KeySources {
        let source = |index: AuthorityIndex| self.trust.get(index.as_usize());
        // A name is no identifier.
        let only =
            self.authorities.issuer(issuer).filter(|index| source(*index).is_some_and(|source| !source.has_name()));
        if let Some(only) = only {
            return KeySources::one(only);
        }
        let mut found = KeySources::default();
        for index in &self.key_sources {
            if source(*index).is_some_and(|source| source.identifier() == issuer) {
                found.add(*index);
            }
        }
        found
    }

    /// The policies, in order of their names.
    pub fn policies(&self) -> impl Iterator<Item = (PolicyIndex, &Policy)> {
        self.policies.iter().enumerate().map(|(index, policy)| (PolicyIndex(index), policy))
    }

    /// The index of the policy with this name, for [`Worker::decide`](crate::Worker::decide).
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<PolicyIndex> {
        self.policies.binary_search_by(|policy| policy.name.as_str().cmp(name)).ok().map(PolicyIndex)
    }

    /// Whether an issuer may be asked about a token that only it can read.
    pub(crate) fn introspects(&self) -> bool {
        self.policies.iter().any(Policy::introspects)
    }

    /// The most credentials that one of the policies asks for.
    pub(crate) fn most_credentials(&self) -> usize {
        self.policies.iter().map(|policy| policy.credentials().count()).max().unwrap_or(1)
    }

    /// Whether a token is encoded once more where a policy reads it.
    pub(crate) fn decodes(&self) -> bool {
        self.policies.iter().any(Policy::decodes)
    }

    /// How many bytes each worker's token cache may take (`memory.token_cache_bytes`).
    #[must_use]
    pub const fn token_cache_bytes(&self) -> usize {
        self.memory.token_cache_bytes
    }

    /// How many bytes of tables each worker may keep for keys that are used often (`memory.hot_key_bytes`); 0 for none.
    #[must_use]
    pub const fn hot_key_bytes(&self) -> usize {
        self.memory.hot_key_bytes
    }

    /// How many live proofs the replay store has room for (`memory.replay_proofs`).
    #[must_use]
    pub const fn replay_proofs(&self) -> usize {
        self.memory.replay_proofs
    }

    /// The widest window of all policies, in seconds: how old a proof may be, and how far in the future; by its nonce where one is demanded,
    /// and else by its `iat`.
    ///
    /// The replay store must remember by this one: a proof refused as too old by one policy can be young for another.
    #[must_use]
    pub fn proof_window_seconds(&self) -> (u64, u64) {
        let most =
            |field: fn(&DpopSettings) -> u64| self.policies.iter().map(|policy| field(&policy.dpop)).max().unwrap_or(0);
        (most(DpopSettings::proof_age_seconds), most(|dpop| dpop.future_seconds))
    }
}

#[cfg(test)]
mod tests;

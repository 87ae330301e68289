//! The policy document as a whole: trust sources, policies and memory.

use alloc::vec::Vec;

use crate::document::DocumentKind;
use crate::jose::json::Value;
use crate::order::sort;
use crate::policy::memory::MemorySizes;
use crate::policy::reader::{NOTHING, Pointer, PolicyError, Reader};
use crate::policy::route::{Policy, PolicyIndex};
use crate::policy::trust::{BundleMap, BundleMapIndex, TrustNames, TrustSource};
use crate::specs::common::pointer::NamedClaims;
use crate::specs::settings::DpopSettings;
use crate::trust::{Authorities, Authority, AuthorityIndex};

/// A policy document without faults.
#[derive(Debug)]
pub struct PolicyDocument {
    pub(crate) trust: Vec<TrustSource>,
    pub(crate) bundle_maps: Vec<BundleMap>,
    /// Those of `trust`, in the same order.
    pub(crate) authorities: Authorities,
    /// Sorted by name.
    pub(crate) policies: Vec<Policy>,
    memory: MemorySizes,
    /// The claims that policies name; a record keeps them by their places here.
    pub(crate) named_claims: NamedClaims,
}

const MEMBERS: &[&str] = &["$schema", "comment", "trust", "policies", "memory"];

impl PolicyDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// Every fault in it; never an empty list.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader::new();
        let root = reader.parse(text, DocumentKind::Policy);
        let document = root.and_then(|root| Self::read(&mut reader, &Pointer::Root, root));
        reader.finish(document)
    }

    /// Reads a document that is part of another one, at `at` there. `None` if `reader` has recorded a fault of it.
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
        let document =
            Self { trust, bundle_maps, authorities: names.into_authorities(), policies, memory, named_claims };
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

    /// The place of an authority.
    #[must_use]
    pub fn authority(&self, authority: &Authority) -> Option<AuthorityIndex> {
        self.authorities.find(authority)
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

    /// The widest window of all policies, in seconds: how old a proof may be, and how far in the future.
    ///
    /// The replay store must remember by this one: a proof refused as too old by one policy can be young for another.
    #[must_use]
    pub fn proof_window_seconds(&self) -> (u64, u64) {
        let most =
            |field: fn(&DpopSettings) -> u64| self.policies.iter().map(|policy| field(&policy.dpop)).max().unwrap_or(0);
        (most(|dpop| dpop.max_age_seconds), most(|dpop| dpop.future_seconds))
    }
}

#[cfg(test)]
mod tests;

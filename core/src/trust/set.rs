//! Keys by trust domain or issuer; one snapshot of all of them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::crypto::PublicKey;
use crate::jose::algorithm::{Algorithm, AlgorithmSet};
use crate::order::sort;
use crate::reason::Reason;
use crate::time::UnixSeconds;
use crate::trust::parse::{self, LoadReport, TrustFault};

/// Whose keys these are. A key is found by its origin first, never by `kid` alone (CVE-2026-49998).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A SPIFFE trust domain, by name.
    TrustDomain(String),
    /// A token issuer, by its exact `iss`.
    Issuer(String),
}

impl Origin {
    /// The trust domain's name or the issuer's identifier.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::TrustDomain(name) | Self::Issuer(name) => name,
        }
    }

    /// Whether this is a trust domain.
    #[must_use]
    pub const fn is_trust_domain(&self) -> bool {
        matches!(self, Self::TrustDomain(_))
    }
}

impl core::fmt::Display for Origin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TrustDomain(name) => write!(f, "trust domain {name}"),
            Self::Issuer(name) => write!(f, "issuer {name}"),
        }
    }
}

/// The place of an origin in the policy document's `trust` list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginIndex(pub(crate) u32);

impl OriginIndex {
    /// The place as an index.
    #[must_use]
    #[allow(clippy::as_conversions)] // u32 fits usize on every target that has 32-bit addresses or more
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Which engine something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineId(u64);

/// Numbers engines and keys alike. Never repeats within a process, so that nothing cached for one engine, or for a key
/// that left, can be taken for that of another.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

impl EngineId {
    pub(crate) fn next() -> Self {
        Self(NEXT_SERIAL.fetch_add(1, Ordering::Relaxed))
    }
}

/// The identity of one key while it stays in its set.
///
/// A key that leaves its set and comes back is another key: `serial` is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId {
    pub(crate) slot: u32,
    pub(crate) serial: u64,
}

impl KeyId {
    /// A number that no other key of this process ever had, for logs.
    #[must_use]
    pub const fn serial(self) -> u64 {
        self.serial
    }
}

/// One public key that may sign tokens of one origin.
#[derive(Debug)]
pub struct TrustedKey {
    pub(crate) id: KeyId,
    pub(crate) origin: OriginIndex,
    pub(crate) key_id: Option<Box<str>>,
    pub(crate) public: PublicKey,
    /// The algorithms that fit the key, or the one that its `alg` names.
    pub(crate) algorithms: AlgorithmSet,
    /// RFC 7638.
    pub(crate) thumbprint: [u8; 32],
}

impl TrustedKey {
    /// The identity of the key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whose key it is.
    #[must_use]
    pub const fn origin(&self) -> OriginIndex {
        self.origin
    }

    /// `kid`, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The key itself.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithms that it may be used with.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Its RFC 7638 thumbprint.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }
}

/// The usable keys of one origin.
#[derive(Debug)]
pub struct KeySet {
    /// Sorted by `kid`; keys without one come first.
    pub(crate) keys: Vec<Arc<TrustedKey>>,
    pub(crate) sequence: Option<u64>,
    pub(crate) refresh_hint_seconds: Option<u64>,
    pub(crate) loaded_at: UnixSeconds,
    pub(crate) digest: [u8; 32],
}

impl KeySet {
    /// The usable keys, sorted by `kid`.
    pub fn keys(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// How many keys are usable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is usable: then the origin has revoked all that it signed (SPIFFE Trust Domain and Bundle §4.1.3).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// `spiffe_sequence` (§4.1.1).
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// `spiffe_refresh_hint` in seconds, kept between 10 seconds and a day (§4.1.2); advice to the host that fetches.
    #[must_use]
    pub const fn refresh_hint_seconds(&self) -> Option<u64> {
        self.refresh_hint_seconds
    }

    /// When the host gave this document.
    #[must_use]
    pub const fn loaded_at(&self) -> UnixSeconds {
        self.loaded_at
    }

    /// The key that a token of this `kid` and `algorithm` was signed with.
    ///
    /// A token without `kid` finds a key only where exactly one key of the set fits its algorithm, and only if
    /// `single_candidate` allows that.
    ///
    /// # Errors
    /// [`Reason::KeyUnknown`], or [`Reason::KeyUnfit`] if the key is there and may not be used with `algorithm`.
    pub fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        single_candidate: bool,
    ) -> Result<&Arc<TrustedKey>, Reason> {
        let key = match kid {
            Some(kid) => {
                let place = self.keys.binary_search_by(|key| key.key_id().cmp(&Some(kid)));
                place.ok().and_then(|place| self.keys.get(place)).ok_or(Reason::KeyUnknown)?
            }
            None if single_candidate => {
                let mut candidates = self.keys.iter().filter(|key| key.algorithms.contains(algorithm));
                match (candidates.next(), candidates.next()) {
                    (Some(only), None) => only,
                    _ => return Err(Reason::KeyUnknown),
                }
            }
            None => return Err(Reason::KeyUnknown),
        };
        // RFC 8725 §3.1: "each key MUST be used with exactly one algorithm, and this MUST be checked when the
        // cryptographic operation is performed": the header's `alg` only chooses among those the key allows.
        if key.algorithms.contains(algorithm) { Ok(key) } else { Err(Reason::KeyUnfit) }
    }
}

/// All keys of all origins at one moment.
///
/// Immutable. A host keeps the newest one and gives it to each decision; an update makes a new snapshot, so a reader
/// never sees half of it. Does not know when to fetch anything.
#[derive(Clone, Debug)]
pub struct TrustSnapshot {
    engine: EngineId,
    sets: Vec<Option<Arc<KeySet>>>,
    /// Every live key by the slot in its id.
    slots: Vec<Option<Arc<TrustedKey>>>,
}

impl TrustSnapshot {
    /// A snapshot without any key for the `origins` origins of an engine.
    pub(crate) fn new(engine: EngineId, origins: usize) -> Self {
        Self { engine, sets: alloc::vec![None; origins], slots: Vec::new() }
    }

    pub(crate) const fn engine(&self) -> EngineId {
        self.engine
    }

    /// The keys of an origin, or `None` if they were never loaded.
    #[must_use]
    pub fn set(&self, origin: OriginIndex) -> Option<&KeySet> {
        self.sets.get(origin.as_usize())?.as_deref()
    }

    /// The key with this identity, or `None` if it has left its set.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&TrustedKey> {
        let key = self.slots.get(usize::try_from(id.slot).ok()?)?.as_deref()?;
        (key.id.serial == id.serial).then_some(key)
    }

    /// How many keys are usable in all.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.sets.iter().flatten().map(|set| set.len()).sum()
    }

    /// A snapshot in which `document` (a SPIFFE bundle for a trust domain, a JWK set for an issuer) stands for `origin`.
    ///
    /// Keys that were there before keep their identity, so cached tokens of theirs stay cached; the others are gone at
    /// once. A document without a usable key revokes the whole origin. A key none of whose algorithms is `checked` is not usable.
    ///
    /// # Errors
    /// A [`TrustFault`] and no new snapshot: the last good document stays in force (specs: BND-2).
    pub(crate) fn with_document(
        &self,
        index: OriginIndex,
        origin: &Origin,
        document: &[u8],
        checked: AlgorithmSet,
        now: UnixSeconds,
    ) -> Result<(Self, LoadReport), TrustFault> {
        let before = self.set(index);
        let mut parsed = parse::parse(origin, document, checked)?;
        if let (Some(stored), Some(offered)) = (before.and_then(|set| set.sequence), parsed.sequence) {
            // SPIFFE Trust Domain and Bundle §4.1.1: the sequence is monotonic, so a lower one is an older document.
            if offered < stored {
                return Err(TrustFault::SequenceRollback { stored, offered });
            }
            let same = before.is_some_and(|set| set.digest == parsed.digest);
            parsed.report.sequence_reused = offered == stored && !same;
        }

        let mut next = self.clone();
        let Some(place) = next.sets.get_mut(index.as_usize()) else { return Err(TrustFault::OriginUnknown) };
        *place = None;
        let mut kept: Vec<Arc<TrustedKey>> = Vec::new();
        for slot in &mut next.slots {
            kept.extend(slot.take_if(|key| key.origin == index));
        }
        sort(&mut kept, |a, b| a.thumbprint.cmp(&b.thumbprint));

        let mut keys = Vec::with_capacity(parsed.keys.len());
        let mut free = 0;
        let mut added = Vec::new();
        for key in parsed.keys {
            let known = kept.binary_search_by_key(&key.thumbprint, |kept| kept.thumbprint).ok().and_then(|any| {
                // The same key may stand under several `kid`s: look at its neighbours too.
                let first =
                    kept[..any].iter().rposition(|kept| kept.thumbprint != key.thumbprint).map_or(0, |at| at + 1);
                let same = kept[first..].iter().take_while(|kept| kept.thumbprint == key.thumbprint);
                same.into_iter().find(|kept| kept.key_id == key.key_id && kept.algorithms == key.algorithms)
            });
            match known {
                Some(known) => {
                    if let Some(slot) = usize::try_from(known.id.slot).ok().and_then(|slot| next.slots.get_mut(slot)) {
                        *slot = Some(Arc::clone(known));
                    }
                    keys.push(Arc::clone(known));
                }
                None => added.push(key),
            }
        }
        parsed.report.kept = keys.len();
        parsed.report.added = added.len();
        parsed.report.removed = kept.len() - keys.len();
        for key in added {
            while next.slots.get(free).is_some_and(Option::is_some) {
                free += 1;
            }
            let slot = u32::try_from(free).map_err(|_| TrustFault::TooManyKeys)?;
            let key = Arc::new(TrustedKey {
                id: KeyId { slot, serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed) },
                origin: index,
                key_id: key.key_id,
                public: key.public,
                algorithms: key.algorithms,
                thumbprint: key.thumbprint,
            });
            match next.slots.get_mut(free) {
                Some(place) => *place = Some(Arc::clone(&key)),
                None => next.slots.push(Some(Arc::clone(&key))),
            }
            keys.push(key);
        }
        sort(&mut keys, |a, b| (&a.key_id, a.id.slot).cmp(&(&b.key_id, b.id.slot)));
        if let Some(place) = next.sets.get_mut(index.as_usize()) {
            *place = Some(Arc::new(KeySet {
                keys,
                sequence: parsed.sequence,
                refresh_hint_seconds: parsed.refresh_hint_seconds,
                loaded_at: now,
                digest: parsed.digest,
            }));
        }
        Ok((next, parsed.report))
    }

    /// A snapshot in which `origin` has no document, as if it had never been loaded.
    ///
    /// SPIFFE Federation §6.3: deleting a relationship must stop validation for that domain at once.
    #[must_use]
    pub fn without(&self, index: OriginIndex) -> Self {
        let mut next = self.clone();
        if let Some(place) = next.sets.get_mut(index.as_usize()) {
            *place = None;
        }
        for slot in &mut next.slots {
            let _removed = slot.take_if(|key| key.origin == index);
        }
        next
    }
}

//! Keys by trust domain or issuer; one snapshot of all of them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::jose::algorithm::Algorithm;
use crate::jose::header::CertificateHash;
use crate::order::sort;
use crate::reason::Reason;
use crate::time::UnixSeconds;
use crate::trust::authority::{Authority, AuthorityIndex};
use crate::trust::form::TrustForm;
use crate::trust::key::{KeyHandle, TrustedKey};
use crate::trust::map::{self, MapReport};
use crate::trust::parse::{self, KeyRules, LoadReport, ParsedSet, TrustError};
use crate::trust::selection::{Candidates, Index, KeyHint, KeySelection, SelectedBy};
use crate::trust::table::SetTable;

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

/// The usable keys of one authority.
#[derive(Debug)]
pub struct KeySet {
    /// Sorted by `kid`; keys without one come first.
    keys: Vec<Arc<TrustedKey>>,
    /// The same keys by the slot in their ids. A key keeps its slot while it stays; a free one goes to the next new key.
    slots: Vec<Option<Slot>>,
    /// For each algorithm the index in `keys` of the only key that it fits; `None` where none or several are.
    single: [Option<u32>; Algorithm::ALL.len()],
    /// Where the trust entry has `try_keys` or `match_x5t`: takes the place of `single`.
    index: Option<Box<Index>>,
    sequence: Option<u64>,
    refresh_hint_seconds: Option<u64>,
    loaded_at: UnixSeconds,
    digest: [u8; 32],
}

/// A key with its serial beside the pointer: whether a cached token's key is still there is seen without a look at the key.
#[derive(Clone, Debug)]
struct Slot {
    serial: u64,
    key: Arc<TrustedKey>,
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

    /// Whether none is usable: then the authority has revoked all that it signed (SPIFFE Trust Domain and Bundle §4.1.3).
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

    /// Adds to `candidates` the keys that a token was signed with if its header says `hint` and `algorithm`: one, or as many as `try_keys` of
    /// the trust entry.
    ///
    /// Several keys may have the `kid` or the certificate's hash: those that fit the algorithm. A token that names no key finds one only
    /// where no more keys of the set fit its algorithm, and only if `single_candidate` allows that.
    ///
    /// # Errors
    /// [`Reason::KeyUnknown`], or [`Reason::KeyNotUsable`] if the named key is there and may not be used with `algorithm`.
    pub fn find<'s>(
        &'s self,
        hint: KeyHint<'_>,
        algorithm: Algorithm,
        single_candidate: bool,
        candidates: &mut Candidates<'s>,
    ) -> Result<(), Reason> {
        let before = candidates.count();
        let (mut is_named, mut places, mut by) = (false, &[][..], SelectedBy::Name);
        match (hint, &self.index) {
            (KeyHint::Id(id), index) => {
                let from = self.keys.partition_point(|key| key.key_id() < Some(id));
                for key in self.keys.iter().skip(from).take_while(|key| key.key_id() == Some(id)) {
                    is_named = true;
                    candidates.add(key, algorithm, by);
                }
                if let Some(index) = index.as_ref().filter(|index| !is_named && index.serves_any_id()) {
                    (places, by) = (index.fitting(algorithm), SelectedBy::AlgorithmDespiteId);
                }
            }
            (KeyHint::Certificate(hash, name), Some(index)) => {
                places = index.named(&self.keys, hash, name);
                is_named = !places.is_empty();
            }
            (KeyHint::None, _) if single_candidate => (places, by) = (self.fitting(algorithm), SelectedBy::Algorithm),
            _ => {}
        }
        for place in places {
            if let Some(key) = usize::try_from(*place).ok().and_then(|place| self.keys.get(place)) {
                candidates.add(key, algorithm, by);
            }
        }
        match candidates.count() > before {
            true => Ok(()),
            false if is_named => Err(Reason::KeyNotUsable),
            false => Err(Reason::KeyUnknown),
        }
    }

    /// Whether a token that selected `key` of this set before would do so now; the key is still in the set.
    pub(crate) fn still_selects(
        &self,
        key: KeyHandle,
        algorithm: Algorithm,
        by: SelectedBy,
        single_candidate: bool,
    ) -> bool {
        match by {
            SelectedBy::Name => true,
            SelectedBy::AlgorithmDespiteId if !self.index.as_ref().is_some_and(|index| index.serves_any_id()) => false,
            SelectedBy::Algorithm if !single_candidate => false,
            SelectedBy::Algorithm | SelectedBy::AlgorithmDespiteId => {
                let is_it = |place: &u32| {
                    let known = usize::try_from(*place).ok().and_then(|place| self.keys.get(place));
                    known.is_some_and(|known| known.id == key)
                };
                self.fitting(algorithm).iter().any(is_it)
            }
        }
    }

    /// The places of the keys that the algorithm fits, where they are no more than may be tried; found when the document was loaded, since a
    /// client asks as often as it likes.
    fn fitting(&self, algorithm: Algorithm) -> &[u32] {
        match &self.index {
            Some(index) => index.fitting(algorithm),
            None => self.single.get(usize::from(algorithm.index())).map_or(&[], Option::as_slice),
        }
    }
}

fn single_index(keys: &[Arc<TrustedKey>], algorithm: Algorithm) -> Option<u32> {
    let mut fitting = keys.iter().enumerate().filter(|(_, key)| key.algorithms.contains(algorithm));
    match (fitting.next(), fitting.next()) {
        (Some((only, _)), None) => u32::try_from(only).ok(),
        _ => None,
    }
}

/// All keys of all authorities at one moment.
///
/// Immutable where it is shared. A host keeps the newest one and gives it to each decision; an update makes a new snapshot, so a
/// reader never sees half of it. Snapshots share the sets that are the same in both. Does not know when to fetch anything.
#[derive(Clone, Debug)]
pub struct BundleSet {
    engine: EngineId,
    sets: SetTable<KeySet>,
}

impl BundleSet {
    /// A snapshot without any key for the `authorities` authorities of an engine.
    pub(crate) const fn new(engine: EngineId, authorities: usize) -> Self {
        Self { engine, sets: SetTable::new(authorities) }
    }

    pub(crate) const fn engine(&self) -> EngineId {
        self.engine
    }

    /// The keys of an authority, or `None` if they were never loaded.
    #[must_use]
    #[inline]
    pub fn set(&self, authority: AuthorityIndex) -> Option<&KeySet> {
        self.sets.get(authority.as_usize()).map(Arc::as_ref)
    }

    /// The key with this identity, or `None` if it has left its set.
    #[must_use]
    #[inline]
    pub fn key(&self, id: KeyHandle) -> Option<&TrustedKey> {
        let slot = self.set(id.authority)?.slots.get(usize::try_from(id.slot).ok()?)?.as_ref()?;
        (slot.serial == id.serial).then_some(&*slot.key)
    }

    /// How many keys are usable in all.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.sets.iter().map(|set| set.len()).sum()
    }

    /// Makes `document`, which has the form `form`, that of `authority`.
    ///
    /// Keys that were there before keep their identity, so cached tokens of theirs stay cached; the others are gone at
    /// once. A document without a usable key revokes the whole authority. Costs what the document costs: the sets of other authorities
    /// are not looked at.
    ///
    /// # Errors
    /// A [`TrustError`] and no change: the last good document stays in use (specs: BND-2).
    pub(crate) fn load(
        &mut self,
        index: AuthorityIndex,
        (authority, form): (&Authority, TrustForm),
        document: &[u8],
        rules: KeyRules,
        now: UnixSeconds,
    ) -> Result<LoadReport, TrustError> {
        let parsed = self.read(index, (authority, form), document, rules)?;
        self.install(index, parsed, rules.selection, now)
    }

    /// Makes each document of a bundle map that of its trust domain: all of them or none (Trust Domain and Bundle, appendix B.1; specs:
    /// BND-14). `members` are the trust domains of the policy that take their keys from this map, by name; each bundle is theirs alone,
    /// and its refresh hint is not that of the map (specs: BND-13, BND-15).
    ///
    /// # Errors
    /// A [`TrustError`] and no change.
    pub(crate) fn load_map(
        &mut self,
        form: TrustForm,
        members: &mut dyn Iterator<Item = (AuthorityIndex, &Authority)>,
        document: &[u8],
        rules: KeyRules,
        now: UnixSeconds,
    ) -> Result<MapReport, TrustError> {
        let mut wanted: Vec<(AuthorityIndex, &Authority, Option<ParsedSet>)> =
            members.map(|(index, authority)| (index, authority, None)).collect();
        let mut report = MapReport::default();
        map::each_in_map(form, document, &mut |name, value| {
            // Both are a few hundred at most.
            let Some((index, authority, parsed)) = wanted.iter_mut().find(|(_, authority, _)| authority.name() == name)
            else {
                report.unlisted += 1;
                return Ok(());
            };
            let document = map::document_of(form, value)?;
            *parsed = Some(self.read(*index, (authority, form.of_one()), &document, rules)?);
            Ok(())
        })?;
        let mut next = self.clone();
        for (index, _, parsed) in wanted {
            match parsed {
                Some(parsed) => report.loaded.push((index, next.install(index, parsed, rules.selection, now)?)),
                // SPIFFE Federation §6.3: a relationship that is deleted must stop validation for that domain at once.
                None => {
                    next.sets.put(index.as_usize(), None);
                    report.absent.push(index);
                }
            }
        }
        *self = next;
        Ok(report)
    }

    /// Reads a document of an authority, without making it that of the authority.
    #[inline(never)] // it is called for one document and for those of a map
    fn read(
        &self,
        index: AuthorityIndex,
        (authority, form): (&Authority, TrustForm),
        document: &[u8],
        rules: KeyRules,
    ) -> Result<ParsedSet, TrustError> {
        let before = self.set(index);
        let mut parsed = parse::parse(authority, form, document, rules)?;
        if let (Some(stored), Some(offered)) = (before.and_then(|set| set.sequence), parsed.sequence) {
            // SPIFFE Trust Domain and Bundle §4.1.1: the sequence is monotonic, so a lower one is an older document.
            if offered < stored {
                return Err(TrustError::SequenceRollback { stored, offered });
            }
            let same = before.is_some_and(|set| set.digest == parsed.digest);
            parsed.report.sequence_reused = offered == stored && !same;
        }
        Ok(parsed)
    }

    /// Makes a document that of its authority.
    #[inline(never)] // as `read`
    fn install(
        &mut self,
        index: AuthorityIndex,
        mut parsed: ParsedSet,
        selection: KeySelection,
        now: UnixSeconds,
    ) -> Result<LoadReport, TrustError> {
        let before = self.set(index);
        let mut kept: Vec<&Arc<TrustedKey>> = before.map(|set| set.keys.iter().collect()).unwrap_or_default();
        sort(&mut kept, |a, b| a.thumbprint.cmp(&b.thumbprint));
        // The slots as they were, without the keys that are gone.
        let mut slots: Vec<Option<Slot>> = Vec::new();
        slots.resize(before.map_or(0, |set| set.slots.len()).max(parsed.keys.len()), None);

        let mut keys = Vec::with_capacity(parsed.keys.len());
        let mut added = Vec::new();
        for key in parsed.keys {
            let known = kept.binary_search_by_key(&key.thumbprint, |kept| kept.thumbprint).ok().and_then(|any| {
                // The same key may be listed under several `kid`s: look at its neighbours too.
                let first =
                    kept[..any].iter().rposition(|kept| kept.thumbprint != key.thumbprint).map_or(0, |at| at + 1);
                let same = kept[first..].iter().take_while(|kept| kept.thumbprint == key.thumbprint);
                same.into_iter().find(|kept| {
                    let has = |hash: CertificateHash| key.certificate.get(hash.index()).and_then(Option::as_deref);
                    kept.key_id == key.key_id
                        && kept.algorithms == key.algorithms
                        && CertificateHash::ALL.into_iter().all(|hash| kept.certificate_name(hash) == has(hash))
                })
            });
            match known {
                Some(known) => {
                    if let Some(slot) = usize::try_from(known.id.slot).ok().and_then(|slot| slots.get_mut(slot)) {
                        *slot = Some(Slot { serial: known.id.serial, key: Arc::clone(known) });
                    }
                    keys.push(Arc::clone(known));
                }
                None => added.push(key),
            }
        }
        parsed.report.kept = keys.len();
        parsed.report.added = added.len();
        parsed.report.removed = kept.len() - keys.len();
        let mut free = slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_none());
        for key in added {
            // There are as many slots as keys, so one is left; a set has fewer than a `u32` can count.
            let Some((at, slot)) = free.next() else { return Err(TrustError::TooManyKeys) };
            let id = KeyHandle {
                authority: index,
                slot: u32::try_from(at).map_err(|_| TrustError::TooManyKeys)?,
                serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            };
            let key = Arc::new(TrustedKey {
                id,
                key_id: key.key_id,
                certificate: key.certificate.iter().any(Option::is_some).then(|| Box::new(key.certificate)),
                public: key.public,
                algorithms: key.algorithms,
                thumbprint: key.thumbprint,
            });
            *slot = Some(Slot { serial: id.serial, key: Arc::clone(&key) });
            keys.push(key);
        }
        let used = slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        slots.truncate(used);
        sort(&mut keys, |a, b| (&a.key_id, a.id.slot).cmp(&(&b.key_id, b.id.slot)));
        let set = KeySet {
            single: Algorithm::ALL.map(|algorithm| single_index(&keys, algorithm)),
            index: Index::of(&keys, selection),
            keys,
            slots,
            sequence: parsed.sequence,
            refresh_hint_seconds: parsed.refresh_hint_seconds,
            loaded_at: now,
            digest: parsed.digest,
        };
        self.sets.put(index.as_usize(), Some(Arc::new(set)));
        Ok(parsed.report)
    }

    /// A snapshot in which `authority` has no document, as if it had never been loaded.
    ///
    /// SPIFFE Federation §6.3: deleting a relationship must stop validation for that domain at once.
    #[must_use]
    pub fn without(&self, index: AuthorityIndex) -> Self {
        let mut next = self.clone();
        next.sets.put(index.as_usize(), None);
        next
    }
}

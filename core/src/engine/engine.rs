//! The engine: one policy document, and what all threads share.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::crypto::Backend;
use crate::engine::counters::Counters;
use crate::engine::replay::{ReplayNotice, ReplayNotices};
use crate::engine::state::TrustState;
use crate::jose::algorithm::AlgorithmSet;
use crate::limits;
use crate::memory::OutOfMemory;
use crate::memory::replay::{Replay, ReplayState, ReplayStore, ReplayWindow};
use crate::memory::revocation::{Revocations, RevocationsKnown};
use crate::policy::{BundleMapIndex, PolicyDocument};
use crate::reason::Reason;
use crate::time::UnixSeconds;
use crate::trust::{AuthorityIndex, BundleSet, EngineId, KeyRules, KeySelection, LoadReport, MapReport, TrustError};

/// The low bits of [`Engine::questions_asked`], which hold the greatest `questions_per_second`; the others hold a second.
const COUNT_BITS: u32 = 24;
const _: () = assert!(limits::QUESTIONS_PER_SECOND.most < 1 << COUNT_BITS);

/// How far the clocks of threads may be apart, in seconds.
const CLOCK_LAG_SECONDS: u64 = 5;

/// A compiled policy document with the state that all threads share: counters, refresh floors and the replay store.
///
/// It holds no keys; those are in a [`TrustState`], which [`load`](Self::load) changes. A new policy document needs a new engine. To keep used
/// proofs, give the new engine the replay store of the old one by [`with_replay`](Self::with_replay) and an [`Arc`].
///
/// Does not fetch documents, read a clock, or check that `now` increases. A `now` that is wrong by more than the leeway of the policy refuses
/// valid tokens or accepts expired ones.
///
/// # Examples
/// ```
/// use countersign::{Engine, PolicyDocument, Reason};
/// # let random = || [3_u64, 7];
///
/// let document = PolicyDocument::parse(br#"{
///     "trust": [{"issuer": "https://as.example"}],
///     "policies": {"default": {"accept": ["at+jwt"], "audience": "https://api.example"}}
/// }"#).map_err(|faults| faults[0].to_string())?;
/// let engine = Engine::new(document, random());
/// assert_eq!((engine.accepted(), engine.refused(Reason::TokenExpired)), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    /// Unique in this process: workers and trust states of another engine are recognised by it.
    pub(super) id: EngineId,
    pub(crate) document: PolicyDocument,
    /// When a refresh was last asked for, by authority, plus one; 0 for never.
    pub(super) refresh_asked: Vec<AtomicU64>,
    /// The second in which an issuer was last asked about tokens, and how often in it, by authority.
    pub(super) questions_asked: Vec<AtomicU64>,
    pub(super) replay: Box<dyn Replay>,
    pub(super) replay_notices: ReplayNotices,
    /// The library that checks signatures.
    pub(super) backend: Backend,
    /// The algorithms that the library or the host checks.
    pub(super) checked: AlgorithmSet,
    pub(super) counters: Arc<Counters>,
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Engine").field("document", &self.document).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with its own replay store, which has room for `memory.replay_proofs` of the document.
    ///
    /// `seed` must come from a secure source of randomness: a client that knows it can choose proofs that collide in the store. Aborts the
    /// process where the allocator does, see [`try_new`](Self::try_new).
    #[must_use]
    pub fn new(document: PolicyDocument, seed: [u64; 2]) -> Self {
        let window = Self::replay_window(&document);
        let store = ReplayStore::new(document.replay_proofs(), window, seed);
        Self::with_replay(document, Box::new(store))
    }

    /// As [`new`](Self::new), for hosts that must not abort where the replay store does not fit into memory.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the replay store cannot be allocated.
    pub fn try_new(document: PolicyDocument, seed: [u64; 2]) -> Result<Self, OutOfMemory> {
        let window = Self::replay_window(&document);
        let store = ReplayStore::try_new(document.replay_proofs(), window, seed)?;
        Ok(Self::with_replay(document, Box::new(store)))
    }

    /// An engine that records used proofs in `replay`: a store in shared memory, one shared with another engine by [`Arc`], or an
    /// implementation of the host.
    ///
    /// A [`ReplayStore`] must have a window that covers [`replay_window`](Self::replay_window) of the document; a narrower one refuses proofs that
    /// the policies would accept.
    #[must_use]
    pub fn with_replay(document: PolicyDocument, replay: Box<dyn Replay>) -> Self {
        Self::with_host(document, replay, AlgorithmSet::EMPTY)
    }

    /// As [`with_replay`](Self::with_replay), for workers that delegate signatures to the host ([`Worker::ask_host`](super::Worker::ask_host)), which
    /// verifies the algorithms `host`.
    ///
    /// An algorithm that neither the library ([`Backend::algorithms`]) nor the host verifies is not supported: [`load`](Self::load) drops and
    /// reports its keys, and policies neither accept proofs signed by it nor name it in a challenge.
    #[must_use]
    pub fn with_host(document: PolicyDocument, replay: Box<dyn Replay>, host: AlgorithmSet) -> Self {
        Self::with_backend(document, replay, host, Backend::DEFAULT)
    }

    /// As [`with_host`](Self::with_host), with the library `backend` for signatures that the host does not verify: a build may contain several.
    #[must_use]
    pub fn with_backend(
        mut document: PolicyDocument,
        replay: Box<dyn Replay>,
        host: AlgorithmSet,
        backend: Backend,
    ) -> Self {
        let checked = backend.algorithms().union(host);
        for policy in &mut document.policies {
            policy.dpop.algorithms = policy.dpop.algorithms.intersection(checked);
        }
        Self {
            id: EngineId::next(),
            refresh_asked: document.trust.iter().map(|_| AtomicU64::new(0)).collect(),
            questions_asked: document.trust.iter().map(|_| AtomicU64::new(0)).collect(),
            document,
            replay,
            replay_notices: ReplayNotices::default(),
            backend,
            checked,
            counters: Arc::new(Counters::new()),
        }
    }

    /// How full the replay store is and what it refuses at `now`, for gauges. `None` if the [`Replay`] of the host does not report it.
    ///
    /// Reads up to 4 MiB: call it every few seconds, and never on the path of a request.
    #[must_use]
    pub fn replay_state(&self, now: UnixSeconds) -> Option<ReplayState> {
        self.replay.state(now)
    }

    /// The line for the host's log after a refusal for `reason`, if the replay store caused it: at most one a minute for each reason, over all
    /// threads.
    #[must_use]
    pub fn replay_notice(&self, reason: Reason, now: UnixSeconds) -> Option<ReplayNotice> {
        self.replay_notices.due(reason, now, || self.replay.state(now))
    }

    /// The window, in seconds around `iat`, in which a replay store for `document` must remember a proof: the widest of all policies.
    #[must_use]
    pub fn replay_window(document: &PolicyDocument) -> ReplayWindow {
        let (age, future) = document.proof_window_seconds();
        let bounded = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
        ReplayWindow { max_age_seconds: bounded(age), future_seconds: bounded(future) }
    }

    /// The document that the engine was made from.
    #[must_use]
    pub const fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// A trust state without keys, revocations and nonce keys, to start from. Every token is refused with [`Reason::KeysStale`] until
    /// [`load`](Self::load) has put keys in it.
    #[must_use]
    pub fn empty_trust_state(&self) -> TrustState {
        TrustState {
            bundles: Arc::new(BundleSet::new(self.id, self.document.trust.len())),
            revocations: Arc::new(Revocations::default()),
            revocations_known: RevocationsKnown::ForGood,
            nonces: None,
        }
    }

    /// Replaces the keys of `authority` in `trust_state` by those of `document`: a SPIFFE bundle, or a JWK set, as the trust entry specifies.
    ///
    /// `now` is the time at which the document was fetched; `max_stale_seconds` counts from it. Keys that were loaded before keep their
    /// identity, so their tokens stay cached; tokens of removed keys are refused from the next decision on. A document without a usable key
    /// thereby revokes every token of its authority. Other trust states and clones of this one do not change.
    ///
    /// Does not fetch the document and does not check where it came from: the host authenticates its source (HTTPS, the Workload API). Does
    /// not fail for single keys that cannot be used; [`LoadReport::dropped`] lists them.
    ///
    /// # Errors
    /// A [`TrustError`] if the document as a whole cannot be used, or if `authority` or `trust_state` belongs to another engine. The keys
    /// loaded before then remain.
    pub fn load(
        &self,
        trust_state: &mut TrustState,
        authority: AuthorityIndex,
        document: &[u8],
        now: UnixSeconds,
    ) -> Result<LoadReport, TrustError> {
        let source = self.document.source(authority.as_usize()).filter(|_| trust_state.bundles.engine() == self.id);
        let source = source.ok_or(TrustError::AuthorityUnknown)?;
        // Where threads still decide by the trust state before, this changes a copy, which shares with it all but one set.
        Arc::make_mut(&mut trust_state.bundles).load(
            authority,
            (source.authority(), source.form()),
            document,
            self.key_rules(source.algorithms, source.selection),
            now,
        )
    }

    /// As [`load`](Self::load), for every trust domain that takes its keys from the bundle map `map`, all at once.
    ///
    /// A trust domain that is absent from the document loses its keys. Trust domains of the document that the policy does not name are ignored.
    ///
    /// # Errors
    /// A [`TrustError`] if any of the documents cannot be used. The keys of all its trust domains then remain.
    pub fn load_map(
        &self,
        trust_state: &mut TrustState,
        map: BundleMapIndex,
        document: &[u8],
        now: UnixSeconds,
    ) -> Result<MapReport, TrustError> {
        if !cfg!(feature = "bundle-maps") {
            return Err(TrustError::AuthorityUnknown); // no policy document has one
        }
        let map = self.document.bundle_map(map).filter(|_| trust_state.bundles.engine() == self.id);
        let map = map.ok_or(TrustError::AuthorityUnknown)?;
        let mut members =
            map.authorities().filter_map(|index| Some((index, self.document.source(index.as_usize())?.authority())));
        let rules = self.key_rules(map.algorithms, KeySelection::default());
        Arc::make_mut(&mut trust_state.bundles).load_map(map.form(), &mut members, document, rules, now)
    }

    const fn key_rules(&self, allowed: AlgorithmSet, selection: KeySelection) -> KeyRules {
        KeyRules { backend: self.backend, checked: self.checked, allowed, selection }
    }

    /// How many decisions accepted, since the engine was made.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counters.accepted()
    }

    /// How many decisions refused for `reason`, since the engine was made.
    ///
    /// Requests that a policy in shadow mode lets pass are counted too.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.counters.refused(reason)
    }

    /// Whether the host should fetch the document of `authority` now, because a token names a key that is not in it.
    ///
    /// True at most once in `min_refresh_seconds`, for any number of unknown keys and of threads.
    pub(super) fn take_refresh(&self, authority: AuthorityIndex, now: UnixSeconds) -> bool {
        let (Some(asked), Some(source)) =
            (self.refresh_asked.get(authority.as_usize()), self.document.source(authority.as_usize()))
        else {
            return false;
        };
        let last = asked.load(Ordering::Relaxed);
        let asked_at = now.as_u64().saturating_add(1);
        // A clock that went back must not silence the source until it catches up.
        let due = last == 0 || asked_at < last || asked_at - last >= source.min_refresh_seconds;
        due && asked.compare_exchange(last, asked_at, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether `issuer` may be asked about one token more: at most `questions_per_second` times in a second, by however many threads.
    pub(super) fn claim_question(&self, issuer: AuthorityIndex, now: UnixSeconds) -> bool {
        let source = self.document.source(issuer.as_usize());
        let endpoint = source.and_then(|source| source.introspection.as_ref());
        let (Some(asked), Some(endpoint)) = (self.questions_asked.get(issuer.as_usize()), endpoint) else {
            return false;
        };
        let second = now.as_u64() & (u64::MAX >> COUNT_BITS);
        let one_more = |last: u64| {
            let (counted, count) = (last >> COUNT_BITS, last & ((1 << COUNT_BITS) - 1));
            // A thread whose clock is a little behind counts in the second of the others. A clock that was ahead is left behind.
            let is_counted = (counted.saturating_sub(CLOCK_LAG_SECONDS)..=counted).contains(&second);
            let (second, count) = if is_counted { (counted, count) } else { (second, 0) };
            (count < endpoint.questions_per_second).then_some(second << COUNT_BITS | (count + 1))
        };
        asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }
}

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
use crate::memory::replay::{Replay, ReplayState, ReplayStore, Window};
use crate::memory::revocation::{Revocations, RevocationsKnown};
use crate::policy::{BundleMapIndex, PolicyDocument};
use crate::reason::Reason;
use crate::time::UnixSeconds;
use crate::trust::{AuthorityIndex, BundleSet, EngineId, LoadReport, MapReport, TrustError};

/// The low bits of [`Engine::questions_asked`], which hold the greatest `questions_per_second`; the others hold a second.
const COUNT_BITS: u32 = 24;
const _: () = assert!(limits::QUESTIONS_PER_SECOND.most < 1 << COUNT_BITS);

/// How far the clocks of threads may be apart, in seconds.
const CLOCK_LAG_SECONDS: u64 = 5;

/// A compiled policy document with what all threads share: counters, refresh floors and the replay store.
pub struct Engine {
    /// No other engine of this process has it: what a worker or a trust state learned from one is nothing to another.
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
    /// An engine with a replay store of its own. `seed` must be random: it keeps attackers from choosing proofs that
    /// collide in the store.
    #[must_use]
    pub fn new(document: PolicyDocument, seed: [u64; 2]) -> Self {
        let window = Self::replay_window(&document);
        let store = ReplayStore::new(document.replay_proofs(), window, seed);
        Self::with_replay(document, Box::new(store))
    }

    /// As [`new`](Self::new), for hosts that go on without memory.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(document: PolicyDocument, seed: [u64; 2]) -> Result<Self, OutOfMemory> {
        let window = Self::replay_window(&document);
        let store = ReplayStore::try_new(document.replay_proofs(), window, seed)?;
        Ok(Self::with_replay(document, Box::new(store)))
    }

    /// An engine that remembers proofs in `replay`: a store in shared memory, or one of the host's.
    #[must_use]
    pub fn with_replay(document: PolicyDocument, replay: Box<dyn Replay>) -> Self {
        Self::with_host(document, replay, AlgorithmSet::EMPTY)
    }

    /// As [`with_replay`](Self::with_replay), for workers each of which is given a host's check ([`Worker::ask_host`](super::Worker::ask_host)) that takes the
    /// algorithms `host`.
    ///
    /// An algorithm that neither the library ([`Backend::algorithms`]) nor the host checks is supported nowhere: a key for it is dropped and
    /// reported by [`load`](Self::load), and no policy takes a proof by it or names it in a challenge.
    #[must_use]
    pub fn with_host(document: PolicyDocument, replay: Box<dyn Replay>, host: AlgorithmSet) -> Self {
        Self::with_backend(document, replay, host, Backend::DEFAULT)
    }

    /// As [`with_host`](Self::with_host), with signatures checked by `backend` where the host does not: a build may have several libraries.
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

    /// How full the replay store is and what it refuses at `now`: for gauges. `None` if a store of the host does not say so.
    ///
    /// It reads up to 4 MiB, so a host asks every few seconds, and not on the path of requests.
    #[must_use]
    pub fn replay_state(&self, now: UnixSeconds) -> Option<ReplayState> {
        self.replay.state(now)
    }

    /// What a host writes to its log after a refusal for `reason`, if it is one of the replay store: at most one line a minute for each
    /// reason, whatever the number of threads.
    #[must_use]
    pub fn replay_notice(&self, reason: Reason, now: UnixSeconds) -> Option<ReplayNotice> {
        self.replay_notices.due(reason, now, || self.replay.state(now))
    }

    /// The window that a replay store for `document` must remember.
    #[must_use]
    pub fn replay_window(document: &PolicyDocument) -> Window {
        let (age, future) = document.proof_window_seconds();
        let bounded = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
        Window { max_age_seconds: bounded(age), future_seconds: bounded(future) }
    }

    /// The document that the engine was made from.
    #[must_use]
    pub const fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// A trust state without any key, to start from.
    #[must_use]
    pub fn empty_trust_state(&self) -> TrustState {
        TrustState {
            bundles: Arc::new(BundleSet::new(self.id, self.document.trust.len())),
            revocations: Arc::new(Revocations::default()),
            revocations_known: RevocationsKnown::ForGood,
            nonces: None,
        }
    }

    /// Puts `document` (a SPIFFE bundle or a JWK set, as the trust entry says) in force in `trust_state`.
    ///
    /// Keys that were there before keep their identity, so their cached tokens stay cached; those of the others are refused
    /// from the next decision on. A document without a usable key revokes all that its authority signed. Fetches nothing.
    ///
    /// # Errors
    /// A [`TrustError`]; the last good document then stays in force.
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
            (self.backend, self.checked, source.algorithms),
            now,
        )
    }

    /// Puts a bundle map in force in `trust_state`: the keys of each trust domain that takes them from this map, all at once. A trust domain
    /// that the map does not have loses its keys; one that the policy does not name gets none.
    ///
    /// # Errors
    /// A [`TrustError`]; the last good documents of all its trust domains then stay in force.
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
        let algorithms = (self.backend, self.checked, map.algorithms);
        Arc::make_mut(&mut trust_state.bundles).load_map(map.form(), &mut members, document, algorithms, now)
    }

    /// How many requests were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counters.accepted()
    }

    /// How many requests were refused for `reason`.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.counters.refused(reason)
    }

    /// Whether the host should fetch the document of `authority` now, because a token names a key that is not in it.
    ///
    /// Says yes at most once in `min_refresh_seconds`, whatever the number of unknown keys and of threads.
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

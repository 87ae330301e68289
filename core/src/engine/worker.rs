//! A worker: one request in, one decision out, at once or after an answer.

use alloc::boxed::Box;
use alloc::vec;

#[cfg(feature = "hot-keys")]
use crate::crypto::p256;
use crate::crypto::{HostSignatures, Reference};
use crate::engine::body::BodyFacts;
use crate::engine::decision::{Decision, Outcome};
use crate::engine::engine::Engine;
use crate::engine::pending::{Abandoned, Answer, Pending, Step, WaitsFor};
use crate::engine::state::TrustState;
use crate::jose::json::NameTable;
use crate::limits;
use crate::memory::hot_keys::{HotKeyCounts, HotKeys};
use crate::memory::inactive::InactiveTokens;
use crate::memory::proof_keys::ProofKeys;
use crate::memory::record_cache::RecordCache;
use crate::memory::{OutOfMemory, Zeroed};
use crate::policy::{Policy, PolicyIndex, SharedReplay};
use crate::reason::Reason;
use crate::record::{self};
use crate::request::Request;
use crate::specs::check::{NoTrace, Trace};
use crate::specs::proof::Used;
use crate::trust::EngineId;

/// One thread's caches and buffers. Allocates when it is made and when it is told to [`grow`](Worker::grow), never in a decision.
#[derive(Debug)]
pub struct Worker {
    /// The engine whose tokens are cached.
    pub(super) engine: EngineId,
    pub(crate) token_cache: RecordCache,
    pub(super) proofs: ProofKeys,
    pub(super) hot_keys: HotKeys,
    pub(super) inactive: InactiveTokens,
    pub(super) names: NameTable,
    pub(super) header: Box<[u8]>,
    pub(super) payload: Box<[u8]>,
    pub(super) signature: Box<[u8]>,
    /// For the record of each credential that a policy may ask for.
    pub(crate) records: Box<[Box<[u8]>]>,
    /// Of the last decision.
    pub(crate) outcome: Outcome,
    /// The same, of the body of its request.
    pub(crate) body: Option<BodyFacts>,
}

/// A typical token with its record, to size the index of the token cache by.
const TYPICAL_ENTRY_BYTES: usize = 1024;

/// What the token cache of a worker takes that grows with use, before it does: some sixty tokens.
const FIRST_CACHE_BYTES: usize = 64 * 1024;

impl Worker {
    /// A worker for `engine`. `seed` must be random: it keeps attackers from choosing tokens that collide in the caches.
    #[must_use]
    pub fn new(engine: &Engine, seed: [u64; 2]) -> Self {
        let token_cache = RecordCache::new(engine.document.token_cache_bytes(), TYPICAL_ENTRY_BYTES, seed);
        Self::with_caches(engine, token_cache, ProofKeys::new(seed, engine.backend), seed)
    }

    /// As [`new`](Self::new), for hosts that go on without memory: its cache is in what `zeroed` gives. What else it needs is small, whatever
    /// the policy document says.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(engine: &Engine, seed: [u64; 2], zeroed: Zeroed<'_>) -> Result<Self, OutOfMemory> {
        let bytes = engine.document.token_cache_bytes();
        let token_cache = RecordCache::try_new(bytes, TYPICAL_ENTRY_BYTES, seed, zeroed)?;
        Ok(Self::with_caches(engine, token_cache, ProofKeys::new(seed, engine.backend), seed))
    }

    /// As [`new`](Self::new), with small caches that take what the policy document allows only as the host has them
    /// [`grow`](Self::grow): for hosts with many engines of which few are busy.
    #[must_use]
    pub fn growing(engine: &Engine, seed: [u64; 2]) -> Self {
        let most = engine.document.token_cache_bytes();
        let token_cache = RecordCache::growing(FIRST_CACHE_BYTES, most, TYPICAL_ENTRY_BYTES, seed);
        Self::with_caches(engine, token_cache, ProofKeys::growing(seed, engine.backend), seed)
    }

    fn with_caches(engine: &Engine, token_cache: RecordCache, proofs: ProofKeys, seed: [u64; 2]) -> Self {
        Self {
            engine: engine.id,
            token_cache,
            proofs,
            hot_keys: HotKeys::new(engine.document.hot_key_bytes(), seed),
            inactive: InactiveTokens::new(engine.document.introspects()),
            names: NameTable::new(seed[0] ^ seed[1].rotate_left(32)),
            header: vec![0; limits::HEADER_BYTES].into(),
            payload: vec![0; limits::TOKEN_BYTES].into(),
            signature: vec![0; limits::SIGNATURE_BYTES].into(),
            records: (0..engine.document.most_credentials())
                .map(|_| vec![0; record::record_bytes(limits::TOKEN_BYTES)].into())
                .collect(),
            outcome: Outcome::default(),
            body: None,
        }
    }

    /// Has `host` check the signatures that it takes and that no table of ours answers for, in place of the library.
    pub fn ask_host(&mut self, host: Box<dyn HostSignatures>) {
        self.hot_keys.ask(Reference::host(host));
    }

    /// Has `verify` check the signatures that the table of a P-256 key answers for, in place of [`p256::verify_prehashed`], which answers
    /// alike but asks nothing of the processor. Before a table is believed it must agree with the library in this way of checking.
    #[cfg(feature = "hot-keys")]
    pub fn check_p256_by(&mut self, verify: p256::Verify) {
        self.hot_keys.check_p256_by(verify);
    }

    /// How many verified tokens are cached.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.token_cache.entries()
    }

    /// What became of the tables for keys that are used often.
    #[must_use]
    pub const fn hot_keys(&self) -> HotKeyCounts {
        self.hot_keys.counts()
    }

    /// Goes on building tables for keys that are used often, for about `additions` point additions (some 0.3 µs each), in a
    /// moment when no request waits. Without it, requests do it in small steps. Returns whether anything is left to build.
    pub fn build_tables(&mut self, additions: u32) -> bool {
        self.hot_keys.build(additions)
    }

    /// Gives caches that had to drop entries more memory, if this worker was made to [grow](Self::growing) and the policy
    /// document allows more; whether it did. For a moment after a decision: it allocates, and moves what is cached.
    pub fn grow(&mut self) -> bool {
        let (token_cache, proofs) = (self.token_cache.grow(), self.proofs.grow());
        token_cache || proofs
    }

    /// Validates the credentials of `request` under `policy`, records an accepted DPoP proof in the replay store, and counts the outcome.
    ///
    /// For hosts that answer no question: a policy that needs an answer ([`Worker::begin`]) refuses here. Never panics; a trust state of
    /// another engine gives `internal_error`.
    #[inline]
    pub fn decide<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
    ) -> Decision<'d> {
        self.decide_with(engine, trust_state, policy, request, &mut NoTrace)
    }

    /// As [`decide`](Self::decide), and hands `trace` each check as it begins.
    // Inlined down to `judge`, so that the decision is made of its four pointers where it is wanted, and not copied there.
    #[inline]
    pub fn decide_with<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Decision<'d> {
        let found = self.enter(engine, trust_state, policy);
        let result = match found {
            Some(policy) => {
                let judged = self.judge(engine, trust_state, policy, request, None, trace);
                if judged.is_ok() && policy.asks_host() { self.unanswered(engine, policy, request) } else { judged }
            }
            None => Err(Reason::InternalError),
        };
        self.finish(engine, trust_state, found, result)
    }

    /// As [`decide`](Self::decide), for hosts that can find out what the policy needs to know beside the request: the decision may wait for an
    /// answer, with which [`resume`](Self::resume) goes on.
    pub fn begin<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut dyn Trace,
    ) -> Step<'d> {
        let found = self.enter(engine, trust_state, policy);
        let result = match found {
            Some(found) => self.judge(engine, trust_state, found, request, None, &mut &mut *trace),
            None => Err(Reason::InternalError),
        };
        self.step(engine, trust_state, policy, request, result)
    }

    /// Goes on with a decision that waited, with `request` as it was. The token is judged by `trust_state` once more: a key or subject that was
    /// revoked meanwhile is refused.
    ///
    /// An answer to another question than [`Pending::question`] gives `internal_error`.
    pub fn resume<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        mut pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trace: &mut dyn Trace,
    ) -> Step<'d> {
        pending.abandoned.resumed();
        let index = pending.policy;
        let found = self.enter(engine, trust_state, index).filter(|_| pending.engine == engine.id);
        let result = match found {
            Some(policy) => self.go_on(engine, trust_state, policy, pending, request, answer, &mut &mut *trace),
            None => Err(Reason::InternalError),
        };
        self.step(engine, trust_state, index, request, result)
    }

    /// Gives up a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`, and its audit record.
    ///
    /// A [`Pending`] that is dropped is counted alike, and leaves no audit record.
    pub fn abandon<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        mut pending: Pending,
    ) -> Decision<'d> {
        pending.abandoned.resumed();
        let found = self.enter(engine, trust_state, pending.policy).filter(|_| pending.engine == engine.id);
        let Pending { outcome, records, body, .. } = pending;
        let restored = found.ok_or(Reason::InternalError).and_then(|_| self.restore(outcome, &records, body));
        self.finish(engine, trust_state, found, restored.and(Err(Reason::DecisionAbandoned)))
    }

    /// Forgets the decision before, and finds the policy of this one.
    #[inline]
    fn enter<'d>(&mut self, engine: &'d Engine, trust_state: &TrustState, policy: PolicyIndex) -> Option<&'d Policy> {
        self.outcome = Outcome::default();
        self.body = None;
        if self.engine != engine.id {
            self.move_to(engine);
        }
        // A trust state of another engine numbers its authorities otherwise; a policy of another document may not exist.
        engine.document.policies.get(policy.0).filter(|_| trust_state.bundles.engine() == engine.id)
    }

    /// Another engine's tokens are unknown here, and its policies may ask for more credentials.
    #[cold]
    fn move_to(&mut self, engine: &Engine) {
        self.engine = engine.id;
        self.token_cache.clear();
        self.inactive = InactiveTokens::new(engine.document.introspects());
        let missing = engine.document.most_credentials().saturating_sub(self.records.len());
        if missing == 0 {
            return;
        }
        let room = || vec![0; record::record_bytes(limits::TOKEN_BYTES)].into_boxed_slice();
        let records = core::mem::take(&mut self.records).into_vec();
        self.records = records.into_iter().chain((0..missing).map(|_| room())).collect();
    }

    #[inline]
    fn finish<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        policy: Option<&'d Policy>,
        result: Result<(), Reason>,
    ) -> Decision<'d> {
        self.outcome.reason = result.err();
        engine.counters.count(self.outcome.reason);
        Decision::new(engine, trust_state, policy, self)
    }

    /// The decision, or what it waits for.
    fn step<'d>(
        &'d mut self,
        engine: &'d Engine,
        trust_state: &'d TrustState,
        index: PolicyIndex,
        request: &Request<'_>,
        result: Result<(), Reason>,
    ) -> Step<'d> {
        let found = engine.document.policies.get(index.0);
        let waits_for = match (result, found) {
            (Ok(()), Some(policy)) => self.open_question(engine, policy, request),
            (Err(Reason::IntrospectionUnavailable), _) => {
                self.outcome.introspect.map(|authority| WaitsFor::Introspect { authority })
            }
            _ => None,
        };
        let Some(waits_for) = waits_for else {
            return Step::Decided(self.finish(engine, trust_state, found, result));
        };
        let records =
            (0..self.records.len()).map(|place| self.outcome.record(self, place).unwrap_or_default().into()).collect();
        let abandoned = Abandoned::new(&engine.counters);
        let (engine, outcome, body) = (engine.id, self.outcome, self.body.take());
        Step::Waits(Pending { engine, policy: index, waits_for, outcome, records, body, abandoned })
    }

    /// What is still to be found out of an accepted request: first its body, and last whether its proof was used elsewhere.
    fn open_question(&self, engine: &Engine, policy: &Policy, request: &Request<'_>) -> Option<WaitsFor> {
        if let Some(body) = &policy.body
            && self.body.is_none()
        {
            return Some(WaitsFor::Body { most_bytes: body.most_bytes });
        }
        let proof = self.outcome.proof.as_ref().filter(|_| policy.shared_replay == SharedReplay::Required)?;
        // It may know the proof by this very request, when another policy judged it.
        if proof.use_once == Used::Everywhere {
            return None;
        }
        let (age, _) = engine.document.proof_window_seconds();
        let seconds = proof.issued_at.plus(age).as_u64().saturating_sub(request.now.as_u64()) + 1;
        Some(WaitsFor::UseOnce { proof: proof.replay_key, seconds })
    }

    /// For a host that answers no question.
    #[cold]
    fn unanswered(&self, engine: &Engine, policy: &Policy, request: &Request<'_>) -> Result<(), Reason> {
        match self.open_question(engine, policy, request) {
            None => Ok(()),
            Some(_) => Err(Reason::DecisionAbandoned),
        }
    }
}

// What threads share and what each of them has may lie anywhere: a host's own check of signatures in it, too.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<TrustState>();
    shared::<Worker>();
};

//! The engine and its workers: one request in, one decision out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "hot-keys")]
use crate::crypto::p256;
use crate::crypto::{self, Backend, HostSignatures, Reference};
use crate::engine::body::BodyFacts;
use crate::engine::counters::Counters;
use crate::engine::decision::{CacheTier, Decision, Outcome, Source};
use crate::engine::pending::{Abandoned, Answer, Pending, Step, UseOnce, WaitsFor};
use crate::engine::replay::ReplayNotices;
use crate::engine::token::{self, TokenBuffers};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::json::{JsonObject, NameTable};
use crate::limits;
use crate::memory::hot_keys::{HotKeyCounts, HotKeys};
use crate::memory::proof_keys::ProofKeys;
use crate::memory::record_cache::{RecordCache, RecordRef};
use crate::memory::replay::{Replay, ReplayStore, Window};
use crate::memory::revocation::{Presented, Revocations, RevocationsKnown, RevokedBy};
use crate::memory::{OutOfMemory, Zeroed};
use crate::policy::{Binding, CredentialPolicy, From, Policy, PolicyDocument, PolicyIndex, SharedReplay};
use crate::reason::Reason;
use crate::record::{self, Facts};
use crate::request::Request;
use crate::specs::check::{Check, Silent, Trail};
use crate::specs::common::confirmation::Unenforceable;
use crate::specs::common::presentation::{self, Credential, Scheme};
use crate::specs::common::{actor, spiffe_ids, validity};
use crate::specs::introspection;
use crate::specs::nonce::NonceKeys;
use crate::specs::profile::{Keys, TokenKind};
use crate::specs::proof::{Claimed, Proof, ProofKind, ProofMemory};
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::trust::{EngineId, LoadReport, OriginIndex, TrustFault, TrustSnapshot};

/// Everything that changes while the engine runs; the host swaps it whole.
///
/// Cheap to clone. A decision sees one snapshot from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The keys of all trust domains and issuers.
    pub trust: Arc<TrustSnapshot>,
    /// What the host has revoked.
    pub revocations: Arc<Revocations>,
    /// Whether that is known now; where it is not, every token is refused with `bundle_stale` after its signature was checked.
    pub revocations_known: RevocationsKnown,
    /// The keys of server nonces; without them, a policy that demands a nonce refuses with `internal_error`.
    pub nonces: Option<Arc<NonceKeys>>,
}

/// A compiled policy document with what all threads share: counters, refresh floors and the replay store.
pub struct Engine {
    /// No other engine of this process has it: what a worker or a snapshot learned from one is nothing to another.
    id: EngineId,
    pub(crate) document: PolicyDocument,
    /// When a refresh was last asked for, by origin, plus one; 0 for never.
    refresh_asked: Vec<AtomicU64>,
    pub(super) replay: Box<dyn Replay>,
    pub(super) replay_notices: ReplayNotices,
    /// The library that checks signatures.
    backend: Backend,
    /// The algorithms that the library or the host checks.
    checked: AlgorithmSet,
    counters: Arc<Counters>,
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

    /// As [`with_replay`](Self::with_replay), for workers each of which is given a host's check ([`Worker::ask_host`]) that takes the
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
            document,
            replay,
            replay_notices: ReplayNotices::default(),
            backend,
            checked,
            counters: Arc::new(Counters::new()),
        }
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

    /// A snapshot without any key, to start from.
    #[must_use]
    pub fn empty_snapshot(&self) -> Snapshot {
        Snapshot {
            trust: Arc::new(TrustSnapshot::new(self.id, self.document.trust.len())),
            revocations: Arc::new(Revocations::default()),
            revocations_known: RevocationsKnown::ForGood,
            nonces: None,
        }
    }

    /// Puts `document` (a SPIFFE bundle for a trust domain, a JWK set for an issuer) in force in `snapshot`.
    ///
    /// Keys that were there before keep their identity, so their cached tokens stay cached; those of the others are refused
    /// from the next decision on. A document without a usable key revokes all that its origin signed. Fetches nothing.
    ///
    /// # Errors
    /// A [`TrustFault`]; the last good document then stays in force.
    pub fn load(
        &self,
        snapshot: &mut Snapshot,
        origin: OriginIndex,
        document: &[u8],
        now: UnixSeconds,
    ) -> Result<LoadReport, TrustFault> {
        let source = self.document.source(origin.as_usize()).filter(|_| snapshot.trust.engine() == self.id);
        let source = source.ok_or(TrustFault::OriginUnknown)?;
        // Where threads still decide by the snapshot before, this changes a copy, which shares with it all but one set.
        Arc::make_mut(&mut snapshot.trust).load(
            origin,
            source.origin(),
            document,
            (self.backend, self.checked, source.algorithms),
            now,
        )
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

    /// Whether the host should fetch the document of `origin` now, because a token names a key that is not in it.
    ///
    /// Says yes at most once in `min_refresh_seconds`, whatever the number of unknown keys and of threads.
    fn claim_refresh(&self, origin: OriginIndex, now: UnixSeconds) -> bool {
        let (Some(asked), Some(source)) =
            (self.refresh_asked.get(origin.as_usize()), self.document.source(origin.as_usize()))
        else {
            return false;
        };
        let last = asked.load(Ordering::Relaxed);
        let asked_at = now.as_u64().saturating_add(1);
        // A clock that went back must not silence the source until it catches up.
        let due = last == 0 || asked_at < last || asked_at - last >= source.min_refresh_seconds;
        due && asked.compare_exchange(last, asked_at, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// One thread's caches and buffers. Allocates when it is made and when it is told to [`grow`](Worker::grow), never in a decision.
#[derive(Debug)]
pub struct Worker {
    /// The engine whose tokens are cached.
    engine: EngineId,
    pub(crate) verdicts: RecordCache,
    proofs: ProofKeys,
    hot_keys: HotKeys,
    names: NameTable,
    header: Box<[u8]>,
    payload: Box<[u8]>,
    signature: Box<[u8]>,
    /// For the record of each credential that a policy may ask for.
    pub(crate) records: Box<[Box<[u8]>]>,
    /// Of the last decision.
    pub(crate) outcome: Outcome,
    /// The same, of the body of its request.
    pub(crate) body: Option<BodyFacts>,
}

/// A typical token with its record, to size the index of the verdict cache by.
const TYPICAL_ENTRY_BYTES: usize = 1024;

/// What the verdict cache of a worker takes that grows with use, before it does: some sixty tokens.
const FIRST_CACHE_BYTES: usize = 64 * 1024;

impl Worker {
    /// A worker for `engine`. `seed` must be random: it keeps attackers from choosing tokens that collide in the caches.
    #[must_use]
    pub fn new(engine: &Engine, seed: [u64; 2]) -> Self {
        let verdicts = RecordCache::new(engine.document.verdict_cache_bytes(), TYPICAL_ENTRY_BYTES, seed);
        Self::with_caches(engine, verdicts, ProofKeys::new(seed, engine.backend), seed)
    }

    /// As [`new`](Self::new), for hosts that go on without memory: its cache is in what `zeroed` gives. What else it needs is small, whatever
    /// the policy document says.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(engine: &Engine, seed: [u64; 2], zeroed: Zeroed<'_>) -> Result<Self, OutOfMemory> {
        let bytes = engine.document.verdict_cache_bytes();
        let verdicts = RecordCache::try_new(bytes, TYPICAL_ENTRY_BYTES, seed, zeroed)?;
        Ok(Self::with_caches(engine, verdicts, ProofKeys::new(seed, engine.backend), seed))
    }

    /// As [`new`](Self::new), with small caches that take what the policy document allows only as the host has them
    /// [`grow`](Self::grow): for hosts with many engines of which few are busy.
    #[must_use]
    pub fn growing(engine: &Engine, seed: [u64; 2]) -> Self {
        let most = engine.document.verdict_cache_bytes();
        let verdicts = RecordCache::growing(FIRST_CACHE_BYTES, most, TYPICAL_ENTRY_BYTES, seed);
        Self::with_caches(engine, verdicts, ProofKeys::growing(seed, engine.backend), seed)
    }

    fn with_caches(engine: &Engine, verdicts: RecordCache, proofs: ProofKeys, seed: [u64; 2]) -> Self {
        Self {
            engine: engine.id,
            verdicts,
            proofs,
            hot_keys: HotKeys::new(engine.document.hot_key_bytes(), seed),
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
        self.verdicts.entries()
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
        let (verdicts, proofs) = (self.verdicts.grow(), self.proofs.grow());
        verdicts || proofs
    }

    /// Validates the credentials of `request` under `policy`, records an accepted DPoP proof in the replay store, and counts the outcome.
    ///
    /// For hosts that answer no question: a policy that needs an answer ([`Worker::begin`]) refuses here. Never panics; a snapshot of
    /// another engine gives `internal_error`.
    #[inline]
    pub fn decide<'d>(
        &'d mut self,
        engine: &'d Engine,
        snapshot: &'d Snapshot,
        policy: PolicyIndex,
        request: &Request<'_>,
    ) -> Decision<'d> {
        self.decide_with(engine, snapshot, policy, request, &mut Silent)
    }

    /// As [`decide`](Self::decide), and hands `trail` each check as it begins.
    // Inlined down to `judge`, so that the decision is made of its four pointers where it is wanted, and not copied there.
    #[inline]
    pub fn decide_with<'d>(
        &'d mut self,
        engine: &'d Engine,
        snapshot: &'d Snapshot,
        policy: PolicyIndex,
        request: &Request<'_>,
        trail: &mut impl Trail,
    ) -> Decision<'d> {
        let found = self.enter(engine, snapshot, policy);
        let result = match found {
            Some(policy) => {
                let judged = self.judge(engine, snapshot, policy, request, None, trail);
                if judged.is_ok() && policy.asks_host() { self.unanswered(engine, policy, request) } else { judged }
            }
            None => Err(Reason::InternalError),
        };
        self.finish(engine, snapshot, found, result)
    }

    /// As [`decide`](Self::decide), for hosts that can find out what the policy needs to know beside the request: the decision may wait for an
    /// answer, with which [`resume`](Self::resume) goes on.
    pub fn begin<'d>(
        &'d mut self,
        engine: &'d Engine,
        snapshot: &'d Snapshot,
        policy: PolicyIndex,
        request: &Request<'_>,
        trail: &mut dyn Trail,
    ) -> Step<'d> {
        let found = self.enter(engine, snapshot, policy);
        let result = match found {
            Some(found) => self.judge(engine, snapshot, found, request, None, &mut &mut *trail),
            None => Err(Reason::InternalError),
        };
        self.step(engine, snapshot, policy, request, result)
    }

    /// Goes on with a decision that waited, with `request` as it was. The token is judged by `snapshot` once more: a key or subject that was
    /// revoked meanwhile is refused.
    ///
    /// An answer to another question than [`Pending::question`] gives `internal_error`.
    pub fn resume<'d>(
        &'d mut self,
        engine: &'d Engine,
        snapshot: &'d Snapshot,
        mut pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trail: &mut dyn Trail,
    ) -> Step<'d> {
        pending.abandoned.resumed();
        let index = pending.policy;
        let found = self.enter(engine, snapshot, index).filter(|_| pending.engine == engine.id);
        let result = match found {
            Some(policy) => self.go_on(engine, snapshot, policy, pending, request, answer, &mut &mut *trail),
            None => Err(Reason::InternalError),
        };
        self.step(engine, snapshot, index, request, result)
    }

    /// Gives up a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`, and its audit record.
    ///
    /// A [`Pending`] that is dropped is counted alike, and leaves no audit record.
    pub fn abandon<'d>(&'d mut self, engine: &'d Engine, snapshot: &'d Snapshot, mut pending: Pending) -> Decision<'d> {
        pending.abandoned.resumed();
        let found = self.enter(engine, snapshot, pending.policy).filter(|_| pending.engine == engine.id);
        let Pending { outcome, records, body, .. } = pending;
        let restored = found.ok_or(Reason::InternalError).and_then(|_| self.restore(outcome, &records, body));
        self.finish(engine, snapshot, found, restored.and(Err(Reason::DecisionAbandoned)))
    }

    /// Forgets the decision before, and finds the policy of this one.
    #[inline]
    fn enter<'d>(&mut self, engine: &'d Engine, snapshot: &Snapshot, policy: PolicyIndex) -> Option<&'d Policy> {
        self.outcome = Outcome::default();
        self.body = None;
        if self.engine != engine.id {
            self.move_to(engine);
        }
        // A snapshot of another engine numbers its origins otherwise; a policy of another document may not exist.
        engine.document.policies.get(policy.0).filter(|_| snapshot.trust.engine() == engine.id)
    }

    /// Another engine's tokens are unknown here, and its policies may ask for more credentials.
    #[cold]
    fn move_to(&mut self, engine: &Engine) {
        self.engine = engine.id;
        self.verdicts.clear();
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
        snapshot: &'d Snapshot,
        policy: Option<&'d Policy>,
        result: Result<(), Reason>,
    ) -> Decision<'d> {
        self.outcome.reason = result.err();
        engine.counters.count(self.outcome.reason);
        Decision::new(engine, snapshot, policy, self)
    }

    /// The decision, or what it waits for.
    fn step<'d>(
        &'d mut self,
        engine: &'d Engine,
        snapshot: &'d Snapshot,
        index: PolicyIndex,
        request: &Request<'_>,
        result: Result<(), Reason>,
    ) -> Step<'d> {
        let found = engine.document.policies.get(index.0);
        let waits_for = match (result, found) {
            (Ok(()), Some(policy)) => self.open_question(engine, policy, request),
            (Err(Reason::IntrospectionUnavailable), _) => {
                self.outcome.introspect.map(|origin| WaitsFor::Introspect { origin })
            }
            _ => None,
        };
        let Some(waits_for) = waits_for else {
            return Step::Decided(self.finish(engine, snapshot, found, result));
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
        if proof.use_once == Claimed::Everywhere {
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

    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    fn go_on(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        let Pending { waits_for, outcome, records, body, .. } = pending;
        if let WaitsFor::Introspect { origin } = waits_for {
            self.outcome.scheme = outcome.scheme;
            let answer = match answer {
                Answer::Introspected(answer) => answer,
                Answer::IntrospectionFailed => return Err(Reason::IntrospectionUnavailable),
                _ => return Err(Reason::InternalError),
            };
            let length = self.take_answer(engine, origin, request, answer)?;
            return self.judge(engine, snapshot, policy, request, Some(length), trail);
        }
        self.restore(outcome, &records, body)?;
        for (expected, record) in policy.credentials().zip(&records).filter(|(_, record)| !record.is_empty()) {
            let facts = Facts::unpack(record).ok_or(Reason::InternalError)?;
            if !still_stands(&facts, engine, snapshot, policy, expected, request.now) {
                return Err(Reason::KeyUnknown);
            }
            check_further(&facts, engine, snapshot, policy, expected, request.now, trail)?;
        }
        match (waits_for, answer) {
            (WaitsFor::Body { .. }, Answer::Body(reader)) => {
                trail.enter(Check::Body);
                let body = reader.finish()?;
                let tools = policy.body.as_ref().and_then(|body| body.tools.as_deref());
                let tool = body.call.as_ref().and_then(|call| call.tool.as_deref());
                let is_let_in = match (tools, tool) {
                    (Some(tools), Some(tool)) => tools.iter().any(|pattern| pattern.matches(tool)),
                    _ => true,
                };
                self.body = Some(body);
                if is_let_in { Ok(()) } else { Err(Reason::ToolRefused) }
            }
            (WaitsFor::UseOnce { .. }, Answer::UseOnce(answer)) => {
                trail.enter(Check::ProofReplay);
                match answer {
                    UseOnce::First => {
                        let proof = self.outcome.proof.as_mut().ok_or(Reason::InternalError)?;
                        proof.claimed(Claimed::Everywhere);
                        Ok(())
                    }
                    UseOnce::Used => Err(Reason::ProofReplayed),
                    UseOnce::Unavailable => Err(Reason::ReplayStoreUnavailable),
                }
            }
            _ => Err(Reason::InternalError),
        }
    }

    /// Puts what was known when a decision began to wait back into the worker.
    fn restore(&mut self, outcome: Outcome, records: &[Box<[u8]>], body: Option<BodyFacts>) -> Result<(), Reason> {
        self.outcome = outcome;
        self.body = body;
        for (place, (record, room)) in records.iter().zip(&mut self.records).enumerate() {
            room.get_mut(..record.len()).ok_or(Reason::InternalError)?.copy_from_slice(record);
            self.outcome.set_fresh(place, record.len());
        }
        Ok(())
    }

    /// Puts what the issuer `origin` answered about the token of `request` into its record and into the cache; the length of the record.
    fn take_answer(
        &mut self,
        engine: &Engine,
        origin: OriginIndex,
        request: &Request<'_>,
        answer: &[u8],
    ) -> Result<usize, Reason> {
        let credential = Credential::read(request.authorization, request.uri)?;
        let source = engine.document.source(origin.as_usize()).ok_or(Reason::InternalError)?;
        let endpoint = source.introspection.as_ref().ok_or(Reason::InternalError)?;
        let (claims, good_until) =
            introspection::read(answer, source.origin.name(), &mut self.names, request.now, endpoint.cache_seconds)?;
        if !TokenKind::Introspected.profile().required.is_within(claims.present()) {
            return Err(Reason::ClaimMissing);
        }
        let current = claims.actor.map(actor::check).transpose()?.flatten();
        let record = self.records.first_mut().ok_or(Reason::InternalError)?;
        let hash = || crypto::sha256(credential.token);
        let length = record::pack_introspected(&claims, current, hash, origin, good_until, record)?;
        let length = match core::str::from_utf8(answer) {
            Ok(text) if !engine.document.named_claims.is_empty() => {
                let payload = JsonObject::from_checked(text.trim_matches([' ', '\t', '\n', '\r']));
                record::add_named(record, length, &engine.document.named_claims, payload)?
            }
            _ => length,
        };
        if endpoint.cache_seconds > 0 {
            let _cached = self.verdicts.insert(credential.token, record.get(..length).unwrap_or_default());
        }
        Ok(length)
    }

    /// `given` is the length of the first record, where it was made by an answer.
    fn judge(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        given: Option<usize>,
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        trail.enter(Check::Presentation);
        let expected = &policy.credential;
        let credential = match &expected.from {
            From::Authorization => Credential::read(request.authorization, request.uri).inspect_err(|_| {
                self.outcome.scheme = Scheme::of(request.authorization);
            })?,
            From::Header(name) => credential_in(request, name)?.ok_or(Reason::CredentialMissing)?,
        };
        self.outcome.scheme = Some(credential.scheme);
        // RFC 9449 §4.3 item 1 holds for every request that carries a proof, needed or not.
        if request.proof == presentation::Field::Repeated {
            return Err(Reason::ProofRepeated);
        }

        trail.enter(Check::VerdictCache);
        let known = match self.verdicts.find(credential.token) {
            Some(entry) if given.is_none() => Facts::unpack(self.verdicts.record(entry))
                .filter(|facts| still_stands(facts, engine, snapshot, policy, expected, request.now))
                .filter(|facts| may_be_reused(facts, expected, credential.token, request.now))
                .map(|facts| (entry, facts)),
            _ => None,
        };
        let facts = match known {
            Some((entry, facts)) => {
                self.outcome.source = Some(Source::Cache(entry));
                self.outcome.tier = CacheTier::Hit;
                facts
            }
            None => {
                let length = match given {
                    Some(length) => self.answered(length),
                    None => self.verify(0, engine, snapshot, policy, expected, &credential, request.now, trail)?,
                };
                let record = self.records.first().and_then(|record| record.get(..length)).and_then(Facts::unpack);
                record.ok_or(Reason::InternalError)?
            }
        };
        let refusing = &mut self.outcome.refusing_entry;
        check_facts(&facts, engine, snapshot, policy, expected, request.now, refusing, trail)?;
        let facts =
            if policy.others.is_empty() { facts } else { self.judge_others(engine, snapshot, policy, request, trail)? };

        trail.enter(Check::Binding);
        check_binding(policy, &facts, credential.scheme, request)?;
        if !facts.confirmation.is_bound() {
            return Ok(());
        }
        // Copies, since the checks need the worker's memory.
        let token_hash = facts.token_hash.copied();
        let bound_to = ProofKind::ALL.map(|method| (method.method().bound_to)(&facts.confirmation).copied());
        self.check_proofs(engine, snapshot, policy, request, &bound_to, token_hash.as_ref(), trail)
    }

    #[cold]
    fn answered(&mut self, length: usize) -> usize {
        self.outcome.tier = CacheTier::Miss;
        self.outcome.source = Some(Source::Fresh(length));
        length
    }

    /// Apart from the path of a request with one credential.
    #[inline(never)]
    fn find_further(&mut self, token: &[u8]) -> Option<RecordRef> {
        self.verdicts.find(token)
    }

    /// The credentials beside the first, and what ties them. Gives the facts of the first, which are no longer in the cache's memory: an
    /// entry that the others add may take its place.
    #[inline(never)]
    fn judge_others(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        trail: &mut impl Trail,
    ) -> Result<Facts<'_>, Reason> {
        let first = match self.outcome.source {
            Some(Source::Cache(entry)) => {
                let cached = self.verdicts.record(entry);
                let room = self.records.first_mut().and_then(|room| room.get_mut(..cached.len()));
                room.ok_or(Reason::InternalError)?.copy_from_slice(cached);
                cached.len()
            }
            Some(Source::Fresh(length)) => length,
            None => return Err(Reason::InternalError),
        };
        self.outcome.source = Some(Source::Fresh(first));
        let first_tier = self.outcome.tier;
        for (place, expected) in (1..).zip(&policy.others) {
            trail.enter(Check::Presentation);
            let From::Header(name) = &expected.from else { return Err(Reason::InternalError) };
            let Some(credential) = credential_in(request, name)? else {
                if expected.required {
                    return Err(Reason::CredentialMissing);
                }
                continue;
            };
            trail.enter(Check::VerdictCache);
            let known = self.find_further(credential.token).map(|entry| self.verdicts.record(entry)).filter(|record| {
                let facts = Facts::unpack(record);
                facts.is_some_and(|facts| {
                    still_stands(&facts, engine, snapshot, policy, expected, request.now)
                        && may_be_reused(&facts, expected, credential.token, request.now)
                })
            });
            let length = match known {
                Some(record) => {
                    let room = self.records.get_mut(place).and_then(|room| room.get_mut(..record.len()));
                    room.ok_or(Reason::InternalError)?.copy_from_slice(record);
                    record.len()
                }
                None => self.verify(place, engine, snapshot, policy, expected, &credential, request.now, trail)?,
            };
            self.outcome.set_fresh(place, length);
            let facts = self.records.get(place).and_then(|room| room.get(..length)).and_then(Facts::unpack);
            let facts = facts.ok_or(Reason::InternalError)?;
            check_further(&facts, engine, snapshot, policy, expected, request.now, trail)?;
            trail.enter(Check::Binding);
            // A bound token needs its proof, and a request proves one key: that of its first credential.
            if facts.confirmation.is_bound() {
                return Err(Reason::BindingUnsupported);
            }
        }
        self.outcome.tier = first_tier;
        let facts_at = |place: usize| self.outcome.record(self, place).and_then(Facts::unpack);
        trail.enter(Check::Ties);
        for tie in &policy.ties {
            let (left, right) = (facts_at(tie.left.credential), facts_at(tie.right.credential));
            // A credential that may be absent ties nothing when it is.
            let (Some(left), Some(right)) = (left, right) else { continue };
            let value = left.named(tie.left.slot);
            if value.is_none() || value != right.named(tie.right.slot) {
                return Err(Reason::CredentialsUntied);
            }
        }
        facts_at(0).ok_or(Reason::InternalError)
    }

    /// Verifies a token that is not in the cache, and puts it there; returns the length of its record.
    // Not inlined, nor is `check_proofs`: what is left is all that a cached token takes, on few pages of code. In a large process each page
    // that a request touches is one that the processor has to look up again.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn verify(
        &mut self,
        place: usize,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        expected: &CredentialPolicy,
        credential: &Credential<'_>,
        now: UnixSeconds,
        trail: &mut dyn Trail,
    ) -> Result<usize, Reason> {
        self.outcome.tier = CacheTier::Miss;
        credential.check_single()?;
        let token = credential.token;
        if expected.is_opaque(token) {
            self.outcome.introspect = expected.pinned_issuer(TokenKind::Introspected);
            return Err(Reason::IntrospectionUnavailable);
        }
        let record = self.records.get_mut(place).ok_or(Reason::InternalError)?;
        let buffers = TokenBuffers {
            hot_keys: &mut self.hot_keys,
            names: &mut self.names,
            header: &mut self.header,
            payload: &mut self.payload,
            signature: &mut self.signature,
            record,
        };
        match token::verify(token, policy, expected, &engine.document, snapshot, now, buffers, trail) {
            Ok(length) => {
                if place == 0 {
                    self.outcome.source = Some(Source::Fresh(length));
                }
                let _cached = self.verdicts.insert(token, record.get(..length).unwrap_or_default());
                Ok(length)
            }
            Err(refused) => {
                self.outcome.refresh = refused.unknown_key_of.filter(|origin| engine.claim_refresh(*origin, now));
                Err(refused.reason)
            }
        }
    }

    /// The proof of each method that binds the token, in the order of the table.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn check_proofs(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        bound_to: &[Option<[u8; 32]>; ProofKind::ALL.len()],
        token_hash: Option<&[u8; 32]>,
        trail: &mut dyn Trail,
    ) -> Result<(), Reason> {
        for (method, bound_to) in ProofKind::ALL.into_iter().zip(bound_to) {
            let Some(bound_to) = bound_to else { continue };
            let memory = ProofMemory {
                keys: &mut self.proofs,
                hot_keys: &mut self.hot_keys,
                names: &mut self.names,
                header: &mut self.header,
                payload: &mut self.payload,
                signature: &mut self.signature,
            };
            (method.method().check)(&mut Proof {
                request,
                bound_to,
                token_hash,
                settings: &policy.dpop,
                origin: policy.origin.as_ref(),
                nonces: snapshot.nonces.as_deref(),
                replay: &*engine.replay,
                memory,
                verified: &mut self.outcome.proof,
                next_nonce: &mut self.outcome.next_nonce,
                trail: &mut *trail,
            })?;
        }
        Ok(())
    }
}

/// The one credential in a header field of its own, without a scheme.
fn credential_in<'r>(request: &Request<'r>, name: &str) -> Result<Option<Credential<'r>>, Reason> {
    let field = request.fields.map_or(presentation::Field::Absent, |fields| fields.field(name));
    Credential::alone(field)
}

/// What is asked of the facts of a token on every request, cached or not, whatever binds it. `refusing_entry` takes the place of the entry
/// of `accept` whose condition refuses.
#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
#[inline(always)]
fn check_facts(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
    refusing_entry: &mut Option<usize>,
    trail: &mut impl Trail,
) -> Result<(), Reason> {
    trail.enter(Check::Time);
    validity::check_time(facts, now, policy.leeway_seconds)?;
    trail.enter(Check::Audience);
    validity::check_audience(facts, &expected.audience)?;
    if facts.names_workload {
        trail.enter(Check::SpiffeIds);
        let source = engine.document.source(facts.origin.as_usize()).ok_or(Reason::InternalError)?;
        spiffe_ids::check(facts, |domain| source.speaks_for(domain))?;
    }
    trail.enter(Check::Subject);
    if let Err((entry, reason)) = expected.admit(facts, now) {
        *refusing_entry = Some(entry);
        if reason == Reason::ScopeInsufficient {
            trail.enter(Check::Scope);
        }
        return Err(reason);
    }
    trail.enter(Check::Scope);
    trail.enter(Check::Revocation);
    check_revoked(engine, snapshot, facts, now)
}

/// As [`check_facts`], apart from the path of a request with one credential.
#[inline(never)]
fn check_further(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
    mut trail: &mut dyn Trail,
) -> Result<(), Reason> {
    check_facts(facts, engine, snapshot, policy, expected, now, &mut None, &mut trail)
}

/// Whether a record that was made before may be used: its key is still in its set, the set is fresh, and under this policy the
/// token is of the same kind. Everything else about it is checked on every request.
#[inline(always)]
fn still_stands(
    facts: &Facts<'_>,
    engine: &Engine,
    snapshot: &Snapshot,
    policy: &Policy,
    expected: &CredentialPolicy,
    now: UnixSeconds,
) -> bool {
    if facts.kind == TokenKind::Introspected {
        return expected.pinned_issuer(facts.kind) == Some(facts.origin);
    }
    let stale = || {
        let most = engine.document.source(facts.origin.as_usize()).and_then(|source| source.max_stale_seconds);
        let loaded = || snapshot.trust.set(facts.origin).map(crate::trust::KeySet::loaded_at);
        most.is_some_and(|most| loaded().is_none_or(|loaded| now > loaded.plus(most)))
    };
    // Without `kid` the policy and the other keys of the set decide which key is meant: asked again each time.
    let still_the_one = || {
        let single = (facts.kind.profile().latitude)(&policy.profiles).single_candidate_key;
        let found = snapshot.trust.set(facts.origin).map(|set| set.find(None, facts.algorithm, single));
        matches!(found, Some(Ok(key)) if key.id() == facts.key)
    };
    let takes_unknown_headers = || (facts.kind.profile().latitude)(&policy.profiles).unknown_headers;
    let pinned =
        || facts.kind.profile().keys != Keys::PinnedIssuer || expected.pinned_issuer(facts.kind) == Some(facts.origin);
    let kind = expected.kinds.resolve(facts.typ, facts.subject_bytes().starts_with(spiffe_id::PREFIX.as_bytes()));
    kind == Some(facts.kind)
        && expected.algorithms(facts.kind).contains(facts.algorithm)
        && snapshot.trust.key(facts.key).is_some()
        && (!facts.extra_parameters || takes_unknown_headers())
        && (!facts.without_key_id || still_the_one())
        && (!facts.without_issuer || pinned())
        && !stale()
}

/// Whether a record from the cache serves another request: an answer of an issuer does only for its time, and only where this policy
/// asks about `token` too, and does not verify it by a key.
#[inline(always)]
fn may_be_reused(facts: &Facts<'_>, expected: &CredentialPolicy, token: &[u8], now: UnixSeconds) -> bool {
    #[cold]
    fn answer_may_be_reused(facts: &Facts<'_>, expected: &CredentialPolicy, token: &[u8], now: UnixSeconds) -> bool {
        now < facts.answer_good_until() && expected.is_opaque(token)
    }
    facts.kind != TokenKind::Introspected || answer_may_be_reused(facts, expected, token, now)
}

#[inline(always)]
fn check_revoked(engine: &Engine, snapshot: &Snapshot, facts: &Facts<'_>, now: UnixSeconds) -> Result<(), Reason> {
    if !snapshot.revocations_known.at(now) {
        return Err(Reason::BundleStale);
    }
    if snapshot.revocations.is_empty() {
        return Ok(());
    }
    let presented = Presented {
        origin: engine.document.source(facts.origin.as_usize()).map_or("", |source| source.origin.name()),
        key_id: snapshot.trust.key(facts.key).and_then(|key| key.key_id()),
        subject: facts.subject(),
        token_id: facts.token_id(),
        issued_at: facts.issued_at,
    };
    match snapshot.revocations.revoked_by(&presented) {
        None => Ok(()),
        Some(RevokedBy::Key) => Err(Reason::KeyRevoked),
        Some(RevokedBy::Subject) => Err(Reason::SubjectRevoked),
        Some(RevokedBy::Token) => Err(Reason::TokenRevoked),
        Some(RevokedBy::Epoch) => Err(Reason::EpochRevoked),
    }
}

/// What binds the token, against what the policy demands and the scheme it came under. The proofs themselves come after.
#[inline(always)]
fn check_binding(policy: &Policy, facts: &Facts<'_>, scheme: Scheme, request: &Request<'_>) -> Result<(), Reason> {
    let cnf = &facts.confirmation;
    match cnf.unenforceable {
        Some(Unenforceable::Unsupported) => return Err(Reason::BindingUnsupported),
        Some(Unenforceable::Ambiguous) => return Err(Reason::BindingAmbiguous),
        None => {}
    }
    let (dpop, mtls) = (cnf.key_thumbprint.is_some(), cnf.certificate_thumbprint.is_some());
    let satisfied = match policy.binding {
        Binding::None => true,
        Binding::Any => dpop || mtls,
        Binding::Dpop => dpop,
        Binding::Mtls => mtls,
    };
    // RFC 9449 §7.1: under the DPoP scheme "the token […] MUST be bound"; one that is not does not become so by its scheme.
    if !satisfied || (scheme == Scheme::Dpop && !dpop) {
        return Err(Reason::BindingRequired);
    }
    // RFC 9449 §7.2: a resource server "MUST NOT" take a DPoP-bound token as a bearer token. Without a proof that is what
    // is missing; with one, the scheme is what is wrong.
    if dpop && scheme == Scheme::Bearer && request.proof != presentation::Field::Absent {
        return Err(Reason::SchemeMismatch);
    }
    Ok(())
}

// What threads share and what each of them has may lie anywhere: a host's own check of signatures in it, too.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<Snapshot>();
    shared::<Worker>();
};

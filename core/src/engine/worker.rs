//! The engine and its workers: one request in, one decision out.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "hot-keys")]
use crate::crypto::p256;
use crate::crypto::{Backend, HostSignatures, Reference};
use crate::engine::check::{Check, Silent, Trail};
use crate::engine::decision::{CacheTier, Decision, Outcome, ProofFacts, Source};
use crate::engine::document::PolicyDocument;
use crate::engine::policy::{Binding, NonceMode, Policy, PolicyIndex, ReplayMode};
use crate::engine::replay::Replay;
use crate::engine::request::Request;
use crate::engine::token::{self, TokenBuffers};
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::base64url;
use crate::jose::compact::CompactJws;
use crate::jose::confirmation::Unenforceable;
use crate::jose::json::NameTable;
use crate::limits;
use crate::memory::hot_keys::{HotKeyCounts, HotKeys};
use crate::memory::proof_keys::ProofKeys;
use crate::memory::record_cache::RecordCache;
use crate::memory::replay::{Claim, ReplayStore, Window};
use crate::memory::revocation::{Presented, Revocations, RevocationsKnown, RevokedBy};
use crate::reason::Reason;
use crate::rules::dpop::{self, UnverifiedProof};
use crate::rules::facts::{self, Facts};
use crate::rules::nonce::{NONCE_CHARS, NonceKeys};
use crate::rules::presentation::{self, Credential, Scheme};
use crate::rules::{mtls, spiffe_ids, validity};
use crate::spiffe_id;
use crate::time::UnixSeconds;
use crate::token_kind::TokenKind;
use crate::trust::{EngineId, LoadReport, OriginIndex, TrustFault, TrustSnapshot};
use crate::uri::{TargetUri, UriFault};

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
    replay: Box<dyn Replay>,
    /// The library that checks signatures.
    backend: Backend,
    /// The algorithms that the library or the host checks.
    checked: AlgorithmSet,
    accepted: AtomicU64,
    refused: [AtomicU64; Reason::COUNT],
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
            backend,
            checked,
            accepted: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; Reason::COUNT],
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
        Arc::make_mut(&mut snapshot.trust).load(origin, source.origin(), document, self.backend, self.checked, now)
    }

    /// How many requests were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many requests were refused for `reason`.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused.get(reason.index()).map_or(0, |count| count.load(Ordering::Relaxed))
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

    fn count(&self, reason: Option<Reason>) {
        let counter = match reason {
            None => Some(&self.accepted),
            Some(reason) => self.refused.get(reason.index()),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One thread's caches and buffers. Allocates when it is made, and never after.
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
    pub(crate) record: Box<[u8]>,
    /// Of the last decision.
    pub(crate) outcome: Outcome,
}

/// A typical token with its record, to size the index of the verdict cache by.
const TYPICAL_ENTRY_BYTES: usize = 1024;

impl Worker {
    /// A worker for `engine`. `seed` must be random: it keeps attackers from choosing tokens that collide in the caches.
    #[must_use]
    pub fn new(engine: &Engine, seed: [u64; 2]) -> Self {
        Self {
            engine: engine.id,
            verdicts: RecordCache::new(engine.document.verdict_cache_bytes(), TYPICAL_ENTRY_BYTES, seed),
            proofs: ProofKeys::new(seed, engine.backend),
            hot_keys: HotKeys::new(engine.document.hot_key_bytes(), seed),
            names: NameTable::new(seed[0] ^ seed[1].rotate_left(32)),
            header: vec![0; limits::HEADER_BYTES].into(),
            payload: vec![0; limits::TOKEN_BYTES].into(),
            signature: vec![0; limits::SIGNATURE_BYTES].into(),
            record: vec![0; facts::record_bytes(limits::TOKEN_BYTES)].into(),
            outcome: Outcome::default(),
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

    /// Judges `request` by `policy`.
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

    /// Judges `request` by `policy`, and tells `trail` each check as it begins.
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
        self.outcome = Outcome::default();
        if self.engine != engine.id {
            self.engine = engine.id;
            self.verdicts.clear();
        }
        // A snapshot of another engine numbers its origins otherwise; a policy of another document may not exist.
        let found = engine.document.policies.get(policy.0).filter(|_| snapshot.trust.engine() == engine.id);
        let result = match found {
            Some(policy) => self.judge(engine, snapshot, policy, request, trail),
            None => Err(Reason::InternalError),
        };
        self.outcome.reason = result.err();
        engine.count(self.outcome.reason);
        Decision::new(engine, snapshot, found, self)
    }

    fn judge(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        trail.enter(Check::Presentation);
        let credential = Credential::read(request.authorization, request.uri).inspect_err(|_| {
            self.outcome.scheme = Scheme::of(request.authorization);
        })?;
        self.outcome.scheme = Some(credential.scheme);
        // RFC 9449 §4.3 item 1 holds for every request that carries a proof, needed or not.
        if request.proof == presentation::Field::Repeated {
            return Err(Reason::CredentialRepeated);
        }

        trail.enter(Check::VerdictCache);
        let known = match self.verdicts.find(credential.token) {
            Some(entry) => Facts::unpack(self.verdicts.record(entry))
                .filter(|facts| still_stands(facts, engine, snapshot, policy, request.now))
                .map(|facts| (entry, facts)),
            None => None,
        };
        let facts = match known {
            Some((entry, facts)) => {
                self.outcome.source = Some(Source::Cache(entry));
                self.outcome.tier = CacheTier::Hit;
                facts
            }
            None => {
                let length = self.verify(engine, snapshot, policy, &credential, request.now, trail)?;
                let record = self.record.get(..length).and_then(Facts::unpack);
                record.ok_or(Reason::InternalError)?
            }
        };

        trail.enter(Check::Time);
        validity::check_time(&facts, request.now, policy.leeway_seconds)?;
        trail.enter(Check::Audience);
        validity::check_audience(&facts, &policy.audience)?;
        if facts.names_workload {
            trail.enter(Check::SpiffeIds);
            let source = engine.document.source(facts.origin.as_usize()).ok_or(Reason::InternalError)?;
            spiffe_ids::check(&facts, |domain| source.speaks_for(domain))?;
        }
        trail.enter(Check::Subject);
        if let Err(reason) = policy.admit(&facts, request.now) {
            if reason == Reason::ScopeInsufficient {
                trail.enter(Check::Scope);
            }
            return Err(reason);
        }
        trail.enter(Check::Scope);
        trail.enter(Check::Revocation);
        check_revoked(engine, snapshot, &facts, request.now)?;

        trail.enter(Check::Binding);
        check_binding(policy, &facts, credential.scheme, request)?;
        if let Some(bound_to) = facts.confirmation.certificate_thumbprint {
            trail.enter(Check::Certificate);
            mtls::check(bound_to, request.client_certificate())?;
        }
        if let (Some(bound_to), Some(token_hash)) = (facts.confirmation.key_thumbprint, facts.token_hash) {
            // Copies, since the check needs the worker's memory.
            let (bound_to, token_hash) = (*bound_to, *token_hash);
            self.check_proof(engine, snapshot, policy, request, &bound_to, &token_hash, trail)?;
        }
        Ok(())
    }

    /// Verifies a token that is not in the cache, and puts it there; tells the length of its record.
    // Not inlined, nor is `check_proof`: what is left is all that a cached token takes, on few pages of code. In a large process each page
    // that a request touches is one that the processor has to look up again.
    #[inline(never)]
    fn verify(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        credential: &Credential<'_>,
        now: UnixSeconds,
        trail: &mut impl Trail,
    ) -> Result<usize, Reason> {
        self.outcome.tier = CacheTier::Miss;
        credential.check_single()?;
        let token = credential.token;
        let buffers = TokenBuffers {
            hot_keys: &mut self.hot_keys,
            names: &mut self.names,
            header: &mut self.header,
            payload: &mut self.payload,
            signature: &mut self.signature,
            record: &mut self.record,
        };
        match token::verify(token, policy, &engine.document, snapshot, now, buffers, trail) {
            Ok(length) => {
                self.outcome.source = Some(Source::Fresh(length));
                let _cached = self.verdicts.insert(token, self.record.get(..length).unwrap_or_default());
                Ok(length)
            }
            Err(refused) => {
                self.outcome.refresh = refused.unknown_key_of.filter(|origin| engine.claim_refresh(*origin, now));
                Err(refused.reason)
            }
        }
    }

    /// RFC 9449 §4.3 and §7: the proof for a token that is bound to the key `bound_to`.
    #[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
    #[inline(never)]
    fn check_proof(
        &mut self,
        engine: &Engine,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request<'_>,
        bound_to: &[u8; 32],
        token_hash: &[u8; 32],
        trail: &mut impl Trail,
    ) -> Result<(), Reason> {
        trail.enter(Check::ProofPresent);
        let proof = presentation::proof(request.proof)?;

        trail.enter(Check::ProofForm);
        let jws = CompactJws::parse(proof).map_err(dpop::malformed)?;
        if jws.header().len() > limits::HEADER_BYTES {
            return Err(Reason::LimitExceeded);
        }
        let mut buffer = None;
        let key = self.proofs.recall_or_read(jws.header(), &mut self.header, &mut self.names, &mut buffer)?;
        // The payload of a proof is shorter than a proof; behind it is room for each of its texts.
        let (payload, scratch) = self.payload.split_at_mut_checked(limits::PROOF_BYTES).ok_or(Reason::InternalError)?;
        let payload = base64url::decode(jws.payload(), payload).map_err(|_| Reason::ProofMalformed)?;
        let claims = UnverifiedProof::parse(payload, &mut self.names)?;
        let algorithm = key.algorithm();

        trail.enter(Check::ProofAlgorithm);
        if !policy.dpop.algorithms.contains(algorithm) {
            return Err(Reason::ProofAlgorithmRefused);
        }
        trail.enter(Check::ProofKey);
        // From here on the key's thumbprint is `bound_to`.
        let public = self.proofs.admit(key, jws.header(), bound_to, policy.dpop.max_rsa_bits)?;
        let thumbprint = *bound_to;
        trail.enter(Check::ProofMethod);
        claims.check_method(request.method)?;
        trail.enter(Check::ProofUri);
        let target = target(policy, request)?;
        claims.check_uri(&target, scratch)?;
        trail.enter(Check::ProofToken);
        claims.check_token(token_hash)?;
        trail.enter(Check::ProofWindow);
        claims.check_window(request.now, policy.dpop.max_age_seconds, policy.dpop.future_seconds)?;
        if policy.dpop.nonce == NonceMode::Required {
            trail.enter(Check::ProofNonce);
            let nonces = snapshot.nonces.as_deref().ok_or(Reason::InternalError)?;
            // A refusal for the nonce, and whatever is refused after it, hands out the next one.
            self.outcome.next_nonce = Some(nonces.issue(request.now, &thumbprint));
            let mut nonce = [0; NONCE_CHARS];
            let nonce = claims.nonce.ok_or(Reason::NonceRequired)?.text(&mut nonce).ok_or(Reason::NonceMismatch)?;
            let lifetime = policy.dpop.nonce_lifetime_seconds;
            let age =
                nonces.check(nonce.as_bytes(), request.now, lifetime, &thumbprint).ok_or(Reason::NonceMismatch)?;
            if age.seconds < lifetime / 2 {
                self.outcome.next_nonce = None; // §8.2: a new nonce is handed out before the old one expires
            }
        }

        trail.enter(Check::ProofSignature);
        let signature = base64url::decode(jws.signature(), &mut self.signature).map_err(|_| Reason::ProofMalformed)?;
        self.hot_keys
            .verify(public, &thumbprint, algorithm, jws.signing_input(), signature)
            .map_err(|_| Reason::ProofSignatureInvalid)?;
        let replay_key = claims.replay_key(&thumbprint, scratch).ok_or(Reason::LimitExceeded)?;
        self.outcome.proof = Some(ProofFacts { key_thumbprint: thumbprint, replay_key, is_claimed: false });

        trail.enter(Check::ProofReplay);
        if policy.dpop.replay == ReplayMode::Accept {
            return Ok(());
        }
        let is_claimed = match engine.replay.claim(&replay_key, claims.issued_at, request.now) {
            Ok(Claim::First) => true,
            // By this very request, when another policy judged it.
            Ok(Claim::Replayed) if request.claimed_proof == Some(&replay_key) => true,
            Ok(Claim::Replayed) => return Err(Reason::ProofReplayed),
            // Older than what the store remembers, as after a restart: a fresh proof passes.
            Ok(Claim::Unknowable) => return Err(Reason::ProofTooOld),
            Ok(Claim::Full) if policy.dpop.replay == ReplayMode::AcceptWhenFull => false,
            Ok(Claim::Full) => return Err(Reason::ReplayStoreFull),
            Err(_) => return Err(Reason::ReplayStoreUnavailable),
        };
        self.outcome.proof = Some(ProofFacts { key_thumbprint: thumbprint, replay_key, is_claimed });
        Ok(())
    }
}

/// Whether a cached record may be used: its key is still in its set, the set is fresh, and under this policy the token
/// is of the same kind. Everything else about it is checked on every request.
#[inline(always)]
fn still_stands(facts: &Facts<'_>, engine: &Engine, snapshot: &Snapshot, policy: &Policy, now: UnixSeconds) -> bool {
    let stale = || {
        let most = engine.document.source(facts.origin.as_usize()).and_then(|source| source.max_stale_seconds);
        let loaded = || snapshot.trust.set(facts.origin).map(crate::trust::KeySet::loaded_at);
        most.is_some_and(|most| loaded().is_none_or(|loaded| now > loaded.plus(most)))
    };
    // Without `kid` the policy and the other keys of the set decide which key is meant: asked again each time.
    let still_the_one = || {
        let single = token::takes_single_candidate(facts.kind, policy);
        let found = snapshot.trust.set(facts.origin).map(|set| set.find(None, facts.algorithm, single));
        matches!(found, Some(Ok(key)) if key.id() == facts.key)
    };
    let strict = facts.kind == TokenKind::JwtSvid && !policy.svid.ignore_unknown_headers;
    let kind = policy.kinds.resolve(facts.typ, facts.subject_bytes().starts_with(spiffe_id::PREFIX.as_bytes()));
    kind == Some(facts.kind)
        && policy.algorithms(facts.kind).contains(facts.algorithm)
        && snapshot.trust.key(facts.key).is_some()
        && !(facts.extra_parameters && strict)
        && (!facts.without_key_id || still_the_one())
        && !stale()
}

/// The URI that `htu` is compared to: under the policy's `origin`, or the host's absolute URI.
fn target<'r>(policy: &'r Policy, request: &Request<'r>) -> Result<TargetUri<'r>, Reason> {
    match &policy.origin {
        Some(origin) => TargetUri::with_origin(&origin.borrow(), request.uri),
        None => TargetUri::parse(request.uri),
    }
    .map_err(|fault| match fault {
        // A path alone, without a scheme in front and without an origin in the policy: the host has to say the rest.
        UriFault::Scheme if request.uri.starts_with(b"/") => Reason::RequestUnusable,
        // All else is the client's doing: its target, its Host. RFC 9449 §4.3 item 9: "The htu claim matches the HTTP URI value for the
        // HTTP request in which the JWT was received". What is no such value matches nothing.
        _ => Reason::ProofUriMismatch,
    })
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

//! A worker: the caches and buffers of one thread.

use alloc::boxed::Box;
use alloc::vec;

#[cfg(feature = "hot-keys")]
use crate::crypto::p256;
use crate::crypto::{SignatureVerifier, Verifiers};
use crate::engine::body::BodyFacts;
use crate::engine::engine::Engine;
use crate::engine::outcome::{Outcome, Source};
use crate::engine::state::TrustState;
use crate::jose::json::NameTable;
use crate::limits;
use crate::memory::hot_keys::{HotKeyCounts, HotKeys};
use crate::memory::inactive::InactiveTokens;
use crate::memory::proof_keys::ProofKeys;
use crate::memory::record_cache::RecordCache;
use crate::memory::{OutOfMemory, Zeroed};
use crate::record;
use crate::trust::EngineId;

/// The token cache, prepared keys and buffers of one thread.
///
/// [`decide`](Self::decide) is the one call on the path of a request. It allocates nothing: a worker allocates when it is made, when its first RSA
/// keys are prepared, and in [`grow`](Self::grow). The token cache holds verified tokens, not decisions, so each policy and each change of
/// keys or revocations applies to cached tokens too.
///
/// A worker is made for one engine and may be used with another, which costs it its cache. It can be sent to another thread; sharing one
/// between threads takes a lock.
///
/// # Examples
/// ```
/// use countersign::{CacheTier, Engine, PolicyDocument, Request, UnixSeconds, Worker};
/// # use countersign::Authority;
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
/// # let random = || [3_u64, 7];
/// # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, random());
/// # let mut trust_state = engine.empty_trust_state();
/// # let now = UnixSeconds::new(NOW);
/// # let example_org = engine.document().authority(&Authority::TrustDomain("example.org".into())).ok_or("unknown")?;
/// # engine.load(&mut trust_state, example_org, BUNDLE, now)?;
/// # let workloads = engine.document().policy("workloads").ok_or("unknown")?;
/// # let headers = [(b"authorization".as_slice(), AUTHORIZATION.as_bytes())];
/// # let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
///
/// let mut worker = Worker::new(&engine, random());
/// assert_eq!(worker.decide(&engine, &trust_state, workloads, &request).cache_tier(), CacheTier::Miss);
/// assert_eq!(worker.decide(&engine, &trust_state, workloads, &request).cache_tier(), CacheTier::Hit);
/// assert_eq!(worker.cached_tokens(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// For the token of each credential where one is encoded once more; none where the policy document has no such credential.
    pub(super) decoded: Box<[Box<[u8]>]>,
    /// Of the last decision.
    pub(crate) outcome: Outcome,
    /// The same, of the body of its request.
    pub(crate) body: Option<BodyFacts>,
}

/// A typical token with its record, to size the index of the token cache by.
const TYPICAL_ENTRY_BYTES: usize = 1024;

/// The initial size of a token cache that grows with use: some sixty tokens.
const FIRST_CACHE_BYTES: usize = 64 * 1024;

impl Worker {
    /// A worker for `engine`, with a token cache of `memory.token_cache_bytes` of its document.
    ///
    /// `seed` must come from a secure source of randomness: a client that knows it can choose tokens that collide in the caches.
    #[must_use]
    pub fn new(engine: &Engine, seed: [u64; 2]) -> Self {
        let token_cache = RecordCache::new(engine.document.token_cache_bytes(), TYPICAL_ENTRY_BYTES, seed);
        Self::with_caches(engine, token_cache, ProofKeys::new(seed, engine.backend), seed)
    }

    /// As [`new`](Self::new), for hosts that must not abort where the cache does not fit into memory: the token cache is in the zeroed bytes that
    /// `zeroed` returns. The other allocations are small and do not depend on the policy document.
    ///
    /// # Errors
    /// [`OutOfMemory`] if `zeroed` returns `None`.
    pub fn try_new(engine: &Engine, seed: [u64; 2], zeroed: Zeroed<'_>) -> Result<Self, OutOfMemory> {
        let bytes = engine.document.token_cache_bytes();
        let token_cache = RecordCache::try_new(bytes, TYPICAL_ENTRY_BYTES, seed, zeroed)?;
        Ok(Self::with_caches(engine, token_cache, ProofKeys::new(seed, engine.backend), seed))
    }

    /// As [`new`](Self::new), with small caches that [`grow`](Self::grow) to the size of the policy document: for hosts with many engines of which
    /// few are busy.
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
            decoded: rooms_for_decoded(engine),
            outcome: Outcome::default(),
            body: None,
        }
    }

    /// Delegates signature verification to `host` for every key and algorithm it [takes](SignatureVerifier::takes), unless a precomputed table
    /// exists for the key. The engine must have been made for these algorithms by [`Engine::with_host`].
    pub fn ask_host(&mut self, host: Box<dyn SignatureVerifier>) {
        self.hot_keys.ask(Verifiers::with_host(host));
    }

    /// Verifies signatures of P-256 keys with precomputed tables by `verify`, a function of the crate `countersign-cpu` with the same results
    /// and instructions of this processor. A table is used only after it agreed with the library by this function.
    #[cfg(feature = "hot-keys")]
    pub fn check_p256_by(&mut self, verify: p256::Verify) {
        self.hot_keys.check_p256_by(verify);
    }

    /// How many verified tokens are cached.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.token_cache.entries()
    }

    /// How many precomputed tables were built, rejected and dropped.
    #[must_use]
    pub const fn hot_keys(&self) -> HotKeyCounts {
        self.hot_keys.counts()
    }

    /// Builds tables for keys that are used often, for about `additions` point additions (some 0.3 µs each): for a moment in which no request
    /// waits. Otherwise decisions build them in small steps. Returns whether a table is still incomplete.
    pub fn build_tables(&mut self, additions: u32) -> bool {
        self.hot_keys.build(additions)
    }

    /// Enlarges the caches that dropped entries, if this worker was made by [`growing`](Self::growing) and the policy document allows more. Returns
    /// whether a cache was enlarged. Call it after a decision: it allocates and moves the cached entries.
    pub fn grow(&mut self) -> bool {
        let (token_cache, proofs) = (self.token_cache.grow(), self.proofs.grow());
        token_cache || proofs
    }

    /// Forgets the tokens of another engine, and makes room for as many credentials as this one's policies have.
    #[cold]
    pub(super) fn move_to(&mut self, engine: &Engine) {
        self.engine = engine.id;
        self.token_cache.clear();
        self.inactive = InactiveTokens::new(engine.document.introspects());
        self.decoded = rooms_for_decoded(engine);
        let missing = engine.document.most_credentials().saturating_sub(self.records.len());
        if missing == 0 {
            return;
        }
        let room = || vec![0; record::record_bytes(limits::TOKEN_BYTES)].into_boxed_slice();
        let records = core::mem::take(&mut self.records).into_vec();
        self.records = records.into_iter().chain((0..missing).map(|_| room())).collect();
    }

    /// The record of the credential at `place` in the policy, of the last decision.
    pub(super) fn record(&self, place: usize) -> Option<&[u8]> {
        let length = match (place.checked_sub(1), self.outcome.source) {
            (None, Some(Source::Cache(entry))) => return Some(self.token_cache.record(entry)),
            (None, Some(Source::Fresh(length))) => length,
            (None, None) => 0,
            (Some(other), _) => usize::from(*self.outcome.others.get(other)?),
        };
        if length == 0 { None } else { self.records.get(place)?.get(..length) }
    }
}

/// Room for tokens that are encoded once more where they are presented.
fn rooms_for_decoded(engine: &Engine) -> Box<[Box<[u8]>]> {
    let count = if engine.document.decodes() { engine.document.most_credentials() } else { 0 };
    (0..count).map(|_| vec![0; limits::TOKEN_BYTES].into()).collect()
}

// Threads share engines and trust states; a worker may move to another thread, with the host's verifier in it.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<TrustState>();
    shared::<Worker>();
};

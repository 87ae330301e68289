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
    /// For the token of each credential where one is encoded once more; none where the policy document has no such credential.
    pub(super) decoded: Box<[Box<[u8]>]>,
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
            decoded: rooms_for_decoded(engine),
            outcome: Outcome::default(),
            body: None,
        }
    }

    /// Has `host` check the signatures that it takes and that no table of ours answers for, in place of the library.
    pub fn ask_host(&mut self, host: Box<dyn SignatureVerifier>) {
        self.hot_keys.ask(Verifiers::with_host(host));
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

    /// Another engine's tokens are unknown here, and its policies may ask for more credentials.
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

// What threads share and what each of them has may lie anywhere: a host's own check of signatures in it, too.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<TrustState>();
    shared::<Worker>();
};

//! Which proofs were used: fixed memory, one atomic step a claim, no lock, no sweep, shared by threads and processes.
//!
//! RFC 9449 §11.1 lets a server store the `jti` of each proof for the time in which the proof would be accepted, so that it
//! is used once. This is that store. It answers who was *first*; signature, window and binding of the proof
//! are checked before. It holds no target URI: a `jti` used for two URIs counts as replayed.
//!
//! # What one client can do to the others
//!
//! The more proofs a key has in the store, the more room it must leave, and a key without a proof in a bucket may take the last slot there. So
//! one key has at most 103 of the 126 slots of each bucket, which is 1.6 times what the store is planned for, and is refused itself beyond
//! ([`FirstUse::OverShare`]). Several keys that send without end leave less, as `replay/protocol.rs` has it: two at least 15 slots, ten at least 5. Fifteen can
//! fill the store. A proof is judged only with a token that is bound to its key, so the issuer of the tokens decides how many keys a client has.
//!
//! How it works and why it is right: `replay/protocol.rs`; how others join it: `replay/header.rs`; its memory orders: `replay/atomic.rs`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::AtomicU64;

pub use self::bucket::{Bucket, Buckets, buckets_for};
pub use self::header::AttachError;
use self::header::{FLOOR_AT, HEADER_WORDS};
use self::protocol::{Bucketed, EMPTY, Entry, KEY_BITS, PROOF_BITS, Word, record_use_in, was_used_in};
pub use self::protocol::{FirstUse, ReplayWindow};
pub use self::state::ReplayState;
use self::state::Survey;
pub use self::store::{Replay, ReplayError};
use crate::memory::OutOfMemory;
use crate::time::UnixSeconds;

mod atomic;
mod bucket;
mod header;
mod protocol;
mod state;
mod store;

/// The set of used proofs, over memory of the caller (`&[AtomicU64]`, shared memory too) or of its own (`Box<[AtomicU64]>`).
pub struct ReplayStore<S> {
    words: S,
    window: ReplayWindow,
    seed: [u64; 2],
    buckets: usize,
}

impl ReplayStore<Box<[AtomicU64]>> {
    /// A store with memory of its own, planned for `live_proofs`; see [`ReplayWindow::seconds_of_room`].
    #[must_use]
    pub fn new(live_proofs: usize, window: ReplayWindow, seed: [u64; 2]) -> Self {
        let words = (0..replay_store_words(live_proofs)).map(|_| AtomicU64::new(EMPTY)).collect();
        Self::within(words, window, seed)
    }

    /// As [`new`](Self::new), for hosts that go on without memory.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(live_proofs: usize, window: ReplayWindow, seed: [u64; 2]) -> Result<Self, OutOfMemory> {
        let (count, mut words) = (replay_store_words(live_proofs), Vec::new());
        words.try_reserve_exact(count).map_err(|_| OutOfMemory)?;
        words.extend((0..count).map(|_| AtomicU64::new(EMPTY)));
        Ok(Self::within(words.into(), window, seed))
    }

    fn within(words: Box<[AtomicU64]>, window: ReplayWindow, seed: [u64; 2]) -> Self {
        let buckets = buckets_in(words.len());
        header::write(&words, window, seed);
        Self { words, window, seed, buckets }
    }
}

impl<S: AsRef<[AtomicU64]>> ReplayStore<S> {
    /// Takes over memory for a new, empty store. No other thread or process may use the memory until this returns.
    ///
    /// `seed` must not be known to clients: it keeps them from aiming at one bucket.
    ///
    /// An empty store does not know the proofs that were used before it was made: see [`refuse_until`](Self::refuse_until).
    ///
    /// # Errors
    ///
    /// [`AttachError::TooSmall`] if there is not room for one bucket.
    pub fn initialise(words: S, window: ReplayWindow, seed: [u64; 2]) -> Result<Self, AttachError> {
        let slice = words.as_ref();
        let buckets = buckets_in(slice.len());
        if buckets == 0 {
            return Err(AttachError::TooSmall);
        }
        header::initialise(slice, window, seed);
        Ok(Self { words, window, seed, buckets })
    }

    /// Joins a store that was initialised before, here or in another process.
    ///
    /// It keeps its own window and seed; its window must cover `needed`.
    ///
    /// # Errors
    ///
    /// Whatever keeps these words from being such a store.
    pub fn attach(words: S, needed: ReplayWindow) -> Result<Self, AttachError> {
        let slice = words.as_ref();
        let buckets = buckets_in(slice.len());
        if buckets == 0 {
            return Err(AttachError::TooSmall);
        }
        let (window, seed) = header::read(slice, needed)?;
        Ok(Self { words, window, seed, buckets })
    }

    /// Claims a proof for one use.
    ///
    /// The first 16 bytes of `proof` name the key of the proof, the others the proof: halves of the key's thumbprint and of a
    /// SHA-256 over (thumbprint, `jti`), keyed or not; never over signature bytes, of which one
    /// proof has several forms. `issued_at` is its `iat`. Clocks of several callers may differ.
    ///
    /// Two proofs of one key that share a `jti` and differ in `iat` are two proofs made by that key; the second is
    /// refused while the first is remembered, but of two at the same instant both may win.
    #[inline]
    pub fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> FirstUse {
        let ReplayWindow { max_age_seconds, future_seconds } = self.window;
        if issued_at > now.plus(future_seconds.into()) || now > issued_at.plus(max_age_seconds.into()) {
            return FirstUse::Unknowable;
        }
        let (bucket, fingerprint) = place(self.seed, self.buckets, proof);
        let words = self.words.as_ref();
        let (Some(floor), Some(bucket)) = (words.get(FLOOR_AT), bucket_in(words, bucket)) else {
            return FirstUse::Full;
        };
        record_use_in(floor.read(), &bucket, &Entry::new(fingerprint, issued_at.as_u64(), self.window))
    }

    /// Whether a claim of `proof` won and is remembered; claims nothing. `issued_at` as for [`record_use`](Self::record_use).
    #[must_use]
    pub fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> bool {
        let (bucket, fingerprint) = place(self.seed, self.buckets, proof);
        let entry = Entry::new(fingerprint, issued_at.as_u64(), self.window);
        bucket_in(self.words.as_ref(), bucket).is_some_and(|bucket| was_used_in(&bucket, &entry))
    }

    /// Refuses every proof made up to `moment` by the fastest clock we accept, for good.
    ///
    /// For a store that starts empty at `moment` in place of one that is lost: a proof accepted by the old one has `iat <= moment +
    /// future`, so none of them passes the new one. The price is that true proofs of the first `future`
    /// seconds have to be made again.
    pub fn refuse_until(&self, moment: UnixSeconds) {
        let floor = moment.plus(self.window.future_seconds.into()).plus(1);
        if let Some(word) = self.words.as_ref().get(FLOOR_AT) {
            word.raise(floor.as_u64());
        }
    }

    /// Proofs with an `iat` before this are refused as [`FirstUse::Unknowable`], in all buckets: see [`refuse_until`](Self::refuse_until).
    #[must_use]
    pub fn floor(&self) -> UnixSeconds {
        UnixSeconds::new(self.words.as_ref().get(FLOOR_AT).map_or(0, Word::read))
    }

    /// The window this store was made for.
    #[must_use]
    pub fn window(&self) -> ReplayWindow {
        self.window
    }

    /// How many proofs the store can hold at once; plan for half of it.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.buckets * SLOTS
    }

    /// How many proofs take room at `now`. It reads the whole store: for diagnosis, not for requests.
    #[must_use]
    pub fn live_proofs(&self, now: UnixSeconds) -> usize {
        self.survey(1, now).state(self.buckets).live_proofs
    }

    /// How full the store is and what it refuses at `now`, for gauges and logs. It reads at most 4,096 buckets (4 MiB), evenly chosen: of a larger
    /// store the numbers are estimates, as good as one in a hundred.
    #[must_use]
    pub fn state(&self, now: UnixSeconds) -> ReplayState {
        self.survey(self.buckets.div_ceil(Survey::BUCKETS).max(1), now).state(self.buckets)
    }

    fn survey(&self, step: usize, now: UnixSeconds) -> Survey {
        let words = self.words.as_ref();
        let mut survey = Survey::new(self.window, self.floor(), now);
        for bucket in (0..self.buckets).step_by(step) {
            if let Some(bucket) = bucket_in(words, bucket) {
                survey.add(&bucket);
            }
        }
        survey
    }
}

impl<S> fmt::Debug for ReplayStore<S> {
    /// Without the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayStore")
            .field("window", &self.window)
            .field("buckets", &self.buckets)
            .finish_non_exhaustive()
    }
}

/// How many words a store for `live_proofs` needs: a little more than 16 bytes for each, rounded up to whole buckets of 1 KiB, and 64 bytes.
#[must_use]
pub const fn replay_store_words(live_proofs: usize) -> usize {
    buckets_for(live_proofs).saturating_mul(BUCKET_WORDS).saturating_add(HEADER_WORDS)
}

fn buckets_in(words: usize) -> usize {
    words.saturating_sub(HEADER_WORDS) / BUCKET_WORDS
}

/// The bucket of this index: its floor, its interval, its slots.
#[inline]
fn bucket_in<W: Word>(words: &[W], index: usize) -> Option<Bucketed<'_, W>> {
    let start = HEADER_WORDS + index * BUCKET_WORDS;
    match words.get(start..start + BUCKET_WORDS)? {
        [floor, interval, slots @ ..] => Some(Bucketed { floor, interval, slots }),
        _ => None,
    }
}

/// The proof's bucket and its fingerprint there.
///
/// The key's part of the fingerprint is another one in each bucket: two keys that are alike in one are not in the next.
#[inline]
fn place([s0, s1]: [u64; 2], buckets: usize, proof: &[u8; 32]) -> (usize, u64) {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(proof.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let [k0, k1, p0, p1] = words;
    let bucket = ((u128::from(fold(p0 ^ s0, p1 ^ s1)) * buckets as u128) >> 64) as usize;
    let of_bucket = (bucket as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = fold(k0 ^ s1, k1 ^ s0 ^ of_bucket) >> (64 - KEY_BITS);
    // Zero means "never used".
    let proof = (fold(p0 ^ s1, p1 ^ s0) >> (64 - PROOF_BITS)).max(1);
    (bucket, key << PROOF_BITS | proof)
}

/// Both halves of a product, mixed.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Slots in one bucket: all that are used are read by each claim, so that a bucket planned half full practically never overflows.
pub const SLOTS: usize = BUCKET_WORDS - 2;

/// Words in one bucket: 1 KiB.
const BUCKET_WORDS: usize = 128;

#[cfg(test)]
mod tests;

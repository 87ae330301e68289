//! Which proofs were used: fixed memory, one atomic step a claim, no lock, no sweep, shared by threads and processes.
//!
//! RFC 9449 §11.1 lets a server store the `jti` of each proof for the time in which the proof would be accepted, so that it
//! is used once. This is that store. It answers who was *first*; signature, window and binding of the proof
//! are checked before. It holds no target URI: a `jti` used for two URIs counts as replayed.
//!
//! How it works and why it is right: `replay/protocol.rs`; how others join it: `replay/header.rs`; its memory orders: `replay/atomic.rs`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::AtomicU64;

pub use self::bucket::{Bucket, Buckets, buckets_for};
pub use self::header::AttachFault;
use self::header::{FLOOR_AT, HEADER_WORDS};
pub use self::protocol::{Claim, Window};
use self::protocol::{EMPTY, Entry, TIME_BITS, Word, claim_in, units_since_death};
pub use self::store::{Replay, ReplayUnavailable};
use crate::memory::OutOfMemory;
use crate::time::UnixSeconds;

mod atomic;
mod bucket;
mod header;
mod protocol;
mod store;

/// The set of used proofs, over memory of the caller (`&[AtomicU64]`, shared memory too) or of its own (`Box<[AtomicU64]>`).
pub struct ReplayStore<S> {
    words: S,
    window: Window,
    seed: [u64; 2],
    buckets: usize,
}

impl ReplayStore<Box<[AtomicU64]>> {
    /// A store with memory of its own, planned for `live_proofs`; see [`Window::seconds_of_room`].
    #[must_use]
    pub fn new(live_proofs: usize, window: Window, seed: [u64; 2]) -> Self {
        let words = (0..required_words(live_proofs)).map(|_| AtomicU64::new(EMPTY)).collect();
        Self::within(words, window, seed)
    }

    /// As [`new`](Self::new), for hosts that go on without memory.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(live_proofs: usize, window: Window, seed: [u64; 2]) -> Result<Self, OutOfMemory> {
        let (count, mut words) = (required_words(live_proofs), Vec::new());
        words.try_reserve_exact(count).map_err(|_| OutOfMemory)?;
        words.extend((0..count).map(|_| AtomicU64::new(EMPTY)));
        Ok(Self::within(words.into(), window, seed))
    }

    fn within(words: Box<[AtomicU64]>, window: Window, seed: [u64; 2]) -> Self {
        let buckets = buckets_in(words.len());
        header::write(&words, window, seed);
        Self { words, window, seed, buckets }
    }
}

impl<S: AsRef<[AtomicU64]>> ReplayStore<S> {
    /// Takes over memory for a new, empty store. Nobody else may use the memory until this returns.
    ///
    /// `seed` must not be known to clients: it keeps them from aiming at one bucket.
    ///
    /// An empty store does not know what was claimed before it was made: see [`refuse_until`](Self::refuse_until).
    ///
    /// # Errors
    ///
    /// [`AttachFault::TooSmall`] if there is not room for one bucket.
    pub fn initialise(words: S, window: Window, seed: [u64; 2]) -> Result<Self, AttachFault> {
        let slice = words.as_ref();
        let buckets = buckets_in(slice.len());
        if buckets == 0 {
            return Err(AttachFault::TooSmall);
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
    pub fn attach(words: S, needed: Window) -> Result<Self, AttachFault> {
        let slice = words.as_ref();
        let buckets = buckets_in(slice.len());
        if buckets == 0 {
            return Err(AttachFault::TooSmall);
        }
        let (window, seed) = header::read(slice, needed)?;
        Ok(Self { words, window, seed, buckets })
    }

    /// Claims a proof for one use.
    ///
    /// `digest` is a SHA-256 over (thumbprint of the proof's key, `jti`), keyed or not; never over signature bytes, of which one
    /// proof has several forms. `issued_at` is its `iat`. Clocks of several callers may differ.
    ///
    /// Two proofs of one key that share a `jti` and differ in `iat` are two proofs made by that key; the second is
    /// refused while the first is remembered, but of two at the same instant both may win.
    #[inline]
    pub fn claim(&self, digest: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Claim {
        let Window { max_age_seconds, future_seconds } = self.window;
        if issued_at > now.plus(future_seconds.into()) || now > issued_at.plus(max_age_seconds.into()) {
            return Claim::Unknowable;
        }
        let (bucket, fingerprint) = place(self.seed, self.buckets, digest);
        let bucket = HEADER_WORDS + bucket * SLOTS;
        let slots = self.words.as_ref();
        let Some(floor) = slots.get(FLOOR_AT) else {
            return Claim::Full;
        };
        let Some(bucket) = slots.get(bucket..bucket + SLOTS) else {
            return Claim::Full;
        };
        claim_in(floor, bucket, &Entry::new(fingerprint, issued_at.as_u64(), self.window))
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

    /// Proofs with an `iat` before this are refused as [`Claim::Unknowable`].
    #[must_use]
    pub fn floor(&self) -> UnixSeconds {
        UnixSeconds::new(self.words.as_ref().get(FLOOR_AT).map_or(0, Word::read))
    }

    /// The window this store was made for.
    #[must_use]
    pub fn window(&self) -> Window {
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
        let cutoff = now.as_u64() >> self.window.unit_shift();
        let slots = self.words.as_ref().get(HEADER_WORDS..).unwrap_or_default();
        slots.iter().filter(|slot| units_since_death(slot.read(), cutoff).is_none()).count()
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

/// How many words a store for `live_proofs` needs: 16 bytes for each, rounded up to whole buckets, and 64 bytes.
#[must_use]
pub const fn required_words(live_proofs: usize) -> usize {
    let buckets = live_proofs.saturating_mul(2).div_ceil(SLOTS);
    let buckets = if buckets == 0 { 1 } else { buckets };
    buckets.saturating_mul(SLOTS).saturating_add(HEADER_WORDS)
}

fn buckets_in(words: usize) -> usize {
    words.saturating_sub(HEADER_WORDS) / SLOTS
}

/// The digest's bucket and its fingerprint: two hashes of different halves.
#[inline]
fn place([s0, s1]: [u64; 2], buckets: usize, digest: &[u8; 32]) -> (usize, u64) {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let [w0, w1, w2, w3] = words;
    let bucket = (u128::from(fold(w0 ^ s0, w1 ^ s1)) * buckets as u128) >> 64;
    // Zero means "never used".
    let fingerprint = (fold(w2 ^ s1, w3 ^ s0) >> TIME_BITS).max(1);
    (bucket as usize, fingerprint)
}

/// Both halves of a product, mixed.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Slots in one bucket: all are read by each claim, so that a bucket planned half full practically never overflows.
pub const SLOTS: usize = 128;

#[cfg(test)]
mod tests;

//! Which proofs were used: fixed memory, one atomic step a claim, no lock, no sweep, shared by threads and processes.
//!
//! RFC 9449 §11.1: "the server \[can\] store, in the context of the target URI, the jti value of each DPoP proof for the time
//! window in which the respective DPoP proof JWT would be accepted". This is that store. It answers who was *first*; signature,
//! window and binding of the proof are checked before. It holds no target URI: a `jti` used for two URIs counts as replayed.
//!
//! # The protocol
//!
//! A proof with `iat = i` is accepted while `i - F <= now <= i + A` (`F`: how far ahead of us its clock may be, `A`: how old it may
//! get, see [`Window`]). So it is dead from `E(i) = i + A + 1` on. A slot is one word, a 48-bit fingerprint and 16 bits of `E`. The
//! digest chooses a bucket of [`SLOTS`] slots. A claim
//!
//! 1. reads every slot of the bucket. A slot is *free for this proof* if it was never used or if its `E <= i - F`. A slot
//!    that is not free and has the proof's fingerprint means [`Claim::Replayed`];
//! 2. then reads the *floor*. `i` below it means [`Claim::Unknowable`];
//! 3. takes the first free slot: if an old entry lies there, raises the floor so that it is above the `i` of that entry;
//!    then compares and exchanges the word. Success is [`Claim::First`]; otherwise again from 1.
//!    No free slot is [`Claim::Full`].
//!
//! # Why exactly one claim of a proof can win
//!
//! *Free* depends on the word and on the proof's own `i`, never on a clock, so all claims of one proof `P` judge one word
//! alike, however far their clocks are apart. An entry is only ever replaced by one with `E <= i' - F < E'`, so **a slot
//! only gets younger: once not free for `P`, it never is again.** Suppose two claims of `P` both win, in slots `a` and `b` of the
//! scanning order.
//!
//! - `a = b`: the later exchange replaced a word at least as young as `P` itself, which is not free for `P`. Contradiction.
//! - `a` before `b`: the winner of `b` passed over `a`, so it read a word not free for `P` there. What stood there until `P`
//!   was free for `P`, so it read `P`, and did not win, or something that replaced `P`. Who replaces `P` raises the floor
//!   above `i` first and exchanges with release; the scan ends in an acquire fence, so step 2 saw that floor. Contradiction.
//!
//! That step 1 does not stop at the first free slot, and that step 2 comes after it, makes a replay fail even if
//! clocks jump by days in between: its entry is still there and is read, or it was replaced and the floor says so.
//!
//! With a clock that never goes back the floor refuses no proof: raised by a proof `i'` at `now'` it is at most
//! `i' - F - A <= now' - A`, and a proof that is accepted has `i >= now - A`. After `+2 h` and `-2 h` it refuses what the store may
//! have forgotten.
//!
//! # Sixteen bits of time
//!
//! `E` is stored in units of `2^k` seconds, rounded up, with `k` such that `A + F` is 16 to 31 units (or the unit one
//! second). Modulo 2^16 an entry counts as not free while its `E` is within [`REACH`] units after `i - F`, which is more than a hundred times what
//! a live entry needs; the rest of the circle is the past. So the argument above needs clocks of all who share the
//! store to agree within `REACH` units, hours at least. And an entry left untouched for nearly the whole circle (2^16 units: three
//! days for a window of 65 s) looks alive again for at most `REACH` units: it then takes room, and nothing else.
//!
//! # Death at any instruction
//!
//! A claim writes twice, each write atomic. Dead before the first: nothing happened. Between them: the floor is above an
//! entry that is dead anyway. After the second: the proof counts as used although nobody was answered; its
//! sender has to make a new one.
//!
//! # False alarms
//!
//! Two different proofs look the same with at most [`SLOTS`] · 2^-48 = 4.5 · 10^-13 a claim. Filled as planned (half), a bucket lacks a
//! free slot for one claim in 10^13.

use alloc::boxed::Box;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::time::UnixSeconds;

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// Nobody claimed this proof before, and nobody will again.
    First,
    /// The proof was used before.
    Replayed,
    /// Nobody can know: the proof is from before what the store remembers (see [`ReplayStore::refuse_until`] and
    /// clocks that go back), or it lies outside the window. A fresh proof helps.
    Unknowable,
    /// All room is taken by proofs that could still be replayed. Nothing was stored. This is our fault, not the client's.
    Full,
}

/// In which time around its `iat` a proof is accepted: the widest of all policies that share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How old a proof may be, leeway included.
    pub max_age_seconds: u32,
    /// How far in the future its `iat` may lie, leeway included.
    pub future_seconds: u32,
}

impl Window {
    /// Whether every proof that `other` accepts is accepted by this one too.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.max_age_seconds >= other.max_age_seconds && self.future_seconds >= other.future_seconds
    }

    /// For how long a proof takes room once claimed, at most; a store for `rate` proofs a second needs room for
    /// `rate` times this.
    #[must_use]
    pub const fn seconds_of_room(self) -> u64 {
        self.span_seconds() + self.future_seconds as u64 + (2 << self.unit_shift())
    }

    const fn span_seconds(self) -> u64 {
        self.max_age_seconds as u64 + self.future_seconds as u64
    }

    const fn unit_shift(self) -> u32 {
        match (self.span_seconds() / 16).checked_ilog2() {
            Some(shift) => shift,
            None => 0,
        }
    }
}

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
        let words: Box<[AtomicU64]> = (0..required_words(live_proofs)).map(|_| AtomicU64::new(EMPTY)).collect();
        let buckets = buckets_in(words.len());
        let store = Self { words, window, seed, buckets };
        store.write_header();
        store
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
        // A process that dies in here leaves memory that nobody can attach to.
        for word in slice {
            word.store(EMPTY, Ordering::SeqCst);
        }
        let store = Self { words, window, seed, buckets };
        store.write_header();
        Ok(store)
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
        let read = |at: usize| slice.get(at).map_or(0, |word| word.load(Ordering::Acquire));
        match read(MAGIC_AT) {
            MAGIC => {}
            other if other >> 16 == MAGIC >> 16 => return Err(AttachFault::OtherVersion),
            _ => return Err(AttachFault::NotInitialised),
        }
        if read(LENGTH_AT) != slice.len() as u64 {
            return Err(AttachFault::OtherSize);
        }
        let window = read(WINDOW_AT);
        let window = Window { max_age_seconds: (window >> 32) as u32, future_seconds: window as u32 };
        if !window.covers(needed) {
            return Err(AttachFault::WindowTooNarrow);
        }
        let seed = [read(SEED_AT), read(SEED_AT + 1)];
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
        let (bucket, fingerprint) = self.place(digest);
        let slots = self.words.as_ref();
        let Some(floor) = slots.get(FLOOR_AT) else { return Claim::Full };
        let Some(bucket) = slots.get(bucket..bucket + SLOTS) else { return Claim::Full };
        claim_in(floor, bucket, &Entry::new(fingerprint, issued_at, self.window))
    }

    /// Refuses every proof made up to `moment` by the fastest clock we accept, for good.
    ///
    /// For a store that starts empty at `moment` in place of one that is lost: a proof accepted by the old one has `iat <= moment +
    /// future`, so none of them passes the new one. The price is that true proofs of the first `future`
    /// seconds have to be made again.
    pub fn refuse_until(&self, moment: UnixSeconds) {
        let floor = moment.plus(self.window.future_seconds.into()).plus(1);
        if let Some(word) = self.words.as_ref().get(FLOOR_AT) {
            word.fetch_max(floor.as_u64(), Ordering::AcqRel);
        }
    }

    /// Proofs with an `iat` before this are refused as [`Claim::Unknowable`].
    #[must_use]
    pub fn floor(&self) -> UnixSeconds {
        UnixSeconds::new(self.words.as_ref().get(FLOOR_AT).map_or(0, |word| word.load(Ordering::Acquire)))
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
        slots.iter().filter(|slot| units_since_death(slot.load(Ordering::Relaxed), cutoff).is_none()).count()
    }

    /// Where the digest's bucket begins, and its fingerprint: two hashes of different halves.
    #[inline]
    fn place(&self, digest: &[u8; 32]) -> (usize, u64) {
        let [s0, s1] = self.seed;
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        let [w0, w1, w2, w3] = words;
        let bucket = (u128::from(fold(w0 ^ s0, w1 ^ s1)) * self.buckets as u128) >> 64;
        // Zero means "never used".
        let fingerprint = (fold(w2 ^ s1, w3 ^ s0) >> 16).max(1);
        (HEADER_WORDS + bucket as usize * SLOTS, fingerprint)
    }

    /// Writes the header, the word that makes it valid last.
    fn write_header(&self) {
        let words = self.words.as_ref();
        let window = u64::from(self.window.max_age_seconds) << 32 | u64::from(self.window.future_seconds);
        let [s0, s1] = self.seed;
        for (at, value) in [
            (LENGTH_AT, words.len() as u64),
            (WINDOW_AT, window),
            (SEED_AT, s0),
            (SEED_AT + 1, s1),
            (FLOOR_AT, 0),
            (MAGIC_AT, MAGIC),
        ] {
            if let Some(word) = words.get(at) {
                word.store(value, Ordering::Release);
            }
        }
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

/// Why memory cannot serve as a replay store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachFault {
    /// Fewer words than [`required_words`] asks for one proof.
    TooSmall,
    /// Nobody initialised it, or not to the end.
    NotInitialised,
    /// It was initialised by a version with another layout.
    OtherVersion,
    /// It was initialised with another number of words.
    OtherSize,
    /// A policy accepts proofs for longer than the store remembers them.
    WindowTooNarrow,
}

impl fmt::Display for AttachFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "the memory is too small for a replay store",
            Self::NotInitialised => "the memory holds no replay store",
            Self::OtherVersion => "the replay store has the layout of another version",
            Self::OtherSize => "the replay store was initialised with another size",
            Self::WindowTooNarrow => "the replay store forgets proofs while a policy still accepts them",
        })
    }
}

impl core::error::Error for AttachFault {}

/// The atomic word the protocol runs on: the processor's, or one of a model checker.
trait Word {
    /// Relaxed.
    fn read(&self) -> u64;
    /// Relaxed; ordered by the `exchange` after it.
    fn raise(&self, floor: u64);
    /// Acquire and release, never failing without cause.
    fn exchange(&self, old: u64, new: u64) -> bool;
    /// Makes visible what was written before the words that were read so far.
    fn acquire();
}

impl Word for AtomicU64 {
    #[inline]
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
    #[inline]
    fn raise(&self, floor: u64) {
        self.fetch_max(floor, Ordering::Relaxed);
    }
    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    #[inline]
    fn acquire() {
        fence(Ordering::Acquire);
    }
}

/// A proof as its slot sees it.
#[derive(Clone, Copy)]
struct Entry {
    word: u64,
    issued_at: u64,
    /// `i - F` in units, rounded down: a slot with this `E` or an earlier one is free.
    cutoff: u64,
    max_age_seconds: u64,
    unit_shift: u32,
}

impl Entry {
    #[inline]
    fn new(fingerprint: u64, issued_at: UnixSeconds, window: Window) -> Self {
        let unit_shift = window.unit_shift();
        let dead_from = issued_at.plus(u64::from(window.max_age_seconds) + 1);
        let dead_from_units = dead_from.plus((1 << unit_shift) - 1).as_u64() >> unit_shift;
        Self {
            word: fingerprint << 16 | dead_from_units & 0xffff,
            issued_at: issued_at.as_u64(),
            cutoff: issued_at.minus(window.future_seconds.into()).as_u64() >> unit_shift,
            max_age_seconds: window.max_age_seconds.into(),
            unit_shift,
        }
    }

    #[inline]
    fn is_free(&self, word: u64) -> bool {
        units_since_death(word, self.cutoff).is_some()
    }

    #[inline]
    fn is_in(&self, word: u64) -> bool {
        (word ^ self.word) >> 16 == 0 && !self.is_free(word)
    }

    /// The floor that refuses every proof with the `E` of `word`, which is free, and none with a later one.
    ///
    /// `i` has that `E` or an earlier one (in units `u`) exactly if `i + A + 1 <= E·u`, which is `i < E·u - A`.
    #[inline]
    fn floor_above(&self, word: u64) -> u64 {
        let dead_from_units = self.cutoff.saturating_sub(units_since_death(word, self.cutoff).unwrap_or(0));
        (dead_from_units << self.unit_shift).saturating_sub(self.max_age_seconds)
    }
}

/// How long the entry is dead at `cutoff`, or `None` if it is not; an unused slot is dead forever.
#[inline]
fn units_since_death(word: u64, cutoff: u64) -> Option<u64> {
    let units = cutoff.wrapping_sub(word) & 0xffff;
    (units < (1 << 16) - REACH || word == EMPTY).then_some(units)
}

/// One claim, by the three steps at the top of this file.
#[inline]
fn claim_in<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
    // Each failed exchange means that a slot was taken, and stays so for this proof: more turns than slots never happen.
    for _ in 0..=bucket.len() {
        let mut free = None;
        for slot in bucket {
            let word = slot.read();
            if entry.is_in(word) {
                return Claim::Replayed;
            }
            if free.is_none() && entry.is_free(word) {
                free = Some((slot, word));
            }
        }
        W::acquire();
        let lowest = floor.read();
        if entry.issued_at < lowest {
            return Claim::Unknowable;
        }
        let Some((slot, word)) = free else { return Claim::Full };
        if word != EMPTY {
            let above = entry.floor_above(word);
            // Whoever reads our word sees what we saw: a floor read this high needs no raising.
            if above > lowest {
                floor.raise(above);
            }
        }
        if slot.exchange(word, entry.word) {
            return Claim::First;
        }
    }
    Claim::Full
}

fn buckets_in(words: usize) -> usize {
    words.saturating_sub(HEADER_WORDS) / SLOTS
}

/// Both halves of a product, mixed.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Slots in one bucket: all are read by each claim, so that a bucket planned half full practically never overflows.
pub const SLOTS: usize = 128;

/// How many units after `i - F` an entry may die and be told from the past; a live one needs at most 67.
const REACH: u64 = 1 << 13;

/// A word never written; no entry equals it, because fingerprints are not zero.
const EMPTY: u64 = 0;

/// One cache line before the buckets.
const HEADER_WORDS: usize = 8;
const MAGIC_AT: usize = 0;
const LENGTH_AT: usize = 1;
/// `max_age_seconds` in the high half, `future_seconds` in the low one.
const WINDOW_AT: usize = 2;
const SEED_AT: usize = 3;
/// Alone among the words of the header it changes.
const FLOOR_AT: usize = 5;

/// `csrply` and the version of the layout.
const MAGIC: u64 = 0x6373_7270_6c79_0001;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

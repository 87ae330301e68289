//! One claim: the steps, and why they are right. Plain numbers and one trait, so that model checkers run this very file.
//!
//! # The protocol
//!
//! A proof with `iat = i` is accepted while `i - F <= now <= i + A` (`F`: how far ahead of us its clock may be, `A`: how old it may
//! get, see [`Window`]). So it is dead from `E(i) = i + A + 1` on. A slot is one word, a 46-bit fingerprint and 18 bits of `E`. The
//! digest chooses a bucket of [`SLOTS`](super::SLOTS) slots. A claim
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
//! `i' - F - A <= now' - A`, and a proof that is accepted has `i >= now - A`. (Clocks
//! of two workers that differ by a second cost a proof the last second of its life.) After `+2 h` and `-2 h` it refuses what the store may
//! have forgotten.
//!
//! # Eighteen bits of time
//!
//! `E` is stored in units of `2^k` seconds, rounded up, with `k` such that `A + F` is 16 to 31 units (or the unit one
//! second), modulo 2^18. An entry counts as not free while its `E` lies within [`REACH`] units after `i - F`, a hundred times
//! what live entries need; the rest of the circle is the past. Two limits follow.
//!
//! - Everything above holds while the clocks of all claims, now and later, agree within `REACH` units: 9 hours for `A + F = 65`, never
//!   under 2. Further ahead, what was used there and written over after the way back may pass once more
//!   when that time comes again.
//! - An entry left untouched for nearly the whole circle (12 days for `A + F = 65`) looks alive again for at most `REACH` units. It
//!   then takes room, and nothing else.
//!
//! # Death at any instruction
//!
//! A claim writes twice, each write atomic. Dead before the first: nothing happened. Between them: the floor is above an
//! entry that is dead anyway. After the second: the proof counts as used although nobody was answered; its
//! sender has to make a new one.
//!
//! # False alarms
//!
//! Two different proofs look the same with at most [`SLOTS`](super::SLOTS) · 2^-46 = 1.8 · 10^-12 a claim. Filled as planned (half), a bucket lacks a
//! free slot for fewer than one claim in 10^13.

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// Nobody claimed this proof before, and nobody will again.
    First,
    /// The proof was used before.
    Replayed,
    /// Nobody can know: the proof is from before what the store remembers (see [`ReplayStore::refuse_until`](super::ReplayStore::refuse_until) and
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

    pub(super) const fn unit_shift(self) -> u32 {
        match (self.span_seconds() / 16).checked_ilog2() {
            Some(shift) => shift,
            None => 0,
        }
    }
}

/// The word the protocol runs on: atomic, with the memory orders of `atomic.rs`, or one of a copy that no other thread sees.
pub(super) trait Word {
    /// May show an old value, but none older than this thread has seen.
    fn read(&self) -> u64;
    /// Makes the word at least `floor`, in one step.
    fn raise(&self, floor: u64);
    /// Whether the word was `old` and is now `new`, in one step; never fails without cause. A thread that reads `new` and then calls
    /// `acquire` sees what this one read and wrote before.
    fn exchange(&self, old: u64, new: u64) -> bool;
    /// Makes visible what was written before the exchanges whose words were read so far.
    fn acquire();
}

/// A proof as its slot sees it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) word: u64,
    pub(super) issued_at: u64,
    /// `i - F` in units, rounded down: a slot with this `E` or an earlier one is free.
    pub(super) cutoff: u64,
    max_age_seconds: u64,
    unit_shift: u32,
}

impl Entry {
    #[inline]
    pub(super) fn new(fingerprint: u64, issued_at: u64, window: Window) -> Self {
        let unit_shift = window.unit_shift();
        let dead_from = issued_at.saturating_add(u64::from(window.max_age_seconds) + 1);
        let dead_from_units = dead_from.saturating_add((1 << unit_shift) - 1) >> unit_shift;
        Self {
            word: fingerprint << TIME_BITS | dead_from_units & TIME_MASK,
            issued_at,
            cutoff: issued_at.saturating_sub(window.future_seconds.into()) >> unit_shift,
            max_age_seconds: window.max_age_seconds.into(),
            unit_shift,
        }
    }

    #[inline]
    pub(super) fn is_free(&self, word: u64) -> bool {
        units_since_death(word, self.cutoff).is_some()
    }

    #[inline]
    pub(super) fn is_in(&self, word: u64) -> bool {
        (word ^ self.word) >> TIME_BITS == 0 && !self.is_free(word)
    }

    /// The floor that refuses every proof with the `E` of `word`, which is free, and none with a later one.
    ///
    /// `i` has that `E` or an earlier one (in units `u`) exactly if `i + A + 1 <= E·u`, which is `i < E·u - A`.
    #[inline]
    pub(super) fn floor_above(&self, word: u64) -> u64 {
        let dead_from_units = self.cutoff.saturating_sub(units_since_death(word, self.cutoff).unwrap_or(0));
        (dead_from_units << self.unit_shift).saturating_sub(self.max_age_seconds)
    }
}

/// How long the entry is dead at `cutoff`, or `None` if it is not; an unused slot is dead forever.
#[inline]
pub(super) fn units_since_death(word: u64, cutoff: u64) -> Option<u64> {
    let units = cutoff.wrapping_sub(word) & TIME_MASK;
    (units < (1 << TIME_BITS) - REACH || word == EMPTY).then_some(units)
}

/// One claim, by the three steps at the top of this file.
#[inline]
pub(super) fn claim_in<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
    // Each failed exchange means that a slot was taken, and stays so for this proof: more turns than slots never happen.
    for _ in 0..=bucket.len() {
        let mut slots = bucket.iter();
        let mut free = None;
        for slot in slots.by_ref() {
            let word = slot.read();
            if entry.is_in(word) {
                return Claim::Replayed;
            }
            if entry.is_free(word) {
                free = Some((slot, word));
                break;
            }
        }
        if slots.any(|slot| entry.is_in(slot.read())) {
            return Claim::Replayed;
        }
        W::acquire();
        let lowest = floor.read();
        if entry.issued_at < lowest {
            return Claim::Unknowable;
        }
        let Some((slot, word)) = free else {
            return Claim::Full;
        };
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

/// How many bits of a word say when its proof dies; the others are the fingerprint.
pub(super) const TIME_BITS: u32 = 18;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// How many units after `i - F` an entry may die and be told from the past; a live one needs at most 67.
const REACH: u64 = 1 << 13;

/// A word never written; no entry equals it, because fingerprints are not zero.
pub(super) const EMPTY: u64 = 0;

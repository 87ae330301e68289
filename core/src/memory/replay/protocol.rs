//! One claim: the steps, and why they are right. Plain numbers and one trait, so that model checkers run this very file.
//!
//! # The protocol
//!
//! A proof with `iat = i` is accepted while `i - F <= now <= i + A` (`F`: how far ahead of the server its clock may be, `A`: how old it
//! may get, see [`ReplayWindow`]). So it is dead from `E(i) = i + A + 1` on. A slot is one word: 12 bits that name the key of the proof, 34 bits
//! that name the proof among those of its key, and 18 bits of `E` in units of `u` seconds, rounded up. The proof chooses a bucket of
//! [`SLOTS`](super::SLOTS) slots. With each bucket goes a set of *forgotten times*. For a proof `P` with `iat = i`, a slot with `E` is
//! *taken* if `0 < E - c(i) <= near`, where `c(i) = i - F` in units, rounded down. Otherwise it is *free*: it was never used, or its proof
//! is dead before `P` begins to be accepted, or its proof is from so far in the future that it cannot be accepted while `P` is. A claim
//!
//! 1. reads the slots of the bucket up to the first that was never used. A taken slot with the fingerprint of the proof means
//!    [`FirstUse::Replayed`];
//! 2. then reads the forgotten times. `i` among them means [`FirstUse::Unknowable`];
//! 3. then looks for room: [`FirstUse::Full`] and [`FirstUse::OverShare`], see below;
//! 4. takes the first free slot: if an entry is stored there, adds to the forgotten times what its loss makes unknown; then compares and
//!    exchanges the word. Success is [`FirstUse::Recorded`]; otherwise again from 1.
//!
//! # Why exactly one claim of a proof can win
//!
//! *Free* depends on the word and on the proof's own `i`, never on a clock, so all claims of one proof judge one word alike, however far
//! their clocks are apart. Slots are used in order, so that no slot after one that was never used was used either. The forgotten times
//! never shrink.
//!
//! **Once a slot is taken for `P`, it stays taken for `P` or `i` is forgotten.** Let `Q` with `iat = j` replace an entry with `E` that
//! is taken for `P`, which means that `i` is in `[(E - near)·u + F, E·u + F)`. Let `S` be the most units that lie between `c` and `E` of
//! one proof; `near` is `3·S`.
//!
//! - `Q` is far from the entry: `c(j) - E > near - 2·S`, or the entry is in the future of `Q`. Then all of these `i` become forgotten.
//! - Otherwise `0 <= c(j) - E <= near - 2·S`. All of these `i` below `E·u - A` become forgotten. For the others `c(i) >= E - S`, so the
//!   new entry has `0 < E(j) - c(i) <= c(j) + S - (E - S) <= near`: it is taken for `P`.
//!
//! Suppose two claims of `P` both win, in slots `a` and `b` of the scanning order.
//!
//! - `a = b`: the later exchange replaced a word that was free for `P`, after the slot was `P` itself, which is taken. So `i` was forgotten
//!   in between, by an exchange that the later claim has read or that came after one it has read: step 2 saw it. Contradiction.
//! - `a` before `b`: the winner of `b` passed over `a`, so it read a word taken for `P` there, and did not read `P`. The winner of `a`
//!   read a free word and replaced it. Either `a` was taken first, then freed: then `i` was forgotten, and the winner of `a` read a word
//!   that was exchanged after that. Or `a` was `P` first, and then replaced: then the winner of `b` read a word that was exchanged after
//!   `i` was forgotten. In both cases an exchange that releases the forgotten times was read before the acquire of step 2. Contradiction.
//!
//! That step 1 does not stop at the first free slot, and that step 2 comes after it, makes a replay fail even if
//! clocks jump by hours in between: its entry is still there and is read, or it was replaced and its time is forgotten.
//!
//! # What the forgotten times refuse
//!
//! With a clock that never goes back they refuse no proof. `Q` is accepted at some `now >= c(j)·u`, when proofs have `i >= now - A`. If the
//! entry is near, every `iat` below `E·u - A <= c(j)·u - A` is forgotten. If it is far, every `iat` below `E·u + F` is forgotten, and
//! `c(j)·u - A > (E + near - 2·S)·u - A >= E·u + F`.
//!
//! They are kept as two intervals for each bucket, `[0, floor)` and one more. A clock that is ahead for a while and then right again so
//! leaves the interval of the time at which it was wrong, and refuses nothing before that time comes: then, for as long as the clock was
//! wrong and some minutes more, the proofs of the buckets that were used meanwhile. One client moves the forgotten times of the buckets
//! only that its proofs are in. A third interval that touches neither is joined with one of them, so that the times between are forgotten
//! too, if possible not the time of the claim: clocks that are wrong twice, by different times, may cost more.
//!
//! # Why one key cannot fill a bucket
//!
//! Let a bucket have `f` free slots, and let `n` slots be taken by proofs of the key of `P`. For `n = 0`, `P` finds room if `f > 0`; otherwise
//! if `f > 9 + 2·bits(n)`, where `bits` is the length of the binary number: 1 for one, 2 for two and three, 7 from 64 on. So one key leaves 23
//! slots free. Keys that send at the same rate leave 21 (two of them), 17 (ten), 13 (fifty), 11 (a hundred); in the worst order, one key after the other,
//! two leave 15, four 11, ten 5, and fifteen fill a bucket until the first of their entries die. Then they may not take as many again, and the
//! slots go to those who have fewer. Claims that run at
//! the same instant may each take one more. Two keys are taken for one with probability 2^-12, in one bucket and not in the next.
//!
//! # Eighteen bits of time
//!
//! A unit is `2^k` seconds, with `k` such that `A + F` is 16 to 31 units (or the unit one second); times are kept modulo 2^18. An
//! entry counts as of the future while its `E` is at most [`REACH`] units after `c(i)`; the rest of the circle is the past. Two limits follow.
//!
//! - Everything above holds while the clocks of all claims, now and later, agree within `REACH` units: 9 hours for `A + F = 65`, never
//!   under 2. Further ahead, a proof that was used there and overwritten after the way back may be accepted once more
//!   when that time comes again.
//! - An entry left untouched for nearly the whole circle (12 days for `A + F = 65`) looks alive or of the future for at most `REACH` units.
//!   It then takes room, or its bucket refuses proofs for some minutes of that future; and nothing else.
//!
//! # Death at any instruction
//!
//! A claim writes at most four times, each write atomic, the slot last. Dead before that: times are forgotten around an
//! entry that is still there. After it: the proof counts as used although no request was answered; its
//! sender has to make a new one.
//!
//! # False alarms
//!
//! Two proofs of different keys look the same with at most [`SLOTS`](super::SLOTS) · 2^-46 = 1.8 · 10^-12 a claim, those of one key, which has a
//! bucket nearly to itself, with at most 7 · 10^-9. Filled as planned (half), a bucket lacks a
//! free slot for fewer than one claim in 10^13, and one key that sends all proofs itself is over its share with fewer than five in 10^6.

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstUse {
    /// No request used this proof before, and none will again.
    Recorded,
    /// The proof was used before.
    Replayed,
    /// The store does not know whether the proof was used: it has forgotten the proofs of that time (see
    /// [`ReplayStore::refuse_until`](super::ReplayStore::refuse_until) and clocks that go back), or the proof is outside the window. A
    /// fresh proof helps.
    Unknowable,
    /// All room is taken by proofs that could still be replayed. Nothing was stored. The server's fault, not the client's.
    Full,
    /// The room that is left is for other keys: this one has many proofs that could still be replayed. Nothing was stored. A proof some
    /// seconds later helps.
    OverShare,
}

/// In which time around its `iat` a proof is accepted: the widest of all policies that share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    /// How old a proof may be, leeway included.
    pub max_age_seconds: u32,
    /// How far in the future its `iat` may be, leeway included.
    pub future_seconds: u32,
}

impl ReplayWindow {
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

    /// `S`: the most units between `i - F`, rounded down, and `E`, rounded up.
    const fn span_units(self) -> u64 {
        let shift = self.unit_shift();
        ((self.span_seconds() + 1 + (1 << shift) - 1) >> shift) + 1
    }

    /// How many units after `i - F` an entry may die that is taken for a proof with `iat = i`.
    pub(super) const fn near_units(self) -> u64 {
        3 * self.span_units()
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
    /// Makes the writes before the exchanges visible whose words were read so far.
    fn acquire();
}

/// A bucket: its slots, and its forgotten times.
pub(super) struct Bucketed<'b, W> {
    /// Proofs with an `iat` before it are refused.
    pub(super) floor: &'b W,
    /// An [`Interval`] in which they are refused besides.
    pub(super) interval: &'b W,
    pub(super) slots: &'b [W],
}

/// The forgotten times of a bucket, as they were read.
#[derive(Clone, Copy)]
pub(super) struct Forgotten {
    pub(super) floor: u64,
    pub(super) interval: u64,
}

impl Forgotten {
    /// Reads the interval first: one that is replaced is put below the floor before.
    #[inline]
    pub(super) fn read<W: Word>(bucket: &Bucketed<'_, W>) -> Self {
        let interval = bucket.interval.read();
        W::acquire();
        Self { floor: bucket.floor.read(), interval }
    }

    #[inline]
    pub(super) fn contains(self, issued_at: u64) -> bool {
        issued_at < self.floor || Interval::of(self.interval).contains(issued_at)
    }

    /// The first `iat` from `issued_at` on that is not forgotten.
    pub(super) fn end(self, issued_at: u64) -> u64 {
        let at = issued_at.max(self.floor);
        let interval = Interval::of(self.interval);
        if interval.contains(at) { interval.to.max(self.floor) } else { at }
    }
}

/// Times from `from` to before `to`; in one word, 44 bits of `to` and 20 bits of the length. No times are zero.
#[derive(Clone, Copy)]
pub(super) struct Interval {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Interval {
    const LENGTH_BITS: u32 = 20;

    #[inline]
    pub(super) const fn of(word: u64) -> Self {
        let to = word >> Self::LENGTH_BITS;
        Self { from: to.saturating_sub(word & ((1 << Self::LENGTH_BITS) - 1)), to }
    }

    /// `None` if it is longer than 12 days, or after the year 500,000.
    pub(super) fn word(self) -> Option<u64> {
        let length = self.to.saturating_sub(self.from);
        let fits = length >> Self::LENGTH_BITS == 0 && self.to >> (64 - Self::LENGTH_BITS) == 0;
        fits.then_some(self.to << Self::LENGTH_BITS | length)
    }

    #[inline]
    pub(super) const fn contains(self, time: u64) -> bool {
        self.from <= time && time < self.to
    }

    const fn is_empty(self) -> bool {
        self.from >= self.to
    }

    const fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    const fn touches(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

/// A proof as its slot sees it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) word: u64,
    pub(super) issued_at: u64,
    /// `c`: `i - F` in units, rounded down.
    pub(super) cutoff: u64,
    near: u64,
    window: ReplayWindow,
}

impl Entry {
    #[inline]
    pub(super) fn new(fingerprint: u64, issued_at: u64, window: ReplayWindow) -> Self {
        let unit_shift = window.unit_shift();
        let dead_from = issued_at.saturating_add(u64::from(window.max_age_seconds) + 1);
        let dead_from_units = dead_from.saturating_add((1 << unit_shift) - 1) >> unit_shift;
        Self {
            word: fingerprint << TIME_BITS | dead_from_units & TIME_MASK,
            issued_at,
            cutoff: issued_at.saturating_sub(window.future_seconds.into()) >> unit_shift,
            near: window.near_units(),
            window,
        }
    }

    #[inline]
    pub(super) fn is_free(&self, word: u64) -> bool {
        !is_taken(word, self.cutoff, self.near)
    }

    /// The proofs that must be forgotten when this proof replaces `word`, which is free and not [`EMPTY`].
    pub(super) fn lost_with(&self, word: u64) -> Interval {
        let ReplayWindow { max_age_seconds, future_seconds } = self.window;
        let (shift, span) = (self.window.unit_shift(), self.window.span_units());
        let ahead = units_ahead(word, self.cutoff);
        let (dead_from_units, is_near) = if (1..=REACH).contains(&ahead) {
            (self.cutoff.saturating_add(ahead), false)
        } else {
            let since = self.cutoff.wrapping_sub(word) & TIME_MASK;
            (self.cutoff.saturating_sub(since), since <= self.near - 2 * span)
        };
        let seconds = |units: u64| units.saturating_mul(1 << shift);
        let dead_from = seconds(dead_from_units);
        Interval {
            from: seconds(dead_from_units.saturating_sub(self.near)).saturating_add(future_seconds.into()),
            to: if is_near {
                dead_from.saturating_sub(max_age_seconds.into())
            } else {
                dead_from.saturating_add(future_seconds.into())
            },
        }
    }

    /// Adds `lost` to the forgotten times of a bucket, of which `known` was read.
    pub(super) fn forget<W: Word>(&self, bucket: &Bucketed<'_, W>, lost: Interval, known: Forgotten) {
        let Forgotten { floor, mut interval } = known;
        // Each failed exchange means that another claim has changed the interval, which happens hardly ever twice at a time.
        for _ in 0..=bucket.slots.len() {
            let stored = Interval::of(interval);
            if lost.is_empty() || lost.to <= floor || stored.covers(lost) {
                return;
            }
            let joined = if stored.to <= floor {
                // None is stored, or one that says nothing any more.
                lost
            } else if stored.touches(lost) {
                stored.hull(lost)
            } else {
                let (lower, upper) = if lost.to < stored.from { (lost, stored) } else { (stored, lost) };
                if self.issued_at < lower.to {
                    // Both are in the future of this claim, or the lower one is: the times before it must stay usable.
                    lower.hull(upper)
                } else {
                    bucket.floor.raise(lower.to);
                    upper
                }
            };
            let Some(word) = joined.word() else { break };
            if word == interval || bucket.interval.exchange(interval, word) {
                return;
            }
            interval = bucket.interval.read();
        }
        bucket.floor.raise(lost.to);
    }

    /// Whether the key of this proof finds room, by all slots: they are counted only where few have never been used.
    #[inline(never)]
    fn check_share<W: Word>(&self, slots: &[W]) -> Result<(), FirstUse> {
        let (mut taken, mut of_key) = (0, 0);
        for slot in slots {
            let word = slot.read();
            let counts = usize::from(!self.is_free(word));
            taken += counts;
            of_key += counts & usize::from(self.key_is(word));
        }
        match of_key {
            _ if slots.len() - taken > kept_free(of_key) => Ok(()),
            0 => Err(FirstUse::Full),
            _ => Err(FirstUse::OverShare),
        }
    }

    #[inline]
    fn fingerprint_is(&self, word: u64) -> bool {
        (word ^ self.word) >> TIME_BITS == 0
    }

    #[inline]
    fn key_is(&self, word: u64) -> bool {
        (word ^ self.word) >> (TIME_BITS + PROOF_BITS) == 0
    }
}

/// How many units after `cutoff` the entry dies, on the circle.
#[inline]
const fn units_ahead(word: u64, cutoff: u64) -> u64 {
    word.wrapping_sub(cutoff) & TIME_MASK
}

/// Whether the entry is taken for a proof with this `cutoff`.
#[inline]
pub(super) const fn is_taken(word: u64, cutoff: u64, near: u64) -> bool {
    // Zero units ahead wrap to the largest number.
    units_ahead(word, cutoff).wrapping_sub(1) < near && word != EMPTY
}

/// One claim, by the four steps at the top of this file. A proof with an `iat` before `floor`, that of the store, is refused too.
#[inline]
pub(super) fn record_use_in<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    // Each failed exchange means that a slot was taken, and stays so for this proof: more turns than slots never happen.
    for _ in 0..=bucket.slots.len() {
        let mut slots = bucket.slots.iter().enumerate();
        let mut free = None;
        let mut used = bucket.slots.len();
        for (at, slot) in slots.by_ref() {
            let word = slot.read();
            if entry.is_free(word) {
                free = Some((slot, word));
                if word == EMPTY {
                    used = at;
                }
                break;
            }
            if entry.fingerprint_is(word) {
                return FirstUse::Replayed;
            }
        }
        if free.is_some_and(|(_, word)| word != EMPTY) {
            for (at, slot) in slots {
                let word = slot.read();
                if word == EMPTY {
                    used = at;
                    break;
                }
                if entry.fingerprint_is(word) && !entry.is_free(word) {
                    return FirstUse::Replayed;
                }
            }
        }
        W::acquire();
        let forgotten = Forgotten::read(bucket);
        if entry.issued_at < floor || forgotten.contains(entry.issued_at) {
            return FirstUse::Unknowable;
        }
        if bucket.slots.len() - used <= MOST_KEPT_FREE
            && let Err(refused) = entry.check_share(bucket.slots)
        {
            return refused;
        }
        let Some((slot, word)) = free else {
            return FirstUse::Full;
        };
        if word != EMPTY {
            // A claim that reads this word sees what this one saw: times that were forgotten then need not be forgotten again.
            entry.forget(bucket, entry.lost_with(word), forgotten);
        }
        if slot.exchange(word, entry.word) {
            return FirstUse::Recorded;
        }
    }
    FirstUse::Full
}

/// Whether a use of this proof is recorded; records nothing.
pub(super) fn was_used_in<W: Word>(bucket: &Bucketed<'_, W>, entry: &Entry) -> bool {
    let used = bucket.slots.iter().map(Word::read).take_while(|word| *word != EMPTY);
    used.into_iter().any(|word| !entry.is_free(word) && entry.fingerprint_is(word))
}

/// The slots that a key must leave free when it has taken all it can.
const MOST_KEPT_FREE: usize = kept_free(64);

/// How many slots of a bucket a key must leave free that has taken `of_key` of them.
#[inline]
pub(super) const fn kept_free(of_key: usize) -> usize {
    if of_key == 0 { 0 } else { 9 + 2 * (usize::BITS - of_key.leading_zeros()) as usize }
}

/// How many bits of a word say when its proof dies.
pub(super) const TIME_BITS: u32 = 18;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// How many bits of a word name a proof among those of its key; those above name the key.
pub(super) const PROOF_BITS: u32 = 34;

/// How many bits of a word name the key.
pub(super) const KEY_BITS: u32 = 64 - TIME_BITS - PROOF_BITS;

/// How many units after `i - F` an entry may die and be distinguished from the past.
const REACH: u64 = 1 << 13;

/// A word never written; no entry equals it, because fingerprints are not zero.
pub(super) const EMPTY: u64 = 0;

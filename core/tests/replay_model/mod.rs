//! What the model checkers share: situations, what must hold after them, and planted faults.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::protocol::{
    Bucketed, EMPTY, Entry, FirstUse, Forgotten, Interval, PROOF_BITS, ReplayWindow, Word, kept_free,
};

const WINDOW: ReplayWindow = ReplayWindow { max_age_seconds: 60, future_seconds: 5 };
const NOON: u64 = 1_800_000_000;

/// The number of a proof, made by a key of its own, and its `iat` relative to noon.
pub(crate) type Proof = (u64, i64);

fn entry((number, issued_at): Proof) -> Entry {
    Entry::new(number << PROOF_BITS | number, NOON.saturating_add_signed(issued_at), WINDOW)
}

/// The earlier content of the bucket, and the claims of each thread; the number in a claim is the clock of its thread.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) bucket: Vec<Option<Proof>>,
    pub(crate) threads: Vec<Vec<(Proof, i64)>>,
    /// Whether there is room for all, so that every new proof has exactly one winner.
    pub(crate) roomy: bool,
}

/// Two claims of one proof in an empty bucket.
pub(crate) fn twins() -> Scenario {
    let claim = ((1, 0), 0);
    Scenario { bucket: vec![None, None], threads: vec![vec![claim], vec![claim]], roomy: true }
}

/// Two claims of one proof and one of another want the slot of a dead entry.
pub(crate) fn twins_and_rival() -> Scenario {
    let (proof, rival) = (((1, 0), 0), ((2, 1), 0));
    let bucket = vec![Some((9, -100)), None];
    Scenario { bucket, threads: vec![vec![proof], vec![proof], vec![rival]], roomy: true }
}

/// A replay by a worker whose clock is behind, while another worker writes over the entry.
pub(crate) fn replay_while_overwritten() -> Scenario {
    let bucket = vec![Some((1, 0)), None];
    Scenario { bucket, threads: vec![vec![((1, 0), 0)], vec![((2, 200), 200)]], roomy: true }
}

/// The same, while the other worker writes over its own entry too, at a clock far ahead: the times that were forgotten first are put elsewhere.
pub(crate) fn replay_while_times_are_replaced() -> Scenario {
    let bucket = vec![Some((1, 0)), None];
    let overwriter = vec![((2, 1_000), 1_000), ((3, 5_000), 5_000)];
    Scenario { bucket, threads: vec![vec![((1, 0), 0)], overwriter], roomy: true }
}

/// Two uses of a proof at a clock that is ahead, while a worker whose clock is right writes over the entry of the future before them.
pub(crate) fn twins_ahead_and_a_worker_behind() -> Scenario {
    let claim = ((1, 1_030), 1_030);
    let bucket = vec![Some((9, 1_000)), None];
    Scenario { bucket, threads: vec![vec![claim], vec![claim], vec![((2, 0), 0)]], roomy: false }
}

/// The same, while a third worker writes over an entry as old: it finds the times forgotten, and does not forget them again.
pub(crate) fn replay_while_two_overwrite() -> Scenario {
    let bucket = vec![Some((9, 0)), Some((1, 0)), None];
    let threads = vec![vec![((1, 0), 0)], vec![((2, 200), 200)], vec![((3, 200), 200)]];
    Scenario { bucket, threads, roomy: true }
}

/// The first use, the replay and the overwriting all at once.
pub(crate) fn twins_and_overwriter() -> Scenario {
    let claim = ((1, 0), 0);
    Scenario { bucket: vec![None], threads: vec![vec![claim], vec![claim], vec![((2, 200), 200)]], roomy: false }
}

/// The clocks of two claims of one proof are on different sides of the death of an old entry.
pub(crate) fn twins_apart() -> Scenario {
    let bucket = vec![Some((9, -31)), None];
    Scenario { bucket, threads: vec![vec![((1, 0), -5)], vec![((1, 0), 60)]], roomy: true }
}

/// Where the words and threads of a run come from.
pub(crate) trait Machine: 'static {
    type Word: Word + Send + Sync + 'static;
    fn word(value: u64) -> Self::Word;
    /// Runs all, and gives their results in order.
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<FirstUse> + Send>>) -> Vec<Vec<FirstUse>>;
}

/// The tested protocol: the real one, or one with a planted fault.
pub(crate) type Protocol<W> = fn(u64, &Bucketed<'_, W>, &Entry) -> FirstUse;

/// One execution: no proof wins twice or after it was used before, and with room for all one of its claims wins.
pub(crate) fn execute<M: Machine>(scenario: &Scenario, protocol: Protocol<M::Word>, judged_by_clock: bool) {
    let bucket: Vec<M::Word> =
        scenario.bucket.iter().map(|old| M::word(old.map_or(EMPTY, |old| entry(old).word))).collect();
    let memory = Arc::new((M::word(0), M::word(EMPTY), bucket));
    let threads = scenario.threads.iter().map(|claims| {
        let (memory, claims) = (Arc::clone(&memory), claims.clone());
        let work = move || {
            let claim = |&(proof, now): &(Proof, i64)| {
                let mut entry = entry(proof);
                if judged_by_clock {
                    entry.cutoff = NOON.saturating_add_signed(now) >> WINDOW.unit_shift();
                }
                let (floor, interval, slots) = &*memory;
                protocol(0, &Bucketed { floor, interval, slots }, &entry)
            };
            claims.iter().map(claim).collect()
        };
        Box::new(work) as Box<dyn FnOnce() -> Vec<FirstUse> + Send>
    });
    let answers = M::run(threads.collect());

    let mut winners: BTreeMap<Proof, usize> = BTreeMap::new();
    for (claims, answers) in scenario.threads.iter().zip(answers) {
        for ((proof, _), answer) in claims.iter().zip(answers) {
            *winners.entry(*proof).or_default() += usize::from(answer == FirstUse::Recorded);
        }
    }
    for (proof, count) in winners {
        if scenario.bucket.contains(&Some(proof)) {
            assert_eq!(count, 0, "a used proof won again");
        } else if scenario.roomy && !overtaken(scenario, proof) {
            assert_eq!(count, 1, "winners of one proof");
        } else {
            assert!(count <= 1, "two winners of one proof");
        }
    }
}

/// Whether a much younger proof may have the time of this one forgotten before it was ever claimed.
fn overtaken(scenario: &Scenario, proof: Proof) -> bool {
    scenario.threads.iter().flatten().any(|((_, issued_at), _)| *issued_at > proof.1 + 60)
}

/// Planted fault: a machine whose exchange is a read and then a write.
pub(crate) struct Torn<M>(PhantomData<M>);
pub(crate) struct TornWord<W>(W);

impl<M: Machine<Word: Swap>> Machine for Torn<M> {
    type Word = TornWord<M::Word>;
    fn word(value: u64) -> Self::Word {
        TornWord(M::word(value))
    }
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<FirstUse> + Send>>) -> Vec<Vec<FirstUse>> {
        M::run(threads)
    }
}

impl<W: Word + Swap> Word for TornWord<W> {
    fn read(&self) -> u64 {
        self.0.read()
    }
    fn raise(&self, floor: u64) {
        self.0.raise(floor);
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        let same = self.0.read() == old;
        if same {
            self.0.swap(new);
        }
        same
    }
    fn acquire() {
        W::acquire();
    }
}

pub(crate) trait Swap {
    fn swap(&self, new: u64);
}

/// The fault of a protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The forgotten times are read before the slots.
    TimesFirst,
    /// The forgotten times are added after the entry is gone.
    ForgottenLate,
    /// The floor is read before the interval.
    FloorFirst,
    /// Nothing orders the read of the interval and that of the floor.
    Unordered,
    /// The interval is replaced before the floor is above it.
    ReplacedEarly,
    /// Only the proof that is written over is forgotten, not those that it was taken for.
    ForgottenAlone,
}

pub(crate) fn times_first<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::TimesFirst, floor, bucket, entry)
}
pub(crate) fn forgotten_late<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::ForgottenLate, floor, bucket, entry)
}
pub(crate) fn floor_first<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::FloorFirst, floor, bucket, entry)
}
pub(crate) fn unordered<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::Unordered, floor, bucket, entry)
}
pub(crate) fn replaced_early<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::ReplacedEarly, floor, bucket, entry)
}
pub(crate) fn forgotten_alone<W: Word>(floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    planted(Fault::ForgottenAlone, floor, bucket, entry)
}

/// The protocol with one fault.
fn planted<W: Word>(fault: Fault, floor: u64, bucket: &Bucketed<'_, W>, entry: &Entry) -> FirstUse {
    let early = Forgotten::read(bucket);
    for _ in 0..=bucket.slots.len() {
        let (mut free, mut taken) = (None, 0);
        for slot in bucket.slots {
            let word = slot.read();
            if entry.is_free(word) {
                free = free.or(Some((slot, word)));
            } else if (word ^ entry.word) >> 18 == 0 {
                return FirstUse::Replayed;
            } else {
                taken += 1;
            }
        }
        W::acquire();
        let forgotten = match fault {
            Fault::TimesFirst => early,
            Fault::FloorFirst => {
                let floor = bucket.floor.read();
                Forgotten { floor, interval: bucket.interval.read() }
            }
            Fault::Unordered => {
                let interval = bucket.interval.read();
                Forgotten { floor: bucket.floor.read(), interval }
            }
            _ => Forgotten::read(bucket),
        };
        if entry.issued_at < floor || forgotten.contains(entry.issued_at) {
            return FirstUse::Unknowable;
        }
        let Some((slot, word)) = free.filter(|_| bucket.slots.len() - taken > kept_free(0)) else {
            return FirstUse::Full;
        };
        let mut lost = entry.lost_with(word);
        let stored = Interval::of(forgotten.interval);
        match fault {
            _ if word == EMPTY => {}
            Fault::ForgottenLate => {}
            Fault::ReplacedEarly if stored.to > 0 && stored.to < lost.from => {
                bucket.interval.exchange(forgotten.interval, lost.word().unwrap());
                bucket.floor.raise(stored.to);
            }
            Fault::ForgottenAlone => {
                // Of an entry that is far away: its proof's `iat` is 65 s before, in a unit of 4 s.
                lost = Interval { from: lost.to - 69, to: lost.to - 65 };
                entry.forget(bucket, lost, forgotten);
            }
            _ => entry.forget(bucket, lost, forgotten),
        }
        if slot.exchange(word, entry.word) {
            if word != EMPTY && fault == Fault::ForgottenLate {
                entry.forget(bucket, lost, forgotten);
            }
            return FirstUse::Recorded;
        }
    }
    FirstUse::Full
}

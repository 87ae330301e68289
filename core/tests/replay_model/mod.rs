//! What the model checkers share: situations, what must hold after them, and planted faults.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::protocol::{Claim, EMPTY, Entry, Window, Word};

const WINDOW: Window = Window { max_age_seconds: 60, future_seconds: 5 };
const NOON: u64 = 1_800_000_000;

/// A fingerprint and an `iat`, relative to noon.
pub(crate) type Proof = (u64, i64);

fn entry((fingerprint, issued_at): Proof) -> Entry {
    Entry::new(fingerprint, NOON.saturating_add_signed(issued_at), WINDOW)
}

/// What lies in the bucket before, and who claims what; the number in a claim is the clock of its thread.
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

/// The same, while a third worker writes over an entry as old: it finds the floor raised, and does not raise it again.
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

/// The clocks of two claims of one proof stand on different sides of the death of an old entry.
pub(crate) fn twins_apart() -> Scenario {
    let bucket = vec![Some((9, -31)), None];
    Scenario { bucket, threads: vec![vec![((1, 0), -5)], vec![((1, 0), 60)]], roomy: true }
}

/// Where the words and threads of a run come from.
pub(crate) trait Machine: 'static {
    type Word: Word + Send + Sync + 'static;
    fn word(value: u64) -> Self::Word;
    /// Runs all, and gives their results in order.
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>>;
}

/// What is under test: the protocol, or one with a planted fault.
pub(crate) type Protocol<W> = fn(&W, &[W], &Entry) -> Claim;

/// One execution: nobody wins twice, nobody wins what was used before, and with room for all somebody wins.
pub(crate) fn execute<M: Machine>(scenario: &Scenario, protocol: Protocol<M::Word>, judged_by_clock: bool) {
    let bucket: Vec<M::Word> =
        scenario.bucket.iter().map(|old| M::word(old.map_or(EMPTY, |old| entry(old).word))).collect();
    let memory = Arc::new((M::word(0), bucket));
    let threads = scenario.threads.iter().map(|claims| {
        let (memory, claims) = (Arc::clone(&memory), claims.clone());
        let work = move || {
            let claim = |&(proof, now): &(Proof, i64)| {
                let mut entry = entry(proof);
                if judged_by_clock {
                    entry.cutoff = NOON.saturating_add_signed(now) >> WINDOW.unit_shift();
                }
                protocol(&memory.0, &memory.1, &entry)
            };
            claims.iter().map(claim).collect()
        };
        Box::new(work) as Box<dyn FnOnce() -> Vec<Claim> + Send>
    });
    let answers = M::run(threads.collect());

    let mut winners: BTreeMap<Proof, usize> = BTreeMap::new();
    for (claims, answers) in scenario.threads.iter().zip(answers) {
        for ((proof, _), answer) in claims.iter().zip(answers) {
            *winners.entry(*proof).or_default() += usize::from(answer == Claim::First);
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

/// Whether a much younger proof may raise the floor above this one before it was ever claimed.
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
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>> {
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

/// Planted fault: the floor is read before the slots.
pub(crate) fn floor_first<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
    let lowest = floor.read();
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
        if entry.issued_at < lowest {
            return Claim::Unknowable;
        }
        let Some((slot, word)) = free else {
            return Claim::Full;
        };
        if word != EMPTY {
            floor.raise(entry.floor_above(word));
        }
        if slot.exchange(word, entry.word) {
            return Claim::First;
        }
    }
    Claim::Full
}

/// Planted fault: the floor is raised after the entry is gone.
pub(crate) fn raised_late<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
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
        if entry.issued_at < floor.read() {
            return Claim::Unknowable;
        }
        let Some((slot, word)) = free else {
            return Claim::Full;
        };
        if slot.exchange(word, entry.word) {
            if word != EMPTY {
                floor.raise(entry.floor_above(word));
            }
            return Claim::First;
        }
    }
    Claim::Full
}

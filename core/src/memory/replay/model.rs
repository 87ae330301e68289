//! The replay protocol under two model checkers, with planted faults that each must find.
//!
//! ```text
//! cargo test -p countersign replay::model                       the bounded form, with every test run
//! REPLAY_MODEL_SCHEDULES=1000000 cargo test --release -p countersign replay::model     the long form
//! ```
//!
//! `loom` walks through every interleaving of two claims (of three with a bounded number of preemptions) and through
//! what weak memory may show to each; `shuttle` runs larger mixes under random schedules.

extern crate std;

use super::*;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;
use std::panic::catch_unwind;

const WINDOW: Window = Window { max_age_seconds: 60, future_seconds: 5 };
const NOON: u64 = 1_800_000_000;

/// A fingerprint and an `iat`, relative to noon.
type Proof = (u64, i64);

fn entry((fingerprint, issued_at): Proof) -> Entry {
    Entry::new(fingerprint, UnixSeconds::new(NOON.saturating_add_signed(issued_at)), WINDOW)
}

/// What lies in the bucket before, and who claims what; the number in a claim is the clock of its thread.
#[derive(Clone)]
struct Scenario {
    bucket: Vec<Option<Proof>>,
    threads: Vec<Vec<(Proof, i64)>>,
    /// Whether there is room for all, so that every new proof has exactly one winner.
    roomy: bool,
}

/// Two claims of one proof in an empty bucket.
fn twins() -> Scenario {
    let claim = ((1, 0), 0);
    Scenario { bucket: vec![None, None], threads: vec![vec![claim], vec![claim]], roomy: true }
}

/// Two claims of one proof and one of another want the slot of a dead entry.
fn twins_and_rival() -> Scenario {
    let (proof, rival) = (((1, 0), 0), ((2, 1), 0));
    let bucket = vec![Some((9, -100)), None];
    Scenario { bucket, threads: vec![vec![proof], vec![proof], vec![rival]], roomy: true }
}

/// A replay by a worker whose clock is behind, while another worker writes over the entry.
fn replay_while_overwritten() -> Scenario {
    let bucket = vec![Some((1, 0)), None];
    Scenario { bucket, threads: vec![vec![((1, 0), 0)], vec![((2, 200), 200)]], roomy: true }
}

/// The first use, the replay and the overwriting all at once.
fn twins_and_overwriter() -> Scenario {
    let claim = ((1, 0), 0);
    Scenario { bucket: vec![None], threads: vec![vec![claim], vec![claim], vec![((2, 200), 200)]], roomy: false }
}

/// The clocks of two claims of one proof stand on different sides of the death of an old entry.
fn twins_apart() -> Scenario {
    let bucket = vec![Some((9, -31)), None];
    Scenario { bucket, threads: vec![vec![((1, 0), -5)], vec![((1, 0), 60)]], roomy: true }
}

/// Three workers, five proofs used twice each, old entries and a late overwriter in a bucket with room for all.
fn crowd() -> Scenario {
    let proofs: Vec<(Proof, i64)> = (1..=5).map(|number| ((number, number as i64 - 3), 0)).collect();
    let backwards = proofs.iter().rev().copied().collect();
    let late = vec![proofs[2], ((7, 300), 300), proofs[0], ((8, 310), 310), proofs[4]];
    let bucket = vec![Some((21, -80)), None, Some((22, -100)), Some((23, -75)), None, None, None, None, None];
    Scenario { bucket, threads: vec![proofs, backwards, late], roomy: true }
}

/// Where the words and threads of a run come from.
trait Machine: 'static {
    type Word: Word + Send + Sync + 'static;
    fn word(value: u64) -> Self::Word;
    /// Runs all, and gives their results in order.
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>>;
}

type Protocol<W> = fn(&W, &[W], &Entry) -> Claim;

/// One execution: nobody wins twice, nobody wins what was used before, and with room for all somebody wins.
fn execute<M: Machine>(scenario: &Scenario, protocol: Protocol<M::Word>, judged_by_clock: bool) {
    let bucket: Vec<M::Word> =
        scenario.bucket.iter().map(|old| M::word(old.map_or(EMPTY, |old| entry(old).word))).collect();
    let memory = Arc::new((M::word(0), bucket));
    let threads = scenario.threads.iter().map(|claims| {
        let (memory, claims) = (Arc::clone(&memory), claims.clone());
        let work = move || {
            let claim = |&(proof, now): &(Proof, i64)| {
                let mut entry = entry(proof);
                if judged_by_clock {
                    entry.cutoff = NOON.saturating_add_signed(now) >> entry.unit_shift;
                }
                protocol(&memory.0, &memory.1, &entry)
            };
            claims.iter().map(claim).collect()
        };
        Box::new(work) as Box<dyn FnOnce() -> Vec<Claim> + Send>
    });
    let answers = M::run(threads.collect());
    EXECUTIONS.fetch_add(1, Ordering::Relaxed);

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

static EXECUTIONS: core::sync::atomic::AtomicU64 = AtomicU64::new(0);
/// Whether a much younger proof may raise the floor above this one before it was ever claimed.
fn overtaken(scenario: &Scenario, proof: Proof) -> bool {
    scenario.threads.iter().flatten().any(|((_, issued_at), _)| *issued_at > proof.1 + 60)
}

struct Loom;

/// A word and its witness. Of each object `loom` 0.7 remembers only the last access, so a thread that reads a word and then
/// exchanges it hides the reads of the others, and their order is not explored. The witness is changed (by
/// nothing) at each access: all orders are explored, and the word itself may still show old values to relaxed reads.
struct LoomWord {
    word: loom::sync::atomic::AtomicU64,
    witness: loom::sync::atomic::AtomicU64,
}

impl LoomWord {
    fn witnessed(&self) -> &loom::sync::atomic::AtomicU64 {
        self.witness.fetch_add(0, Ordering::Relaxed);
        &self.word
    }
}

impl Machine for Loom {
    type Word = LoomWord;
    fn word(value: u64) -> Self::Word {
        use loom::sync::atomic::AtomicU64;
        LoomWord { word: AtomicU64::new(value), witness: AtomicU64::new(0) }
    }
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>> {
        let mut threads = threads.into_iter();
        let first = threads.next().unwrap();
        let others: Vec<_> = threads.map(loom::thread::spawn).collect();
        let first = first();
        core::iter::once(first).chain(others.into_iter().map(|thread| thread.join().unwrap())).collect()
    }
}

impl Word for LoomWord {
    fn read(&self) -> u64 {
        self.witnessed().load(Ordering::Relaxed)
    }
    fn raise(&self, floor: u64) {
        self.witnessed().fetch_max(floor, Ordering::Relaxed);
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.witnessed().compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    fn acquire() {
        loom::sync::atomic::fence(Ordering::Acquire);
    }
}

struct Shuttle;

impl Machine for Shuttle {
    type Word = shuttle::sync::atomic::AtomicU64;
    fn word(value: u64) -> Self::Word {
        shuttle::sync::atomic::AtomicU64::new(value)
    }
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>> {
        let threads: Vec<_> = threads.into_iter().map(shuttle::thread::spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

impl Word for shuttle::sync::atomic::AtomicU64 {
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
    fn raise(&self, floor: u64) {
        self.fetch_max(floor, Ordering::Relaxed);
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
    fn acquire() {}
}

/// Planted fault: a machine whose exchange is a read and then a write.
struct Torn<M>(PhantomData<M>);
struct TornWord<W>(W);

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

trait Swap {
    fn swap(&self, new: u64);
}

impl Swap for LoomWord {
    fn swap(&self, new: u64) {
        self.witnessed().store(new, Ordering::SeqCst);
    }
}

impl Swap for shuttle::sync::atomic::AtomicU64 {
    fn swap(&self, new: u64) {
        self.store(new, Ordering::SeqCst);
    }
}

/// Planted fault: words without any order between them.
struct Unordered;
struct UnorderedWord(LoomWord);

impl Machine for Unordered {
    type Word = UnorderedWord;
    fn word(value: u64) -> Self::Word {
        UnorderedWord(Loom::word(value))
    }
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<Claim> + Send>>) -> Vec<Vec<Claim>> {
        Loom::run(threads)
    }
}

impl Word for UnorderedWord {
    fn read(&self) -> u64 {
        self.0.read()
    }
    fn raise(&self, floor: u64) {
        self.0.raise(floor);
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        self.0.witnessed().compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
    fn acquire() {}
}

/// Planted fault: the floor is read before the slots.
fn floor_first<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
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
        let Some((slot, word)) = free else { return Claim::Full };
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
fn raised_late<W: Word>(floor: &W, bucket: &[W], entry: &Entry) -> Claim {
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
        let Some((slot, word)) = free else { return Claim::Full };
        if slot.exchange(word, entry.word) {
            if word != EMPTY {
                floor.raise(entry.floor_above(word));
            }
            return Claim::First;
        }
    }
    Claim::Full
}

fn loom_check<M: Machine>(preemptions: Option<usize>, scenario: Scenario, protocol: Protocol<M::Word>, by_clock: bool) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || execute::<M>(&scenario, protocol, by_clock));
    std::eprintln!("executions {}", EXECUTIONS.swap(0, Ordering::Relaxed));
}

fn schedules() -> usize {
    std::env::var("REPLAY_MODEL_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(3000)
}

fn shuttle_check<M: Machine>(scenario: Scenario, protocol: Protocol<M::Word>, by_clock: bool) {
    let again = scenario.clone();
    shuttle::check_random(move || execute::<M>(&scenario, protocol, by_clock), schedules());
    shuttle::check_pct(move || execute::<M>(&again, protocol, by_clock), schedules(), 3);
}

#[test]
fn loom_finds_no_second_winner_of_two() {
    for scenario in [twins(), replay_while_overwritten(), twins_apart()] {
        loom_check::<Loom>(None, scenario, claim_in, false);
    }
}

#[test]
fn loom_finds_no_second_winner_of_three() {
    for scenario in [twins_and_rival(), twins_and_overwriter()] {
        loom_check::<Loom>(Some(3), scenario, claim_in, false);
    }
}

#[test]
fn shuttle_finds_no_second_winner() {
    for scenario in [twins_and_rival(), twins_and_overwriter(), crowd()] {
        shuttle_check::<Shuttle>(scenario, claim_in, false);
    }
}

#[test]
fn a_torn_exchange_is_found() {
    assert!(catch_unwind(|| loom_check::<Torn<Loom>>(None, twins(), claim_in, false)).is_err());
    assert!(catch_unwind(|| shuttle_check::<Torn<Shuttle>>(twins(), claim_in, false)).is_err());
}

#[test]
fn missing_order_is_found() {
    assert!(catch_unwind(|| loom_check::<Unordered>(None, replay_while_overwritten(), claim_in, false)).is_err());
}

#[test]
fn a_floor_read_too_early_is_found() {
    assert!(catch_unwind(|| loom_check::<Loom>(None, replay_while_overwritten(), floor_first, false)).is_err());
    assert!(catch_unwind(|| shuttle_check::<Shuttle>(replay_while_overwritten(), floor_first, false)).is_err());
}

#[test]
fn a_floor_raised_too_late_is_found() {
    assert!(catch_unwind(|| loom_check::<Loom>(None, replay_while_overwritten(), raised_late, false)).is_err());
    assert!(catch_unwind(|| shuttle_check::<Shuttle>(replay_while_overwritten(), raised_late, false)).is_err());
}

#[test]
fn slots_judged_by_the_clock_are_found() {
    assert!(catch_unwind(|| loom_check::<Loom>(None, twins_apart(), claim_in, true)).is_err());
    assert!(catch_unwind(|| shuttle_check::<Shuttle>(twins_apart(), claim_in, true)).is_err());
}

//! The replay protocol in every interleaving of two claims, of three with a bounded number of preemptions, and under what
//! weak memory may show to each of them; with planted faults that must be found.
//!
//! ```text
//! cargo test -p countersign --test replay_loom
//! REPLAY_LOOM_PREEMPTIONS=4 cargo test --release -p countersign --test replay_loom      the long form
//! ```

#![allow(clippy::unwrap_used)]

#[allow(dead_code, unreachable_pub)]
#[path = "../src/memory/replay/protocol.rs"]
mod protocol;
mod replay_model;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

use protocol::{Claim, Word, claim_in};
use replay_model::*;

#[test]
fn no_second_winner_of_two() {
    for scenario in [twins(), replay_while_overwritten(), twins_apart()] {
        check::<Loom>(None, scenario, claim_in, false);
    }
}

#[test]
fn no_second_winner_of_three() {
    let preemptions = std::env::var("REPLAY_LOOM_PREEMPTIONS").ok().and_then(|count| count.parse().ok());
    for scenario in [twins_and_rival(), twins_and_overwriter()] {
        check::<Loom>(Some(preemptions.unwrap_or(2)), scenario, claim_in, false);
    }
}

#[test]
fn a_torn_exchange_is_found() {
    assert!(catch_unwind(|| check::<Torn<Loom>>(None, twins(), claim_in, false)).is_err());
}

#[test]
fn missing_order_is_found() {
    assert!(catch_unwind(|| check::<Unordered>(None, replay_while_overwritten(), claim_in, false)).is_err());
}

#[test]
fn a_floor_read_too_early_is_found() {
    assert!(catch_unwind(|| check::<Loom>(None, replay_while_overwritten(), floor_first, false)).is_err());
}

#[test]
fn a_floor_raised_too_late_is_found() {
    assert!(catch_unwind(|| check::<Loom>(None, replay_while_overwritten(), raised_late, false)).is_err());
}

#[test]
fn slots_judged_by_the_clock_are_found() {
    assert!(catch_unwind(|| check::<Loom>(None, twins_apart(), claim_in, true)).is_err());
}

fn check<M: Machine>(preemptions: Option<usize>, scenario: Scenario, protocol: Protocol<M::Word>, by_clock: bool) {
    let executions = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = std::sync::Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        execute::<M>(&scenario, protocol, by_clock);
    });
    println!("{} executions", executions.load(Ordering::Relaxed));
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

impl Swap for LoomWord {
    fn swap(&self, new: u64) {
        self.witnessed().store(new, Ordering::SeqCst);
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

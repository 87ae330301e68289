//! The replay protocol in larger mixes under random schedules; with planted faults that must be found.
//!
//! ```text
//! cargo test -p countersign --test replay_shuttle
//! REPLAY_SHUTTLE_SCHEDULES=100000 cargo test --release -p countersign --test replay_shuttle      the long form
//! ```

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../src/memory/replay/atomic.rs"]
mod atomic;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/memory/replay/header.rs"]
mod header;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/memory/replay/protocol.rs"]
mod protocol;
#[allow(dead_code)] // some planted faults are for every interleaving only: random schedules hardly meet them
mod replay_model;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

use atomic::Atomic;
use protocol::{FirstUse, record_use_in};
use replay_model::*;

#[test]
fn no_second_winner() {
    for scenario in [
        twins_and_rival(),
        twins_and_overwriter(),
        replay_while_two_overwrite(),
        replay_while_times_are_replaced(),
        twins_ahead_and_a_worker_behind(),
        crowd(),
    ] {
        check::<Shuttle>(scenario, record_use_in, false);
    }
}

#[test]
fn a_torn_exchange_is_found() {
    assert!(catch_unwind(|| check::<Torn<Shuttle>>(twins(), record_use_in, false)).is_err());
}

#[test]
fn forgotten_times_read_too_early_are_found() {
    assert!(catch_unwind(|| check::<Shuttle>(replay_while_overwritten(), times_first, false)).is_err());
}

#[test]
fn times_forgotten_too_late_are_found() {
    assert!(catch_unwind(|| check::<Shuttle>(replay_while_overwritten(), forgotten_late, false)).is_err());
}

#[test]
fn slots_judged_by_the_clock_are_found() {
    assert!(catch_unwind(|| check::<Shuttle>(twins_apart(), record_use_in, true)).is_err());
}

fn check<M: Machine>(scenario: Scenario, protocol: Protocol<M::Word>, by_clock: bool) {
    let again = scenario.clone();
    shuttle::check_random(move || execute::<M>(&scenario, protocol, by_clock), schedules());
    shuttle::check_pct(move || execute::<M>(&again, protocol, by_clock), schedules(), 3);
}

fn schedules() -> usize {
    std::env::var("REPLAY_SHUTTLE_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2000)
}

/// Three workers, five proofs used twice each, old entries and a late overwriter in a bucket with room for all.
fn crowd() -> Scenario {
    let proofs: Vec<(Proof, i64)> = (1..=5).map(|number| ((number, number as i64 - 3), 0)).collect();
    let backwards = proofs.iter().rev().copied().collect();
    let late = vec![proofs[2], ((7, 300), 300), proofs[0], ((8, 310), 310), proofs[4]];
    let bucket = vec![Some((21, -80)), None, Some((22, -100)), Some((23, -75)), None, None, None, None, None];
    Scenario { bucket, threads: vec![proofs, backwards, late], roomy: true }
}

struct Shuttle;

impl Machine for Shuttle {
    type Word = shuttle::sync::atomic::AtomicU64;
    fn word(value: u64) -> Self::Word {
        shuttle::sync::atomic::AtomicU64::new(value)
    }
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<FirstUse> + Send>>) -> Vec<Vec<FirstUse>> {
        let threads: Vec<_> = threads.into_iter().map(shuttle::thread::spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

impl Atomic for shuttle::sync::atomic::AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }
    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }
    fn fetch_max(&self, value: u64, order: Ordering) {
        self.fetch_max(value, order);
    }
    fn compare_exchange(&self, old: u64, new: u64, success: Ordering, failure: Ordering) -> bool {
        self.compare_exchange(old, new, success, failure).is_ok()
    }
    fn fence(order: Ordering) {
        shuttle::sync::atomic::fence(order);
    }
}

impl Swap for shuttle::sync::atomic::AtomicU64 {
    fn swap(&self, new: u64) {
        self.store(new, Ordering::SeqCst);
    }
}

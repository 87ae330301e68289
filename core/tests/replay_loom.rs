//! The replay protocol in every interleaving of two claims, of three with a bounded number of preemptions, and under what
//! weak memory may show to each of them; with planted faults that must be found. The steps and their memory orders are those that
//! ship: the files of `core/src/memory/replay` are compiled for the words of the model checker.
//!
//! ```text
//! cargo test -p countersign --test replay_loom
//! REPLAY_LOOM_PREEMPTIONS=4 cargo test --release -p countersign --test replay_loom      the long form
//! ```

#![allow(clippy::unwrap_used)]

#[path = "../src/memory/replay/atomic.rs"]
mod atomic;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/memory/replay/header.rs"]
mod header;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/memory/replay/protocol.rs"]
mod protocol;
mod replay_model;

use std::cell::{Cell, RefCell};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use atomic::Atomic;
use header::{AttachError, FLOOR_AT, HEADER_WORDS};
use protocol::{EMPTY, FirstUse, ReplayWindow, Word, record_use_in};
use replay_model::*;

#[test]
fn no_second_winner_of_two() {
    for scenario in [twins(), replay_while_overwritten(), replay_while_times_are_replaced(), twins_apart()] {
        check::<Loom>(None, scenario, record_use_in, false);
    }
}

#[test]
fn no_second_winner_of_three() {
    let preemptions = std::env::var("REPLAY_LOOM_PREEMPTIONS").ok().and_then(|count| count.parse().ok());
    for scenario in
        [twins_and_rival(), twins_and_overwriter(), replay_while_two_overwrite(), twins_ahead_and_a_worker_behind()]
    {
        check::<Loom>(Some(preemptions.unwrap_or(2)), scenario, record_use_in, false);
    }
}

#[test]
fn a_torn_exchange_is_found() {
    assert!(catch_unwind(|| check::<Torn<Loom>>(None, twins(), record_use_in, false)).is_err());
}

#[test]
fn who_joins_a_store_sees_all_of_it() {
    attach_while_initialised();
}

/// Each memory order that ships is weakened by one step, alone, and some check must miss it. Fails too where an order is stronger than
/// the checks require.
#[test]
fn each_memory_order_is_needed() {
    let checks = [claim_while_overwritten, claim_while_times_are_replaced, attach_while_initialised];
    for check in checks {
        check();
    }
    let shipped = SHIPPED.take();
    let mut operations: Vec<String> = shipped.iter().map(|(operation, _)| format!("{operation:?}")).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["Exchange", "Fence", "Load", "Store"], "operations with an order");
    for (operation, order) in shipped {
        for weaker in one_step_weaker(operation, order) {
            WEAKENED.set(Some((operation, order, *weaker)));
            let found = checks.iter().filter(|check| catch_unwind(**check).is_err()).count();
            WEAKENED.set(None);
            println!("{operation:?}: {order:?} weakened to {weaker:?}: {found} of {} checks fail", checks.len());
            assert_ne!(found, 0, "{operation:?}: {order:?} weakened to {weaker:?} passes every check");
        }
    }
}

#[test]
fn forgotten_times_read_too_early_are_found() {
    assert!(catch_unwind(|| check::<Loom>(None, replay_while_overwritten(), times_first, false)).is_err());
}

#[test]
fn times_forgotten_too_late_are_found() {
    assert!(catch_unwind(|| check::<Loom>(None, replay_while_overwritten(), forgotten_late, false)).is_err());
}

#[test]
fn an_interval_read_after_the_floor_or_replaced_before_it_is_raised_is_found() {
    for protocol in [floor_first, unordered, replaced_early] {
        assert!(catch_unwind(|| check::<Loom>(None, replay_while_times_are_replaced(), protocol, false)).is_err());
    }
}

#[test]
fn proofs_that_were_taken_for_the_lost_one_are_found() {
    assert!(
        catch_unwind(|| check::<Loom>(Some(2), twins_ahead_and_a_worker_behind(), forgotten_alone, false)).is_err()
    );
}

#[test]
fn slots_judged_by_the_clock_are_found() {
    assert!(catch_unwind(|| check::<Loom>(None, twins_apart(), record_use_in, true)).is_err());
}

fn claim_while_overwritten() {
    check::<Loom>(None, replay_while_overwritten(), record_use_in, false);
}

fn claim_while_times_are_replaced() {
    check::<Loom>(None, replay_while_times_are_replaced(), record_use_in, false);
}

/// One process initialises memory that holds anything; another attaches before, meanwhile or after.
fn attach_while_initialised() {
    const WINDOW: ReplayWindow = ReplayWindow { max_age_seconds: 60, future_seconds: 5 };
    const SEED: [u64; 2] = [3, 4];
    let outcomes = Arc::new(std::sync::Mutex::new((0, 0)));
    let seen = Arc::clone(&outcomes);
    loom::model(move || {
        let words: Arc<Vec<LoomWord>> = Arc::new((0..HEADER_WORDS + 2).map(|_| Loom::word(u64::MAX)).collect());
        let memory = Arc::clone(&words);
        let initialising = loom::thread::spawn(move || header::initialise(&memory, WINDOW, SEED));
        match header::read(&words, WINDOW) {
            Ok(joined) => {
                assert_eq!(joined, (WINDOW, SEED));
                for word in words.iter().skip(FLOOR_AT) {
                    assert_eq!(word.read(), EMPTY, "the earlier content of the memory");
                }
                seen.lock().unwrap().0 += 1;
            }
            Err(fault) => {
                assert_eq!(fault, AttachError::NotInitialised);
                seen.lock().unwrap().1 += 1;
            }
        }
        initialising.join().unwrap();
    });
    let (joined, refused) = *outcomes.lock().unwrap();
    assert!(joined > 0 && refused > 0, "{joined} joined, {refused} refused");
}

fn check<M: Machine>(preemptions: Option<usize>, scenario: Scenario, protocol: Protocol<M::Word>, by_clock: bool) {
    let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&executions);
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
    fn run(threads: Vec<Box<dyn FnOnce() -> Vec<FirstUse> + Send>>) -> Vec<Vec<FirstUse>> {
        let mut threads = threads.into_iter();
        let first = threads.next().unwrap();
        let others: Vec<_> = threads.map(loom::thread::spawn).collect();
        let first = first();
        core::iter::once(first).chain(others.into_iter().map(|thread| thread.join().unwrap())).collect()
    }
}

/// What an order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Load,
    Store,
    Maximum,
    Exchange,
    FailedExchange,
    Fence,
}

// The threads of a model are coroutines on the thread of its test.
thread_local! {
    /// The orders other than `Relaxed` that were asked for.
    static SHIPPED: RefCell<Vec<(Operation, Ordering)>> = const { RefCell::new(Vec::new()) };
    /// Planted fault: the second order in place of the first.
    static WEAKENED: Cell<Option<(Operation, Ordering, Ordering)>> = const { Cell::new(None) };
}

/// The order to run with, which is the one that ships unless it is weakened.
fn order(operation: Operation, shipped: Ordering) -> Ordering {
    if shipped != Ordering::Relaxed {
        SHIPPED.with_borrow_mut(|orders| {
            if !orders.contains(&(operation, shipped)) {
                orders.push((operation, shipped));
            }
        });
    }
    match WEAKENED.get() {
        Some((at, from, to)) if (at, from) == (operation, shipped) => to,
        _ => shipped,
    }
}

fn one_step_weaker(operation: Operation, order: Ordering) -> &'static [Ordering] {
    match (order, operation) {
        (Ordering::Relaxed, _) => &[],
        (Ordering::SeqCst, Operation::Load | Operation::FailedExchange) => &[Ordering::Acquire],
        (Ordering::SeqCst, Operation::Store) => &[Ordering::Release],
        (Ordering::SeqCst, _) => &[Ordering::AcqRel],
        (Ordering::AcqRel, _) => &[Ordering::Acquire, Ordering::Release],
        _ => &[Ordering::Relaxed],
    }
}

impl Atomic for LoomWord {
    fn load(&self, shipped: Ordering) -> u64 {
        self.witnessed().load(order(Operation::Load, shipped))
    }
    fn store(&self, value: u64, shipped: Ordering) {
        self.witnessed().store(value, order(Operation::Store, shipped));
    }
    fn fetch_max(&self, value: u64, shipped: Ordering) {
        self.witnessed().fetch_max(value, order(Operation::Maximum, shipped));
    }
    fn compare_exchange(&self, old: u64, new: u64, success: Ordering, failure: Ordering) -> bool {
        let (success, failure) = (order(Operation::Exchange, success), order(Operation::FailedExchange, failure));
        self.witnessed().compare_exchange(old, new, success, failure).is_ok()
    }
    fn fence(shipped: Ordering) {
        match order(Operation::Fence, shipped) {
            // A fence without an order is none.
            Ordering::Relaxed => {}
            order => loom::sync::atomic::fence(order),
        }
    }
}

impl Swap for LoomWord {
    fn swap(&self, new: u64) {
        self.witnessed().store(new, Ordering::SeqCst);
    }
}

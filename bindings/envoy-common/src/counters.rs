//! How many requests were accepted and refused, by policy and reason.
//!
//! A labelled counter of Envoy is looked up by its labels each time, and all workers write to the same one. So workers count for
//! themselves, each in its own memory, and the main thread carries the sums over.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use countersign::Reason;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The place of the policy among all, by name.
    pub policy: usize,
    /// Why it was refused, if it was.
    pub reason: Option<Reason>,
    /// Whether a refused request passed all the same.
    pub shadowed: bool,
}

/// The counts of one worker.
#[derive(Debug)]
pub struct WorkerCounters {
    counts: Box<[AtomicU64]>,
}

/// Accepted, and each reason refused or shadowed.
const ROW: usize = 1 + 2 * Reason::COUNT;

impl WorkerCounters {
    /// Nothing counted yet, for so many policies.
    #[must_use]
    pub fn new(policies: usize) -> Self {
        Self { counts: (0..policies * ROW).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one request.
    pub fn count(&self, outcome: Outcome) {
        let column = match outcome.reason {
            None => 0,
            Some(reason) => 1 + 2 * reason.index() + usize::from(outcome.shadowed),
        };
        if let Some(count) = self.counts.get(outcome.policy * ROW + column) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The counts that the main thread has carried over so far.
#[derive(Debug, Default)]
pub struct Carried {
    counts: Vec<u64>,
}

impl Carried {
    /// Passes each count that has grown, with its growth, to `add`: the place of the policy, the outcome and the reason.
    pub fn carry(&mut self, counters: &[WorkerCounters], mut add: impl FnMut(usize, &'static str, &'static str, u64)) {
        let cells = counters.first().map_or(0, |counters| counters.counts.len());
        self.counts.resize(cells, 0);
        for (cell, carried) in self.counts.iter_mut().enumerate() {
            let read =
                |counters: &WorkerCounters| counters.counts.get(cell).map_or(0, |count| count.load(Ordering::Relaxed));
            let sum: u64 = counters.iter().map(read).sum();
            if sum > *carried {
                let (outcome, reason) = names(cell % ROW);
                add(cell / ROW, outcome, reason, sum - *carried);
                *carried = sum;
            }
        }
    }
}

fn names(column: usize) -> (&'static str, &'static str) {
    let Some(place) = column.checked_sub(1) else { return ("accepted", "accepted") };
    let reason = Reason::ALL.get(place / 2).map_or("", |reason| reason.code());
    (if place % 2 == 0 { "refused" } else { "shadowed" }, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_is_carried_over_once() {
        let counters = [WorkerCounters::new(2), WorkerCounters::new(2)];
        let refused = |shadowed| Outcome { policy: 1, reason: Some(Reason::TokenExpired), shadowed };
        counters[0].count(Outcome { policy: 0, reason: None, shadowed: false });
        counters[1].count(Outcome { policy: 0, reason: None, shadowed: false });
        counters[1].count(refused(false));
        counters[0].count(refused(true));
        let mut carried = Carried::default();
        let mut all = |counters: &[WorkerCounters]| {
            let mut found = Vec::new();
            carried.carry(counters, |policy, outcome, reason, by| found.push((policy, outcome, reason, by)));
            found
        };
        let expired = |outcome| (1, outcome, "token_expired", 1);
        assert_eq!(all(&counters), [(0, "accepted", "accepted", 2), expired("refused"), expired("shadowed")]);
        assert_eq!(all(&counters), []);
        counters[0].count(refused(false));
        assert_eq!(all(&counters), [expired("refused")]);
    }

    #[test]
    fn every_reason_has_its_column() {
        for reason in Reason::ALL {
            assert_eq!(names(1 + 2 * reason.index()), ("refused", reason.code()));
            assert_eq!(names(2 + 2 * reason.index()), ("shadowed", reason.code()));
        }
    }
}

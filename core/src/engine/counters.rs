//! How many requests were accepted, and refused by each reason.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::reason::Reason;

#[derive(Debug)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    refused: [AtomicU64; Reason::COUNT],
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self { accepted: AtomicU64::new(0), refused: [const { AtomicU64::new(0) }; Reason::COUNT] }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self, reason: Reason) -> u64 {
        self.refused.get(reason.index()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, reason: Option<Reason>) {
        let counter = match reason {
            None => Some(&self.accepted),
            Some(reason) => self.refused.get(reason.index()),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

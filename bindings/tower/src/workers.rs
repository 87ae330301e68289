//! The workers of the threads that decide.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use countersign_reload::{NoRandomness, SharedEngine, SharedWorker, seed};

/// As many workers as threads decide at once. A decision takes microseconds and never waits, so a thread may wait for a worker.
pub(crate) struct Workers {
    first: Mutex<SharedWorker>,
    others: Box<[Mutex<SharedWorker>]>,
}

/// The number of this thread, so that it has the same worker each time, with the tokens that it verified before.
fn of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

impl Workers {
    pub(crate) fn new(engine: &SharedEngine, count: usize) -> Result<Self, NoRandomness> {
        let worker = || Ok(Mutex::new(SharedWorker::growing(engine, seed()?)));
        Ok(Self { first: worker()?, others: (1..count).map(|_| worker()).collect::<Result<_, _>>()? })
    }

    /// Calls `with` with this thread's worker, or with another one that is free.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&mut SharedWorker) -> T) -> T {
        let count = self.others.len() + 1;
        let place = of_this_thread() % count;
        let own = place.checked_sub(1).and_then(|place| self.others.get(place)).unwrap_or(&self.first);
        let all = std::iter::once(&self.first).chain(&self.others);
        for worker in std::iter::once(own).chain(all) {
            match worker.try_lock() {
                Ok(mut worker) => return with(&mut worker),
                // Each decision begins anew, so a worker whose decision was broken off is as good as any.
                Err(TryLockError::Poisoned(worker)) => return with(&mut worker.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        with(&mut own.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

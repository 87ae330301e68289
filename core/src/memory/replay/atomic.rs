//! The memory orders of the store: this text ships, and the model checkers run it on atomic words of their own.
//!
//! Each order other than `Relaxed` is one that the proof in `protocol.rs` or the header needs, and no order is stronger than that:
//! `core/tests/replay_loom.rs` weakens them one by one and requires that a check fails each time.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::header::HeaderWord;
use super::protocol::Word;

/// An atomic word with its memory orders left open: the processor's, or one of a model checker.
pub(super) trait Atomic {
    fn load(&self, order: Ordering) -> u64;
    fn store(&self, value: u64, order: Ordering);
    fn fetch_max(&self, value: u64, order: Ordering);
    /// Whether the word was `old` and is now `new`; never fails without cause.
    fn compare_exchange(&self, old: u64, new: u64, success: Ordering, failure: Ordering) -> bool;
    fn fence(order: Ordering);
}

impl<A: Atomic> Word for A {
    #[inline]
    fn read(&self) -> u64 {
        // `acquire` orders all reads before it at once.
        self.load(Ordering::Relaxed)
    }
    #[inline]
    fn raise(&self, floor: u64) {
        // The floor only rises. Within a claim the exchange that follows releases it; `refuse_until` is ordered before the claims of
        // other threads by how its caller hands the store on.
        self.fetch_max(floor, Ordering::Relaxed);
    }
    #[inline]
    fn exchange(&self, old: u64, new: u64) -> bool {
        // Releases the floor that was read or raised. It acquires nothing: after a success nothing is read, and after a failure the scan
        // begins again and ends in `acquire`.
        self.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed)
    }
    #[inline]
    fn acquire() {
        // Pairs with the exchange that wrote any of the words read before.
        Self::fence(Ordering::Acquire);
    }
}

impl<A: Atomic> HeaderWord for A {
    #[inline]
    fn publish(&self, value: u64) {
        // Releases all that was written before: the last word written makes the store valid.
        self.store(value, Ordering::Release);
    }
    #[inline]
    fn read_published(&self) -> u64 {
        // Pairs with `publish`.
        self.load(Ordering::Acquire)
    }
}

impl Atomic for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }
    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }
    #[inline]
    fn fetch_max(&self, value: u64, order: Ordering) {
        self.fetch_max(value, order);
    }
    #[inline]
    fn compare_exchange(&self, old: u64, new: u64, success: Ordering, failure: Ordering) -> bool {
        self.compare_exchange(old, new, success, failure).is_ok()
    }
    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

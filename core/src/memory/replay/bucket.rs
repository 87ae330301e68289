//! A store whose buckets are values of a host: each is read whole and exchanged whole, if no other writer exchanged it in between.
//!
//! The protocol is that of `protocol.rs`, run on a copy. The exchange of the whole bucket is its one atomic step, so of two claims
//! that read the same bucket one has to read it again.

use core::cell::Cell;

use super::protocol::{Bucketed, EMPTY, Entry, FirstUse, ReplayWindow, Word, record_use_in, was_used_in};
use super::state::{ReplayState, Survey};
use super::{BUCKET_WORDS, SLOTS, place};
use crate::time::UnixSeconds;

/// The buckets of a store, and the proofs that belong to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// In which time around its `iat` a proof is accepted.
    pub window: ReplayWindow,
    /// Random, and the same for all who share the store.
    pub seed: [u64; 2],
    /// How many there are; see [`buckets_for`].
    pub count: usize,
}

/// How many buckets a store needs that is planned for `live_proofs`: half full then.
#[must_use]
pub const fn buckets_for(live_proofs: usize) -> usize {
    let buckets = live_proofs.div_ceil(SLOTS / 2);
    if buckets == 0 { 1 } else { buckets }
}

impl Buckets {
    /// The bucket that a proof belongs to; `proof` as for [`ReplayStore::record_use`](super::ReplayStore::record_use).
    #[must_use]
    pub fn of(&self, proof: &[u8; 32]) -> usize {
        place(self.seed, self.count, proof).0
    }

    /// Claims a proof in a copy of its bucket. It is claimed once the copy took the bucket's place: on [`FirstUse::Recorded`] and only then
    /// the caller exchanges it, and if another writer was first, begins again with the current value.
    pub fn record_use(
        &self,
        bucket: &mut Bucket,
        proof: &[u8; 32],
        issued_at: UnixSeconds,
        now: UnixSeconds,
    ) -> FirstUse {
        let ReplayWindow { max_age_seconds, future_seconds } = self.window;
        if issued_at > now.plus(future_seconds.into()) || now > issued_at.plus(max_age_seconds.into()) {
            return FirstUse::Unknowable;
        }
        let (_, fingerprint) = place(self.seed, self.count, proof);
        // The floor of the whole store is in the floor of each bucket from its beginning.
        record_use_in(0, &bucket.parts(), &Entry::new(fingerprint, issued_at.as_u64(), self.window))
    }

    /// Whether a use of `proof` is recorded in its bucket; records nothing.
    #[must_use]
    pub fn was_used(&self, bucket: &Bucket, proof: &[u8; 32], issued_at: UnixSeconds) -> bool {
        let (_, fingerprint) = place(self.seed, self.count, proof);
        was_used_in(&bucket.parts(), &Entry::new(fingerprint, issued_at.as_u64(), self.window))
    }

    /// How full a store is and what it refuses at `now`, estimated by some of its buckets.
    #[must_use]
    pub fn state<'b>(&self, some: impl IntoIterator<Item = &'b Bucket>, now: UnixSeconds) -> ReplayState {
        let mut survey = Survey::new(self.window, UnixSeconds::new(0), now);
        for bucket in some {
            survey.add(&bucket.parts());
        }
        survey.state(self.count)
    }
}

/// A copy of one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    floor: Cell<u64>,
    interval: Cell<u64>,
    slots: [Cell<u64>; SLOTS],
}

impl Bucket {
    /// The length of a bucket as bytes.
    pub const BYTES: usize = 8 * BUCKET_WORDS;

    /// A bucket in which nothing was claimed yet. It refuses proofs with an `iat` before `floor`, which are from before the store.
    #[must_use]
    pub const fn new(floor: UnixSeconds) -> Self {
        Self {
            floor: Cell::new(floor.as_u64()),
            interval: Cell::new(EMPTY),
            slots: [const { Cell::new(EMPTY) }; SLOTS],
        }
    }

    /// A bucket from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let bucket = Self::new(UnixSeconds::new(0));
        for (to, word) in bucket.words().zip(words) {
            to.set(u64::from_le_bytes(*word));
        }
        (words.len() == BUCKET_WORDS && rest.is_empty()).then_some(bucket)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.words()) {
            *to = word.get().to_le_bytes();
        }
        bytes
    }

    fn words(&self) -> impl Iterator<Item = &Cell<u64>> {
        [&self.floor, &self.interval].into_iter().chain(&self.slots)
    }

    fn parts(&self) -> Bucketed<'_, Cell<u64>> {
        Bucketed { floor: &self.floor, interval: &self.interval, slots: &self.slots }
    }
}

/// A word of a copy, which no other thread sees.
impl Word for Cell<u64> {
    fn read(&self) -> u64 {
        self.get()
    }
    fn raise(&self, floor: u64) {
        self.set(self.get().max(floor));
    }
    fn exchange(&self, old: u64, new: u64) -> bool {
        let is_old = self.get() == old;
        if is_old {
            self.set(new);
        }
        is_old
    }
    fn acquire() {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ReplayStore;
    use super::*;

    const WINDOW: ReplayWindow = ReplayWindow { max_age_seconds: 60, future_seconds: 5 };
    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

    fn digest(number: u16) -> [u8; 32] {
        crate::crypto::sha256(&number.to_be_bytes())
    }

    #[test]
    fn a_proof_is_claimed_once_and_bytes_keep_it() {
        let buckets = Buckets { window: WINDOW, seed: [1, 2], count: buckets_for(1) };
        let mut bucket = Bucket::new(UnixSeconds::new(0));
        assert_eq!(buckets.record_use(&mut bucket, &digest(1), NOW, NOW), FirstUse::Recorded);
        let mut again = Bucket::from_bytes(&bucket.to_bytes()).unwrap();
        assert_eq!(again, bucket);
        assert_eq!(buckets.record_use(&mut again, &digest(1), NOW, NOW.plus(1)), FirstUse::Replayed);
        assert_eq!(buckets.record_use(&mut again, &digest(1), NOW, NOW.plus(61)), FirstUse::Unknowable);
        assert_eq!(buckets.record_use(&mut Bucket::new(NOW.plus(1)), &digest(1), NOW, NOW), FirstUse::Unknowable);
        for length in [0, 8, Bucket::BYTES - 1, Bucket::BYTES + 8] {
            assert_eq!(Bucket::from_bytes(&std::vec![0; length]), None);
        }
    }

    #[test]
    fn a_full_bucket_says_so() {
        let buckets = Buckets { window: WINDOW, seed: [1, 2], count: 1 };
        let mut bucket = Bucket::new(UnixSeconds::new(0));
        let claims = (0..200).map(|number| buckets.record_use(&mut bucket, &digest(number), NOW, NOW));
        let firsts = claims.filter(|claim| *claim == FirstUse::Recorded).count();
        assert_eq!(firsts, SLOTS);
        assert_eq!(buckets.record_use(&mut bucket, &digest(999), NOW, NOW), FirstUse::Full);
        let later = NOW.plus(70);
        assert_eq!(buckets.record_use(&mut bucket, &digest(999), later, later), FirstUse::Recorded);
    }

    proptest! {
        /// Beside the store that works word by word, for the same proofs at the same times.
        #[test]
        fn a_store_of_one_bucket_answers_alike(claims in prop::collection::vec((0u16..200, 0u64..300, 0u64..75), 1..600)) {
            let store = ReplayStore::new(SLOTS / 2, WINDOW, [3, 4]);
            prop_assert_eq!(store.slots(), SLOTS);
            let buckets = Buckets { window: WINDOW, seed: [3, 4], count: buckets_for(SLOTS / 2) };
            let mut bucket = Bucket::new(UnixSeconds::new(0));
            let mut now = NOW;
            for (number, forward, age) in claims {
                now = if forward < 280 { now.plus(forward / 40) } else { UnixSeconds::new(now.as_u64() - forward % 7) };
                let issued_at = UnixSeconds::new(now.as_u64() + 5 - age);
                let mut copy = Bucket::from_bytes(&bucket.to_bytes()).unwrap();
                let expected = store.record_use(&digest(number), issued_at, now);
                let found = buckets.record_use(&mut copy, &digest(number), issued_at, now);
                prop_assert_eq!(found, expected);
                if found == FirstUse::Recorded {
                    bucket = copy;
                }
                let was_used = store.was_used(&digest(number), issued_at);
                prop_assert_eq!(buckets.was_used(&bucket, &digest(number), issued_at), was_used);
                match found {
                    FirstUse::Recorded | FirstUse::Replayed => prop_assert!(was_used),
                    FirstUse::Full | FirstUse::OverShare => prop_assert!(!was_used),
                    FirstUse::Unknowable => {}
                }
            }
        }
    }
}

//! Which proofs were used, for all VMs: buckets in shared data, each exchanged whole (`countersign::internal::memory::replay::Buckets`).
//!
//! A header says what all have to agree on. It is read with every claim, so that a store that was made wider holds for every
//! filter from its next request on.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use countersign::internal::memory::replay::{Bucket, Buckets, buckets_for};
use countersign::{FirstUse, Replay, ReplayError, ReplayState, ReplayWindow, UnixSeconds};

use crate::host::Host;
use crate::shared::{self, ABSENT, Reader, SharedError};

/// The store of one name.
pub(crate) struct SharedReplay<H> {
    host: H,
    key: String,
}

/// What a configuration needs of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) window: ReplayWindow,
    pub(crate) proofs: usize,
    /// Whether proofs from before the store was made may pass.
    pub(crate) forget: bool,
}

/// What all have to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// Buckets of an earlier one are empty.
    generation: u64,
    /// Proofs with an `iat` before it are refused.
    floor: UnixSeconds,
    buckets: Buckets,
}

/// How often a bucket is read again because another VM wrote it in between.
const TURNS: usize = 100;

/// How many buckets are read to see how full the store is: the estimate is right within a few in a hundred.
const SAMPLE: usize = 64;

/// The floor of a store that is being made: every proof is refused until the clock was read.
const NOT_YET: UnixSeconds = UnixSeconds::new(u64::MAX);

impl<H: Host> SharedReplay<H> {
    /// The store called `name`, which has no `/` in it, since the keys of its buckets begin with it. Until a VM prepared it, it does not answer.
    ///
    /// The keys of another layout have another beginning: VMs of two versions may share data while one takes the place of the other.
    pub(crate) fn named(host: &H, name: &str) -> Self {
        Self { host: host.clone(), key: format!("countersign/used-proofs/{name}") }
    }

    /// Makes the store if it is not there, and wide enough for `need`.
    ///
    /// A store that is new refuses proofs from before it was made, since another one may have seen them; unless `need` says that
    /// such proofs may be used once more. So does a store that was made wider, always: it begins empty.
    ///
    /// The clock is read once the store refuses all proofs. A claim that another VM ends before that, by an earlier clock, is of a
    /// proof that is refused for good; one that ends after it has met the new header, see `claim_once`.
    pub(crate) fn prepare(&self, need: Need, seed: [u64; 2]) -> Result<(), SharedError> {
        let count = buckets_for(need.proofs);
        shared::change(&self.host, &self.key, |value| {
            let header = match value.and_then(Header::read) {
                None => Header {
                    generation: 1,
                    floor: if need.forget { UnixSeconds::new(0) } else { NOT_YET },
                    buckets: Buckets { window: need.window, seed, count },
                },
                Some(header) if header.buckets.window.covers(need.window) && header.buckets.count >= count => {
                    return (None, ());
                }
                Some(Header { generation, buckets, .. }) => {
                    let window = ReplayWindow {
                        max_age_seconds: buckets.window.max_age_seconds.max(need.window.max_age_seconds),
                        future_seconds: buckets.window.future_seconds.max(need.window.future_seconds),
                    };
                    Header {
                        generation: generation.saturating_add(1),
                        floor: NOT_YET,
                        buckets: Buckets { window, count: buckets.count.max(count), ..buckets },
                    }
                }
            };
            (Some(header.write()), ())
        })?;
        // Also where the VM that made the store ended before it came here.
        shared::change(&self.host, &self.key, |value| match value.and_then(Header::read) {
            Some(header) if header.floor == NOT_YET => {
                let now = UnixSeconds::new(self.host.nanoseconds() / 1_000_000_000);
                // As `ReplayStore::refuse_until` has it.
                let floor = now.plus(header.buckets.window.future_seconds.into()).plus(1);
                (Some(Header { floor, ..header }.write()), ())
            }
            _ => (None, ()),
        })
    }

    fn header(&self) -> Option<Header> {
        Header::read(&self.host.shared(&self.key)?.0)
    }

    fn claim_once(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Option<Turn> {
        let Header { generation, floor, buckets } = self.header()?;
        let key = format!("{}/{}", self.key, buckets.of(proof));
        let (mut bucket, seen) = match self.host.shared(&key) {
            None => (Bucket::new(floor), ABSENT),
            Some((value, seen)) => {
                let (of, bytes) = value.split_first_chunk::<8>()?;
                match u64::from_le_bytes(*of) {
                    of if of == generation => (Bucket::from_bytes(bytes)?, seen),
                    of if of < generation => (Bucket::new(floor), seen),
                    // Made wider since the header was read.
                    _ => return Some(Turn::Again),
                }
            }
        };
        let claim = buckets.record_use(&mut bucket, proof, issued_at, now);
        if claim != FirstUse::Recorded {
            return Some(Turn::Done(claim));
        }
        let mut value = Vec::with_capacity(8 + Bucket::BYTES);
        value.extend(generation.to_le_bytes());
        value.extend(bucket.to_bytes());
        if !self.host.exchange(&key, &value, seen).ok()? {
            return Some(Turn::Again);
        }
        // A store that was made wider meanwhile has no entry of this proof, and may have read the clock later than this claim did.
        let is_current = self.header()?.generation == generation;
        Some(Turn::Done(if is_current { claim } else { FirstUse::Unknowable }))
    }

    /// The bucket of this index, as the claims of this generation see it.
    fn bucket(&self, header: &Header, index: usize) -> Option<Bucket> {
        let empty = || Bucket::new(header.floor);
        let Some((value, _)) = self.host.shared(&format!("{}/{index}", self.key)) else { return Some(empty()) };
        let (of, bytes) = value.split_first_chunk::<8>()?;
        if u64::from_le_bytes(*of) == header.generation { Bucket::from_bytes(bytes) } else { Some(empty()) }
    }
}

enum Turn {
    Done(FirstUse),
    /// Another VM was faster.
    Again,
}

impl<H: Host> Replay for SharedReplay<H> {
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError> {
        for _ in 0..TURNS {
            match self.claim_once(proof, issued_at, now) {
                Some(Turn::Done(claim)) => return Ok(claim),
                Some(Turn::Again) => {}
                None => break,
            }
        }
        Err(ReplayError)
    }

    fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> Result<bool, ReplayError> {
        let header = self.header().ok_or(ReplayError)?;
        let bucket = self.bucket(&header, header.buckets.of(proof)).ok_or(ReplayError)?;
        Ok(header.buckets.was_used(&bucket, proof, issued_at))
    }

    /// Estimated by some buckets, others each second.
    fn state(&self, now: UnixSeconds) -> Option<ReplayState> {
        let header = self.header()?;
        let step = header.buckets.count.div_ceil(SAMPLE).max(1);
        let first = usize::try_from(now.as_u64()).unwrap_or_default() % step;
        let some: Vec<Bucket> =
            (first..header.buckets.count).step_by(step).filter_map(|index| self.bucket(&header, index)).collect();
        Some(header.buckets.state(&some, now))
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut next = || reader.number();
        let [generation, floor, age, future, s0, s1, count] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        let window =
            ReplayWindow { max_age_seconds: u32::try_from(age).ok()?, future_seconds: u32::try_from(future).ok()? };
        let buckets = Buckets { window, seed: [s0, s1], count: usize::try_from(count).ok()? };
        Some(Self { generation, floor: UnixSeconds::new(floor), buckets })
    }

    fn write(self) -> Vec<u8> {
        let Self { generation, floor, buckets: Buckets { window, seed: [s0, s1], count } } = self;
        let (age, future) = (window.max_age_seconds.into(), window.future_seconds.into());
        let numbers = [generation, floor.as_u64(), age, future, s0, s1, count as u64];
        numbers.into_iter().flat_map(u64::to_le_bytes).collect()
    }
}

//! Which proofs were used, for all VMs: buckets in shared data, each exchanged whole (`countersign::memory::replay::Buckets`).
//!
//! A header says what all have to agree on. It is read with every claim, so that a store that was made wider holds for every
//! filter from its next request on.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use countersign::engine::{Replay, ReplayUnavailable};
use countersign::memory::replay::{Bucket, Buckets, Claim, Window, buckets_for};
use countersign::time::UnixSeconds;

use crate::host::Host;
use crate::shared::{self, ABSENT, Reader, SharedFault};

/// The store of one name.
pub(crate) struct SharedReplay<H> {
    host: H,
    key: String,
}

/// What a configuration needs of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) window: Window,
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

impl<H: Host> SharedReplay<H> {
    /// The store called `name`. Until somebody prepared it, it does not answer.
    pub(crate) fn named(host: &H, name: &str) -> Self {
        Self { host: host.clone(), key: format!("countersign/proofs/{name}") }
    }

    /// Makes the store if it is not there, and wide enough for `need`.
    ///
    /// A store that is new refuses proofs from before it was made, since another one may have seen them; unless `need` says that
    /// such proofs may be used once more. So does a store that was made wider, always: it begins empty.
    pub(crate) fn prepare(&self, need: Need, now: UnixSeconds, seed: [u64; 2]) -> Result<(), SharedFault> {
        let count = buckets_for(need.proofs);
        // As `ReplayStore::refuse_until` has it.
        let from_now_on = |window: Window| now.plus(window.future_seconds.into()).plus(1);
        shared::change(&self.host, &self.key, |value| {
            let header = match value.and_then(Header::read) {
                None => Header {
                    generation: 1,
                    floor: if need.forget { UnixSeconds::new(0) } else { from_now_on(need.window) },
                    buckets: Buckets { window: need.window, seed, count },
                },
                Some(header) if header.buckets.window.covers(need.window) && header.buckets.count >= count => {
                    return (None, ());
                }
                Some(Header { generation, buckets, .. }) => {
                    let window = Window {
                        max_age_seconds: buckets.window.max_age_seconds.max(need.window.max_age_seconds),
                        future_seconds: buckets.window.future_seconds.max(need.window.future_seconds),
                    };
                    Header {
                        generation: generation.saturating_add(1),
                        floor: from_now_on(window),
                        buckets: Buckets { window, count: buckets.count.max(count), ..buckets },
                    }
                }
            };
            (Some(header.write()), ())
        })
    }

    fn claim_once(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Option<Turn> {
        let (header, _) = self.host.shared(&self.key)?;
        let Header { generation, floor, buckets } = Header::read(&header)?;
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
        let claim = buckets.claim(&mut bucket, proof, issued_at, now);
        if claim != Claim::First {
            return Some(Turn::Done(claim));
        }
        let mut value = Vec::with_capacity(8 + Bucket::BYTES);
        value.extend(generation.to_le_bytes());
        value.extend(bucket.to_bytes());
        let exchanged = self.host.exchange(&key, &value, seen).ok()?;
        Some(if exchanged { Turn::Done(claim) } else { Turn::Again })
    }
}

enum Turn {
    Done(Claim),
    /// Another VM was faster.
    Again,
}

impl<H: Host> Replay for SharedReplay<H> {
    fn claim(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<Claim, ReplayUnavailable> {
        for _ in 0..TURNS {
            match self.claim_once(proof, issued_at, now) {
                Some(Turn::Done(claim)) => return Ok(claim),
                Some(Turn::Again) => {}
                None => break,
            }
        }
        Err(ReplayUnavailable)
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut next = || reader.number();
        let [generation, floor, age, future, s0, s1, count] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        let window = Window { max_age_seconds: u32::try_from(age).ok()?, future_seconds: u32::try_from(future).ok()? };
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

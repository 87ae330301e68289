//! How full a store is and what it refuses: for gauges and logs.

use super::SLOTS;
use super::protocol::{Bucketed, Forgotten, ReplayWindow, Word, is_taken};
use crate::time::UnixSeconds;

/// How a replay store is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayState {
    /// How many proofs it can hold at once; plan for half of it.
    pub slots: usize,
    /// How many proofs take room.
    pub live_proofs: usize,
    /// In how many of a thousand buckets a proof dated now is refused, because the store may have forgotten proofs of this time: it is new,
    /// or the clock was wrong for a while. 0 in good order.
    pub refusing_permille: u16,
    /// Until when such a proof is refused in some bucket; the moment itself in good order.
    pub refusing_until: UnixSeconds,
}

/// Buckets read one after the other, and the proofs in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    window: ReplayWindow,
    floor: u64,
    now: u64,
    until: u64,
    buckets: usize,
    live: usize,
    refusing: usize,
}

impl Survey {
    /// How many buckets are read at most: their mean is that of all within one in a hundred.
    pub(super) const BUCKETS: usize = 4_096;

    pub(super) fn new(window: ReplayWindow, floor: UnixSeconds, now: UnixSeconds) -> Self {
        let (floor, now) = (floor.as_u64(), now.as_u64());
        Self { window, floor, now, until: now, buckets: 0, live: 0, refusing: 0 }
    }

    pub(super) fn add<W: Word>(&mut self, bucket: &Bucketed<'_, W>) {
        let cutoff = self.now >> self.window.unit_shift();
        let near = self.window.near_units();
        self.buckets += 1;
        self.live += bucket.slots.iter().filter(|slot| is_taken(slot.read(), cutoff, near)).count();
        let end = Forgotten::read(bucket).end(self.now.max(self.floor));
        self.refusing += usize::from(end > self.now);
        self.until = self.until.max(end);
    }

    /// The estimate for a store of `buckets` by those that were read.
    pub(super) fn state(self, buckets: usize) -> ReplayState {
        let of_all = |count: usize, scale: usize| match self.buckets {
            0 => 0,
            read if read == scale => count,
            read => usize::try_from(count as u128 * scale as u128 / read as u128).unwrap_or(usize::MAX),
        };
        // One bucket that refuses is not none.
        let refusing = of_all(self.refusing, 1000).max(usize::from(self.refusing > 0));
        ReplayState {
            slots: buckets.saturating_mul(SLOTS),
            live_proofs: of_all(self.live, buckets),
            refusing_permille: u16::try_from(refusing).unwrap_or(1000),
            refusing_until: UnixSeconds::new(self.until),
        }
    }
}

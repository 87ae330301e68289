//! A map from exact bytes to a record of bytes, bounded in bytes.
//!
//! The key is a whole token, or the header bytes of a proof; the record is what the engine learned when it verified
//! them. Entries lie in one ring of bytes in the order of their arrival, found through sets of eight index slots:
//!
//! ```text
//! ring   [ set | lengths | key bytes | record bytes ] [ ... ] [ ... ]      oldest overwritten first
//! index  [ tag, used, place ] x 8 = one cache line                           one set per key, never a second
//! ```
//!
//! - **A hit is an equality of all bytes.** The hash reads only part of a long key and decides nothing but where to look
//!   (CVE-2026-35039: a token cache with colliding keys answered with another token's claims).
//! - **Every call is bounded.** A lookup compares at most [`WAYS`] keys; an insertion moves at most [`MOVES`] entries and
//!   otherwise writes over as many bytes as it adds. Keys that collide compete for one set and disturb no other.
//! - **Second chance.** An entry that was found since it was written is appended again when its turn to go comes, so a
//!   flood of tokens that are seen once passes by the ones in use.
//! - **No allocation in a call for an entry**: memory is allocated by the constructor and by [`RecordCache::grow`] only.
//!
//! It does not know time, keys or policy: who stores a record checks them on every hit.

use alloc::boxed::Box;
use alloc::vec;

use crate::memory::{OutOfMemory, Zeroed, filled};

/// The position of one entry: a copy, not a borrow.
///
/// It is good until the next `insert`, `remove` or `clear`; after that it reads as an entry without key and record, so
/// a handle kept too long can never show the bytes of another entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    entry: usize,
    key_len: u32,
    record_len: u32,
    stamp: u64,
}

/// A map from exact bytes to a record of bytes that never takes more memory than it was given.
#[derive(Debug)]
pub struct RecordCache {
    /// Entries, each a multiple of [`ALIGNMENT`] bytes and in one piece.
    ring: Box<[u8]>,
    index: Box<[Set]>,
    seed: [u64; 4],
    /// The number of entries that the index is sized for.
    expected_entry_bytes: usize,
    /// Of the ring and the index: as they are, and as large as [`RecordCache::grow`] may make them.
    bytes: usize,
    most_bytes: usize,
    /// Whether an entry had to go, or was refused, for want of room that `grow` can give.
    is_crowded: bool,
    layout: Layout,
    /// Grows with every change that may move or drop an entry; a [`RecordRef`] of another stamp is stale.
    stamp: u64,
    entries: usize,
    bytes_used: usize,
    hits: u64,
    misses: u64,
    evictions: u64,
}

/// The bytes of the ring and the sets of the index of a cache of so many bytes.
fn sizes(capacity_bytes: usize, expected_entry_bytes: usize) -> (usize, usize) {
    let room = entry_bytes(expected_entry_bytes.max(1), 0).unwrap_or(usize::MAX);
    let pair = room.saturating_mul(2).saturating_add(SLOTS_PER_TWO_ENTRIES * SLOT_BYTES);
    let slots = capacity_bytes / pair * SLOTS_PER_TWO_ENTRIES;
    let sets = slots.div_ceil(WAYS).min(capacity_bytes / SET_BYTES).min(u32::MAX as usize);
    let ring_bytes = if sets == 0 { 0 } else { capacity_bytes - sets * SET_BYTES };
    let ring_bytes = (ring_bytes as u64).min(RING_BYTES_MAX) as usize / ALIGNMENT * ALIGNMENT;
    (ring_bytes, sets)
}

impl RecordCache {
    /// A cache that holds at most `capacity_bytes`, its index included, for entries of about `expected_entry_bytes` (key
    /// plus record).
    ///
    /// Smaller entries than expected fill the index before the ring, larger ones the ring before the index; both only cost
    /// room. `seed` must not be known to those who choose the keys. A capacity too small for any entry makes a cache
    /// that never hits.
    #[must_use]
    pub fn new(capacity_bytes: usize, expected_entry_bytes: usize, seed: [u64; 2]) -> Self {
        Self::growing(capacity_bytes, capacity_bytes, expected_entry_bytes, seed)
    }

    /// As [`new`](Self::new), for hosts that go on without memory: `zeroed` gives as many zero bytes, if there is memory for them.
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(
        capacity_bytes: usize,
        expected_entry_bytes: usize,
        seed: [u64; 2],
        zeroed: Zeroed<'_>,
    ) -> Result<Self, OutOfMemory> {
        let (ring_bytes, sets) = sizes(capacity_bytes, expected_entry_bytes);
        let ring = zeroed(ring_bytes).filter(|ring| ring.len() == ring_bytes).ok_or(OutOfMemory)?;
        let index = filled(sets, Set([Slot::EMPTY; WAYS]))?;
        Ok(Self::within(ring, index, capacity_bytes, capacity_bytes, expected_entry_bytes, operands(seed)))
    }

    /// As [`new`](Self::new), but begins with `first_bytes` and holds `capacity_bytes` only once it was made to
    /// [`grow`](Self::grow) as far.
    #[must_use]
    pub fn growing(first_bytes: usize, capacity_bytes: usize, expected_entry_bytes: usize, seed: [u64; 2]) -> Self {
        Self::empty(first_bytes.min(capacity_bytes), capacity_bytes, expected_entry_bytes, operands(seed))
    }

    fn empty(bytes: usize, most_bytes: usize, expected_entry_bytes: usize, seed: [u64; 4]) -> Self {
        let (ring_bytes, sets) = sizes(bytes, expected_entry_bytes);
        let (ring, index) = (vec![0; ring_bytes].into(), vec![Set([Slot::EMPTY; WAYS]); sets].into());
        Self::within(ring, index, bytes, most_bytes, expected_entry_bytes, seed)
    }

    fn within(
        ring: Box<[u8]>,
        index: Box<[Set]>,
        bytes: usize,
        most_bytes: usize,
        expected_entry_bytes: usize,
        seed: [u64; 4],
    ) -> Self {
        Self {
            ring,
            index,
            seed,
            expected_entry_bytes,
            bytes,
            most_bytes,
            is_crowded: false,
            layout: Layout::default(),
            stamp: 0,
            entries: 0,
            bytes_used: 0,
            hits: 0,
            misses: 0,
            evictions: 0,
        }
    }

    /// The entry with exactly this key, marked as used.
    #[cfg_attr(feature = "fast", inline(always))]
    pub fn find(&mut self, key: &[u8]) -> Option<RecordRef> {
        let found = self.look_up(self.aim(key), key);
        match found {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        found
    }

    /// The key bytes of an entry; empty if the handle is stale.
    #[must_use]
    #[inline]
    pub fn key(&self, entry: RecordRef) -> &[u8] {
        let (key, _) = self.spans(entry);
        self.ring.get(key).unwrap_or_default()
    }

    /// The record bytes of an entry; empty if the handle is stale.
    #[must_use]
    #[inline]
    pub fn record(&self, entry: RecordRef) -> &[u8] {
        let (_, record) = self.spans(entry);
        self.ring.get(record).unwrap_or_default()
    }

    /// The record bytes of an entry, to be changed in place; empty if the handle is stale.
    #[inline]
    pub fn record_mut(&mut self, entry: RecordRef) -> &mut [u8] {
        let (_, record) = self.spans(entry);
        self.ring.get_mut(record).unwrap_or_default()
    }

    /// Stores `record` under `key`, in place of any record it had.
    ///
    /// `None` when the entry would take more than half of the ring as it is; the key then has no record at all.
    pub fn insert(&mut self, key: &[u8], record: &[u8]) -> Option<RecordRef> {
        self.stamp += 1;
        let aim = self.aim(key);
        if let Some(known) = self.look_up(aim, key) {
            if known.record_len as usize == record.len() {
                self.record_mut(known).copy_from_slice(record);
                return Some(known);
            }
            self.forget(aim.set, known.entry);
        }
        let key_len = u32::try_from(key.len()).ok()?;
        let record_len = u32::try_from(record.len()).ok()?;
        let size = entry_bytes(key.len(), record.len())?;
        if size > self.ring.len() / 2 {
            self.is_crowded |= size <= self.most_bytes / 2;
            return None;
        }

        let entry = self.make_room(size);
        let header = Header { set: aim.set, key_len, record_len };
        header.write(&mut self.ring, entry)?;
        let stored = RecordRef { entry, key_len, record_len, stamp: self.stamp };
        let (key_span, record_span) = self.spans(stored);
        self.ring.get_mut(key_span)?.copy_from_slice(key);
        self.ring.get_mut(record_span)?.copy_from_slice(record);
        self.layout.head += size;

        self.claim_slot(aim, entry);
        self.entries += 1;
        self.bytes_used += size;
        Some(stored)
    }

    /// Drops an entry; nothing happens if the handle is stale.
    pub fn remove(&mut self, entry: RecordRef) {
        if entry.stamp != self.stamp {
            return;
        }
        self.stamp += 1;
        if let Some(header) = Header::read(&self.ring, entry.entry) {
            self.forget(header.set, entry.entry);
        }
    }

    /// Drops every entry; the counters of hits, misses and evictions stay.
    pub fn clear(&mut self) {
        self.stamp += 1;
        self.index.fill(Set([Slot::EMPTY; WAYS]));
        self.layout = Layout::default();
        self.entries = 0;
        self.bytes_used = 0;
    }

    /// Takes more memory if entries had to go for want of it, four times as much at once and never more than the capacity;
    /// whether it did. Entries stay, handles are stale.
    ///
    /// The only call that allocates: for a moment in which no request waits. It moves as many bytes as the cache holds.
    pub fn grow(&mut self) -> bool {
        if !self.is_crowded || self.bytes >= self.most_bytes {
            return false;
        }
        let bytes = self.bytes.saturating_mul(GROWTH).max(LEAST_GROWN_BYTES).min(self.most_bytes);
        let mut larger = Self::empty(bytes, self.most_bytes, self.expected_entry_bytes, self.seed);
        larger.stamp = self.stamp + 1;
        let Layout { head, tail, wrapped_at } = self.layout;
        // From the oldest on, so that their order stays.
        for (mut place, end) in [(tail, wrapped_at.unwrap_or(head)), (0, wrapped_at.map_or(0, |_| head))] {
            while place < end {
                let Some(header) = Header::read(&self.ring, place) else { break };
                let entry = place;
                place = place.saturating_add(header.entry_bytes());
                let Some(slot) = self.slot_mut(header.set, entry) else { continue };
                let is_used = slot.is_used();
                let Header { key_len, record_len, .. } = header;
                let known = RecordRef { entry, key_len, record_len, stamp: self.stamp };
                let key = self.key(known);
                let stored = larger.insert(key, self.record(known));
                if is_used && stored.is_some() {
                    let _marked = larger.look_up(larger.aim(key), key);
                }
            }
        }
        (larger.hits, larger.misses, larger.evictions) = (self.hits, self.misses, self.evictions);
        larger.is_crowded = false;
        *self = larger;
        true
    }

    /// How many entries can be found.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of the entries that can be found: keys, records, headers and padding.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        self.bytes_used
    }

    /// Bytes this cache holds in all, ring and index.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.ring.len() + self.index.len() * SET_BYTES
    }

    /// How often `find` had an answer.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// How often `find` had none.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// How many entries had to go for others; removed and replaced ones are not counted.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    #[inline]
    fn aim(&self, key: &[u8]) -> Aim {
        let hash = hash(key, &self.seed);
        let (_, set) = product(hash, self.index.len() as u64);
        Aim { set: set as u32, tag: hash & 0x7f_ffff }
    }

    #[inline]
    fn look_up(&mut self, aim: Aim, key: &[u8]) -> Option<RecordRef> {
        let set = self.index.get_mut(aim.set as usize)?;
        for slot in &mut set.0 {
            if slot.tag() != aim.tag || *slot == Slot::EMPTY {
                continue;
            }
            let entry = slot.place();
            let Some(header) = Header::read(&self.ring, entry) else {
                continue;
            };
            if header.key_len as usize != key.len() {
                continue;
            }
            let start = entry + HEADER_BYTES;
            if self.ring.get(start..start + key.len()).is_some_and(|known| same(known, key)) {
                // Written only when it changes: a hot slot stays clean in the processor's cache.
                if !slot.is_used() {
                    *slot = slot.used();
                }
                let Header { key_len, record_len, .. } = header;
                return Some(RecordRef { entry, key_len, record_len, stamp: self.stamp });
            }
        }
        None
    }

    #[inline]
    fn spans(&self, entry: RecordRef) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
        if entry.stamp != self.stamp {
            return (0..0, 0..0);
        }
        let key = entry.entry + HEADER_BYTES;
        let record = key + entry.key_len as usize;
        (key..record, record..record + entry.record_len as usize)
    }

    /// The slot that points at `place`; without one, the bytes there belong to no entry any more.
    fn slot_mut(&mut self, set: u32, place: usize) -> Option<&mut Slot> {
        let set = self.index.get_mut(set as usize)?;
        set.0.iter_mut().find(|slot| **slot != Slot::EMPTY && slot.place() == place)
    }

    /// Takes an entry out of the index; its bytes are skipped when the ring comes round.
    fn forget(&mut self, set: u32, place: usize) {
        let size = Header::read(&self.ring, place).map_or(0, |header| header.entry_bytes());
        if let Some(slot) = self.slot_mut(set, place) {
            *slot = Slot::EMPTY;
            self.entries -= 1;
            self.bytes_used -= size;
        }
    }

    /// Points a slot of the key's set at a new entry. A full set loses its oldest entry that was not used since it was
    /// written, or the oldest of all.
    fn claim_slot(&mut self, aim: Aim, place: usize) {
        let (layout, ring_bytes) = (self.layout, self.ring.len());
        let Some(set) = self.index.get_mut(aim.set as usize) else {
            return;
        };
        let rank = |slot: &Slot| match *slot == Slot::EMPTY {
            true => (false, 0),
            false => (slot.is_used(), 1 + layout.rank(slot.place(), ring_bytes)),
        };
        let Some(slot) = set.0.iter_mut().min_by_key(|slot| rank(slot)) else {
            return;
        };
        let lost = core::mem::replace(slot, Slot::new(aim.tag, place));
        if lost != Slot::EMPTY {
            let size = Header::read(&self.ring, lost.place()).map_or(0, |header| header.entry_bytes());
            self.entries -= 1;
            self.bytes_used -= size;
            self.evictions += 1;
            self.is_crowded = true;
        }
    }

    /// Makes the `size` bytes at the head free, and says where they begin. `size` is at most half of the ring.
    fn make_room(&mut self, size: usize) -> usize {
        let mut moves = MOVES;
        // Ends: each turn wraps the head, which needs an unwrapped ring, or retires an entry, or appends one of `MOVES`.
        loop {
            let layout = &mut self.layout;
            match layout.wrapped_at {
                None if layout.tail == layout.head => {
                    *layout = Layout::default();
                    return 0;
                }
                None if self.ring.len() - layout.head >= size => return layout.head,
                None => {
                    layout.wrapped_at = Some(layout.head);
                    layout.head = 0;
                }
                Some(_) if layout.tail - layout.head >= size => return layout.head,
                Some(end) => self.retire_oldest(end, &mut moves),
            }
        }
    }

    /// Frees the oldest bytes of a wrapped ring; the entry there is appended again if it was used and a move is left.
    fn retire_oldest(&mut self, end: usize, moves: &mut u32) {
        let oldest = self.layout.tail;
        let header = Header::read(&self.ring, oldest).unwrap_or_default();
        let size = header.entry_bytes();
        self.layout.tail += size;
        if self.layout.tail >= end {
            self.layout.tail = 0;
            self.layout.wrapped_at = None;
        }
        let head = self.layout.head;
        let Some(slot) = self.slot_mut(header.set, oldest) else {
            return;
        };
        if slot.is_used() && *moves > 0 {
            // The copy fits: the head is at or before `oldest`, and all between the head and `oldest + size` is free now.
            *slot = Slot::new(slot.tag(), head);
            *moves -= 1;
            self.ring.copy_within(oldest..oldest + size, head);
            self.layout.head += size;
        } else {
            *slot = Slot::EMPTY;
            self.entries -= 1;
            self.bytes_used -= size;
            self.evictions += 1;
            self.is_crowded = true;
        }
    }
}

/// Which bytes of the ring hold entries: `tail..head`, or once wrapped `tail..wrapped_at` and then `0..head`.
#[derive(Clone, Copy, Debug, Default)]
struct Layout {
    head: usize,
    tail: usize,
    /// The end of the entries before the wrap; while it is set, `head <= tail < wrapped_at`.
    wrapped_at: Option<usize>,
}

impl Layout {
    /// Small for old entries.
    fn rank(&self, place: usize, ring_bytes: usize) -> usize {
        if place >= self.tail { place - self.tail } else { place + ring_bytes - self.tail }
    }
}

/// The header before the key bytes of each entry.
#[derive(Clone, Copy, Default)]
struct Header {
    set: u32,
    key_len: u32,
    record_len: u32,
}

impl Header {
    #[inline]
    fn read(ring: &[u8], place: usize) -> Option<Self> {
        let bytes = ring.get(place..)?.first_chunk::<HEADER_BYTES>()?;
        let mut words = [0; 3];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [set, key_len, record_len] = words;
        Some(Self { set, key_len, record_len })
    }

    fn write(self, ring: &mut [u8], place: usize) -> Option<()> {
        let bytes = ring.get_mut(place..)?.first_chunk_mut::<HEADER_BYTES>()?;
        let words = [self.set, self.key_len, self.record_len];
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        Some(())
    }

    fn entry_bytes(self) -> usize {
        entry_bytes(self.key_len as usize, self.record_len as usize).unwrap_or(usize::MAX)
    }
}

/// One cache line of slots.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Set([Slot; WAYS]);

/// From the highest bit: 23 bits of the hash, the mark of use, 40 bits of place (in units of [`ALIGNMENT`], plus one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot(u64);

impl Slot {
    const EMPTY: Self = Self(0);
    const USED: u64 = 1 << 40;

    fn new(tag: u64, place: usize) -> Self {
        Self(tag << 41 | (place / ALIGNMENT + 1) as u64)
    }

    #[inline]
    fn tag(self) -> u64 {
        self.0 >> 41
    }

    #[inline]
    fn place(self) -> usize {
        ((self.0 & (Self::USED - 1)) as usize).wrapping_sub(1).wrapping_mul(ALIGNMENT)
    }

    #[inline]
    fn is_used(self) -> bool {
        self.0 & Self::USED != 0
    }

    #[inline]
    fn used(self) -> Self {
        Self(self.0 | Self::USED)
    }
}

/// The set of a key by the high bits of its hash, and its tag by the low ones.
#[derive(Clone, Copy)]
struct Aim {
    set: u32,
    tag: u64,
}

/// Four operands of [`hash`] from two words: the constants are digits of pi, and only have to differ.
pub(super) const fn operands([a, b]: [u64; 2]) -> [u64; 4] {
    [
        a ^ 0x243f_6a88_85a3_08d3,
        b ^ 0x1319_8a2e_0370_7344,
        a.rotate_left(32) ^ 0xa409_3822_299f_31d0,
        b.rotate_left(32) ^ 0x082e_fa98_ec4e_6c89,
    ]
}

/// A keyed hash of the length and of the telling part of the key: all of it up to [`HASHED_WHOLE`] bytes, then the last 32
/// (of a token, its signature) and 16 in the middle.
///
/// Its only duty is to spread: keys that share all of this cost each other one set, never a wrong answer.
#[inline]
pub(super) fn hash(key: &[u8], seed: &[u64; 4]) -> u64 {
    let [s0, s1, s2, s3] = *seed;
    let mut a = s0 ^ key.len() as u64;
    let mut b = s3;
    let (body, last) = match key.split_last_chunk::<32>() {
        Some((body, last)) => (body, *last),
        None => {
            let mut last = [0; 32];
            last.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
            (&key[..0], last)
        }
    };
    if key.len() <= HASHED_WHOLE {
        let (chunks, rest) = body.as_chunks::<32>();
        // A rest shorter than 32 bytes is read with the bytes behind it, which `last` repeats.
        let rest =
            if rest.is_empty() { None } else { key.get(chunks.len() * 32..).and_then(|tail| tail.first_chunk()) };
        for chunk in chunks.iter().chain(rest) {
            let [w0, w1, w2, w3] = words(chunk);
            a = fold(a ^ w0, s1 ^ w1);
            b = fold(b ^ w2, s2 ^ w3);
        }
    } else if let Some(middle) = key.get(key.len() / 2..).and_then(|half| half.first_chunk::<16>()) {
        let word = u128::from_le_bytes(*middle);
        a = fold(a ^ word as u64, s1 ^ (word >> 64) as u64);
    }
    let [w0, w1, w2, w3] = words(&last);
    a = fold(a ^ w0, s1 ^ w1);
    b = fold(b ^ w2, s2 ^ w3);
    fold(a ^ s2, b ^ s1)
}

#[inline(always)]
fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    // By hand: built for size, an iterator is a call for each word.
    if let [w0, w1, w2, w3] = bytes.as_chunks::<8>().0 {
        words = [u64::from_le_bytes(*w0), u64::from_le_bytes(*w1), u64::from_le_bytes(*w2), u64::from_le_bytes(*w3)];
    }
    words
}

/// Both halves of a product, mixed: every bit of the result depends on every bit of the operands.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = product(a, b);
    low ^ high
}

/// The low and the high half of a product.
#[cfg(target_pointer_width = "64")]
#[inline]
fn product(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    (product as u64, (product >> 64) as u64)
}

/// The low and the high half of a product, from products of 32 bits: a WebAssembly VM calls a function for 128 by 128 bits otherwise.
#[cfg(any(test, not(target_pointer_width = "64")))]
#[inline(always)]
fn product_of_halves(a: u64, b: u64) -> (u64, u64) {
    let ([a0, a1], [b0, b1]) = ([a & 0xffff_ffff, a >> 32], [b & 0xffff_ffff, b >> 32]);
    let low = a0 * b0;
    let left = a1 * b0 + (low >> 32);
    let right = a0 * b1 + (left & 0xffff_ffff);
    (right << 32 | low & 0xffff_ffff, a1 * b1 + (left >> 32) + (right >> 32))
}
#[cfg(not(target_pointer_width = "64"))]
use product_of_halves as product;

/// Whether two keys are the same, which they nearly always are here: 32 bytes at a time, which a library's comparison that is built for size
/// does not do.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // Of a key that 32 does not divide, the last chunk has bytes of the one before it again.
    let (Some(last_a), Some(last_b)) = (a.last_chunk(), b.last_chunk()) else { return a == b };
    let (chunks_a, chunks_b) = (a.as_chunks().0, b.as_chunks().0);
    same_chunk(last_a, last_b) && chunks_a.iter().zip(chunks_b).all(|(a, b)| same_chunk(a, b))
}

#[inline(always)]
fn same_chunk(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (words(a), words(b));
    (a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) | (a3 ^ b3) == 0
}

/// The size of an entry in the ring; `None` if it cannot be counted.
fn entry_bytes(key_len: usize, record_len: usize) -> Option<usize> {
    let bytes = key_len.checked_add(record_len)?.checked_add(HEADER_BYTES)?;
    bytes.checked_next_multiple_of(ALIGNMENT)
}

/// Index slots in one set: eight words are one cache line on every processor we build for.
pub const WAYS: usize = 8;

/// Entries that one insertion may append again. With 16, a ring of nothing but used entries loses one of 17 that it passes.
pub const MOVES: u32 = 16;

/// How many times the memory that was too little [`RecordCache::grow`] takes.
const GROWTH: usize = 4;
/// The size that even an empty cache grows to.
const LEAST_GROWN_BYTES: usize = 4096;

/// Five slots for two entries: with that, one entry in four hundred loses its place to a full set.
const SLOTS_PER_TWO_ENTRIES: usize = 5;
const SLOT_BYTES: usize = size_of::<Slot>();
const SET_BYTES: usize = size_of::<Set>();
const HEADER_BYTES: usize = 12;
/// The positions that 40 bits can distinguish.
const RING_BYTES_MAX: u64 = (1 << 42) - 8;
/// Of entries: a smaller one would cost bits of the index, a larger one bytes of the ring.
const ALIGNMENT: usize = 4;

/// A proof's header is shorter than this and may end in constant members, so all of it is hashed.
const HASHED_WHOLE: usize = 384;

#[cfg(test)]
mod tests;

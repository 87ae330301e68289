//! The keys of clients that prove possession, by the exact bytes of their proofs' headers.
//!
//! A client sends the same header with every proof: its key is read, checked and hashed once. Only a key that a token names is prepared and
//! remembered, so no client fills the memory without tokens of the issuer. Bounded in number; the oldest key that was not used lately makes
//! room.

use alloc::vec::Vec;

use crate::crypto::{Backend, KeyMaterial, PublicKey};
use crate::jose::algorithm::Algorithm;
use crate::jose::base64url;
use crate::jose::json::NameTable;
use crate::memory::record_cache::RecordCache;
use crate::reason::Reason;
use crate::trust::jwk::JwkBuffer;

/// Reads a decoded header of a proof: how its key is used, and the numbers of the key.
pub(crate) type ReadHeader =
    for<'b> fn(&[u8], &mut NameTable, &'b mut JwkBuffer) -> Result<(KeyUse, KeyMaterial<'b>), Reason>;

/// How a proof uses its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    /// `alg` of the header.
    pub(crate) algorithm: Algorithm,
    /// Whether the key has another name of this algorithm as its `alg`.
    pub(crate) is_renamed: bool,
}

/// How many client keys a worker remembers.
const KEYS: usize = 1024;
/// How many of them one has room for that grows with use, before it does.
const FIRST_KEYS: usize = 64;
/// How many times the room that was too little [`ProofKeys::grow`] takes.
const GROWTH: usize = 4;
/// How many bytes of headers a key is remembered by; an ES256 header takes about 250.
const HEADER_BYTES: usize = 512;
const TYPICAL_ENTRY_BYTES: usize = 320;

/// The client keys of one worker.
#[derive(Debug)]
pub(crate) struct ProofKeys {
    /// Header bytes to place (4 bytes) and serial (8 bytes) of the key.
    headers: RecordCache,
    keys: Vec<ProofKey>,
    /// How many keys there is room for.
    room: usize,
    /// Whether a key had to go for want of room.
    is_crowded: bool,
    /// The index at which the search for a key to replace continues.
    hand: usize,
    next_serial: u64,
    /// Checks the signatures of the keys.
    backend: Backend,
}

#[derive(Debug)]
struct ProofKey {
    serial: u64,
    used: bool,
    key_use: KeyUse,
    thumbprint: [u8; 32],
    public: PublicKey,
}

/// The key in a proof's header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PresentedKey<'b> {
    /// At an index of [`ProofKeys::keys`], until the next key is kept.
    Known(usize, KeyUse),
    /// As the header says: neither checked nor hashed.
    New(KeyUse, KeyMaterial<'b>),
}

impl PresentedKey<'_> {
    /// How the proof uses it.
    pub(crate) const fn key_use(&self) -> KeyUse {
        match self {
            Self::Known(_, key_use) | Self::New(key_use, _) => *key_use,
        }
    }
}

impl ProofKeys {
    pub(crate) fn new(seed: [u64; 2], backend: Backend) -> Self {
        Self::with_room(KEYS, seed, backend)
    }

    /// As [`new`](Self::new), with room for a few until it is made to [`grow`](Self::grow).
    pub(crate) fn growing(seed: [u64; 2], backend: Backend) -> Self {
        Self::with_room(FIRST_KEYS, seed, backend)
    }

    fn with_room(room: usize, seed: [u64; 2], backend: Backend) -> Self {
        let (first, most) = (room * HEADER_BYTES, KEYS * HEADER_BYTES);
        Self {
            headers: RecordCache::growing(first, most, TYPICAL_ENTRY_BYTES, seed),
            keys: Vec::with_capacity(room),
            room,
            is_crowded: false,
            hand: 0,
            next_serial: 1,
            backend,
        }
    }

    /// The key in a proof's encoded header, from memory or as the header says; then its numbers are decoded into `buffer`.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn recall_or_read<'b>(
        &mut self,
        encoded: &[u8],
        decoded: &mut [u8],
        names: &mut NameTable,
        buffer: &'b mut Option<JwkBuffer>,
        read: ReadHeader,
    ) -> Result<PresentedKey<'b>, Reason> {
        if let Some(entry) = self.headers.find(encoded)
            && let Some((place, serial)) = read_record(self.headers.record(entry))
            && let Some(key) = self.keys.get_mut(place).filter(|key| key.serial == serial)
        {
            key.used = true;
            return Ok(PresentedKey::Known(place, key.key_use));
        }
        let header = base64url::decode(encoded, decoded).map_err(|_| Reason::ProofMalformed)?;
        let (key_use, material) = read(header, names, buffer.get_or_insert_default())?;
        Ok(PresentedKey::New(key_use, material))
    }

    /// The library that checks the signatures of its keys.
    pub(crate) const fn backend(&self) -> Backend {
        self.backend
    }

    /// A key and its thumbprint.
    pub(crate) fn get(&self, place: usize) -> Option<(&PublicKey, &[u8; 32])> {
        self.keys.get(place).map(|key| (&key.public, &key.thumbprint))
    }

    /// Remembers a key by the header that brought it; returns its place.
    pub(crate) fn keep(&mut self, encoded: &[u8], key_use: KeyUse, thumbprint: [u8; 32], public: PublicKey) -> usize {
        let key = ProofKey { serial: self.next_serial, used: true, key_use, thumbprint, public };
        self.next_serial += 1;
        let mut record = [0; 12];
        record[4..].copy_from_slice(&key.serial.to_le_bytes());
        let place = self.place(key);
        record[..4].copy_from_slice(&u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes());
        let _cached = self.headers.insert(encoded, &record);
        place
    }

    /// As [`RecordCache::grow`], for the keys and for the headers that they are remembered by.
    pub(crate) fn grow(&mut self) -> bool {
        let has_more_keys = self.is_crowded && self.room < KEYS;
        if has_more_keys {
            self.room = (self.room * GROWTH).min(KEYS);
            self.keys.reserve_exact(self.room - self.keys.len());
            self.is_crowded = false;
        }
        self.headers.grow() || has_more_keys
    }

    /// Puts `key` into an empty place, or into that of the next key that was not used since the hand last passed.
    fn place(&mut self, key: ProofKey) -> usize {
        if self.keys.len() < self.room {
            self.keys.push(key);
            return self.keys.len() - 1;
        }
        self.is_crowded = true;
        // Two rounds at most: the first may only take marks away.
        for _ in 0..2 * self.room {
            self.hand = (self.hand + 1) % self.room;
            if let Some(old) = self.keys.get_mut(self.hand) {
                if core::mem::take(&mut old.used) {
                    continue;
                }
                *old = key;
                break;
            }
        }
        self.hand
    }
}

fn read_record(record: &[u8]) -> Option<(usize, u64)> {
    let (place, serial) = record.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*place)).ok()?, u64::from_le_bytes(*serial.first_chunk()?)))
}

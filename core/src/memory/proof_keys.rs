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
use crate::rules::dpop;
use crate::trust::jwk::JwkBuffer;
use crate::trust::thumbprint::thumbprint;

/// How many client keys a worker remembers.
const KEYS: usize = 1024;
/// How many bytes of headers it remembers them by; an ES256 header takes about 250.
const HEADERS_BYTES: usize = KEYS * 512;
const TYPICAL_ENTRY_BYTES: usize = 320;

/// The client keys of one worker.
#[derive(Debug)]
pub(crate) struct ProofKeys {
    /// Header bytes to place (4 bytes) and serial (8 bytes) of the key.
    headers: RecordCache,
    keys: Vec<ProofKey>,
    /// Where the search for a key to replace goes on.
    hand: usize,
    next_serial: u64,
    /// Checks the signatures of the keys.
    backend: Backend,
}

#[derive(Debug)]
struct ProofKey {
    serial: u64,
    used: bool,
    algorithm: Algorithm,
    thumbprint: [u8; 32],
    public: PublicKey,
}

/// The key in a proof's header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PresentedKey<'b> {
    /// At an index of [`ProofKeys::keys`], until the next key is kept.
    Known(usize, Algorithm),
    /// As the header says: neither checked nor hashed.
    New(Algorithm, KeyMaterial<'b>),
}

impl PresentedKey<'_> {
    /// The algorithm that the header names.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Known(_, algorithm) | Self::New(algorithm, _) => *algorithm,
        }
    }
}

impl ProofKeys {
    pub(crate) fn new(seed: [u64; 2], backend: Backend) -> Self {
        Self {
            headers: RecordCache::new(HEADERS_BYTES, TYPICAL_ENTRY_BYTES, seed),
            keys: Vec::with_capacity(KEYS),
            hand: 0,
            next_serial: 1,
            backend,
        }
    }

    /// The key in a proof's encoded header, from memory or as the header says; then its numbers are decoded into `buffer`.
    ///
    /// # Errors
    /// See [`dpop::read_header`].
    pub(crate) fn recall_or_read<'b>(
        &mut self,
        encoded: &[u8],
        decoded: &mut [u8],
        names: &mut NameTable,
        buffer: &'b mut Option<JwkBuffer>,
    ) -> Result<PresentedKey<'b>, Reason> {
        if let Some(entry) = self.headers.find(encoded)
            && let Some((place, serial)) = read_record(self.headers.record(entry))
            && let Some(key) = self.keys.get_mut(place).filter(|key| key.serial == serial)
        {
            key.used = true;
            return Ok(PresentedKey::Known(place, key.algorithm));
        }
        let header = base64url::decode(encoded, decoded).map_err(|_| Reason::ProofMalformed)?;
        let (algorithm, material) = dpop::read_header(header, names, buffer.get_or_insert_default())?;
        Ok(PresentedKey::New(algorithm, material))
    }

    /// The key itself, of a header that was `encoded` so, if it is within the policy's bounds and is the one that the token is bound to.
    ///
    /// What costs more than a hash comes last: a key that the token does not name is never prepared, and never remembered.
    ///
    /// # Errors
    /// [`Reason::ProofKeyMismatch`]; [`Reason::ProofKeyRefused`] for a key past the bounds, and for numbers that are no key, or not one for
    /// the algorithm.
    pub(crate) fn admit(
        &mut self,
        presented: PresentedKey<'_>,
        encoded: &[u8],
        bound_to: &[u8; 32],
        max_rsa_bits: u64,
    ) -> Result<&PublicKey, Reason> {
        let place = match presented {
            PresentedKey::Known(place, _) => {
                let key = self.keys.get(place).ok_or(Reason::InternalError)?;
                dpop::check_known_bounds(key.public.kind(), max_rsa_bits)?;
                dpop::check_key(bound_to, &key.thumbprint)?;
                place
            }
            PresentedKey::New(algorithm, material) => {
                dpop::check_bounds(&material, max_rsa_bits)?;
                let thumbprint = thumbprint(&material);
                dpop::check_key(bound_to, &thumbprint)?;
                let public =
                    PublicKey::new_for(self.backend, algorithm, &material).map_err(|_| Reason::ProofKeyRefused)?;
                self.keep(encoded, algorithm, thumbprint, public)
            }
        };
        self.keys.get(place).map(|key| &key.public).ok_or(Reason::InternalError)
    }

    /// Remembers a key by the header that brought it.
    fn keep(&mut self, encoded: &[u8], algorithm: Algorithm, thumbprint: [u8; 32], public: PublicKey) -> usize {
        let key = ProofKey { serial: self.next_serial, used: true, algorithm, thumbprint, public };
        self.next_serial += 1;
        let mut record = [0; 12];
        record[4..].copy_from_slice(&key.serial.to_le_bytes());
        let place = self.place(key);
        record[..4].copy_from_slice(&u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes());
        let _cached = self.headers.insert(encoded, &record);
        place
    }

    /// Puts `key` into an empty place, or into that of the next key that was not used since the hand last passed.
    fn place(&mut self, key: ProofKey) -> usize {
        if self.keys.len() < KEYS {
            self.keys.push(key);
            return self.keys.len() - 1;
        }
        // Two rounds at most: the first may only take marks away.
        for _ in 0..2 * KEYS {
            self.hand = (self.hand + 1) % KEYS;
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

//! Keys that are used often are prepared, and their signatures are then checked in a fraction of a library's time.
//!
//! Libraries treat every verification as if the key were new. Here a bundle has a handful of keys and a client signs every
//! proof with one, so a P-256 or Ed25519 key that verified [`PROMOTE_AFTER`] signatures is promoted, an RSA key after
//! [`PROMOTE_RSA_AFTER`]. For the curves a table is built in small steps, one with each further request, so that no request
//! pays for a whole table; an RSA key is prepared at once. Before a table is believed it must agree with the library on
//! [`PROOFS_OF_TABLE`] signatures in a row; one disagreement bans it. Memory is bounded, and the key that was used least
//! makes room. Which keys compete for one place is chosen by a seeded hash, so a client that tries keys until their thumbprints are alike
//! cannot keep the key of an issuer out. Where wide tables are worth their memory, the P-256 keys that are promoted first get them, up to half of it: often
//! those of the issuers, which come first and stay.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::precomputed::{Builder, Precomputed, Width, can_prepare};
use super::record_cache;
#[cfg(feature = "fast")]
use crate::crypto::RsaKey;
use crate::crypto::{PublicKey, SignatureError, Verifiers, p256};
use crate::jose::algorithm::Algorithm;

/// How many valid signatures make a key worth a table. Building one costs about as much as a hundred verifications by
/// a library, so a key that comes by a few dozen times is likely to pay it back.
pub const PROMOTE_AFTER: u32 = 32;

/// The same for an RSA key, which is prepared in the time of four checks (`benches/rsa.rs`), and until then has ring
/// allocate in each.
pub const PROMOTE_RSA_AFTER: u32 = 4;

/// How many signatures table and library must agree on before the table answers alone.
pub const PROOFS_OF_TABLE: u8 = 4;

/// How many point additions a request may spend on building: about as long as one verification by a library.
const STEP_ADDITIONS: u32 = 128;

/// How many keys are counted at once, in sets of four; a seeded hash of its thumbprint chooses the set of a key.
const SETS: usize = 64;
const WAYS: usize = 4;

/// How many uses of keys that have no place in a full set the coldest table of the set withstands, unless it is used meanwhile.
pub(crate) const GIVE_WAY_AFTER: u32 = 512;

/// After so many checks all counts are halved: old uses count less.
const HALVE_AFTER: u32 = 8192;

/// Counts of precomputed tables, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotKeyCounts {
    /// Keys that have a proven table now.
    pub promoted: usize,
    /// Signatures that a table checked alone.
    pub table_checks: u64,
    /// Tables that were dropped for a key that is used more.
    pub evicted: u64,
    /// Tables that disagreed with the library; must stay 0.
    pub banned: u64,
    /// Memory that the tables of this worker take, in bytes; those of the generators, shared by all, are not counted.
    pub table_bytes: usize,
}

impl HotKeyCounts {
    /// Drops a table, if there is one.
    fn drop_table(&mut self, table: &mut Table) {
        match core::mem::replace(table, Table::None) {
            Table::Proven(table) => {
                self.promoted -= 1;
                self.table_bytes -= table.size_bytes();
            }
            Table::Unproven(table, _) => self.table_bytes -= table.size_bytes(),
            Table::None | Table::Banned => return,
        }
        self.evicted += 1;
    }
}

/// The keys of one worker that are used often.
#[derive(Debug)]
pub(crate) struct HotKeys {
    /// Answers for whatever no table answers for, and tables must agree with it.
    verifiers: Verifiers,
    /// Checks what a table of P-256 answers for.
    p256: p256::Verify,
    sets: Box<[[Option<HotKey>; WAYS]]>,
    seed: [u64; 4],
    max_table_bytes: usize,
    checks_until_halving: u32,
    building: Option<([u8; 32], Builder)>,
    counts: HotKeyCounts,
}

#[derive(Debug)]
struct HotKey {
    thumbprint: [u8; 32],
    uses: u32,
    table: Table,
}

#[derive(Debug)]
enum Table {
    None,
    /// Agreed with the library so many times.
    Unproven(Precomputed, u8),
    Proven(Precomputed),
    /// Disagreed once: never again for this key, while it is remembered.
    Banned,
}

impl HotKeys {
    /// Room for tables of `max_table_bytes` in all; 0 turns them off. `seed` must not be known to those who choose the keys.
    pub(crate) fn new(max_table_bytes: usize, seed: [u64; 2]) -> Self {
        let sets = if max_table_bytes == 0 { 0 } else { SETS };
        Self {
            verifiers: Verifiers::default(),
            p256: p256::verify_prehashed,
            sets: (0..sets).map(|_| [const { None }; WAYS]).collect::<Vec<_>>().into(),
            seed: record_cache::operands(seed),
            max_table_bytes,
            checks_until_halving: HALVE_AFTER,
            building: None,
            counts: HotKeyCounts::default(),
        }
    }

    /// Asks `verifiers` from now on where the library was asked.
    pub(crate) fn ask(&mut self, verifiers: Verifiers) {
        self.verifiers = verifiers;
    }

    /// Has `verify` check what tables of P-256 answer for.
    pub(crate) fn check_p256_by(&mut self, verify: p256::Verify) {
        self.p256 = verify;
    }

    pub(crate) const fn counts(&self) -> HotKeyCounts {
        self.counts
    }

    /// Checks a signature by the key's table where it has one, and by the library, or the host, where not.
    ///
    /// # Errors
    /// [`SignatureError`]: the same answer either way.
    pub(crate) fn verify(
        &mut self,
        key: &PublicKey,
        thumbprint: &[u8; 32],
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let set = self.set_of(thumbprint);
        // A host's RSA check takes less time than one with a prepared key does in the builds that have such a host.
        let left_to_host = is_rsa(algorithm) && self.verifiers.is_host(|| key.kind(), algorithm);
        let Some(set) = self.sets.get_mut(set).filter(|_| can_prepare(key.backend(), algorithm) && !left_to_host)
        else {
            return self.verifiers.verify(key, algorithm, message, signature);
        };
        // The form once for both: a table, like a library, knows the equation only.
        if !key.admits(algorithm, signature) {
            return Err(SignatureError);
        }
        let known = set.iter_mut().flatten().find(|hot| hot.thumbprint == *thumbprint);
        if let Some(hot) = known
            && let Table::Proven(prepared) = &hot.table
            && let Some(valid) = prepared.verify(self.p256, algorithm, message, signature)
        {
            hot.uses = hot.uses.saturating_add(1);
            self.counts.table_checks += 1;
            self.checks_until_halving -= 1;
            if self.checks_until_halving == 0 {
                self.halve();
            }
            return if valid { Ok(()) } else { Err(SignatureError) };
        }
        let verdict = self.verifiers.verify(key, algorithm, message, signature);
        // Only valid signatures count: no client earns a table, or evicts one, without the private key.
        self.prove(thumbprint, algorithm, message, signature, verdict.is_ok());
        if verdict.is_ok() {
            self.learn(key, thumbprint);
        }
        verdict
    }

    /// Counts a valid use that the library judged, and goes on with whatever is being built.
    #[cold]
    fn learn(&mut self, key: &PublicKey, thumbprint: &[u8; 32]) {
        let Some(hot) = self.remember(thumbprint) else { return };
        hot.uses = hot.uses.saturating_add(1);
        let (uses, wants_table) = (hot.uses, matches!(hot.table, Table::None));
        let enough = if key.rsa_numbers().is_some() { PROMOTE_RSA_AFTER } else { PROMOTE_AFTER };
        if wants_table && uses >= enough {
            self.promote(key, thumbprint, uses);
        }
        self.build(STEP_ADDITIONS);
    }

    /// Prepares an RSA key, or begins the table of a key on a curve, if there is room.
    fn promote(&mut self, key: &PublicKey, thumbprint: &[u8; 32], uses: u32) {
        #[cfg(feature = "fast")]
        if let Some((n, e)) = key.rsa_numbers() {
            let Some(prepared) = RsaKey::new(n, e).map(Precomputed::Rsa) else { return };
            let size = prepared.size_bytes();
            if self.make_room(uses, size) {
                self.keep(thumbprint, prepared);
            }
            return;
        }
        let kind = key.kind();
        let is_within_half = |size| self.counts.table_bytes + size <= self.max_table_bytes / 2;
        let width = if Builder::table_bytes(kind, Width::Wide).is_some_and(is_within_half) {
            Width::Wide
        } else {
            Width::Usual
        };
        if let Some(size) = Builder::table_bytes(kind, width)
            && self.building.is_none()
            && self.make_room(uses, size)
        {
            self.building = Builder::new(key, width).map(|builder| (*thumbprint, builder));
        }
    }

    /// Stores the prepared form of a key. The key may have been forgotten meanwhile; its table goes with it.
    fn keep(&mut self, thumbprint: &[u8; 32], prepared: Precomputed) {
        let size = prepared.size_bytes();
        if let Some(hot) = self.find(thumbprint) {
            hot.table = Table::Unproven(prepared, 0);
            self.counts.table_bytes += size;
        }
    }

    /// Compares an unproven table's answer with the library's.
    fn prove(&mut self, thumbprint: &[u8; 32], algorithm: Algorithm, message: &[u8], signature: &[u8], valid: bool) {
        let p256 = self.p256;
        let Some(hot) = self.find(thumbprint) else { return };
        let Table::Unproven(prepared, agreed) = &mut hot.table else { return };
        let Some(ours) = prepared.verify(p256, algorithm, message, signature) else { return };
        let size = prepared.size_bytes();
        if ours != valid {
            hot.table = Table::Banned;
            self.counts.banned += 1;
            self.counts.table_bytes -= size;
            return;
        }
        // A refusal proves little: a wrong table refuses nearly everything.
        *agreed += u8::from(valid);
        if *agreed >= PROOFS_OF_TABLE
            && let Table::Unproven(table, _) = core::mem::replace(&mut hot.table, Table::None)
        {
            hot.table = Table::Proven(table);
            self.counts.promoted += 1;
        }
    }

    fn find(&mut self, thumbprint: &[u8; 32]) -> Option<&mut HotKey> {
        let set = self.sets.get_mut(self.set_of(thumbprint))?;
        set.iter_mut().flatten().find(|hot| hot.thumbprint == *thumbprint)
    }

    /// The index of the set that takes a key.
    fn set_of(&self, thumbprint: &[u8; 32]) -> usize {
        usize::from(record_cache::hash(thumbprint, &self.seed).to_le_bytes()[0]) % SETS
    }

    /// The entry of a key. A new one takes an empty way of its set, or that of the coldest key, one without a table where there is one.
    ///
    /// Each newcomer takes a use from the coldest key, and its way once none is left. So a key that is still used keeps its table against
    /// keys that come by once, and none keeps out a key that is used more.
    fn remember(&mut self, thumbprint: &[u8; 32]) -> Option<&mut HotKey> {
        let set = self.sets.get_mut(self.set_of(thumbprint))?;
        let known = set.iter().position(|way| way.as_ref().is_some_and(|hot| hot.thumbprint == *thumbprint));
        let at = match known {
            Some(at) => at,
            None => {
                let warmth =
                    |way: &Option<HotKey>| way.as_ref().map(|hot| (!matches!(hot.table, Table::None), hot.uses));
                let (at, coldest) = set.iter_mut().enumerate().min_by_key(|(_, way)| warmth(way))?;
                if let Some(hot) = coldest {
                    hot.uses = hot.uses.min(GIVE_WAY_AFTER).saturating_sub(1);
                    if hot.uses > 0 {
                        return None;
                    }
                    self.counts.drop_table(&mut hot.table);
                }
                *coldest = Some(HotKey { thumbprint: *thumbprint, uses: 0, table: Table::None });
                at
            }
        };
        set.get_mut(at)?.as_mut()
    }

    /// Whether there is room for one more table, if need be by dropping one that is used less than half as much.
    fn make_room(&mut self, uses: u32, size: usize) -> bool {
        if self.counts.table_bytes + size <= self.max_table_bytes {
            return true;
        }
        let with_table = |hot: &&mut HotKey| matches!(hot.table, Table::Proven(_) | Table::Unproven(..));
        let coldest = self.sets.iter_mut().flatten().flatten().filter(with_table).min_by_key(|hot| hot.uses);
        let Some(coldest) = coldest.filter(|coldest| coldest.uses < uses / 2) else { return false };
        self.counts.drop_table(&mut coldest.table);
        self.counts.table_bytes + size <= self.max_table_bytes
    }

    /// Spends up to `additions` point additions on unfinished tables; the generator's table comes first.
    ///
    /// Returns whether anything is left to build.
    pub(crate) fn build(&mut self, additions: u32) -> bool {
        let Some((thumbprint, builder)) = &mut self.building else { return false };
        let Some(prepared) = builder.step(additions) else { return true };
        let thumbprint = *thumbprint;
        self.building = None;
        self.keep(&thumbprint, prepared);
        false
    }

    fn halve(&mut self) {
        self.checks_until_halving = HALVE_AFTER;
        for hot in self.sets.iter_mut().flatten().flatten() {
            hot.uses /= 2;
        }
    }
}

const fn is_rsa(algorithm: Algorithm) -> bool {
    use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
}

#[cfg(test)]
mod tests;

//! The field in the representation that suits the machine, and what both representations share.
//!
//! The arithmetic is written here, and not that of the verified `fiat-crypto` crate because that one was measured at 2.2 to 2.8 times the time:
//! in one run on a shared x86-64 core, without target features, a product took 59 ns there and 22 here (dependent)
//! and 44 there and 20 here (independent), a square 39 there and 19 here. `fiat-crypto` is the twin in the tests.

#[cfg(any(countersign_limbs = "32", not(target_pointer_width = "64")))]
pub(crate) use super::field32::Fe;
#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(crate) use super::field64::Fe;
use crate::crypto::inverse::{Modulus, invert};

/// p, little-endian words.
pub(crate) const P: [u64; 4] = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];

pub(crate) const PRIME: Modulus = Modulus::new(&P);

impl Fe {
    /// Its first limb, to have read it.
    #[inline(always)]
    #[allow(clippy::unnecessary_cast)] // limbs of 32 bits elsewhere
    pub(crate) const fn touch(&self) -> u64 {
        self.0[0] as u64
    }

    /// The inverse, or 0 for 0.
    pub(crate) fn inverse(self) -> Self {
        Self::from_words(&invert(&PRIME, &self.to_words()))
    }
}

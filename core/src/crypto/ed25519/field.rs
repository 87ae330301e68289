//! The field in the representation that suits the machine, and what both representations share.
//!
//! Measured before this was written, on a shared x86-64 core without target features: one addition of a table entry (seven
//! products, six sums) takes 140 ns with the verified `fiat-crypto` in five limbs of 51 bits, 132 with the same limbs by hand,
//! 169 with the products of its `curve25519_solinas_64`, and 108 with four full words by hand: so those, with the verified ones as
//! twin in the tests. In WebAssembly (V8) it takes 333 ns with `fiat-crypto` in ten limbs, 309 in nine limbs by hand, 1050 in
//! five limbs: so there the verified arithmetic itself.

#[cfg(any(countersign_limbs = "32", not(target_pointer_width = "64")))]
pub(crate) use super::field32::Fe;
#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(crate) use super::field64::Fe;
use super::prime::P;
use crate::crypto::inverse::{Modulus, invert};

pub(crate) const PRIME: Modulus = Modulus::new(&P);

/// A square root of -1, little-endian words: 2^((p-1)/4).
const ROOT_OF_MINUS_ONE: [u64; 4] =
    [0xc4ee_1b27_4a0e_a0b0, 0x2f43_1806_ad2f_e478, 0x2b4d_0099_3dfb_d7a7, 0x2b83_2480_4fc1_df0b];

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

    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.to_words() == other.to_words()
    }

    /// A square root of `self/denominator`, if there is one (RFC 8032 §5.1.3 step 2); the denominator is not 0.
    pub(crate) fn root_of_ratio(&self, denominator: &Self) -> Option<Self> {
        let (u, v) = (self.loose(), denominator.loose());
        let v3 = v.square().loose().mul(&v);
        let v7 = v3.loose().square().loose().mul(&v);
        // x = u·v³·(u·v⁷)^((p-5)/8)
        let power = u.mul(&v7.loose()).power_p_minus_5_over_8();
        let x = u.mul(&v3.loose()).loose().mul(&power.loose());
        let check = x.loose().square().loose().mul(&v);
        if check.equals(self) {
            return Some(x);
        }
        let minus_self = Self::ZERO.sub(self).carried();
        check.equals(&minus_self).then(|| x.loose().mul(&Self::from_words(&ROOT_OF_MINUS_ONE).loose()))
    }

    /// The exponent (p-5)/8 = 2^252 - 3 is 250 ones, a zero and a one. Once a key, so without an addition chain.
    fn power_p_minus_5_over_8(self) -> Self {
        let base = self.loose();
        let ones = (1..250).fold(self, |power, _| power.loose().square().loose().mul(&base));
        ones.loose().square().loose().square().loose().mul(&base)
    }
}

//! Arithmetic modulo p = 2^255 - 19 for machines without a 64-bit product: the formally verified `fiat-crypto`, ten limbs.
//!
//! Its bounds are types: an [`Fe`] is carried, a [`Loose`] is one sum, difference or negation of carried values. Only loose
//! values are multiplied and only carried ones added, so no bound can be overrun.

use fiat_crypto::curve25519_32 as fiat;

/// A field element, carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fe(pub(super) [u32; 10]);

/// A field element after one addition, subtraction or negation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loose([u32; 10]);

impl Fe {
    pub(crate) const ZERO: Self = Self([0; 10]);

    pub(crate) const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// The element of an integer below 2^255 in little-endian words; the integer is taken modulo p.
    pub(crate) fn from_words(words: &[u64; 4]) -> Self {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut out = fiat::fiat_25519_tight_field_element([0; 10]);
        fiat::fiat_25519_from_bytes(&mut out, &bytes);
        Self(out.0)
    }

    /// The integer below p, little-endian words.
    pub(crate) fn to_words(self) -> [u64; 4] {
        let mut bytes = [0; 32];
        fiat::fiat_25519_to_bytes(&mut bytes, &self.tight());
        crate::crypto::words::from_le_bytes(&bytes)
    }

    #[inline(always)]
    pub(crate) const fn loose(self) -> Loose {
        Loose(self.0)
    }

    // Not inlined, as it is much code in a VM and called from many places.
    #[inline(never)]
    pub(crate) fn add(&self, other: &Self) -> Loose {
        let mut out = fiat::fiat_25519_loose_field_element([0; 10]);
        fiat::fiat_25519_add(&mut out, &self.tight(), &other.tight());
        Loose(out.0)
    }

    #[inline(never)]
    pub(crate) fn sub(&self, other: &Self) -> Loose {
        let mut out = fiat::fiat_25519_loose_field_element([0; 10]);
        fiat::fiat_25519_sub(&mut out, &self.tight(), &other.tight());
        Loose(out.0)
    }

    /// `-self` where `negative`, else `self`, without a branch.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Loose {
        let mut opposite = fiat::fiat_25519_loose_field_element([0; 10]);
        fiat::fiat_25519_opp(&mut opposite, &self.tight());
        let mut out = [0; 10];
        fiat::fiat_25519_selectznz(&mut out, u8::from(negative), &self.0, &opposite.0);
        Loose(out)
    }

    const fn tight(self) -> fiat::fiat_25519_tight_field_element {
        fiat::fiat_25519_tight_field_element(self.0)
    }
}

impl Loose {
    pub(crate) fn carried(self) -> Fe {
        let mut out = fiat::fiat_25519_tight_field_element([0; 10]);
        fiat::fiat_25519_carry(&mut out, &self.wrapped());
        Fe(out.0)
    }

    #[inline(always)]
    pub(crate) fn mul(&self, other: &Self) -> Fe {
        let mut out = fiat::fiat_25519_tight_field_element([0; 10]);
        fiat::fiat_25519_carry_mul(&mut out, &self.wrapped(), &other.wrapped());
        Fe(out.0)
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Fe {
        let mut out = fiat::fiat_25519_tight_field_element([0; 10]);
        fiat::fiat_25519_carry_square(&mut out, &self.wrapped());
        Fe(out.0)
    }

    const fn wrapped(self) -> fiat::fiat_25519_loose_field_element {
        fiat::fiat_25519_loose_field_element(self.0)
    }
}

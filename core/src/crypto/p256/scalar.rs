//! Arithmetic modulo the order n of the group.
//!
//! One verification needs one inversion and three products here, so one representation serves every machine.

use super::super::inverse::{Modulus, invert};
use super::super::prime_field::Field;
use super::super::words;

/// An integer below n, little-endian words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar([u64; 4]);

/// n, little-endian words.
pub(crate) const N: [u64; 4] =
    [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];

pub(crate) const ORDER: Modulus = Modulus::new(&N);

static INTEGERS: Field<4> = Field::new(N);

impl Scalar {
    /// The scalar of 32 big-endian bytes if it is in 1..n, as FIPS 186-5 §6.4.2 step 1 asks of r and s.
    pub(crate) fn from_signature_part(bytes: &[u8; 32]) -> Option<Self> {
        let words = words::from_be_bytes(bytes);
        (words::less_than(&words, &N) && words != [0; 4]).then_some(Self(words))
    }

    /// The hash as an integer modulo n.
    pub(crate) fn from_hash(bytes: &[u8; 32]) -> Self {
        let words = words::from_be_bytes(bytes);
        // A hash below 2^256 < 2·n: once is enough.
        if words::less_than(&words, &N) { Self(words) } else { Self(words::sub(&words, &N).0) }
    }

    pub(crate) fn words(&self) -> &[u64; 4] {
        &self.0
    }

    /// (self/s, other/s) modulo n, for s not 0.
    pub(crate) fn divided_by(self, other: Self, s: Self) -> (Self, Self) {
        // In Montgomery form, so that a product with a plain integer is plain again.
        let inverse = INTEGERS.enter(&invert(&ORDER, &s.0));
        (Self(INTEGERS.mul(&self.0, &inverse)), Self(INTEGERS.mul(&other.0, &inverse)))
    }

    /// Of `self` and `n - self` the one below 2^255, and whether it is the second: so that the last digit never carries out.
    pub(crate) fn halved(&self) -> ([u64; 4], bool) {
        let negated = words::sub(&N, &self.0).0;
        let negative = words::less_than(&negated, &self.0);
        (if negative { negated } else { self.0 }, negative)
    }
}

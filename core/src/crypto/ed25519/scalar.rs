//! Integers modulo the order L of the base point.

use super::super::prime_field::Field;
use super::super::words;

/// An integer below L, little-endian words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar([u64; 4]);

/// L = 2^252 + 27742317777372353535851937790883648493, little-endian words.
pub(crate) const L: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

static INTEGERS: Field<4> = Field::new(L);

impl Scalar {
    /// "Decode the second half as an integer S, in the range 0 <= s < L. If […] decoding fails […], the signature is invalid"
    /// (RFC 8032 §5.1.7 step 1).
    pub(crate) fn from_signature_part(bytes: &[u8; 32]) -> Option<Self> {
        let words = words::from_le_bytes(bytes);
        words::less_than(&words, &L).then_some(Self(words))
    }

    /// The hash as a little-endian integer modulo L (RFC 8032 §5.1.7 step 2).
    ///
    /// Libraries reduce it too, and it matters: on a key of mixed order k and k mod L are different factors.
    pub(crate) fn from_hash(hash: &[u8; 64]) -> Self {
        let mut halves = hash.chunks_exact(32).map(|half| half.try_into().map_or([0; 4], words::from_le_bytes));
        let (low, high) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        // Montgomery products divide by 2^256: `one` is 2^256 modulo L, so the low half stays; `entry` is 2^512, so the
        // high half is multiplied by 2^256, which is its weight.
        let low = INTEGERS.mul(&low, &INTEGERS.one);
        let high = INTEGERS.mul(&high, &INTEGERS.entry);
        Self(INTEGERS.add(&low, &high))
    }

    pub(crate) fn words(&self) -> &[u64; 4] {
        &self.0
    }
}

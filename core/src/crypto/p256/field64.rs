//! Arithmetic modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 in four limbs of 64 bits, for machines with a 64-bit product.
//!
//! A value `a` is held as `a·2^256 mod p` (Montgomery form) and may lie anywhere in `0..2^256`: a result is brought
//! under 2^256, not under p, because the test "did it overflow" is cheaper than the test "is it at least p".
//! So 0 has two representations, 0 and p, and only [`Fe::canonical`] distinguishes values.

use crate::crypto::words::{self, adc, mac, sbb, wide_mul, wide_square};

/// A field element: any representative below 2^256, little-endian limbs, Montgomery form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fe(pub(super) [u64; 4]);

const P: [u64; 4] = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];

/// 2^256 - p.
const MINUS_P: [u64; 4] = [1, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_fffe];

/// 2^512 mod p, which carries a value into Montgomery form.
const R2: Fe = Fe([3, 0xffff_fffb_ffff_ffff, 0xffff_ffff_ffff_fffe, 0x0000_0004_ffff_fffd]);

impl Fe {
    #[cfg(test)]
    pub(crate) const fn raw(limbs: [u64; 4]) -> Self {
        Self(limbs)
    }

    pub(crate) const ZERO: Self = Self([0; 4]);

    /// 2^256 mod p.
    pub(crate) const ONE: Self = Self(MINUS_P);

    /// The element of an integer below 2^256 in little-endian limbs; the integer is taken modulo p.
    #[inline]
    pub(crate) fn from_words(words: &[u64; 4]) -> Self {
        Self(*words).mul(&R2)
    }

    /// The integer below p, little-endian limbs.
    pub(crate) fn to_words(self) -> [u64; 4] {
        Self(reduce([self.0[0], self.0[1], self.0[2], self.0[3], 0, 0, 0, 0])).canonical()
    }

    /// The representative below p, still in Montgomery form.
    #[inline]
    fn canonical(self) -> [u64; 4] {
        let (less, borrow) = words::sub(&self.0, &P);
        if borrow { self.0 } else { less }
    }

    /// The representative that every table entry has.
    pub(crate) fn normalized(self) -> Self {
        Self(self.canonical())
    }

    #[inline]
    pub(crate) fn is_zero(&self) -> bool {
        let [a, b, c, d] = self.0;
        (a | b | c | d) == 0 || self.0 == P
    }

    #[inline]
    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.sub(other).is_zero()
    }

    #[inline(always)]
    pub(crate) fn add(&self, other: &Self) -> Self {
        let (sum, carry) = words::add(&self.0, &other.0);
        let (mut sum, borrow) = words::sub(&sum, &masked_p(carry));
        // Two values above p can leave 2^256 or more even after one p was taken away. Without a carry there is no borrow, so
        // one comparison, nearly always the same, means "carry and no borrow".
        if carry != borrow {
            sum = words::sub(&sum, &P).0;
        }
        Self(sum)
    }

    #[inline(always)]
    pub(crate) fn sub(&self, other: &Self) -> Self {
        let (less, borrow) = words::sub(&self.0, &other.0);
        let (mut less, carry) = words::add(&less, &masked_p(borrow));
        // A value below 2^224 less one above p can stay negative even after one p was added; see `add`.
        if borrow != carry {
            less = words::add(&less, &P).0;
        }
        Self(less)
    }

    /// `-self` where `negative`, else `self`, without a branch, for a normalized `self`.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Self {
        let minus = Self(words::sub(&P, &self.0).0);
        let mask = 0u64.wrapping_sub(u64::from(negative));
        Self([
            (self.0[0] & !mask) | (minus.0[0] & mask),
            (self.0[1] & !mask) | (minus.0[1] & mask),
            (self.0[2] & !mask) | (minus.0[2] & mask),
            (self.0[3] & !mask) | (minus.0[3] & mask),
        ])
    }

    /// A value read back soon needs nothing here: limbs are always full.
    #[inline(always)]
    pub(crate) fn carried(self) -> Self {
        self
    }

    /// `a·b - c·d` with one reduction for both products.
    #[inline(always)]
    pub(crate) fn mul_sub_mul(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        let (left, right) = (wide_mul(&a.0, &b.0), wide_mul(&c.0, &d.0));
        let mut t = [0u64; 8];
        let mut borrow = false;
        for ((t, left), right) in t.iter_mut().zip(left).zip(right) {
            (*t, borrow) = sbb(left, right, borrow);
        }
        let low = reduce_low([t[0], t[1], t[2], t[3]]);
        let (sum, carry) = words::add(&low, &[t[4], t[5], t[6], t[7]]);
        // The true value is sum + 2^256·(carry - borrow): take p away, add it, or leave the sum alone.
        let take = 0u64.wrapping_sub(u64::from(carry & !borrow));
        let give = 0u64.wrapping_sub(u64::from(borrow & !carry));
        let amount = [
            (MINUS_P[0] & take) | (P[0] & give),
            (MINUS_P[1] & take) | (P[1] & give),
            MINUS_P[2] & take,
            (MINUS_P[3] & take) | (P[3] & give),
        ];
        let (mut value, over) = words::add(&sum, &amount);
        // A value more than p below 0, by less than 2^224, needs p once more.
        if (give != 0) & !over {
            value = words::add(&value, &P).0;
        }
        Self(value)
    }

    #[inline(always)]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        Self(reduce(wide_mul(&self.0, &other.0)))
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Self {
        Self(reduce(wide_square(&self.0)))
    }
}

#[inline(always)]
fn masked_p(take: bool) -> [u64; 4] {
    let mask = 0u64.wrapping_sub(u64::from(take));
    [mask, mask & P[1], 0, mask & P[3]]
}

/// `t / 2^256 mod p`, below 2^256.
///
/// `-p^-1 mod 2^64` is 1, so each step adds `m·p` with `m` the lowest limb itself. `m·p` is
/// `m·(2^256 - 2^224 + 2^192) + m·2^96 - m`: the lowest limb vanishes, two shifts serve `m·2^96`, one product the rest.
/// The low half alone reduces to at most p, so adding the high half overflows 2^256 at most once.
#[inline(always)]
fn reduce(t: [u64; 8]) -> [u64; 4] {
    let low = reduce_low([t[0], t[1], t[2], t[3]]);
    let (sum, carry) = words::add(&low, &[t[4], t[5], t[6], t[7]]);
    words::sub(&sum, &masked_p(carry)).0
}

/// `low / 2^256` modulo p, at most p.
#[inline(always)]
fn reduce_low(low: [u64; 4]) -> [u64; 4] {
    reduce_step(reduce_step(reduce_step(reduce_step(low))))
}

/// `(w + w0·p) / 2^64`.
#[inline(always)]
fn reduce_step(w: [u64; 4]) -> [u64; 4] {
    let m = w[0];
    let (low, high) = mac(0, m, P[3], 0);
    let (r0, c) = adc(w[1], m << 32, false);
    let (r1, c) = adc(w[2], m >> 32, c);
    let (r2, c) = adc(w[3], low, c);
    [r0, r1, r2, high.wrapping_add(u64::from(c))]
}

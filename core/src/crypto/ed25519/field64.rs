//! Arithmetic modulo p = 2^255 - 19 in four full words, for machines with a 64-bit product.
//!
//! A value may lie anywhere in `0..2^256`: what overflows comes back 38-fold, because 2^256 is 38 modulo p.
//! So most values have two representations, some three, and only [`Fe::to_words`] distinguishes values.

use super::prime::P;
use crate::crypto::words::{self, adc, mac, wide_mul, wide_square};

/// A field element: any representative below 2^256, little-endian words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fe(pub(super) [u64; 4]);

/// A sum or difference: here it is as good as any element.
pub(crate) type Loose = Fe;

impl Fe {
    #[cfg(test)]
    pub(crate) const fn raw(words: [u64; 4]) -> Self {
        Self(words)
    }

    pub(crate) const ZERO: Self = Self([0; 4]);

    pub(crate) const ONE: Self = Self([1, 0, 0, 0]);

    /// The element of an integer below 2^255 in little-endian words; the integer is taken modulo p.
    pub(crate) const fn from_words(words: &[u64; 4]) -> Self {
        Self(*words)
    }

    /// The integer below p, little-endian words.
    pub(crate) fn to_words(self) -> [u64; 4] {
        let mut words = self.0;
        // 2^256 is 2·p + 38.
        for _ in 0..2 {
            let (less, borrow) = words::sub(&words, &P);
            if !borrow {
                words = less;
            }
        }
        words
    }

    #[inline(always)]
    pub(crate) const fn loose(self) -> Loose {
        self
    }

    #[inline(always)]
    pub(crate) const fn carried(self) -> Self {
        self
    }

    #[inline(always)]
    pub(crate) fn add(&self, other: &Self) -> Loose {
        let (sum, carry) = words::add(&self.0, &other.0);
        let back = 38 * u64::from(carry);
        let (sum, carry) = words::add(&sum, &[back, 0, 0, 0]);
        Self(plus_38_if(sum, carry))
    }

    #[inline(always)]
    pub(crate) fn sub(&self, other: &Self) -> Loose {
        let (less, borrow) = words::sub(&self.0, &other.0);
        minus_few(less, 38 * u64::from(borrow))
    }

    /// `-self` where `negative`, else `self`, without a branch.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Loose {
        let mask = 0u64.wrapping_sub(u64::from(negative));
        // All bits turned over make 2^256 - 1 - self, which is 37 - self.
        let turned = [self.0[0] ^ mask, self.0[1] ^ mask, self.0[2] ^ mask, self.0[3] ^ mask];
        minus_few(turned, 37 & mask)
    }

    #[inline(always)]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        reduce(wide_mul(&self.0, &other.0))
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Self {
        reduce(wide_square(&self.0))
    }
}

/// `sum`, and 38 more for a carry that it left behind: such a sum is small, so there is no further carry.
#[inline(always)]
fn plus_38_if(sum: [u64; 4], carry: bool) -> [u64; 4] {
    [sum[0].wrapping_add(38 * u64::from(carry)), sum[1], sum[2], sum[3]]
}

/// `value - few` for a `few` of at most 38. What wraps below 0 is then 2^256 less a little, and gives 38 without a further borrow.
#[inline(always)]
fn minus_few(value: [u64; 4], few: u64) -> Fe {
    let (less, borrow) = words::sub(&value, &[few, 0, 0, 0]);
    Fe([less[0].wrapping_sub(38 * u64::from(borrow)), less[1], less[2], less[3]])
}

/// `t` modulo p: the high half comes back 38-fold, what that carries out (at most 38) again, and so once more.
#[inline(always)]
fn reduce(t: [u64; 8]) -> Fe {
    let (r0, c) = mac(t[0], t[4], 38, 0);
    let (r1, c) = mac(t[1], t[5], 38, c);
    let (r2, c) = mac(t[2], t[6], 38, c);
    let (r3, c) = mac(t[3], t[7], 38, c);
    let (r0, carry) = adc(r0, c * 38, false);
    let (r1, carry) = adc(r1, 0, carry);
    let (r2, carry) = adc(r2, 0, carry);
    let (r3, carry) = adc(r3, 0, carry);
    Fe(plus_38_if([r0, r1, r2, r3], carry))
}

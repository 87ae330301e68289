//! Arithmetic modulo the order n of the group, and scalars cut into signed digits.
//!
//! One verification needs one inversion and three products here, so one representation serves every machine.

use super::inverse::{ORDER, invert};

/// An integer below n, little-endian words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar([u64; 4]);

/// n, little-endian words.
pub(crate) const N: [u64; 4] =
    [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];

/// 2^512 mod n.
const R2: Scalar = Scalar([0x8324_4c95_be79_eea2, 0x4699_799c_49bd_6fa6, 0x2845_b239_2b6b_ec59, 0x66e1_2d94_f3d9_5620]);

/// -1/n mod 2^64.
const N_INVERSE: u64 = 0xccd1_c8aa_ee00_bc4f;

/// The most digits a scalar can have: 255 bits in windows of four.
pub(crate) const MAX_DIGITS: usize = 64;

impl Scalar {
    /// The scalar of 32 big-endian bytes if it lies in 1..n, as FIPS 186-5 §6.4.2 step 1 asks of r and s.
    pub(crate) fn from_signature_part(bytes: &[u8; 32]) -> Option<Self> {
        let words = words_from_be_bytes(bytes);
        (less_than(&words, &N) && words != [0; 4]).then_some(Self(words))
    }

    /// The hash as an integer modulo n.
    pub(crate) fn from_hash(bytes: &[u8; 32]) -> Self {
        let words = words_from_be_bytes(bytes);
        // A hash below 2^256 < 2·n: once is enough.
        if less_than(&words, &N) { Self(words) } else { Self(sub_words(&words, &N).0) }
    }

    pub(crate) fn words(&self) -> &[u64; 4] {
        &self.0
    }

    /// (self/s, other/s) modulo n, for s not 0.
    pub(crate) fn divided_by(self, other: Self, s: Self) -> (Self, Self) {
        let inverse = Self(invert(&ORDER, &s.0)).montgomery_mul(&R2);
        (self.montgomery_mul(&inverse), other.montgomery_mul(&inverse))
    }

    /// `self·other / 2^256` modulo n.
    pub(crate) fn montgomery_mul(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mut t = [0u64; 4];
        let mut top = 0u64;
        for word in a {
            let mut carry = 0;
            for (limb, factor) in t.iter_mut().zip(b) {
                (*limb, carry) = mac(*limb, *word, *factor, carry);
            }
            // The running value stays below 2·n, so `top` is 0 or 1 and this sum cannot overflow twice.
            let (high, over) = top.overflowing_add(carry);
            let m = t[0].wrapping_mul(N_INVERSE);
            let (_, mut carry) = mac(t[0], m, N[0], 0);
            for i in 1..4 {
                (t[i - 1], carry) = mac(t[i], m, N[i], carry);
            }
            let (high, over_again) = high.overflowing_add(carry);
            t[3] = high;
            top = u64::from(over) + u64::from(over_again);
        }
        if top != 0 || !less_than(&t, &N) {
            t = sub_words(&t, &N).0;
        }
        Self(t)
    }

    /// The scalar as `±Σ digit_i·2^(window·i)`: the digits, lowest first, and how many of them there are.
    ///
    /// Of `self` and `n - self` the one below 2^255 is cut, so that the last digit never carries out. Every digit but the last
    /// lies in `-2^(window-1)+1 ..= 2^(window-1)`; the last is not negative before the common sign.
    pub(crate) fn signed_digits(&self, window: u32) -> ([i32; MAX_DIGITS], usize) {
        let negated = sub_words(&N, &self.0).0;
        let negative = less_than(&negated, &self.0);
        let words = if negative { negated } else { self.0 };
        let count = digit_count(window);
        let sign = -i32::from(negative);
        let mut digits = [0i32; MAX_DIGITS];
        let mut carry = 0i32;
        let mut at = 0u32;
        for (i, digit) in digits.iter_mut().enumerate().take(count) {
            let raw = bits_at(&words, at, window) as i32 + carry;
            // Without branches: which way a digit goes is a coin toss.
            let over = i32::from(i + 1 < count) & i32::from(raw > 1 << (window - 1));
            let value = raw - (over << window);
            carry = over;
            *digit = (value ^ sign) - sign;
            at += window;
        }
        (digits, count)
    }
}

/// How many windows cover 255 bits.
pub(crate) const fn digit_count(window: u32) -> usize {
    255usize.div_ceil(window as usize)
}

/// `count` bits of the words from bit `at` on; bits past the end are 0.
#[inline(always)]
fn bits_at(words: &[u64; 4], at: u32, count: u32) -> u64 {
    let (word, shift) = (at as usize / 64, at % 64);
    let mut bits = words.get(word).copied().unwrap_or(0) >> shift;
    if shift + count > 64 {
        bits |= words.get(word + 1).copied().unwrap_or(0) << (64 - shift);
    }
    bits & ((1 << count) - 1)
}

/// The words of 32 big-endian bytes.
pub(crate) fn words_from_be_bytes(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0u64; 4];
    for (word, chunk) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// `a < b`.
pub(crate) fn less_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    sub_words(a, b).1
}

/// `a - b` modulo 2^256, and whether it went below 0.
pub(crate) fn sub_words(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let mut words = [0u64; 4];
    let mut borrow = false;
    for ((word, a), b) in words.iter_mut().zip(a).zip(b) {
        let (less, under) = a.overflowing_sub(*b);
        let (less, under_again) = less.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (less, under || under_again);
    }
    (words, borrow)
}

/// `a + b` modulo 2^256, and whether it left 2^256.
pub(crate) fn add_words(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let mut words = [0u64; 4];
    let mut carry = false;
    for ((word, a), b) in words.iter_mut().zip(a).zip(b) {
        let (sum, over) = a.overflowing_add(*b);
        let (sum, over_again) = sum.overflowing_add(u64::from(carry));
        (*word, carry) = (sum, over || over_again);
    }
    (words, carry)
}

#[inline(always)]
fn mac(acc: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let t = u128::from(acc) + u128::from(a) * u128::from(b) + u128::from(carry);
    (t as u64, (t >> 64) as u64)
}

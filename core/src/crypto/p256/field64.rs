//! Arithmetic modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 in four limbs of 64 bits, for machines with a 64-bit product.
//!
//! A value `a` is held as `a·2^256 mod p` (Montgomery form) and may lie anywhere in `0..2^256`: a result is brought
//! under 2^256, not under p, because the test "did it overflow" is cheaper than the test "is it at least p".
//! So 0 has two representations, 0 and p, and only [`Fe::canonical`] tells values apart.

/// A field element: any representative below 2^256, little-endian limbs, Montgomery form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fe([u64; 4]);

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
        let (less, borrow) = sub_limbs(&self.0, &P);
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
        let (sum, carry) = add_limbs(&self.0, &other.0);
        let (mut sum, borrow) = sub_limbs(&sum, &masked_p(carry));
        // Two values above p can leave 2^256 or more even after one p was taken away. Without a carry there is no borrow, so
        // one comparison, nearly always the same, stands for "carry and no borrow".
        if carry != borrow {
            sum = sub_limbs(&sum, &P).0;
        }
        Self(sum)
    }

    #[inline(always)]
    pub(crate) fn sub(&self, other: &Self) -> Self {
        let (less, borrow) = sub_limbs(&self.0, &other.0);
        let (mut less, carry) = add_limbs(&less, &masked_p(borrow));
        // A value below 2^224 less one above p can stay negative even after one p was added; see `add`.
        if borrow != carry {
            less = add_limbs(&less, &P).0;
        }
        Self(less)
    }

    /// `-self` where `negative`, else `self`, without a branch, for a normalized `self`.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Self {
        let minus = Self(sub_limbs(&P, &self.0).0);
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
        let (sum, carry) = add_limbs(&low, &[t[4], t[5], t[6], t[7]]);
        // The true value is sum + 2^256·(carry - borrow): take p away, add it, or leave the sum alone.
        let take = 0u64.wrapping_sub(u64::from(carry & !borrow));
        let give = 0u64.wrapping_sub(u64::from(borrow & !carry));
        let amount = [
            (MINUS_P[0] & take) | (P[0] & give),
            (MINUS_P[1] & take) | (P[1] & give),
            MINUS_P[2] & take,
            (MINUS_P[3] & take) | (P[3] & give),
        ];
        let (mut value, over) = add_limbs(&sum, &amount);
        // A value more than p below 0, by less than 2^224, needs p once more.
        if (give != 0) & !over {
            value = add_limbs(&value, &P).0;
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

#[inline(always)]
fn adc(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (s, c1) = a.overflowing_add(b);
    let (s, c2) = s.overflowing_add(u64::from(carry));
    (s, c1 | c2)
}

#[inline(always)]
fn sbb(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (s, c1) = a.overflowing_sub(b);
    let (s, c2) = s.overflowing_sub(u64::from(borrow));
    (s, c1 | c2)
}

#[inline(always)]
fn add_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = adc(a[0], b[0], false);
    let (r1, c) = adc(a[1], b[1], c);
    let (r2, c) = adc(a[2], b[2], c);
    let (r3, c) = adc(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

#[inline(always)]
fn sub_limbs(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = sbb(a[0], b[0], false);
    let (r1, c) = sbb(a[1], b[1], c);
    let (r2, c) = sbb(a[2], b[2], c);
    let (r3, c) = sbb(a[3], b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `acc + a·b + carry` as (low, high); it cannot overflow.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
fn mac(acc: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let t = u128::from(acc) + u128::from(a) * u128::from(b) + u128::from(carry);
    (t as u64, (t >> 64) as u64)
}

#[inline(always)]
fn wide_mul(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let (t0, c) = mac(0, a[0], b[0], 0);
    let (t1, c) = mac(0, a[0], b[1], c);
    let (t2, c) = mac(0, a[0], b[2], c);
    let (t3, t4) = mac(0, a[0], b[3], c);

    let (t1, c) = mac(t1, a[1], b[0], 0);
    let (t2, c) = mac(t2, a[1], b[1], c);
    let (t3, c) = mac(t3, a[1], b[2], c);
    let (t4, t5) = mac(t4, a[1], b[3], c);

    let (t2, c) = mac(t2, a[2], b[0], 0);
    let (t3, c) = mac(t3, a[2], b[1], c);
    let (t4, c) = mac(t4, a[2], b[2], c);
    let (t5, t6) = mac(t5, a[2], b[3], c);

    let (t3, c) = mac(t3, a[3], b[0], 0);
    let (t4, c) = mac(t4, a[3], b[1], c);
    let (t5, c) = mac(t5, a[3], b[2], c);
    let (t6, t7) = mac(t6, a[3], b[3], c);
    [t0, t1, t2, t3, t4, t5, t6, t7]
}

#[inline(always)]
fn wide_square(a: &[u64; 4]) -> [u64; 8] {
    // Each mixed product once …
    let (t1, c) = mac(0, a[0], a[1], 0);
    let (t2, c) = mac(0, a[0], a[2], c);
    let (t3, t4) = mac(0, a[0], a[3], c);
    let (t3, c) = mac(t3, a[1], a[2], 0);
    let (t4, t5) = mac(t4, a[1], a[3], c);
    let (t5, t6) = mac(t5, a[2], a[3], 0);
    // … doubled …
    let t7 = t6 >> 63;
    let t6 = (t6 << 1) | (t5 >> 63);
    let t5 = (t5 << 1) | (t4 >> 63);
    let t4 = (t4 << 1) | (t3 >> 63);
    let t3 = (t3 << 1) | (t2 >> 63);
    let t2 = (t2 << 1) | (t1 >> 63);
    let t1 = t1 << 1;
    // … and the squares of the limbs.
    let (t0, h0) = mac(0, a[0], a[0], 0);
    let (l1, h1) = mac(0, a[1], a[1], 0);
    let (l2, h2) = mac(0, a[2], a[2], 0);
    let (l3, h3) = mac(0, a[3], a[3], 0);
    let (t1, c) = adc(t1, h0, false);
    let (t2, c) = adc(t2, l1, c);
    let (t3, c) = adc(t3, h1, c);
    let (t4, c) = adc(t4, l2, c);
    let (t5, c) = adc(t5, h2, c);
    let (t6, c) = adc(t6, l3, c);
    let (t7, _) = adc(t7, h3, c);
    [t0, t1, t2, t3, t4, t5, t6, t7]
}

/// `t / 2^256 mod p`, below 2^256.
///
/// `-p^-1 mod 2^64` is 1, so each step adds `m·p` with `m` the lowest limb itself. `m·p` is
/// `m·(2^256 - 2^224 + 2^192) + m·2^96 - m`: the lowest limb vanishes, two shifts serve `m·2^96`, one product the rest.
/// The low half alone reduces to at most p, so adding the high half overflows 2^256 at most once.
#[inline(always)]
fn reduce(t: [u64; 8]) -> [u64; 4] {
    let low = reduce_low([t[0], t[1], t[2], t[3]]);
    let (sum, carry) = add_limbs(&low, &[t[4], t[5], t[6], t[7]]);
    sub_limbs(&sum, &masked_p(carry)).0
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

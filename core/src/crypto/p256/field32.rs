//! Arithmetic modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1 in nine limbs of 29 bits, for machines without a 64-bit product.
//!
//! A value `a` is held as `a·2^261 mod p` (Montgomery form) by nine signed limbs. WebAssembly has no carry flag and no
//! 128-bit product, so products of limbs are summed by column in one `i64` and carried once at the end, and the shape of p
//! makes the reduction shifts and additions only.
//!
//! `mul`, `square` and `mul_sub_mul` are never inlined: V8 runs a point addition with calls in 0.62 of the time (`benches/wasm/run`),
//! as it finds registers for one product but not for ten at once.
//!
//! Bounds. *Carried*: limbs 0..=7 in `0..2^29`, limb 8 below 2^27 either way. `mul`, `square` and `mul_sub_mul` give
//! carried values; their operands may be carried values or one `sub` or `negate_if` of carried values (limbs below 2^29 either
//! way), so a column stays below 18·2^58 + 2^58 < 2^63. Anything longer goes through [`Fe::carried`] first.
//! Values stay within 8·p either way: with operands of at most 6.6·p, the most the point formulas make, a product is
//! at most 6.6²·p²/2^261 + p < 2.4·p.

/// A field element in Montgomery form; see the bounds above. Several representations of one value exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fe(pub(super) [i32; 9]);

const BITS: u32 = 29;
const MASK: i64 = (1 << BITS) - 1;

const P: [i32; 9] = [0x1fff_ffff, 0x1fff_ffff, 0x1fff_ffff, 0x1ff, 0, 0, 0x4_0000, 0x1fe0_0000, 0xff_ffff];

/// 2^522 mod p, which carries a value into Montgomery form.
const R2: Fe = Fe([0xc00, 0, 0x1fff_0000, 0x1fdf_ffff, 0x1fbf_ffff, 0x1fff_ffff, 0x1fff_ffff, 0x1fff_fffe, 0x13]);

/// The integer 1, which carries a value out of Montgomery form.
const PLAIN_ONE: Fe = Fe([1, 0, 0, 0, 0, 0, 0, 0, 0]);

impl Fe {
    #[cfg(test)]
    pub(crate) const fn raw(limbs: [i32; 9]) -> Self {
        Self(limbs)
    }

    pub(crate) const ZERO: Self = Self([0; 9]);

    /// 2^261 mod p.
    pub(crate) const ONE: Self = Self([0x20, 0, 0, 0x1fff_c000, 0x1fff_ffff, 0x1fff_ffff, 0x1f7f_ffff, 0x3ff_ffff, 0]);

    /// The element of an integer below 2^256 in little-endian words; the integer is taken modulo p.
    pub(crate) fn from_words(words: &[u64; 4]) -> Self {
        let mut limbs = [0i32; 9];
        for (limb, at) in limbs.iter_mut().zip((0u32..).step_by(29)) {
            let (word, shift) = (at as usize / 64, at % 64);
            let mut bits = words.get(word).copied().unwrap_or(0) >> shift;
            if shift > 64 - BITS {
                bits |= words.get(word + 1).copied().unwrap_or(0) << (64 - shift);
            }
            *limb = (bits & MASK as u64) as i32;
        }
        Self(limbs).mul(&R2)
    }

    /// The integer below p, little-endian words.
    pub(crate) fn to_words(self) -> [u64; 4] {
        let limbs = self.carried().mul(&PLAIN_ONE).below_p();
        let mut words = [0u64; 4];
        for (limb, at) in limbs.iter().zip((0u32..).step_by(29)) {
            let (word, shift) = (at as usize / 64, at % 64);
            let bits = i64::from(*limb) as u64;
            if let Some(low) = words.get_mut(word) {
                *low |= bits << shift;
            }
            if shift > 64 - BITS
                && let Some(high) = words.get_mut(word + 1)
            {
                *high |= bits >> (64 - shift);
            }
        }
        words
    }

    /// The limbs of the representative below p, for a carried value above -p and below 3·p.
    fn below_p(self) -> [i32; 9] {
        let mut value = self;
        if value.0[8] < 0 {
            value = value.add(&Self(P)).carried();
        }
        for _ in 0..2 {
            let less = value.sub(&Self(P)).carried();
            if less.0[8] >= 0 {
                value = less;
            }
        }
        value.0
    }

    /// The representative that every table entry has: 0..p, carried.
    pub(crate) fn normalized(self) -> Self {
        Self(self.carried().mul(&Self::ONE).below_p())
    }

    #[inline(always)]
    pub(crate) fn is_zero(&self) -> bool {
        // The values that represent 0 are -7·p to 7·p, whose lowest limbs are 7 down to -7 modulo 2^29.
        let low = (self.0[0].wrapping_add(7)) & MASK as i32;
        low <= 14 && self.normalized().0 == [0; 9]
    }

    pub(crate) fn equals(&self, other: &Self) -> bool {
        self.sub(other).is_zero()
    }

    /// The limbs brought under 29 bits again, the sign left in the highest.
    #[inline(always)]
    pub(crate) fn carried(self) -> Self {
        let a = self.0;
        let mask = MASK as i32;
        let t1 = a[1] + (a[0] >> BITS);
        let t2 = a[2] + (t1 >> BITS);
        let t3 = a[3] + (t2 >> BITS);
        let t4 = a[4] + (t3 >> BITS);
        let t5 = a[5] + (t4 >> BITS);
        let t6 = a[6] + (t5 >> BITS);
        let t7 = a[7] + (t6 >> BITS);
        let t8 = a[8] + (t7 >> BITS);
        Self([a[0] & mask, t1 & mask, t2 & mask, t3 & mask, t4 & mask, t5 & mask, t6 & mask, t7 & mask, t8])
    }

    /// The sum, not carried.
    #[inline(always)]
    pub(crate) fn add(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        Self([
            a[0] + b[0],
            a[1] + b[1],
            a[2] + b[2],
            a[3] + b[3],
            a[4] + b[4],
            a[5] + b[5],
            a[6] + b[6],
            a[7] + b[7],
            a[8] + b[8],
        ])
    }

    /// The difference, not carried.
    #[inline(always)]
    pub(crate) fn sub(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        Self([
            a[0] - b[0],
            a[1] - b[1],
            a[2] - b[2],
            a[3] - b[3],
            a[4] - b[4],
            a[5] - b[5],
            a[6] - b[6],
            a[7] - b[7],
            a[8] - b[8],
        ])
    }

    /// `-self` where `negative`, else `self`, without a branch and not carried.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Self {
        let mask = -i32::from(negative);
        let a = &self.0;
        Self([
            (a[0] ^ mask) - mask,
            (a[1] ^ mask) - mask,
            (a[2] ^ mask) - mask,
            (a[3] ^ mask) - mask,
            (a[4] ^ mask) - mask,
            (a[5] ^ mask) - mask,
            (a[6] ^ mask) - mask,
            (a[7] ^ mask) - mask,
            (a[8] ^ mask) - mask,
        ])
    }

    #[inline(never)]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        reduce(columns(&self.0, &other.0))
    }

    /// `a·b - c·d`, which V8 runs faster as two products than as one that is reduced once: that has too many columns for its registers.
    #[inline(always)]
    pub(crate) fn mul_sub_mul(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        a.mul(b).sub(&c.mul(d)).carried()
    }

    #[inline(never)]
    pub(crate) fn square(&self) -> Self {
        let a = widen(&self.0);
        let d = [a[0] * 2, a[1] * 2, a[2] * 2, a[3] * 2, a[4] * 2, a[5] * 2, a[6] * 2, a[7] * 2, a[8] * 2];
        let c0 = a[0] * a[0];
        let c1 = a[0] * d[1];
        let c2 = a[0] * d[2] + a[1] * a[1];
        let c3 = a[0] * d[3] + a[1] * d[2];
        let c4 = a[0] * d[4] + a[1] * d[3] + a[2] * a[2];
        let c5 = a[0] * d[5] + a[1] * d[4] + a[2] * d[3];
        let c6 = a[0] * d[6] + a[1] * d[5] + a[2] * d[4] + a[3] * a[3];
        let c7 = a[0] * d[7] + a[1] * d[6] + a[2] * d[5] + a[3] * d[4];
        let c8 = a[0] * d[8] + a[1] * d[7] + a[2] * d[6] + a[3] * d[5] + a[4] * a[4];
        let c9 = a[1] * d[8] + a[2] * d[7] + a[3] * d[6] + a[4] * d[5];
        let c10 = a[2] * d[8] + a[3] * d[7] + a[4] * d[6] + a[5] * a[5];
        let c11 = a[3] * d[8] + a[4] * d[7] + a[5] * d[6];
        let c12 = a[4] * d[8] + a[5] * d[7] + a[6] * a[6];
        let c13 = a[5] * d[8] + a[6] * d[7];
        let c14 = a[6] * d[8] + a[7] * a[7];
        let c15 = a[7] * d[8];
        let c16 = a[8] * a[8];
        reduce([c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16])
    }
}

#[inline(always)]
fn widen(a: &[i32; 9]) -> [i64; 9] {
    [
        i64::from(a[0]),
        i64::from(a[1]),
        i64::from(a[2]),
        i64::from(a[3]),
        i64::from(a[4]),
        i64::from(a[5]),
        i64::from(a[6]),
        i64::from(a[7]),
        i64::from(a[8]),
    ]
}

/// The product by columns: column `k` has weight `2^(29·k)`.
#[inline(always)]
fn columns(a: &[i32; 9], b: &[i32; 9]) -> [i64; 17] {
    let (a, b) = (widen(a), widen(b));
    let c0 = a[0] * b[0];
    let c1 = a[0] * b[1] + a[1] * b[0];
    let c2 = a[0] * b[2] + a[1] * b[1] + a[2] * b[0];
    let c3 = a[0] * b[3] + a[1] * b[2] + a[2] * b[1] + a[3] * b[0];
    let c4 = a[0] * b[4] + a[1] * b[3] + a[2] * b[2] + a[3] * b[1] + a[4] * b[0];
    let c5 = a[0] * b[5] + a[1] * b[4] + a[2] * b[3] + a[3] * b[2] + a[4] * b[1] + a[5] * b[0];
    let c6 = a[0] * b[6] + a[1] * b[5] + a[2] * b[4] + a[3] * b[3] + a[4] * b[2] + a[5] * b[1] + a[6] * b[0];
    let c7 =
        a[0] * b[7] + a[1] * b[6] + a[2] * b[5] + a[3] * b[4] + a[4] * b[3] + a[5] * b[2] + a[6] * b[1] + a[7] * b[0];
    let c8 = a[0] * b[8]
        + a[1] * b[7]
        + a[2] * b[6]
        + a[3] * b[5]
        + a[4] * b[4]
        + a[5] * b[3]
        + a[6] * b[2]
        + a[7] * b[1]
        + a[8] * b[0];
    let c9 =
        a[1] * b[8] + a[2] * b[7] + a[3] * b[6] + a[4] * b[5] + a[5] * b[4] + a[6] * b[3] + a[7] * b[2] + a[8] * b[1];
    let c10 = a[2] * b[8] + a[3] * b[7] + a[4] * b[6] + a[5] * b[5] + a[6] * b[4] + a[7] * b[3] + a[8] * b[2];
    let c11 = a[3] * b[8] + a[4] * b[7] + a[5] * b[6] + a[6] * b[5] + a[7] * b[4] + a[8] * b[3];
    let c12 = a[4] * b[8] + a[5] * b[7] + a[6] * b[6] + a[7] * b[5] + a[8] * b[4];
    let c13 = a[5] * b[8] + a[6] * b[7] + a[7] * b[6] + a[8] * b[5];
    let c14 = a[6] * b[8] + a[7] * b[7] + a[8] * b[6];
    let c15 = a[7] * b[8] + a[8] * b[7];
    let c16 = a[8] * b[8];
    [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16]
}

/// The columns divided by 2^261 modulo p, carried.
///
/// `-p^-1 mod 2^29` is 1, so step `i` adds `m·p` at weight `2^(29·i)`, `m` being the low bits of column `i` itself:
/// `-m` clears them, and `m·2^96`, `m·2^192`, `-m·2^224` and `m·2^256` fall 3, 6, 7 and 8 columns higher.
#[inline(always)]
fn reduce(mut c: [i64; 17]) -> Fe {
    macro_rules! step {
        ($($i:literal)*) => {$(
            let m = c[$i] & MASK;
            c[$i + 1] += c[$i] >> BITS;
            c[$i + 3] += m << 9;
            c[$i + 6] += m << 18;
            c[$i + 7] -= m << 21;
            c[$i + 8] += m << 24;
        )*};
    }
    step!(0 1 2 3 4 5 6 7 8);
    macro_rules! carry {
        ($($i:literal)*) => {$(
            c[$i + 1] += c[$i] >> BITS;
        )*};
    }
    carry!(9 10 11 12 13 14 15);
    Fe([
        (c[9] & MASK) as i32,
        (c[10] & MASK) as i32,
        (c[11] & MASK) as i32,
        (c[12] & MASK) as i32,
        (c[13] & MASK) as i32,
        (c[14] & MASK) as i32,
        (c[15] & MASK) as i32,
        (c[16] & MASK) as i32,
        (c[16] >> BITS) as i32,
    ])
}

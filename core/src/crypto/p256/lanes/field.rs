//! The field in lanes: the arithmetic of `field32`, limb for limb, with as many values side by side as a register takes.
//!
//! Nine signed limbs of 29 bits in Montgomery form with 2^261, and the bounds that are written down there. Two things differ. A product
//! takes the limbs of one factor in a loop and keeps eight columns in registers: straight on, it needs more registers than there are, and
//! four times the code, which a server finds outside of its caches. And as lanes of 64 bits know no shift with a sign, columns
//! are lifted above 0.

use core::hint::black_box;

use super::super::field::Fe;
use super::vector::{
    Columns, LANES, Limbs, Others, add, add_limbs, and, and_limbs, column, limb, limbs, mul, narrow, shl, shr,
    shr_limbs, sub, sub_limbs, swap, values, xor_limbs,
};
use crate::crypto::words::bits_at;

/// A field element in each lane.
#[derive(Clone, Copy)]
pub(super) struct Fes(pub(super) [Limbs; 9]);

const BITS: i32 = 29;
const MASK: i32 = (1 << BITS) - 1;

const P: [i32; 9] = [0x1fff_ffff, 0x1fff_ffff, 0x1fff_ffff, 0x1ff, 0, 0, 0x4_0000, 0x1fe0_0000, 0xff_ffff];

/// 2^261 mod p.
const ONE: [i32; 9] = [0x20, 0, 0, 0x1fff_c000, 0x1fff_ffff, 0x1fff_ffff, 0x1f7f_ffff, 0x3ff_ffff, 0];

/// The constant that is added to column 0, so that a column below 2^63 either way is not negative when it is carried.
const LIFT: i64 = i64::MIN;
/// The constant of column 16: it pays for the lift of the column below.
const PAY: i64 = -(1 << (63 - BITS));
/// The constant of each column between, so that the lifts make no difference to the sum of the columns.
const LIFT_AND_PAY: i64 = LIFT.wrapping_add(PAY);

/// The initial value of column `i + 8`.
const ABOVE: [i64; 9] = {
    let mut above = [LIFT_AND_PAY; 9];
    above[8] = PAY;
    above
};

/// An element of which `$limb` gives the limbs.
macro_rules! each {
    ($limb:expr) => {{
        let limb = $limb;
        Fes([limb(0), limb(1), limb(2), limb(3), limb(4), limb(5), limb(6), limb(7), limb(8)])
    }};
}

impl Fes {
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn one() -> Self {
        each!(|i: usize| limb(ONE[i]))
    }

    /// Coordinates of table entries, normalized.
    #[cfg(any(countersign_limbs = "32", not(target_pointer_width = "64")))]
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn gather(coordinates: [&Fe; LANES]) -> Self {
        each!(|i: usize| limbs(coordinates.map(|coordinate| coordinate.0[i])))
    }

    /// Coordinates of table entries, normalized; carried, give or take 2^26.
    #[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn gather(coordinates: [&Fe; LANES]) -> Self {
        use super::vector::{shl_limbs, words};
        // Montgomery form with 2^256, which five bits further up is that with 2^261: below 32·p …
        let [a, b, c, d] = core::array::from_fn(|word| words(coordinates.map(|coordinate| coordinate.0[word])));
        let masked = |word| narrow(and(word, column(MASK as i64)));
        let top = narrow(shr::<59>(d));
        // … less the multiple of p that its five highest bits give.
        Self([
            add_limbs(masked(shl::<5>(a)), top),
            masked(shr::<24>(a)),
            masked(add(shr::<53>(a), shl::<11>(b))),
            sub_limbs(masked(shr::<18>(b)), shl_limbs::<9>(top)),
            masked(add(shr::<47>(b), shl::<17>(c))),
            masked(shr::<12>(c)),
            sub_limbs(masked(add(shr::<41>(c), shl::<23>(d))), shl_limbs::<18>(top)),
            add_limbs(masked(shr::<6>(d)), shl_limbs::<21>(top)),
            sub_limbs(masked(shr::<35>(d)), shl_limbs::<24>(top)),
        ])
    }

    /// Two integers as they are, in no Montgomery form: lanes 0 and 2 hold the first, 1 and 3 the second.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn plain(even: &[u64; 4], odd: &[u64; 4]) -> Self {
        each!(|i: u32| {
            let [even, odd] = [even, odd].map(|integer| bits_at(integer, BITS as u32 * i, BITS as u32) as i32);
            limbs([even, odd, even, odd])
        })
    }

    /// Which lanes hold 0 modulo p, for carried values above -p and below 2·p.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn are_zero(&self) -> [bool; LANES] {
        let mut is_0 = [true; LANES];
        let mut is_p = [true; LANES];
        for (limbs, p) in self.0.iter().zip(P) {
            for (lane, value) in values(*limbs).into_iter().enumerate() {
                is_0[lane] &= value == 0;
                is_p[lane] &= value == p;
            }
        }
        core::array::from_fn(|lane| is_0[lane] || is_p[lane])
    }

    /// The difference, not carried.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn sub(&self, other: &Self) -> Self {
        each!(|i: usize| sub_limbs(self.0[i], other.0[i]))
    }

    /// The negative in the lanes where `mask` is -1, the value where it is 0; not carried.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn negate_where(&self, mask: Limbs) -> Self {
        each!(|i: usize| sub_limbs(xor_limbs(self.0[i], mask), mask))
    }

    /// `other` in the lanes where `mask` is -1, `self` where it is 0.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn choose(&self, other: &Self, mask: Limbs) -> Self {
        each!(|i: usize| xor_limbs(self.0[i], and_limbs(xor_limbs(self.0[i], other.0[i]), mask)))
    }

    /// In each lane what its other held.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn of(&self, others: Others) -> Self {
        each!(|i: usize| swap(self.0[i], others))
    }

    /// The limbs brought under 29 bits again, the sign left in the highest.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn carried(self) -> Self {
        let mut limbs = self.0;
        for i in 0..8 {
            limbs[i + 1] = add_limbs(limbs[i + 1], shr_limbs::<BITS>(limbs[i]));
            limbs[i] = and_limbs(limbs[i], limb(MASK));
        }
        Self(limbs)
    }

    #[inline(never)]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut window = Window::new();
        for i in 0..9 {
            // Read anew for each limb: the compiler would copy what does not fit its registers to other memory first.
            let (a, b) = (self.0[i], black_box(&other.0));
            window.take(i, |j| mul(a, b[j]));
        }
        window.carried()
    }

    /// `a·b - c·d` with one reduction for both products.
    #[inline(never)]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn mul_sub_mul(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut window = Window::new();
        for i in 0..9 {
            let (a, c, (b, d)) = (a.0[i], c.0[i], black_box((&b.0, &d.0)));
            window.take(i, |j| sub(mul(a, b[j]), mul(c, d[j])));
        }
        window.carried()
    }
}

/// Columns `i` to `i + 7` of a product, while those below are 0 modulo 2^29 and carried, and those above have got nothing yet.
struct Window([Columns; 8]);

impl Window {
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn new() -> Self {
        let mut columns = [column(LIFT_AND_PAY); 8];
        columns[0] = column(LIFT);
        Self(columns)
    }

    /// Adds the products of limb `i` of one factor with each limb `j` of the other, then a multiple of p that clears column `i`
    /// (`reduce` in `field32`), and moves on to column `i + 1`.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn take(&mut self, i: usize, product: impl Fn(usize) -> Columns) {
        let c = &mut self.0;
        let lowest = add(c[0], product(0));
        let m = and(lowest, column(MASK as i64));
        c[0] = add(add(c[1], product(1)), shr::<BITS>(lowest));
        c[1] = add(c[2], product(2));
        c[2] = add(add(c[3], product(3)), shl::<9>(m));
        c[3] = add(c[4], product(4));
        c[4] = add(c[5], product(5));
        c[5] = add(add(c[6], product(6)), shl::<18>(m));
        c[6] = sub(add(c[7], product(7)), shl::<21>(m));
        c[7] = add(add(column(ABOVE[i]), product(8)), shl::<24>(m));
    }

    /// Columns 9 to 16 as limbs, which is the product divided by 2^261.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn carried(self) -> Fes {
        let mut limbs = [limb(0); 9];
        let mut carry = column(0);
        for (limb, lifted) in limbs.iter_mut().zip(self.0) {
            let sum = add(lifted, carry);
            *limb = narrow(and(sum, column(MASK as i64)));
            carry = shr::<BITS>(sum);
        }
        // Its sign was shifted down as if it were a digit; the lower half of it, which is the limb, is the same.
        limbs[8] = narrow(carry);
        Fes(limbs)
    }
}

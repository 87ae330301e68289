//! Powers modulo an odd number, by Montgomery multiplication in blocks of `B` digits.
//!
//! With W the base of the digits and `R = W^L`, a product is brought back to the size of the modulus and divided by R on
//! the way. In the usual form each quotient digit waits for the one before. Here a multiple `f·n` is kept for which
//! `f·n + 1` is a multiple of `W^B`: adding it clears B low digits at once, and the quotient is those digits themselves. It
//! is B digits longer than n, so the last block is cleared with n.
//!
//! R is at least 16·n, and every number between two steps is below 4·n: nothing is compared or subtracted until the end.
//!
//! The columns of a product do not wait for each other: each is summed by itself and meets the carry at the end.

use alloc::boxed::Box;
use alloc::vec;

use super::digit::Digit;
use super::numbers::{bits_of, inverse_of, read, subtract};

/// Repeats a block for each constant index below `B`, so that the loops within have constant bounds and are unrolled.
macro_rules! unrolled {
    ($index:ident, $body:block) => {
        unrolled!($index, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)
    };
    ($index:ident, $body:block, $($value:literal)*) => {$({
        const $index: usize = $value;
        #[allow(clippy::reversed_empty_ranges, reason = "the first column has none")]
        if $index < B $body
    })*};
}

/// An odd modulus with the values that are computed from it once.
#[derive(Clone, Debug)]
pub(super) struct Modulus<D, const B: usize> {
    /// n, lowest digit first; the length L is a multiple of `B`.
    n: Box<[D]>,
    /// `(f·n + 1) / W^B` with f below `W^B`, so at most n; L digits.
    folded: Box<[D]>,
    /// A number below 4·n that is R² modulo n, L digits.
    pub(super) r_squared: Box<[D]>,
    /// `-1/n` modulo W.
    inverse: D,
}

impl<D: Digit, const B: usize> Modulus<D, B> {
    /// How many digits numbers modulo a number of so many bits have, L.
    pub(super) const fn length_for(bits: usize) -> usize {
        (bits + 4).div_ceil(D::BITS * B) * B
    }

    /// The modulus of big-endian bytes; `None` if it is even or too short for two blocks.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let bits = bits_of(bytes);
        let length = Self::length_for(bits);
        if length < 2 * B || bytes.last()?.is_multiple_of(2) {
            return None;
        }
        let mut n = vec![D::ZERO; length];
        read(bytes, &mut n);
        let mut low = [0; 8];
        for (to, from) in low.iter_mut().rev().zip(bytes.iter().rev()) {
            *to = *from;
        }
        let mut modulus = Self {
            n: n.into(),
            folded: vec![D::ZERO; length].into(),
            r_squared: vec![D::ZERO; length].into(),
            inverse: D::from_low(inverse_of(u64::from_be_bytes(low)).wrapping_neg()),
        };

        // Clearing the lowest block of the number 1 with n leaves (1 + f·n) / W^B.
        let mut t = vec![D::ZERO; length + B];
        *t.first_mut()? = D::power_of_two(0);
        modulus.clear_last(&mut t);
        modulus.folded = t.get(B..)?.into();

        // From the highest power of two below n by doublings to R, then from R·a to R·a² by squarings and to R·2·a by
        // doublings, to R·R.
        let exponent = length * D::BITS;
        let mut r_squared = vec![D::ZERO; length];
        *r_squared.get_mut((bits - 1) / D::BITS)? = D::power_of_two((bits - 1) % D::BITS);
        for _ in bits - 1..exponent {
            modulus.double(&mut r_squared);
        }
        let (mut t, mut space) = (vec![D::ZERO; 2 * length], vec![D::ZERO; 2 * length]);
        for bit in (0..=exponent.checked_ilog2()?).rev() {
            square::<D, B>(&r_squared, &mut t, &mut space);
            modulus.reduce(&mut t, &mut r_squared);
            modulus.canonical(&mut r_squared);
            if exponent >> bit & 1 == 1 {
                modulus.double(&mut r_squared);
            }
        }
        modulus.r_squared = r_squared.into();
        Some(modulus)
    }

    /// L.
    pub(super) fn length(&self) -> usize {
        self.n.len()
    }

    /// Whether a number of L digits is below n.
    pub(super) fn exceeds(&self, number: &[D]) -> bool {
        number.iter().rev().lt(self.n.iter().rev())
    }

    /// `out = base^exponent / R^(exponent - 1)` modulo n, below 4·n, for a base below 4·n.
    ///
    /// The base and `out` have L digits, `t` and `space` have 2·L.
    #[inline(always)]
    pub(super) fn power(&self, base: &[D], exponent: u64, out: &mut [D], t: &mut [D], space: &mut [D]) {
        out.copy_from_slice(base);
        for bit in (0..exponent.checked_ilog2().unwrap_or(0)).rev() {
            square::<D, B>(out, t, space);
            self.reduce(t, out);
            if exponent >> bit & 1 == 1 {
                self.multiply(out, base, t);
            }
        }
    }

    /// `a = a·b / R` modulo n, below 4·n, for factors below 4·n.
    #[inline(always)]
    pub(super) fn multiply(&self, a: &mut [D], b: &[D], t: &mut [D]) {
        product::<D, B>(a, b, t);
        self.reduce(t, a);
    }

    /// `out = out + factor·unit / W^m` modulo n, below n, for a factor of m digits, a unit below 4·n and `out` below 4·n.
    pub(super) fn add_multiple(&self, out: &mut [D], factor: &[D], unit: &[D], t: &mut [D]) {
        let Some(t) = t.get_mut(..self.length()) else { return };
        t.fill(D::ZERO);
        for digit in factor {
            // Clears the lowest digit with n each time and drops it; t stays below 6·n.
            let (Some(low), Some(unit_low)) = (t.first(), unit.first()) else { return };
            let quotient = D::low(digit.times_onto(*unit_low, low.onto(D::NOTHING))).times(self.inverse);
            let mut sum = D::NOTHING;
            for ((t, unit), n) in t.iter_mut().zip(unit).zip(&self.n) {
                (*t, sum) = D::carry(quotient.times_onto(*n, digit.times_onto(*unit, t.onto(sum))));
            }
            t.copy_within(1.., 0);
            if let Some(top) = t.last_mut() {
                *top = D::low(sum);
            }
        }
        let mut sum = D::NOTHING;
        for (out, t) in out.iter_mut().zip(t) {
            (*out, sum) = D::carry(t.onto(out.onto(sum)));
        }
        self.canonical(out);
    }

    /// Takes n away until the number is below n.
    pub(super) fn canonical(&self, number: &mut [D]) {
        while !self.exceeds(number) {
            subtract(number, &self.n);
        }
    }

    /// `a = 2·a` modulo n, for a below n.
    fn double(&self, a: &mut [D]) {
        let mut sum = D::NOTHING;
        for digit in a.iter_mut() {
            (*digit, sum) = D::carry(digit.doubled().onto(sum));
        }
        if !self.exceeds(a) {
            subtract(a, &self.n);
        }
    }

    /// `out = t / R` modulo n, for `t`, of 2·L digits, below 16·n²; the result is below 4·n.
    ///
    /// The value added to `t` is `f·n` times a number below `W^(L-B)` and n times a number below R, each less than R·n, so
    /// `t` stays below 16·n² + 2·R·n, which is at most 3·R·n and, 16·n being at most R, less than R².
    #[inline(always)]
    fn reduce(&self, t: &mut [D], out: &mut [D]) {
        let length = self.length();
        if length == 2 * B {
            self.reduce_pair(t, out);
            return;
        }
        let mut carry = D::NOTHING;
        for start in (0..length - B).step_by(B) {
            let Some(window) = t.get_mut(start..start + length + 2 * B) else { return };
            let Some((quotient, above)) = window.split_first_chunk_mut::<B>() else { return };
            carry = add_product(above, &self.folded, quotient, carry);
        }
        let Some(last) = t.get_mut(length - B..) else { return };
        self.clear_last(last);
        let Some(result) = last.get(B..) else { return };
        out.copy_from_slice(result);
    }

    /// As [`Modulus::reduce`], for L of two blocks: both quotients are applied to a column at a time.
    #[inline(never)]
    fn reduce_pair(&self, t: &[D], out: &mut [D]) {
        let ([q, t1, t2, t3], [h0, h1], [n0, n1]) =
            (t.as_chunks::<B>().0, self.folded.as_chunks::<B>().0, self.n.as_chunks::<B>().0)
        else {
            return;
        };
        let [out0, out1] = out.as_chunks_mut::<B>().0 else { return };
        let mut p = [D::ZERO; B];
        let mut sum = D::NOTHING;
        unrolled!(J, {
            let mut column = add_each(t1[J].onto(D::NOTHING), 0, J + 1, |k| (q[k], h0[J - k]));
            column = add_each(column, 0, J, |k| (p[k], n0[J - k]));
            sum = D::plus(sum, column);
            p[J] = D::low(sum).times(self.inverse);
            sum = p[J].times_onto(n0[0], sum);
            sum = D::carry(sum).1;
        });
        let folded = self.folded.windows(B).skip(1);
        let n = self.n.windows(B).skip(1);
        for (((out, t), folded), n) in out0.iter_mut().zip(t2).zip(folded).zip(n) {
            let mut column = t.onto(D::NOTHING);
            column = add_products(column, folded, q);
            column = add_products(column, n, &p);
            sum = D::plus(sum, column);
            (*out, sum) = D::carry(sum);
        }
        unrolled!(J, {
            let mut column = t3[J].onto(D::NOTHING);
            for k in J + 1..B {
                column = D::two_onto((q[k], h1[B + J - k]), (p[k], n1[B + J - k]), column);
            }
            sum = D::plus(sum, column);
            (out1[J], sum) = D::carry(sum);
        });
        // The result fits `out`.
        let _ = sum;
    }

    /// Adds the multiple of n to `t`, L + B digits, that clears its lowest B digits.
    #[inline(never)]
    fn clear_last(&self, t: &mut [D]) {
        let mut quotient = [D::ZERO; B];
        let mut sum = D::NOTHING;
        let (Some((low, above)), Some(n)) = (t.split_first_chunk_mut::<B>(), self.n.first_chunk::<B>()) else { return };
        unrolled!(J, {
            let column = add_each(low[J].onto(D::NOTHING), 0, J, |k| (quotient[k], n[J - k]));
            sum = D::plus(sum, column);
            quotient[J] = D::low(sum).times(self.inverse);
            sum = quotient[J].times_onto(n[0], sum);
            sum = D::carry(sum).1;
        });
        add_product_above(above, &self.n, &quotient, sum, D::NOTHING);
    }
}

/// `t = t + a·b + carry·W^L` for `a` of L digits and `t` of L + B; gives what does not fit `t`.
#[inline(always)]
fn add_product<D: Digit, const B: usize>(t: &mut [D], a: &[D], b: &[D; B], carry: D::Sum) -> D::Sum {
    let (Some((low, above)), Some(first)) = (t.split_first_chunk_mut::<B>(), a.first_chunk::<B>()) else {
        return carry;
    };
    let sum = add_low_product(low, first, b);
    add_product_above(above, a, b, sum, carry)
}

/// The low half of a product of two blocks, added to `t`; gives what belongs to the columns above.
#[inline(never)]
fn add_low_product<D: Digit, const B: usize>(t: &mut [D; B], a: &[D; B], b: &[D; B]) -> D::Sum {
    let mut sum = D::NOTHING;
    unrolled!(J, {
        let column = add_each(t[J].onto(D::NOTHING), 0, J + 1, |k| (b[k], a[J - k]));
        sum = D::plus(sum, column);
        (t[J], sum) = D::carry(sum);
    });
    sum
}

/// The columns of [`add_product`] from `B` on: `t` is without its first `B` digits, `sum` is their carry.
#[inline(never)]
fn add_product_above<D: Digit, const B: usize>(
    t: &mut [D],
    a: &[D],
    b: &[D; B],
    mut sum: D::Sum,
    carry: D::Sum,
) -> D::Sum {
    let (Some((middle, tail)), Some(last)) = (t.split_last_chunk_mut::<B>(), a.last_chunk::<B>()) else { return carry };
    for (t, a) in middle.iter_mut().zip(a.windows(B).skip(1)) {
        let mut column = t.onto(D::NOTHING);
        column = add_products(column, a, b);
        sum = D::plus(sum, column);
        (*t, sum) = D::carry(sum);
    }
    sum = D::plus(sum, carry);
    unrolled!(J, {
        let column = add_each(tail[J].onto(D::NOTHING), J + 1, B, |k| (b[k], last[B + J - k]));
        sum = D::plus(sum, column);
        (tail[J], sum) = D::carry(sum);
    });
    sum
}

/// Adds the products of the factors for each of `from..to`, two at a time: compiled for x86 that saves copies of every second
/// product.
#[inline(always)]
fn add_each<D: Digit>(mut column: D::Sum, from: usize, to: usize, factors: impl Fn(usize) -> (D, D)) -> D::Sum {
    let mut k = from;
    while k + 1 < to {
        column = D::two_onto(factors(k), factors(k + 1), column);
        k += 2;
    }
    if k < to {
        let (a, b) = factors(k);
        column = a.times_onto(b, column);
    }
    column
}

/// As [`add_each`], the digits of `b` with those of `a` from the last to the first.
#[inline(always)]
fn add_products<D: Digit, const B: usize>(mut column: D::Sum, a: &[D], b: &[D; B]) -> D::Sum {
    let (pairs, odd) = b.as_chunks::<2>();
    let mut a = a.iter().rev();
    for ([b0, b1], (a0, a1)) in pairs.iter().zip(core::iter::from_fn(|| a.next().zip(a.next()))) {
        column = D::two_onto((*b0, *a0), (*b1, *a1), column);
    }
    for (a, b) in a.zip(odd) {
        column = b.times_onto(*a, column);
    }
    column
}

/// `t = a·b`.
#[inline(always)]
fn product<D: Digit, const B: usize>(a: &[D], b: &[D], t: &mut [D]) {
    t.fill(D::ZERO);
    for (i, block) in b.as_chunks::<B>().0.iter().enumerate() {
        let Some(covered) = t.get_mut(B * i..B * (i + 1) + a.len()) else { return };
        add_product(covered, a, block, D::NOTHING);
    }
}

/// `t = a²`; `squares` is working space as long as `t`.
#[inline(always)]
fn square<D: Digit, const B: usize>(a: &[D], t: &mut [D], squares: &mut [D]) {
    let blocks = a.as_chunks::<B>().0;
    if let [low, high] = blocks {
        square_pair(t, low, high);
        return;
    }
    for (square, block) in squares.chunks_exact_mut(2 * B).zip(blocks) {
        square_block(square, block);
    }
    t.copy_from_slice(squares);
    // To the squares of the blocks, 2·x·y = x² + y² - (x - y)² for each pair: half the products that x·y takes.
    let squares = || squares.chunks_exact(2 * B).zip(blocks);
    for (i, (x_squared, x)) in squares().enumerate() {
        for (j, (y_squared, y)) in squares().enumerate().skip(i + 1) {
            let mut square = [[D::ZERO; B]; 2];
            square_block(square.as_flattened_mut(), &distance(x, y));
            let pair = t.get_mut(B * (i + j)..).and_then(|t| t.split_at_mut_checked(2 * B));
            let (Some((t, above)), mut carry) = (pair, D::ZERO) else { return };
            for (((t, x), y), less) in t.iter_mut().zip(x_squared).zip(y_squared).zip(square.as_flattened()) {
                (*t, carry) = t.settle(*x, *y, *less, carry);
            }
            for t in above {
                if carry == D::ZERO {
                    break;
                }
                (*t, carry) = t.settle(D::ZERO, D::ZERO, D::ZERO, carry);
            }
        }
    }
}

/// `t = a²` for `a` of two blocks and `t` of four, a column at a time.
#[inline(never)]
fn square_pair<D: Digit, const B: usize>(t: &mut [D], low: &[D; B], high: &[D; B]) {
    let [t0, t1, t2, t3] = t.as_chunks_mut::<B>().0 else { return };
    let (twice_low, twice_high) = (low.map(D::doubled), high.map(D::doubled));
    let at = |index: usize| if index < B { low[index] } else { high[index - B] };
    let twice = |index: usize| if index < B { twice_low[index] } else { twice_high[index - B] };
    let mut sum = D::NOTHING;
    macro_rules! column {
        ($t:expr, $from:expr, $index:expr) => {
            let mut column = add_each(D::NOTHING, $from, $index.div_ceil(2), |k| (twice(k), at($index - k)));
            if $index.is_multiple_of(2) && $index < 4 * B - 1 {
                column = at($index / 2).times_onto(at($index / 2), column);
            }
            sum = D::plus(sum, column);
            ($t, sum) = D::carry(sum);
        };
    }
    unrolled!(J, {
        column!(t0[J], 0, J);
    });
    unrolled!(J, {
        column!(t1[J], 0, (B + J));
    });
    unrolled!(J, {
        column!(t2[J], J + 1, (2 * B + J));
    });
    unrolled!(J, {
        column!(t3[J], B + J + 1, (3 * B + J));
    });
    // The square fits `t`.
    let _ = sum;
}

/// `|a - b|`.
#[inline(always)]
fn distance<D: Digit, const B: usize>(a: &[D; B], b: &[D; B]) -> [D; B] {
    let (mut distance, less) = if a.iter().rev().lt(b.iter().rev()) { (*b, a) } else { (*a, b) };
    subtract(&mut distance, less);
    distance
}

/// `t = a²` for one block and `t` of 2·B digits.
#[inline(never)]
fn square_block<D: Digit, const B: usize>(t: &mut [D], a: &[D; B]) {
    let (Some((low, high)), mut sum) = (t.split_first_chunk_mut::<B>(), D::NOTHING) else { return };
    let Some(high) = high.first_chunk_mut::<B>() else { return };
    let twice = a.map(D::doubled);
    unrolled!(J, {
        let mut column = add_each(D::NOTHING, 0, J.div_ceil(2), |k| (twice[k], a[J - k]));
        if J.is_multiple_of(2) {
            column = a[J / 2].times_onto(a[J / 2], column);
        }
        sum = D::plus(sum, column);
        (low[J], sum) = D::carry(sum);
    });
    unrolled!(J, {
        let mut column = add_each(D::NOTHING, J + 1, (B + J).div_ceil(2), |k| (twice[k], a[B + J - k]));
        if (B + J).is_multiple_of(2) {
            column = a[(B + J) / 2].times_onto(a[(B + J) / 2], column);
        }
        sum = D::plus(sum, column);
        (high[J], sum) = D::carry(sum);
    });
    // The square fits `t`.
    let _ = sum;
}

//! The digits of large numbers and the sums of their products.
//!
//! A digit leaves the top bits of its word free, so that a whole column of a product is summed in two words, with no carry
//! to look after.

use core::fmt::Debug;

/// One digit, below `2^BITS`.
pub(super) trait Digit: Copy + Debug + Ord + 'static {
    const ZERO: Self;
    const BITS: usize;
    /// The bytes of the word that holds the digit.
    const BYTES: usize;

    /// Two words: the sum of a column.
    type Sum: Copy + Debug;
    const NOTHING: Self::Sum;

    /// The digit with this one bit.
    fn power_of_two(exponent: usize) -> Self;
    /// The low digit of a number.
    fn from_low(number: u64) -> Self;
    /// Twice this; no digit any more, but good for a product.
    fn doubled(self) -> Self;
    /// The low digit of the product.
    fn times(self, other: Self) -> Self;
    /// `self - other - borrow`, and whether it went below 0 and wrapped around.
    fn minus(self, other: Self, borrow: bool) -> (Self, bool);

    /// The sum of two sums.
    #[cfg_attr(not(all(feature = "hot-keys", feature = "fast")), allow(dead_code))]
    fn plus(one: Self::Sum, other: Self::Sum) -> Self::Sum;
    /// `self + a + b - less + carry` as a digit and the next carry, which is -1 to 2 in two's complement, as `carry` is.
    #[cfg_attr(not(all(feature = "hot-keys", feature = "fast")), allow(dead_code))]
    fn settle(self, a: Self, b: Self, less: Self, carry: Self) -> (Self, Self);

    /// `sum + self`.
    fn onto(self, sum: Self::Sum) -> Self::Sum;
    /// `sum + self·other`.
    fn times_onto(self, other: Self, sum: Self::Sum) -> Self::Sum;
    /// `sum` and two products.
    fn two_onto(one: (Self, Self), other: (Self, Self), sum: Self::Sum) -> Self::Sum;
    /// The low digit of a sum.
    fn low(sum: Self::Sum) -> Self;
    /// The low digit, and the rest as a part of the next column.
    fn carry(sum: Self::Sum) -> (Self, Self::Sum);

    /// The next digit of a big-endian number that is cut from its end, `buffered` bits of which are in `buffer`.
    fn cut(bytes: &mut &[u8], buffer: &mut Self::Sum, buffered: &mut usize) -> Self;
    /// Pushes the digit into the buffer and calls `write` with each byte that is whole, lowest first.
    fn spill(self, buffer: &mut Self::Sum, buffered: &mut usize, write: impl FnMut(u8));
}

macro_rules! digit {
    ($word:ty, $signed:ty, $wide:ty, $bits:literal) => {
        impl Digit for $word {
            const ZERO: Self = 0;
            const BITS: usize = $bits;
            const BYTES: usize = size_of::<$word>();

            type Sum = $wide;
            const NOTHING: $wide = 0;

            fn power_of_two(exponent: usize) -> Self {
                1 << exponent
            }

            fn from_low(number: u64) -> Self {
                (number & ((1 << $bits) - 1)) as $word
            }

            #[inline(always)]
            fn doubled(self) -> Self {
                self << 1
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other) & ((1 << $bits) - 1)
            }

            #[inline(always)]
            fn minus(self, other: Self, borrow: bool) -> (Self, bool) {
                let less = self.wrapping_sub(other).wrapping_sub(Self::from(borrow));
                (less & ((1 << $bits) - 1), less >> $bits != 0)
            }

            #[inline(always)]
            fn settle(self, a: Self, b: Self, less: Self, carry: Self) -> (Self, Self) {
                let sum = self.wrapping_add(a).wrapping_add(b).wrapping_sub(less).wrapping_add(carry);
                (sum & ((1 << $bits) - 1), (sum as $signed >> $bits) as Self)
            }

            #[inline(always)]
            fn plus(one: $wide, other: $wide) -> $wide {
                one.wrapping_add(other)
            }

            #[inline(always)]
            fn onto(self, sum: $wide) -> $wide {
                sum.wrapping_add(<$wide>::from(self))
            }

            #[inline(always)]
            fn times_onto(self, other: Self, sum: $wide) -> $wide {
                (<$wide>::from(self) * <$wide>::from(other)).wrapping_add(sum)
            }

            #[inline(always)]
            fn two_onto(one: (Self, Self), other: (Self, Self), sum: $wide) -> $wide {
                let one = <$wide>::from(one.0) * <$wide>::from(one.1);
                let other = <$wide>::from(other.0) * <$wide>::from(other.1);
                sum.wrapping_add(one).wrapping_add(other)
            }

            #[inline(always)]
            fn low(sum: $wide) -> Self {
                sum as $word & ((1 << $bits) - 1)
            }

            #[inline(always)]
            fn carry(sum: $wide) -> (Self, $wide) {
                (Self::low(sum), sum >> $bits)
            }

            #[inline(always)]
            fn cut(bytes: &mut &[u8], buffer: &mut $wide, buffered: &mut usize) -> Self {
                if *buffered < $bits {
                    let word = if let Some((rest, word)) = bytes.split_last_chunk() {
                        *bytes = rest;
                        Self::from_be_bytes(*word)
                    } else {
                        // The last bytes, then zeros for ever.
                        let word = bytes.iter().fold(0, |word, byte| word << 8 | Self::from(*byte));
                        *bytes = &[];
                        word
                    };
                    *buffer |= <$wide>::from(word) << *buffered;
                    *buffered += 8 * Self::BYTES;
                }
                let (digit, rest) = Self::carry(*buffer);
                *buffer = rest;
                *buffered -= $bits;
                digit
            }

            #[inline(always)]
            fn spill(self, buffer: &mut $wide, buffered: &mut usize, mut write: impl FnMut(u8)) {
                *buffer |= <$wide>::from(self) << *buffered;
                *buffered += $bits;
                while *buffered >= 8 {
                    write(*buffer as u8);
                    *buffer >>= 8;
                    *buffered -= 8;
                }
            }
        }
    };
}

// A column in `montgomery.rs` sums at most 2·B products of digits, or half as many with one factor doubled, an old digit and
// what the column before carries: with digits of d bits less than B·2^(2·d+1) + 2^(d+7).
digit!(u64, i64, u128, 61); // B = 17: below 2^127.1
digit!(u32, i32, u64, 29); // B = 18: below 2^63.2

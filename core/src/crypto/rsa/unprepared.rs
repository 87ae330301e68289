//! RSA signatures (RFC 8017 §8) by a key of which nothing is prepared: for keys that come with a request, and for builds in
//! which the size of the code counts.
//!
//! With W the base of the digits, L the digits of the modulus n and two bits more, and `R = W^L`, a product is divided by R
//! modulo n as it is made, a digit of one factor at a time (Montgomery's reduction). R is more than 4·n and every factor below
//! 2·n, so every product is below 2·n as well: nothing is compared or subtracted between two steps.

use core::cell::Cell;
use core::mem;

use super::digit::Digit;
use super::numbers::{bits_of, inverse_of, read, subtract, write};
use super::{HashAlgorithm, MAX_BYTES, Scheme, padding};
#[cfg(feature = "rust-crypto-p256")]
use super::{Native, RSA_MODULUS_MAX_BITS};

/// Digits of the longest modulus and of residues modulo it.
#[cfg(feature = "rust-crypto-p256")]
const MAX_DIGITS: usize = length_for::<Native>(RSA_MODULUS_MAX_BITS);

/// Whether the signature over a message with this digest is the key's. The key is a big-endian modulus, odd, of at most
/// [`RSA_MODULUS_MAX_BITS`] and without leading zero bytes, and an odd exponent from 3; `false` for any other. Whether a key may be
/// as short as it is, the caller has checked.
///
/// The memory is that of the longest modulus, whatever the key, and on the stack. The time is one product for each bit of the
/// exponent, one more for each bit that is set, and about seven.
#[cfg(feature = "rust-crypto-p256")]
pub(in crate::crypto) fn verify(
    key: (&[u8], u64),
    scheme: (Scheme, HashAlgorithm),
    digest: &[u8],
    signature: &[u8],
) -> bool {
    verify_in::<Native, MAX_DIGITS>(key, scheme, digest, signature)
}

/// As [`verify`], with digits of either width, `N` of which hold the longest modulus.
pub(super) fn verify_in<D: Digit, const N: usize>(
    (n, e): (&[u8], u64),
    (scheme, hash): (Scheme, HashAlgorithm),
    digest: &[u8],
    signature: &[u8],
) -> bool {
    let (mut message, mut expected) = ([0; MAX_BYTES], [0; MAX_BYTES]);
    let (Some(message), Some(expected)) = (message.get_mut(..n.len()), expected.get_mut(..n.len())) else {
        return false;
    };
    if !write_power::<D, N>(n, e, signature, message) {
        return false;
    }
    match scheme {
        // The encoded message is built anew and compared whole, so that there is nothing to parse (RFC 8017 §8.2.2).
        Scheme::Pkcs1 => padding::encode_pkcs1(hash, digest, expected) && message == expected,
        Scheme::Pss => padding::verify_pss(hash, digest, message, bits_of(n) - 1),
    }
}

/// Writes `s^e` modulo n, in as many bytes as n has. `false` for a key that is none, and for a signature that is not as long as
/// n or not below it (RFC 8017 §8.1.2 step 1, §8.2.2 step 1 and §5.2.2 step 1).
pub(super) fn write_power<D: Digit, const N: usize>(n: &[u8], e: u64, signature: &[u8], out: &mut [u8]) -> bool {
    let [1..=u8::MAX, .., last] = n else { return false };
    if last.is_multiple_of(2) || e.is_multiple_of(2) || e < 3 || signature.len() != n.len() || signature >= n {
        return false;
    }
    let bits = bits_of(n);
    let mut space = [[D::ZERO; N]; 5];
    let [Some(digits), Some(s), Some(s_times_r), Some(mut power), Some(mut product)] =
        space.each_mut().map(|digits| digits.get_mut(..length_for::<D>(bits)))
    else {
        return false;
    };
    read(n, digits);
    read(signature, s);
    let Some(modulus) = Modulus::new(n, digits) else { return false };

    modulus.write_r_squared(bits, &mut power, &mut product);
    modulus.multiply(s, power, s_times_r);
    power.copy_from_slice(s_times_r);
    // A square for each bit of the exponent below its highest, and a product where the bit is set. The last one is: with `s`
    // itself as a factor, the power loses its R there.
    for bit in (0..e.ilog2()).rev() {
        modulus.multiply(power, power, product);
        mem::swap(&mut power, &mut product);
        if e >> bit & 1 == 1 {
            modulus.multiply(power, if bit == 0 { s } else { s_times_r }, product);
            mem::swap(&mut power, &mut product);
        }
    }
    modulus.make_least(power);
    write(power, out);
    true
}

/// How many digits numbers modulo a number of so many bits have, L.
const fn length_for<D: Digit>(bits: usize) -> usize {
    (bits + 2).div_ceil(D::BITS)
}

/// An odd modulus.
struct Modulus<'n, D> {
    n: &'n [D],
    /// `-1/n` modulo W.
    inverse: D,
}

impl<'n, D: Digit> Modulus<'n, D> {
    /// The modulus of these bytes and digits; `None` for fewer than eight bytes.
    fn new(bytes: &[u8], n: &'n [D]) -> Option<Self> {
        let low = u64::from_be_bytes(*bytes.last_chunk()?);
        Some(Self { n, inverse: D::from_low(inverse_of(low).wrapping_neg()) })
    }

    /// `out = a·b / R` modulo n, below 2·n, for factors below 2·n.
    ///
    /// After each digit of `a` the lowest digit is cleared by a multiple of n and dropped, which leaves less than 3·n.
    fn multiply(&self, a: &[D], b: &[D], out: &mut [D]) {
        out.fill(D::ZERO);
        let (Some((n_low, n)), Some((b_low, b))) = (self.n.split_first(), b.split_first()) else { return };
        let out = Cell::from_mut(out).as_slice_of_cells();
        let (Some(low), Some(top)) = (out.first(), out.last()) else { return };
        for digit in a {
            let sum = digit.times_onto(*b_low, low.get().onto(D::NOTHING));
            let quotient = D::low(sum).times(self.inverse);
            let mut sum = D::carry(quotient.times_onto(*n_low, sum)).1;
            for ((pair, b), n) in out.windows(2).zip(b).zip(n) {
                let [below, here] = pair else { return };
                let column = D::two_onto((*digit, *b), (quotient, *n), here.get().onto(sum));
                let (digit, carry) = D::carry(column);
                below.set(digit);
                sum = carry;
            }
            top.set(D::low(sum));
        }
    }

    /// A number below 2·n that is R² modulo n. `bits` are those of n; `product` is working space.
    ///
    /// From the highest power of two below n by doublings to `R·2^i`, i being the first bits of the exponent of R; the other
    /// bits by squares, which double i.
    fn write_r_squared<'d>(&self, bits: usize, out: &mut &'d mut [D], product: &mut &'d mut [D]) {
        // One square takes about as long as L/2 doublings.
        const SQUARES: u32 = 5;
        let exponent = self.n.len() * D::BITS;
        let highest = bits - 1;
        out.fill(D::ZERO);
        if let Some(digit) = out.get_mut(highest / D::BITS) {
            *digit = D::power_of_two(highest % D::BITS);
        }
        for _ in highest..exponent + (exponent >> SQUARES) {
            self.double(out);
        }
        for bit in (0..SQUARES).rev() {
            self.multiply(out, out, product);
            mem::swap(out, product);
            if exponent >> bit & 1 == 1 {
                self.make_least(out);
                self.double(out);
            }
        }
    }

    /// `a = 2·a` modulo n, below n, for a below n.
    fn double(&self, a: &mut [D]) {
        let mut sum = D::NOTHING;
        for digit in a.iter_mut() {
            (*digit, sum) = D::carry(digit.doubled().onto(sum));
        }
        self.make_least(a);
    }

    /// Takes n away until the number is below n.
    fn make_least(&self, number: &mut [D]) {
        while !number.iter().rev().lt(self.n.iter().rev()) {
            subtract(number, self.n);
        }
    }
}

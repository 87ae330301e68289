//! RSA signatures (RFC 8017 §8) with everything about the key computed when it is imported: the multiple of the modulus that
//! makes reduction cheap, and for PKCS#1 v1.5 what each encoded message is compared with.

use alloc::boxed::Box;
use alloc::vec;

use super::digit::Digit;
use super::montgomery::Modulus;
use super::numbers::{bits_of, read, write};
use super::{HashAlgorithm, MAX_BYTES, Native, padding};
use crate::crypto::{RSA_MODULUS_MAX_BITS, RSA_MODULUS_MIN_BITS};

/// A public key, ready for use.
#[derive(Clone, Debug)]
pub struct RsaKey(Key<Native, BLOCK>);

// 17 digits of 61 bits, and 36 of 29, hold 1024 bits and what the modulus needs above itself.
#[cfg(target_pointer_width = "64")]
const BLOCK: usize = 17;
#[cfg(not(target_pointer_width = "64"))]
const BLOCK: usize = 18;

impl RsaKey {
    /// The key of a big-endian modulus of 2048 to 8192 bits, odd and without leading zero bytes, and an odd exponent from 3
    /// to 2^33 - 1; `None` for any other. Whether the modulus is a product of two primes is not checked.
    #[must_use]
    pub fn new(n: &[u8], e: u64) -> Option<Self> {
        Key::new(n, e).map(Self)
    }

    /// Whether the signature is the key's over a message with this digest, by RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2).
    ///
    /// The encoded message is built anew and compared whole, so that there is nothing to parse. `false` for a digest that is
    /// not as long as the hash makes it.
    #[must_use]
    pub fn verify_pkcs1(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify_pkcs1(hash, digest, signature)
    }

    /// Whether the signature is the key's over a message with this digest, by RSASSA-PSS (RFC 8017 §8.1.2) with MGF1 of the
    /// same hash and a salt exactly as long as the hash (RFC 7518 §3.5).
    ///
    /// `false` for a digest that is not as long as the hash makes it.
    #[must_use]
    pub fn verify_pss(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        self.0.verify_pss(hash, digest, signature)
    }

    /// The memory that the key takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.0.heap_bytes()
    }
}

/// A key in digits of either width.
#[derive(Clone, Debug)]
pub(super) struct Key<D, const B: usize> {
    modulus: Modulus<D, B>,
    /// Odd, from 3 to 2^33 - 1.
    exponent: u64,
    /// From 2048 to 8192.
    modulus_bits: usize,
    /// `R^e` modulo n, which brings [`Modulus::power`] back to the plain power.
    plain: Box<[D]>,
    /// The padding that RSASSA-PKCS1-v1_5 compares with, for each hash.
    messages: [Message<D>; 3],
}

/// The encoded message of one hash as [`Modulus::power`] would leave it: times `R^(1-e)`, modulo n.
#[derive(Clone, Debug)]
struct Message<D> {
    /// The message with a digest of zeros.
    frame: Box<[D]>,
    /// `W^m`, by which the digest counts, m being the digits of the digest.
    unit: Box<[D]>,
}

/// The most digits of a digest: 512 bits in digits of 29.
const MAX_DIGEST_DIGITS: usize = 18;

impl<D: Digit, const B: usize> Key<D, B> {
    pub(super) fn new(n: &[u8], e: u64) -> Option<Self> {
        let modulus_bits = bits_of(n);
        if *n.first()? == 0
            || !(RSA_MODULUS_MIN_BITS..=RSA_MODULUS_MAX_BITS).contains(&modulus_bits)
            || e.is_multiple_of(2)
            || !(3..1 << 33).contains(&e)
        {
            return None;
        }
        let modulus = Modulus::<D, B>::new(n)?;
        let length = modulus.length();
        let number = |bytes: &[u8]| {
            let mut digits = vec![D::ZERO; length];
            read(bytes, &mut digits);
            digits
        };
        let (mut t, mut space) = (vec![D::ZERO; 2 * length], vec![D::ZERO; 2 * length]);
        let one = number(&[1]);
        // R^(2·e) / R^(e-1) / R.
        let mut plain = vec![D::ZERO; length];
        modulus.power(&modulus.r_squared, e, &mut plain, &mut t, &mut space);
        modulus.multiply(&mut plain, &one, &mut t);
        // 1 / R^(e-1), and times R for the product to come.
        let mut scale = vec![D::ZERO; length];
        modulus.power(&one, e, &mut scale, &mut t, &mut space);
        modulus.multiply(&mut scale, &modulus.r_squared, &mut t);
        let mut message = |hash: HashAlgorithm| {
            let (mut frame, zeros) = (vec![0; n.len()], [0; 64]);
            padding::encode_pkcs1(hash, zeros.get(..hash.digest_len())?, &mut frame);
            let mut frame = number(&frame);
            modulus.multiply(&mut frame, &scale, &mut t);
            let mut unit = number(&[]);
            *unit.get_mut(digest_digits::<D>(hash))? = D::power_of_two(0);
            modulus.multiply(&mut unit, &scale, &mut t);
            Some(Message { frame: frame.into(), unit: unit.into() })
        };
        let [sha256, sha384, sha512] = HASHES.map(&mut message);
        let messages = [sha256?, sha384?, sha512?];
        Some(Self { modulus, exponent: e, modulus_bits, plain: plain.into(), messages })
    }

    /// Whether `s^e` is the encoded message (RFC 8017 §8.2.2): `s^e · R^(1-e)` is compared with the message times the same,
    /// both modulo n. R and n have no common factor and the message is below n, as its first byte is 0 and that of n is not,
    /// so one equation holds exactly if the other does.
    pub(super) fn verify_pkcs1(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let [sha256, sha384, sha512] = &self.messages;
        let message = match hash {
            HashAlgorithm::Sha256 => sha256,
            HashAlgorithm::Sha384 => sha384,
            HashAlgorithm::Sha512 => sha512,
        };
        let mut digits = [D::ZERO; MAX_DIGEST_DIGITS];
        let Some(digits) = digits.get_mut(..digest_digits::<D>(hash)) else { return false };
        if digest.len() != hash.digest_len() {
            return false;
        }
        read(digest, digits);
        self.with_power(signature, |power, t, expected| {
            self.modulus.canonical(power);
            expected.copy_from_slice(&message.frame);
            self.modulus.add_multiple(expected, digits, &message.unit, t);
            power == expected
        })
    }

    /// Whether `s^e` is an encoding of the digest (RFC 8017 §8.1.2).
    pub(super) fn verify_pss(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let mut message = [0; MAX_BYTES];
        let Some(message) = message.get_mut(..self.modulus_bits.div_ceil(8)) else { return false };
        self.with_power(signature, |power, t, _| {
            self.modulus.multiply(power, &self.plain, t);
            self.modulus.canonical(power);
            write(power, message);
            padding::verify_pss(hash, digest, message, self.modulus_bits - 1)
        })
    }

    /// Passes the signature's `s^e · R^(1-e)` to `judge`, with working space; `false` if the signature has not the length of
    /// the modulus or is not below it (RFC 8017 §8.1.2 step 1, §8.2.2 step 1 and §5.2.2 step 1).
    ///
    /// The power and the second space have L digits, the first space has 2·L.
    fn with_power(&self, signature: &[u8], judge: impl FnOnce(&mut [D], &mut [D], &mut [D]) -> bool) -> bool {
        if signature.len() != self.modulus_bits.div_ceil(8) {
            return false;
        }
        match self.modulus.length() {
            // 2048 bits, 2048 bits in 32-bit words, 4096 bits, and the greatest in each.
            ..=34 => self.raise::<34, 68>(signature, judge),
            35..=72 => self.raise::<72, 144>(signature, judge),
            73..=136 => self.raise::<136, 272>(signature, judge),
            _ => self.raise::<288, 576>(signature, judge),
        }
    }

    fn raise<const N: usize, const TWICE_N: usize>(
        &self,
        signature: &[u8],
        judge: impl FnOnce(&mut [D], &mut [D], &mut [D]) -> bool,
    ) -> bool {
        let (mut s, mut power) = ([D::ZERO; N], [D::ZERO; N]);
        let (mut t, mut space) = ([D::ZERO; TWICE_N], [D::ZERO; TWICE_N]);
        let length = self.modulus.length();
        let (Some(s), Some(power), Some(t), Some(space)) =
            (s.get_mut(..length), power.get_mut(..length), t.get_mut(..2 * length), space.get_mut(..2 * length))
        else {
            return false;
        };
        read(signature, s);
        if !self.modulus.exceeds(s) {
            return false;
        }
        self.modulus.power(s, self.exponent, power, t, space);
        judge(power, t, s)
    }

    /// The memory behind the pointers.
    fn heap_bytes(&self) -> usize {
        // n, its multiple, R², R^e and two numbers for each hash.
        (4 + 2 * self.messages.len()) * self.modulus.length() * size_of::<D>()
    }
}

pub(super) const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

const fn digest_digits<D: Digit>(hash: HashAlgorithm) -> usize {
    (8 * hash.digest_len()).div_ceil(D::BITS)
}

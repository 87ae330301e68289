//! Is this a point a key may be? Asked once, when a key is imported, and answered alike for every backend.
//!
//! Not every backend can answer: ring looks at a point only while it verifies, and no library but one refuses the
//! Ed25519 points of small order. So the curve equations are evaluated here, on public values and in variable time.

use super::Curve;
use super::prime_field::{Field, is_below};

/// Whether `(x, y)`, each of exactly field length, solves the equation of the curve and both are below its prime.
pub(super) fn is_on_curve(curve: Curve, x: &[u8], y: &[u8]) -> bool {
    match curve {
        Curve::P256 => P256.is_on_short_curve(&P256_B, x, y),
        Curve::P384 => P384.is_on_short_curve(&P384_B, x, y),
        Curve::P521 => P521.is_on_short_curve(&P521_B, x, y),
    }
}

/// Why an Ed25519 point is refused, if it is.
pub(super) enum EdwardsError {
    /// The y coordinate is not below the prime, so the same point has another encoding.
    NonCanonical,
    /// The order divides 8: one signature would hold for every message.
    SmallOrder,
    /// No x belongs to this y.
    NotOnCurve,
}

/// Checks the 32-byte encoding of an Ed25519 public key (RFC 8032 §5.1.3, and no point of small order).
pub(super) fn check_edwards(encoded: &[u8; 32]) -> Result<(), EdwardsError> {
    let y = edwards_y(encoded);
    if !is_below(&y, &F25519.prime) {
        return Err(EdwardsError::NonCanonical);
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(EdwardsError::SmallOrder);
    }
    // x² = (y² - 1) / (d y² + 1); the denominator is never zero, and a quotient is a square when the product is.
    let field = &F25519;
    let yy = field.square(&field.enter(&y));
    let numerator = field.sub(&yy, &field.one);
    let denominator = field.add(&field.mul(&yy, &field.enter(&EDWARDS_D)), &field.one);
    if is_square_25519(&field.mul(&numerator, &denominator)) { Ok(()) } else { Err(EdwardsError::NotOnCurve) }
}

/// Whether an encoded point is one of the eight of small order, its sign bit ignored.
pub(super) fn is_small_order(encoded: &[u8; 32]) -> bool {
    SMALL_ORDER_Y.contains(&edwards_y(encoded))
}

/// The order of the group that signatures count in, big-endian.
pub(super) const fn order(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => &P256_ORDER,
        Curve::P384 => &P384_ORDER,
        Curve::P521 => &P521_ORDER,
    }
}

/// The order of the Ed25519 base point, little-endian as signatures hold it.
pub(super) const EDWARDS_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The y coordinate without the sign of x, in limbs from the least.
fn edwards_y(encoded: &[u8; 32]) -> [u64; 4] {
    let mut y = limbs(encoded.iter().rev());
    y[3] &= u64::MAX >> 1;
    y
}

/// Euler's criterion, w^((p-1)/2) = 1, with (p-1)/2 = 2^254 - 10.
fn is_square_25519(w: &[u64; 4]) -> bool {
    let field = &F25519;
    // `ones(n)` below is w^(2^n - 1).
    let raise = |base: &[u64; 4], doublings: usize, by: &[u64; 4]| {
        let power = (0..doublings).fold(*base, |power, _| field.square(&power));
        field.mul(&power, by)
    };
    let ones_2 = raise(w, 1, w);
    let ones_4 = raise(&ones_2, 2, &ones_2);
    let ones_5 = raise(&ones_4, 1, w);
    let ones_10 = raise(&ones_5, 5, &ones_5);
    let ones_20 = raise(&ones_10, 10, &ones_10);
    let ones_40 = raise(&ones_20, 20, &ones_20);
    let ones_50 = raise(&ones_40, 10, &ones_10);
    let ones_100 = raise(&ones_50, 50, &ones_50);
    let ones_200 = raise(&ones_100, 100, &ones_100);
    let ones_250 = raise(&ones_200, 50, &ones_50);
    // The last four bits of the exponent are 0110, which is 2 · 0b11.
    let power = field.square(&raise(&ones_250, 3, &ones_2));
    power == field.one
}

impl<const N: usize> Field<N> {
    /// y² = x³ - 3x + b, the form of all three NIST curves.
    fn is_on_short_curve(&self, b: &[u64; N], x: &[u8], y: &[u8]) -> bool {
        let (x, y) = (limbs(x.iter()), limbs(y.iter()));
        if !is_below(&x, &self.prime) || !is_below(&y, &self.prime) {
            return false;
        }
        let (x, y, b) = (self.enter(&x), self.enter(&y), self.enter(b));
        let cube = self.mul(&self.square(&x), &x);
        let triple = self.add(&self.add(&x, &x), &x);
        self.square(&y) == self.add(&self.sub(&cube, &triple), &b)
    }
}

/// Limbs from the least, of bytes given from the greatest; bytes beyond the limbs are dropped.
fn limbs<'a, const N: usize>(bytes: impl DoubleEndedIterator<Item = &'a u8>) -> [u64; N] {
    let mut limbs = [0; N];
    for (i, &byte) in bytes.rev().enumerate().take(8 * N) {
        limbs[i / 8] |= u64::from(byte) << (8 * (i % 8));
    }
    limbs
}

static P256: Field<4> = Field::new([0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001]);
const P256_B: [u64; 4] = [0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7];
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

static P384: Field<6> = Field::new([
    0x00000000ffffffff,
    0xffffffff00000000,
    0xfffffffffffffffe,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
]);
const P384_B: [u64; 6] = [
    0x2a85c8edd3ec2aef,
    0xc656398d8a2ed19d,
    0x0314088f5013875a,
    0x181d9c6efe814112,
    0x988e056be3f82d19,
    0xb3312fa7e23ee7e4,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0,
    0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

static P521: Field<9> = Field::new([
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0xffffffffffffffff,
    0x00000000000001ff,
]);
const P521_B: [u64; 9] = [
    0xef451fd46b503f00,
    0x3573df883d2c34f1,
    0x1652c0bd3bb1bf07,
    0x56193951ec7e937b,
    0xb8b489918ef109e1,
    0xa2da725b99b315f3,
    0x929a21a0b68540ee,
    0x953eb9618e1c9a1f,
    0x0000000000000051,
];
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83,
    0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47,
    0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09,
];

static F25519: Field<4> = Field::new([0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff]);
const EDWARDS_D: [u64; 4] = [0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73];
/// The y coordinates of the points whose order divides 8: of order 4, 1, 2 and, twice, 8.
const SMALL_ORDER_Y: [[u64; 4]; 5] = [
    [0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000],
    [0x0000000000000001, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000],
    [0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff],
    [0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5, 0x05fc536d880238b1],
    [0x4fd84d3d706a17c7, 0x0f67100d760b3cba, 0xc6cc392cfa53202a, 0x7a03ac9277fdc74e],
];

//! Whole verifications against two libraries, and sums that meet infinity, equal and opposite points.
//!
//! The differential run under `tests/fuzz` does the same millions of times and with more classes.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{FieldBytes, ProjectivePoint, Scalar};
use proptest::prelude::*;

use super::super::verify::Equation;
use super::super::{Generator, KeyTable, TableBuilder, Window};
use super::{P, bytes, integer, minus, table, verify};

fn scalar(words: &[u64; 4]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(bytes(words)))
}

fn to_bytes(scalar: &Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

fn nonzero() -> impl Strategy<Value = Scalar> {
    integer().prop_map(|words| scalar(&words)).prop_filter("not 0", |s| !bool::from(s.is_zero()))
}

fn coordinates(point: &ProjectivePoint) -> [u8; 64] {
    point.to_affine().to_sec1_point(false).as_bytes()[1..].try_into().unwrap()
}

fn x_of(point: &ProjectivePoint) -> Scalar {
    let x: [u8; 32] = coordinates(point)[..32].try_into().unwrap();
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(x))
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

struct Subject {
    key: ProjectivePoint,
    coordinates: [u8; 64],
    generator: Generator,
    table: KeyTable,
}

impl Subject {
    fn new(secret: &Scalar, window: u32) -> Self {
        let key = ProjectivePoint::GENERATOR * *secret;
        let coordinates = coordinates(&key);
        let generator = Generator::build_with(Window::bits(5).unwrap());
        Self { key, coordinates, generator, table: table(&coordinates, window) }
    }

    /// Our answer, once the `p256` crate gave the same.
    fn verify(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        let ours = verify(&self.generator, &self.table, hash, signature);
        let key = VerifyingKey::from_affine(self.key.to_affine()).unwrap();
        let theirs = Signature::from_slice(signature).is_ok_and(|s| key.verify_prehash(hash, &s).is_ok());
        assert_eq!(ours, theirs);
        ours
    }

    /// Our answer, once both libraries gave the same.
    fn verify_message(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let hash = ring::digest::digest(&ring::digest::SHA256, message);
        let ours = self.verify(hash.as_ref().try_into().unwrap(), signature);
        let mut sec1 = [4; 65];
        sec1[1..].copy_from_slice(&self.coordinates);
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, sec1);
        assert_eq!(ours, key.verify(message, signature).is_ok());
        ours
    }

    /// Verifies the signature for which `u` and `v` are the factors of the two points.
    fn verify_factors(&self, secret: &Scalar, u: &Scalar, v: &Scalar) -> bool {
        let k = *u + *v * *secret;
        let infinite = bool::from(k.is_zero());
        let r = if infinite { Scalar::from(7u64) } else { x_of(&(ProjectivePoint::GENERATOR * k)) };
        let s = r * v.invert().unwrap();
        let accepted = self.verify(&to_bytes(&(*u * s)), &joined(&to_bytes(&r), &to_bytes(&s)));
        assert_eq!(accepted, !infinite);
        accepted
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_libraries_agree(
        secret in nonzero(), k in nonzero(), message in any::<[u8; 32]>(),
        edge in integer(), other in integer(), bit in 0usize..512, window in 4u32..=9,
    ) {
        let subject = Subject::new(&secret, window);
        let r = x_of(&(ProjectivePoint::GENERATOR * k));
        let hash: [u8; 32] = ring::digest::digest(&ring::digest::SHA256, &message).as_ref().try_into().unwrap();
        let e = <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(hash));
        let s = k.invert().unwrap() * (e + r * secret);
        let (r, s, high_s) = (to_bytes(&r), to_bytes(&s), to_bytes(&-s));
        prop_assert!(subject.verify_message(&message, &joined(&r, &s)));
        prop_assert!(subject.verify_message(&message, &joined(&r, &high_s)));
        let mut flipped = joined(&r, &s);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!subject.verify_message(&message, &flipped));
        let mut altered = message;
        altered[bit % 32] ^= 1;
        prop_assert!(!subject.verify_message(&altered, &joined(&r, &s)));
        subject.verify_message(&message, &joined(&bytes(&edge), &s));
        subject.verify_message(&message, &joined(&r, &bytes(&edge)));
        subject.verify_message(&message, &joined(&bytes(&edge), &bytes(&other)));
        subject.verify(&bytes(&edge), &joined(&r, &s));
    }

    /// u·G = ±v·Q at the end, or for the rows so far, and factors that are 0 or nearly.
    #[test]
    fn exceptional_sums(secret in nonzero(), v in nonzero(), row in 0u32..60, window in 4u32..=8, small in 0u64..3) {
        let subject = Subject::new(&secret, window);
        let bits = (row * window).min(255);
        let power = |bits: u32| (0..bits).fold(Scalar::ONE, |power, _| power.double());
        let low = |bits: u32| {
            let mut bytes = to_bytes(&v);
            for (at, byte) in (0u32..).zip(bytes.iter_mut().rev()) {
                *byte &= ((1u16 << bits.saturating_sub(at * 8).min(8)) - 1) as u8;
            }
            <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(bytes))
        };
        for sum in [low(bits), low(bits) - power(bits)] {
            let digit = low((bits + window).min(256)) - sum;
            for u in [-sum, digit - sum, -digit - sum] {
                subject.verify_factors(&secret, &(u * secret), &v);
            }
        }
        prop_assert!(subject.verify_factors(&secret, &Scalar::ZERO, &v));
        prop_assert!(!subject.verify_factors(&secret, &-(v * secret), &v));
        prop_assert!(subject.verify_factors(&secret, &(v * secret), &v));
        subject.verify_factors(&secret, &Scalar::from(small), &v);
        subject.verify_factors(&secret, &-Scalar::from(small), &v);
    }
}

/// Sums in lanes know what ordinary signatures need, and know when they do not know: infinity, and too few terms.
#[test]
fn lanes_know_ordinary_sums() {
    let secret = Scalar::from(0x1234_5678_9abc_def1u64).square().square();
    for window in 4..=9 {
        let subject = Subject::new(&secret, window);
        let in_lanes = |u: &Scalar, v: &Scalar| {
            let k = *u + *v * secret;
            let r = if bool::from(k.is_zero()) { Scalar::ONE } else { x_of(&(ProjectivePoint::GENERATOR * k)) };
            let s = r * v.invert().unwrap();
            let equation = Equation::of(&to_bytes(&(*u * s)), &joined(&to_bytes(&r), &to_bytes(&s))).unwrap();
            equation.holds_in_lanes(&equation.terms(&subject.generator, &subject.table).unwrap())
        };
        let (mut u, mut v) = (secret, secret.square());
        for _ in 0..100 {
            assert_eq!(in_lanes(&u, &v), Some(true));
            (u, v) = (u.square(), v.square() + u);
        }
        assert_eq!(in_lanes(&-(v * secret), &v), None);
        assert_eq!(in_lanes(&Scalar::ONE, &Scalar::ONE), None);
    }
}

/// The key 1 or -1 shares every table entry with the generator.
#[test]
fn generator_as_key() {
    for secret in [Scalar::ONE, -Scalar::ONE, Scalar::from(2u64)] {
        let subject = Subject::new(&secret, 5);
        for u in [0u64, 1, 2, 15, 16, 17, 31, 32, 33, 1 << 40] {
            for v in [1u64, 2, 15, 16, 17, 31, 32, 33, 1 << 40] {
                for u in [Scalar::from(u), -Scalar::from(u)] {
                    subject.verify_factors(&secret, &u, &Scalar::from(v));
                    subject.verify_factors(&secret, &u, &-Scalar::from(v));
                }
            }
        }
    }
}

/// R with n <= x < p, where r is x - n: the key follows from R, and only the second comparison of x accepts.
#[test]
fn x_between_n_and_p() {
    use p256::AffinePoint;
    use p256::elliptic_curve::sec1::FromSec1Point;
    let mut found = 0;
    for offset in 1u64..40 {
        let x = crate::crypto::words::add(&super::super::scalar::N, &[offset, 0, 0, 0]).0;
        let mut sec1 = [2; 33];
        sec1[1..].copy_from_slice(&bytes(&x));
        let encoded = p256::Sec1Point::from_bytes(sec1).unwrap();
        let Some(point) = Option::<AffinePoint>::from(AffinePoint::from_sec1_point(&encoded)) else {
            continue;
        };
        found += 1;
        let (r, s, hash) = (Scalar::from(offset), Scalar::from(12_345u64), [0x5a; 32]);
        let e = <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(hash));
        let key = (ProjectivePoint::from(point) * s - ProjectivePoint::GENERATOR * e) * r.invert().unwrap();
        let generator = Generator::build_with(Window::bits(5).unwrap());
        let subject = Subject { key, coordinates: coordinates(&key), generator, table: table(&coordinates(&key), 5) };
        assert!(subject.verify(&hash, &joined(&to_bytes(&r), &to_bytes(&s))));
        // r = x itself is not below n.
        assert!(!subject.verify(&hash, &joined(&bytes(&x), &to_bytes(&s))));
    }
    assert!(found > 10, "about half of the offsets are on the curve: {found}");
}

#[test]
fn keys_off_the_curve_are_refused() {
    let key = coordinates(&ProjectivePoint::GENERATOR);
    assert!(TableBuilder::new(&key).is_some());
    let mut off = key;
    off[63] ^= 1;
    assert!(TableBuilder::new(&off).is_none());
    assert!(TableBuilder::new(&[0; 64]).is_none());
    for x in [P, [u64::MAX; 4]] {
        let mut high = key;
        high[..32].copy_from_slice(&bytes(&x));
        assert!(TableBuilder::new(&high).is_none());
    }
    assert!(TableBuilder::new(&joined(&bytes(&minus(&P, 1)), &[0; 32])).is_none());
}

#[test]
fn steps_are_bounded_and_end() {
    let key = coordinates(&ProjectivePoint::GENERATOR);
    for budget in [0, 1, 100, 1000] {
        let mut builder = TableBuilder::new(&key).unwrap();
        let mut steps = 0;
        let table = loop {
            steps += 1;
            if let Some(table) = builder.step(budget) {
                break table;
            }
        };
        // 32 rows of 128 entries and an inversion for each of at most eight batches a row.
        assert!(steps <= 32 * 8);
        assert!(table.size_bytes() <= 300 * 1024);
        assert!(builder.step(1).is_none());
    }
    assert_eq!([3, 15].map(Window::bits), [None, None]);
}

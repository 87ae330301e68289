//! Inversion, products modulo n and digits against big integers.

use alloc::vec::Vec;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::Window;
use super::super::scalar::{N, Scalar};
use super::{P, big, bytes, integer, words};
use crate::crypto::inverse;

const ED25519_P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];
const ED25519_ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 1 << 60];

/// Inverses of both sizes of words, modulo both moduli of P-256 and both of Ed25519.
fn check_inverse(a: &[u64; 4]) {
    for limbs in [N, P, ED25519_ORDER, ED25519_P] {
        let m = big(&limbs);
        let value = big(a) % &m;
        let expected = if value == BigUint::ZERO { BigUint::ZERO } else { BigUint::from(1u8) };
        let by_62 = inverse::by_62::invert(&inverse::by_62::Modulus::new(&limbs), &words(&value));
        let by_30 = inverse::by_30::invert(&inverse::by_30::Modulus::new(&limbs), &words(&value));
        assert_eq!(by_62, by_30);
        assert!(big(&by_62) < m);
        assert_eq!(value * big(&by_62) % m, expected);
    }
}

#[test]
fn inverses_at_edges() {
    for a in [[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], [u64::MAX; 4]] {
        check_inverse(&a);
    }
    for base in [P, N, ED25519_P, ED25519_ORDER] {
        for less in 1..40 {
            check_inverse(&super::minus(&base, less));
        }
    }
    for bit in 0..256usize {
        let mut a = [0; 4];
        a[bit / 64] = 1 << (bit % 64);
        check_inverse(&a);
        check_inverse(&super::minus(&a, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn inverses(a in integer()) {
        check_inverse(&a);
    }

    #[test]
    fn quotients(a in integer(), b in integer(), c in integer()) {
        let n = big(&N);
        let parse = |a: &[u64; 4]| Scalar::from_hash(&bytes(a));
        let s = words(&(big(&c) % &n));
        prop_assume!(s != [0; 4]);
        let (u, v) = parse(&a).divided_by(parse(&b), parse(&s));
        prop_assert!(big(u.words()) < n && big(v.words()) < n);
        prop_assert_eq!(big(u.words()) * big(&s) % &n, big(&a) % &n);
        prop_assert_eq!(big(v.words()) * big(&s) % &n, big(&b) % &n);
    }

    #[test]
    fn signature_parts(a in integer()) {
        let inside = big(&a) < big(&N) && a != [0; 4];
        prop_assert_eq!(Scalar::from_signature_part(&bytes(&a)).is_some(), inside);
    }

    #[test]
    fn digits(a in integer(), window in 4u32..=14) {
        let n = big(&N);
        let scalar = Scalar::from_hash(&bytes(&a));
        let (halved, negated) = scalar.halved();
        let digits: Vec<i32> = Window::bits(window).unwrap().signed_digits(&halved, 255).collect();
        let (mut positive, mut negative) = (BigUint::ZERO, BigUint::ZERO);
        for (i, digit) in digits.iter().enumerate() {
            let last = i + 1 == digits.len();
            let bits = if last { 255 - i as u32 * window } else { window - 1 };
            prop_assert!(digit.unsigned_abs() <= 1 << bits);
            let value = BigUint::from(digit.unsigned_abs()) << (i as u32 * window);
            if (*digit < 0) != negated {
                negative += value;
            } else {
                positive += value;
            }
        }
        prop_assert_eq!((positive + &n - negative % &n) % &n, big(scalar.words()));
    }
}

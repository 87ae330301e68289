//! Both representations of the field against big integers, and the one for 32-bit limbs against `fiat-crypto`.

use fiat_crypto::curve25519_64 as fiat;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::field::{Fe, PRIME};
use super::super::field64::Fe as Fe64;
use super::{P, integer, to_le_bytes};
use crate::crypto::inverse::invert;
use crate::crypto::words::tests::{big, words};

fn p() -> BigUint {
    big(&P)
}

/// Below 2^255, as [`Fe::from_words`] asks.
fn short() -> impl Strategy<Value = [u64; 4]> {
    integer().prop_map(|[a, b, c, d]| [a, b, c, d & (u64::MAX >> 1)])
}

macro_rules! representation {
    ($module:ident, $field:path) => {
        mod $module {
            use super::*;
            use $field as Fe;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(4000))]

                #[test]
                fn operations(a in short(), b in short()) {
                    let (x, y) = (Fe::from_words(&a), Fe::from_words(&b));
                    let (a, b) = (big(&a) % p(), big(&b) % p());
                    prop_assert_eq!(big(&x.to_words()), a.clone());
                    prop_assert_eq!(big(&Fe::ZERO.sub(&x).mul(&Fe::ONE.loose()).to_words()), (p() - &a) % p());
                    prop_assert_eq!(big(&x.loose().mul(&y.loose()).to_words()), &a * &b % p());
                    prop_assert_eq!(big(&x.loose().square().to_words()), &a * &a % p());
                    prop_assert_eq!(big(&x.add(&y).carried().to_words()), (&a + &b) % p());
                    prop_assert_eq!(big(&x.sub(&y).carried().to_words()), (&a + p() - &b) % p());
                    prop_assert_eq!(big(&x.negate_if(true).carried().to_words()), (p() - &a) % p());
                    prop_assert_eq!(big(&x.negate_if(false).carried().to_words()), a);
                }

                /// Sums and differences go into products as the point formulas send them.
                #[test]
                fn products_of_sums(a in short(), b in short(), c in short(), d in short()) {
                    let [x, y, z, w] = [a, b, c, d].map(|a| Fe::from_words(&a));
                    let [a, b, c, d] = [a, b, c, d].map(|a| big(&a) % p());
                    let (e, f) = (&a + &b, &c + p() - &d);
                    prop_assert_eq!(big(&x.add(&y).mul(&z.sub(&w)).to_words()), &e * &f % p());
                    prop_assert_eq!(big(&x.add(&y).square().to_words()), &e * &e % p());
                    prop_assert_eq!(big(&z.sub(&w).square().to_words()), &f * &f % p());
                    prop_assert_eq!(big(&z.sub(&w).mul(&x.negate_if(true)).to_words()), f * (p() - a) % p());
                }
            }
        }
    };
}

representation!(limbs64, crate::crypto::ed25519::field64::Fe);
representation!(limbs32, crate::crypto::ed25519::field32::Fe);

/// The operands themselves, not their products, may lie anywhere below 2^256, where values have two representations or three.
#[test]
fn every_representation_of_a_value_is_taken() {
    let top = [u64::MAX; 4];
    let below = |by: u64| [u64::MAX - by, u64::MAX, u64::MAX, u64::MAX];
    let twice_p = words(&(p() * 2u8));
    let edges = [
        [0; 4],
        [1, 0, 0, 0],
        [18, 0, 0, 0],
        [19, 0, 0, 0],
        [37, 0, 0, 0],
        [38, 0, 0, 0],
        [39, 0, 0, 0],
        P,
        [P[0] - 1, P[1], P[2], P[3]],
        [P[0] + 1, P[1], P[2], P[3]],
        [u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 1],
        [0, 0, 0, 1 << 63],
        twice_p,
        below(38),
        below(37),
        below(36),
        below(1),
        top,
    ];
    for a in edges {
        let x = Fe64::raw(a);
        let a = big(&a);
        assert_eq!(big(&x.to_words()), &a % p());
        assert_eq!(big(&x.square().to_words()), &a * &a % p());
        assert_eq!(big(&x.negate_if(true).to_words()), (p() * 3u8 - &a) % p());
        assert_eq!(big(&x.negate_if(false).to_words()), &a % p());
        for b in edges {
            let y = Fe64::raw(b);
            let b = big(&b);
            assert_eq!(big(&x.mul(&y).to_words()), &a * &b % p());
            assert_eq!(big(&x.add(&y).to_words()), (&a + &b) % p());
            assert_eq!(big(&x.sub(&y).to_words()), (&a + p() * 3u8 - &b) % p());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_words(a in integer(), b in integer()) {
        let (x, y) = (Fe64::raw(a), Fe64::raw(b));
        let (a, b) = (big(&a), big(&b));
        prop_assert_eq!(big(&x.mul(&y).to_words()), &a * &b % p());
        prop_assert_eq!(big(&x.square().to_words()), &a * &a % p());
        prop_assert_eq!(big(&x.add(&y).to_words()), (&a + &b) % p());
        prop_assert_eq!(big(&x.sub(&y).to_words()), (&a + p() * 3u8 - &b) % p());
        prop_assert_eq!(big(&x.negate_if(true).to_words()), (p() * 3u8 - &a) % p());
    }

    #[test]
    fn fiat_agrees(a in short(), b in short()) {
        let into = |words: &[u64; 4]| {
            let mut out = fiat::fiat_25519_tight_field_element([0; 5]);
            fiat::fiat_25519_from_bytes(&mut out, &to_le_bytes(words));
            out
        };
        let loose = |a: &fiat::fiat_25519_tight_field_element| fiat::fiat_25519_loose_field_element(a.0);
        let from = |a: &fiat::fiat_25519_tight_field_element| {
            let mut bytes = [0; 32];
            fiat::fiat_25519_to_bytes(&mut bytes, a);
            crate::crypto::words::from_le_bytes(&bytes)
        };
        let carried = |a: &fiat::fiat_25519_loose_field_element| {
            let mut out = fiat::fiat_25519_tight_field_element([0; 5]);
            fiat::fiat_25519_carry(&mut out, a);
            from(&out)
        };
        let tight = || fiat::fiat_25519_tight_field_element([0; 5]);
        let sums = || fiat::fiat_25519_loose_field_element([0; 5]);
        let (x, y) = (into(&a), into(&b));
        let (mut product, mut square, mut sum, mut difference, mut opposite) = (tight(), tight(), sums(), sums(), sums());
        fiat::fiat_25519_carry_mul(&mut product, &loose(&x), &loose(&y));
        fiat::fiat_25519_carry_square(&mut square, &loose(&x));
        fiat::fiat_25519_add(&mut sum, &x, &y);
        fiat::fiat_25519_sub(&mut difference, &x, &y);
        fiat::fiat_25519_opp(&mut opposite, &x);
        let (u, v) = (Fe64::from_words(&a), Fe64::from_words(&b));
        prop_assert_eq!(u.mul(&v).to_words(), from(&product));
        prop_assert_eq!(u.square().to_words(), from(&square));
        prop_assert_eq!(u.add(&v).to_words(), carried(&sum));
        prop_assert_eq!(u.sub(&v).to_words(), carried(&difference));
        prop_assert_eq!(u.negate_if(true).to_words(), carried(&opposite));
    }

    #[test]
    fn inverses_and_roots(a in short(), b in short()) {
        let one = BigUint::from(1u8);
        let (x, y) = (Fe::from_words(&a), Fe::from_words(&b));
        let (a, b) = (big(&a) % p(), big(&b) % p());
        let inverse = big(&invert(&PRIME, &words(&a)));
        let product = &inverse * &a % p();
        prop_assert!(inverse < p());
        prop_assert_eq!(&product, &(if a == BigUint::ZERO { BigUint::ZERO } else { one.clone() }));
        prop_assert_eq!(big(&x.inverse().to_words()), inverse);
        prop_assume!(b != BigUint::ZERO);
        let ratio = &a * big(&y.inverse().to_words()) % p();
        let euler = ratio.modpow(&((p() - 1u8) / 2u8), &p());
        match x.root_of_ratio(&y) {
            Some(root) => prop_assert_eq!(big(&root.loose().square().to_words()), ratio),
            None => prop_assert_eq!(euler, p() - 1u8),
        }
    }
}

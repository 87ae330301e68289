//! Both representations of the field against big integers and, for the 64-bit one, `fiat-crypto`.

use fiat_crypto::p256_64 as fiat;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::{P, big, integer, words};

fn p() -> BigUint {
    big(&P)
}

macro_rules! representation {
    ($module:ident, $field:path) => {
        mod $module {
            use super::*;
            use $field as Fe;

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(4000))]

                #[test]
                fn round_trip(a in integer()) {
                    prop_assert_eq!(big(&Fe::from_words(&a).to_words()), big(&a) % p());
                    prop_assert_eq!(big(&Fe::from_words(&a).normalized().to_words()), big(&a) % p());
                }

                #[test]
                fn operations(a in integer(), b in integer(), c in integer(), d in integer()) {
                    let (x, y, z, w) = (Fe::from_words(&a), Fe::from_words(&b), Fe::from_words(&c), Fe::from_words(&d));
                    let (a, b, c, d) = (big(&a) % p(), big(&b) % p(), big(&c) % p(), big(&d) % p());
                    prop_assert_eq!(big(&x.mul(&y).to_words()), &a * &b % p());
                    prop_assert_eq!(big(&x.square().to_words()), &a * &a % p());
                    prop_assert_eq!(big(&x.add(&y).carried().to_words()), (&a + &b) % p());
                    prop_assert_eq!(big(&x.sub(&y).carried().to_words()), (&a + p() - &b) % p());
                    prop_assert_eq!(big(&x.normalized().negate_if(true).carried().to_words()), (p() - &a) % p());
                    prop_assert_eq!(big(&x.normalized().negate_if(false).to_words()), a.clone());
                    let expected = (&a * &b + (p() * p() - &c * &d)) % p();
                    prop_assert_eq!(big(&Fe::mul_sub_mul(&x, &y, &z, &w).to_words()), expected);
                    prop_assert_eq!(x.equals(&y), a == b);
                    prop_assert_eq!(x.is_zero(), a == BigUint::ZERO);
                    prop_assert_eq!(x.equals(&Fe::ZERO), a == BigUint::ZERO);
                }

                /// Differences go into products uncarried, as the point formulas send them.
                #[test]
                fn products_of_differences(a in integer(), b in integer(), c in integer(), d in integer()) {
                    let (x, y, z, w) = (Fe::from_words(&a), Fe::from_words(&b), Fe::from_words(&c), Fe::from_words(&d));
                    let (a, b, c, d) = (big(&a) % p(), big(&b) % p(), big(&c) % p(), big(&d) % p());
                    let (e, f) = ((&a + p() - &b) % p(), (&c + p() - &d) % p());
                    prop_assert_eq!(big(&x.sub(&y).mul(&z.sub(&w)).to_words()), &e * &f % p());
                    prop_assert_eq!(big(&x.sub(&y).square().to_words()), &e * &e % p());
                    let expected = (&e * &f + (p() * p() - &e * &e)) % p();
                    let (g, h) = (x.sub(&y), z.sub(&w));
                    prop_assert_eq!(big(&Fe::mul_sub_mul(&g, &h, &g, &g).to_words()), expected);
                    let x3 = g.square().sub(&h.square()).sub(&x).sub(&x).carried();
                    let expected = (&e * &e + p() * p() - &f * &f + p() + p() - &a - &a) % p();
                    prop_assert_eq!(big(&x3.to_words()), expected);
                    prop_assert!(x3.sub(&x3).is_zero());
                    prop_assert!(g.add(&y).sub(&x).carried().is_zero());
                }
            }
        }
    };
}

representation!(limbs64, crate::crypto::p256::field64::Fe);
representation!(limbs32, crate::crypto::p256::field32::Fe);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn fiat_agrees(a in integer(), b in integer()) {
        use crate::crypto::p256::{field32, field64};
        let (a, b) = (words(&(big(&a) % p())), words(&(big(&b) % p())));
        let into = |a: [u64; 4]| {
            let mut out = fiat::fiat_p256_montgomery_domain_field_element([0; 4]);
            fiat::fiat_p256_to_montgomery(&mut out, &fiat::fiat_p256_non_montgomery_domain_field_element(a));
            out
        };
        let from = |a: fiat::fiat_p256_montgomery_domain_field_element| {
            let mut out = fiat::fiat_p256_non_montgomery_domain_field_element([0; 4]);
            fiat::fiat_p256_from_montgomery(&mut out, &a);
            out.0
        };
        let new = || fiat::fiat_p256_montgomery_domain_field_element([0; 4]);
        let (x, y) = (into(a), into(b));
        let (mut product, mut square, mut sum, mut difference) = (new(), new(), new(), new());
        fiat::fiat_p256_mul(&mut product, &x, &y);
        fiat::fiat_p256_square(&mut square, &x);
        fiat::fiat_p256_add(&mut sum, &x, &y);
        fiat::fiat_p256_sub(&mut difference, &x, &y);
        let (u, v) = (field64::Fe::from_words(&a), field64::Fe::from_words(&b));
        prop_assert_eq!(u.mul(&v).to_words(), from(product));
        prop_assert_eq!(u.square().to_words(), from(square));
        prop_assert_eq!(u.add(&v).to_words(), from(sum));
        prop_assert_eq!(u.sub(&v).to_words(), from(difference));
        let (u, v) = (field32::Fe::from_words(&a), field32::Fe::from_words(&b));
        prop_assert_eq!(u.mul(&v).to_words(), from(product));
        prop_assert_eq!(u.square().to_words(), from(square));
        prop_assert_eq!(u.add(&v).carried().to_words(), from(sum));
        prop_assert_eq!(u.sub(&v).carried().to_words(), from(difference));
    }
}

/// 0 has two representations below 2^256, as have all values below 2^224; the operations must know both.
#[test]
fn two_representations_of_small_values() {
    use crate::crypto::p256::field64::Fe;
    let raw_p = Fe::raw(P);
    let raw_max = Fe::raw([u64::MAX; 4]);
    assert!(raw_p.is_zero());
    assert!(raw_p.equals(&Fe::ZERO));
    let two_max = Fe::raw(words(&((BigUint::from(1u8) << 256u32) - 1u8 - p())));
    assert!(raw_max.equals(&two_max));
    assert!(raw_max.add(&raw_max).equals(&two_max.add(&two_max)));
    assert!(Fe::ZERO.sub(&raw_max).equals(&Fe::ZERO.sub(&two_max)));
    assert!(raw_max.mul(&raw_max).equals(&two_max.square()));
    assert!(raw_max.square().equals(&two_max.square()));
    assert!(Fe::mul_sub_mul(&Fe::ZERO, &Fe::ZERO, &raw_max, &raw_max).equals(&Fe::ZERO.sub(&two_max.square())));
    assert!(Fe::mul_sub_mul(&raw_max, &raw_max, &Fe::ZERO, &raw_p).equals(&two_max.square()));
    assert!(Fe::mul_sub_mul(&raw_p, &raw_max, &raw_max, &raw_p).is_zero());
    for a in [raw_p, raw_max, two_max, Fe::ZERO, Fe::ONE] {
        for b in [raw_p, raw_max, two_max, Fe::ZERO, Fe::ONE] {
            for c in [raw_p, raw_max, two_max, Fe::ONE] {
                let slow = a.mul(&b).sub(&c.mul(&a));
                assert!(Fe::mul_sub_mul(&a, &b, &c, &a).equals(&slow));
            }
            let (x, y) = (big(&a.to_words()), big(&b.to_words()));
            assert_eq!(big(&a.add(&b).to_words()), (&x + &y) % p());
            assert_eq!(big(&a.sub(&b).to_words()), (&x + p() - &y) % p());
        }
    }
}

/// Limbs as large as the bounds allow, in every sign: a column must not leave `i64` (tests run with overflow checks).
#[test]
fn largest_limbs() {
    use crate::crypto::p256::field32::Fe;
    let most = (1 << 29) - 1;
    let top = (1 << 27) - 1;
    for (x, y) in [(most, most), (most, -most), (-most, -most)] {
        let limbs = |l: i32| Fe::raw([l, l, l, l, l, l, l, l, if l < 0 { -top } else { top }]);
        let (a, b) = (limbs(x), limbs(y));
        let (c, d) = (a.carried(), b.carried());
        assert!(a.mul(&b).equals(&c.mul(&d)));
        assert!(a.square().equals(&c.square()));
        assert!(Fe::mul_sub_mul(&a, &b, &a, &b).is_zero());
        let minus_b = b.negate_if(true);
        assert!(Fe::mul_sub_mul(&a, &b, &a, &minus_b).equals(&c.mul(&d).add(&c.mul(&d)).carried()));
    }
}

/// Which of the two the rest of the module is built with; `tests/limbs32` asks for this test by its name.
#[cfg(countersign_limbs = "32")]
#[test]
fn limbs_are_of_32_bits() {
    assert_eq!(size_of::<super::super::field::Fe>(), 36);
}

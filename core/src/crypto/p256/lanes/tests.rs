//! The field in lanes against `field32`, limb for limb. That sums in lanes are those one by one is in the tests of whole
//! verifications.

use core::array::from_fn;

use num_bigint::BigUint;
use proptest::array::uniform4;
use proptest::collection;
use proptest::prelude::*;

use super::field::Fes;
use super::vector::{LANES, limbs, others, values};
use crate::crypto::p256::field::{Fe, P};
use crate::crypto::p256::field32;
use crate::crypto::words::tests::{big, integer_near};

/// The nine limbs of one value.
type Nine = [i32; 9];

/// A value in each lane, of limbs up to what one `sub` or `negate_if` of carried values makes; every other limb is an end or near 0.
fn operands() -> impl Strategy<Value = [Nine; LANES]> {
    collection::vec(any::<i32>(), 9 * LANES).prop_map(|seeds| {
        let limb = |seed: i32, most: i32| match seed & 7 {
            0 => most,
            1 => -most,
            2 | 3 => (seed >> 3) % 3,
            _ => (seed >> 3) % (most + 1),
        };
        from_fn(|lane| from_fn(|i| limb(seeds[9 * lane + i], if i < 8 { (1 << 29) + (1 << 26) } else { 1 << 27 })))
    })
}

fn in_lanes(values: &[Nine; LANES]) -> Fes {
    Fes(from_fn(|i| limbs(values.map(|value| value[i]))))
}

fn from_lanes(fes: &Fes) -> [Nine; LANES] {
    from_fn(|lane| fes.0.map(|limbs| values(limbs)[lane]))
}

fn fe(limbs: Nine) -> field32::Fe {
    field32::Fe::raw(limbs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn products(a in operands(), b in operands(), c in operands(), d in operands()) {
        let (x, y, z, w) = (in_lanes(&a), in_lanes(&b), in_lanes(&c), in_lanes(&d));
        let product = from_lanes(&x.mul(&y));
        let difference = from_lanes(&Fes::mul_sub_mul(&x, &y, &z, &w));
        let carried = from_lanes(&x.carried());
        let (swapped, further) = (from_lanes(&x.of(others(1))), from_lanes(&x.of(others(2))));
        let chosen = from_lanes(&x.choose(&y, limbs([0, -1, -1, 0])));
        let negated = from_lanes(&x.negate_where(limbs([-1, 0, 0, -1])));
        for lane in 0..LANES {
            let [a, b, c, d] = [a, b, c, d].map(|values| fe(values[lane]));
            prop_assert_eq!(product[lane], a.mul(&b).0);
            // There two products, here one reduction: not the same limbs.
            prop_assert_eq!(fe(difference[lane]).to_words(), a.mul(&b).sub(&c.mul(&d)).to_words());
            prop_assert!(difference[lane][..8].iter().all(|limb| (0..1 << 29).contains(limb)));
            prop_assert_eq!(carried[lane], a.carried().0);
            prop_assert_eq!(swapped[lane ^ 1], a.0);
            prop_assert_eq!(further[lane ^ 2], a.0);
            prop_assert_eq!(chosen[lane], if lane == 1 || lane == 2 { b.0 } else { a.0 });
            prop_assert_eq!(negated[lane], a.negate_if(lane == 0 || lane == 3).0);
        }
    }

    /// An entry has the same value in lanes as in the tables, and is small enough to be an operand.
    #[test]
    fn entries(integers in uniform4(integer_near(&[P]))) {
        let coordinates = integers.map(|integer| Fe::from_words(&integer).normalized());
        let gathered = from_lanes(&Fes::gather(coordinates.each_ref()));
        for (limbs, coordinate) in gathered.into_iter().zip(coordinates) {
            prop_assert_eq!(fe(limbs).to_words(), coordinate.to_words());
            prop_assert!(limbs[..8].iter().all(|limb| (-(1 << 26)..(1 << 29) + (1 << 26)).contains(limb)));
            prop_assert!((-(1 << 5)..=1 << 24).contains(&limbs[8]), "{}", limbs[8]);
        }
    }

    #[test]
    fn plain_integers(even in integer_near(&[P]), odd in integer_near(&[P])) {
        for (lane, limbs) in from_lanes(&Fes::plain(&even, &odd)).into_iter().enumerate() {
            let sum = limbs.iter().rev().fold(BigUint::ZERO, |sum, limb| (sum << 29u32) + u32::try_from(*limb).unwrap());
            prop_assert_eq!(sum, big(if lane % 2 == 0 { &even } else { &odd }));
        }
    }
}

#[test]
fn zero_is_0_and_p() {
    let zero = [0; 9];
    let p = [0x1fff_ffff, 0x1fff_ffff, 0x1fff_ffff, 0x1ff, 0, 0, 0x4_0000, 0x1fe0_0000, 0xff_ffff];
    assert_eq!(in_lanes(&[zero, p, zero, p]).are_zero(), [true; 4]);
    for limb in 0..9 {
        let with = |mut value: Nine, by: i32| {
            value[limb] += by;
            value
        };
        assert_eq!(in_lanes(&[with(zero, 1), with(p, 1), with(p, -1), with(zero, 2)]).are_zero(), [false; 4]);
    }
    // Half of one and half of the other is neither.
    let mixed = from_fn(|i| if i < 4 { p[i] } else { 0 });
    assert_eq!(in_lanes(&[mixed, p, mixed, zero]).are_zero(), [false, true, false, true]);
}

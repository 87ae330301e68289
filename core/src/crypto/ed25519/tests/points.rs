//! Decoding and adding points, those of small and mixed order among them, against `curve25519-dalek`.

use alloc::vec::Vec;

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use proptest::prelude::*;

use super::super::point::{Affine, Sum, split};
use super::{integer, to_le_bytes};

/// Multiples of the base point plus a point of small order, near each other as often as not.
fn point() -> impl Strategy<Value = EdwardsPoint> {
    (prop_oneof![Just([0; 4]), Just([1, 0, 0, 0]), Just([2, 0, 0, 0]), integer()], 0usize..8).prop_map(
        |(factor, torsion)| {
            ED25519_BASEPOINT_POINT * Scalar::from_bytes_mod_order(to_le_bytes(&factor)) + EIGHT_TORSION[torsion]
        },
    )
}

fn is(sum: &Sum, expected: &EdwardsPoint) -> bool {
    let encoded = expected.compress().to_bytes();
    let (y, negative) = split(&encoded);
    let mut opposite = encoded;
    opposite[31] ^= 0x80;
    let (_, wrong) = split(&opposite);
    sum.is_encoded_as(&y, negative) && !sum.is_encoded_as(&y, wrong)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn sums(points in proptest::collection::vec((point(), any::<bool>()), 1..6), repeated in any::<bool>()) {
        let (mut ours, mut theirs) = (Sum::ZERO, EdwardsPoint::identity());
        let repeated: Vec<_> = if repeated { points.iter().chain(&points).collect() } else { points.iter().collect() };
        for (point, negative) in repeated {
            let entry = Affine::decode(&point.compress().to_bytes()).unwrap().entry();
            ours.add_entry(&entry, *negative);
            theirs = if *negative { theirs - point } else { theirs + point };
            prop_assert!(is(&ours, &theirs));
            prop_assert!(is(&entry.sum(), point));
            let mut zero = entry.sum();
            zero.add_entry(&entry, true);
            prop_assert!(is(&zero, &EdwardsPoint::identity()));
        }
    }

    #[test]
    fn decoding(words in integer()) {
        let encoded = to_le_bytes(&words);
        let theirs = CompressedEdwardsY(encoded).decompress();
        let ours = Affine::decode(&encoded);
        match theirs.filter(|point| point.compress().to_bytes() == encoded) {
            Some(point) => {
                prop_assert!(is(&ours.unwrap().entry().sum(), &point));
                prop_assert!(is(&ours.unwrap().negated().entry().sum(), &-point));
            }
            None => prop_assert!(ours.is_none()),
        }
    }
}

#[test]
fn the_base_point_is_the_base_point() {
    assert!(is(&Affine::generator().entry().sum(), &ED25519_BASEPOINT_POINT));
}

/// y from p - 30 to 2^255 - 1, either sign: small order, second encodings, the sign of an x that is 0.
#[test]
fn encodings_at_the_edge() {
    for low in 0..=0xff_u8 {
        for (rest, top) in [(0xff, 0x7f), (0xff, 0xff), (0, 0), (0, 0x80)] {
            let mut encoded = [rest; 32];
            (encoded[0], encoded[31]) = (low, top);
            let theirs = CompressedEdwardsY(encoded).decompress();
            let canonical = theirs.is_some_and(|point| point.compress().to_bytes() == encoded);
            assert_eq!(Affine::decode(&encoded).is_some(), canonical, "{encoded:02x?}");
        }
    }
}

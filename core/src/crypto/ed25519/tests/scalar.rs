//! Reduction modulo L and signed digits against big integers.

use alloc::vec::Vec;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::scalar::Scalar;
use super::{L, integer, to_le_bytes, window};
use crate::crypto::words::tests::big;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn hashes(low in integer(), high in integer()) {
        let mut hash = [0; 64];
        hash[..32].copy_from_slice(&to_le_bytes(&low));
        hash[32..].copy_from_slice(&to_le_bytes(&high));
        let value = (big(&high) << 256u32) + big(&low);
        prop_assert_eq!(big(Scalar::from_hash(&hash).words()), value % big(&L));
    }

    #[test]
    fn signature_parts(a in integer()) {
        let scalar = Scalar::from_signature_part(&to_le_bytes(&a));
        prop_assert_eq!(scalar.map(|scalar| *scalar.words()), (big(&a) < big(&L)).then_some(a));
    }

    #[test]
    fn digits(a in integer(), bits in 4u32..=14) {
        let words = crate::crypto::words::tests::words(&(big(&a) % big(&L)));
        let digits: Vec<i32> = window(bits).signed_digits(&words, 253).collect();
        let (mut positive, mut negative) = (BigUint::ZERO, BigUint::ZERO);
        for (i, digit) in digits.iter().enumerate() {
            let last = i + 1 == digits.len();
            prop_assert!(!last || *digit >= 0);
            let room = if last { 253 - i as u32 * bits } else { bits - 1 };
            prop_assert!(digit.unsigned_abs() <= 1 << room);
            let value = BigUint::from(digit.unsigned_abs()) << (i as u32 * bits);
            if *digit < 0 {
                negative += value;
            } else {
                positive += value;
            }
        }
        prop_assert_eq!(positive - negative, big(&words));
    }
}

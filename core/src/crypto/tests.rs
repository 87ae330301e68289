use std::prelude::v1::*;
use std::{format, println, vec};

use proptest::prelude::*;

use super::*;
use crate::jose::algorithm::AlgorithmSet;

#[path = "../../tests/wycheproof/cases.rs"]
#[allow(dead_code, reason = "here the backends are compared with each other, not with the labels")]
mod cases;
mod vectors;

use vectors::*;

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn rsa<'a>(n: &'a [u8], e: &'a [u8]) -> KeyMaterial<'a> {
    KeyMaterial::Rsa { n, e }
}

const F4: &[u8] = &[1, 0, 1];

/// One verification by every backend that is built in, each given what the caller of a backend has already checked.
struct Backends {
    material: Material,
    keys: Vec<(&'static str, Verify)>,
}

type Verify = Box<dyn Fn(&Material, Algorithm, &[u8], &[u8]) -> bool>;

impl Backends {
    fn new(material: &KeyMaterial<'_>) -> Result<Self, KeyError> {
        let material = Material::new(material)?;
        let mut keys: Vec<(&'static str, Verify)> = Vec::new();
        for backend in Backend::ALL {
            let key = Key::new(*backend, &material).expect("all backends take a key that passed the checks");
            assert_eq!(key.backend(), *backend);
            let verify = move |material: &Material, algorithm, message: &[u8], signature: &[u8]| {
                key.verify(material, algorithm, message, signature)
            };
            if backend.algorithms() == AlgorithmSet::ALL {
                keys.push((backend.name(), Box::new(verify)));
            }
        }
        Ok(Self { material, keys })
    }

    /// The one answer of all.
    fn agree(&self, algorithm: Algorithm, message: &[u8], signature: &[u8], what: &str) -> bool {
        let admitted = self.material.admits(algorithm, signature);
        let answers: Vec<(&str, bool)> = self
            .keys
            .iter()
            .map(|(name, verify)| (*name, admitted && verify(&self.material, algorithm, message, signature)))
            .collect();
        let first = answers[0].1;
        assert!(answers.iter().all(|(_, answer)| *answer == first), "{what} {algorithm}: {answers:?}");
        first
    }

    /// The answers of the libraries to a signature that we do not let them see.
    fn unguarded(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Vec<(&'static str, bool)> {
        self.keys.iter().map(|(name, verify)| (*name, verify(&self.material, algorithm, message, signature))).collect()
    }
}

fn verifies(material: &KeyMaterial<'_>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let together = Backends::new(material).unwrap().agree(algorithm, message, signature, "vector");
    let alone = PublicKey::new(material).unwrap().verify(algorithm, message, signature).is_ok();
    assert_eq!(together, alone);
    alone
}

#[test]
fn the_published_signatures_verify() {
    let x = hex(ED_KEY);
    let ed25519 = KeyMaterial::Ed25519 { x: &x };
    assert!(verifies(&ed25519, Algorithm::EdDsa, ED_MESSAGE, &hex(ED_SIGNATURE)), "RFC 8037 A.5");
    assert!(verifies(&ed25519, Algorithm::Ed25519, ED_MESSAGE, &hex(ED_SIGNATURE)), "RFC 9864 §2.2");
    assert!(verifies(&rsa(&hex(RS256_N), F4), Algorithm::Rs256, RS256_MESSAGE, &hex(RS256_SIGNATURE)), "RFC 7515 A.2");
    let (x, y) = (hex(ES256_X), hex(ES256_Y));
    let p256 = KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y };
    assert!(verifies(&p256, Algorithm::Es256, ES256_MESSAGE, &hex(ES256_SIGNATURE)), "RFC 7515 A.3");
    let (x, y) = (hex(ES512_X), hex(ES512_Y));
    let p521 = KeyMaterial::Ec { curve: Curve::P521, x: &x, y: &y };
    assert!(verifies(&p521, Algorithm::Es512, ES512_MESSAGE, &hex(ES512_SIGNATURE)), "RFC 7515 A.4");
}

#[test]
fn a_key_fits_only_its_own_algorithms() {
    let (x, y) = (hex(ES256_X), hex(ES256_Y));
    let (ed, n) = (hex(ED_KEY), hex(RS256_N));
    for (material, kind, fitting) in [
        (KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y }, KeyKind::P256, &["ES256"][..]),
        (KeyMaterial::Ed25519 { x: &ed }, KeyKind::Ed25519, &["EdDSA", "Ed25519"]),
        (rsa(&n, F4), KeyKind::Rsa { bits: 2048 }, &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
    ] {
        let key = PublicKey::new(&material).unwrap();
        assert_eq!(key.kind(), kind);
        for algorithm in Algorithm::ALL {
            assert_eq!(key.fits(algorithm), fitting.contains(&algorithm.name()), "{kind:?} {algorithm}");
            if !key.fits(algorithm) {
                for signature in [ES256_SIGNATURE, ED_SIGNATURE, RS256_SIGNATURE] {
                    assert!(key.verify(algorithm, ES256_MESSAGE, &hex(signature)).is_err());
                }
            }
        }
    }
}

#[test]
fn the_point_of_a_key_is_what_was_imported() {
    let (x, y) = (hex(ES512_X), hex(ES512_Y));
    let key = PublicKey::new(&KeyMaterial::Ec { curve: Curve::P521, x: &x, y: &y }).unwrap();
    assert_eq!(key.ec_point(), Some((&x[..], &y[..])));
    assert_eq!(format!("{key:?}"), "PublicKey(P521)");
    assert_eq!(PublicKey::new(&rsa(&hex(RS256_N), F4)).unwrap().ec_point(), None);
}

#[test]
fn points_off_the_curve_are_refused() {
    let (x, y) = (hex(ES256_X), hex(ES256_Y));
    let import = |curve, x: &[u8], y: &[u8]| PublicKey::new(&KeyMaterial::Ec { curve, x, y }).err();
    assert_eq!(import(Curve::P256, &x, &y), None);
    assert_eq!(import(Curve::P256, &y, &x), Some(KeyError::NotOnCurve));
    assert_eq!(import(Curve::P256, &[0; 32], &[0; 32]), Some(KeyError::NotOnCurve));
    assert_eq!(import(Curve::P256, &[0xff; 32], &y), Some(KeyError::NotOnCurve));
    assert_eq!(import(Curve::P384, &x, &y), Some(KeyError::CoordinateLength));
    assert_eq!(import(Curve::P256, &x[1..], &y), Some(KeyError::CoordinateLength));
    assert_eq!(import(Curve::P256, &[&[0], &x[..]].concat(), &y), Some(KeyError::CoordinateLength));
    assert_eq!(import(Curve::P256, &[], &[]), Some(KeyError::CoordinateLength));
    for bit in 0..256 {
        let mut wrong = y.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(import(Curve::P256, &x, &wrong), Some(KeyError::NotOnCurve), "bit {bit}");
    }
    let (x, y) = (hex(ES512_X), hex(ES512_Y));
    assert_eq!(import(Curve::P521, &y, &x), Some(KeyError::NotOnCurve));
    // x + p names the same residue and fits 66 bytes.
    let prime_521: Vec<u8> = [&[1][..], &[0xff; 65]].concat();
    assert_eq!(import(Curve::P521, &sum(&x, &prime_521), &y), Some(KeyError::NotOnCurve));
}

/// The sum of two numbers of equal length, the carry dropped.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = (a.iter().zip(b).rev())
        .map(|(a, b)| {
            carry += u16::from(*a) + u16::from(*b);
            let [high, low] = carry.to_be_bytes();
            carry = u16::from(high);
            low
        })
        .collect();
    sum.reverse();
    sum
}

#[cfg(feature = "rust-crypto")]
proptest! {
    #[test]
    fn the_curve_check_agrees_with_the_curve_crates(seed in any::<[u8; 32]>(), flip in 0..512_usize, wrong: bool) {
        use ::p256::elliptic_curve::ops::Reduce as _;
        let scalar = ::p256::Scalar::reduce(&::p256::FieldBytes::from(seed));
        let point = (::p256::ProjectivePoint::GENERATOR * scalar).to_affine();
        let encoded = ::p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&point, false);
        let mut bytes = encoded.as_bytes().to_vec();
        prop_assume!(bytes.len() == 65);
        if wrong {
            bytes[1 + flip / 8] ^= 1 << (flip % 8);
        }
        let theirs = ::p256::PublicKey::from_sec1_bytes(&bytes).is_ok();
        prop_assert_eq!(curve::is_on_curve(Curve::P256, &bytes[1..33], &bytes[33..]), theirs);
    }

    #[test]
    fn the_edwards_check_agrees_with_the_curve_crate(encoded in any::<[u8; 32]>()) {
        let mut encoded = encoded;
        encoded[31] &= 0x7f;
        let theirs = ed25519_dalek::VerifyingKey::from_bytes(&encoded).is_ok_and(|key| !key.is_weak());
        prop_assert_eq!(curve::check_edwards(&encoded).is_ok(), theirs);
    }
}

#[test]
fn ed25519_points_of_small_order_and_second_encodings_are_refused() {
    let import = |x: &[u8]| PublicKey::new(&KeyMaterial::Ed25519 { x }).err();
    // y of order 4, 1, 2, 8, 8, little-endian; each with both signs.
    for y in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        let mut encoded = hex(y);
        assert_eq!(import(&encoded), Some(KeyError::SmallOrder), "{y}");
        encoded[31] |= 0x80;
        assert_eq!(import(&encoded), Some(KeyError::SmallOrder), "{y}, negative");
        assert!(curve::is_small_order(&encoded.try_into().unwrap()));
    }
    // y + p for the nineteen y that leave room for it; p itself ends in 0xed.
    for excess in 0..19 {
        for sign in [0x7f, 0xff] {
            let mut encoded = [0xff; 32];
            encoded[0] = 0xed + excess;
            encoded[31] = sign;
            assert_eq!(import(&encoded), Some(KeyError::NonCanonical), "p + {excess}");
        }
    }
    // Half of all y have no x; 2 is the least.
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(import(&two), Some(KeyError::NotOnCurve));
    assert_eq!(import(&hex(ED_KEY)[1..]), Some(KeyError::CoordinateLength));
    assert_eq!(import(&[]), Some(KeyError::CoordinateLength));
    assert_eq!(import(&hex(ED_KEY)), None);
}

#[test]
fn ed25519_is_strict_and_without_cofactor() {
    let x = hex(ED_KEY);
    let key = KeyMaterial::Ed25519 { x: &x };
    assert!(!verifies(&key, Algorithm::EdDsa, ED_MESSAGE, &hex(ED_PLUS_ORDER)), "s and s + L are one signature");
    // The equation holds here, so only the rule on R refuses.
    assert!(!verifies(&key, Algorithm::EdDsa, ED_MESSAGE, &hex(ED_IDENTITY_R)), "R of small order");
    let backends = Backends::new(&key).unwrap();
    println!(
        "R of small order, unguarded: {:?}",
        backends.unguarded(Algorithm::EdDsa, ED_MESSAGE, &hex(ED_IDENTITY_R))
    );

    let x = hex(ED_MIXED_KEY);
    let mixed = KeyMaterial::Ed25519 { x: &x };
    assert!(verifies(&mixed, Algorithm::EdDsa, ED_MESSAGE, &hex(ED_MIXED_HOLDS)));
    assert!(!verifies(&mixed, Algorithm::EdDsa, ED_MESSAGE, &hex(ED_MIXED_COFACTORED_ONLY)));
}

#[test]
fn rsa_keys_of_the_wrong_form_are_refused() {
    let n = hex(RS256_N);
    let import = |n: &[u8], e: &[u8]| PublicKey::new(&rsa(n, e)).err();
    let odd_of = |len: usize, first: u8| {
        let mut n = vec![0x5a; len];
        n[0] = first;
        n[len - 1] = 1;
        n
    };
    assert_eq!(import(&n, F4), None);
    assert_eq!(import(&[], F4), Some(KeyError::ModulusForm));
    assert_eq!(import(&[1], F4), Some(KeyError::ModulusForm));
    assert_eq!(import(&[&[0], &n[..]].concat(), F4), Some(KeyError::ModulusForm));
    assert_eq!(import(&[&n[..255], &[0xa0]].concat(), F4), Some(KeyError::ModulusForm));
    assert_eq!(import(&odd_of(256, 0x7f), F4), Some(KeyError::ModulusTooSmall), "2047 bits");
    assert_eq!(import(&odd_of(128, 0xff), F4), Some(KeyError::ModulusTooSmall));
    assert_eq!(import(&odd_of(256, 0x80), F4), None, "2048 bits");
    assert_eq!(import(&odd_of(1024, 0xff), F4), None, "8192 bits");
    assert_eq!(import(&odd_of(1025, 0x01), F4), Some(KeyError::ModulusTooLarge), "8193 bits");
    assert_eq!(import(&odd_of(2048, 0xff), F4), Some(KeyError::ModulusTooLarge));
    assert_eq!(import(&hex(ROCA_N), F4), Some(KeyError::ModulusRoca));
    for sound in [RS256_N, ODD_LENGTH_N, LARGE_EXPONENT_N] {
        assert!(!roca::is_roca(&hex(sound)));
    }
    assert_eq!(PublicKey::new(&rsa(&hex(ODD_LENGTH_N), F4)).unwrap().kind(), KeyKind::Rsa { bits: 2049 });
}

/// The fingerprint by one division for each prime.
fn is_roca_slowly(modulus: &[u8]) -> bool {
    let primes = (3..=167_u64).filter(|number| (2..*number).all(|divisor| number % divisor != 0));
    primes.into_iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |remainder, byte| (remainder << 8 | u64::from(*byte)) % prime);
        let powers = core::iter::successors(Some(1), |power| Some(power * 65537 % prime));
        powers.take(167).any(|power| power == remainder)
    })
}

proptest! {
    #[test]
    fn the_roca_fingerprint_is_a_power_of_65537_modulo_each_prime(
        power in 0_u32..1000, factor in prop::collection::vec(any::<u8>(), 1..300), prime in 0_usize..38, off in 0_u8..3,
    ) {
        use num_bigint::BigUint;
        let primes: Vec<u64> = (3..=167).filter(|number| (2..*number).all(|divisor| number % divisor != 0)).collect();
        let product: BigUint = primes.iter().product();
        let weak = BigUint::from(65537_u32).pow(power) % &product + &product * BigUint::from_bytes_be(&factor);
        prop_assert!(roca::is_roca(&weak.to_bytes_be()));
        // Off at one prime only, and at all.
        let at_one = weak + &product / primes[prime] * off;
        for modulus in [at_one.to_bytes_be(), factor] {
            prop_assert_eq!(roca::is_roca(&modulus), is_roca_slowly(&modulus));
        }
    }
}

/// All backends take the same exponents; `Backends::new` fails if one does not.
#[test]
fn rsa_exponents_are_odd_from_3_to_33_bits() {
    let n = hex(RS256_N);
    for e in [&[3][..], &[17], F4, &[0xff, 0xff, 0xff, 0xff], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(Backends::new(&rsa(&n, e)).is_ok(), "{e:?}");
    }
    for e in [&[][..], &[0], &[1], &[2], &[0, 3], &[0, 1, 0, 1], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1]] {
        assert_eq!(PublicKey::new(&rsa(&n, e)).err(), Some(KeyError::ExponentRefused), "{e:?}");
    }
    let n = hex(LARGE_EXPONENT_N);
    let largest = rsa(&n, &[1, 0xff, 0xff, 0xff, 0xff]);
    assert!(verifies(&largest, Algorithm::Rs256, LARGE_EXPONENT_MESSAGE, &hex(LARGE_EXPONENT_RS256)));
}

/// PSS encodes one bit less than the modulus has: with 2049 bits the encoding is a byte shorter than the signature.
#[test]
fn a_modulus_of_odd_length_verifies() {
    let n = hex(ODD_LENGTH_N);
    let key = rsa(&n, F4);
    for (algorithm, signature) in [
        (Algorithm::Rs256, ODD_LENGTH_RS256),
        (Algorithm::Ps256, ODD_LENGTH_PS256),
        (Algorithm::Ps384, ODD_LENGTH_PS384),
        (Algorithm::Ps512, ODD_LENGTH_PS512),
    ] {
        let signature = hex(signature);
        assert!(verifies(&key, algorithm, ODD_LENGTH_MESSAGE, &signature), "{algorithm}");
        assert!(!verifies(&key, algorithm, ODD_LENGTH_MESSAGE, &signature[1..]), "{algorithm}");
    }
}

#[test]
fn rsa_signatures_have_one_length_and_stay_below_the_modulus() {
    let (n, signature) = (hex(RS256_N), hex(RS256_SIGNATURE));
    let key = rsa(&n, F4);
    let refused = |signature: &[u8]| !verifies(&key, Algorithm::Rs256, RS256_MESSAGE, signature);
    assert!(refused(&[]));
    assert!(refused(&[&[0], &signature[..]].concat()));
    assert!(refused(&[&signature[..], &[0]].concat()));
    assert!(refused(&signature[1..]));
    assert!(refused(&[0; 256]));
    assert!(refused(&[0xff; 256]));
    assert!(refused(&n));
    // Congruent to the signature, yet another byte string; it carries here, so its low 2048 bits go in.
    assert!(refused(&sum(&signature, &n)));
    assert!(!verifies(&key, Algorithm::Ps256, RS256_MESSAGE, &signature));
    assert!(!verifies(&key, Algorithm::Rs384, RS256_MESSAGE, &signature));
}

#[test]
fn ecdsa_signatures_have_one_length_and_one_range() {
    let (x, y) = (hex(ES256_X), hex(ES256_Y));
    let key = KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y };
    let valid = hex(ES256_SIGNATURE);
    let (r, s) = valid.split_at(32);
    let order = curve::order(Curve::P256);
    let refused = |signature: &[u8]| !verifies(&key, Algorithm::Es256, ES256_MESSAGE, signature);
    let mut one = [0; 32];
    one[31] = 1;
    for number in [&[0; 32][..], order, &[0xff; 32], &sum(order, &one)] {
        assert!(refused(&[number, s].concat()));
        assert!(refused(&[r, number].concat()));
        assert!(refused(&[number, number].concat()));
    }
    for length in [0, 1, 32, 63] {
        assert!(refused(&valid[..length]));
    }
    assert!(refused(&[&valid[..], &[0]].concat()));
    assert!(refused(&[&[0], &valid[..]].concat()));
    assert!(refused(&[&[0; 32], &valid[..]].concat()));
    // The same signature in DER, where s needs a sign byte.
    let der = [&[0x30, 0x45, 2, 0x20], r, &[2, 0x21, 0], s].concat();
    assert!(refused(&der));
    assert!(refused(&der[..64]));
}

/// RFC 7518 asks for no low s, and published proofs have a high one: both are the same signature.
#[test]
fn a_high_s_is_accepted() {
    let (x, y) = (hex(ES256_X), hex(ES256_Y));
    let key = KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y };
    let valid = hex(ES256_SIGNATURE);
    let (r, s) = valid.split_at(32);
    let negated: Vec<u8> = s.iter().map(|byte| !byte).collect();
    let mut one = [0; 32];
    one[31] = 1;
    let other = sum(&sum(&negated, &one), curve::order(Curve::P256));
    assert!(verifies(&key, Algorithm::Es256, ES256_MESSAGE, &[r, &other].concat()));
}

/// Every case of every set, as it is; and for the valid ones the signature and the message with bits turned.
#[test]
fn the_backends_agree_on_every_case() {
    let (mut cases, mut turned) = (0, 0);
    for set in cases::jose().into_iter().chain(cases::foreign()) {
        for group in &set.groups {
            let Ok(backends) = Backends::new(&group.key.material()) else {
                continue;
            };
            for case in &group.cases {
                let what = format!("{} {}", set.name, case.id);
                cases += 1;
                if !backends.agree(case.algorithm, &case.message, &case.signature, &what) || case.id % 4 != 0 {
                    continue;
                }
                let bits = 8 * case.signature.len();
                for bit in [0, 7, bits / 2 - 1, bits / 2, bits - 8, bits - 1, (case.id * 37) % bits] {
                    let mut signature = case.signature.clone();
                    signature[bit / 8] ^= 1 << (bit % 8);
                    turned += 1;
                    let verified = backends.agree(case.algorithm, &case.message, &signature, &what);
                    assert_eq!(
                        verified,
                        is_negated(&backends.material, &case.signature, &signature),
                        "{what}, bit {bit}"
                    );
                }
                let message = [&case.message[..], &[0]].concat();
                assert!(!backends.agree(case.algorithm, &message, &case.signature, &what));
            }
        }
    }
    println!("{cases} cases, {turned} turned signatures");
    assert!(cases > 8000);
    assert!(turned > 1500);
}

/// Whether both are (r, s) and (r, n - s), which verify alike; where s is (n - 1) / 2 they differ by one bit.
fn is_negated(material: &Material, a: &[u8], b: &[u8]) -> bool {
    let Material::Ec { curve, .. } = material else {
        return false;
    };
    let ((r, s), (other_r, other_s)) = (a.split_at(curve.field_len()), b.split_at(curve.field_len()));
    r == other_r && sum(s, other_s) == curve::order(*curve)
}

proptest! {
    #[test]
    fn the_backends_agree_on_any_bytes(
        signature in proptest::collection::vec(any::<u8>(), 0..140),
        message in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let (x, y, ed) = (hex(ES256_X), hex(ES256_Y), hex(ED_KEY));
        let (x5, y5) = (hex(ES512_X), hex(ES512_Y));
        for (material, algorithm, len) in [
            (KeyMaterial::Ec { curve: Curve::P256, x: &x, y: &y }, Algorithm::Es256, 64),
            (KeyMaterial::Ec { curve: Curve::P521, x: &x5, y: &y5 }, Algorithm::Es512, 132),
            (KeyMaterial::Ed25519 { x: &ed }, Algorithm::EdDsa, 64),
        ] {
            let backends = Backends::new(&material).unwrap();
            prop_assert!(!backends.agree(algorithm, &message, &signature, "any bytes"));
            let mut fitted = signature.clone();
            fitted.resize(len, 0);
            prop_assert!(!backends.agree(algorithm, &message, &fitted, "any bytes of the right length"));
        }
    }
}

macro_rules! for_each_backend {
    ($backend:ident => $body:block) => {
        #[cfg(feature = "ring")]
        {
            use super::ring as $backend;
            $body
        }
        #[cfg(feature = "aws-lc")]
        {
            use super::aws_lc as $backend;
            $body
        }
        #[cfg(feature = "rust-crypto")]
        {
            use super::rust_crypto as $backend;
            $body
        }
    };
}

#[test]
fn hashes_and_tags_are_those_of_the_standards() {
    // FIPS 180-4, "abc" and nothing.
    let abc = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let nothing = hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    // RFC 4231 §4.2, its key of 20 bytes padded to 32 with the zeros that HMAC itself would add.
    let mut key = [0; 32];
    key[..20].fill(0x0b);
    let tag = hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_eq!(sha256(b"abc")[..], abc);
    for_each_backend!(backend => {
        let mut hash = backend::Sha256::new();
        hash.update(b"a");
        hash.update(b"");
        let fork = hash.clone();
        hash.update(b"bc");
        assert_eq!(hash.finish()[..], abc);
        assert_ne!(fork.finish()[..], abc);
        assert_eq!(backend::Sha256::new().finish()[..], nothing);
        assert_eq!(backend::Hmac::new(&key).tag(&[b"Hi ", b"", b"There"])[..], tag);
    });
    let key = HmacKey::new(&key);
    let mut right: [u8; 32] = tag.try_into().unwrap();
    assert!(key.verify(&[b"Hi There"], &right));
    assert!(key.verify(&[b"Hi ", b"There"], &right[..16]), "truncated to half its length");
    assert!(!key.verify(&[b"Hi There"], &right[..15]) && !key.verify(&[b"Hi There"], &[]));
    assert!(!key.verify(&[b"Hi There"], &[&right[..], &[0]].concat()));
    right[31] ^= 1;
    assert!(!key.verify(&[b"Hi There"], &right));
    right[15] ^= 1;
    assert!(!key.verify(&[b"Hi There"], &right[..16]));
}

/// A library is a verifier as a host's function is one: it reports the algorithms it takes, and verifies with its own keys.
#[test]
fn a_backend_is_a_verifier_of_its_own_keys() {
    let pair = ::ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = ::ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let (message, signature) = (b"a message", pair.sign(b"a message"));
    for mut backend in Backend::ALL.iter().copied() {
        let kind = KeyKind::Ed25519;
        for algorithm in Algorithm::ALL {
            let takes = SignatureVerifier::takes(&backend, kind, algorithm);
            assert_eq!(takes, backend.algorithms().contains(algorithm), "{backend:?} {algorithm:?}");
        }
        for owner in Backend::ALL {
            let key = PublicKey::new_by(*owner, &KeyMaterial::Ed25519 { x: &x }).unwrap();
            let holds = backend.verify(&key, Algorithm::Ed25519, message, signature.as_ref());
            assert_eq!(holds, *owner == backend, "{backend:?}, a key of {owner:?}");
            assert!(!backend.verify(&key, Algorithm::Ed25519, b"another", signature.as_ref()));
            assert!(key.verify(Algorithm::Ed25519, message, signature.as_ref()).is_ok());
        }
    }
}

/// One more feature adds a backend and does not change the default.
#[test]
fn the_default_backend_is_the_first_and_ring_where_it_is_built_in() {
    assert_eq!(Backend::ALL.first(), Some(&Backend::DEFAULT));
    assert_eq!(Backend::default(), Backend::DEFAULT);
    assert_eq!(Backend::DEFAULT.name() == "ring", cfg!(feature = "ring"));
    let names: Vec<&str> = Backend::ALL.iter().map(|backend| backend.name()).collect();
    for (name, built_in) in [
        ("ring", cfg!(feature = "ring")),
        ("aws-lc", cfg!(feature = "aws-lc")),
        ("rust-crypto", cfg!(feature = "rust-crypto-p256")),
    ] {
        assert_eq!(names.contains(&name), built_in, "{name}");
    }
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<PublicKey>();
    shared::<HmacKey>();
}

#[cfg(all(feature = "hot-keys", feature = "ring", feature = "aws-lc", feature = "rust-crypto"))]
#[test]
fn backends_agree_on_digests() {
    use super::hash::HashAlgorithm;
    let message: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        for cut in [0, 1, 64, 127, 1000] {
            let (front, back) = message.split_at(cut);
            let by = |digest: fn(HashAlgorithm, &[&[u8]], &mut [u8; 64])| {
                let mut out = [0; 64];
                digest(hash, &[front, back], &mut out);
                out
            };
            let expected = by(ring::digest);
            assert_eq!(by(aws_lc::digest), expected, "{hash:?}");
            assert_eq!(by(rust_crypto::digest), expected, "{hash:?}");
            assert!(expected[..hash.digest_len()].iter().any(|byte| *byte != 0));
        }
    }
}

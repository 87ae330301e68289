//! Signatures made here with big integers, whole and damaged, beside what the libraries say of them.

use super::*;

/// A key pair of several primes, so that a few primes make moduli of many lengths.
struct Pair {
    n: BigUint,
    d: BigUint,
    e: u64,
    twins: Twins,
}

impl Pair {
    fn new(indices: &[usize], e: u64) -> Self {
        let primes: Vec<BigUint> =
            indices.iter().map(|&index| BigUint::parse_bytes(primes::PRIMES[index].as_bytes(), 16).unwrap()).collect();
        let n: BigUint = primes.iter().product();
        let phi: BigUint = primes.iter().map(|prime| prime - 1u8).product();
        let d = BigUint::from(e).modinv(&phi).unwrap();
        let twins = Twins::new(&n.to_bytes_be(), e).unwrap();
        Self { n, d, e, twins }
    }

    fn bits(&self) -> usize {
        self.n.bits() as usize
    }

    fn length(&self) -> usize {
        self.bits().div_ceil(8)
    }

    fn sign(&self, encoded: &[u8]) -> Vec<u8> {
        bytes(&big(encoded).modpow(&self.d, &self.n), self.length())
    }

    /// The result of this crate, which must be that of the libraries for keys that they accept.
    fn verify(&self, scheme: Scheme, hash: HashAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let ours = self.twins.verify(scheme, hash, hash.digest(&[message]).as_ref(), signature);
        let e = BigUint::from(self.e).to_bytes_be();
        for (name, theirs) in libraries(scheme, hash, &self.n.to_bytes_be(), &e, message, signature) {
            assert_eq!(ours, theirs, "{name}, {} bits, {scheme:?}, {hash:?}: {signature:x?}", self.bits());
        }
        ours
    }
}

fn libraries(
    scheme: Scheme,
    hash: HashAlgorithm,
    n: &[u8],
    e: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Vec<(&'static str, bool)> {
    #[cfg(any(feature = "ring", feature = "aws-lc"))]
    macro_rules! library {
        ($library:ident) => {{
            use ::$library::signature::*;
            let parameters = match (scheme, hash) {
                (Scheme::Pkcs1, HashAlgorithm::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
                (Scheme::Pkcs1, HashAlgorithm::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
                (Scheme::Pkcs1, HashAlgorithm::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
                (Scheme::Pss, HashAlgorithm::Sha256) => &RSA_PSS_2048_8192_SHA256,
                (Scheme::Pss, HashAlgorithm::Sha384) => &RSA_PSS_2048_8192_SHA384,
                (Scheme::Pss, HashAlgorithm::Sha512) => &RSA_PSS_2048_8192_SHA512,
            };
            RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        }};
    }
    let mut answers = vec![];
    #[cfg(feature = "ring")]
    answers.push(("ring", library!(ring)));
    #[cfg(feature = "aws-lc")]
    answers.push(("aws-lc", library!(aws_lc_rs)));
    answers.push(("rsa", crate_rsa(scheme, hash, n, e, message, signature)));
    answers
}

/// What the crate `rsa` says.
fn crate_rsa(scheme: Scheme, hash: HashAlgorithm, n: &[u8], e: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use ::rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
    use ::sha2::{Sha256, Sha384, Sha512};
    let number = BoxedUint::from_be_slice_vartime;
    let Ok(key) = RsaPublicKey::new_with_size_limits(number(n), number(e), 2048..=8192) else { return false };
    let digest = hash.digest(&[message]);
    let digest = digest.as_ref();
    let answer = match (scheme, hash) {
        (Scheme::Pkcs1, HashAlgorithm::Sha256) => key.verify(Pkcs1v15Sign::new::<Sha256>(), digest, signature),
        (Scheme::Pkcs1, HashAlgorithm::Sha384) => key.verify(Pkcs1v15Sign::new::<Sha384>(), digest, signature),
        (Scheme::Pkcs1, HashAlgorithm::Sha512) => key.verify(Pkcs1v15Sign::new::<Sha512>(), digest, signature),
        (Scheme::Pss, HashAlgorithm::Sha256) => key.verify(Pss::<Sha256>::new(), digest, signature),
        (Scheme::Pss, HashAlgorithm::Sha384) => key.verify(Pss::<Sha384>::new(), digest, signature),
        (Scheme::Pss, HashAlgorithm::Sha512) => key.verify(Pss::<Sha512>::new(), digest, signature),
    };
    answer.is_ok()
}

/// EMSA-PSS-ENCODE (RFC 8017 §9.1.1), with a fault that the caller chooses.
fn encode_pss(hash: HashAlgorithm, message: &[u8], salt: &[u8], bits: usize, fault: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let length = bits.div_ceil(8);
    let digest = hash.digest(&[&[0; 8], hash.digest(&[message]).as_ref(), salt]);
    let digest = digest.as_ref();
    let mut db = vec![0; length - digest.len() - 1 - salt.len() - 1];
    db.push(1);
    db.extend_from_slice(salt);
    fault(&mut db);
    for (counter, block) in db.chunks_mut(digest.len()).enumerate() {
        let mask = hash.digest(&[digest, &(counter as u32).to_be_bytes()]);
        block.iter_mut().zip(mask.as_ref()).for_each(|(byte, mask)| *byte ^= mask);
    }
    db[0] &= 0xff >> (8 * length - bits);
    [&db[..], digest, &[0xbc]].concat()
}

fn encode_pkcs1(hash: HashAlgorithm, message: &[u8], length: usize) -> Vec<u8> {
    let mut encoded = vec![0xaa; length];
    assert!(padding::encode_pkcs1(hash, hash.digest(&[message]).as_ref(), &mut encoded));
    encoded
}

fn encode(scheme: Scheme, hash: HashAlgorithm, message: &[u8], pair: &Pair) -> Vec<u8> {
    match scheme {
        Scheme::Pkcs1 => encode_pkcs1(hash, message, pair.length()),
        Scheme::Pss => encode_pss(hash, message, &[7; 64][..hash.digest_len()], pair.bits() - 1, |_| {}),
    }
}

/// Sets of primes for moduli of 2048 to 2055 bits or a little more, and of three, four and seven times 1024 bits.
const SETS: [&[usize]; 12] = [
    &[0, 1],
    &[0, 2],
    &[0, 3],
    &[0, 4],
    &[0, 5],
    &[0, 6],
    &[0, 7],
    &[0, 8],
    &[2, 8],
    &[0, 1, 2],
    &[0, 1, 2, 3],
    &[0, 1, 2, 3, 4, 5, 6],
];

#[test]
fn every_length_modulo_eight_is_covered() {
    let lengths: std::collections::BTreeSet<usize> = SETS.iter().map(|set| Pair::new(set, 65537).bits() % 8).collect();
    assert_eq!(lengths.len(), 8);
}

#[test]
fn sound_signatures_hold_and_damaged_ones_do_not() {
    let message = b"a message";
    for set in SETS {
        let pair = Pair::new(set, 65537);
        for scheme in [Scheme::Pkcs1, Scheme::Pss] {
            for hash in HASHES {
                let signature = pair.sign(&encode(scheme, hash, message, &pair));
                let verify = |signature: &[u8]| pair.verify(scheme, hash, message, signature);
                assert!(verify(&signature), "{} bits, {scheme:?}, {hash:?}", pair.bits());
                assert!(!pair.verify(scheme, hash, b"another", &signature));
                // The same number in other lengths, and other numbers of the same residue.
                assert!(!verify(&[&[0], &signature[..]].concat()));
                assert!(!verify(&[&signature[..], &[0]].concat()));
                assert!(!verify(&signature[1..]));
                assert!(!verify(&signature[..signature.len() - 1]));
                let above = (big(&signature) + &pair.n).to_bytes_be();
                assert!(!verify(&above));
                for (byte, bit) in [(0, 7), (0, 0), (1, 3), (pair.length() / 2, 4), (pair.length() - 1, 0)] {
                    let mut flipped = signature.clone();
                    flipped[byte] ^= 1 << bit;
                    assert!(!verify(&flipped));
                }
            }
        }
        for number in [BigUint::ZERO, BigUint::from(1u8), &pair.n - 1u8, pair.n.clone(), &pair.n + 1u8] {
            let signature = bytes(&number, pair.length());
            for scheme in [Scheme::Pkcs1, Scheme::Pss] {
                assert!(!pair.verify(scheme, HashAlgorithm::Sha256, message, &signature));
            }
        }
        assert!(!pair.verify(Scheme::Pkcs1, HashAlgorithm::Sha256, message, &[]));
    }
}

#[test]
fn every_exponent_in_the_range_works() {
    for e in [3, 17, 257, 65537, 0x1_0000_0001 | 2, (1 << 33) - 1] {
        let pair = (1..9).find_map(|second| {
            let prime = |index: usize| BigUint::parse_bytes(primes::PRIMES[index].as_bytes(), 16).unwrap() - 1u8;
            let coprime = |index| BigUint::from(e).modinv(&prime(index)).is_some();
            (coprime(0) && coprime(second)).then(|| Pair::new(&[0, second], e))
        });
        let Some(pair) = pair else { continue };
        for scheme in [Scheme::Pkcs1, Scheme::Pss] {
            let signature = pair.sign(&encode(scheme, HashAlgorithm::Sha256, b"m", &pair));
            assert!(pair.verify(scheme, HashAlgorithm::Sha256, b"m", &signature), "e = {e}");
        }
    }
}

#[test]
fn faults_in_the_padding_are_refused() {
    for set in &SETS[..9] {
        let pair = Pair::new(set, 65537);
        let hash = HashAlgorithm::Sha256;
        let refused = |scheme, encoded: &[u8]| {
            // A number that is not below n is not reached by any signature.
            big(encoded) >= pair.n || !pair.verify(scheme, hash, b"m", &pair.sign(encoded))
        };
        let sound = encode_pkcs1(hash, b"m", pair.length());
        for index in 0..sound.len() {
            if index > 4 && index < pair.length() - 60 && index % 50 != 0 {
                continue;
            }
            let mut encoded = sound.clone();
            encoded[index] ^= 1;
            assert!(refused(Scheme::Pkcs1, &encoded), "byte {index}");
        }
        let bits = pair.bits() - 1;
        let pss = |salt: &[u8], fault: &dyn Fn(&mut Vec<u8>)| encode_pss(hash, b"m", salt, bits, fault);
        assert!(!refused(Scheme::Pss, &pss(&[5; 32], &|_| {})));
        for length in [0, 1, 20, 31, 33, 64] {
            assert!(refused(Scheme::Pss, &pss(&vec![5; length], &|_| {})), "salt of {length}");
        }
        assert!(refused(Scheme::Pss, &pss(&[5; 32], &|db| *db.last_mut().unwrap() ^= 1)));
        assert!(refused(
            Scheme::Pss,
            &pss(&[5; 32], &|db| {
                let at = db.len() - 33;
                db[at] = 2
            })
        ));
        assert!(refused(
            Scheme::Pss,
            &pss(&[5; 32], &|db| {
                let at = db.len() - 34;
                db[at] = 1
            })
        ));
        assert!(refused(Scheme::Pss, &pss(&[5; 32], &|db| db[1] = 1)));
        let sound = pss(&[5; 32], &|_| {});
        let mut trailer = sound.clone();
        *trailer.last_mut().unwrap() = 0xcc;
        assert!(refused(Scheme::Pss, &trailer));
        // Each bit above `bits`.
        for bit in bits..8 * pair.length() {
            let encoded = big(&sound) | BigUint::from(1u8) << bit;
            assert!(refused(Scheme::Pss, &encoded.to_bytes_be()), "bit {bit}");
        }
    }
}

#[test]
fn digests_have_the_length_of_their_hash() {
    let pair = Pair::new(&[0, 1], 65537);
    let signature = pair.sign(&encode_pkcs1(HashAlgorithm::Sha256, b"m", 256));
    let digest = HashAlgorithm::Sha256.digest(&[b"m"]);
    for length in 0..32 {
        for scheme in [Scheme::Pkcs1, Scheme::Pss] {
            assert!(!pair.twins.verify(scheme, HashAlgorithm::Sha256, &digest.as_ref()[..length], &signature));
        }
    }
    for scheme in [Scheme::Pkcs1, Scheme::Pss] {
        assert!(!pair.twins.verify(scheme, HashAlgorithm::Sha256, &[0; 1100], &signature));
        assert!(!pair.twins.verify(scheme, HashAlgorithm::Sha384, digest.as_ref(), &signature));
    }
}

#[test]
fn keys_out_of_range_are_refused() {
    let n = |bits: usize| ((BigUint::from(1u8) << bits) - 1u8).to_bytes_be();
    assert!(Twins::new(&n(2047), 65537).is_none());
    assert!(Twins::new(&n(2048), 65537).is_some());
    assert!(Twins::new(&n(8192), 65537).is_some());
    assert!(Twins::new(&n(8193), 65537).is_none());
    assert!(Twins::new(&[&[0], &n(2048)[..]].concat(), 65537).is_none());
    assert!(Twins::new(&(big(&n(2048)) - 1u8).to_bytes_be(), 65537).is_none());
    assert!(Twins::new(&[], 65537).is_none());
    for e in [0, 1, 2, 4, 65536, 1 << 33, (1 << 33) + 1, u64::MAX] {
        assert!(Twins::new(&n(2048), e).is_none(), "{e}");
    }
    for e in [3, (1 << 33) - 1] {
        assert!(Twins::new(&n(2048), e).is_some(), "{e}");
    }
}

#[test]
fn no_signature_is_of_a_key_that_is_none() {
    let pair = Pair::new(&[0, 1], 65537);
    let (scheme, n) = ((Scheme::Pkcs1, HashAlgorithm::Sha256), pair.n.to_bytes_be());
    let digest = HashAlgorithm::Sha256.digest(&[b"m"]);
    let signature = pair.sign(&encode_pkcs1(HashAlgorithm::Sha256, b"m", 256));
    let verify = |n: &[u8], e, signature: &[u8]| {
        let key = (n, e);
        let answer = unprepared::verify_in::<u64, 135>(key, scheme, digest.as_ref(), signature);
        assert_eq!(unprepared::verify_in::<u32, 283>(key, scheme, digest.as_ref(), signature), answer);
        answer
    };
    assert!(verify(&n, 65537, &signature));
    // Another exponent of the same signature, among them those of the identity and of no RSA key.
    for e in [0, 1, 2, 3, 65536, 65539, (1 << 33) - 1, u64::MAX] {
        assert!(!verify(&n, e, &signature), "{e}");
    }
    // Moduli that are even, padded, too short and too long, with signatures of their lengths.
    let even = (&pair.n - 1u8).to_bytes_be();
    let (padded, longest) = ([&[0], &n[..]].concat(), [&[0x80], &vec![0; 1022][..], &[1]].concat());
    for n in [&[][..], &[1], &[3, 3], &[0xff; 7], &[0xff; 8], &[0xff; 255], &even, &padded, &longest, &[0xff; 1025]] {
        for fill in [0, 1, 0x7f] {
            assert!(!verify(n, 65537, &vec![fill; n.len()]), "{} bytes", n.len());
        }
    }
    assert!(!verify(&even, 65537, &signature));
    assert!(!verify(&padded, 65537, &[&[0], &signature[..]].concat()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_numbers_and_flipped_bits_are_answered_as_by_the_libraries(
        set in 0..10usize,
        pss: bool,
        hash in 0..3usize,
        message in proptest::collection::vec(any::<u8>(), 0..80),
        flip in proptest::option::of(any::<proptest::sample::Index>()),
        random in any::<[u8; 32]>(),
    ) {
        let pair = Pair::new(SETS[set], 65537);
        let scheme = if pss { Scheme::Pss } else { Scheme::Pkcs1 };
        let mut signature = pair.sign(&encode(scheme, HASHES[hash], &message, &pair));
        if let Some(flip) = flip {
            let bit = flip.index(8 * signature.len());
            signature[bit / 8] ^= 1 << (bit % 8);
        }
        prop_assert_eq!(pair.verify(scheme, HASHES[hash], &message, &signature), flip.is_none());
        let random = bytes(&(big(&random).pow(8) % &pair.n), pair.length());
        prop_assert!(!pair.verify(scheme, HASHES[hash], &message, &random));
    }
}

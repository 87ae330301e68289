//! This verifier against slow twins: big integers, two libraries, Wycheproof.

use std::prelude::v1::*;
use std::vec;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;

mod arithmetic;
mod primes;
mod signatures;
mod wycheproof;

/// The key in 64-bit words, the key in 32-bit words; they must agree on everything.
struct Twins(Key<u64, 17>, Key<u32, 18>);

impl Twins {
    fn new(n: &[u8], e: u64) -> Option<Self> {
        let (wide, narrow) = (Key::new(n, e), Key::new(n, e));
        assert_eq!(wide.is_some(), narrow.is_some());
        Some(Self(wide?, narrow?))
    }

    fn verify(&self, scheme: Scheme, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let answers = match scheme {
            Scheme::Pkcs1 => {
                [self.0.verify_pkcs1(hash, digest, signature), self.1.verify_pkcs1(hash, digest, signature)]
            }
            Scheme::Pss => [self.0.verify_pss(hash, digest, signature), self.1.verify_pss(hash, digest, signature)],
        };
        assert_eq!(answers[0], answers[1], "64 and 32 bits disagree: {signature:x?}");
        answers[0]
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scheme {
    Pkcs1,
    Pss,
}

fn big(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

/// The number in so many big-endian bytes.
fn bytes(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [&vec![0; length - bytes.len()][..], &bytes].concat()
}

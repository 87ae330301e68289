//! This verifier against slow twins: big integers, two libraries, Wycheproof.

use std::prelude::v1::*;
use std::vec;

use num_bigint::BigUint;
use proptest::prelude::*;

use super::digit::Digit;
use super::numbers::{bits_of, read, write};
use super::prepared::{HASHES, Key};
use super::*;

mod arithmetic;
mod primes;
mod signatures;
mod wycheproof;

/// The key prepared in 64-bit words and in 32-bit words, and the key as it came; they must agree on everything.
struct Twins {
    wide: Key<u64, 17>,
    narrow: Key<u32, 18>,
    n: Vec<u8>,
    e: u64,
}

impl Twins {
    fn new(n: &[u8], e: u64) -> Option<Self> {
        let (wide, narrow) = (Key::new(n, e), Key::new(n, e));
        assert_eq!(wide.is_some(), narrow.is_some());
        Some(Self { wide: wide?, narrow: narrow?, n: n.to_vec(), e })
    }

    fn verify(&self, scheme: Scheme, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let prepared = match scheme {
            Scheme::Pkcs1 => {
                [self.wide.verify_pkcs1(hash, digest, signature), self.narrow.verify_pkcs1(hash, digest, signature)]
            }
            Scheme::Pss => {
                [self.wide.verify_pss(hash, digest, signature), self.narrow.verify_pss(hash, digest, signature)]
            }
        };
        assert_eq!(prepared[0], prepared[1], "64 and 32 bits disagree: {signature:x?}");
        let (key, scheme) = ((&*self.n, self.e), (scheme, hash));
        let unprepared = [
            unprepared::verify_in::<u64, 135>(key, scheme, digest, signature),
            unprepared::verify_in::<u32, 283>(key, scheme, digest, signature),
        ];
        assert_eq!(unprepared, prepared, "not as the prepared key says: {signature:x?}");
        prepared[0]
    }
}

fn big(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

/// The number in so many big-endian bytes.
fn bytes(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [&vec![0; length - bytes.len()][..], &bytes].concat()
}

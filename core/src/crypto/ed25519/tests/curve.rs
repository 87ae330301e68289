//! Whole verifications against the libraries, on everything in which Ed25519 libraries have been known to differ.
//!
//! The differential run under `tests/fuzz` does the same a million times and with more classes.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Verifier;
use proptest::prelude::*;

use super::super::{Generator, KeyTable, TableBuilder, verify, verify_hashed};
use super::{L, P, generator, integer, joined, table, to_le_bytes};

fn scalar(words: &[u64; 4]) -> Scalar {
    Scalar::from_bytes_mod_order(to_le_bytes(words))
}

struct Subject {
    secret: Scalar,
    /// secret·B and a point of small order.
    key: EdwardsPoint,
    encoded: [u8; 32],
    generator: Generator,
    table: KeyTable,
}

impl Subject {
    fn new(secret: Scalar, torsion: usize, bits: u32) -> Option<Self> {
        let key = B * secret + EIGHT_TORSION[torsion];
        let encoded = key.compress().to_bytes();
        Some(Self { secret, key, encoded, generator: generator(), table: table(&encoded, bits)? })
    }

    /// Our answer, once the libraries gave the same.
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let ours = verify(&self.generator, &self.table, message, signature);
        let ring = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &self.encoded);
        assert_eq!(ours, ring.verify(message, signature).is_ok(), "ring");
        let dalek = ed25519_dalek::VerifyingKey::from_bytes(&self.encoded).unwrap();
        let parsed = ed25519_dalek::Signature::from_bytes(signature);
        assert_eq!(ours, dalek.verify(message, &parsed).is_ok(), "dalek");
        #[cfg(feature = "aws-lc")]
        {
            let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, &self.encoded);
            assert_eq!(ours, key.verify(message, signature).is_ok(), "aws-lc");
        }
        ours
    }

    fn challenge(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let mut context = ring::digest::Context::new(&ring::digest::SHA512);
        for part in [r, &self.encoded, message] {
            context.update(part);
        }
        Scalar::from_bytes_mod_order_wide(context.finish().as_ref().try_into().unwrap())
    }

    /// A signature made with this R, right but for points of small order.
    fn sign(&self, r: &Scalar, encoded_r: &[u8; 32], message: &[u8]) -> [u8; 64] {
        joined(encoded_r, &(r + self.challenge(encoded_r, message) * self.secret).to_bytes())
    }

    /// Whether s·B - k·A is found to be what `curve25519-dalek` says it is.
    fn check_factors(&self, s: &Scalar, k: &Scalar) {
        let mut hash = [0; 64];
        hash[..32].copy_from_slice(k.as_bytes());
        let right = (B * s - self.key * k).compress().to_bytes();
        for bit in [None, Some(255), Some(0), Some(77)] {
            let mut r = right;
            if let Some(bit) = bit {
                r[bit / 8] ^= 1 << (bit % 8);
            }
            let accepted = verify_hashed(&self.generator, &self.table, &hash, &joined(&r, s.as_bytes()));
            assert_eq!(accepted, bit.is_none());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_libraries_agree(
        secret in integer(), r in integer(), message in any::<[u8; 40]>(), edge in integer(), torsion in 0usize..8,
        bit in 0usize..512, bits in 4u32..=9,
    ) {
        let Some(subject) = Subject::new(scalar(&secret), torsion, bits) else {
            prop_assert!(scalar(&secret) == Scalar::ZERO);
            return Ok(());
        };
        let r = scalar(&r);
        let encoded_r = (B * r).compress().to_bytes();
        let right = subject.sign(&r, &encoded_r, &message);
        prop_assert!(subject.verify(&message, &right) || torsion != 0);
        let mut flipped = right;
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!subject.verify(&message, &flipped));
        let mut altered = message;
        altered[bit % 40] ^= 1;
        prop_assert!(!subject.verify(&altered, &right) || torsion != 0);
        // S + L, S at edges, R at edges.
        let s: [u8; 32] = right[32..].try_into().unwrap();
        let (s_plus_l, _) = crate::crypto::words::add(&crate::crypto::words::from_le_bytes(&s), &L);
        prop_assert!(!subject.verify(&message, &joined(&encoded_r, &to_le_bytes(&s_plus_l))));
        subject.verify(&message, &joined(&encoded_r, &to_le_bytes(&edge)));
        subject.verify(&message, &joined(&to_le_bytes(&edge), &s));
        // R of mixed order, and of small order.
        for torsion in EIGHT_TORSION {
            let mixed = (B * r + torsion).compress().to_bytes();
            subject.verify(&message, &subject.sign(&r, &mixed, &message));
            let small = torsion.compress().to_bytes();
            subject.verify(&message, &subject.sign(&Scalar::ZERO, &small, &message));
        }
    }

    /// Sums that meet the neutral element, equal and opposite points on their way or at their end.
    #[test]
    fn exceptional_sums(secret in integer(), k in integer(), torsion in 0usize..8, small in 0u64..3, bits in 4u32..=8) {
        let (secret, k) = (scalar(&secret), scalar(&k));
        let Some(subject) = Subject::new(secret, torsion, bits) else { return Ok(()) };
        let u = k * secret;
        for s in [u, -u, Scalar::ZERO, Scalar::from(small), -Scalar::from(small), u + Scalar::ONE, u - Scalar::ONE, k] {
            subject.check_factors(&s, &k);
            subject.check_factors(&s, &Scalar::from(small));
            subject.check_factors(&s, &-Scalar::from(small));
        }
    }
}

/// The key 1 or -1 shares every table entry with the base point.
#[test]
fn generator_as_key() {
    for secret in [Scalar::ONE, -Scalar::ONE, Scalar::from(2u64)] {
        let subject = Subject::new(secret, 0, 5).unwrap();
        for s in [0u64, 1, 2, 15, 16, 17, 31, 32, 33, 1 << 40] {
            for k in [0u64, 1, 2, 15, 16, 17, 31, 32, 33, 1 << 40] {
                for s in [Scalar::from(s), -Scalar::from(s)] {
                    subject.check_factors(&s, &Scalar::from(k));
                    subject.check_factors(&s, &-Scalar::from(k));
                }
            }
        }
    }
}

/// A second encoding of R is no encoding at all, though the point would be right; and a sign on an x that is 0 neither.
#[test]
fn other_encodings_of_r_are_refused() {
    let subject = Subject::new(Scalar::from(5u64), 0, 5).unwrap();
    let mut taken = 0;
    for counter in 0u32..64 {
        let message = counter.to_be_bytes();
        for (y, top) in [(1u8, 0), (1, 0x80)] {
            let mut canonical = [0; 32];
            (canonical[0], canonical[31]) = (y, top);
            taken += u32::from(subject.verify(&message, &subject.sign(&Scalar::ZERO, &canonical, &message)));
            let mut second = to_le_bytes(&P);
            second[0] += y;
            second[31] |= top;
            assert!(!subject.verify(&message, &subject.sign(&Scalar::ZERO, &second, &message)));
        }
    }
    assert_eq!(taken, 64, "the neutral element as R, without sign, is right in the equation");
}

#[test]
fn keys_that_are_not_prepared() {
    let new = |encoded: &[u8; 32]| TableBuilder::new(encoded).is_some();
    assert!(new(&B.compress().to_bytes()));
    for torsion in EIGHT_TORSION {
        let mut encoded = torsion.compress().to_bytes();
        assert!(!new(&encoded), "small order");
        encoded[31] ^= 0x80;
        assert!(!new(&encoded), "small order, other sign");
        assert!(new(&(B + torsion).compress().to_bytes()), "mixed order");
    }
    for y in 0..19 {
        let mut encoded = to_le_bytes(&P);
        encoded[0] += y;
        assert!(!new(&encoded), "not canonical");
        encoded[31] |= 0x80;
        assert!(!new(&encoded), "not canonical, other sign");
    }
    let mut none = [0; 32];
    none[0] = 2;
    assert!(!new(&none), "no x for this y");
}

#[test]
fn steps_are_bounded_and_end() {
    for budget in [0, 1, 100, 1000] {
        let mut builder = TableBuilder::new(&B.compress().to_bytes()).unwrap();
        let mut steps = 0;
        let table = loop {
            steps += 1;
            if let Some(table) = builder.step(budget) {
                break table;
            }
        };
        // 32 rows of 128 entries and an inversion for each of at most eight batches a row.
        assert!(steps <= 32 * 8);
        // Three numbers an entry: 32 bytes each, or 40 in limbs of 32 bits.
        let most_kib = if cfg!(countersign_limbs = "32") { 490 } else { 400 };
        assert!(table.size_bytes() <= most_kib * 1024);
        assert!(builder.step(1).is_none());
    }
}

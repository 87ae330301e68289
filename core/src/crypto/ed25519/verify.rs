//! Verification (RFC 8032 §5.1.7) with both points' tables at hand.

use super::super::fixed_base::Terms;
use super::super::hash::HashAlgorithm;
use super::super::words;
use super::point::{Sum, split};
use super::prime::P;
use super::scalar::Scalar;
use super::table::{Generator, KeyTable};

/// Whether `signature`, R then S, is the key's over the message, by the equation without cofactor.
///
/// Time varies with the inputs, all of which are public. Like the libraries, it takes an R of small order where the equation
/// holds: to refuse that is the caller's business, as [`PublicKey::verify`](crate::crypto::PublicKey::verify) does.
#[must_use]
pub fn verify(generator: &Generator, key: &KeyTable, message: &[u8], signature: &[u8; 64]) -> bool {
    let (r, _) = signature.split_at(32);
    let hash = HashAlgorithm::Sha512.digest(&[r, &key.encoded, message]);
    hash.as_ref().try_into().is_ok_and(|hash| verify_hashed(generator, key, hash, signature))
}

/// As [`verify`], with `hash` in the place of SHA-512(R ‖ A ‖ M).
#[must_use]
pub fn verify_hashed(generator: &Generator, key: &KeyTable, hash: &[u8; 64], signature: &[u8; 64]) -> bool {
    let (r, s) = signature.split_at(32);
    let (Ok(r), Ok(s)) = (r.try_into(), s.try_into()) else {
        return false;
    };
    let Some(s) = Scalar::from_signature_part(s) else {
        return false;
    };
    // Encodings are compared, and no point has an encoding whose y is not below p.
    let (y, negative) = split(r);
    if !words::less_than(&y, &P) {
        return false;
    }
    // S·B - k·A must be R.
    let k = Scalar::from_hash(hash);
    let mut sum = Sum::ZERO;
    let products = [(&generator.0, s.words(), false), (&key.table, k.words(), false)];
    let Some(terms) = Terms::of(products) else { return false };
    for (entry, negative) in terms.as_slice() {
        sum.add_entry(entry, *negative);
    }
    sum.is_encoded_as(&y, negative)
}

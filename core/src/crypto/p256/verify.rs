//! ECDSA verification (FIPS 186-5 §6.4.2) with both points' tables at hand.

use super::super::words;
use super::field::{Fe, P};
use super::point::Sum;
use super::scalar::{N, Scalar};
use super::table::{Generator, KeyTable};

/// Whether `signature`, `r` then `s` in 32 big-endian bytes each (RFC 7518 §3.4), is the key's over a message whose SHA-256 is
/// `hash`.
///
/// Time varies with the inputs, all of which are public. `s` and `n - s` are both accepted, as RFC 7518 asks for nothing
/// narrower: who needs signatures to be unique must not take their bytes as an identity.
#[must_use]
pub fn verify_prehashed(generator: &Generator, key: &KeyTable, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    let (r, s) = signature.split_at(32);
    let (Ok(r), Ok(s)) = (r.try_into(), s.try_into()) else {
        return false;
    };
    // Step 1: r and s in 1..n.
    let (Some(r), Some(s)) = (Scalar::from_signature_part(r), Scalar::from_signature_part(s)) else {
        return false;
    };
    // Steps 3 to 5: u = e/s and v = r/s modulo n.
    let (u, v) = Scalar::from_hash(hash).divided_by(r, s);
    // Step 6: the point u·G + v·Q, which must not be infinity.
    let mut sum = Sum::INFINITY;
    let (u, minus_u) = u.halved();
    let (v, minus_v) = v.halved();
    let (of_generator, of_key) = (generator.0.terms(&u), key.0.terms(&v));
    of_generator.for_each(|term, negative| sum.add_affine(&term.negate_if(negative != minus_u)));
    of_key.for_each(|term, negative| sum.add_affine(&term.negate_if(negative != minus_v)));
    if sum.infinity {
        return false;
    }
    // Steps 7 to 9: its x modulo n is r. x is X/ZZ below p, so it is r itself, or r + n where that is below p: both
    // are compared as X = candidate·ZZ, which spares the field inversion.
    let has_x = |x: &[u64; 4]| Fe::from_words(x).mul(&sum.zz).equals(&sum.x);
    if has_x(r.words()) {
        return true;
    }
    let (r_plus_n, over) = words::add(r.words(), &N);
    !over && words::less_than(&r_plus_n, &P) && has_x(&r_plus_n)
}

//! ECDSA verification (FIPS 186-5 §6.4.2) with both points' tables at hand.

use super::super::fixed_base;
use super::super::words;
use super::field::P;
#[cfg(any(test, target_arch = "x86_64"))]
use super::lanes::Total;
use super::point::{Affine, Sum};
use super::scalar::{N, Scalar};
use super::table::{Generator, KeyTable};

/// A function that answers as [`verify_prehashed`] does.
pub type Verify = fn(&Generator, &KeyTable, &[u8; 32], &[u8; 64]) -> bool;

/// Whether `signature`, `r` then `s` in 32 big-endian bytes each (RFC 7518 §3.4), is the key's over a message whose SHA-256 is
/// `hash`.
///
/// Time varies with the inputs, all of which are public. `s` and `n - s` are both accepted, as RFC 7518 asks for nothing
/// narrower: who needs signatures to be unique must not take their bytes as an identity.
#[must_use]
pub fn verify_prehashed(generator: &Generator, key: &KeyTable, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    let Some(equation) = Equation::of(hash, signature) else { return false };
    let Some(terms) = equation.terms(generator, key) else { return false };
    equation.holds_one_by_one(&terms)
}

/// As [`verify_prehashed`], for processors with AVX2: adds up in four lanes, in two thirds of the time (`benches/keys.rs`).
///
/// # Safety
///
/// The processor must have AVX2.
#[cfg(all(target_arch = "x86_64", not(test)))]
#[target_feature(enable = "avx2")]
#[must_use]
pub fn verify_in_lanes(generator: &Generator, key: &KeyTable, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    let Some(equation) = Equation::of(hash, signature) else { return false };
    let Some(terms) = equation.terms(generator, key) else { return false };
    equation.holds_in_lanes(&terms).unwrap_or_else(|| equation.holds_one_by_one(&terms))
}

/// The equation that a signature must solve: `r` is the x, modulo n, of `u·G + v·Q`.
pub(super) struct Equation {
    r: Scalar,
    u: Scalar,
    v: Scalar,
}

impl Equation {
    /// `None` for a signature that solves no equation.
    #[inline]
    pub(super) fn of(hash: &[u8; 32], signature: &[u8; 64]) -> Option<Self> {
        let (r, s) = signature.split_at(32);
        // Step 1: r and s in 1..n.
        let r = Scalar::from_signature_part(r.try_into().ok()?)?;
        let s = Scalar::from_signature_part(s.try_into().ok()?)?;
        // Steps 3 to 5: u = e/s and v = r/s modulo n.
        let (u, v) = Scalar::from_hash(hash).divided_by(r, s);
        Some(Self { r, u, v })
    }

    /// The terms of the point of step 6, `u·G + v·Q`.
    #[inline(always)]
    pub(super) fn terms<'t>(&self, generator: &'t Generator, key: &'t KeyTable) -> Option<Terms<'t>> {
        let (u, minus_u) = self.u.halved();
        let (v, minus_v) = self.v.halved();
        Terms::of([(&generator.0, &u, minus_u), (&key.0, &v, minus_v)])
    }

    /// Whether the sum is a point, not infinity, that has the right x.
    pub(super) fn holds_one_by_one(&self, terms: &Terms<'_>) -> bool {
        let mut sum = Sum::INFINITY;
        for (entry, negative) in terms.as_slice() {
            sum.add_affine(&entry.negate_if(*negative));
        }
        !sum.infinity && self.is_solved_by(|x| Some(sum.has_x(x))) == Some(true)
    }

    /// The same, added up in lanes; `None` where the lanes have no result.
    #[cfg(any(test, target_arch = "x86_64"))]
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn holds_in_lanes(&self, terms: &Terms<'_>) -> Option<bool> {
        let total = Total::of(terms.as_slice())?;
        self.is_solved_by(|x| total.has_x(x))
    }

    /// Steps 7 to 9: x modulo n is r. x is below p, so it is r itself, or r + n where that is below p.
    #[inline(always)]
    fn is_solved_by(&self, has_x: impl Fn(&[u64; 4]) -> Option<bool>) -> Option<bool> {
        if has_x(self.r.words())? {
            return Some(true);
        }
        let (r_plus_n, over) = words::add(self.r.words(), &N);
        if over || !words::less_than(&r_plus_n, &P) { Some(false) } else { has_x(&r_plus_n) }
    }
}

/// The terms of such a sum.
type Terms<'t> = fixed_base::Terms<'t, Affine>;

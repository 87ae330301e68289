//! The sum of a verification in lanes: one entry of the tables after the other in each lane, then the lanes together.
//!
//! A verification adds some fifty entries in any order, so a processor with registers for several numbers
//! adds several at once. WebAssembly's registers hold two, and V8 took 29.5 µs either way: there are no lanes there.

mod field;
#[cfg(test)]
mod tests;
// Core has no unsafe code and no test may be a function with features of its own, so the tests here take arrays in place of registers.
// The tests of `core/cpu` run the vector code.
#[cfg_attr(not(test), path = "avx2.rs")]
#[cfg_attr(test, path = "portable.rs")]
mod vector;

use super::super::fixed_base;
use super::point::Affine;
use field::Fes;
use vector::{LANES, Limbs, Others, limbs, others};

/// A term of the sum.
type Term<'t> = fixed_base::Term<'t, Affine>;

/// A point in each lane, as [`Sum`](super::point::Sum) has one.
///
/// The formulas here have no cases. Where a point meets itself or its negative, or infinity comes out, ZZ becomes 0 and stays it in
/// every sum of that one.
#[derive(Clone, Copy)]
struct Sums {
    x: Fes,
    y: Fes,
    zz: Fes,
    zzz: Fes,
}

impl Sums {
    /// One entry in each lane.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn of(terms: [&Term<'_>; LANES]) -> Self {
        let (x, y) = coordinates(terms);
        Self { x, y: y.carried(), zz: Fes::one(), zzz: Fes::one() }
    }

    /// Adds an entry in each lane ("madd-2008-s").
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn add(&mut self, terms: [&Term<'_>; LANES]) {
        let (x, y) = coordinates(terms);
        let p = x.mul(&self.zz).sub(&self.x);
        let r = y.mul(&self.zzz).sub(&self.y);
        let pp = p.mul(&p);
        let rr = r.mul(&r);
        let ppp = p.mul(&pp);
        let q = self.x.mul(&pp);
        // The last product needs x, so there are two before it that do not.
        self.x = rr.sub(&ppp).sub(&q).sub(&q).carried();
        self.zz = self.zz.mul(&pp);
        self.zzz = self.zzz.mul(&ppp);
        self.y = Fes::mul_sub_mul(&r, &q.sub(&self.x), &self.y, &ppp);
    }

    /// Adds the entries that there are, to the first lanes. One check in eight needs it: a digit of a key's scalar is 0 once in 256.
    #[inline(never)]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn add_some(&mut self, terms: &[Term<'_>], any: &Term<'_>) {
        let before = *self;
        self.add(core::array::from_fn(|lane| terms.get(lane).unwrap_or(any)));
        let present = limbs(core::array::from_fn(|lane| -i32::from(lane < terms.len())));
        *self = before.choose(self, present);
    }

    /// Adds to each lane another one ("add-2008-s"), which the other way round is that one's other.
    #[inline(never)]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn fold(&mut self, others: Others) {
        let (zz, zzz) = (self.zz.of(others), self.zzz.of(others));
        let u = self.x.mul(&zz);
        let s = self.y.mul(&zzz);
        let p = u.of(others).sub(&u);
        let r = s.of(others).sub(&s);
        let pp = p.mul(&p);
        let rr = r.mul(&r);
        let ppp = p.mul(&pp);
        let q = u.mul(&pp);
        self.x = rr.sub(&ppp).sub(&q).sub(&q).carried();
        self.zz = self.zz.mul(&zz).mul(&pp);
        self.zzz = self.zzz.mul(&zzz).mul(&ppp);
        self.y = Fes::mul_sub_mul(&r, &q.sub(&self.x), &s, &ppp);
    }

    /// `other` in the lanes where `mask` is -1, `self` where it is 0.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    fn choose(&self, other: &Self, mask: Limbs) -> Self {
        Self {
            x: self.x.choose(&other.x, mask),
            y: self.y.choose(&other.y, mask),
            zz: self.zz.choose(&other.zz, mask),
            zzz: self.zzz.choose(&other.zzz, mask),
        }
    }
}

#[inline]
#[cfg_attr(not(test), target_feature(enable = "avx2"))]
fn coordinates(terms: [&Term<'_>; LANES]) -> (Fes, Fes) {
    let negative = limbs(terms.map(|(_, negative)| -i32::from(*negative)));
    let y = Fes::gather(terms.map(|(entry, _)| &entry.y));
    (Fes::gather(terms.map(|(entry, _)| &entry.x)), y.negate_where(negative))
}

/// The sum of table entries, in each lane.
pub(super) struct Total {
    x: Fes,
    zz: Fes,
}

impl Total {
    /// Adds the terms up; `None` if there are too few for the lanes.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn of(terms: &[Term<'_>]) -> Option<Self> {
        let (first, terms) = terms.split_first_chunk::<LANES>()?;
        let mut sums = Sums::of(first.each_ref());
        let (full, rest) = terms.as_chunks::<LANES>();
        for terms in full {
            sums.add(terms.each_ref());
        }
        if let Some(any) = rest.first() {
            sums.add_some(rest, any);
        }
        sums.fold(others(2));
        sums.fold(others(1));
        Some(Self { x: sums.x, zz: sums.zz })
    }

    /// Whether this is the x of the sum, for an `x` below p; `None` where the formulas do not know the sum.
    #[inline]
    #[cfg_attr(not(test), target_feature(enable = "avx2"))]
    pub(super) fn has_x(&self, x: &[u64; 4]) -> Option<bool> {
        // x·ZZ - X in one lane and ZZ in the next.
        let (zero, one) = (&[0; 4], &[1, 0, 0, 0]);
        let differences = Fes::mul_sub_mul(&Fes::plain(x, one), &self.zz, &Fes::plain(one, zero), &self.x);
        let [has_x, is_unknown, ..] = differences.are_zero();
        (!is_unknown).then_some(has_x)
    }
}

//! Points of the curve y² = x³ - 3x + b, and their sums.

use super::field::Fe;

/// A point other than infinity.
///
/// Aligned where its size is that of a cache line, so that an entry of a table never straddles two.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(all(not(countersign_limbs = "32"), target_pointer_width = "64"), repr(align(64)))]
pub(crate) struct Affine {
    pub(crate) x: Fe,
    pub(crate) y: Fe,
}

/// The b of the curve (SP 800-186 §3.2.1.3), little-endian words.
const B: [u64; 4] = [0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc, 0x5ac6_35d8_aa3a_93e7];

impl Affine {
    /// The negative where `negative`, without a branch.
    #[inline(always)]
    pub(crate) fn negate_if(&self, negative: bool) -> Self {
        Self { x: self.x, y: self.y.negate_if(negative) }
    }

    /// The base point G of the group (SP 800-186 §3.2.1.3).
    pub(crate) fn generator() -> Self {
        Self {
            x: Fe::from_words(&[
                0xf4a1_3945_d898_c296,
                0x7703_7d81_2deb_33a0,
                0xf8bc_e6e5_63a4_40f2,
                0x6b17_d1f2_e12c_4247,
            ])
            .normalized(),
            y: Fe::from_words(&[
                0xcbb6_4068_37bf_51f5,
                0x2bce_3357_6b31_5ece,
                0x8ee7_eb4a_7c0f_9e16,
                0x4fe3_42e2_fe1a_7f9b,
            ])
            .normalized(),
        }
    }

    /// The point with these coordinates, both below p, if it is on the curve.
    pub(crate) fn on_curve(x: &[u64; 4], y: &[u64; 4]) -> Option<Self> {
        let (x, y) = (Fe::from_words(x).normalized(), Fe::from_words(y).normalized());
        let x_cubed = x.square().mul(&x);
        let three_x = x.add(&x).add(&x);
        let right = x_cubed.sub(&three_x).carried().add(&Fe::from_words(&B)).carried();
        y.square().equals(&right).then_some(Self { x, y })
    }
}

/// A running sum: x = X/ZZ and y = Y/ZZZ with ZZ³ = ZZZ², the "XYZZ" coordinates of
/// <https://hyperelliptic.org/EFD/g1p/auto-shortw-xyzz.html>, where adding an affine point is cheapest.
///
/// `x`, `y`, `zz` and `zzz` are carried; they mean nothing while `infinity` is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    x: Fe,
    y: Fe,
    zz: Fe,
    zzz: Fe,
    pub(crate) infinity: bool,
}

impl Sum {
    pub(crate) const INFINITY: Self = Self { x: Fe::ZERO, y: Fe::ZERO, zz: Fe::ZERO, zzz: Fe::ZERO, infinity: true };

    /// Adds a table entry; every case of the group law is right ("madd-2008-s").
    #[inline(always)]
    pub(crate) fn add_affine(&mut self, point: &Affine) {
        if self.infinity {
            *self = Self { x: point.x, y: point.y.carried(), zz: Fe::ONE, zzz: Fe::ONE, infinity: false };
            return;
        }
        let u2 = point.x.mul(&self.zz);
        let s2 = point.y.mul(&self.zzz);
        let p = u2.sub(&self.x);
        let r = s2.sub(&self.y);
        if p.is_zero() {
            // The same x: the same point or its negative.
            if r.is_zero() {
                self.double();
            } else {
                self.infinity = true;
            }
            return;
        }
        let pp = p.square();
        let rr = r.square();
        let ppp = p.mul(&pp);
        let q = self.x.mul(&pp);
        let x3 = rr.sub(&ppp).sub(&q).sub(&q).carried();
        self.zz = self.zz.mul(&pp);
        self.zzz = self.zzz.mul(&ppp);
        self.y = Fe::mul_sub_mul(&r, &q.sub(&x3), &self.y, &ppp);
        self.x = x3;
    }

    /// Whether the x of the sum, which is not infinity, is this integer below p: X = x·ZZ, which spares the field inversion.
    pub(crate) fn has_x(&self, x: &[u64; 4]) -> bool {
        Fe::from_words(x).mul(&self.zz).equals(&self.x)
    }

    /// Doubles ("dbl-2008-s-1"). The order is odd, so y is not 0 and the double is not infinity.
    #[cold]
    fn double(&mut self) {
        let u = self.y.add(&self.y).carried();
        let v = u.square();
        let w = u.mul(&v);
        let s = self.x.mul(&v);
        let difference = self.x.sub(&self.zz).carried();
        let sum = self.x.add(&self.zz).carried();
        let m = difference.mul(&sum);
        let m = m.add(&m).add(&m).carried();
        let x3 = m.square().sub(&s).sub(&s).carried();
        self.y = Fe::mul_sub_mul(&m, &s.sub(&x3).carried(), &w, &self.y);
        self.x = x3;
        self.zz = v.mul(&self.zz);
        self.zzz = w.mul(&self.zzz);
    }
}

//! Points of the curve -x² + y² = 1 + d·x²·y² (RFC 8032 §5.1), and their sums.

use super::super::words;
use super::field::Fe;
use super::prime::P;

/// d, little-endian words.
const D: [u64; 4] = [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];

/// 4·d modulo p, little-endian words.
const FOUR_D: [u64; 4] = [0xd7ad_3728_4d65_e2b2, 0x01c0_2935_0507_62ad, 0x331d_01e5_dde7_a260, 0x480d_b3b8_adbf_f9ce];

/// A half modulo p, little-endian words.
const HALF: [u64; 4] = [0xffff_ffff_ffff_fff7, u64::MAX, u64::MAX, u64::MAX >> 2];

/// A point by its coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    x: Fe,
    y: Fe,
}

impl Affine {
    /// The base point B.
    pub(crate) fn generator() -> Self {
        Self {
            x: Fe::from_words(&[
                0xc956_2d60_8f25_d51a,
                0x692c_c760_9525_a7b2,
                0xc0a4_e231_fdd6_dc5c,
                0x2169_36d3_cd6e_53fe,
            ]),
            y: Fe::from_words(&[
                0x6666_6666_6666_6658,
                0x6666_6666_6666_6666,
                0x6666_6666_6666_6666,
                0x6666_6666_6666_6666,
            ]),
        }
    }

    /// The point of a canonical encoding (RFC 8032 §5.1.3): y below p, and not the sign of an x that is 0.
    pub(crate) fn decode(encoded: &[u8; 32]) -> Option<Self> {
        let (y_words, negative) = split(encoded);
        if !words::less_than(&y_words, &P) {
            return None;
        }
        let y = Fe::from_words(&y_words);
        let yy = y.loose().square();
        let numerator = yy.sub(&Fe::ONE).carried();
        let denominator = yy.loose().mul(&Fe::from_words(&D).loose()).add(&Fe::ONE).carried();
        // -1/d is no square, so the denominator is not 0.
        let x = numerator.root_of_ratio(&denominator)?;
        let x = x.negate_if(is_odd(&x) != negative).carried();
        (is_odd(&x) == negative).then_some(Self { x, y })
    }

    /// The negative of the point.
    pub(crate) fn negated(&self) -> Self {
        Self { x: self.x.negate_if(true).carried(), y: self.y }
    }

    /// The point as a table entry.
    pub(crate) fn entry(&self) -> Niels {
        let half = Fe::from_words(&HALF).loose();
        Niels::from_halves(&self.x.loose().mul(&half), &self.y.loose().mul(&half))
    }
}

/// The y of an encoded point, and the sign of its x.
pub(crate) fn split(encoded: &[u8; 32]) -> ([u64; 4], bool) {
    let mut y = words::from_le_bytes(encoded);
    let negative = y[3] >> 63 == 1;
    y[3] &= u64::MAX >> 1;
    (y, negative)
}

/// Whether it is negative by RFC 8032 §5.1.2: the lowest bit of the integer below p.
fn is_odd(x: &Fe) -> bool {
    x.to_words()[0] & 1 == 1
}

/// A point as tables keep it: `(y - x)/2`, `(y + x)/2` and `d·x·y`, half of the usual values (Niels' coordinates), which spares
/// [`Sum::add_entry`] the doubling of z.
///
/// Aligned so that an entry of four-word elements covers two cache lines and no element crosses their border.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(all(not(countersign_limbs = "32"), target_pointer_width = "64"), repr(align(32)))]
pub(crate) struct Niels {
    /// The negative point has these exchanged.
    half_y_minus_x_and_plus_x: [Fe; 2],
    dxy: Fe,
}

impl Niels {
    /// Something of each of the two cache lines that its 96 bytes lie in.
    #[inline(always)]
    pub(crate) const fn touch_both_lines(&self) -> u64 {
        self.half_y_minus_x_and_plus_x[0].touch() ^ self.dxy.touch()
    }

    /// The entry of the point whose coordinates are twice these.
    pub(crate) fn from_halves(x: &Fe, y: &Fe) -> Self {
        let four_d = Fe::from_words(&FOUR_D).loose();
        Self {
            half_y_minus_x_and_plus_x: [y.sub(x).carried(), y.add(x).carried()],
            dxy: x.loose().mul(&y.loose()).loose().mul(&four_d),
        }
    }

    /// The point as a sum of one term.
    pub(crate) fn sum(&self) -> Sum {
        let [minus, plus] = &self.half_y_minus_x_and_plus_x;
        let (x, y) = (plus.sub(minus).carried(), plus.add(minus).carried());
        Sum { t: x.loose().mul(&y.loose()), x, y, z: Fe::ONE }
    }
}

/// A running sum: x = X/Z, y = Y/Z and x·y = T/Z, the extended coordinates of Hisil, Wong, Carter and Dawson
/// (<https://eprint.iacr.org/2008/522>).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    pub(crate) x: Fe,
    pub(crate) y: Fe,
    pub(crate) z: Fe,
    t: Fe,
}

impl Sum {
    /// The neutral element (0, 1).
    pub(crate) const ZERO: Self = Self { x: Fe::ZERO, y: Fe::ONE, z: Fe::ONE, t: Fe::ZERO };

    /// Adds a table entry or its negative: "madd-2008-hwcd-3", where every product is half of the published one.
    ///
    /// -1 is a square modulo p and d is none, so the formula is right for all pairs of points of the curve, whatever their
    /// order, and Z is never 0.
    #[inline(always)]
    pub(crate) fn add_entry(&mut self, entry: &Niels, negative: bool) {
        let (first, second) = (usize::from(negative), usize::from(!negative));
        let a = self.y.sub(&self.x).mul(&entry.half_y_minus_x_and_plus_x[first].loose());
        let b = self.y.add(&self.x).mul(&entry.half_y_minus_x_and_plus_x[second].loose());
        let c = self.t.loose().mul(&entry.dxy.negate_if(negative));
        let (e, h) = (b.sub(&a), b.add(&a));
        let (f, g) = (self.z.sub(&c), self.z.add(&c));
        *self = Self { x: e.mul(&f), y: g.mul(&h), z: f.mul(&g), t: e.mul(&h) };
    }

    /// Whether the point's encoding (RFC 8032 §5.1.2) is this y, below p, with this sign of x.
    ///
    /// y needs no inversion, so that a wrong signature is refused without one.
    pub(crate) fn is_encoded_as(&self, y: &[u64; 4], negative: bool) -> bool {
        let z_times_y = Fe::from_words(y).loose().mul(&self.z.loose());
        z_times_y.equals(&self.y) && is_odd(&self.x.loose().mul(&self.z.inverse().loose())) == negative
    }
}

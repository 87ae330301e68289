//! Inverses with 30 division steps at a time, for machines without a 64-bit product. See [`inverse`](super::inverse).

use super::prime_field::inverse_of_odd;
use super::words::bits_at;

/// A modulus with what the division steps need of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modulus {
    limbs: Limbs,
    /// The inverse of the modulus modulo 2^30.
    inverse: u32,
}

/// Nine limbs of 30 bits, the highest with the sign.
type Limbs = [i32; 9];

impl Modulus {
    /// The modulus of these little-endian words: an odd number.
    pub(crate) const fn new(words: &[u64; 4]) -> Self {
        Self { limbs: split(words), inverse: inverse_of_odd(words[0]) as u32 & MASK as u32 }
    }
}

const BITS: u32 = 30;
const MASK: i32 = (1 << BITS) - 1;

/// The factors of 30 division steps, scaled by 2^30.
#[derive(Clone, Copy)]
struct Matrix {
    u: i32,
    v: i32,
    q: i32,
    r: i32,
}

/// The inverse of `value` modulo `modulus`, or 0 for 0. `value` must lie below the modulus.
pub(crate) fn invert(modulus: &Modulus, value: &[u64; 4]) -> [u64; 4] {
    let mut d = [0; 9];
    let mut e = [1, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut f = modulus.limbs;
    let mut g = split(value);
    let mut eta = -1i32;
    let mut len = 9;
    // 735 steps are enough for 256 bits (the paper, theorem 11.2), so this loop has a bound of its own.
    for _ in 0..25 {
        let matrix;
        (eta, matrix) = division_steps(eta, f[0] as u32, g[0] as u32);
        update_de(&mut d, &mut e, &matrix, modulus);
        update_fg(&mut f, &mut g, len, &matrix);
        if g[..len].iter().all(|limb| *limb == 0) {
            break;
        }
        // Both top limbs only a sign: fold it into the limb below.
        if len > 1 {
            let (top_f, top_g) = (f[len - 1], g[len - 1]);
            if (top_f == 0 || top_f == -1) && (top_g == 0 || top_g == -1) {
                f[len - 2] |= top_f << BITS;
                g[len - 2] |= top_g << BITS;
                len -= 1;
            }
        }
    }
    normalize(d, f[len - 1] < 0, modulus)
}

/// 30 division steps on the low words of f and g.
#[inline(always)]
fn division_steps(mut eta: i32, f0: u32, g0: u32) -> (i32, Matrix) {
    let (mut u, mut v, mut q, mut r) = (1u32, 0u32, 0u32, 1u32);
    let (mut f, mut g) = (f0, g0);
    let mut left = BITS;
    loop {
        // Every zero at the bottom of g is one step that only halves it.
        let zeros = (g | (u32::MAX << left)).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros as i32;
        left -= zeros;
        if left == 0 {
            break;
        }
        if eta < 0 {
            eta = -eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
        }
        // As many low bits of g as this eta and this batch allow are cleared with one multiple of f.
        let limit = (eta + 1).min(left as i32).min(6) as u32;
        let mask = (1u32 << limit) - 1;
        // f·(f² - 2) is -1/f modulo 2^6 for odd f.
        let w = f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask;
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    (eta, Matrix { u: u as i32, v: v as i32, q: q as i32, r: r as i32 })
}

#[inline(always)]
fn product(a: i32, b: i32) -> i64 {
    i64::from(a) * i64::from(b)
}

/// `(d, e) = matrix·(d, e) / 2^30` modulo the modulus; both stay within -2·modulus..modulus.
#[inline(always)]
fn update_de(d: &mut Limbs, e: &mut Limbs, t: &Matrix, modulus: &Modulus) {
    let (sign_d, sign_e) = (d[8] >> 31, e[8] >> 31);
    // Start from one modulus for each negative factor, then choose the multiple that clears the low 30 bits.
    let mut md = (t.u & sign_d) + (t.v & sign_e);
    let mut me = (t.q & sign_d) + (t.r & sign_e);
    let mut cd = product(t.u, d[0]) + product(t.v, e[0]);
    let mut ce = product(t.q, d[0]) + product(t.r, e[0]);
    md -= modulus.inverse.wrapping_mul(cd as u32).wrapping_add(md as u32) as i32 & MASK;
    me -= modulus.inverse.wrapping_mul(ce as u32).wrapping_add(me as u32) as i32 & MASK;
    cd = (cd + product(modulus.limbs[0], md)) >> BITS;
    ce = (ce + product(modulus.limbs[0], me)) >> BITS;
    for i in 1..9 {
        cd += product(t.u, d[i]) + product(t.v, e[i]) + product(modulus.limbs[i], md);
        ce += product(t.q, d[i]) + product(t.r, e[i]) + product(modulus.limbs[i], me);
        d[i - 1] = cd as i32 & MASK;
        e[i - 1] = ce as i32 & MASK;
        cd >>= BITS;
        ce >>= BITS;
    }
    d[8] = cd as i32;
    e[8] = ce as i32;
}

/// `(f, g) = matrix·(f, g) / 2^30`, exactly.
#[inline(always)]
fn update_fg(f: &mut Limbs, g: &mut Limbs, len: usize, t: &Matrix) {
    let mut cf = (product(t.u, f[0]) + product(t.v, g[0])) >> BITS;
    let mut cg = (product(t.q, f[0]) + product(t.r, g[0])) >> BITS;
    for i in 1..len.min(9) {
        cf += product(t.u, f[i]) + product(t.v, g[i]);
        cg += product(t.q, f[i]) + product(t.r, g[i]);
        f[i - 1] = cf as i32 & MASK;
        g[i - 1] = cg as i32 & MASK;
        cf >>= BITS;
        cg >>= BITS;
    }
    f[len - 1] = cf as i32;
    g[len - 1] = cg as i32;
}

/// `±value` brought into 0..modulus, in words.
fn normalize(mut value: Limbs, negate: bool, modulus: &Modulus) -> [u64; 4] {
    if value[8] < 0 {
        add_modulus(&mut value, modulus);
    }
    if negate {
        value.iter_mut().for_each(|limb| *limb = -*limb);
    }
    carry(&mut value);
    if value[8] < 0 {
        add_modulus(&mut value, modulus);
        carry(&mut value);
    }
    join(&value)
}

fn add_modulus(value: &mut Limbs, modulus: &Modulus) {
    value.iter_mut().zip(modulus.limbs).for_each(|(limb, m)| *limb += m);
}

fn carry(value: &mut Limbs) {
    for i in 0..8 {
        value[i + 1] += value[i] >> BITS;
        value[i] &= MASK;
    }
}

const fn split(words: &[u64; 4]) -> Limbs {
    let mut limbs = [0; 9];
    let mut i = 0;
    while i < 9 {
        limbs[i] = bits_at(words, i as u32 * BITS, BITS) as i32;
        i += 1;
    }
    limbs
}

fn join(limbs: &Limbs) -> [u64; 4] {
    let mut words = [0; 4];
    for (limb, at) in limbs.iter().zip((0u32..).step_by(BITS as usize)) {
        let (word, shift) = (at as usize / 64, at % 64);
        let bits = *limb as u64;
        words[word] |= bits << shift;
        if shift > 64 - BITS
            && let Some(high) = words.get_mut(word + 1)
        {
            *high |= bits >> (64 - shift);
        }
    }
    words
}

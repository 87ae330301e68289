//! Inverses with 62 division steps at a time, for machines with a 64-bit product. See [`inverse`](super::inverse).

use super::prime_field::inverse_of_odd;

/// A modulus with what the division steps need of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modulus {
    limbs: [i64; 5],
    /// The inverse of the modulus modulo 2^62.
    inverse: u64,
}

impl Modulus {
    /// The modulus of these little-endian words: an odd number.
    pub(crate) const fn new(words: &[u64; 4]) -> Self {
        Self { limbs: split(words), inverse: inverse_of_odd(words[0]) & MASK }
    }
}

const MASK: u64 = u64::MAX >> 2;

/// The factors of 62 division steps, scaled by 2^62.
#[derive(Clone, Copy)]
struct Matrix {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// The inverse of `value` modulo `modulus`, or 0 for 0. `value` must lie below the modulus.
pub(crate) fn invert(modulus: &Modulus, value: &[u64; 4]) -> [u64; 4] {
    let mut d = [0i64; 5];
    let mut e = [1, 0, 0, 0, 0];
    let mut f = modulus.limbs;
    let mut g = split(value);
    let mut eta = -1i64;
    let mut len = 5;
    // 735 steps are enough for 256 bits (the paper, theorem 11.2), so this loop has a bound of its own.
    for _ in 0..12 {
        let matrix;
        (eta, matrix) = division_steps(eta, f[0] as u64, g[0] as u64);
        update_de(&mut d, &mut e, &matrix, modulus);
        update_fg(&mut f, &mut g, len, &matrix);
        if g[..len].iter().all(|limb| *limb == 0) {
            break;
        }
        // Both top limbs only a sign: fold it into the limb below.
        if len > 1 {
            let (top_f, top_g) = (f[len - 1], g[len - 1]);
            if (top_f == 0 || top_f == -1) && (top_g == 0 || top_g == -1) {
                f[len - 2] |= top_f << 62;
                g[len - 2] |= top_g << 62;
                len -= 1;
            }
        }
    }
    normalize(d, f[len - 1] < 0, modulus)
}

/// 62 division steps on the low words of f and g.
#[inline(always)]
fn division_steps(mut eta: i64, f0: u64, g0: u64) -> (i64, Matrix) {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let (mut f, mut g) = (f0, g0);
    let mut left = 62u32;
    loop {
        // Every zero at the bottom of g is one step that only halves it.
        let zeros = (g | (u64::MAX << left)).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= i64::from(zeros);
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
        let limit = (eta + 1).min(i64::from(left)).min(6) as u32;
        let mask = (1u64 << limit) - 1;
        // f·(f² - 2) is -1/f modulo 2^6 for odd f.
        let w = f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask;
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    (eta, Matrix { u: u as i64, v: v as i64, q: q as i64, r: r as i64 })
}

#[inline(always)]
fn product(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(b)
}

/// `(d, e) = matrix·(d, e) / 2^62` modulo the modulus; both stay within -2·modulus..modulus.
#[inline(always)]
fn update_de(d: &mut [i64; 5], e: &mut [i64; 5], t: &Matrix, modulus: &Modulus) {
    let (sign_d, sign_e) = (d[4] >> 63, e[4] >> 63);
    // Start from one modulus for each negative factor, then choose the multiple that clears the low 62 bits.
    let mut md = (t.u & sign_d) + (t.v & sign_e);
    let mut me = (t.q & sign_d) + (t.r & sign_e);
    let mut cd = product(t.u, d[0]) + product(t.v, e[0]);
    let mut ce = product(t.q, d[0]) + product(t.r, e[0]);
    md -= (modulus.inverse.wrapping_mul(cd as u64).wrapping_add(md as u64) & MASK) as i64;
    me -= (modulus.inverse.wrapping_mul(ce as u64).wrapping_add(me as u64) & MASK) as i64;
    cd = (cd + product(modulus.limbs[0], md)) >> 62;
    ce = (ce + product(modulus.limbs[0], me)) >> 62;
    for i in 1..5 {
        cd += product(t.u, d[i]) + product(t.v, e[i]) + product(modulus.limbs[i], md);
        ce += product(t.q, d[i]) + product(t.r, e[i]) + product(modulus.limbs[i], me);
        d[i - 1] = (cd as u64 & MASK) as i64;
        e[i - 1] = (ce as u64 & MASK) as i64;
        cd >>= 62;
        ce >>= 62;
    }
    d[4] = cd as i64;
    e[4] = ce as i64;
}

/// `(f, g) = matrix·(f, g) / 2^62`, exactly.
#[inline(always)]
fn update_fg(f: &mut [i64; 5], g: &mut [i64; 5], len: usize, t: &Matrix) {
    let mut cf = (product(t.u, f[0]) + product(t.v, g[0])) >> 62;
    let mut cg = (product(t.q, f[0]) + product(t.r, g[0])) >> 62;
    for i in 1..len.min(5) {
        cf += product(t.u, f[i]) + product(t.v, g[i]);
        cg += product(t.q, f[i]) + product(t.r, g[i]);
        f[i - 1] = (cf as u64 & MASK) as i64;
        g[i - 1] = (cg as u64 & MASK) as i64;
        cf >>= 62;
        cg >>= 62;
    }
    f[len - 1] = cf as i64;
    g[len - 1] = cg as i64;
}

/// `±value` brought into 0..modulus, in words.
fn normalize(mut value: [i64; 5], negate: bool, modulus: &Modulus) -> [u64; 4] {
    if value[4] < 0 {
        add_modulus(&mut value, modulus);
    }
    if negate {
        value.iter_mut().for_each(|limb| *limb = -*limb);
    }
    carry(&mut value);
    if value[4] < 0 {
        add_modulus(&mut value, modulus);
        carry(&mut value);
    }
    join(&value)
}

fn add_modulus(value: &mut [i64; 5], modulus: &Modulus) {
    value.iter_mut().zip(modulus.limbs).for_each(|(limb, m)| *limb += m);
}

fn carry(value: &mut [i64; 5]) {
    for i in 0..4 {
        value[i + 1] += value[i] >> 62;
        value[i] &= MASK as i64;
    }
}

const fn split(w: &[u64; 4]) -> [i64; 5] {
    [
        (w[0] & MASK) as i64,
        ((w[0] >> 62 | w[1] << 2) & MASK) as i64,
        ((w[1] >> 60 | w[2] << 4) & MASK) as i64,
        ((w[2] >> 58 | w[3] << 6) & MASK) as i64,
        (w[3] >> 56) as i64,
    ]
}

fn join(l: &[i64; 5]) -> [u64; 4] {
    let l = l.map(|limb| limb as u64);
    [l[0] | l[1] << 62, l[1] >> 2 | l[2] << 60, l[2] >> 4 | l[3] << 58, l[3] >> 6 | l[4] << 56]
}

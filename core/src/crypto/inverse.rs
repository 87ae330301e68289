//! Inverses modulo an odd prime of up to 256 bits, in time that depends on the input.
//!
//! The method is Bernstein and Yang's "Fast constant-time gcd computation and modular inversion"
//! (<https://gcd.cr.yp.to/papers.html#safegcd>) in the variable-time form that libsecp256k1 describes in its
//! `doc/safegcd_implementation.md`: as many division steps at a time as fit a machine's word on the low words, gathered in a 2×2 matrix,
//! which is then applied to the whole numbers. Everything here is public, so stopping early gives nothing away.

macro_rules! inverses {
    ($(#[$built:meta])* $module:ident: $steps:literal steps, $limbs:literal limbs of $int:ty, $uint:ty, products $wide:ty) => {
        $(#[$built])*
        pub(crate) mod $module {
            use crate::crypto::prime_field::inverse_of_odd;
            use crate::crypto::words::bits_at;

            /// A modulus with what the division steps need of it.
            #[derive(Clone, Copy, Debug)]
            pub(crate) struct Modulus {
                limbs: Limbs,
                /// The inverse of the modulus modulo two to the power of the steps.
                inverse: $uint,
            }

            /// The highest limb has the sign.
            type Limbs = [$int; $limbs];

            impl Modulus {
                /// The modulus of these little-endian words: an odd number.
                pub(crate) const fn new(words: &[u64; 4]) -> Self {
                    Self { limbs: split(words), inverse: inverse_of_odd(words[0]) as $uint & MASK as $uint }
                }
            }

            const BITS: u32 = $steps;
            const TOP: usize = $limbs - 1;
            const MASK: $int = (1 << BITS) - 1;

            /// The factors of as many division steps as a limb has bits, scaled by two to the power of them.
            #[derive(Clone, Copy)]
            struct Matrix {
                u: $int,
                v: $int,
                q: $int,
                r: $int,
            }

            /// The inverse of `value` modulo `modulus`, or 0 for 0. `value` must lie below the modulus.
            pub(crate) fn invert(modulus: &Modulus, value: &[u64; 4]) -> [u64; 4] {
                let mut d = [0; $limbs];
                let mut e = [0; $limbs];
                e[0] = 1;
                let mut f = modulus.limbs;
                let mut g = split(value);
                let mut eta = -1;
                let mut len = $limbs;
                // 735 steps are enough for 256 bits (the paper, theorem 11.2), so this loop has a bound of its own.
                for _ in 0..735usize.div_ceil($steps) {
                    let matrix;
                    (eta, matrix) = division_steps(eta, f[0] as $uint, g[0] as $uint);
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

            /// So many division steps on the low words of f and g.
            #[inline(always)]
            fn division_steps(mut eta: $int, f0: $uint, g0: $uint) -> ($int, Matrix) {
                let (mut u, mut v, mut q, mut r): ($uint, $uint, $uint, $uint) = (1, 0, 0, 1);
                let (mut f, mut g) = (f0, g0);
                let mut left = BITS;
                loop {
                    // Every zero at the bottom of g is one step that only halves it.
                    let zeros = (g | (<$uint>::MAX << left)).trailing_zeros();
                    g >>= zeros;
                    u <<= zeros;
                    v <<= zeros;
                    eta -= zeros as $int;
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
                    let limit = (eta + 1).min(left as $int).min(6) as u32;
                    let mask = ((1 as $uint) << limit) - 1;
                    // f·(f² - 2) is -1/f modulo 2^6 for odd f.
                    let w = f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask;
                    g = g.wrapping_add(f.wrapping_mul(w));
                    q = q.wrapping_add(u.wrapping_mul(w));
                    r = r.wrapping_add(v.wrapping_mul(w));
                }
                (eta, Matrix { u: u as $int, v: v as $int, q: q as $int, r: r as $int })
            }

            #[inline(always)]
            fn product(a: $int, b: $int) -> $wide {
                <$wide>::from(a) * <$wide>::from(b)
            }

            /// `(d, e) = matrix·(d, e) / 2^BITS` modulo the modulus; both stay within -2·modulus..modulus.
            #[inline(always)]
            fn update_de(d: &mut Limbs, e: &mut Limbs, t: &Matrix, modulus: &Modulus) {
                let (sign_d, sign_e) = (d[TOP] >> (<$int>::BITS - 1), e[TOP] >> (<$int>::BITS - 1));
                // Start from one modulus for each negative factor, then choose the multiple that clears the lowest limb.
                let mut md = (t.u & sign_d) + (t.v & sign_e);
                let mut me = (t.q & sign_d) + (t.r & sign_e);
                let mut cd = product(t.u, d[0]) + product(t.v, e[0]);
                let mut ce = product(t.q, d[0]) + product(t.r, e[0]);
                md -= modulus.inverse.wrapping_mul(cd as $uint).wrapping_add(md as $uint) as $int & MASK;
                me -= modulus.inverse.wrapping_mul(ce as $uint).wrapping_add(me as $uint) as $int & MASK;
                cd = (cd + product(modulus.limbs[0], md)) >> BITS;
                ce = (ce + product(modulus.limbs[0], me)) >> BITS;
                for i in 1..$limbs {
                    cd += product(t.u, d[i]) + product(t.v, e[i]) + product(modulus.limbs[i], md);
                    ce += product(t.q, d[i]) + product(t.r, e[i]) + product(modulus.limbs[i], me);
                    d[i - 1] = cd as $int & MASK;
                    e[i - 1] = ce as $int & MASK;
                    cd >>= BITS;
                    ce >>= BITS;
                }
                d[TOP] = cd as $int;
                e[TOP] = ce as $int;
            }

            /// `(f, g) = matrix·(f, g) / 2^BITS`, exactly.
            #[inline(always)]
            fn update_fg(f: &mut Limbs, g: &mut Limbs, len: usize, t: &Matrix) {
                let mut cf = (product(t.u, f[0]) + product(t.v, g[0])) >> BITS;
                let mut cg = (product(t.q, f[0]) + product(t.r, g[0])) >> BITS;
                for i in 1..len.min($limbs) {
                    cf += product(t.u, f[i]) + product(t.v, g[i]);
                    cg += product(t.q, f[i]) + product(t.r, g[i]);
                    f[i - 1] = cf as $int & MASK;
                    g[i - 1] = cg as $int & MASK;
                    cf >>= BITS;
                    cg >>= BITS;
                }
                f[len - 1] = cf as $int;
                g[len - 1] = cg as $int;
            }

            /// `±value` brought into 0..modulus, in words.
            fn normalize(mut value: Limbs, negate: bool, modulus: &Modulus) -> [u64; 4] {
                if value[TOP] < 0 {
                    add_modulus(&mut value, modulus);
                }
                if negate {
                    value.iter_mut().for_each(|limb| *limb = -*limb);
                }
                carry(&mut value);
                if value[TOP] < 0 {
                    add_modulus(&mut value, modulus);
                    carry(&mut value);
                }
                join(&value)
            }

            fn add_modulus(value: &mut Limbs, modulus: &Modulus) {
                value.iter_mut().zip(modulus.limbs).for_each(|(limb, m)| *limb += m);
            }

            fn carry(value: &mut Limbs) {
                for i in 0..TOP {
                    value[i + 1] += value[i] >> BITS;
                    value[i] &= MASK;
                }
            }

            const fn split(words: &[u64; 4]) -> Limbs {
                let mut limbs = [0; $limbs];
                let mut i = 0;
                while i < $limbs {
                    limbs[i] = bits_at(words, i as u32 * BITS, BITS) as $int;
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
        }
    };
}

inverses!(
    /// For machines with a 64-bit product.
    #[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
    by_62: 62 steps, 5 limbs of i64, u64, products i128
);
inverses!(
    /// For the others.
    #[cfg(any(test, countersign_limbs = "32", not(target_pointer_width = "64")))]
    by_30: 30 steps, 9 limbs of i32, u32, products i64
);

#[cfg(any(countersign_limbs = "32", not(target_pointer_width = "64")))]
pub(crate) use by_30::{Modulus, invert};
#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(crate) use by_62::{Modulus, invert};

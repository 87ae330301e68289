//! Inverses modulo an odd prime of up to 256 bits, in time that depends on the input.
//!
//! The method is Bernstein and Yang's "Fast constant-time gcd computation and modular inversion"
//! (<https://gcd.cr.yp.to/papers.html#safegcd>) in the variable-time form that libsecp256k1 describes in its
//! `doc/safegcd_implementation.md`: as many division steps at a time as fit a machine's word on the low words, gathered in a 2×2 matrix,
//! which is then applied to the whole numbers. Everything here is public, so stopping early gives nothing away.

#[cfg(any(countersign_limbs = "32", not(target_pointer_width = "64")))]
pub(crate) use super::inverse32::{Modulus, invert};
#[cfg(all(not(countersign_limbs = "32"), target_pointer_width = "64"))]
pub(crate) use super::inverse64::{Modulus, invert};

//! ES256 for keys that are used often: ECDSA over P-256 with a table for the generator and one for each such key.
//!
//! A library treats every verification as if the key were new and spends most of the time on doublings. With the multiples
//! of both points at hand a verification is one inversion modulo n and some fifty point additions, four at a time where
//! the processor can (`verify_in_lanes`).
//! Everything here takes time that depends on its inputs: signatures, hashes and public keys only, never a secret.

mod field;
#[cfg(any(test, countersign_limbs = "32", not(target_pointer_width = "64")))]
mod field32;
#[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
mod field64;
#[cfg(any(test, target_arch = "x86_64"))]
mod lanes;
mod point;
mod scalar;
mod table;
mod verify;

pub use super::fixed_base::Window;
pub use table::{Generator, GeneratorBuilder, KeyTable, TableBuilder};
#[cfg(all(target_arch = "x86_64", not(test)))]
pub use verify::verify_in_lanes;
pub use verify::{Verify, verify_prehashed};

#[cfg(test)]
mod tests;

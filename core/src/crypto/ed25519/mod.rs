//! Ed25519 for keys that are used often: RFC 8032 verification with a table for the base point and one for each such key.
//!
//! With the multiples of both points at hand a verification is the hash, some fifty point additions and one inversion in the
//! field. Everything here takes time that depends on its inputs: signatures, messages and public keys only, never a secret.

mod field;
#[cfg(any(test, countersign_limbs = "32", not(target_pointer_width = "64")))]
mod field32;
#[cfg(any(test, all(not(countersign_limbs = "32"), target_pointer_width = "64")))]
mod field64;
mod point;
mod prime;
mod scalar;
mod table;
mod verify;

pub use super::fixed_base::Window;
pub use table::{Generator, GeneratorBuilder, KeyTable, TableBuilder};
pub use verify::{verify, verify_hashed};

#[cfg(test)]
mod tests;

//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

pub mod jwk;
mod parse;
mod set;
pub mod thumbprint;

pub use parse::{DroppedKey, LoadReport, TrustFault};
pub use set::{EngineId, KeyId, KeySet, Origin, OriginIndex, TrustSnapshot, TrustedKey};

//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

pub mod jwk;
mod origin;
mod origins;
mod parse;
mod set;
mod table;
pub mod thumbprint;

pub use origin::{Origin, OriginIndex};
pub(crate) use origins::Origins;
pub use parse::{DroppedKey, LoadReport, TrustFault};
pub use set::{EngineId, KeyId, KeySet, TrustSnapshot, TrustedKey};

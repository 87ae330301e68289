//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

mod authorities;
pub mod jwk;
mod parse;
mod set;
mod table;
pub mod thumbprint;

pub(crate) use authorities::Authorities;
pub use parse::{DroppedKey, LoadReport, TrustError};
pub use set::{Authority, AuthorityIndex, BundleSet, EngineId, KeyHandle, KeySet, TrustedKey};

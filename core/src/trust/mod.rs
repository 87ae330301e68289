//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

mod form;
pub mod jwk;
mod map;
mod origins;
mod parse;
mod set;
mod table;
pub mod thumbprint;

pub use form::TrustForm;
pub use map::{MapReport, documents_in_map};
pub(crate) use origins::Origins;
pub use parse::{DroppedKey, LoadReport, TrustFault};
pub use set::{EngineId, KeyId, KeySet, Origin, OriginIndex, TrustSnapshot, TrustedKey};

//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

mod authorities;
mod authority;
mod form;
pub mod jwk;
mod map;
mod parse;
mod set;
mod table;
pub mod thumbprint;

pub(crate) use authorities::Authorities;
pub use authority::{Authority, AuthorityIndex};
pub use form::TrustForm;
pub use map::{MapReport, documents_in_map};
pub use parse::{DroppedKey, LoadReport, TrustError};
pub use set::{BundleSet, EngineId, KeyHandle, KeySet, TrustedKey};

//! Trust: the keys of each trust domain and issuer, parsed once, in immutable snapshots that are swapped whole.

mod authorities;
mod authority;
mod form;
pub mod jwk;
mod key;
mod map;
mod parse;
mod selection;
mod set;
mod table;
pub mod thumbprint;

pub(crate) use authorities::Authorities;
pub use authority::{Authority, AuthorityIndex};
pub use form::TrustForm;
pub use key::{KeyHandle, TrustedKey};
pub use map::{MapReport, documents_in_map};
pub(crate) use parse::KeyRules;
pub use parse::{DroppedKey, LoadReport, TrustError};
pub(crate) use selection::MOST_TRIED;
pub use selection::{Candidates, KeyHint, KeySelection, SelectedBy};
pub use set::{BundleSet, EngineId, KeySet};

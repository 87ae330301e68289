//! The common code of hosts with an operating system: an engine whose keys, revocations and nonce keys change while threads
//! decide, trust files that are read again when they change, and documents of revocations.
//!
//! It owns no thread and no clock: the host says when to look and what time it is.

#![cfg_attr(not(feature = "system"), no_std)]

extern crate alloc;
#[cfg(all(test, not(feature = "system")))]
extern crate std;

mod documents;
#[cfg(feature = "system")]
mod engine;
#[cfg(feature = "system")]
pub mod files;
#[cfg(feature = "system")]
pub mod json_document;
pub mod printable;
pub mod revocations;
#[cfg(feature = "system")]
mod revoked;
#[cfg(feature = "system")]
mod seed;
#[cfg(feature = "system")]
mod trust_files;

pub use documents::{Notice, ReloadError, load_inline, warn_of_drops, warn_of_map};
#[cfg(feature = "system")]
pub use engine::{SharedEngine, SharedWorker};
#[cfg(feature = "system")]
pub use files::LookReport;
pub use revocations::RevocationDocument;
#[cfg(feature = "system")]
pub use seed::{NoRandomness, nonce_keys, nonce_secret, seed};

//! What every host with an operating system shares: an engine whose keys, revocations and nonce keys change while threads
//! decide, trust files that are read again when they change, and documents of revocations.
//!
//! It owns no thread and no clock: the host says when to look and what time it is.

mod engine;
pub mod files;
pub mod json_document;
pub mod printable;
pub mod revocations;
mod seed;
mod trust_files;

pub use engine::{LiveEngine, LiveFault, LiveWorker, LookReport, Notice};
pub use revocations::RevocationDocument;
pub use seed::{NoRandomness, nonce_keys, nonce_secret, seed};
pub use trust_files::warn_of_drops;

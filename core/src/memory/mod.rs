//! The only mutable state: fixed in size, bounded in bytes, no clock and no entropy of its own.
//!
//! | file | holds | shared by |
//! |---|---|---|
//! | [`record_cache`] | what was once verified, by its exact bytes | one worker |
//! | [`hot_keys`] | tables of the keys that are used often | one worker |
//! | [`replay`] | which proofs were used | all threads and processes |
//! | [`revocation`] | what the host declared void | all, swapped whole |

#[cfg(feature = "hot-keys")]
pub mod hot_keys;
#[cfg(not(feature = "hot-keys"))]
#[path = "hot_keys_off.rs"]
pub mod hot_keys;
#[cfg(feature = "hot-keys")]
mod prepared;
pub(crate) mod proof_keys;
pub mod record_cache;
pub mod replay;
pub mod revocation;

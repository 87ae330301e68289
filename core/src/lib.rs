//! Countersign: an embedded token validation engine.
//!
//! A host hands it one request; it answers *accept, and who this is* or *refuse, and the one reason why*. It does no I/O,
//! reads no clock and owns no thread. With the default backend a decision allocates nothing once the RSA keys in use are prepared, which takes
//! eight valid signatures of each (`tests/no_alloc.rs` counts).
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(test)]
extern crate std;

// words
pub mod field_value;
mod hash_index;
pub mod limits;
mod order;
pub mod printable;
pub mod reason;
pub mod time;
// syntax
pub mod document;
pub mod jose;
pub mod spiffe_id;
pub mod subject_pattern;
pub mod uri;
// trust
pub mod crypto;
pub mod trust;
// memory
pub mod memory;
// specs
pub mod record;
mod request;
pub mod specs;
// policy
pub mod policy;
// engine
pub mod engine;

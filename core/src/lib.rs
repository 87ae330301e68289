//! Countersign: an embedded token validation engine.
//!
//! A host hands it one request; it answers *accept, and who this is* or *refuse, and the one reason why*. It does no I/O,
//! reads no clock, owns no thread, and allocates nothing after its workers are made.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(test)]
extern crate std;

// words
mod hash_index;
pub mod limits;
mod order;
pub mod printable;
pub mod reason;
pub mod time;
// syntax
pub mod jose;
pub mod spiffe_id;
pub mod subject_pattern;
pub mod token_kind;
pub mod uri;
// trust
pub mod crypto;
pub mod trust;
// rules
pub mod rules;
// memory
pub mod memory;
// engine
pub mod engine;

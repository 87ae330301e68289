//! The C ABI of countersign.
//!
//! One C noun is one file: `countersign_worker_decide` lives in `worker.rs`. The header `include/countersign.h` is written
//! from here and committed; a test holds it to this source. The rules of all functions are at its top.

// The names are those of C.
#![allow(non_camel_case_types)]

mod boundary;
pub mod bytes;
pub mod decision;
pub mod engine;
pub mod field_value;
pub mod fields;
pub mod kinds;
pub mod notice;
pub mod origin;
pub mod pending;
pub mod question;
pub mod reason;
pub mod reasons;
pub mod replay;
pub mod request;
pub mod result;
pub mod revocation;
pub mod text;
pub mod trust;
pub mod version;
pub mod worker;

//! The common code of every build of the countersign filter for Envoy: the native dynamic module (`bindings/envoy`) and the proxy-wasm
//! filter (`wasm/filter`). One reading of settings, one judging of a request, one set of names.
//!
//! It reads no file, no clock and no network, and has no unsafe code: its calls to a proxy are the traits of
//! [`host`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attribute;
pub mod canonical;
pub mod certificate;
pub mod counters;
pub mod fetch;
pub mod fields;
pub mod host;
pub mod identity;
pub mod judge;
pub mod nonce_keys;
pub mod policies;
pub mod question;
pub mod settings;

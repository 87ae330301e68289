//! Countersign inside Envoy: a proxy-wasm filter that asks the engine about every request.
//!
//! `abi` is the boundary with the proxy and holds all unsafe code; the rest is safe Rust behind the trait of `host`, so that it
//! runs without a proxy in tests. The code shared with the native module is in `bindings/envoy-common`. How to use it is in `README.md`
//! beside this crate.

// Natively there are only tests, so the functions that only the proxy's hooks call are unused.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
// In a VM, without std: a panic there ends the VM, and to format its message would take an eighth of the filter's size.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod connection;
mod counters;
mod documents;
mod entropy;
mod filter;
mod headers;
mod host;
mod proofs;
mod protobuf;
mod shared;
mod signatures;
mod structure;
mod vm;

// A proxy has the functions that this calls; a test program has not.
#[cfg(target_arch = "wasm32")]
mod abi;

#[cfg(test)]
mod tests;

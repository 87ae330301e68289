//! Countersign inside Envoy: a dynamic module whose HTTP filter asks the engine about every request.
//!
//! `abi`, `bootstrap` and `exports` are the boundary with Envoy and hold all unsafe code; the rest is safe Rust behind traits, so that it
//! runs without Envoy in tests. The code shared with the proxy-wasm filter is in `bindings/envoy-common`. How to use it is in `README.md` beside this crate.

// In tests, the functions that only Envoy's hooks call are unused.
#![cfg_attr(test, allow(dead_code))]

mod filter;
mod host;
mod module;
mod nonce_keys;
mod readiness;
mod replay;
mod running;
mod shared_file;
mod watch;

// Envoy itself has the functions that these call; a test program has not.
#[cfg(not(test))]
mod abi;
#[cfg(not(test))]
mod bootstrap;
#[cfg(not(test))]
mod exports;

#[cfg(test)]
mod tests;

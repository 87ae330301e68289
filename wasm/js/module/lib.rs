//! Countersign for JavaScript: one engine with one worker in one instance of a WebAssembly module.
//!
//! The sources beside this crate (`../src`) write a request into `input` and `numbers`, call one function of [`abi`], and read the result
//! from `numbers` and `output`. A call takes numbers and returns a number: no object of JavaScript is known here, so the module runs wherever
//! WebAssembly does, with one import, which asks the host to check a signature.
//!
//! `abi` is the boundary and holds all unsafe code; the rest is safe Rust.

// Natively there are only tests.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
// Without std: to format what a panic says would take an eighth of the module's size.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod calls;
mod decided;
mod described;
mod json;
mod request;
mod session;
mod signatures;

// A host has the function that this imports; a test program has not.
#[cfg(target_arch = "wasm32")]
mod abi;

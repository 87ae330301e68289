//! Countersign: an embedded token validation engine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod time;

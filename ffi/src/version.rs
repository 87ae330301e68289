//! Which library this is.

use crate::text::countersign_str;

/// The version of the ABI that the header was written for. Before 1.0 each minor version of the library has its own.
pub const COUNTERSIGN_ABI: u32 = 1;

/// The version of the ABI that the loaded library has: compare it with `COUNTERSIGN_ABI` once at start.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_abi() -> u32 {
    COUNTERSIGN_ABI
}

/// The version of the library, such as `0.1.0`. Valid for ever.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn countersign_version() -> countersign_str<'static> {
    countersign_str::of(env!("CARGO_PKG_VERSION"))
}

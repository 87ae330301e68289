//! Empty: `Cargo.toml` is what counts.

//! What must hold for any input, one file a reader. A target gives these functions what libFuzzer makes; `seeds` gives them what it
//! makes of the vectors.

pub mod decide;
mod document;
pub mod json;
pub mod jwk;
pub mod policy;
pub mod revocations;
pub mod settings;
pub mod uri;

/// A check by the name of its target; it panics where something does not hold, and returns whether the input was accepted.
pub type Check = fn(&[u8]) -> bool;

/// Every target.
pub const ALL: [(&str, Check); 7] = [
    ("decide", decide::check),
    ("policy", policy::check),
    ("json", json::check),
    ("jwk", jwk::check),
    ("uri", uri::check),
    ("revocations", revocations::check),
    ("settings", settings::check),
];

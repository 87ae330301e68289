//! The command as its users run it.

// clippy.toml allows it in test functions; the functions that they share are tests too.
#![allow(clippy::unwrap_used)]

mod decide;
mod documents;
mod explain;
mod inspect;
mod issuers;
mod lint;
mod malformed;
mod others;
mod policy;
mod printable;
mod report;
mod rotation;
mod schema;
mod support;

//! The command as its users run it.

mod decide;
mod explain;
mod inspect;
mod lint;
mod malformed;
mod others;
mod rotation;
mod schema;
mod support;

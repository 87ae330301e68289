//! The layer in real servers on 127.0.0.1, and the corpus through it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
mod certificates;
mod corpus;
mod keys;
mod requests;
mod settings;
mod support;
mod waiting;

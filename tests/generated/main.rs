//! What follows from the tables of the core and is committed: the C enums, the C header, the variables of nginx, the words of
//! TypeScript, and the pages of `docs` that are tables: attributes, checks, documents, limits, policy, presets, reasons.
//!
//! `make generate` writes all of it anew, in one run: this test is built with the core alone, so that a new row compiles before the
//! files that follow from it are written.

#![allow(clippy::unwrap_used)]

mod attributes;
mod c;
mod documents;
mod policy;
mod presets;
mod reference;
mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

/// The path of a file of the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a committed file with what the tables give, or writes it.
fn hold(path: &str, right: &str) {
    let file = in_repository(path);
    if std::env::var_os("COUNTERSIGN_GENERATE").is_some() {
        fs::write(&file, right).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == right, "{path} is stale: `make generate` writes it anew");
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `token_expired` is `TokenExpired` in Rust.
fn capitalised(word: &str) -> String {
    word.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

/// `RequestingWorkload` is `REQUESTING_WORKLOAD` in C.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for (place, c) in name.chars().enumerate() {
        if place > 0 && c.is_uppercase() {
            screaming.push('_');
        }
        screaming.push(c.to_ascii_uppercase());
    }
    screaming
}

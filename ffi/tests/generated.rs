//! The committed table of reasons is that of the core, and the committed header is what cbindgen makes of the source.
//!
//! `make generate` writes both anew.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use countersign::reason::Reason;
use countersign::specs::profile::TokenKind;

/// Compares `written` with the committed file at `path`, or puts it there.
fn hold(path: &str, written: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("COUNTERSIGN_GENERATE").is_some() {
        std::fs::write(&path, written).unwrap();
    }
    let differs = std::fs::read_to_string(&path).unwrap() != written;
    assert!(!differs, "{} is stale: `make generate` writes it anew", path.display());
}

/// `token_expired` is `TokenExpired` in Rust.
fn variant(reason: Reason) -> String {
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    reason.code().split('_').map(capitalised).collect()
}

fn reasons() -> String {
    let (mut numbers, mut names) = (String::new(), String::new());
    for reason in Reason::ALL {
        let (name, number, meaning) = (variant(reason), reason.number(), reason.meaning());
        assert_eq!(format!("{reason:?}"), name, "the word of a reason is its name");
        write!(numbers, "    /// {meaning}.\n    {name} = {number},\n").unwrap();
        writeln!(names, "            Reason::{name} => Self::{name},").unwrap();
    }
    format!(
        "//! Written by `make generate` from the table of reasons in the core; do not edit.

use countersign::reason::Reason;

/// Why a request was refused, or that it was not. Numbers are append-only, and the core's own.
///
/// 0 is none of them, so zeroed memory never reads as accepted. A newer library may give numbers that are not
/// here: treat every number but `COUNTERSIGN_REASON_ACCEPTED` as a refusal.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_reason {{
    /// Not refused.
    Accepted = 1000,
{numbers}}}

impl From<Reason> for countersign_reason {{
    fn from(reason: Reason) -> Self {{
        match reason {{
{names}            // A reason of a newer core, which a fresh table does not have.
            _ => Self::InternalError,
        }}
    }}
}}
"
    )
}

fn kinds() -> String {
    let (mut numbers, mut names) = (String::new(), String::new());
    for kind in TokenKind::ALL {
        let (title, word, number) = (kind.title(), kind.name(), kind.number());
        write!(numbers, "    /// A {title}: `{word}`.\n    {kind:?} = {number},\n").unwrap();
        writeln!(names, "            TokenKind::{kind:?} => Self::{kind:?},").unwrap();
    }
    format!(
        "//! Written by `make generate` from the table of token kinds in the core; do not edit.

use countersign::specs::profile::TokenKind;

/// The kind of a token. Numbers are append-only, and the core's own. A newer library may give numbers that are not here.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_token_kind {{
    /// No token was accepted.
    None = 0,
{numbers}}}

impl From<TokenKind> for countersign_token_kind {{
    fn from(kind: TokenKind) -> Self {{
        match kind {{
{names}        }}
    }}
}}
"
    )
}

#[test]
fn the_committed_tables_and_header_are_those_of_the_source() {
    // The header is made of these files, so they come first.
    hold("src/reasons.rs", &reasons());
    hold("src/kinds.rs", &kinds());

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut written = Vec::new();
    cbindgen::generate_with_config(root, config).unwrap().write(&mut written);
    let written = String::from_utf8(written).unwrap();
    assert!(written.contains("countersign_worker_decide("), "nothing was found in the source");
    hold("include/countersign.h", &written);
}

#[test]
fn every_reason_has_its_number_in_c() {
    for reason in Reason::ALL {
        let number = countersign_ffi::reasons::countersign_reason::from(reason) as u32;
        assert_eq!(number, u32::from(reason.number()), "{reason}");
    }
}

#[test]
fn every_kind_has_its_number_in_c() {
    for kind in TokenKind::ALL {
        let number = countersign_ffi::kinds::countersign_token_kind::from(kind) as u32;
        assert_eq!(number, u32::from(kind.number()), "{}", kind.name());
    }
}

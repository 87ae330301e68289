//! The enums of the C ABI and its header, and the rows of nginx's variables.

use std::fmt::Write;

use countersign::{Attribute, Reason, TokenKind};

use crate::{capitalised, hold, in_repository, screaming};

fn reasons() -> String {
    let (mut numbers, mut names) = (String::new(), String::new());
    for reason in Reason::ALL {
        let (name, number, meaning) = (capitalised(reason.code()), reason.number(), reason.meaning());
        assert_eq!(format!("{reason:?}"), name, "the word of a reason is its name");
        write!(numbers, "    /// {meaning}.\n    {name} = {number},\n").unwrap();
        writeln!(names, "            Reason::{name} => Self::{name},").unwrap();
    }
    format!(
        "//! Written by `make generate` from the table of reasons in the core; do not edit.

use countersign::Reason;

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

use countersign::TokenKind;

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

/// The attributes that are texts of a decision in C, by their numbers there.
fn texts() -> Vec<(u8, Attribute)> {
    let mut texts: Vec<(u8, Attribute)> =
        Attribute::ALL.into_iter().filter_map(|attribute| Some((attribute.number()?, attribute))).collect();
    texts.sort_by_key(|(number, _)| *number);
    texts
}

/// A sentence in lines of a comment.
fn lines(text: &str) -> Vec<String> {
    const MOST: usize = 120;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < MOST => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn fields() -> String {
    let mut numbers = String::new();
    for (number, attribute) in texts() {
        for line in lines(attribute.meaning()) {
            writeln!(numbers, "    /// {line}").unwrap();
        }
        writeln!(numbers, "    {attribute:?} = {number},").unwrap();
    }
    format!(
        "//! Written by `make generate` from the table of attributes in the core; do not edit.

/// An attribute about a decision that is a text.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum countersign_attribute {{
{numbers}}}
"
    )
}

/// The rows of nginx's variables: what is no text of the decision has a number of the module's own.
fn variables() -> String {
    let mut rows = String::new();
    for attribute in Attribute::ALL {
        let (word, name) = (attribute.word(), screaming(&format!("{attribute:?}")));
        let number = match attribute.number() {
            Some(_) => format!("COUNTERSIGN_ATTRIBUTE_{name}"),
            None => format!("NGX_HTTP_COUNTERSIGN_ATTRIBUTE_{name}"),
        };
        write!(rows, " \\\n    {{ ngx_string(\"countersign_{word}\"), {number} }},").unwrap();
    }
    let last = screaming(&format!("{:?}", texts().last().unwrap().1));
    format!(
        "/* Written by `make generate` from the table of attributes in the core; do not edit. */

#ifndef NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H
#define NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H

/* The texts of a decision, by their numbers. */
#define NGX_HTTP_COUNTERSIGN_TEXTS  (COUNTERSIGN_ATTRIBUTE_{last} + 1)

/* The name of each variable, and the number of the attribute that is its value. */
#define NGX_HTTP_COUNTERSIGN_ATTRIBUTES{rows}

#endif /* NGX_HTTP_COUNTERSIGN_ATTRIBUTES_H */
"
    )
}

#[test]
fn the_enums_and_the_header_of_c_are_those_of_the_tables() {
    // The header is made of these files, so they come first.
    hold("ffi/src/reasons.rs", &reasons());
    hold("ffi/src/kinds.rs", &kinds());
    hold("ffi/src/fields.rs", &fields());

    let library = in_repository("ffi");
    let config = cbindgen::Config::from_file(library.join("cbindgen.toml")).unwrap();
    let mut written = Vec::new();
    cbindgen::generate_with_config(library, config).unwrap().write(&mut written);
    let written = String::from_utf8(written).unwrap();
    assert!(written.contains("countersign_worker_decide("), "no function was found in the source");
    hold("ffi/include/countersign.h", &written);
}

#[test]
fn the_variables_of_nginx_are_those_of_the_table() {
    hold("bindings/nginx/src/ngx_http_countersign_attributes.h", &variables());
}

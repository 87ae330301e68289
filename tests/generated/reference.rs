//! `docs/reasons.md`, `docs/checks.md` and `docs/limits.md`.

use countersign::internal::limits;
use countersign::{Check, Reason};

use crate::{cell, hold};

#[test]
fn the_reasons_are_those_of_the_table() {
    let mut text = String::from(
        "# Reasons

<!-- Written by `make generate` from `reasons!` in core/src/reason.rs; do not edit. -->

A refusal has one reason: the one of the first [check](checks.md) that fails. Its number and word are the same in Rust, C, JavaScript, metrics, logs and
`countersign explain`, and are never changed or used again. *Challenge* is the `error` of `WWW-Authenticate`; the word of the reason is its
`error_description`, unless the policy hides it (`challenge.hide_description`). A 5xx is no fault of the client and has no challenge.

| number | reason | status | challenge | meaning |
|---|---|---|---|---|
",
    );
    for reason in Reason::ALL {
        let (status, error) = reason.answer();
        let error = error.word().map(|word| format!("`{word}`")).unwrap_or_default();
        let (number, meaning) = (reason.number(), cell(reason.meaning()));
        text += &format!("| {number} | `{reason}` | {status} | {error} | {meaning} |\n");
    }
    hold("docs/reasons.md", &text);
}

#[test]
fn the_checks_are_those_of_the_table() {
    let mut text = String::from(
        "# The order of checks

<!-- Written by `make generate` from `Check` in core/src/engine/check.rs; do not edit. -->

The first check that fails gives the [reason](reasons.md); `countersign explain` prints each one with its rule.

Before its signature is verified, a new token is checked for its form (that of `cnf` and `act` too), kind, algorithm, header parameters and
required claims, and for a key that can have signed it. The checks after `signature` are made on cached tokens too.

| check | rule |
|---|---|
",
    );
    for check in Check::ALL {
        text += &format!("| `{}` | {} |\n", check.name(), cell(check.rule()));
    }
    hold("docs/checks.md", &text);
}

/// `dpop.max_age_seconds` for the place of its definition in the schema.
fn member_path(schema: &str, name: &str) -> String {
    let mut path: Vec<&str> = Vec::new();
    let segments: Vec<&str> = schema.split('/').collect();
    for pair in segments.windows(2) {
        match pair {
            ["properties", member] => path.push(member),
            // A definition of one object; those of a policy are the document's own.
            ["$defs", object] if schema.contains("/properties/") && *object != "policy" => path.push(object),
            _ => {}
        }
    }
    if path.last() != Some(&name) {
        path.push(name);
    }
    path.join(".")
}

#[test]
fn the_limits_are_those_of_the_table() {
    let mut text = String::from(
        "# Limits

<!-- Written by `make generate` from `limits!` and `numbers!` in core/src/limits.rs; do not edit. -->

## Sizes of inputs

An input beyond a limit is refused before more work is spent on it: a token with `credential_too_large` or `limit_exceeded`, a proof
with `proof_too_large`, a document with a fault. Faults of documents, `countersign explain` and `countersign lint` name the limit.

| limit | at most | what | source |
|---|---|---|---|
",
    );
    for row in limits::ALL {
        let (limits::Limit { name, most }, what, source) = (row.limit, cell(row.meaning), cell(row.source));
        text += &format!("| `{name}` | {most} | {what} | {source} |\n");
    }
    text += "
## Numbers of a policy

| member | from | to | default | what | source |
|---|---|---|---|---|---|
";
    for row in limits::NUMBERS {
        let limits::Number { name, least, most, default } = row.number;
        let default = default.map_or_else(|| "no bound".to_owned(), |default| default.to_string());
        let (what, source) = (cell(row.meaning), cell(row.source));
        let path = member_path(row.schema, name);
        text += &format!("| `{path}` | {least} | {most} | {default} | {what} | {source} |\n");
    }
    hold("docs/limits.md", &text);
}

//! What a program can check in the documents: SECURITY.md names tests that exist, samples are parts of files that are run, links resolve, cited
//! rules have rows, the pages of hosts name what the code has, and `docs` has the reasons, checks and limits of the tables.

use std::fs;
use std::path::{Path, PathBuf};

use countersign::internal::limits;
use countersign::{Check, Reason};

#[path = "documents/hosts.rs"]
mod hosts;
#[path = "documents/language.rs"]
mod language;
#[path = "documents/links.rs"]
mod links;
#[path = "documents/rules.rs"]
mod rules;
#[path = "documents/samples.rs"]
mod samples;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The pages of the repository, in the order of their names.
fn documents() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name) {
                walk(&path, found);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

/// The words in backticks, in order.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_guarantee_names_tests_that_exist() {
    let security = read("SECURITY.md");
    let (_, guaranteed) = security.split_once("\n## Guaranteed\n").unwrap();
    let (guaranteed, _) = guaranteed.split_once("\n## ").unwrap();
    let sentences: Vec<&str> = guaranteed.split("\n- ").skip(1).collect();
    assert!(sentences.len() >= 9, "only {} guarantees were read", sentences.len());
    for sentence in sentences {
        let (claim, tests) = sentence.split_once("\n  (").unwrap_or_else(|| panic!("no test is named: {sentence}"));
        let mut source = None;
        let mut named = 0;
        for word in quoted(tests) {
            if word.ends_with(".rs") || word.ends_with(".py") {
                source = Some((word, read(word)));
                continue;
            }
            let (file, text) = source.as_ref().unwrap_or_else(|| panic!("{word} has no file before it: {claim}"));
            let is_there = [format!("fn {word}("), format!("def {word}(")].iter().any(|head| text.contains(head));
            assert!(is_there, "{file} has no test {word}, which is named for: {claim}");
            named += 1;
        }
        assert!(named > 0, "no test is named: {claim}");
    }
}

/// Compares a document with what the tables give, or writes it.
fn generated(path: &str, right: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
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
    generated("docs/reasons.md", &text);
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
    generated("docs/checks.md", &text);
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
        text += &format!("| `{}` | {} | {} | {} |\n", row.name, row.most, cell(row.meaning), cell(row.source));
    }
    text += "
## Numbers of a policy

| member | from | to | default | what | source |
|---|---|---|---|---|---|
";
    for row in limits::NUMBERS {
        let default = row.default.map_or_else(|| "no bound".to_owned(), |default| default.to_string());
        let (what, source) = (cell(row.meaning), cell(row.source));
        let path = member_path(row.schema, row.name);
        text += &format!("| `{path}` | {} | {} | {default} | {what} | {source} |\n", row.least, row.most);
    }
    generated("docs/limits.md", &text);
}

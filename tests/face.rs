//! The public face of the crate `countersign`: a flat list of names at the root, and one hidden module for the other crates of this repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most items that users of the crate may find at its root.
const MOST_ITEMS: usize = 120;

/// Types of the hidden module in signatures that users see: the item, the type, and how a user comes by a value.
const HIDDEN_IN_SIGNATURES: &[(&str, &str)] = &[
    // A function of the crate `countersign-cpu`, which users pass on by its name.
    ("Worker", "Verify"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The files with this ending under `folder`, sorted, without build output.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// The code of a file: no comments, no unit tests.
fn code(text: &str) -> String {
    let live = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    live.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

fn lib() -> String {
    code(&fs::read_to_string(root().join("core/src/lib.rs")).unwrap())
}

/// The names that `lib.rs` re-exports.
fn face() -> Vec<String> {
    let lib = lib();
    let (outside, _) = lib.split_once("#[doc(hidden)]\npub mod internal {").expect("the hidden module is last");
    let mut names = Vec::new();
    for statement in outside.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let list = statement.split_once("::{").map_or(statement, |(_, list)| list.trim_end_matches('}'));
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            assert!(!name.contains(['*', '{', ' ']), "{statement}: a name is re-exported alone and under its own name");
            names.push(name.rsplit("::").next().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn the_root_has_a_bounded_number_of_names_and_one_hidden_module() {
    let names = face();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "a name is re-exported twice");
    assert!((60..=MOST_ITEMS).contains(&names.len()), "{} items at the root, at most {MOST_ITEMS}", names.len());
    let lib = lib();
    let public: Vec<&str> =
        lib.lines().filter(|line| line.starts_with("pub ") && !line.starts_with("pub use ")).collect();
    assert_eq!(public, ["pub mod internal {"], "a public item of lib.rs that is no re-export");
}

/// The words of a text that begin with a capital letter.
fn type_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// The name of the item that a line at the left margin begins: of an `impl`, the type.
fn item(line: &str) -> Option<&str> {
    let word = |text: &'static str| line.strip_prefix(text);
    let rest = match line.strip_prefix("impl") {
        Some(rest) => {
            let rest = if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.trim_start() };
            if rest.contains(" for ") {
                return None;
            }
            rest
        }
        None => ["pub struct ", "pub enum ", "pub trait ", "pub fn ", "pub const fn ", "pub type "]
            .into_iter()
            .find_map(word)?,
    };
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

/// What users see of an item: signatures, fields and the contents of variants, without those that are hidden.
fn visible(block: &str) -> Vec<String> {
    let head = block.lines().next().unwrap_or_default();
    let (is_enum, is_trait) = (head.starts_with("pub enum"), head.starts_with("pub trait"));
    let mut seen = vec![];
    if head.starts_with("pub fn") || head.starts_with("pub const fn") || head.starts_with("pub type") {
        seen.push(block.split(" {\n").next().unwrap_or_default().to_owned());
        return seen;
    }
    let lines: Vec<&str> = block.lines().skip(1).collect();
    let mut is_hidden = false;
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        is_hidden |= code.starts_with("#[doc(hidden)]");
        let indent = line.len() - code.len();
        let is_function =
            code.starts_with("pub fn ") || code.starts_with("pub const fn ") || is_trait && code.starts_with("fn ");
        if is_function && indent == 4 {
            let signature: String = lines[at..].iter().take_while(|line| !line.trim().is_empty()).copied().collect();
            let end = signature.find(['{', ';']).unwrap_or(signature.len());
            let (_, from_arguments) = signature[..end].split_once('(').unwrap_or_default();
            if !is_hidden {
                seen.push(from_arguments.to_owned());
            }
            is_hidden = false;
        } else if code.starts_with("pub ") && indent == 4 {
            let (_, of) = code.split_once(": ").unwrap_or_default();
            seen.push(of.to_owned());
            is_hidden = false;
        } else if is_enum {
            seen.extend(code.split_once(['(', ':']).map(|(_, of)| of.to_owned()));
        }
    }
    seen
}

/// A user can name every type that a public signature takes or returns.
#[test]
fn what_public_signatures_name_is_at_the_root() {
    let face: BTreeSet<String> = face().into_iter().collect();
    let mut found = Vec::new();
    files(&root().join("core/src"), "rs", &mut found);
    let sources: Vec<String> = found
        .iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.to_str().unwrap().contains("/tests/"))
        .map(|path| code(&fs::read_to_string(path).unwrap()))
        .collect();
    let defined: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter(|line| {
            ["pub struct ", "pub enum ", "pub trait ", "pub type "].iter().any(|start| line.starts_with(start))
        })
        .filter_map(item)
        .collect();
    let (mut faults, mut items, mut signatures) = (BTreeSet::new(), BTreeSet::new(), 0);
    for source in &sources {
        for (start, line) in source.lines().scan(0, |at, line| {
            let start = *at;
            *at += line.len() + 1;
            Some((start, line))
        }) {
            let Some(name) = item(line).filter(|name| face.contains(*name)) else { continue };
            items.insert(name);
            let rest = &source[start..];
            let end = if line.ends_with(';') || line.ends_with('}') {
                line.len()
            } else {
                rest.find("\n}").unwrap_or(rest.len())
            };
            for signature in visible(&rest[..end]) {
                signatures += 1;
                for word in type_words(&signature) {
                    let is_known = face.contains(word) || HIDDEN_IN_SIGNATURES.contains(&(name, word));
                    if defined.contains(word) && !is_known {
                        faults.insert(format!("{name}: {word} in `{}`", signature.trim()));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(
        items.len() > 60 && signatures > 200,
        "{} items with {signatures} signatures were seen: the reader is blind",
        items.len()
    );
}

/// Examples and pages show what a user can depend on.
#[test]
fn no_example_and_no_page_names_the_hidden_module() {
    let mut found = Vec::new();
    files(&root().join("examples"), "rs", &mut found);
    files(&root().join("docs"), "md", &mut found);
    found.push(root().join("README.md"));
    let mut named = 0;
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("countersign::internal"), "{} names countersign::internal", path.display());
        named += usize::from(text.contains("countersign::"));
    }
    assert!(named > 1, "no page names the crate: the reader is blind");
}

#[test]
fn the_reader_of_signatures_sees_what_users_see() {
    let block = "impl Thing {\n    pub fn a(&self, one: One) -> Option<Two> {\n        Three::new()\n    }\n\n    #[doc(hidden)]\n    pub fn b(&self) -> Four {\n    }\n\n    pub(crate) fn c() -> Five {\n    }";
    let words: Vec<String> = visible(block).iter().flat_map(|text| type_words(text)).map(str::to_owned).collect();
    assert_eq!(words, ["One", "Option", "Two"]);
    assert_eq!(visible("pub struct Thing {\n    pub a: One,\n    b: Two,"), ["One,"]);
    let variants = visible("pub enum Thing {\n    One(Two),\n    Three,\n    Four {\n        five: Six,\n    },");
    assert_eq!(variants.iter().flat_map(|text| type_words(text)).collect::<Vec<_>>(), ["Two", "Six"]);
    assert_eq!(item("impl<'r> Request<'r> {"), Some("Request"));
    assert_eq!(item("impl fmt::Debug for Request {"), None);
}

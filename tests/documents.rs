//! What a program can check in the documents: SECURITY.md names tests that exist, samples are parts of files that are run, links resolve, cited
//! rules have rows, and the pages of hosts name what the code has.

use std::fs;
use std::path::{Path, PathBuf};

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

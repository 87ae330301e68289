//! Samples in the documents: each is a part of a file that a test compiles or runs, or the output of a command that a test compares.

use std::fs;
use std::path::PathBuf;

use countersign::PolicyDocument;
use serde_json::Value;

use crate::{documents, read, root};

/// One block of code: its language, its text, and the mark in the line before it.
struct Sample {
    page: String,
    language: String,
    text: String,
    mark: Option<String>,
}

fn samples() -> Vec<Sample> {
    let mut found = Vec::new();
    for path in documents() {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        let content = fs::read_to_string(&path).unwrap();
        let mut lines = content.lines();
        let mut before = "";
        while let Some(line) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
                let mark = before.strip_prefix("<!-- ").and_then(|mark| mark.strip_suffix(" -->"));
                let (language, text) = (language.to_owned(), text.join("\n"));
                found.push(Sample { page: page.clone(), language, text, mark: mark.map(str::to_owned) });
            }
            before = line;
        }
    }
    found
}

/// The lines without the indentation that all of them have.
fn dedented(text: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    text.lines().map(|line| line.get(least..).unwrap_or("").trim_end().to_owned()).collect()
}

/// Commands whose output `bindings/cli/tests/cli/documents.rs` compares.
const OUTPUTS: [&str; 2] = ["output of countersign demo", "output of examples/cli/run"];

#[test]
fn every_marked_sample_is_a_part_of_its_file() {
    let mut checked = 0;
    for sample in samples() {
        let Some(mark) = &sample.mark else { continue };
        if OUTPUTS.contains(&mark.as_str()) {
            continue;
        }
        let file = read(mark);
        let (shown, lines) = (dedented(&sample.text), file.lines().collect::<Vec<_>>());
        let is_there = lines.windows(shown.len()).any(|part| dedented(&part.join("\n")) == shown);
        assert!(is_there, "{}: this is no part of {mark}:\n{}", sample.page, sample.text);
        checked += 1;
    }
    assert!(checked >= 9, "only {checked} samples were compared");
}

#[test]
fn every_sample_of_the_readme_has_a_mark() {
    for sample in samples().into_iter().filter(|sample| sample.page == "README.md") {
        let is_for_make = sample.text.lines().all(|line| line.starts_with("make "));
        assert!(is_for_make || sample.mark.is_some(), "README.md:\n{}", sample.text);
    }
}

#[test]
fn every_policy_is_a_policy() {
    let mut policies = 0;
    for sample in samples().into_iter().filter(|sample| sample.language == "json") {
        // The form of a vector is no document.
        if sample.page.starts_with("tests/") {
            continue;
        }
        let value: Value = serde_json::from_str(&sample.text)
            .unwrap_or_else(|fault| panic!("{}: {fault}:\n{}", sample.page, sample.text));
        let policy = value.get("policy").unwrap_or(&value);
        if policy.get("policies").is_some() {
            policies += 1;
            if let Err(faults) = PolicyDocument::parse(policy.to_string().as_bytes()) {
                panic!("{}: {}", sample.page, faults[0]);
            }
        }
    }
    assert!(policies >= 3, "only {policies} policies were read");
}

/// README.md is read in one sitting; everything else is a page of `docs`.
#[test]
fn the_readme_is_short_and_has_its_sections() {
    let readme = read("README.md");
    let words = readme.split_whitespace().count();
    assert!(words <= 1500, "{words} words");
    let sections: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let wanted = ["Install", "Use", "A policy", "A refusal", "Performance", "Security", "Documentation", "Licence"];
    assert_eq!(sections, wanted);
    let security = readme.lines().position(|line| line.contains("(SECURITY.md)")).unwrap();
    assert!(security < 30, "SECURITY.md is named in line {security}");
    for command in ["make demo", "make test", "make install", "make filter"] {
        assert!(readme.contains(command), "{command}");
    }
    let makefile = read("Makefile");
    for target in readme.split("make ").skip(1).map(|rest| rest.split([' ', '`', '\n']).next().unwrap()) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target} is no target");
    }
}

/// The places of tests that a page names: `tests/rotation.rs` `a_name`, `another`.
#[test]
fn every_test_that_a_page_names_exists() {
    let mut named = 0;
    for path in documents() {
        let page = path.strip_prefix(root()).unwrap().display().to_string();
        if !page.starts_with("docs/") && page != "SECURITY.md" && page != "CONTRIBUTING.md" && page != "RELEASING.md" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let parts: Vec<&str> = line.split('`').collect();
            let mut source: Option<(&str, String)> = None;
            for pair in parts.chunks(2) {
                let [gap, word] = pair else { continue };
                let is_file = word.contains('/')
                    && [".rs", ".py"].iter().any(|end| word.ends_with(end))
                    && !word.contains(['*', '{', ' '])
                    && !word.contains("NAME");
                if is_file {
                    let file: PathBuf = root().join(word);
                    let content = fs::read_to_string(file);
                    source = Some((word, content.unwrap_or_else(|_| panic!("{page}: {word} does not exist"))));
                    continue;
                }
                let Some((file, content)) = &source else { continue };
                let is_name = word.contains('_')
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
                if ![" ", ", "].contains(gap) || !is_name {
                    source = None;
                    continue;
                }
                let heads = [format!("fn {word}("), format!("def {word}(")];
                assert!(heads.iter().any(|head| content.contains(head)), "{page}: {file} has no {word}");
                named += 1;
            }
        }
    }
    assert!(named >= 90, "only {named} tests are named");
}

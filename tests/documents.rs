//! Sentences of the documents that a program can check: SECURITY.md names tests that exist, the README shows the order of checks and
//! the Rust sample as they are.

use std::fs;
use std::path::Path;

use countersign::engine::Check;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Compares the text between two marks of the README with `right`, or puts it there.
fn hold(name: &str, right: &str) {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(&format!("<!-- {name}:begin -->\n")).unwrap();
    let (found, after) = rest.split_once(&format!("<!-- {name}:end -->")).unwrap();
    if found != right && std::env::var_os("COUNTERSIGN_GENERATE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
        return fs::write(path, [before, &begin, right, &end, after].concat()).unwrap();
    }
    assert_eq!(found, right, "`make generate` puts in the text on the right");
}

/// Tests that write the README take turns.
static README: std::sync::Mutex<()> = std::sync::Mutex::new(());

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

#[test]
fn the_readme_has_the_checks_in_their_order() {
    let mut table = String::from("| check | rule |\n|---|---|\n");
    for check in Check::ALL {
        table += &format!("| `{}` | {} |\n", check.name(), check.rule());
    }
    let _turn = README.lock();
    hold("checks", &table);
}

#[test]
fn the_rust_sample_of_the_readme_is_the_example_that_is_compiled() {
    let sample = format!("```rust\n{}```\n", read("core/examples/decide.rs"));
    let _turn = README.lock();
    hold("decide.rs", &sample);
}

//! The language of the documents: the terms of the field, and none of the words that need a second reading.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{documents, root};

/// Words to avoid, and what to write.
const AVOID: [(&str, &str); 13] = [
    ("whoever", "any client, every process that …"),
    ("nobody", "no client, unknown"),
    ("everybody", "every client, all requests"),
    (" ours", "this server's, Countersign's"),
    ("what is revoked", "the revocations, revoked tokens"),
    ("of what", "a noun"),
    ("in force", "in use, valid"),
    ("stands in", "is in"),
    ("stand in", "are in"),
    ("lies in", "is in"),
    ("is told", "is reported, logged or returned"),
    ("are told", "are reported, logged or returned"),
    ("what goes", "a noun"),
];

#[test]
fn the_pages_are_in_plain_english() {
    let mut faults = Vec::new();
    let mut read = 0;
    for page in documents() {
        let text = fs::read_to_string(&page).unwrap();
        let shown = page.strip_prefix(root()).unwrap().display().to_string();
        // Tables that the code writes have the words of the code; the history of versions is not rewritten.
        if text.contains("Written by `make generate`") || shown == "CHANGELOG.md" || shown == "SECURITY.md" {
            continue;
        }
        if !shown.starts_with("docs/") && !shown.starts_with("examples/") && shown.contains('/') {
            continue;
        }
        read += 1;
        for (number, line) in text.lines().enumerate() {
            // Names of the code are what they are.
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`").to_lowercase();
            for (word, better) in AVOID {
                if prose.contains(word) {
                    faults.push(format!("{shown}:{}: `{}`: write {better}", number + 1, word.trim()));
                }
            }
        }
    }
    assert!(read > 25, "only {read} pages were read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Words to avoid in comments, as whole words.
const AVOID_IN_COMMENTS: [&str; 12] = [
    "nobody",
    "whoever",
    "somebody",
    "anybody",
    "everybody",
    "in force",
    "of ours",
    "stands in",
    "lies in",
    "is told",
    "are told",
    "told apart",
];

/// The comment on a line, if it has one. Quotations and names of the code in it are left out.
fn comment(line: &str, is_python: bool) -> Option<String> {
    let line = line.trim();
    let is_inside = line.starts_with("* ");
    let marks: &[&str] = if is_python { &["# ", "\"\"\""] } else { &["// ", "/// ", "//! ", "/* "] };
    let at = if is_inside { Some(0) } else { marks.iter().filter_map(|mark| line.find(mark)).min() }?;
    let text = line[at..].replace("\"\"\"", "");
    let without_code = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
    Some(without_code.split('"').step_by(2).collect::<Vec<_>>().join("\"").to_lowercase())
}

/// Whether `text` has `phrase` as whole words.
fn has_words(text: &str, phrase: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(phrase)
        .any(|(at, _)| !text[..at].ends_with(is_letter) && !text[at + phrase.len()..].starts_with(is_letter))
}

#[test]
fn comments_are_in_plain_english() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_source =
                !["target", "node_modules", "vectors", "__pycache__"].contains(&name) && !name.starts_with('.');
            if path.is_dir() && is_source && !path.is_symlink() {
                walk(&path, found);
            } else if ["rs", "c", "h", "hpp", "cpp", "py", "mjs", "ts"]
                .iter()
                .any(|ending| path.extension().is_some_and(|e| e == *ending))
            {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["core", "ffi", "bindings", "wasm", "benches", "tests", "examples"] {
        walk(&root().join(folder), &mut found);
    }
    let (mut faults, mut comments) = (Vec::new(), 0);
    // The words of this file are its subject.
    for path in found.into_iter().filter(|path| !path.ends_with("documents/language.rs")) {
        let text = fs::read_to_string(&path).unwrap();
        let is_python = path.extension().is_some_and(|ending| ending == "py");
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = comment(line, is_python) else { continue };
            comments += 1;
            for word in AVOID_IN_COMMENTS.iter().filter(|word| has_words(&comment, word)) {
                faults.push(format!("{}:{}: `{word}`: write the field's term", path.display(), number + 1));
            }
        }
    }
    assert!(comments > 5_000, "only {comments} comments were read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_reader_of_comments_sees_comments_only() {
    assert_eq!(comment("let nobody = 1; // Nobody knows", false).as_deref(), Some("// nobody knows"));
    assert_eq!(
        comment("/// The word `nobody`, and \"in force\" in quotations.", false).as_deref(),
        Some("/// the word `, and \" in quotations.")
    );
    assert_eq!(comment("row('kid', withKid('nobody'))", false), None);
    assert_eq!(comment("    \"\"\"Told once.\"\"\"", true).as_deref(), Some("told once."));
    assert!(
        has_words("nobody.", "nobody") && !has_words("nobodys", "nobody") && !has_words("hours of ourself", "of ours")
    );
}

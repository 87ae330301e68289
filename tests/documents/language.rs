//! The language of the documents: the terms of the field, and none of the words that need a second reading.

use std::fs;

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

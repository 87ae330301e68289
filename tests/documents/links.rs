//! Links between the documents, and to files of the repository, lead to files and headings that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{documents, root};

/// The text without blocks of code, and without code in lines.
fn prose(text: &str) -> String {
    let mut kept = String::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// The targets of the links and images of a page.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let mut found = Vec::new();
    for (at, _) in prose.match_indices("](") {
        if let Some((target, _)) = prose[at + 2..].split_once(')') {
            found.push(target.to_owned());
        }
    }
    found
}

fn resolve(page: &Path, target: &str) -> PathBuf {
    page.parent().unwrap().join(target)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut faults = Vec::new();
    let mut checked = 0;
    for page in documents() {
        let text = fs::read_to_string(&page).unwrap();
        let shown = page.strip_prefix(root()).unwrap().display().to_string();
        for target in targets(&text) {
            if target.starts_with("https://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if file.is_empty() { page.clone() } else { resolve(&page, file) };
            if !file.exists() {
                faults.push(format!("{shown}: {target} does not exist"));
            } else if !anchor.is_empty() && !anchors(&fs::read_to_string(&file).unwrap()).contains(anchor) {
                faults.push(format!("{shown}: {target} has no such heading"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 100, "only {checked} links were seen: the reader is blind");
}

/// A page that no other page links to is found by no reader.
#[test]
fn every_page_is_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut open = vec![root().join("README.md").canonicalize().unwrap()];
    while let Some(page) = open.pop() {
        if !reached.insert(page.clone()) {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            let file = target.split_once('#').map_or(target.as_str(), |(file, _)| file);
            let Ok(file) = resolve(&page, file).canonicalize() else { continue };
            if file.extension().is_some_and(|extension| extension == "md") {
                open.push(file);
            }
        }
    }
    let docs = documents().into_iter().filter(|page| page.starts_with(root().join("docs")));
    let unreached: Vec<PathBuf> = docs.filter(|page| !reached.contains(&page.canonicalize().unwrap())).collect();
    assert!(unreached.is_empty(), "{unreached:?}");
}

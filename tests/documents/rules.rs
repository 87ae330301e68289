//! `docs/specs`: each id of a rule that a vector, the code or a test cites has a row, with the folders of the vectors that cite it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use countersign::{Check, POLICY_SCHEMA};
use countersign_tests::vector;

use crate::{read, root};

/// The attack classes and decisions in the rule of a vector: `A` or `D` and at most two digits.
fn classes(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_class = |word: &&str| {
        word.strip_prefix(['A', 'D'])
            .is_some_and(|number| matches!(number.len(), 1..=2) && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    words.filter(is_class).map(str::to_owned).collect()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["target", "vectors", "node_modules"].contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// A row of a page: the id, and the cell that names its vectors or its test.
struct Row {
    page: String,
    sentence: String,
    shown_by: String,
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for entry in fs::read_dir(root().join("docs/specs")).unwrap() {
        let page = entry.unwrap().file_name().into_string().unwrap();
        for line in read(&format!("docs/specs/{page}")).lines() {
            let Some(line) = line.strip_prefix("| ") else { continue };
            let cells: Vec<&str> = line.trim_end_matches('|').split('|').map(str::trim).collect();
            let [id, _, sentence, shown_by] = cells[..] else { continue };
            if vector::rule_ids(id).is_empty() && classes(id).is_empty() {
                continue;
            }
            let row = Row { page: page.clone(), sentence: sentence.into(), shown_by: shown_by.into() };
            let before = rows.insert(id.to_owned(), row);
            assert!(before.is_none(), "{page}: {id} has a row in {} too", before.unwrap().page);
        }
    }
    rows
}

#[test]
fn every_cited_rule_has_one_row_that_names_what_shows_it() {
    let mut cited: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for vector in vector::all() {
        let folder = vector.path.split('/').next().unwrap().to_owned();
        let rule = vector.content["rule"].as_str().unwrap();
        for id in vector::rule_ids(rule).into_iter().chain(classes(rule)) {
            cited.entry(id).or_default().insert(format!("`{folder}`"));
        }
    }
    let mut texts = Vec::new();
    for folder in ["core", "ffi", "bindings", "wasm", "tests", "benches"] {
        sources(&root().join(folder), &mut texts);
    }
    let in_code: BTreeSet<String> = texts.iter().flat_map(|text| vector::rule_ids(text)).collect();
    assert!(cited.len() > 100 && in_code.len() > 80, "{} and {}: the reader is blind", cited.len(), in_code.len());

    let rows = rows();
    let all: BTreeSet<&String> = cited.keys().chain(&in_code).collect();
    let missing: Vec<_> = all.iter().filter(|id| !rows.contains_key(**id)).collect();
    assert!(missing.is_empty(), "no page of docs/specs has a row for {missing:?}");
    for (id, Row { page, sentence, shown_by }) in &rows {
        assert!(all.contains(id), "{page}: no vector and no code cites {id}");
        assert!(sentence.ends_with('.'), "{page}: {id} has no sentence");
        match cited.get(id) {
            Some(folders) => {
                let named: BTreeSet<String> = shown_by.split(", ").map(str::to_owned).collect();
                assert_eq!(&named, folders, "{page}: the folders of the vectors that cite {id}");
            }
            None => {
                let quoted: Vec<&str> = crate::quoted(shown_by).collect();
                let [file, test] = quoted[..] else { panic!("{page}: {id} names neither vectors nor a test") };
                assert!(read(file).contains(&format!("fn {test}(")), "{page}: {id}: {file} has no test {test}");
            }
        }
    }
}

/// The specifications that a rule names: `RFC 9449`, `JWT-SVID`, …
fn specifications(rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in rule.match_indices("RFC ") {
        let number: String = rule[at + 4..].chars().take_while(char::is_ascii_digit).collect();
        found.push(format!("RFC {number}"));
    }
    for name in ["JWT-SVID", "SPIFFE-ID", "X509-SVID", "WIT-SVID", "8725bis", "spiffe-client-auth", "JSON-RPC 2.0"] {
        if rule.contains(name) {
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn the_table_of_coverage_has_every_specification_that_a_check_or_a_vector_names() {
    let table = read("docs/specs/README.md");
    let checks = Check::ALL.into_iter().map(|check| check.rule().to_owned());
    let vectors = vector::all().into_iter().map(|vector| vector.content["rule"].as_str().unwrap().to_owned());
    let named: BTreeSet<String> = checks.chain(vectors).flat_map(|rule| specifications(&rule)).collect();
    assert!(named.len() > 25, "{named:?}");
    let missing: Vec<&String> = named.iter().filter(|name| !table.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/specs/README.md does not name {missing:?}");
}

#[test]
fn every_page_of_a_specification_is_in_the_table_and_names_its_code() {
    let table = read("docs/specs/README.md");
    for entry in fs::read_dir(root().join("docs/specs")).unwrap() {
        let page = entry.unwrap().file_name().into_string().unwrap();
        if page == "README.md" {
            continue;
        }
        assert!(table.contains(&format!("({page})")), "{page} is not in docs/specs/README.md");
        let text = read(&format!("docs/specs/{page}"));
        assert!(page == "frameworks.md" || text.contains("Code: "), "{page} names no code");
    }
}

/// The checks, members and rules that the map of risk catalogues names are those of the code.
#[test]
fn the_risk_catalogues_name_checks_members_and_rules_that_exist() {
    let page = read("docs/specs/frameworks.md");
    let rows = rows();
    let unknown: Vec<String> = vector::rule_ids(&page).into_iter().filter(|id| !rows.contains_key(id)).collect();
    // The outcomes of CSF have numbers with a leading zero.
    let unknown: Vec<&String> = unknown.iter().filter(|id| !id.contains("-0")).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let checks: BTreeSet<&str> = Check::ALL.into_iter().map(Check::name).collect();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for word in crate::quoted(&page).filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
        let is_member = POLICY_SCHEMA.contains(&format!("\"{word}\"")) || word.starts_with("countersign_");
        assert!(checks.contains(word) || is_member, "{word} is neither a check nor a member of a policy");
        named.extend(checks.get(word).copied());
    }
    assert!(named.len() >= 18, "only {named:?} are mapped");
}

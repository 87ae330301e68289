//! What may import what inside the core: a row takes from its own row or from rows above it.

use std::fs;
use std::path::Path;

/// Design, section 2. First the highest row, which imports nothing but its own.
const ROWS: [(&str, &[&str]); 7] = [
    ("words", &["reason", "limits", "time", "order", "printable", "field_value", "hash_index"]),
    ("syntax", &["jose", "uri", "spiffe_id", "subject_pattern"]),
    ("trust", &["crypto", "trust"]),
    ("memory", &["memory"]),
    ("specs", &["record", "request", "specs"]),
    ("policy", &["policy"]),
    ("engine", &["engine"]),
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|(_, modules)| modules.contains(&module))
}

/// The modules that a source text names by `crate::`, in a `use` (nested lists too) or inline.
fn named(source: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
                continue;
            }
            match rest.strip_prefix('{') {
                Some(list) => modules.extend(list.split([',', '}']).filter_map(first_word)),
                None => modules.extend(first_word(rest)),
            }
        }
    }
    modules
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_row_imports_from_a_row_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let prefix = format!("{}/", root.to_str().unwrap());
    let mut faults = Vec::new();
    let mut imports = 0;
    for (path, source) in &found {
        let inside = path.strip_prefix(&prefix).unwrap();
        if inside == "lib.rs" {
            continue;
        }
        let stem = inside.split(['/', '.']).next().unwrap();
        // Unit tests of a file lie beside it, under its name.
        let module = stem.strip_suffix("_tests").unwrap_or(stem);
        let own = row(module).unwrap_or_else(|| panic!("{inside} stands in no row"));
        for imported in named(source) {
            imports += 1;
            match row(&imported) {
                Some(theirs) if theirs <= own => {}
                Some(theirs) => {
                    faults.push(format!("{inside} ({}) imports {imported} ({})", ROWS[own].0, ROWS[theirs].0))
                }
                None => faults.push(format!("{inside} imports {imported}, which stands in no row")),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(imports > 50, "only {imports} imports were seen: the reader is blind");
}

#[test]
fn lib_rs_lists_every_module_of_a_row_and_nothing_else() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/lib.rs")).unwrap();
    let mut listed: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let mut placed: Vec<&str> = ROWS.iter().flat_map(|(_, modules)| modules.iter().copied()).collect();
    listed.sort_unstable();
    placed.sort_unstable();
    assert_eq!(listed, placed);
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn the_reader_sees_every_form_of_import() {
    let source = "use crate::jose::json;\nuse crate::{trust::set, crypto};\nlet x = crate::engine::Y;\n// crate::no\npub(crate) fn f() {}\nmycrate::z()";
    assert_eq!(named(source), ["jose", "trust", "crypto", "engine"]);
}

/// The core has no I/O, no clock, no environment and no threads: not by its imports, and not by macro.
#[test]
fn the_core_touches_no_outer_world() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src"), &mut found);
    for (path, source) in found {
        if path.contains("tests") {
            continue;
        }
        let live = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: Vec<&str> = live.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for word in ["std::", "SystemTime", "Instant", "println!", "eprintln!", "env!(", "include_bytes!", "unsafe "] {
            let uses = |line: &&&str| line.contains(word) && !line.contains("no_std");
            assert_eq!(code.iter().find(uses), None, "{path} uses {word}");
        }
    }
}

/// The model checkers run the memory orders that ship: one file names them, and each checker compiles that file for its own atomic word.
#[test]
fn the_memory_orders_of_the_replay_store_are_those_that_the_model_checkers_run() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core");
    let mut found = Vec::new();
    sources(&core.join("src/memory/replay"), &mut found);
    let store = core.join("src/memory/replay.rs");
    found.push((store.to_str().unwrap().to_owned(), fs::read_to_string(store).unwrap()));
    let mut faults = Vec::new();
    for (path, source) in found {
        if !path.ends_with("/tests.rs") && !path.ends_with("/replay/atomic.rs") && source.contains("Ordering::") {
            faults.push(format!("{path} names a memory order"));
        }
    }
    for checker in ["replay_loom.rs", "replay_shuttle.rs"] {
        let source = fs::read_to_string(core.join("tests").join(checker)).unwrap();
        if !source.contains("#[path = \"../src/memory/replay/atomic.rs\"]") {
            faults.push(format!("{checker} does not compile core/src/memory/replay/atomic.rs"));
        }
        if source.contains("impl Word for") {
            faults.push(format!("{checker} names memory orders of its own"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a specification costs: its own file and one row in each table that must name it. A transaction token stands for all.
#[test]
fn a_kind_of_token_is_one_file_and_rows_of_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in
        ["core/src", "ffi/src", "core/reload/src", "bindings/envoy-common/src", "bindings/envoy/src", "wasm/filter/src"]
    {
        sources(&root.join(folder), &mut found);
    }
    let names = |source: &str| {
        ["TxnToken", "txn_token", "TxntokenJwt", "txntoken+jwt"].iter().any(|word| source.contains(word))
    };
    let prefix = format!("{}/", root.to_str().unwrap());
    let mut files: Vec<&str> = found
        .iter()
        .map(|(path, source)| (path.strip_prefix(&prefix).unwrap(), source))
        .filter(|(path, source)| !path.contains("tests") && names(source))
        .map(|(path, _)| path)
        .collect();
    files.sort_unstable();
    let expected = [
        "core/src/jose/header.rs",     // the row of its media type
        "core/src/specs/mod.rs",       // the module
        "core/src/specs/profile.rs",   // the row of the kind
        "core/src/specs/txn_token.rs", // the specification
        "ffi/src/kinds.rs",            // generated
    ];
    assert_eq!(files, expected);
}

/// The modules of the C ABI, each of which is one noun of C, need each other in one direction.
#[test]
fn no_imports_of_the_c_abi_go_round_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi/src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let mut imports: Vec<(String, Vec<String>)> = found
        .iter()
        .map(|(path, source)| (Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned(), named(source)))
        .collect();
    assert!(imports.iter().map(|(_, names)| names.len()).sum::<usize>() > 30, "the reader is blind");
    // What imports none of the modules that are left is in no circle, nor is what none of them imports.
    loop {
        let before = imports.clone();
        let left = |name: &String| before.iter().any(|(module, _)| module == name);
        let imported = |name: &String| before.iter().any(|(_, names)| names.contains(name));
        imports.iter_mut().for_each(|(module, names)| names.retain(|name| name != module && left(name)));
        imports.retain(|(module, names)| !names.is_empty() && imported(module));
        if imports == before {
            break;
        }
    }
    assert_eq!(imports, [], "these modules import each other");
}

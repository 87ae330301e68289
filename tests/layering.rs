//! What may import what inside the core: a row takes from its own row or from rows above it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Design, section 2. First the highest row, which imports nothing but its own.
const ROWS: [(&str, &[&str]); 7] = [
    ("words", &["reason", "limits", "time", "order", "printable", "field_value", "hash_index"]),
    ("syntax", &["document", "jose", "uri", "spiffe_id", "subject_pattern"]),
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
        let module = inside.split(['/', '.']).next().unwrap();
        let own = row(module).unwrap_or_else(|| panic!("{inside} is in no row"));
        for imported in named(source) {
            imports += 1;
            match row(&imported) {
                Some(theirs) if theirs <= own => {}
                Some(theirs) => {
                    faults.push(format!("{inside} ({}) imports {imported} ({})", ROWS[own].0, ROWS[theirs].0))
                }
                None => faults.push(format!("{inside} imports {imported}, which is in no row")),
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

/// The cost of a specification: its own file and one row in each table that must name it; shown for transaction tokens.
#[test]
fn a_kind_of_token_is_one_file_and_rows_of_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in [
        "core/src",
        "ffi/src",
        "core/reload/src",
        "bindings/envoy-common/src",
        "bindings/envoy/src",
        "bindings/tower/src",
        "wasm/filter/src",
        "wasm/js/module",
    ] {
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

/// Where the unit tests of a module are: at its end up to this many lines, else in `tests.rs` of its own folder.
const INLINE_TEST_LINES: usize = 120;

/// The crates of this repository that have unit tests.
const CRATES: &[&str] = &[
    "core",
    "core/fallback",
    "ffi",
    "core/cpu",
    "core/reload",
    "bindings/envoy-common",
    "bindings/envoy",
    "bindings/cli",
    "bindings/tower",
    "wasm/filter",
    "wasm/js",
];

#[test]
fn unit_tests_have_one_place_in_every_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut faults, mut inline, mut apart) = (Vec::new(), 0, 0);
    for krate in CRATES {
        let folder = root.join(krate).join("src");
        let mut found = Vec::new();
        sources(&folder, &mut found);
        let prefix = format!("{}/", folder.to_str().unwrap());
        for (path, source) in &found {
            let inside = path.strip_prefix(&prefix).unwrap();
            let name = inside.rsplit('/').next().unwrap();
            if name != "tests.rs" && name.trim_end_matches(".rs").ends_with("tests") {
                faults.push(format!("{krate}/src/{inside}: unit tests in a file of another name than tests.rs"));
            }
            if inside.ends_with("tests/mod.rs") {
                faults.push(format!("{krate}/src/{inside}: tests.rs beside the folder is the same module"));
            }
            if source.contains("tests.rs\"]") {
                faults.push(format!("{krate}/src/{inside}: unit tests by #[path]"));
            }
            apart += usize::from(name == "tests.rs");
            if let Some((_, tests)) = source.split_once("#[cfg(test)]\nmod tests {") {
                inline += 1;
                let lines = tests.lines().count();
                if lines > INLINE_TEST_LINES {
                    faults.push(format!(
                        "{krate}/src/{inside}: {lines} lines of unit tests, which belong in tests.rs of its folder"
                    ));
                }
                if !tests.trim_end().ends_with("\n}") || tests.trim_end().matches("\n}").count() != 1 {
                    faults.push(format!("{krate}/src/{inside}: something comes after the unit tests"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        inline > 30 && apart > 10,
        "only {inline} and {apart} modules of unit tests were seen: the reader is blind"
    );
}

/// A folder of modules and, for each module of it, the other modules of the same folder that it imports.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The text of a file without its unit tests.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The items that a module hands on under its own name: `pub use child::{A, B}` gives A and B for `child`.
fn handed_on(source: &str) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    for statement in without_tests(source).split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let Some((child, names)) = statement.split_once("::") else { continue };
        for name in names.trim_matches(['{', '}', '\n']).split(',') {
            let name = name.rsplit(" as ").next().unwrap_or(name);
            items.insert(name.trim().to_owned(), child.trim().to_owned());
        }
    }
    items
}

/// The paths that a source text names by `crate::` or `super::`, from the root of its crate: at most as long as they are written, and one for
/// each name of a list. `module` is the path of the module itself.
fn paths(source: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let code: String = without_tests(source)
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    for (start, above) in [("crate::", module.len()), ("super::", 1)] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            if before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let (mut rest, mut above) = (&code[at + start.len()..], above);
            while let Some(further) = rest.strip_prefix("super::") {
                (rest, above) = (further, above + 1);
            }
            let mut path: Vec<String> = module[..module.len().saturating_sub(above)].to_vec();
            loop {
                if let Some(list) = rest.strip_prefix('{') {
                    // Lists are not nested here by `cargo fmt`'s own rule of one statement for each module.
                    let names = list.split('}').next().unwrap_or_default().split(',').filter_map(first_word);
                    found.extend(names.map(|name| path.iter().cloned().chain([name]).collect()));
                    break;
                }
                let Some(word) = first_word(rest) else { break };
                rest = &rest[word.len()..];
                path.push(word);
                match rest.strip_prefix("::") {
                    Some(further) => rest = further,
                    None => {
                        found.push(path);
                        break;
                    }
                }
            }
        }
    }
    found
}

/// The imports among the modules of each folder of a crate, by the folder's path.
fn imports_by_folder(root: &Path) -> BTreeMap<String, Graph> {
    let mut files = Vec::new();
    sources(root, &mut files);
    let prefix = format!("{}/", root.to_str().unwrap());
    // By the path of the module; `lib.rs`, `main.rs` and `mod.rs` are their folders.
    let modules: BTreeMap<Vec<String>, String> = files
        .into_iter()
        .map(|(path, source)| (path.strip_prefix(&prefix).unwrap().trim_end_matches(".rs").to_owned(), source))
        .filter(|(inside, _)| !inside.ends_with("tests") && !inside.contains("tests/"))
        .map(|(inside, source)| {
            let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
            if ["lib", "main", "mod"].contains(&module.last().unwrap().as_str()) {
                module.pop();
            }
            (module, source)
        })
        .collect();
    let mut folders: BTreeMap<String, Graph> = BTreeMap::new();
    for (module, source) in &modules {
        for mut path in paths(source, module) {
            // An item that a folder hands on is one of the module that has it.
            for depth in 0..path.len() {
                let (folder, name) = (&path[..depth], &path[depth]);
                let child: Vec<String> = path[..=depth].to_vec();
                if modules.contains_key(&child) || modules.keys().any(|known| known.starts_with(&child)) {
                    continue;
                }
                if let Some(from) = modules.get(folder).and_then(|source| handed_on(source).remove(name)) {
                    path = folder.iter().cloned().chain([from]).collect();
                }
                break;
            }
            let shared = module.iter().zip(&path).take_while(|(own, other)| own == other).count();
            let (Some(own), Some(other)) = (module.get(shared), path.get(shared)) else { continue };
            let target: Vec<String> = path[..=shared].to_vec();
            if modules.keys().any(|known| known.starts_with(&target)) {
                let folder = folders.entry(module[..shared].join("/")).or_default();
                folder.entry(own.clone()).or_default().insert(other.clone());
            }
        }
    }
    folders
}

/// The modules of a folder that import each other, directly or by others, as sorted groups.
fn circles(graph: &Graph) -> BTreeSet<Vec<String>> {
    let reached = |from: &String| {
        let (mut found, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(module) = open.pop() {
            for next in graph.get(module).into_iter().flatten() {
                if found.insert(next) {
                    open.push(next);
                }
            }
        }
        found
    };
    let reach: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|module| (module, reached(module))).collect();
    let is_mutual = |one: &String, other: &String| {
        reach[one].contains(other) && reach.get(other).is_some_and(|back| back.contains(one))
    };
    graph
        .keys()
        .filter(|module| is_mutual(module, module))
        .map(|module| graph.keys().filter(|other| is_mutual(module, other)).cloned().collect())
        .collect()
}

/// Circles that stay, each with its reason.
const CIRCLES: &[(&str, &str, &[&str])] = &[(
    "core/src",
    "checks of specifications read the record, which is laid out by the tables of the specifications",
    &["record", "specs"],
)];

/// A module is read together with its imports: where two import each other, neither is read alone.
#[test]
fn no_module_imports_one_that_imports_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut faults = Vec::new();
    let (mut stay, mut imports) = (0, 0);
    for source in [
        "core/src",
        "core/reload/src",
        "bindings/envoy-common/src",
        "bindings/envoy/src",
        "bindings/tower/src",
        "wasm/filter/src",
        "wasm/js/module",
        "bindings/cli/src",
        "ffi/src",
    ] {
        for (folder, graph) in imports_by_folder(&root.join(source)) {
            imports += graph.values().map(BTreeSet::len).sum::<usize>();
            for circle in circles(&graph) {
                let place = format!("{source}/{folder}");
                if CIRCLES
                    .iter()
                    .any(|(known, _, modules)| place.trim_end_matches('/') == *known && circle == **modules)
                {
                    stay += 1;
                    continue;
                }
                let edges: Vec<String> = circle
                    .iter()
                    .flat_map(|own| {
                        graph[own]
                            .iter()
                            .filter(|other| circle.contains(other))
                            .map(move |other| format!("{own} -> {other}"))
                    })
                    .collect();
                faults.push(format!("{place}: {}", edges.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "modules that import each other:\n{}", faults.join("\n"));
    assert_eq!(stay, CIRCLES.len(), "a circle of the list is gone: take it off");
    assert!(imports > 200, "only {imports} imports were seen: the reader is blind");
}

#[test]
fn the_reader_of_imports_sees_lists_parents_and_items_that_are_handed_on() {
    let module = ["a".to_owned(), "b".to_owned()];
    let source = "use crate::c::{D, e::F};\nuse super::g;\nlet x = crate::h::I::new();\n// crate::no\nuse super::super::j;\n#[cfg(test)]\nmod tests {\nuse crate::k;";
    let found: Vec<String> = paths(source, &module).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["c::D", "c::e", "h::I::new", "a::g", "j"]);
    let handed = handed_on("mod one;\npub use one::{A, B as C};\npub(crate) use two::D;");
    let handed: Vec<(&str, &str)> = handed.iter().map(|(name, from)| (name.as_str(), from.as_str())).collect();
    assert_eq!(handed, [("A", "one"), ("C", "one"), ("D", "two")]);
    let graph = |edges: &[(&str, &str)]| {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            graph.entry((*to).to_owned()).or_default();
        }
        graph
    };
    assert_eq!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), BTreeSet::new());
    let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "f"), ("f", "e")]));
    assert_eq!(found.into_iter().map(|circle| circle.concat()).collect::<Vec<String>>(), ["abc", "ef"]);
}

//! The pages of hosts name each directive, function and setting that the code has, and no other.

use std::collections::BTreeSet;

use crate::{quoted, read};

#[test]
fn nginx_has_a_section_for_each_directive_with_its_context() {
    let source = read("bindings/nginx/src/ngx_http_countersign_module.c");
    let page = read("docs/hosts/nginx.md");
    let mut directives = BTreeSet::new();
    for command in source.split("{ ngx_string(\"countersign").skip(1) {
        let (rest, flags) = command.split_once("\"),").unwrap();
        let name = format!("countersign{rest}");
        let flags = flags.trim_start().split(',').next().unwrap();
        let mut contexts = Vec::new();
        for (flag, context) in
            [("MAIN_CONF", "http"), ("SRV_CONF", "server"), ("LOC_CONF", "location"), ("LMT_CONF", "limit_except")]
        {
            let is_anywhere = flags.contains("COUNTERSIGN_ANYWHERE") && context != "limit_except";
            if is_anywhere || flags.contains(&format!("NGX_HTTP_{flag}")) {
                contexts.push(context);
            }
        }
        let section = page.split(&format!("\n### {name}\n")).nth(1).unwrap_or_else(|| panic!("no section for {name}"));
        let row = |head: &str| section.lines().find(|line| line.starts_with(&format!("| {head} |"))).unwrap();
        assert_eq!(quoted(row("Context")).collect::<Vec<_>>(), contexts, "{name}");
        assert!(row("Syntax").contains(&format!("`{name} ")), "{name}");
        assert!(row("Default").len() > "| Default |  |".len(), "{name}");
        directives.insert(name);
    }
    let sections: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### countersign"))
        .map(|rest| format!("countersign{rest}"))
        .collect();
    assert_eq!(sections, directives);
    assert!(directives.len() >= 14);
}

#[test]
fn c_has_a_place_for_each_function() {
    let header = read("ffi/include/countersign.h");
    let page = read("docs/hosts/c.md");
    let mut declared = BTreeSet::new();
    for line in header.lines().filter(|line| !line.starts_with([' ', '/', '#'])) {
        if let Some((before, _)) = line.split_once('(') {
            let name = before.rsplit([' ', '*']).next().unwrap();
            if name.starts_with("countersign_") {
                declared.insert(name.to_owned());
            }
        }
    }
    let named: BTreeSet<String> = quoted(&page).filter(|word| declared.contains(*word)).map(str::to_owned).collect();
    assert_eq!(named, declared);
    assert!(declared.len() >= 60, "{}", declared.len());
}

/// `build.rs` lists the members of both builds, of the module and of the proxy-wasm filter.
#[test]
fn envoy_has_a_row_for_each_setting_of_each_build() {
    let page = read("docs/hosts/envoy-settings.md");
    let (table, _) = page.split_once("\n**Attributes**").unwrap();
    let mut rows = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let builds = cells[2].to_owned();
        rows.insert((cells[1].trim_matches('`').to_owned(), builds));
    }
    let source = read("bindings/envoy-common/src/settings/build.rs");
    let mut members = BTreeSet::new();
    for (list, builds) in [("const OF_BOTH:", "both"), ("const OF_MODULE:", "module"), ("const OF_WASM:", "wasm")] {
        let (_, list) = source.split_once(list).unwrap_or_else(|| panic!("build.rs has no {list}"));
        let (list, _) = list.split_once("];").unwrap();
        members.extend(list.split('"').skip(1).step_by(2).map(|name| (name.to_owned(), builds.to_owned())));
    }
    assert!(members.len() >= 27, "{members:?}");
    assert_eq!(rows, members);
}

/// Each feature of another checker has a test that runs its line here.
#[test]
fn each_feature_of_another_checker_names_a_test() {
    let page = read("docs/hosts/coming-from.md");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.contains("| here |")) {
        let columns: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [_, here, test] = columns.as_slice() else { panic!("{line}") };
        let file = quoted(test).next().unwrap_or_else(|| panic!("no test: {line}"));
        assert!(crate::root().join(file).is_file(), "{file}: {line}");
        assert!(!here.trim().is_empty(), "{line}");
        rows += 1;
    }
    assert!(rows >= 57, "only {rows} features");
}

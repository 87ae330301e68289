//! The examples in the README are the files that the tests build.

use std::path::Path;

#[test]
fn the_examples_of_the_readme_are_the_ones_that_are_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for (name, path, most_lines) in
        [("check.c", "bindings/c/examples/check.c", 50), ("check.cpp", "bindings/cpp/examples/check.cpp", 35)]
    {
        let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("\n<!-- {name}:end -->"));
        let shown = readme.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).unwrap().0;
        let code = shown.split_once('\n').and_then(|(_, code)| code.strip_suffix("```")).unwrap();
        let file = std::fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(code, file, "{name} in the README");
        assert!(file.lines().count() <= most_lines, "{name} is no short example");
    }
}

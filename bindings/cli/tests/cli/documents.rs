//! The documents show the real output of the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of the page that follow the mark.
fn blocks(page: &str, mark: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(page)).unwrap();
    let mark = format!("<!-- {mark} -->\n```\n");
    let blocks = page.split(&mark).skip(1);
    blocks.map(|rest| rest.split_once("\n```").unwrap().0.to_owned()).collect()
}

#[test]
fn the_pages_show_the_demo_as_it_runs() {
    // Times differ from run to run; requests and answers do not.
    let columns = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.len() > 60).map(|line| line[..62].trim_end().to_owned()).collect()
    };
    let output = Run::new(&["demo"]).with("");
    let printed = columns(text(&output.stdout));
    let (page, readme) =
        (blocks("docs/hosts/cli.md", "output of countersign demo"), blocks("README.md", "output of countersign demo"));
    let ([whole], [some]) = (&page[..], &readme[..]) else { panic!("a page shows the demo once") };
    assert_eq!(columns(whole), printed, "put in: countersign demo");
    assert!(columns(some).len() >= 3);
    for line in columns(some) {
        assert!(printed.contains(&line), "README.md: {line}");
    }
}

#[test]
fn the_example_prints_what_the_pages_show() {
    let command = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let path = format!("{}:{}", command.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let run = Command::new("sh").arg(root().join("examples/cli/run")).env("PATH", path).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    let printed: Vec<&str> = text(&run.stdout).lines().map(str::trim).collect();
    let mut shown = 0;
    for page in ["README.md", "docs/hosts/cli.md"] {
        for line in blocks(page, "output of examples/cli/run").iter().flat_map(|block| block.lines()) {
            assert!(printed.contains(&line), "{page}: {line}\nis not in\n{}", text(&run.stdout));
            shown += 1;
        }
    }
    assert!(shown >= 8, "only {shown} lines were compared");
}

#[test]
fn the_revocations_of_the_page_are_a_document() {
    let page = std::fs::read_to_string(root().join("docs/revocations.md")).unwrap();
    let (_, rest) = page.split_once("```json\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (policy, list) = (folder.path().join("policy.json"), folder.path().join("revocations.json"));
    std::fs::write(&list, rest.split_once("```").unwrap().0).unwrap();
    let document = r#"{"trust": [{"issuer": "https://as.example", "jwks": {"keys": []}},
        {"trust_domain": "example.org", "bundle": {"keys": []}}],
        "policies": {"default": {"accept": ["at+jwt", "jwt-svid"], "audience": ["https://api.example"]}}}"#;
    std::fs::write(&policy, document).unwrap();
    let (policy, list) = (policy.to_str().unwrap(), list.to_str().unwrap());
    let output = Run::new(&["decide", "--policy", policy, "--revocations", list]).with("");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

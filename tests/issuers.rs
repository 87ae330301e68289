//! What real issuers send, as their users reported it: each file in `issuers/` names the reports that it comes from. The
//! files have the form of the vectors (`vectors/README.md`) with one more member, `source`.

use std::fs;
use std::path::PathBuf;

use countersign_tests::vector::Vector;

#[test]
fn tokens_of_real_issuers_are_decided_as_their_users_need() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("issuers");
    let (mut faults, mut files, mut decisions) = (Vec::new(), 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let content = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let vector = Vector { path: format!("issuers/{name}"), text, content };
        assert!(vector.content["source"].as_str().is_some_and(|source| source.contains('#')), "{name}: no source");
        assert!(vector.content["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{name}: no rule");
        faults.extend(vector.run());
        files += 1;
        decisions += vector.requests().count();
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(files >= 55 && decisions >= 146, "only {files} files with {decisions} decisions");
}

//! `decide` on what real issuers send: the files of `tests/issuers`, each with the reports that it comes from.

use std::path::Path;

use serde_json::Value;

use crate::support::{Place, Run, json_lines};

#[test]
fn every_token_of_a_real_issuer_is_decided_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/issuers");
    let place = Place::new();
    let (mut faults, mut decided) = (Vec::new(), 0);
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let policy = place.write("issuer.json", &case["policy"].to_string());
        let steps = case["steps"].as_array().unwrap();
        let lines: Vec<Value> = steps.iter().map(|step| step["request"].clone()).collect();
        let output = Run::new(&["decide", "--policy"]).arg(&policy).with_lines(&lines);
        assert!(output.status.success(), "{}: {output:?}", file.display());
        let answers = json_lines(&output);
        assert_eq!(answers.len(), steps.len(), "{}", file.display());
        for (place, (step, answer)) in steps.iter().zip(&answers).enumerate() {
            decided += 1;
            for (member, wanted) in step["expect"].as_object().unwrap() {
                if answer[member] != *wanted {
                    faults.push(format!("{} request {place}: {member} {wanted}, got {answer}", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(decided >= 85, "only {decided} decisions");
}

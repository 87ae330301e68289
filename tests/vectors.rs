//! Runs the decision corpus, and holds that it is the one that the generator makes.

use std::collections::BTreeMap;

use countersign_tests::request::Req;
use countersign_tests::{corpus, vector};
use serde_json::Value;

#[test]
fn every_vector_comes_out_as_it_says() {
    let vectors = vector::all();
    let mut faults = Vec::new();
    let (mut steps, mut accepted) = (0, 0);
    for vector in &vectors {
        faults.extend(vector.run());
        steps += vector.steps().len();
        accepted += vector.requests().filter(|(_, expect)| expect["decision"] == "accept").count();
    }
    println!("{} vectors, {steps} steps, {accepted} acceptances", vectors.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(vectors.len() >= 900, "only {} vectors", vectors.len());
    assert!(accepted >= 200, "only {accepted} acceptances");
}

#[test]
fn the_committed_corpus_is_the_generated_one() {
    let committed: BTreeMap<String, Value> =
        vector::all().into_iter().map(|vector| (vector.path, vector.content)).collect();
    let made: BTreeMap<String, Value> = corpus::all()
        .into_iter()
        .map(|made| (made.path.clone(), serde_json::from_str(&made.text()).unwrap()))
        .collect();
    assert!(committed.keys().eq(made.keys()), "run make_vectors: files were added or removed");
    for (path, content) in &made {
        assert!(committed[path] == *content, "{path}: run make_vectors");
    }
}

#[test]
fn every_vector_has_its_title_its_rule_and_an_expectation_for_each_request() {
    for vector in vector::all() {
        let name = vector.path.split('/').next_back().unwrap().replace('_', " ");
        assert_eq!(vector.content["title"], name.as_str(), "{}", vector.path);
        assert!(vector.content["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{}", vector.path);
        assert!(vector.requests().next().is_some(), "{}", vector.path);
        for (_, expect) in vector.requests() {
            let refused = expect["decision"] == "refuse";
            assert_eq!(refused, expect["reason"].is_string(), "{}", vector.path);
            assert_eq!(refused, expect["number"].is_u64(), "{}", vector.path);
            assert!(expect["status"].is_u64(), "{}", vector.path);
        }
    }
}

/// Hosts that cannot answer the engine, or pass on header fields that policies name, leave out the vectors that need it and no others.
#[test]
fn a_vector_names_what_a_host_must_have_to_run_it() {
    let mut needing = BTreeMap::new();
    for vector in vector::all() {
        let needs = vector.needs();
        assert_eq!(needs, vector::needs(&vector.content["policy"]), "{}", vector.path);
        let answers = vector.requests().any(|(request, _)| !request.answers.is_empty());
        assert!(!answers || needs.contains(&"answers"), "{}: answers to no question", vector.path);
        if !needs.is_empty() {
            *needing.entry(needs.join(" and ")).or_insert(0) += 1;
            continue;
        }
        let mut runner = vector.runner();
        for step in vector.steps() {
            let Some(request) = step.get("request").map(Req::from_json) else {
                runner.prepare(step);
                continue;
            };
            let faults = vector::differences(&step["expect"], &runner.decide(&request));
            assert!(faults.is_empty(), "{} without answers and fields: {faults:?}", vector.path);
        }
    }
    println!("{needing:?}");
    assert!(
        ["answers", "fields", "answers and fields"].iter().all(|needs| needing.contains_key(*needs)),
        "{needing:?}"
    );
}

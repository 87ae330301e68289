//! `decide`: lines that are none.

use serde_json::{Value, json};

use crate::support::{Place, WEB, bearer, json_lines, text};

const SECRET: &str = "eyJhbGciOiJFUzI1NiJ9";

#[test]
fn a_bad_line_is_answered_and_the_stream_goes_on() {
    let place = Place::new();
    let good = bearer("good", &place.domain.svid(WEB)).to_string();
    let bad = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        SECRET.to_owned(),
        format!("\"{SECRET}\""),
        r#"{"method":"GET","uri":"/"}"#.to_owned(),
        r#"{"method":"GET","headers":[]}"#.to_owned(),
        r#"{"method":1,"uri":"/","headers":[]}"#.to_owned(),
        r#"{"method":"GET","uri":"/","headers":{}}"#.to_owned(),
        format!(r#"{{"method":"GET","uri":"/","headers":[["authorization","{SECRET}","x"]]}}"#),
        format!(r#"{{"method":"GET","uri":"/","headers":[["authorization"]],"x":"{SECRET}"}}"#),
        format!(r#"{{"method":"GET","uri":"/","headers":[],"{SECRET}":1}}"#),
        format!(r#"{{"method":"GET","uri":"/","headers":[],"now":"{SECRET}"}}"#),
        r#"{"method":"GET","uri":"/","headers":[],"now":-1}"#.to_owned(),
        r#"{"method":"GET","uri":"/","headers":[],"now":1.5}"#.to_owned(),
        r#"{"method":"GET","uri":"/","headers":[],"now":99999999999999999999}"#.to_owned(),
        r#"{"method":"GET","method":"GET","uri":"/","headers":[]}"#.to_owned(),
        format!(r#"{{"method":"GET","uri":"/","headers":[],"client_cert":"{SECRET}_"}}"#),
        r#"{"method":"GET","uri":"/","headers":[],"client_cert":"AAA"}"#.to_owned(),
        r#"{"method":"GET","uri":"/","headers":[],"client_cert":""}"#.to_owned(),
        format!(r#"{{"method":"GET","uri":"/","headers":[],"policy":"{SECRET}"}}"#),
        r#"{"method":"GET","uri":"/","headers":[],"id":7}"#.to_owned(),
        "[".repeat(10_000),
        format!(r#"{{"id":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000)),
        format!("{good} {good}"),
        "\u{feff}{}".to_owned(),
    ];
    let mut input = String::new();
    for line in &bad {
        input += &format!("{line}\n{good}\n");
    }
    let output = place.decide().with(input);
    assert!(output.status.success(), "{output:?}");
    let answers = json_lines(&output);
    assert_eq!(answers.len(), 2 * bad.len());
    for (number, pair) in answers.chunks(2).enumerate() {
        assert_eq!(pair[0]["id"], Value::Null, "{}", bad[number]);
        assert_eq!(pair[0]["line"], 2 * number + 1);
        assert!(!pair[0]["error"].as_str().unwrap().is_empty());
        assert_eq!(pair[0].as_object().unwrap().len(), 3, "{}", pair[0]);
        assert_eq!(pair[1]["decision"], "accept", "after {}", bad[number]);
    }
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn an_error_has_the_id_where_that_can_be_read() {
    let place = Place::new();
    let answers = place.decisions(&[
        json!({"id": "a", "method": "GET"}),
        json!({"id": "b", "method": "GET", "uri": "/", "headers": [], "policy": "other"}),
        json!({"id": "c", "trust": {"trust_domain": "nobody.example", "document": {"keys": []}}}),
        json!({"id": "d", "revoke": {"authorities": [{"keys": []}]}}),
    ]);
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert!(answers.iter().all(|answer| answer["error"].is_string()), "{answers:?}");
    assert_eq!(answers[0]["error"], "missing member `uri`");
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let place = Place::new();
    let mut input = b"{\"id\":\"\xff\"}\n".to_vec();
    input.extend_from_slice(bearer("good", &place.domain.svid(WEB)).to_string().as_bytes());
    let answers = json_lines(&place.decide().with(input));
    assert_eq!(answers[0]["error"], "not UTF-8 at byte 8");
    assert_eq!(answers[1]["decision"], "accept");
}

#[test]
fn a_long_line_is_skipped() {
    let place = Place::new();
    let good = bearer("good", &place.domain.svid(WEB)).to_string();
    let long = "x".repeat(5 * 1024 * 1024);
    let answers = json_lines(&place.decide().with(format!("{long}\n{good}\n{long}")));
    assert_eq!(answers.len(), 3);
    for at in [0, 2] {
        assert_eq!(answers[at], json!({"id": null, "line": at + 1, "error": "longer than 4194304 bytes"}));
    }
    assert_eq!(answers[1]["decision"], "accept");

    let answers = json_lines(&place.decide().args(&["--line-limit", "100"]).with(format!("{good}\n{{}}\n")));
    assert_eq!(answers[0]["error"], "longer than 100 bytes");
    assert_eq!(answers[1]["error"], "missing member `method`");
}

#[test]
fn mutations_of_a_line_are_answered_one_by_one() {
    let place = Place::new();
    let line = bearer("good", &place.domain.svid(WEB)).to_string().into_bytes();
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut input = Vec::new();
    for _ in 0..2000 {
        let mut mutated = line.clone();
        for _ in 0..=random(3) {
            let at = random(mutated.len());
            let byte = u8::try_from(random(256)).unwrap();
            mutated[at] = if byte == b'\n' { b' ' } else { byte };
        }
        input.extend_from_slice(&mutated);
        input.push(b'\n');
    }
    let output = place.decide().with(input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(json_lines(&output).len(), 2000);
    assert_eq!(text(&output.stderr), "");
}

//! The body of a request: which tool a JSON-RPC call names, its length and its digest.

use countersign::Reason::{
    BodyMalformed, BodyTooLarge, DecisionAbandoned, InternalError, LimitExceeded, TokenExpired, ToolRefused,
};
use serde_json::{Value, json};

use super::{Corpus, ask, refused};
use crate::issuer::{AUDIENCE, NOW, SERVER, access, b64, proof, sha256};
use crate::request::{Doc, Req, answering, bearer, dpop};

fn doc(tools: &str) -> Doc {
    Doc::access().member("tools", tools)
}

const TOOLS: &str = r#"[{"name":"search.*"},{"name":"read"}]"#;

fn with(body: &str) -> Req {
    bearer(&access().text()).body(body)
}

fn call(tool: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": { "name": "x" } } })
        .to_string()
}

fn accepted_call(method: &str, tool: Value) -> Value {
    json!({ "decision": "accept", "status": 200, "rpc_method": method, "tool": tool })
}

pub(super) fn add(corpus: &mut Corpus) {
    corpus.area("body");
    add_tools(corpus);
    add_forms(corpus);
    add_messages(corpus);
    add_limits(corpus);
    add_with_others(corpus);
}

fn add_tools(corpus: &mut Corpus) {
    let doc = doc(TOOLS);
    let rule = "policy: tools (JSON-RPC 2.0 §4)";
    for (name, tool) in [("a_tool", "read"), ("a_tool_of_a_pattern", "search.web")] {
        corpus.steps(name, rule, &doc, vec![ask(&with(&call(tool)), accepted_call("tools/call", tool.into()))]);
    }
    for (name, tool) in [
        ("another_tool", "write"),
        ("a_tool_below_the_pattern", "search.web.deep"),
        ("the_pattern_without_its_segment", "search"),
        ("a_tool_in_capitals", "READ"),
        ("the_pattern_itself_with_an_empty_segment", "search."),
    ] {
        corpus.refuse(name, rule, &doc, &with(&call(tool)), ToolRefused);
    }
    corpus.refuse("a_tool_with_a_space", rule, &doc, &with(&call("read ")), BodyMalformed);
    for (name, body) in [
        (
            "params_in_another_case",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","Name":"write"}}"#,
        ),
        ("method_in_another_case", r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"write"}}"#),
        (
            "two_methods_by_case",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"write"}}"#,
        ),
        ("call_in_another_case", r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"write"}}"#),
    ] {
        corpus.refuse(name, "JSON-RPC 2.0 §4; readers that fold case", &doc, &with(body), BodyMalformed);
    }
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    corpus.steps("another_method", rule, &doc, vec![ask(&with(other), accepted_call("tools/list", Value::Null))]);
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    corpus.steps("a_response", rule, &doc, vec![ask(&with(response), accepted_call_of_nothing())]);
    corpus.steps("an_empty_body", rule, &doc, vec![ask(&with(""), accepted_call_of_nothing())]);
    let notification = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}"#;
    corpus.refuse("a_notification_of_another_tool", rule, &doc, &with(notification), ToolRefused);
    corpus.refuse("no_tool_is_let_in", rule, &self::doc("[]"), &with(&call("read")), ToolRefused);
    let star = self::doc(r#"[{"name":"*"}]"#);
    corpus.accept("every_tool_of_one_segment", rule, &star, &with(&call("read")));
    corpus.refuse("a_tool_of_two_segments", rule, &star, &with(&call("search.web")), ToolRefused);
}

fn accepted_call_of_nothing() -> Value {
    json!({ "decision": "accept", "status": 200, "rpc_method": null, "tool": null })
}

fn add_forms(corpus: &mut Corpus) {
    let doc = doc(TOOLS);
    let rule = "JSON-RPC 2.0 §4, §6; RFC 8259 §4";
    let batch = format!("[{}]", call("read"));
    for (name, body) in [
        ("a_batch", batch.as_str()),
        ("an_empty_batch", "[]"),
        ("a_call_without_a_name", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#),
        ("a_call_without_params", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#),
        ("a_call_with_an_empty_name", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#),
        ("a_call_with_a_number_as_name", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}"#),
        ("params_in_an_array", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read"]}"#),
        ("a_method_that_is_a_number", r#"{"jsonrpc":"2.0","id":1,"method":1}"#),
        (
            "two_methods",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"read"}}"#,
        ),
        (
            "two_methods_by_an_escape",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","\u006dethod":"tools/call","params":{"name":"read"}}"#,
        ),
        ("two_names", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"write"}}"#),
        (
            "two_names_by_an_escape",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","n\u0061me":"write"}}"#,
        ),
        (
            "two_params",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"},"params":{"name":"write"}}"#,
        ),
        ("no_json", "method=tools/call"),
        (
            "two_texts",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read"}}"#,
        ),
        ("white_space_alone", " \n"),
        ("cut_off", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}"#),
        ("a_byte_order_mark", "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
    ] {
        corpus.refuse(name, rule, &doc, &with(body), BodyMalformed);
    }
    let escaped = r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"wr\u0069te"}}"#;
    corpus.refuse("another_tool_by_escapes", rule, &doc, &with(escaped), ToolRefused);
    let escaped = r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"r\u0065ad"}}"#;
    corpus.steps(
        "a_tool_by_escapes",
        rule,
        &doc,
        vec![ask(&with(escaped), accepted_call("tools/call", "read".into()))],
    );
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    corpus.refuse("nested_too_deep", rule, &doc, &with(&deep), LimitExceeded);
    let deepest =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}1{}}}}}"#, "[".repeat(30), "]".repeat(30));
    corpus.accept("nested_as_deep_as_allowed", rule, &doc, &with(&deepest));
    corpus.accept("white_space_around", rule, &doc, &with(&format!("\n {} \r\n", call("read"))));
}

/// What JSON-RPC 2.0 and MCP demand of each message: a server that reads less strictly, or answers what it cannot read, is not asked.
fn add_messages(corpus: &mut Corpus) {
    let doc = doc(TOOLS);
    let method = |name: &str| accepted_call(name, Value::Null);
    let version = "JSON-RPC 2.0 §4: jsonrpc MUST be exactly \"2.0\"";
    for (name, body) in [
        ("an_empty_object", "{}"),
        ("no_version", r#"{"id":1,"method":"tools/call","params":{"name":"read"}}"#),
        ("version_one", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#),
        ("version_that_is_a_number", r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#),
        ("version_that_is_null", r#"{"jsonrpc":null,"id":1,"method":"ping"}"#),
        ("a_response_without_a_version", r#"{"id":1,"result":{}}"#),
        ("a_notification_without_a_version", r#"{"method":"notifications/initialized"}"#),
    ] {
        corpus.refuse(name, version, &doc, &with(body), BodyMalformed);
    }
    let version = r#"{"jsonrpc":"2\u002e0","id":1,"method":"ping"}"#;
    corpus.steps("version_by_an_escape", "RFC 8259 §8.3", &doc, vec![ask(&with(version), method("ping"))]);

    let one = "JSON-RPC 2.0 §4, §5: a request has a method, a response either a result or an error";
    for (name, body) in [
        ("nothing_but_a_version", r#"{"jsonrpc":"2.0"}"#),
        ("nothing_but_an_id", r#"{"jsonrpc":"2.0","id":1}"#),
        ("a_result_beside_a_method", r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#),
        ("a_null_result_beside_a_method", r#"{"jsonrpc":"2.0","id":1,"result":null,"method":"ping"}"#),
        (
            "an_error_beside_a_method",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","error":{"code":-32600,"message":"no"}}"#,
        ),
        ("a_result_beside_an_error", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":-32600,"message":"no"}}"#),
        ("a_result_beside_params", r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{"name":"write"}}"#),
        ("a_method_that_is_null", r#"{"jsonrpc":"2.0","id":1,"method":null}"#),
        ("a_null_method_beside_a_result", r#"{"jsonrpc":"2.0","id":1,"method":null,"result":{}}"#),
    ] {
        corpus.refuse(name, one, &doc, &with(body), BodyMalformed);
    }

    let id = "JSON-RPC 2.0 §4; MCP: an id is a string or an integer, and MUST NOT be null";
    for (name, value) in [
        ("null", "null"),
        ("true", "true"),
        ("an_array", "[1]"),
        ("an_object", "{}"),
        ("a_fraction", "1.5"),
        ("an_exponent", "1e2"),
    ] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":{value},"method":"ping"}}"#);
        corpus.refuse(&format!("id_{name}"), id, &doc, &with(&request), BodyMalformed);
    }
    for (name, value) in [("zero", "0"), ("negative", "-7"), ("text", "\"a\""), ("empty", "\"\"")] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":{value},"method":"ping"}}"#);
        corpus.steps(&format!("id_{name}"), id, &doc, vec![ask(&with(&request), method("ping"))]);
    }

    let params = "JSON-RPC 2.0 §4.2: params MUST be a structured value";
    for (name, value) in [("null", "null"), ("a_text", "\"read\""), ("a_number", "1"), ("true", "true")] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{value}}}"#);
        corpus.refuse(&format!("params_{name}"), params, &doc, &with(&request), BodyMalformed);
    }
    for (name, value) in [("an_object", "{}"), ("an_array", "[1]")] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{value}}}"#);
        corpus.steps(&format!("params_{name}"), params, &doc, vec![ask(&with(&request), method("ping"))]);
    }

    let notification = "JSON-RPC 2.0 §4.1; MCP: a notification has no id";
    for (name, body, called) in [
        ("a_notification", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notifications/initialized"),
        (
            "a_notification_with_params",
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
            "notifications/cancelled",
        ),
    ] {
        corpus.steps(name, notification, &doc, vec![ask(&with(body), method(called))]);
    }
    let call = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read"}}"#;
    let expect = accepted_call("tools/call", "read".into());
    corpus.steps("a_notification_of_a_tool", notification, &doc, vec![ask(&with(call), expect)]);

    let response = "JSON-RPC 2.0 §5, §5.1; MCP: a response has the id of its request";
    for (name, body) in [
        ("an_error", r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no such method","data":[1]}}"#),
        ("an_error_of_no_request", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}"#),
        ("an_error_without_an_id", r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no JSON"}}"#),
        ("a_result_of_members", r#"{"jsonrpc":"2.0","id":2,"result":{"roots":[],"method":"tools/call"}}"#),
    ] {
        corpus.steps(name, response, &doc, vec![ask(&with(body), accepted_call_of_nothing())]);
    }
    for (name, body) in [
        ("a_result_without_an_id", r#"{"jsonrpc":"2.0","result":{}}"#),
        ("a_result_of_no_request", r#"{"jsonrpc":"2.0","id":null,"result":{}}"#),
        ("a_result_that_is_a_text", r#"{"jsonrpc":"2.0","id":1,"result":"done"}"#),
        ("an_error_that_is_a_text", r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#),
        ("an_error_that_is_null", r#"{"jsonrpc":"2.0","id":1,"error":null}"#),
        ("an_error_without_a_code", r#"{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}"#),
        ("an_error_without_a_message", r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#),
        ("an_error_whose_code_is_a_text", r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"no"}}"#),
        ("an_error_whose_code_is_a_fraction", r#"{"jsonrpc":"2.0","id":1,"error":{"code":0.5,"message":"no"}}"#),
    ] {
        corpus.refuse(name, response, &doc, &with(body), BodyMalformed);
    }
}

fn add_limits(corpus: &mut Corpus) {
    let rule = "policy: body_bytes";
    let text = call("read");
    let most = |bytes: usize| doc(TOOLS).member("body_bytes", &bytes.to_string());
    corpus.accept("as_long_as_allowed", rule, &most(text.len()), &with(&text));
    corpus.answer("a_byte_too_long", rule, &most(text.len() - 1), &with(&text), BodyTooLarge, &[]);
    let digest = Doc::access().member("body_digest", "true").member("body_bytes", "4");
    corpus.refuse("too_long_for_its_digest", rule, &digest, &with("12345"), BodyTooLarge);

    let rule = "policy: body_digest";
    let digest = Doc::access().member("body_digest", "true");
    for (name, body) in [("of_bytes", "not json"), ("of_nothing", "")] {
        let expect =
            json!({ "decision": "accept", "status": 200, "body_digest": b64(sha256(body.as_bytes())), "tool": null });
        corpus.steps(&format!("digest_{name}"), rule, &digest, vec![ask(&with(body), expect)]);
    }
    let both = doc(TOOLS).member("body_digest", "true");
    let expect =
        json!({ "decision": "accept", "status": 200, "body_digest": b64(sha256(text.as_bytes())), "tool": "read" });
    corpus.steps("digest_and_tool", rule, &both, vec![ask(&with(&text), expect)]);
    let none = doc("[]").member("body_digest", "false");
    corpus.refuse("no_body_comes", "host: a decision that waits", &none, &bearer(&access().text()), DecisionAbandoned);
    let other = bearer(&access().text()).answer(json!({ "use_once": "first" }));
    corpus.refuse("answer_to_another_question", "host: a decision that waits", &none, &other, InternalError);
}

fn add_with_others(corpus: &mut Corpus) {
    let rule = "policy: tools, after all else is accepted";
    let expired = access().claim("exp", &(NOW - 30).to_string()).text();
    corpus.refuse("not_read_for_a_refused_token", rule, &doc(TOOLS), &bearer(&expired), TokenExpired);
    let bound = access().bound_to_key("client-p256").text();
    let proven = dpop(&bound, &proof(&bound).text());
    let shared = doc(TOOLS).member("dpop", r#"{"shared_store":"required"}"#);
    let request = proven.clone().body(&call("read")).answer(json!({ "use_once": "first" }));
    corpus.steps(
        "then_the_shared_store",
        rule,
        &shared,
        vec![ask(&request, accepted_call("tools/call", "read".into()))],
    );
    corpus.refuse("refused_before_the_shared_store", rule, &shared, &proven.body(&call("write")), ToolRefused);
    let entry = format!(r#"[{{"kind":"introspected","issuer":"{SERVER}"}}]"#);
    for (name, cache) in [("cached", ""), ("asked_each_time", r#","cache_seconds":0"#)] {
        let doc = Doc::new(&[answering(SERVER, cache)], &entry).member("tools", TOOLS);
        let active = json!({ "active": true, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 60 });
        let request = bearer("opaque").answer(json!({ "introspected": active })).body(&call("read"));
        corpus.steps(
            &format!("of_an_introspected_token_{name}"),
            rule,
            &doc,
            vec![ask(&request, accepted_call("tools/call", "read".into()))],
        );
    }
    let two = doc(TOOLS).credentials(
        r#"[{"name":"client","from":"authorization","accept":["at+jwt"]},{"name":"user","from":{"header":"x-user"},"accept":["at+jwt"]}]"#,
    );
    let user = access().claim("sub", "\"bob\"").text();
    let request = with(&call("read")).header("x-user", &user);
    let mut expect = accepted_call("tools/call", "read".into());
    expect["credentials"] = json!({ "client": "at+jwt", "user": "at+jwt" });
    corpus.steps("beside_two_credentials", rule, &two, vec![ask(&request, expect)]);
    let shadow = doc(TOOLS).member("mode", "\"shadow\"");
    corpus.steps("shadow_mode", "policy: mode", &shadow, vec![ask(&with(&call("write")), refused(ToolRefused))]);
}

//! The corpus for programs that cannot read JSON: `c_corpus script` writes all vectors as a script of steps, `c_corpus answers`
//! what Rust answers to them, one attribute a line. `c/corpus.c` runs the one and must print the other. `c_corpus pending` writes the requests of
//! `c/pending.c`, whose decisions wait or ask for several credentials.

use std::io::{self, Write};

use countersign_tests::issuer::{self, NOW, SERVER, access, proof, q};
use countersign_tests::request::{Req, bearer, dpop, set_key};
use countersign_tests::runner::{Answer, raw_answer, revocation_document};
use countersign_tests::vector::{self, Vector};
use serde_json::Value;

fn main() {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let only = std::env::args().nth(2);
    let write = match std::env::args().nth(1).as_deref() {
        Some("script") => script,
        Some("answers") => answers,
        Some("pending") => {
            pending(&mut out).unwrap();
            return out.flush().unwrap();
        }
        _ => panic!("usage: c_corpus script|answers [VECTOR], c_corpus pending"),
    };
    for vector in vector::all() {
        // A C engine has nonce keys from the start; one without them is for Rust to test.
        if vector.path != "nonce/demanded_without_secrets" && only.as_ref().is_none_or(|only| vector.path == *only) {
            write(&vector, &mut out).unwrap();
        }
    }
    out.flush().unwrap();
}

fn script(vector: &Vector, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "vector ")?;
    bytes(out, vector.path.as_bytes())?;
    bytes(out, vector.content["policy"].to_string().as_bytes())?;
    writeln!(out, "{}", vector.requests().next().map_or(0, |(request, _)| request.now))?;
    for step in vector.steps() {
        if let Some(request) = step.get("request") {
            let waits = vector.needs().contains(&"answers");
            ask(if waits { "begin" } else { "request" }, &Req::from_json(request), out)?;
        } else if let Some(trust) = step.get("trust") {
            let (kind, name) = match trust.get("trust_domain") {
                Some(name) => (1, name),
                None => (2, &trust["issuer"]),
            };
            let removed = trust.get("removed") == Some(&Value::Bool(true));
            writeln!(out, "{} {kind}", if removed { "withdraw" } else { "trust" })?;
            bytes(out, name.as_str().unwrap().as_bytes())?;
            if !removed {
                let document = trust.get("bundle").or(trust.get("jwks")).map(Value::to_string);
                bytes(out, document.as_deref().or(trust["text"].as_str()).unwrap().as_bytes())?;
                writeln!(out, "{}", trust["now"])?;
            }
        } else if let Some(revoke) = step.get("revoke") {
            write!(out, "revoke ")?;
            bytes(out, revocation_document(revoke).to_string().as_bytes())?;
        } else {
            let [current, previous] = countersign_tests::runner::nonce_secrets(step);
            write!(out, "nonces ")?;
            bytes(out, &current.unwrap())?;
            bytes(out, previous.as_ref().map_or(&[], |key| key.as_slice()))?;
        }
    }
    Ok(())
}

/// The request, after the answers that the host has for its questions: the name of each, and its value as text.
fn ask(word: &str, request: &Req, out: &mut dyn Write) -> io::Result<()> {
    for answer in &request.answers {
        let (name, value) = answer.as_object().and_then(|answer| answer.iter().next()).unwrap();
        let raw = raw_answer(answer);
        let value = if matches!(name.as_str(), "introspected" | "body") { &raw } else { value.as_str().unwrap() };
        write!(out, "answer ")?;
        bytes(out, name.as_bytes())?;
        bytes(out, value.as_bytes())?;
    }
    write!(out, "{word} ")?;
    for text in [&request.policy, &request.method, &request.uri] {
        bytes(out, text.as_bytes())?;
    }
    let certificate = request.client_cert.as_deref();
    writeln!(out, "{}\n{}", request.now, u8::from(certificate.is_some()))?;
    bytes(out, certificate.unwrap_or_default())?;
    writeln!(out, "{}", request.headers.len())?;
    for (name, value) in &request.headers {
        bytes(out, name.as_bytes())?;
        bytes(out, value.as_bytes())?;
    }
    Ok(())
}

/// One policy a question, one for two of them, one for several credentials; then a request for each, in the order of `c/pending.c`.
fn pending(out: &mut dyn Write) -> io::Result<()> {
    let txn_service = "https://tts.example";
    let policy = format!(
        r#"{{"trust":[
            {{"issuer":"{SERVER}","jwks":{{"keys":[{}]}},"introspection":{{"uri":"https://as.example/introspect","cache_seconds":0,"inactive_cache_seconds":0}}}},
            {{"issuer":"{txn_service}","jwks":{{"keys":[{}]}}}}],
          "policies":{{
            "once":{{"accept":["at+jwt"],"audience":"https://api.example","dpop":{{"shared_store":"required"}}}},
            "opaque":{{"accept":[{{"kind":"introspected","issuer":"{SERVER}"}}],"audience":"https://api.example"}},
            "body":{{"accept":["at+jwt"],"audience":"https://api.example","tools":[{{"name":"search.*"}}],"body_bytes":100,"body_digest":true}},
            "both":{{"accept":["at+jwt"],"audience":"https://api.example","body_digest":true,"dpop":{{"shared_store":"required"}}}},
            "page":{{"audience":"a","credentials":[
                {{"name":"page","from":{{"cookie":"token"}},"accept":["at+jwt"],"remove":true}},
                {{"name":"socket","from":{{"websocket_protocol":"bearer."}},"accept":["at+jwt"],"remove":true,"required":false}}]}},
            "txn":{{"credentials":[
                {{"name":"access","from":"authorization","accept":["at+jwt"],"audience":"https://api.example"}},
                {{"name":"txn","from":{{"header":"txn-token"}},"accept":[{{"kind":"txntoken+jwt","issuer":"{txn_service}"}}],
                  "audience":"example.org","remove":true}}],
              "tie":[{{"left":"access:/sub","is":"equal","right":"txn:/sub"}}],
              "attributes":{{"tenant":"/tenant","quota":"/quota"}}}}}}}}"#,
        set_key("server-p256"),
        set_key("plain-p256"),
    );
    write!(out, "vector ")?;
    bytes(out, b"pending")?;
    bytes(out, policy.as_bytes())?;
    writeln!(out, "{NOW}")?;

    let bound = access().bound_to_key("client-p256").text();
    let tenant = access().claim("tenant", &q("a\\u0062c")).claim("quota", r#"{"rate": 7}"#).text();
    let txn = |subject: &str| {
        let claims = [
            ("iss", q(txn_service)),
            ("sub", q(subject)),
            ("aud", q("example.org")),
            ("exp", (NOW + 300).to_string()),
            ("iat", NOW.to_string()),
            ("txn", q("97053963-771d-49cc-a4e3-20aad399c312")),
            ("scope", q("trade.stocks")),
            ("req_wl", q("apigateway.example.org")),
        ];
        issuer::Token::new("plain-p256", "txntoken+jwt", &claims).text()
    };
    for request in [
        dpop(&bound, &proof(&bound).text()).policy("once"),
        bearer("opaque-to-all-but-its-issuer").policy("opaque"),
        bearer(&access().text()).policy("body"),
        dpop(&bound, &proof(&bound).text()).policy("both"),
        bearer(&tenant).header("Txn-Token", &txn("alice")).policy("txn"),
        bearer(&tenant).header("Txn-Token", &txn("bob")).policy("txn"),
        bearer(&tenant).policy("txn"),
    ] {
        ask("request", &request, out)?;
    }
    Ok(())
}

/// A length, a blank, the bytes, a line feed.
fn bytes(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    write!(out, "{} ", bytes.len())?;
    out.write_all(bytes)?;
    writeln!(out)
}

fn answers(vector: &Vector, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "vector {}", vector.path)?;
    let mut runner = vector.runner();
    for step in vector.steps() {
        match step.get("request") {
            Some(request) => facts(&runner.ask(&Req::from_json(request)), out)?,
            None => match runner.prepare(step) {
                "removed" | "revoked" | "keyed" => {}
                outcome => writeln!(out, "trust {}", u8::from(outcome == "installed"))?,
            },
        }
    }
    Ok(())
}

fn facts(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "reason {}", answer.reason.map_or("accepted", |reason| reason.code()))?;
    writeln!(out, "number {}", answer.reason.map_or(1000, |reason| reason.number()))?;
    writeln!(out, "status {}\nlets_pass {}\ncache {}", answer.status, u8::from(answer.lets_pass), answer.cache)?;
    for (name, text) in [
        ("kind", answer.kind),
        ("issuer", answer.issuer.as_deref()),
        ("subject", answer.subject.as_deref()),
        ("key_id", answer.key_id.as_deref()),
        ("rpc_method", answer.rpc_method.as_deref()),
        ("tool", answer.tool.as_deref()),
    ] {
        if let Some(text) = text {
            writeln!(out, "{name} {text}")?;
        }
    }
    for (name, value) in &answer.headers {
        writeln!(out, "header {name}: {value}")?;
    }
    if let Some(authority) = &answer.wants_refresh {
        writeln!(out, "refresh {authority}")?;
    }
    writeln!(out, "audit {}", answer.audit)
}

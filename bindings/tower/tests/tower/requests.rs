//! Requests to a real axum server.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::OriginalUri;
use countersign::Reason;
use countersign_tests::issuer::{URI, access, proof, q, svid};
use countersign_tests::request::Doc;
use countersign_tower::{Attribute, CountersignLayer};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{engine, get, serve, serve_router, settings, shown, spelled};

const ORIGIN: &str = "https://api.example";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A token that is bound to the client's key, and a proof for it, as header fields.
fn bound(uri: &str, jti: &str) -> [(&'static str, String); 2] {
    let token = access().bound_to_key("client-p256").text();
    let proof = proof(&token).claim("htu", &q(uri)).claim("jti", &q(jti)).text();
    [("authorization", format!("DPoP {token}")), ("dpop", proof)]
}

fn borrowed<'f>(fields: &'f [(&'static str, String)]) -> Vec<(&'static str, &'f str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn an_accepted_request_has_its_identity_and_a_refused_one_its_challenge() {
    let engine = engine(&Doc::svid().text());
    let address = serve(settings(&engine, "default").build().unwrap()).await;
    let accepted = get(address, "/orders", &[("authorization", &bearer(&svid().text()))]).await;
    assert_eq!(accepted.shown()["subject"], "spiffe://example.org/ns/shop/sa/web");
    for (fields, description, challenge) in [
        (vec![], "", "Bearer realm=\"default\""),
        (vec![("authorization", bearer("x"))], "token_malformed", "Bearer realm=\"default\", error=\"invalid_token\""),
        (vec![("authorization", bearer(&svid().claim("exp", "1000").text()))], "token_expired", "Bearer realm"),
    ] {
        let refused = get(address, "/orders", &borrowed(&fields)).await;
        assert_eq!((refused.status, refused.description()), (StatusCode::UNAUTHORIZED, description));
        assert!(refused.values("www-authenticate")[0].starts_with(challenge), "{refused:?}");
        assert_eq!(refused.body, "");
    }
    let twice = [("authorization", bearer(&svid().text())), ("authorization", bearer("x"))];
    assert_eq!(get(address, "/orders", &borrowed(&twice)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!((engine.shared().engine().accepted(), engine.shared().engine().refused(Reason::TokenExpired)), (1, 1));
}

#[tokio::test]
async fn a_proof_is_for_the_origin_of_the_settings_and_for_one_request() {
    let engine = engine(&Doc::access().text());
    let address = serve(settings(&engine, "default").origin(ORIGIN).build().unwrap()).await;
    let fields = bound(URI, "first");
    assert_eq!(get(address, "/orders?page=2", &borrowed(&fields)).await.shown()["subject"], "alice");
    let again = get(address, "/orders", &borrowed(&fields)).await;
    assert_eq!((again.status, again.description()), (StatusCode::UNAUTHORIZED, "proof_replayed"));
    assert_eq!(again.values("www-authenticate").len(), 2, "RFC 9449 §7.2: a challenge of both schemes");
    for (path, uri, jti) in [
        ("/other", URI, "second"),
        ("/orders", "http://api.example/orders", "third"),
        ("/orders", "https://evil.example/orders", "fourth"),
    ] {
        let mut fields = borrowed(&[]);
        let bound = bound(uri, jti);
        fields.extend(borrowed(&bound));
        // What a client says of the host and of hops changes nothing.
        fields.extend([("x-forwarded-proto", "http"), ("x-forwarded-host", "evil.example")]);
        let refused = get(address, path, &fields).await;
        assert_eq!((refused.status, refused.description()), (StatusCode::UNAUTHORIZED, "proof_uri_mismatch"), "{uri}");
    }
}

#[tokio::test]
async fn the_host_chooses_among_origins_and_invents_none() {
    let engine = engine(&Doc::access().text());
    let settings =
        settings(&engine, "default").origin("https://api.example").origin("https://*.shop.example:8443/base");
    let address = serve(settings.build().unwrap()).await;
    let send = async |host: &str, uri: &str, jti: &str| {
        let mut request = http::Request::get("/orders").header("host", host);
        for (name, value) in bound(uri, jti) {
            request = request.header(name, value);
        }
        let answer = crate::support::send(address, request.body(Default::default()).unwrap()).await;
        (answer.status.as_u16(), answer.description().to_owned())
    };
    assert_eq!(send("api.example", URI, "1").await.0, 200);
    assert_eq!(send("eu.shop.example:8443", "https://eu.shop.example:8443/base/orders", "2").await.0, 200);
    let refused = (401, "proof_uri_mismatch".to_owned());
    assert_eq!(send("evil.example", "https://evil.example/orders", "3").await, refused);
    assert_eq!(send("a.b.shop.example:8443", "https://a.b.shop.example:8443/base/orders", "4").await, refused);
    assert_eq!(send("api.example/x?", "https://api.example/x?/orders", "5").await, refused);
}

/// axum's `nest` strips the prefix from the URI of the request.
#[tokio::test]
async fn behind_a_router_that_strips_a_prefix_the_uri_is_the_client_s() {
    let engine = engine(&Doc::access().text());
    let nested = |layer: CountersignLayer| {
        let inner = Router::new().fallback(shown).layer(layer);
        Router::new().nest("/v1", inner)
    };
    let without = serve_router(nested(settings(&engine, "default").origin(ORIGIN).build().unwrap())).await;
    let with = settings(&engine, "default").origin(ORIGIN);
    let with = with.original_uri(|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0));
    let with = serve_router(nested(with.build().unwrap())).await;
    let of_client = bound("https://api.example/v1/orders", "1");
    let of_service = bound("https://api.example/orders", "2");
    let accepted = get(with, "/v1/orders", &borrowed(&of_client)).await;
    assert_eq!(accepted.shown()["path"], "/orders");
    assert_eq!(get(with, "/v1/orders", &borrowed(&of_service)).await.description(), "proof_uri_mismatch");
    let of_client = bound("https://api.example/v1/orders", "3");
    assert_eq!(get(without, "/v1/orders", &borrowed(&of_client)).await.description(), "proof_uri_mismatch");
}

#[tokio::test]
async fn a_nonce_is_handed_out_and_taken() {
    let engine = engine(&Doc::access().member("dpop", r#"{"nonce":"required"}"#).text());
    let address = serve(settings(&engine, "default").origin(ORIGIN).build().unwrap()).await;
    let first = get(address, "/orders", &borrowed(&bound(URI, "1"))).await;
    assert_eq!((first.status, first.description()), (StatusCode::UNAUTHORIZED, "nonce_required"));
    assert_eq!(first.values("cache-control"), ["no-store"]);
    let nonce = first.values("dpop-nonce")[0].to_owned();
    let token = access().bound_to_key("client-p256").text();
    let with_nonce = proof(&token).claim("nonce", &q(&nonce)).text();
    let fields = [("authorization", format!("DPoP {token}")), ("dpop", with_nonce)];
    assert_eq!(get(address, "/orders", &borrowed(&fields)).await.shown()["subject"], "alice");
}

/// The rows that nginx and Envoy pass too; those of HTTP's names that a server of this crate can receive.
#[tokio::test]
async fn identity_headers_are_written_by_the_decision_alone() {
    let table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/identity_headers.json"));
    let table: Value = serde_json::from_str(&table.unwrap()).unwrap();
    let document =
        Doc::access().also("shadow", r#"{"accept":["at+jwt"],"audience":"https://api.example","mode":"shadow"}"#);
    let engine = engine(&document.text());
    let with_headers = |policy: &str| {
        let settings = settings(&engine, policy).origin(ORIGIN);
        settings.identity_header("x-user", Attribute::Subject).identity_header("X-Binding", Attribute::Binding)
    };
    let enforced = serve(with_headers("default").build().unwrap()).await;
    let shadow = serve(with_headers("shadow").build().unwrap()).await;
    let mut rows = 0;
    for row in table["rows"].as_array().unwrap() {
        let address = match (row["place"].as_str().unwrap(), row.get("hosts")) {
            ("enforced", None) => enforced,
            ("shadow", None) => shadow,
            // A place without a policy is one without the layer.
            _ => continue,
        };
        let token = match row.get("token") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(claims) => {
                let claims = claims.as_object().unwrap().iter();
                Some(claims.fold(access(), |token, (name, value)| token.claim(name, &value.to_string())).text())
            }
        };
        let mut fields = Vec::new();
        let authorization = token.map(|token| bearer(&token));
        fields.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let sent = row["request"].as_array().unwrap();
        fields.extend(sent.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())));
        let answer = get(address, "/orders", &fields).await;
        let name = &row["name"];
        assert_eq!(answer.status.as_u16(), row["status"], "{name}");
        rows += 1;
        if answer.status != StatusCode::OK {
            continue;
        }
        let shown = answer.shown();
        let got: Vec<[String; 2]> = ["x-binding", "x-user"].iter().flat_map(|name| spelled(&shown, name)).collect();
        assert_eq!(json!(got), row["upstream"], "{name}");
        for other in row.get("others").and_then(Value::as_array).into_iter().flatten() {
            assert_eq!(json!(spelled(&shown, other[0].as_str().unwrap())), json!([other]), "{name}");
        }
    }
    println!("{rows} rows");
    assert!(rows >= 55, "only {rows} rows");
}

#[tokio::test]
async fn shadow_lets_pass_without_an_identity_and_reports() {
    let engine = engine(&Doc::svid().member("mode", "\"shadow\"").text());
    let reported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reported);
    let settings = settings(&engine, "default");
    let layer = settings.on_decision(move |decision| seen.lock().unwrap().push(decision.audit().to_string()));
    let address = serve(layer.build().unwrap()).await;
    let passed = get(address, "/orders", &[("authorization", &bearer("x.y.z"))]).await;
    assert_eq!((passed.shown()["subject"].clone(), passed.values("www-authenticate")), (Value::Null, vec![]));
    let reported = reported.lock().unwrap();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].starts_with(r#"{"decision":"refuse","reason":"token_"#), "{reported:?}");
    assert!(!reported[0].contains("x.y.z"));
}

/// A second policy of the same engine further in: the proof is one use, and the identity is the second decision's.
#[tokio::test]
async fn a_proof_is_the_same_requests_when_a_second_layer_decides() {
    let document = Doc::access()
        .also("write", r#"{"accept":[{"kind":"at+jwt","scope":["orders:write"]}],"audience":"https://api.example"}"#);
    let document =
        document.also("admin", r#"{"accept":[{"kind":"at+jwt","scope":["admin"]}],"audience":"https://api.example"}"#);
    let engine = engine(&document.text());
    let layer = |policy: &str| settings(&engine, policy).origin(ORIGIN).build().unwrap();
    let router = |inner: &str| Router::new().fallback(shown).layer(layer(inner)).layer(layer("default"));
    let (write, admin) = (serve_router(router("write")).await, serve_router(router("admin")).await);
    let fields = bound(URI, "1");
    assert_eq!(get(write, "/orders", &borrowed(&fields)).await.shown()["subject"], "alice");
    assert_eq!(get(write, "/orders", &borrowed(&fields)).await.description(), "proof_replayed");
    let refused = get(admin, "/orders", &borrowed(&bound(URI, "2"))).await;
    assert_eq!((refused.status, refused.description()), (StatusCode::FORBIDDEN, "scope_insufficient"));
}

#[tokio::test]
async fn a_credential_that_the_policy_removes_does_not_reach_the_service() {
    let credentials = r#"[{"name":"access","from":"authorization","accept":["at+jwt"]},
        {"name":"ticket","from":{"header":"x-ticket"},"accept":["at+jwt"],"remove":true}]"#;
    let engine = engine(&Doc::access().credentials(credentials).text());
    let address = serve(settings(&engine, "default").origin(ORIGIN).build().unwrap()).await;
    let token = access().text();
    let fields = [("authorization", bearer(&token)), ("x-ticket", token.clone())];
    let shown = get(address, "/orders", &borrowed(&fields)).await.shown();
    assert_eq!(shown["subject"], "alice");
    assert!(spelled(&shown, "x-ticket").is_empty() && spelled(&shown, "authorization").len() == 1, "{shown}");
    let twice = [("authorization", bearer(&token)), ("x-ticket", token.clone()), ("x_ticket", "x".to_owned())];
    assert_eq!(get(address, "/orders", &borrowed(&twice)).await.status, StatusCode::BAD_REQUEST);
}

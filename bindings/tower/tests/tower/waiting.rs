//! Decisions that wait: for a store, for an issuer, for the body.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign::Reason;
use countersign::UseOnce;
use countersign_tests::issuer::{URI, access, proof, q};
use countersign_tests::request::{Doc, answering};
use countersign_tower::{Asked, EngineHandle, Questions};
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{engine, get, send, serve, settings};

/// A store of proofs in memory, and an issuer that knows one token; or neither ever answers.
#[derive(Default)]
struct World {
    used: Mutex<BTreeSet<[u8; 32]>>,
    is_silent: bool,
    asked: Mutex<Vec<String>>,
}

impl Questions for World {
    fn use_once<'a>(&'a self, proof: &'a [u8; 32], seconds: u64) -> Asked<'a, UseOnce> {
        self.asked.lock().unwrap().push(format!("{seconds} seconds"));
        Box::pin(async move {
            if self.is_silent {
                pending::<()>().await;
            }
            if self.used.lock().unwrap().insert(*proof) { UseOnce::First } else { UseOnce::Used }
        })
    }

    fn introspect<'a>(&'a self, issuer: &'a str, uri: &'a str, token: &'a [u8]) -> Asked<'a, Option<Vec<u8>>> {
        self.asked.lock().unwrap().push(format!("{issuer} at {uri}"));
        Box::pin(async move {
            match token {
                _ if self.is_silent => pending().await,
                b"opaque" => Some(
                    br#"{"active":true,"sub":"alice","aud":"https://api.example","client_id":"shop","token_type":"Bearer"}"#
                        .to_vec(),
                ),
                b"endless" => Some(vec![b' '; 64 * 1024 + 1]),
                b"down" => None,
                _ => Some(br#"{"active":false}"#.to_vec()),
            }
        })
    }
}

fn silent() -> Arc<World> {
    Arc::new(World { is_silent: true, ..World::default() })
}

fn store() -> EngineHandle {
    engine(&Doc::access().member("dpop", r#"{"shared_store":"required"}"#).text())
}

fn bound(jti: &str) -> [(&'static str, String); 2] {
    let token = access().bound_to_key("client-p256").text();
    let proof = proof(&token).claim("jti", &q(jti)).claim("htu", &q(URI)).text();
    [("authorization", format!("DPoP {token}")), ("dpop", proof)]
}

fn borrowed<'f>(fields: &'f [(&'static str, String); 2]) -> [(&'static str, &'f str); 2] {
    [(fields[0].0, &fields[0].1), (fields[1].0, &fields[1].1)]
}

#[tokio::test]
async fn a_proof_is_used_once_at_all_servers_of_a_store() {
    let world = Arc::new(World::default());
    let mut servers = Vec::new();
    for _ in 0..2 {
        let layer = settings(&store(), "default").origin("https://api.example").questions(world.clone());
        servers.push(serve(layer.build().unwrap()).await);
    }
    let fields = bound("1");
    assert_eq!(get(servers[0], "/orders", &borrowed(&fields)).await.shown()["subject"], "alice");
    let again = get(servers[1], "/orders", &borrowed(&fields)).await;
    assert_eq!((again.status, again.description()), (StatusCode::UNAUTHORIZED, "proof_replayed"));
    assert_eq!(world.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_store_that_does_not_answer_refuses_in_time() {
    let engine = store();
    let layer = settings(&engine, "default").origin("https://api.example").questions(silent());
    let address = serve(layer.question_time(Duration::from_millis(50)).build().unwrap()).await;
    let refused = get(address, "/orders", &borrowed(&bound("1"))).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(engine.shared().engine().refused(Reason::ReplayStoreUnavailable), 1);
}

#[tokio::test]
async fn an_issuer_is_asked_about_its_token() {
    let server = "https://as.example";
    let accept = r#"[{"kind":"introspected","issuer":"https://as.example"}]"#;
    let engine = engine(&Doc::new(&[answering(server, "")], accept).text());
    let world = Arc::new(World::default());
    let layer = settings(&engine, "default").origin("https://api.example").questions(world.clone());
    let address = serve(layer.build().unwrap()).await;
    let ask = async |token: &str| get(address, "/orders", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(ask("opaque").await.shown()["subject"], "alice");
    assert_eq!(*world.asked.lock().unwrap(), ["https://as.example at https://as.example/introspect"]);
    assert_eq!(ask("unknown").await.status, StatusCode::UNAUTHORIZED);
    for token in ["down", "endless"] {
        assert_eq!(ask(token).await.status, StatusCode::SERVICE_UNAVAILABLE, "{token}");
    }
    assert_eq!(engine.shared().engine().refused(Reason::IntrospectionUnavailable), 2);
}

fn tools() -> EngineHandle {
    engine(&Doc::access().member("tools", r#"[{"name":"orders.read"}]"#).member("body_bytes", "1000").text())
}

fn call(tool: &str, more: usize) -> String {
    let filler = " ".repeat(more);
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}{filler}"#)
}

fn post(body: &str) -> Request<Full<Bytes>> {
    let request = Request::post("/orders").header("host", "api.example");
    let request = request.header("authorization", format!("Bearer {}", access().text()));
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

#[tokio::test]
async fn a_body_is_read_and_reaches_the_service_unchanged() {
    let engine = tools();
    let address = serve(settings(&engine, "default").origin("https://api.example").build().unwrap()).await;
    let body = call("orders.read", 10);
    assert_eq!(send(address, post(&body)).await.shown()["body"], body.as_str());
    assert_eq!(send(address, post(&call("orders.delete", 0))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(address, post(&call("orders.read", 1000))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(address, post("{")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(engine.shared().engine().refused(Reason::ToolRefused), 1);
}

/// In chunks, with a pause between them, and with trailer fields.
#[tokio::test]
async fn a_body_in_pieces_is_read_to_its_end() {
    let address = serve(settings(&tools(), "default").origin("https://api.example").build().unwrap()).await;
    let body = call("orders.read", 0);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = access().text();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: api.example\r\nauthorization: Bearer {token}\r\nconnection: close\r\ntrailer: x-sum\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(7) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
        stream.flush().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    stream.write_all(b"0\r\nx-sum: 1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(&body.replace('"', "\\\"")), "{answer}");
}

/// In shadow mode a body that is too long goes on whole.
#[tokio::test]
async fn shadow_mode_passes_on_what_was_read_and_what_was_not() {
    let document = Doc::access().member("tools", r#"[{"name":"orders.read"}]"#).member("body_bytes", "1000");
    let engine = engine(&document.member("mode", "\"shadow\"").text());
    let address = serve(settings(&engine, "default").origin("https://api.example").build().unwrap()).await;
    let body = call("orders.read", 300_000);
    assert_eq!(send(address, post(&body)).await.shown()["body"].as_str().unwrap().len(), body.len());
    assert_eq!(engine.shared().engine().refused(Reason::BodyTooLarge), 1);
}

#[tokio::test]
async fn a_client_that_does_not_send_its_body_is_refused_in_time() {
    let engine = tools();
    let layer = settings(&engine, "default").origin("https://api.example").body_time(Duration::from_millis(50));
    let address = serve(layer.build().unwrap()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = access().text();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: api.example\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = crate::support::text(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(engine.shared().engine().refused(Reason::DecisionAbandoned), 1);
}

/// The decision of a client that goes is given up, counted and reported.
#[tokio::test]
async fn a_client_that_goes_abandons_its_decision() {
    let engine = store();
    let reported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reported);
    let world = silent();
    let layer = settings(&engine, "default").origin("https://api.example").questions(world.clone());
    let layer = layer.on_decision(move |decision| seen.lock().unwrap().push(decision.audit().to_string()));
    let address = serve(layer.question_time(Duration::from_secs(60)).build().unwrap()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let [authorization, proof] = bound("1");
    let head = format!(
        "GET /orders HTTP/1.1\r\nhost: api.example\r\nauthorization: {}\r\ndpop: {}\r\n\r\n",
        authorization.1, proof.1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let wait = async |is_there: &dyn Fn() -> bool| {
        for _ in 0..500 {
            if is_there() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    };
    assert!(wait(&|| !world.asked.lock().unwrap().is_empty()).await, "the store is asked");
    drop(stream);
    assert!(
        wait(&|| engine.shared().engine().refused(Reason::DecisionAbandoned) == 1).await,
        "the decision is given up"
    );
    let reported = reported.lock().unwrap();
    assert!(reported.len() == 1 && reported[0].contains("decision_abandoned"), "{reported:?}");
}

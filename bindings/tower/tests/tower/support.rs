//! Engines at the time of the vectors, a server that shows what reached it, and its client.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use countersign::Engine;
use countersign::NonceKeys;
use countersign::UnixSeconds;
use countersign_tests::issuer::NOW;
use countersign_tower::{Builder, CountersignLayer, EngineHandle, Identity, PolicyDocument, SharedEngine};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::new(NOW)
}

/// An engine for `document`, with `workers`.
pub(crate) fn engine_of(document: &str, workers: usize) -> EngineHandle {
    let document = PolicyDocument::parse(document.as_bytes()).unwrap_or_else(|faults| panic!("{faults:?}"));
    let shared = SharedEngine::new(Engine::new(document, [3, 5]), now(), &mut |line| println!("{line}")).unwrap();
    EngineHandle::new(shared, workers).unwrap()
}

/// The same with keys of nonces.
pub(crate) fn engine(document: &str) -> EngineHandle {
    let engine = engine_of(document, 2);
    engine.shared().set_nonce_keys(NonceKeys::new(&[7; 32], None));
    engine
}

/// Settings at the time of the vectors.
pub(crate) fn settings(engine: &EngineHandle, policy: &str) -> Builder {
    CountersignLayer::builder(engine.clone(), policy).clock(now)
}

/// What reached the service, as JSON.
pub(crate) async fn shown(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_or_else(|fault| fault.to_string(), |body| text(&body.to_bytes()));
    let fields: Vec<Value> =
        parts.headers.iter().map(|(name, value)| json!([name.as_str(), text(value.as_bytes())])).collect();
    let identity = parts.extensions.get::<Identity>();
    let subject = identity.and_then(Identity::subject);
    json!({ "path": parts.uri.path(), "fields": fields, "subject": subject, "body": body }).to_string()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A router behind `layer`, on a free port.
pub(crate) async fn serve(layer: CountersignLayer) -> SocketAddr {
    serve_router(Router::new().fallback(shown).layer(layer)).await
}

pub(crate) async fn serve_router(router: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn of<B: hyper::body::Body<Error: std::fmt::Debug>>(response: Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let body = text(&body.collect().await.unwrap().to_bytes());
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// What reached the service.
    pub(crate) fn shown(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// All values of a field, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The word of the refusal in the challenge.
    pub(crate) fn description(&self) -> &str {
        let challenges = self.values("www-authenticate");
        let found = challenges.into_iter().find_map(|value| value.split("error_description=\"").nth(1));
        found.and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }
}

/// A request over a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: http::Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Answer::of(sender.send_request(request).await.unwrap()).await
}

/// `GET path` with these fields.
pub(crate) async fn get(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = http::Request::get(path).header("host", "api.example");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(address, request.body(Full::default()).unwrap()).await
}

/// The values of the fields that spell `name` alike, in order of their names.
pub(crate) fn spelled(shown: &Value, name: &str) -> Vec<[String; 2]> {
    let fields = shown["fields"].as_array().unwrap().iter();
    let pairs = fields.map(|pair| [0, 1].map(|place| pair[place].as_str().unwrap().to_owned()));
    let mut found: Vec<[String; 2]> = pairs
        .filter(|[known, _]| countersign::internal::field_value::spells_alike(known.as_bytes(), name.as_bytes()))
        .collect();
    found.sort();
    found
}

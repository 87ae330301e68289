//! gRPC by tonic: real calls over HTTP/2, accepted and refused.

use std::net::SocketAddr;

use countersign_tests::issuer::{access, proof, q};
use countersign_tests::request::Doc;
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{engine, settings};

/// A server of `grpc.health.v1.Health` behind a layer.
async fn serve(document: &str) -> SocketAddr {
    let layer = settings(&engine(document), "default").origin("https://api.example").build().unwrap();
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("orders", tonic_health::ServingStatus::Serving).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(layer).add_service(service);
    tokio::spawn(async move {
        let _kept = reporter;
        server.serve_with_incoming(TcpIncoming::from(listener)).await
    });
    address
}

async fn client(address: SocketAddr) -> HealthClient<Channel> {
    HealthClient::new(Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

fn call(fields: &[(&'static str, String)]) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest { service: "orders".to_owned() });
    for (name, value) in fields {
        request.metadata_mut().insert(*name, MetadataValue::try_from(value).unwrap());
    }
    request
}

fn refused(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_unary_call_and_a_stream_are_answered_or_refused_by_status() {
    let mut client = client(serve(&Doc::access().text()).await).await;
    let valid = [("authorization", format!("Bearer {}", access().text()))];
    let answer = client.check(call(&valid)).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "SERVING");
    let mut stream = client.watch(call(&valid)).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);
    let expired = [("authorization", format!("Bearer {}", access().claim("exp", "1000").text()))];
    for (fields, reason) in [(&expired[..], "token_expired"), (&[], "credential_missing")] {
        let status = client.check(call(fields)).await.unwrap_err();
        assert_eq!(refused(&status), (Code::Unauthenticated, reason));
        let challenge = status.metadata().get("www-authenticate").unwrap().to_str().unwrap();
        assert!(challenge.starts_with("Bearer realm=\"default\""), "{challenge}");
        let status = client.watch(call(fields)).await.unwrap_err();
        assert_eq!(refused(&status), (Code::Unauthenticated, reason));
    }
    // The connection goes on.
    assert!(client.check(call(&valid)).await.is_ok());
}

#[tokio::test]
async fn the_status_says_what_the_http_status_says() {
    let accept = r#"[{"kind":"at+jwt","scope":["admin"]}]"#;
    let mut client = client(serve(&Doc::access().accept(accept).text()).await).await;
    let valid = format!("Bearer {}", access().text());
    let status = client.check(call(&[("authorization", valid.clone())])).await.unwrap_err();
    assert_eq!(refused(&status), (Code::PermissionDenied, "scope_insufficient"));
    let mut twice = call(&[("authorization", valid.clone())]);
    twice.metadata_mut().append("authorization", MetadataValue::try_from(&valid).unwrap());
    let status = client.check(twice).await.unwrap_err();
    assert_eq!(refused(&status), (Code::Internal, "credential_repeated"));
}

#[tokio::test]
async fn a_proof_is_for_the_method_that_is_called() {
    let mut client = client(serve(&Doc::access().text()).await).await;
    let token = access().bound_to_key("client-p256").text();
    let with = |method: &str, jti: &str| {
        let uri = format!("https://api.example/grpc.health.v1.Health/{method}");
        let proof = proof(&token).claim("htm", "\"POST\"").claim("htu", &q(&uri)).claim("jti", &q(jti)).text();
        call(&[("authorization", format!("DPoP {token}")), ("dpop", proof)])
    };
    assert!(client.check(with("Check", "1")).await.is_ok());
    let status = client.check(with("Watch", "2")).await.unwrap_err();
    assert_eq!(refused(&status), (Code::Unauthenticated, "proof_uri_mismatch"));
}

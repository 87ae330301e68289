//! Tokens that are bound to the certificate of a real TLS connection.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use countersign_tests::issuer::{access, b64, q, sha256};
use countersign_tests::request::Doc;
use countersign_tower::ClientCertificate;
use http::StatusCode;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{Answer, engine, settings, shown};

/// Takes any certificate, or none: RFC 8705 §2.2 needs no chain, and the handshake proves the key.
#[derive(Debug)]
struct AnyClient(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

fn made(name: &str) -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(vec![name.to_owned()]).unwrap()
}

fn key_of(certified: &CertifiedKey<rcgen::KeyPair>) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap()
}

/// The router over TLS; the certificate of each connection is an extension of its requests.
async fn serve(router: Router, server: &CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyClient(provider.signature_verification_algorithms));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.cert.der().clone()], key_of(server))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let presented = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = presented.map(|der| ClientCertificate::from_der(der));
                let service = tower::ServiceExt::map_request(router, move |mut request: http::Request<_>| {
                    request.extensions_mut().extend(
                        certificate
                            .map(|found| {
                                let mut extensions = http::Extensions::new();
                                extensions.insert(found);
                                extensions
                            })
                            .unwrap_or_default(),
                    );
                    request
                });
                let connection = hyper::server::conn::http1::Builder::new();
                connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await
            });
        }
    });
    address
}

/// `GET /orders` with `token`, by a client with this certificate.
async fn get(
    address: SocketAddr,
    server: &CertifiedKey<rcgen::KeyPair>,
    client: Option<&CertifiedKey<rcgen::KeyPair>>,
    token: &str,
) -> Answer {
    let mut roots = RootCertStore::empty();
    roots.add(server.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        Some(client) => config.with_client_auth_cert(vec![client.cert.der().clone()], key_of(client)).unwrap(),
        None => config.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("api.example").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        http::Request::get("/orders").header("host", "api.example").header("authorization", format!("Bearer {token}"));
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    Answer::of(sender.send_request(request).await.unwrap()).await
}

#[tokio::test]
async fn a_bound_token_is_accepted_over_its_certificate_alone() {
    let engine = engine(&Doc::access().member("binding", r#"{"require":"mtls"}"#).text());
    let layer = settings(&engine, "default").build().unwrap();
    let (server, owner, thief) = (made("api.example"), made("owner"), made("thief"));
    let address = serve(Router::new().fallback(shown).layer(layer), &server).await;
    let thumbprint = b64(sha256(owner.cert.der()));
    let token = access().claim("cnf", &format!("{{\"x5t#S256\":{}}}", q(&thumbprint))).text();
    assert_eq!(get(address, &server, Some(&owner), &token).await.shown()["subject"], "alice");
    for (client, token, reason) in [
        (Some(&thief), &token, "certificate_mismatch"),
        (None, &token, "certificate_missing"),
        (Some(&owner), &access().text(), "binding_required"),
    ] {
        let refused = get(address, &server, client, token).await;
        assert_eq!((refused.status, refused.description()), (StatusCode::UNAUTHORIZED, reason));
    }
}

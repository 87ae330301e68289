//! The example is run: a valid token is accepted, a faulty one and none are refused.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::UNIX_EPOCH;

use countersign_tests::issuer::access;
use countersign_tests::request::set_key;

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// The response to `GET /orders` with this header field.
fn get(address: &str, field: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /orders HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n{field}\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_valid_token_is_accepted_and_a_faulty_one_is_refused() {
    let folder = std::env::temp_dir().join(format!("countersign-example-axum-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let policy = folder.join("policy.json");
    let text = r#"{ "trust": [{ "issuer": "https://as.example", "jwks_file": "as.json" }],
        "policies": { "default": { "accept": ["at+jwt"], "audience": ["https://api.example"] } } }"#;
    std::fs::write(&policy, text).unwrap();
    std::fs::write(folder.join("as.json"), format!("{{\"keys\":[{}]}}", set_key("server-p256"))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-example-axum"));
    let command = command.arg(&policy).args(["https://api.example", "127.0.0.1:0"]);
    let mut server = Server(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut first = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("listening on ").unwrap();

    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let valid = access().claim("iat", &now.to_string()).claim("exp", &(now + 300).to_string()).text();
    let accepted = get(address, &format!("authorization: Bearer {valid}\r\n"));
    assert!(accepted.starts_with("HTTP/1.1 200 OK\r\n") && accepted.ends_with("orders of alice\n"), "{accepted}");
    let expired = access().claim("iat", "1000").claim("exp", "1300").text();
    let refused = get(address, &format!("authorization: Bearer {expired}\r\n"));
    assert!(refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{refused}");
    assert!(refused.contains("error=\"invalid_token\", error_description=\"token_expired\""), "{refused}");
    assert!(get(address, "").starts_with("HTTP/1.1 401 Unauthorized\r\n"));

    let mut errors = server.0.stderr.take().unwrap();
    drop(server);
    let mut log = String::new();
    errors.read_to_string(&mut log).unwrap();
    assert_eq!(log.lines().filter(|line| line.starts_with("{\"decision\":")).count(), 3, "{log}");
    assert!(!log.contains(&valid), "a token is in the log");
    std::fs::remove_dir_all(folder).unwrap();
}

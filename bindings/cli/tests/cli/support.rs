//! Keys, tokens, policies, and the command itself.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

use countersign::internal::crypto::sha256;
use countersign::internal::jose::base64url;
use countersign::internal::trust::thumbprint::thumbprint;
use countersign::{Curve, KeyMaterial};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const WEB: &str = "spiffe://example.org/ns/shop/sa/web";
pub(crate) const URI: &str = "https://api.example/orders";

pub(crate) fn b64(bytes: &[u8]) -> String {
    let mut text = vec![0; base64url::encoded_len(bytes.len())];
    base64url::encode(bytes, &mut text).unwrap().to_owned()
}

/// Standard base64 with its padding.
pub(crate) fn standard_b64(bytes: &[u8]) -> String {
    let mut text = b64(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(crate) struct Key {
    pair: EcdsaKeyPair,
    kid: &'static str,
    proofs: Cell<u64>,
}

impl Key {
    pub(crate) fn new(kid: &'static str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { pair, kid, proofs: Cell::new(0) }
    }

    fn coordinates(&self) -> (&[u8], &[u8]) {
        self.pair.public_key().as_ref()[1..].split_at(32)
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
    }

    pub(crate) fn entry(&self, usage: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!(usage);
        jwk
    }

    pub(crate) fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        b64(&thumbprint(&KeyMaterial::Ec { curve: Curve::P256, x, y }))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", b64(signature.as_ref()))
    }

    pub(crate) fn svid(&self, subject: &str) -> String {
        let claims = json!({"sub": subject, "aud": ["https://api.example"], "iat": NOW - 10, "exp": NOW + 290});
        self.sign(&json!({"alg": "ES256", "typ": "JWT", "kid": self.kid}), &claims)
    }

    pub(crate) fn access_token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": "https://as.example", "sub": "alice", "client_id": "shop", "aud": "https://api.example",
            "scope": "orders:read", "jti": "t-1", "iat": NOW - 10, "exp": NOW + 290,
        });
        change(&mut claims);
        self.sign(&json!({"alg": "ES256", "typ": "at+jwt", "kid": self.kid}), &claims)
    }

    /// A fresh proof each time.
    pub(crate) fn proof(&self, token: &str, nonce: Option<&str>) -> String {
        self.proofs.set(self.proofs.get() + 1);
        let mut claims = json!({
            "jti": format!("proof-{}", self.proofs.get()), "htm": "GET", "htu": URI, "iat": NOW,
            "ath": b64(&sha256(token.as_bytes())),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        self.sign(&json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.jwk()}), &claims)
    }
}

pub(crate) fn keys(entries: &[Value]) -> Value {
    json!({ "keys": entries })
}

/// One line of the stream.
pub(crate) fn bearer(id: &str, token: &str) -> Value {
    request(id, &[("Authorization", &format!("Bearer {token}"))])
}

pub(crate) fn dpop(id: &str, token: &str, proof: &str) -> Value {
    request(id, &[("authorization", &format!("DPoP {token}")), ("dpop", proof)])
}

pub(crate) fn request(id: &str, headers: &[(&str, &str)]) -> Value {
    json!({"id": id, "method": "GET", "uri": URI, "headers": headers})
}

/// A directory with a policy whose domain and server have the keys `domain` and `server`, inline.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) domain: Key,
    pub(crate) server: Key,
    pub(crate) client: Key,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self {
            directory: TempDir::new().unwrap(),
            domain: Key::new("domain-1"),
            server: Key::new("server-1"),
            client: Key::new("client"),
        };
        place.write("policy.json", &place.policy().to_string());
        place
    }

    pub(crate) fn policy(&self) -> Value {
        json!({
            "trust": [
                {"trust_domain": "example.org", "bundle": keys(&[self.domain.entry("jwt-svid")])},
                {"issuer": "https://as.example", "jwks": keys(&[self.server.entry("sig")])}],
            "policies": {
                "default": {
                    "accept": ["jwt-svid", {"kind": "at+jwt", "scope": ["orders:read"]}],
                    "audience": ["https://api.example"]}},
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn decide(&self) -> Run {
        Run::new(&["decide", "--now", &NOW.to_string(), "--policy"]).arg(&self.path("policy.json"))
    }

    /// The decisions on `lines`.
    pub(crate) fn decisions(&self, lines: &[Value]) -> Vec<Value> {
        let output = self.decide().with_lines(lines);
        assert!(output.status.success(), "{output:?}");
        json_lines(&output)
    }
}

pub(crate) fn json_lines(output: &Output) -> Vec<Value> {
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// One run of the command.
pub(crate) struct Run(std::process::Command);

impl Run {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
        command.args(arguments);
        Self(command)
    }

    pub(crate) fn arg(mut self, argument: &Path) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn with(self, input: impl Into<Vec<u8>>) -> Output {
        assert_cmd::Command::from_std(self.0).write_stdin(input).output().unwrap()
    }

    pub(crate) fn with_lines(self, lines: &[Value]) -> Output {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.with(lines)
    }

    pub(crate) fn spawn(mut self) -> Running {
        let pipes = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Running { child, input, output }
    }
}

/// The command while it runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Sends one line, and waits for its answer while standard input stays open.
    pub(crate) fn ask(&mut self, line: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.as_mut().unwrap().read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Ends it, and returns its standard error.
    pub(crate) fn end(mut self) -> String {
        drop(self.input.take());
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

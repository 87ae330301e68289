//! Writes what both sides of `benches/record/run` judge: `record_requests ROW` prints a policy and requests that it accepts, as `loop.rs`
//! and `loop.c` read them.

use std::io::{self, Write};

use countersign_tests::issuer::{self, NOW};
use countersign_tests::request::{self, Doc, Req};

const TOKEN_BYTES: usize = 900;
/// Each proof is used once, by the store too; a process uses fewer.
const PROOFS: u64 = 8_000;
/// As one busy client sends them, so that the store forgets some while others come.
const PROOFS_A_SECOND: u64 = 4;

fn main() -> io::Result<()> {
    let lasting = |token: issuer::Token| token.claim("exp", &(NOW + PROOFS).to_string());
    let bearer = || vec![request::bearer(&grown(lasting(issuer::access())).text())];
    let (document, requests) = match std::env::args().nth(1).as_deref() {
        Some("cached") => (Doc::access(), bearer()),
        Some("new") => (Doc::access().memory(r#"{"token_cache_bytes":0}"#), bearer()),
        Some("dpop") => {
            let token = grown(lasting(issuer::access().bound_to_key("client-p256"))).text();
            (
                Doc::access().member("dpop", r#"{"max_age_seconds":60}"#),
                (0..PROOFS).map(|number| proven(&token, number)).collect(),
            )
        }
        _ => panic!("usage: record_requests cached|new|dpop"),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    bytes(&mut out, document.text().as_bytes())?;
    writeln!(out, "{NOW}\n{}", requests.len())?;
    for request in &requests {
        bytes(&mut out, request.method.as_bytes())?;
        bytes(&mut out, request.uri.as_bytes())?;
        writeln!(out, "{}\n0", request.now)?;
        bytes(&mut out, b"")?;
        writeln!(out, "{}", request.headers.len())?;
        for (name, value) in &request.headers {
            bytes(&mut out, name.as_bytes())?;
            bytes(&mut out, value.as_bytes())?;
        }
    }
    out.flush()
}

/// A token grown with an unknown claim to [`TOKEN_BYTES`], as real tokens carry claims that no policy reads.
fn grown(token: issuer::Token) -> issuer::Token {
    let missing = TOKEN_BYTES.saturating_sub(token.text().len()) * 3 / 4;
    token.claim("filler", &issuer::q(&"f".repeat(missing)))
}

/// A request with a proof of its own.
fn proven(token: &str, number: u64) -> Req {
    let now = NOW + number / PROOFS_A_SECOND;
    let proof =
        issuer::proof(token).claim("jti", &issuer::q(&format!("proof-{number}"))).claim("iat", &now.to_string());
    request::dpop(token, &proof.text()).now(now)
}

/// A length, a blank, the bytes, a line feed: as `tests/c/script.h` reads them.
fn bytes(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    write!(out, "{} ", bytes.len())?;
    out.write_all(bytes)?;
    writeln!(out)
}

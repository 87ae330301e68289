//! For the examples in C and C++: `example_token DIRECTORY` writes `as.json`, the key set of `https://as.example`, and prints an access token of
//! that issuer that is valid now. `example_token DIRECTORY METHOD URI` prints one that is bound to a client's key, and in the next line a DPoP proof
//! for that request.

use std::path::Path;
use std::time::UNIX_EPOCH;

use countersign_tests::issuer::{access, proof, q};
use countersign_tests::request::set_key;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, request) = arguments.split_first().expect("usage: example_token DIRECTORY [METHOD URI]");
    let keys = format!("{{\"keys\":[{}]}}", set_key("server-p256"));
    std::fs::write(Path::new(folder).join("as.json"), keys).expect("as.json cannot be written");
    let elapsed = UNIX_EPOCH.elapsed().expect("the clock is before 1970");
    let now = elapsed.as_secs();
    let token = access().claim("iat", &now.to_string()).claim("exp", &(now + 300).to_string());
    let [method, uri] = request else { return println!("{}", token.text()) };
    let token = token.bound_to_key("client-p256").text();
    let proof = proof(&token).claim("htm", &q(method)).claim("htu", &q(uri)).claim("iat", &now.to_string());
    println!("{token}\n{}", proof.claim("jti", &q(&elapsed.as_nanos().to_string())).text());
}

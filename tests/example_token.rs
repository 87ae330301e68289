//! For the examples in C and C++: `example_token DIRECTORY` writes `as.json`, the key set of `https://as.example`, and prints an access token of
//! that issuer that is valid now.

use std::path::Path;
use std::time::UNIX_EPOCH;

use countersign_tests::issuer::access;
use countersign_tests::request::set_key;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: example_token DIRECTORY");
    let keys = format!("{{\"keys\":[{}]}}", set_key("server-p256"));
    std::fs::write(Path::new(&folder).join("as.json"), keys).expect("as.json cannot be written");
    let now = UNIX_EPOCH.elapsed().expect("the clock is before 1970").as_secs();
    println!("{}", access().claim("iat", &now.to_string()).claim("exp", &(now + 300).to_string()).text());
}

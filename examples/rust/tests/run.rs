//! The example is run: a valid token is accepted, a faulty one and none are refused.

use std::process::Command;
use std::time::UNIX_EPOCH;

use countersign_tests::issuer::svid;
use countersign_tests::request::svid_key;

#[test]
fn a_valid_token_is_accepted_and_a_faulty_one_is_refused() {
    let folder = std::env::temp_dir().join(format!("countersign-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (policy, bundle) = (folder.join("policy.json"), folder.join("example.org.json"));
    let text = r#"{ "trust": [{ "trust_domain": "example.org" }],
        "policies": { "default": { "accept": ["jwt-svid"], "audience": ["https://api.example"] } } }"#;
    std::fs::write(&policy, text).unwrap();
    std::fs::write(&bundle, format!("{{\"keys\":[{}]}}", svid_key("domain-p256"))).unwrap();
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = svid().claim("iat", &now.to_string()).claim("exp", &(now + 300).to_string()).text();
    let old = svid().claim("iat", "1000").claim("exp", "1300").text();
    let decide = |fields: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-example"));
        command.args([policy.as_os_str(), bundle.as_os_str()]).args(["GET", "https://api.example/orders"]).args(fields);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (valid, expired) = (format!("Bearer {token}"), format!("Bearer {old}"));
    assert_eq!(decide(&["authorization", &valid]), "accept spiffe://example.org/ns/shop/sa/web\n");
    assert_eq!(decide(&["authorization", &expired]), "401 token_expired\n");
    assert_eq!(decide(&[]), "401 credential_missing\n");
    std::fs::remove_dir_all(folder).unwrap();
}

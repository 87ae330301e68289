//! Keys that change while a server runs: from files, and pushed when a decision asks for them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use countersign::Authority;
use countersign::Reason;
use countersign_tests::issuer::{SERVER, access, proof, q, svid};
use countersign_tests::request::{Doc, set_key, svid_key};
use countersign_tower::{CountersignLayer, EngineHandle, PolicyDocument, RevocationDocument, StartError};

use crate::support::{Answer, engine, get, now, serve, settings};

fn seconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// The answer to a request, asked again until it is as wanted or ten seconds are over.
async fn until(address: std::net::SocketAddr, token: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = get(address, "/", &[("authorization", &format!("Bearer {token}"))]).await;
        if wanted(&answer) || begun.elapsed() > Duration::from_secs(10) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn files_are_read_at_the_start_and_when_they_change() {
    let folder = std::env::temp_dir().join(format!("countersign-tower-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let bundle = folder.join("example.org.json");
    let text = r#"{"trust":[{"trust_domain":"example.org","bundle_file":"example.org.json"}],
        "policies":{"default":{"accept":["jwt-svid"],"audience":"https://api.example"}}}"#;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = |lines: &Arc<Mutex<Vec<String>>>| {
        let lines = Arc::clone(lines);
        move |line: &str| lines.lock().unwrap().push(line.to_owned())
    };
    let document = || PolicyDocument::parse(text.as_bytes()).unwrap();
    let engine = EngineHandle::start(document(), &folder, &mut log(&lines)).unwrap();
    assert!(lines.lock().unwrap().iter().any(|line| line.contains("example.org.json")), "{lines:?}");
    engine.look_every(Duration::from_millis(20), log(&lines)).unwrap();
    let layer = CountersignLayer::builder(engine.clone(), "default").build().unwrap();
    let address = serve(layer).await;
    let token = |key: &str| {
        let now = seconds();
        svid().key(key).claim("iat", &now.to_string()).claim("exp", &(now + 300).to_string()).text()
    };
    let old = token("domain-p256");
    let missing = get(address, "/", &[("authorization", &format!("Bearer {old}"))]).await;
    assert_eq!(missing.status.as_u16(), 503, "keys_stale");
    let write = |keys: &str| {
        let new = folder.join("new");
        std::fs::write(&new, format!("{{\"keys\":[{keys}]}}")).unwrap();
        std::fs::rename(new, &bundle).unwrap();
    };
    write(&svid_key("domain-p256"));
    assert_eq!(until(address, &old, |answer| answer.status == 200).await.status, 200);
    let new = token("domain-next-p256");
    write(&svid_key("domain-next-p256"));
    assert_eq!(until(address, &new, |answer| answer.status == 200).await.status, 200);
    // Cached as it was, a token of the key that is gone is refused by every worker.
    for _ in 0..8 {
        assert_eq!(
            get(address, "/", &[("authorization", &format!("Bearer {old}"))]).await.description(),
            "key_unknown"
        );
    }
    std::fs::write(&bundle, "{").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let kept = get(address, "/", &[("authorization", &format!("Bearer {new}"))]).await;
    assert_eq!(kept.status, 200, "the last good document stays");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_key_that_is_not_known_asks_for_a_document_and_a_revocation_holds_at_once() {
    let engine = engine(&Doc::access().text());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let settings = settings(&engine, "default").origin("https://api.example");
    let layer = settings.on_refresh(move |authority| seen.lock().unwrap().push(authority.clone()));
    let address = serve(layer.build().unwrap()).await;
    let token = format!("Bearer {}", access().key("server-next-p256").text());
    for _ in 0..3 {
        assert_eq!(get(address, "/", &[("authorization", &token)]).await.description(), "key_unknown");
    }
    let issuer = Authority::Issuer(SERVER.to_owned());
    assert_eq!(*asked.lock().unwrap(), std::slice::from_ref(&issuer), "once in min_refresh_seconds");
    let keys = format!("{{\"keys\":[{},{}]}}", set_key("server-p256"), set_key("server-next-p256"));
    engine.shared().push_trust(&issuer, keys.as_bytes(), now()).unwrap();
    assert_eq!(get(address, "/", &[("authorization", &token)]).await.status, 200);
    let revoked = format!(r#"{{"authorities":[{{"issuer":"{SERVER}","subjects":["alice"]}}]}}"#);
    engine.shared().revoke(&RevocationDocument::read(revoked.as_bytes()).unwrap());
    for _ in 0..4 {
        assert_eq!(get(address, "/", &[("authorization", &token)]).await.description(), "subject_revoked");
    }
}

/// RFC 9449 §11.1: a store that is new does not know which proofs another process took.
#[tokio::test]
async fn proofs_from_before_the_start_are_refused_and_reported() {
    let document = PolicyDocument::parse(Doc::access().text().as_bytes()).unwrap();
    let engine = EngineHandle::start(document, std::path::Path::new("."), &mut |_| ()).unwrap();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notices);
    let settings = CountersignLayer::builder(engine.clone(), "default").origin("https://api.example");
    let layer = settings.on_notice(move |notice| seen.lock().unwrap().push(notice.to_string()));
    let address = serve(layer.build().unwrap()).await;
    let started = seconds();
    let token = access().claim("iat", &started.to_string()).claim("exp", &(started + 300).to_string());
    let token = token.bound_to_key("client-p256").text();
    let fields = |issued: u64| {
        let proof = proof(&token).claim("iat", &issued.to_string()).claim("jti", &q(&issued.to_string())).text();
        [("authorization", format!("DPoP {token}")), ("dpop", proof)]
    };
    for _ in 0..2 {
        let [authorization, proof] = fields(started - 5);
        let sent = [(authorization.0, authorization.1.as_str()), (proof.0, proof.1.as_str())];
        assert_eq!(get(address, "/orders", &sent).await.description(), "proof_history_unknown");
    }
    let notices = notices.lock().unwrap();
    assert!(notices.len() == 1 && notices[0].contains("proof_history_unknown"), "{notices:?}");
    assert_eq!(engine.shared().engine().refused(Reason::ProofHistoryUnknown), 2);
}

#[test]
fn a_document_that_cannot_be_used_is_an_error_at_the_start() {
    let text = r#"{"trust":[{"trust_domain":"example.org","bundle":{"keys":[]}}],
        "policies":{"default":{"accept":["jwt-svid"],"audience":"a"}}}"#;
    let text = text.replace("\"keys\":[]", "\"keys\":[],\"spiffe_sequence\":\"x\"");
    let document = PolicyDocument::parse(text.as_bytes()).unwrap();
    let fault = EngineHandle::start(document, std::path::Path::new("."), &mut |_| ()).unwrap_err();
    assert!(matches!(&fault, StartError::Trust(faults) if faults.len() == 1), "{fault:?}");
    assert!(fault.to_string().contains("/trust/0/bundle"), "{fault}");
}

//! Keys that are used often are prepared, and give the same answers as before.

use countersign::{AlgorithmSet, Backend, Engine, Reason, ReplayStore};
use countersign_tests::issuer::{self, NOW, SERVER};
use countersign_tests::request::{self, Doc, bearer};
use countersign_tests::runner::{self, Runner};

const NO_CACHE: &str = r#"{"token_cache_bytes":0}"#;

fn runner(key: &str, memory: &str) -> Runner {
    let trust = [request::issuer(SERVER, &[request::set_key(key)])];
    Runner::new(&Doc::access().trust(&trust).memory(memory).text(), NOW)
}

#[test]
fn every_algorithm_that_can_be_prepared_is_and_answers_the_same() {
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|name| ("server-rsa2048", name));
    let curves = [("server-p256", "ES256"), ("server-ed25519", "EdDSA"), ("server-ed25519", "Ed25519")];
    for (key, algorithm) in curves.into_iter().chain(algorithms) {
        let mut runner = runner(key, NO_CACHE);
        for round in 0..120 {
            let token = issuer::access().key(key).algorithm(algorithm).claim("jti", &format!("\"{round}\""));
            assert_eq!(runner.ask(&bearer(&token.text())).reason, None, "{algorithm} {round}");
            let mut forged = token.signature();
            let place = round % forged.len();
            forged[place] ^= 1 << (round % 8);
            let answer = runner.ask(&bearer(&token.with_signature(&forged)));
            assert_eq!(answer.reason, Some(Reason::SignatureInvalid), "{algorithm} {round}");
            while runner.worker.build_tables(10_000) {}
        }
        let counts = runner.worker.hot_keys();
        if Backend::DEFAULT.name() == "aws-lc" && key == "server-rsa2048" {
            assert_eq!((counts.promoted, counts.table_checks), (0, 0), "{algorithm}: AWS-LC's own are the faster ones");
            continue;
        }
        assert_eq!((counts.promoted, counts.banned, counts.evicted), (1, 0, 0), "{algorithm}");
        assert!(counts.table_checks > 100, "{algorithm}: {counts:?}");
        assert!(counts.table_bytes > 0);
    }
}

#[test]
fn the_policy_turns_it_off() {
    let mut runner = runner("server-p256", r#"{"token_cache_bytes":0,"hot_key_bytes":0}"#);
    let token = issuer::access().text();
    for _ in 0..100 {
        assert_eq!(runner.ask(&bearer(&token)).reason, None);
    }
    assert!(!runner.worker.build_tables(u32::MAX));
    assert_eq!(runner.worker.hot_keys().table_checks, 0);
}

#[test]
fn the_key_of_a_client_is_prepared_too() {
    for (key, algorithm) in [("client-p256", "ES256"), ("client-ed25519", "EdDSA")] {
        let mut runner = Runner::new(&Doc::access().text(), NOW);
        let token = issuer::access().bound_to_key(key).text();
        for round in 0..120 {
            let jti = format!("\"proof-{round}\"");
            let proof = issuer::proof(&token).key(key).algorithm(algorithm).claim("jti", &jti);
            assert_eq!(runner.ask(&request::dpop(&token, &proof.text())).reason, None, "{key} {round}");
            while runner.worker.build_tables(10_000) {}
        }
        assert!(runner.worker.hot_keys().table_checks > 50);
        assert_eq!(runner.worker.hot_keys().banned, 0);
    }
}

/// A library is chosen by a value, whatever other libraries are built in.
#[test]
fn every_backend_of_the_build_gives_the_same_answers() {
    assert!(!Backend::ALL.is_empty());
    for backend in Backend::ALL {
        for (algorithm, suffix) in issuer::ALGORITHMS {
            let key = format!("server-{suffix}");
            let trust = [request::issuer(SERVER, &[request::set_key(&key)])];
            let document = runner::document(&Doc::access().trust(&trust).memory(NO_CACHE).text()).unwrap();
            let replay = ReplayStore::new(document.replay_proofs(), Engine::replay_window(&document), [1, 2]);
            let engine = Engine::with_backend(document, Box::new(replay), AlgorithmSet::EMPTY, *backend);
            let mut runner = Runner::with_engine(engine, NOW);
            let (index, _) = runner.engine.document().trust().next().unwrap();
            assert!(
                runner.trust_state.bundles.set(index).unwrap().keys().all(|key| key.public().backend() == *backend)
            );
            let token = issuer::access().key(&key).algorithm(algorithm);
            let mut forged = token.signature();
            forged[7] ^= 1;
            for _ in 0..8 {
                assert_eq!(runner.ask(&bearer(&token.text())).reason, None, "{algorithm} by {}", backend.name());
                let answer = runner.ask(&bearer(&token.with_signature(&forged)));
                assert_eq!(answer.reason, Some(Reason::SignatureInvalid), "{algorithm} by {}", backend.name());
            }
            // Where the library prepares its RSA keys, nothing else does.
            let prepared = suffix == "rsa2048" && backend.name() != "aws-lc";
            assert_eq!(runner.worker.hot_keys().promoted, usize::from(prepared), "{algorithm} by {}", backend.name());
        }
    }
}

//! What one client can do to the replay store, and through it to the others: by real requests with real signatures.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use countersign::{Engine, NonceKeys, Reason, ReplayStore, UnixSeconds};
use countersign_tests::issuer::{NOW, access, proof, q};
use countersign_tests::request::{Doc, dpop};
use countersign_tests::runner::{Answer, Runner, document};

const ATTACKER: &str = "client-p256";
const CLIENT: &str = "client-other-p256";

/// How far ahead the clock of the server is for a while.
const AHEAD: u64 = 7_200;

/// A client and its token, which is still valid when the clock of the server is ahead.
struct Client {
    key: &'static str,
    token: String,
    proofs: usize,
}

impl Client {
    fn new(key: &'static str) -> Self {
        let token = access().claim("iat", &(NOW - 10).to_string()).claim("exp", &(NOW + 2 * AHEAD).to_string());
        Self { key, token: token.bound_to_key(key).text(), proofs: 0 }
    }

    /// Asks with a new proof that is dated `now`, at a server whose clock says so too.
    fn ask(&mut self, runner: &mut Runner, now: u64) -> Option<Reason> {
        self.proofs += 1;
        let jti = q(&format!("{}-{}", self.key, self.proofs));
        let proof = proof(&self.token).key(self.key).claim("jti", &jti).claim("iat", &now.to_string());
        runner.ask(&dpop(&self.token, &proof.text()).now(now)).reason
    }
}

fn runner(replay_proofs: usize) -> Runner {
    Runner::new(&Doc::access().memory(&format!(r#"{{"replay_proofs":{replay_proofs}}}"#)).text(), NOW)
}

/// B5. A client that sends more proofs than the store has room for is refused itself, by a 4xx; another client is not.
#[test]
fn one_client_cannot_fill_the_store_for_another() {
    let mut runner = runner(512);
    let (mut attacker, mut client) = (Client::new(ATTACKER), Client::new(CLIENT));
    let refusals: Vec<Reason> = (0..1_500).filter_map(|_| attacker.ask(&mut runner, NOW)).collect();
    assert!(refusals.len() > 500, "the store took {} of 1,500 proofs", 1_500 - refusals.len());
    for second in 0..20 {
        assert_eq!(client.ask(&mut runner, NOW + second), None, "another client, in second {second}");
        attacker.ask(&mut runner, NOW + second);
    }
    assert!(refusals.iter().all(|reason| reason.status() < 500), "a client causes {:?}", refusals.last());
    assert!(refusals.iter().all(|reason| *reason == Reason::ProofShareExceeded), "{refusals:?}");
    // It has room again when its proofs are dead.
    assert_eq!(attacker.ask(&mut runner, NOW + 100), None);
}

/// A store that starts empty refuses what another one may have taken; a proof that is made a moment later passes.
#[test]
fn a_store_that_has_forgotten_says_so() {
    let document = document(&Doc::access().text()).unwrap();
    let store = ReplayStore::new(document.replay_proofs(), Engine::replay_window(&document), [3, 4]);
    store.refuse_until(UnixSeconds::new(NOW));
    let mut runner = Runner::with_engine(Engine::with_replay(document, Box::new(store)), NOW);
    let mut client = Client::new(CLIENT);
    assert_eq!(client.ask(&mut runner, NOW + 1), Some(Reason::ProofHistoryUnknown));
    let now = UnixSeconds::new(NOW + 1);
    let notice = runner.engine.replay_notice(Reason::ProofHistoryUnknown, now).map(|notice| notice.to_string());
    assert_eq!(
        notice.as_deref(),
        Some(
            "requests are refused with proof_history_unknown: the replay store does not know all proofs of this time: it is new, or the \
             clock of the server was wrong for a while (0 of 131166 slots hold live proofs; 100.0 % of the buckets refuse proofs dated \
             1800000001, until 1800000006 at most)"
        )
    );
    assert_eq!(client.ask(&mut runner, NOW + 6), None);
    let state = runner.engine.replay_state(UnixSeconds::new(NOW + 6)).unwrap();
    assert_eq!((state.live_proofs, state.refusing_permille), (1, 0));
}

/// B4. One client uses proofs while the clock of the server is two hours ahead; when the clock is right again, the others go on.
#[test]
fn a_clock_that_was_ahead_refuses_no_client_afterwards() {
    let mut runner = runner(64);
    let (mut attacker, mut client) = (Client::new(ATTACKER), Client::new(CLIENT));
    for second in 0..20 {
        assert_eq!(client.ask(&mut runner, NOW + second), None);
    }
    // Twice as long as a proof lives, so that proofs of the wrong time are written over.
    for second in 0..130 {
        for _ in 0..4 {
            attacker.ask(&mut runner, NOW + AHEAD + second);
        }
    }
    for second in 0..100 {
        assert_eq!(client.ask(&mut runner, NOW + 150 + second), None, "{second} s after the clock was set right");
    }
}

/// Where nonces are demanded, the store and its floor go by the time of the nonce: a client with any clock uses a proof once, also after a
/// reload of the policy and after a restart, and gets on with a fresh nonce.
#[test]
fn a_proof_with_a_nonce_is_used_once_whatever_the_clock_of_its_client() {
    let text = Doc::access().member("dpop", r#"{"nonce":"required","nonce_lifetime_seconds":100}"#).text();
    let read = || document(&text).unwrap();
    let window = Engine::replay_window(&read());
    let started = |store: Arc<ReplayStore<Box<[AtomicU64]>>>| {
        let mut runner = Runner::with_engine(Engine::with_replay(read(), Box::new(store)), NOW);
        runner.trust_state.nonces = Some(Arc::new(NonceKeys::new(&[1; 32], None)));
        runner
    };
    let ask = |runner: &mut Runner, client: &Client, iat: u64, jti: &str, nonce: Option<&str>, now: u64| {
        let proof = proof(&client.token).key(client.key).claim("jti", &q(jti)).claim("iat", &iat.to_string());
        let proof = nonce.map_or(proof.clone(), |nonce| proof.claim("nonce", &q(nonce)));
        runner.ask(&dpop(&client.token, &proof.text()).now(now))
    };
    let handed_out = |answer: &Answer| {
        let nonce = answer.headers.iter().find(|(name, _)| name == "dpop-nonce").map(|(_, nonce)| nonce.clone());
        let is_asked_for =
            answer.headers.iter().any(|(_, value)| value.starts_with("DPoP ") && value.contains("use_dpop_nonce"));
        nonce.filter(|_| is_asked_for).unwrap_or_else(|| panic!("no nonce in {answer:?}"))
    };
    for (place, iat) in [0, NOW - 600, NOW + 600, 1 << 40].into_iter().enumerate() {
        let client = Client::new(CLIENT);
        let store = Arc::new(ReplayStore::new(64, window, [3, 4]));
        let mut runner = started(Arc::clone(&store));
        let nonce = handed_out(&ask(&mut runner, &client, iat, "a", None, NOW));
        assert_eq!(ask(&mut runner, &client, iat, "a", Some(&nonce), NOW).reason, None, "{place}");
        assert_eq!(ask(&mut runner, &client, iat, "a", Some(&nonce), NOW + 1).reason, Some(Reason::ProofReplayed));

        let mut reloaded = started(store);
        assert_eq!(ask(&mut reloaded, &client, iat, "a", Some(&nonce), NOW + 100).reason, Some(Reason::ProofReplayed));

        let empty = ReplayStore::new(64, window, [5, 6]);
        empty.refuse_until(UnixSeconds::new(NOW + 2));
        let mut restarted = started(Arc::new(empty));
        let unknown = ask(&mut restarted, &client, iat, "a", Some(&nonce), NOW + 10);
        assert_eq!(unknown.reason, Some(Reason::ProofHistoryUnknown), "{place}");
        // The client learns that a fresh nonce helps, and it does.
        let fresh = handed_out(&unknown);
        assert_eq!(ask(&mut restarted, &client, iat, "b", Some(&fresh), NOW + 11).reason, None, "{place}");
    }
}

//! `dpop`: what a policy demands of proofs.

use crate::jose::algorithm::AlgorithmSet;
use crate::policy::accept::read_algorithms;
use crate::policy::reader::{Members, Reader};
use crate::policy::route::SharedReplay;
use crate::specs::dpop::{NonceMode, ReplayMode, Settings};

const MEMBERS: &[&str] =
    &["max_age_seconds", "future_seconds", "nonce", "nonce_lifetime_seconds", "replay", "shared_store", "algorithms"];
const DEFAULT_PROOF_AGE_SECONDS: u64 = 60;
const DEFAULT_PROOF_FUTURE_SECONDS: u64 = 5;
const MAX_PROOF_AGE_SECONDS: u64 = 300;
const DEFAULT_NONCE_LIFETIME_SECONDS: u64 = 300;

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_age_seconds: DEFAULT_PROOF_AGE_SECONDS,
            future_seconds: DEFAULT_PROOF_FUTURE_SECONDS,
            nonce: NonceMode::Off,
            nonce_lifetime_seconds: DEFAULT_NONCE_LIFETIME_SECONDS,
            replay: ReplayMode::Refuse,
            algorithms: AlgorithmSet::ALL,
        }
    }
}

impl Settings {
    /// Reads the member `dpop` of a policy.
    pub(crate) fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> (Self, SharedReplay) {
        let mut dpop = Self::default();
        let Some(members) = policy.get("dpop").and_then(|value| reader.members(&policy.at("dpop"), value, MEMBERS))
        else {
            return (dpop, SharedReplay::Off);
        };
        let age = MAX_PROOF_AGE_SECONDS;
        dpop.max_age_seconds = reader.number(&members, "max_age_seconds", dpop.max_age_seconds, (1, age));
        dpop.future_seconds = reader.number(&members, "future_seconds", dpop.future_seconds, (0, age));
        dpop.nonce_lifetime_seconds =
            reader.number(&members, "nonce_lifetime_seconds", dpop.nonce_lifetime_seconds, (10, 3600));
        let modes = [("off", NonceMode::Off), ("required", NonceMode::Required)];
        dpop.nonce = reader.word(&members, "nonce", &modes).unwrap_or(dpop.nonce);
        let modes = [
            ("refuse", ReplayMode::Refuse),
            ("danger_accept_when_full", ReplayMode::AcceptWhenFull),
            ("danger_accept", ReplayMode::Accept),
        ];
        dpop.replay = reader.word(&members, "replay", &modes).unwrap_or(dpop.replay);
        if let Some(value) = members.get("algorithms") {
            dpop.algorithms = read_algorithms(reader, &members.at("algorithms"), value, AlgorithmSet::ALL, "a proof");
        }
        let stores = [("off", SharedReplay::Off), ("required", SharedReplay::Required)];
        let shared = reader.word(&members, "shared_store", &stores).unwrap_or_default();
        if shared == SharedReplay::Required && dpop.replay == ReplayMode::Accept {
            reader.fault(
                &members.at("shared_store"),
                "a store for proofs that are not remembered",
                "`replay` that refuses",
            );
        }
        (dpop, shared)
    }
}

//! `dpop`: what a policy demands of proofs.

use crate::jose::algorithm::AlgorithmSet;
use crate::limits;
use crate::policy::accept::read_algorithms;
use crate::policy::reader::{Members, Reader};
use crate::policy::route::{DpopPolicy, NonceMode, ReplayMode};

const MEMBERS: &[&str] =
    &["max_age_seconds", "future_seconds", "nonce", "nonce_lifetime_seconds", "replay", "algorithms"];

impl DpopPolicy {
    /// Reads the member `dpop` of a policy.
    pub(super) fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> Self {
        let members = policy.get("dpop").and_then(|value| reader.members(&policy.at("dpop"), value, MEMBERS));
        let members = members.as_ref();
        let mut dpop = Self {
            max_age_seconds: reader.number_of(members, &limits::PROOF_AGE_SECONDS),
            future_seconds: reader.number_of(members, &limits::PROOF_FUTURE_SECONDS),
            nonce_lifetime_seconds: reader.number_of(members, &limits::NONCE_LIFETIME_SECONDS),
            nonce: NonceMode::Off,
            replay: ReplayMode::Refuse,
            algorithms: AlgorithmSet::ALL,
        };
        let Some(members) = members else { return dpop };
        let modes = [("off", NonceMode::Off), ("required", NonceMode::Required)];
        dpop.nonce = reader.word(members, "nonce", &modes).unwrap_or(dpop.nonce);
        let modes = [
            ("refuse", ReplayMode::Refuse),
            ("danger_accept_when_full", ReplayMode::AcceptWhenFull),
            ("danger_accept", ReplayMode::Accept),
        ];
        dpop.replay = reader.word(members, "replay", &modes).unwrap_or(dpop.replay);
        if let Some(value) = members.get("algorithms") {
            dpop.algorithms = read_algorithms(reader, &members.at("algorithms"), value, AlgorithmSet::ALL, "a proof");
        }
        dpop
    }
}

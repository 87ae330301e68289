//! `dpop`: what a policy demands of proofs.

use crate::jose::algorithm::AlgorithmSet;
use crate::limits;
use crate::policy::reader::{Members, Reader};
use crate::policy::route::SharedReplay;
use crate::specs::settings::{DpopSettings, NonceMode, ReplayMode};

const MEMBERS: &[&str] = &[
    "max_age_seconds",
    "future_seconds",
    "nonce",
    "nonce_lifetime_seconds",
    "replay",
    "consume",
    "shared_store",
    "algorithms",
    "eddsa_is_ed25519",
    "max_rsa_bits",
];

impl DpopSettings {
    /// Reads the member `dpop` of a policy.
    pub(crate) fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> (Self, SharedReplay) {
        let members = policy.get("dpop").and_then(|value| reader.members(&policy.at("dpop"), value, MEMBERS));
        let members = members.as_ref();
        let mut dpop = Self {
            max_age_seconds: reader.number_of(members, &limits::PROOF_AGE_SECONDS),
            future_seconds: reader.number_of(members, &limits::PROOF_FUTURE_SECONDS),
            nonce_lifetime_seconds: reader.number_of(members, &limits::NONCE_LIFETIME_SECONDS),
            nonce: NonceMode::Off,
            replay: ReplayMode::Refuse,
            algorithms: AlgorithmSet::DPOP_DEFAULT,
            eddsa_is_ed25519: false,
            max_rsa_bits: reader.number_of(members, &limits::PROOF_RSA_BITS),
        };
        let Some(members) = members else { return (dpop, SharedReplay::Off) };
        let modes = [("off", NonceMode::Off), ("required", NonceMode::Required)];
        dpop.nonce = reader.word(members, "nonce", &modes).unwrap_or(dpop.nonce);
        let modes = [
            ("refuse", ReplayMode::Refuse),
            ("danger_accept_when_full", ReplayMode::AcceptWhenFull),
            ("danger_accept", ReplayMode::Accept),
        ];
        dpop.replay = reader.word(members, "replay", &modes).unwrap_or(dpop.replay);
        dpop.eddsa_is_ed25519 = reader.flag(members, "eddsa_is_ed25519", false);
        if let Some(value) = members.get("algorithms") {
            dpop.algorithms = reader.algorithms(&members.at("algorithms"), value, AlgorithmSet::ALL, "a proof");
        }
        let stores = [("off", SharedReplay::Off), ("required", SharedReplay::Required)];
        let shared = reader.word(members, "shared_store", &stores).unwrap_or_default();
        if shared == SharedReplay::Required && dpop.replay == ReplayMode::Accept {
            reader.fault(
                &members.at("shared_store"),
                "a store for proofs that are not remembered",
                "`replay` that refuses",
            );
        }
        let observes = reader.word(members, "consume", &[("here", false), ("observe", true)]).unwrap_or(false);
        if observes {
            for name in ["shared_store", "replay"] {
                let is_asked =
                    if name == "replay" { dpop.replay != ReplayMode::Refuse } else { shared == SharedReplay::Required };
                if is_asked {
                    let expected = "no such member beside `consume`: `observe`, which records no use of a proof";
                    reader.fault(&members.at(name), "a member about recording proofs", expected);
                }
            }
            dpop.replay = ReplayMode::Observe;
        }
        (dpop, shared)
    }
}

//! What a policy sets about a specification beyond its text.

use crate::jose::algorithm::AlgorithmSet;
use crate::specs::nonce::NonceWindow;

/// What a policy says of kinds of token beyond their specifications.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProfileSettings {
    /// `jwt_svid`
    pub(crate) jwt_svid: JwtSvidSettings,
}

/// What a policy says of JWT-SVIDs beyond their specification.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JwtSvidSettings {
    /// A token without `kid` may be verified by the only key that fits (specs: D2).
    pub(crate) single_candidate_key: bool,
    /// Unknown header parameters are ignored (specs: D3).
    pub(crate) ignore_unknown_headers: bool,
}

/// `dpop.nonce`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonceMode {
    /// No nonce is demanded; one that comes is ignored.
    #[default]
    Off,
    /// Every proof must carry one that this server gave.
    Required,
}

/// What a policy says of proofs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DpopSettings {
    pub(crate) max_age_seconds: u64,
    pub(crate) future_seconds: u64,
    pub(crate) nonce: NonceMode,
    pub(crate) nonce_lifetime_seconds: u64,
    pub(crate) replay: ReplayMode,
    pub(crate) algorithms: AlgorithmSet,
    /// Whether `EdDSA` and `Ed25519` are two names of one algorithm.
    pub(crate) eddsa_is_ed25519: bool,
    /// The largest modulus of an RSA key.
    pub(crate) max_rsa_bits: u64,
}

impl DpopSettings {
    /// When a nonce is accepted; the server that gave it may be as far ahead as a client.
    pub(crate) const fn nonce_window(&self) -> NonceWindow {
        NonceWindow { lifetime_seconds: self.nonce_lifetime_seconds, future_seconds: self.future_seconds }
    }

    /// How old a proof may be, by the time that it is judged by.
    pub(crate) const fn proof_age_seconds(&self) -> u64 {
        match self.nonce {
            NonceMode::Off => self.max_age_seconds,
            NonceMode::Required => self.nonce_lifetime_seconds,
        }
    }
}

/// What happens to a proof that was used, and to one that the store has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayMode {
    /// `"refuse"`: a used proof is refused; without room in the store, so is every new one.
    Refuse,
    /// `"danger_accept_when_full"`: without room, a new proof passes unremembered.
    AcceptWhenFull,
    /// `"danger_accept"`: proofs are not remembered.
    Accept,
    /// `"consume": "observe"`: a used proof is refused, and none is used up here.
    Observe,
}

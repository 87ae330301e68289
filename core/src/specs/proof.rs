//! The methods that prove possession of what a token is bound to: one row of `proofs!` each, which names the file of its specification.

use crate::jose::json::NameTable;
use crate::memory::hot_keys::HotKeys;
use crate::memory::proof_keys::ProofKeys;
use crate::memory::replay::Replay;
use crate::reason::Reason;
use crate::request::Request;
use crate::specs::check::Trace;
use crate::specs::common::confirmation::Confirmation;
use crate::specs::common::presentation::Scheme;
use crate::specs::nonce::{NONCE_CHARS, NonceKeys};
use crate::specs::{dpop, mtls};
use crate::time::UnixSeconds;
use crate::uri::OwnedOrigin;

/// What the checks of one method are; its specification's file has the constant.
#[derive(Debug)]
pub(crate) struct ProofMethod {
    /// The word in policies, decisions and logs.
    pub(crate) name: &'static str,
    /// The member of `cnf` that demands it (RFC 7800 §3.1).
    pub(crate) confirmation: &'static str,
    /// The header fields that a host must pass on for it.
    pub(crate) header_fields: &'static [&'static str],
    /// The scheme of its own that a token may come under.
    pub(crate) scheme: Option<Scheme>,
    /// What a token is bound to by this method.
    pub(crate) bound_to: for<'a> fn(&Confirmation<&'a [u8; 32]>) -> Option<&'a [u8; 32]>,
    /// The checks.
    pub(crate) check: fn(&mut Proof<'_>) -> Result<(), Reason>,
    /// The prefix of its rules' ids.
    pub(crate) rules: &'static str,
}

/// What a proof is checked with, lent for one decision.
pub(crate) struct Proof<'p> {
    /// The request that carries it.
    pub(crate) request: &'p Request<'p>,
    /// What the token is bound to by the method.
    pub(crate) bound_to: &'p [u8; 32],
    /// SHA-256 of the token's text.
    pub(crate) token_hash: Option<&'p [u8; 32]>,
    /// `dpop` of the policy.
    pub(crate) settings: &'p dpop::Settings,
    /// `origin` of the policy.
    pub(crate) origin: Option<&'p OwnedOrigin>,
    /// The keys of this server's nonces.
    pub(crate) nonces: Option<&'p NonceKeys>,
    /// The store of used proofs.
    pub(crate) replay: &'p dyn Replay,
    /// The worker's memory.
    pub(crate) memory: ProofMemory<'p>,
    /// Takes what a verified proof says.
    pub(crate) verified: &'p mut Option<ProofFacts>,
    /// Takes the nonce that the answer hands out.
    pub(crate) next_nonce: &'p mut Option<[u8; NONCE_CHARS]>,
    /// Follows the checks.
    pub(crate) trace: &'p mut dyn Trace,
}

/// The parts of a worker's memory that a proof is read and checked in.
pub(crate) struct ProofMemory<'p> {
    pub(crate) keys: &'p mut ProofKeys,
    pub(crate) hot_keys: &'p mut HotKeys,
    pub(crate) names: &'p mut NameTable,
    pub(crate) header: &'p mut [u8],
    pub(crate) payload: &'p mut [u8],
    pub(crate) signature: &'p mut [u8],
}

/// What a verified proof says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofFacts {
    pub(crate) key_thumbprint: [u8; 32],
    pub(crate) replay_key: [u8; 32],
    pub(crate) issued_at: UnixSeconds,
    /// How far it is known that this request is the one that uses it.
    pub(crate) use_once: Used,
    /// For a further decision about the same client request: see [`Used::handed_on`].
    pub(crate) handed_on: [u8; 32],
}

/// Which store says that a request is the one that uses a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    /// None.
    No,
    /// The one of this engine.
    Here,
    /// That of several machines too.
    Everywhere,
}

impl Used {
    /// The 32 bytes by which a host hands on what a decision found: the proof's name, or its complement where the shared store was asked too.
    fn handed_on(self, replay_key: &[u8; 32]) -> [u8; 32] {
        match self {
            Self::No | Self::Here => *replay_key,
            Self::Everywhere => replay_key.map(|byte| !byte),
        }
    }

    /// What the decision before found of the proof, by the bytes that the host handed on.
    pub(crate) fn before(handed_on: Option<&[u8; 32]>, replay_key: &[u8; 32]) -> Self {
        match handed_on {
            Some(name) if *name == Self::Everywhere.handed_on(replay_key) => Self::Everywhere,
            Some(name) if name == replay_key => Self::Here,
            _ => Self::No,
        }
    }
}

impl ProofFacts {
    /// Notes which store says that this request is the one that uses the proof.
    pub(crate) fn note_use(&mut self, by: Used) {
        self.use_once = by;
        self.handed_on = by.handed_on(&self.replay_key);
    }
}

/// One row a method: `Name, feature, row of its specification, "meaning";`.
macro_rules! proofs {
    ($($method:ident, $feature:literal, $row:expr, $meaning:literal;)+) => {
        /// A method that proves possession.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProofKind {
            $(#[doc = $meaning] $method,)+
        }

        impl ProofKind {
            /// Every method, in the order in which they are checked.
            pub const ALL: [Self; [$($feature),+].len()] = [$(Self::$method),+];

            /// The cargo feature that the method needs.
            #[must_use]
            pub const fn feature(self) -> &'static str {
                match self {
                    $(Self::$method => $feature,)+
                }
            }

            /// Whether this build checks the method: a token that is bound by another is refused.
            #[must_use]
            pub const fn is_built(self) -> bool {
                match self {
                    $(Self::$method => cfg!(feature = $feature),)+
                }
            }

            pub(crate) fn method(self) -> &'static ProofMethod {
                match self {
                    $(Self::$method => {
                        #[cfg(feature = $feature)]
                        static ROW: ProofMethod = $row;
                        #[cfg(not(feature = $feature))]
                        static ROW: ProofMethod = ProofMethod { check: |_| Err(Reason::BindingUnsupported), ..$row };
                        &ROW
                    })+
                }
            }
        }
    };
}

proofs! {
    Mtls, "mtls", mtls::METHOD, "The client certificate of the connection (RFC 8705).";
    Dpop, "dpop", dpop::METHOD, "A DPoP proof (RFC 9449).";
}

impl ProofKind {
    /// The word in policies, decisions and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.method().name
    }

    /// The member of `cnf` that demands it.
    #[must_use]
    pub fn confirmation(self) -> &'static str {
        self.method().confirmation
    }

    /// The header fields that a host must pass on for it, in small letters.
    #[must_use]
    pub fn header_fields(self) -> &'static [&'static str] {
        self.method().header_fields
    }

    /// The scheme of its own that a token may come under.
    #[must_use]
    pub fn scheme(self) -> Option<Scheme> {
        self.method().scheme
    }

    /// The prefix of the ids of its rules.
    #[must_use]
    pub fn rules(self) -> &'static str {
        self.method().rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_share_no_name_no_member_and_no_scheme() {
        for method in ProofKind::ALL {
            let alike =
                |same: &dyn Fn(ProofKind) -> bool| ProofKind::ALL.into_iter().filter(|other| same(*other)).count();
            assert_eq!(alike(&|other| other.name() == method.name()), 1);
            assert_eq!(alike(&|other| other.confirmation() == method.confirmation()), 1);
            assert_eq!(alike(&|other| other.rules() == method.rules()), 1);
            assert!(method.scheme().is_none() || alike(&|other| other.scheme() == method.scheme()) == 1);
        }
    }
}

//! A decision that waits for an answer of the host: the engine does no I/O, so the host asks and resumes.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::engine::body::{BodyFacts, BodyReader};
use crate::engine::counters::Counters;
use crate::engine::decision::Decision;
use crate::engine::outcome::Outcome;
use crate::policy::PolicyIndex;
use crate::reason::Reason;
use crate::trust::{AuthorityIndex, EngineId};

/// The state of a decision that began: made, or waiting for an answer.
#[allow(clippy::large_enum_variant)] // a decision that waits is moved twice in its life, and owns allocations of its own
#[derive(Debug)]
pub enum Step<'d> {
    /// The decision is made.
    Decided(Decision<'d>),
    /// The decision waits for the answer to a question, see [`Pending::question`].
    Waits(Pending),
}

/// The question that a decision waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'p> {
    /// Ask the store that several machines share whether `proof` is used for the first time, and have it remembered in the same atomic
    /// step, for at least `seconds` (in Valkey or Redis: `SET proof 1 NX EX seconds`). Answer with [`Answer::UseOnce`].
    UseOnce {
        /// The name of the proof in the store.
        proof: &'p [u8; 32],
        /// How long it must be remembered, in seconds.
        seconds: u64,
    },
    /// Ask the issuer `authority` of the policy document about the token in the request (RFC 7662 §2.1). Answer with [`Answer::Introspected`]
    /// or [`Answer::IntrospectionFailed`].
    Introspect {
        /// The issuer of the token; its trust source has the URI.
        authority: AuthorityIndex,
    },
    /// Read the body of the request, up to this many bytes, with a [`BodyReader`]. Answer with [`Answer::Body`].
    Body {
        /// The longest body, in bytes.
        most_bytes: usize,
    },
}

/// The answer of the shared store about a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseOnce {
    /// The proof is used for the first time, and is recorded now.
    First,
    /// The proof was used before.
    Used,
    /// The store did not answer in time, or answered with an error.
    Unavailable,
}

/// The answer to a [`Question`].
#[allow(clippy::large_enum_variant)] // moved once
#[derive(Debug)]
pub enum Answer<'a> {
    /// To [`Question::UseOnce`].
    UseOnce(UseOnce),
    /// To [`Question::Introspect`]: the body of a 200 response over TLS, as received.
    Introspected(&'a [u8]),
    /// To [`Question::Introspect`]: no response in time, another status, or a body that is too long.
    IntrospectionFailed,
    /// To [`Question::Body`]: the whole body was fed.
    Body(BodyReader),
}

/// A decision that waits for an answer. It borrows nothing: the worker that began it may decide other requests meanwhile.
///
/// [`Worker::resume`](super::Worker::resume) continues it, in any worker of the same engine. One that is dropped is a refusal, which
/// is counted as [`Reason::DecisionAbandoned`].
#[derive(Debug)]
#[must_use = "a decision that is not resumed is refused"]
pub struct Pending {
    pub(crate) engine: EngineId,
    pub(crate) policy: PolicyIndex,
    pub(crate) waits_for: WaitsFor,
    pub(crate) outcome: Outcome,
    /// The record of each credential, by its place in the policy; empty where the request has none.
    pub(crate) records: Vec<Box<[u8]>>,
    pub(crate) body: Option<BodyFacts>,
    pub(crate) abandoned: Abandoned,
}

/// The question that a decision waits for, without borrows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitsFor {
    UseOnce { proof: [u8; 32], seconds: u64 },
    Introspect { authority: AuthorityIndex },
    Body { most_bytes: usize },
}

impl Pending {
    /// The question that the host must answer.
    #[must_use]
    pub const fn question(&self) -> Question<'_> {
        match &self.waits_for {
            WaitsFor::UseOnce { proof, seconds } => Question::UseOnce { proof, seconds: *seconds },
            WaitsFor::Introspect { authority } => Question::Introspect { authority: *authority },
            WaitsFor::Body { most_bytes } => Question::Body { most_bytes: *most_bytes },
        }
    }

    /// The policy of the decision.
    #[must_use]
    pub const fn policy(&self) -> PolicyIndex {
        self.policy
    }
}

/// Counts a refusal when it is dropped, unless the decision was resumed.
#[derive(Debug)]
pub(crate) struct Abandoned(Option<Arc<Counters>>);

impl Abandoned {
    pub(crate) fn new(counters: &Arc<Counters>) -> Self {
        Self(Some(Arc::clone(counters)))
    }

    pub(crate) fn resumed(&mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(counters) = &self.0 {
            counters.count(Some(Reason::DecisionAbandoned));
        }
    }
}

// A host may resume in another thread.
const _: () = {
    const fn movable<T: Send + Sync>() {}
    movable::<Pending>();
};

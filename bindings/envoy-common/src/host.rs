//! The calls of a filter to its proxy during a decision, and their common types.

use alloc::string::String;
use alloc::sync::Arc;
use countersign::{AuthorityIndex, Engine, HeaderField, ReplayState};

use crate::counters::Outcome;
use crate::identity::IdentityHeaders;
use crate::settings::{RouteSettings, Settings};

/// One request and its answer. Names of header fields are in small letters.
pub trait Stream {
    /// The first value of a header field of the request, and how many there are.
    fn header(&self, name: &str) -> (Option<&[u8]>, usize);
    /// Replaces all values of a header field of the request, or removes them.
    fn set_header(&mut self, name: &str, value: Option<&str>);
    /// Removes the client's fields that spell an identity header; if there were any, the route is chosen anew without them.
    fn remove_spelled(&mut self, identity: &IdentityHeaders);
    /// The header field of this name, which is written in small letters; one in another spelling of it is a second one.
    fn credential(&self, name: &str) -> HeaderField<'_>;
    /// Removes fields of credentials, in every spelling, and writes [what is left of them](IdentityHeaders::rests); the route stays the one that
    /// was asked.
    fn remove_credentials(&mut self, credentials: &IdentityHeaders);
    /// The settings of the request's route, if it has any.
    ///
    /// # Errors
    /// [`RouteUnread`] if the metadata of the route cannot be parsed.
    fn route(&self) -> Result<Option<Arc<RouteSettings>>, RouteUnread>;
    /// Has the proxy choose the route anew by the header fields that were set since.
    fn clear_route_cache(&mut self);
    /// The SHA-256 of the client certificate of the connection.
    fn peer_certificate(&self) -> Option<[u8; 32]>;
    /// Leaves an attribute with the stream, for filters and logs after this one.
    fn set_metadata(&mut self, namespace: &str, key: &str, value: &str);
    /// Answers the request; it goes no further.
    fn answer(&mut self, status: u16, headers: &[(String, String)], details: &str);
}

/// The `countersign` metadata of a route cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteUnread;

/// A filter configuration, as one request sees it.
pub trait FilterContext {
    /// The settings of the configuration.
    fn settings(&self) -> &Settings;
    /// The engine that judges.
    fn engine(&self) -> &Engine;
    /// Writes one line to the proxy's log.
    fn log(&self, level: Level, line: &str);
    /// Counts what became of a request.
    fn count(&self, outcome: Outcome);
    /// A token names a key that the document of this authority does not have.
    fn want(&self, index: AuthorityIndex);
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For those who want to know.
    Info,
    /// Something is not as it should be, and requests are still judged.
    Warn,
    /// A fault of the filter or of its configuration.
    Error,
}

/// The counters of a filter configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// `countersign_decisions`, by policy, outcome and reason.
    Decisions,
    /// `countersign_trust_documents`, by authority of the document and outcome.
    TrustDocuments,
    /// `countersign_faults`: panics that were caught.
    Faults,
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Decisions, Self::TrustDocuments, Self::Faults];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "countersign_decisions",
            Self::TrustDocuments => "countersign_trust_documents",
            Self::Faults => "countersign_faults",
        }
    }

    /// The names of its labels.
    #[must_use]
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Decisions => &["policy", "outcome", "reason"],
            Self::TrustDocuments => &["from", "outcome"],
            Self::Faults => &[],
        }
    }
}

/// The gauges of the replay store of a filter configuration, by the store's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// `countersign_replay_live_proofs`: used proofs that could still be replayed; an estimate where the store is large.
    LiveProofs,
    /// `countersign_replay_slots`: how many it can hold.
    Slots,
    /// `countersign_replay_refusing_permille`: in how many of a thousand buckets a proof dated now is refused, 0 in good order.
    RefusingPermille,
    /// `countersign_replay_refusing_until_seconds`: until when, in seconds since 1970; 0 in good order.
    RefusingUntil,
}

impl Gauge {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LiveProofs, Self::Slots, Self::RefusingPermille, Self::RefusingUntil];

    /// The name of their label.
    pub const LABEL: &'static str = "store";

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiveProofs => "countersign_replay_live_proofs",
            Self::Slots => "countersign_replay_slots",
            Self::RefusingPermille => "countersign_replay_refusing_permille",
            Self::RefusingUntil => "countersign_replay_refusing_until_seconds",
        }
    }

    /// Its value.
    #[must_use]
    pub fn of(self, state: &ReplayState) -> u64 {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self::LiveProofs => number(state.live_proofs),
            Self::Slots => number(state.slots),
            Self::RefusingPermille => state.refusing_permille.into(),
            Self::RefusingUntil if state.refusing_permille == 0 => 0,
            Self::RefusingUntil => state.refusing_until.as_u64(),
        }
    }
}

//! What the module asks of Envoy, as two traits: `exports` fulfils them with the real one, tests with one of their own.

use crate::settings::RouteSettings;

/// One request and its answer. Names of header fields are in small letters.
pub(crate) trait Stream {
    /// The first value of a header field of the request, and how many there are.
    fn header(&self, name: &str) -> (Option<&[u8]>, usize);
    /// Replaces all values of a header field of the request, or removes them.
    fn set_header(&mut self, name: &str, value: Option<&str>);
    /// The SHA-256 of the client certificate of the connection, in hexadecimal digits.
    fn peer_certificate_sha256(&self) -> Option<&[u8]>;
    /// Which of Envoy's workers this is.
    fn worker(&self) -> usize;
    /// What the route says.
    fn route(&self) -> Option<&RouteSettings>;
    /// Sets a text of the stream's dynamic metadata.
    fn set_metadata(&mut self, namespace: &str, key: &str, value: &str);
    /// Answers the request; it goes no further.
    fn answer(&mut self, status: u16, headers: &[(String, String)], details: &str);
    /// Replaces a header field of the response.
    fn set_response_header(&mut self, name: &str, value: &str);
}

/// Lines for Envoy's log, and the way to its main thread; from any thread.
pub(crate) trait Process: Send + Sync {
    /// Writes one line.
    fn log(&self, level: Level, line: &str);
    /// Calls the module on the main thread, soon.
    fn wake_main(&self);
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

/// What only the main thread may ask.
pub(crate) trait Main {
    /// Adds to a counter.
    fn count(&self, counter: Counter, labels: &[&str], by: u64);
    /// Begins a GET request; its number comes back with the answer. An error says why it did not begin.
    fn get(&self, cluster: &str, authority: &str, path: &str, timeout_milliseconds: u64) -> Result<u64, String>;
}

/// The counters of a filter configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// `countersign_decisions`, by policy, outcome and reason.
    Decisions,
    /// `countersign_trust_documents`, by origin of the document and outcome.
    TrustDocuments,
    /// `countersign_faults`: panics that were caught.
    Faults,
}

impl Counter {
    pub(crate) const ALL: [Self; 3] = [Self::Decisions, Self::TrustDocuments, Self::Faults];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "countersign_decisions",
            Self::TrustDocuments => "countersign_trust_documents",
            Self::Faults => "countersign_faults",
        }
    }

    pub(crate) const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Decisions => &["policy", "outcome", "reason"],
            Self::TrustDocuments => &["from", "outcome"],
            Self::Faults => &[],
        }
    }
}

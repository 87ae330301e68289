//! The contexts of a VM: its filter configurations, and the streams of each.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign_envoy_common::host::Level;
use countersign_envoy_common::judge::{self, Verdict};

use crate::filter::{Filter, ProxyStream, remove_spelled};
use crate::headers::Pairs;
use crate::host::{Host, Map};
use crate::structure;

/// Everything that one VM has.
pub(crate) struct Vm<H: Host> {
    host: H,
    /// By their contexts; there are few.
    filters: Vec<(u32, Filter<H>)>,
    /// Streams that began and whose requests have not come: the proxy begins one when it has its request, so there is hardly ever more
    /// than one.
    begun: Vec<Begun>,
    /// What is due with the response of a stream: nonces, so most have nothing.
    due: Vec<(u32, Vec<(String, String)>)>,
}

/// A stream and the context of its configuration.
struct Begun {
    stream: u32,
    filter: u32,
}

/// Whether the proxy goes on with what it called about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

impl<H: Host> Vm<H> {
    pub(crate) const fn new(host: H) -> Self {
        Self { host, filters: Vec::new(), begun: Vec::new(), due: Vec::new() }
    }

    /// A context begins; a stream has a parent.
    pub(crate) fn create(&mut self, context: u32, parent: u32) {
        if parent != 0 {
            self.begun.push(Begun { stream: context, filter: parent });
        }
    }

    /// A configuration is to be taken in; false makes the proxy refuse it.
    pub(crate) fn configure(&mut self, context: u32) -> bool {
        let text = structure::as_json(self.host.configuration().unwrap_or_default());
        match Filter::new(&self.host, &text) {
            Ok(filter) => {
                self.filters.retain(|(known, _)| *known != context);
                self.filters.push((context, filter));
                true
            }
            Err(faults) => {
                for fault in faults {
                    self.host.log(Level::Error, &format!("countersign: {fault}"));
                }
                false
            }
        }
    }

    pub(crate) fn tick(&mut self, context: u32) {
        if let Some(filter) = self.filter(context) {
            filter.tick();
        }
    }

    pub(crate) fn answered(&mut self, context: u32, callout: u32, fields: usize, length: usize) {
        if let Some(filter) = self.filter(context) {
            filter.answered(callout, fields, length);
        }
    }

    fn filter(&mut self, context: u32) -> Option<&mut Filter<H>> {
        self.filters.iter_mut().find(|(known, _)| *known == context).map(|(_, filter)| filter)
    }

    /// The head of a request has come.
    pub(crate) fn request(&mut self, context: u32) -> Action {
        let begun = self.begun.iter().rposition(|begun| begun.stream == context);
        let parent = begun.map(|place| self.begun.swap_remove(place).filter);
        let Some((parent, filter)) = parent.and_then(|parent| Some((parent, self.filter(parent)?))) else {
            self.host.log(Level::Error, "countersign: a stream of no configuration");
            return refuse(&self.host);
        };
        match filter.judge(parent, context) {
            Verdict::Pass(fields) => {
                if !fields.is_empty() {
                    self.due.push((context, fields));
                }
                Action::Continue
            }
            Verdict::Answered => Action::Pause,
        }
    }

    /// The trailers of a request have come: those that spell an identity header go, since a recipient may merge them into the header fields
    /// (RFC 9110 §6.5.1). No stream is looked up: what any configuration of this VM writes is no client's to send.
    pub(crate) fn trailers(&self) {
        let bytes = self.host.header_pairs(Map::RequestTrailers).unwrap_or_default();
        let fields = Pairs::new(&bytes).unwrap_or(Pairs::NONE);
        for (_, filter) in &self.filters {
            for names in [filter.identity_headers(), filter.removed_credentials()] {
                remove_spelled(&self.host, Map::RequestTrailers, fields, names);
            }
        }
    }

    /// The head of a response goes out: a nonce that is due goes with it.
    pub(crate) fn response(&mut self, context: u32) {
        let due = self.due.iter().position(|(known, _)| *known == context);
        for (name, value) in due.map(|place| self.due.swap_remove(place).1).unwrap_or_default() {
            self.host.set_header(Map::Response, name.as_bytes(), Some(&value));
        }
    }

    /// A context ends: of a stream, maybe before its request or its response, or of a configuration.
    pub(crate) fn delete(&mut self, context: u32) {
        self.begun.retain(|begun| begun.stream != context);
        self.due.retain(|(known, _)| *known != context);
        self.filters.retain(|(known, _)| *known != context);
    }
}

/// Refuses what cannot be judged.
pub(crate) fn refuse<H: Host>(host: &H) -> Action {
    let _answered = judge::refuse(&mut ProxyStream::unread(host));
    Action::Pause
}

//! The contexts of a VM: its filter configurations, and the streams of each.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign_filter::host::{Level, Stream};
use countersign_filter::judge::{self, Verdict};

use crate::filter::{Filter, ProxyStream};
use crate::headers::Pairs;
use crate::host::{Host, Map};
use crate::structure;

/// Everything that one VM has.
pub(crate) struct Vm<H: Host> {
    host: H,
    filters: BTreeMap<u32, Filter<H>>,
    streams: BTreeMap<u32, OneStream>,
}

struct OneStream {
    /// The context of its configuration.
    filter: u32,
    /// For the response.
    fields: Vec<(String, String)>,
}

/// Whether the proxy goes on with what it called about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

impl<H: Host> Vm<H> {
    pub(crate) const fn new(host: H) -> Self {
        Self { host, filters: BTreeMap::new(), streams: BTreeMap::new() }
    }

    /// A context begins; a stream has a parent.
    pub(crate) fn create(&mut self, context: u32, parent: u32) {
        if parent != 0 {
            self.streams.insert(context, OneStream { filter: parent, fields: Vec::new() });
        }
    }

    /// A configuration is to be taken in; false makes the proxy refuse it.
    pub(crate) fn configure(&mut self, context: u32) -> bool {
        let text = structure::as_json(self.host.configuration().unwrap_or_default());
        match Filter::new(&self.host, &text) {
            Ok(filter) => {
                self.filters.insert(context, filter);
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
        if let Some(filter) = self.filters.get_mut(&context) {
            filter.tick();
        }
    }

    pub(crate) fn answered(&mut self, context: u32, callout: u32, fields: usize, length: usize) {
        if let Some(filter) = self.filters.get_mut(&context) {
            filter.answered(callout, fields, length);
        }
    }

    /// The head of a request has come.
    pub(crate) fn request(&mut self, context: u32) -> Action {
        let Self { host, filters, streams } = self;
        let stream = streams.get_mut(&context);
        let filter = stream.as_ref().and_then(|stream| filters.get_mut(&stream.filter));
        let (Some(stream), Some(filter)) = (stream, filter) else {
            host.log(Level::Error, "countersign: a stream of no configuration");
            return refuse(host);
        };
        match filter.judge(stream.filter, context) {
            Verdict::Pass(fields) => {
                stream.fields = fields;
                Action::Continue
            }
            Verdict::Answered => Action::Pause,
        }
    }

    /// The head of a response goes out: a nonce that is due goes with it.
    pub(crate) fn response(&mut self, context: u32) {
        let fields = self.streams.get_mut(&context).map(|stream| core::mem::take(&mut stream.fields));
        for (name, value) in fields.unwrap_or_default() {
            self.host.set_header(Map::Response, &name, Some(&value));
        }
    }

    /// A context ends.
    pub(crate) fn delete(&mut self, context: u32) {
        if self.streams.remove(&context).is_none() {
            self.filters.remove(&context);
        }
    }
}

/// Refuses what cannot be judged.
pub(crate) fn refuse<H: Host>(host: &H) -> Action {
    let mut stream = ProxyStream { host, fields: Pairs::NONE };
    debug_assert_eq!(stream.header("authorization").1, 0);
    let _answered = judge::refuse(&mut stream);
    Action::Pause
}

//! The contexts of a VM: its filter configurations, and the streams of each.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::{Answer, BodyReader};
use countersign_envoy_common::host::Level;
use countersign_envoy_common::judge::{self, Progress, Verdict, Waiting};
use countersign_envoy_common::question;

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
    /// Streams whose requests are held back, in order of their contexts.
    held: Vec<(u32, Held)>,
    /// The calls that they wait for, in order of their numbers, each with its stream. One whose stream has gone stays until it is answered or
    /// takes too long, as each does.
    asked: Vec<(u32, u32)>,
    /// The header fields due with the response of a stream: nonces, so most have none.
    due: Vec<(u32, Vec<(String, String)>)>,
}

/// A stream and the context of its configuration.
struct Begun {
    stream: u32,
    filter: u32,
}

/// A stream whose request is held back.
struct Held {
    filter: u32,
    /// Whether all of the request has come.
    has_ended: bool,
    state: State,
}

/// How far a request is that is held back.
enum State {
    /// A server is asked.
    Asks(Box<Waiting>),
    /// The body is read, of which the reader has seen so many bytes.
    Reads { waiting: Box<Waiting>, reader: Box<BodyReader>, seen: usize },
    /// It was answered: nothing of it goes on, whatever comes.
    Answered,
}

/// Whether the proxy goes on with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    /// It holds this part back and keeps it; the next parts are passed to the filter.
    Pause,
    /// It holds back this part and all next parts of the request, and passes none of them to the filter.
    PauseAll,
}

/// So much of a body is read at once: a piece may be as long as what the proxy buffers.
const PIECE_BYTES: usize = 64 * 1024;

impl<H: Host> Vm<H> {
    pub(crate) const fn new(host: H) -> Self {
        Self { host, filters: Vec::new(), begun: Vec::new(), held: Vec::new(), asked: Vec::new(), due: Vec::new() }
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

    /// The answer to a call, or that there is none: of a configuration to a fetch, of a stream to what its request waits for. Envoy names the
    /// configuration for both.
    pub(crate) fn answered(&mut self, context: u32, callout: u32, fields: usize, length: usize) {
        let Ok(place) = self.asked.binary_search_by_key(&callout, |(known, _)| *known) else {
            if let Some(filter) = self.filter(context) {
                filter.answered(callout, fields, length);
            }
            return;
        };
        let (_, stream) = self.asked.remove(place);
        // The stream may be gone.
        let Ok(place) = self.place(stream) else { return };
        let (_, Held { filter, has_ended, state: State::Asks(waiting) }) = self.held.remove(place) else { return };
        let status = (fields > 0).then(|| self.host.header_pairs(Map::Fetched)).flatten();
        let status = status.as_deref().and_then(Pairs::new).and_then(|pairs| pairs.find(":status").0);
        let body = match length {
            0 => Some(Vec::new()),
            1..=question::ANSWER_BYTES => self.host.response_body(length),
            _ => None,
        };
        let answer = question::answer(waiting.question(), status.zip(body.as_deref()));
        self.host.speak_for(stream);
        let judged = self.resume(stream, filter, waiting, answer);
        if self.follow(stream, filter, has_ended, judged) == Action::Continue {
            self.host.let_go_on();
        }
    }

    fn filter(&mut self, context: u32) -> Option<&mut Filter<H>> {
        self.filters.iter_mut().find(|(known, _)| *known == context).map(|(_, filter)| filter)
    }

    /// The head of a request has come; `ends` where that is all of it.
    pub(crate) fn request(&mut self, context: u32, ends: bool) -> Action {
        let begun = self.begun.iter().rposition(|begun| begun.stream == context);
        let parent = begun.map(|place| self.begun.swap_remove(place).filter);
        let Some((parent, filter)) = parent.and_then(|parent| Some((parent, self.filter(parent)?))) else {
            self.host.log(Level::Error, "countersign: a stream of no configuration");
            return refuse(&self.host);
        };
        let judged = filter.judge(parent, context, None);
        self.follow(context, parent, ends, judged)
    }

    /// A part of the body of a request has come; `ends` where it is the last of the request.
    pub(crate) fn body(&mut self, context: u32, ends: bool) -> Action {
        let Ok(place) = self.place(context) else { return Action::Continue };
        let Some((_, held)) = self.held.get_mut(place) else { return Action::Continue };
        held.has_ended |= ends;
        match &mut held.state {
            State::Asks(_) => Action::Pause,
            State::Answered => Action::PauseAll,
            State::Reads { reader, seen, .. } => {
                if feed(&self.host, reader, seen) && !held.has_ended {
                    return Action::Pause;
                }
                self.end_of_body(place)
            }
        }
    }

    /// The trailers of a request have come: those that spell an identity header go, since a recipient may merge them into the header fields
    /// (RFC 9110 §6.5.1). For that no stream is looked up: what any configuration of this VM writes is no client's to send.
    pub(crate) fn trailers(&mut self, context: u32) -> Action {
        let bytes = self.host.header_pairs(Map::RequestTrailers).unwrap_or_default();
        let fields = Pairs::new(&bytes).unwrap_or(Pairs::NONE);
        for (_, filter) in &self.filters {
            for names in [filter.identity_headers(), filter.removed_credentials()] {
                remove_spelled(&self.host, Map::RequestTrailers, fields, names);
            }
        }
        let Ok(place) = self.place(context) else { return Action::Continue };
        let Some((_, held)) = self.held.get_mut(place) else { return Action::Continue };
        held.has_ended = true;
        match &held.state {
            State::Asks(_) | State::Answered => Action::PauseAll,
            State::Reads { .. } => self.end_of_body(place),
        }
    }

    /// The body of the request that is held at this place is known, or is known to be too long.
    fn end_of_body(&mut self, place: usize) -> Action {
        let (stream, held) = self.held.remove(place);
        let State::Reads { waiting, reader, .. } = held.state else { return Action::PauseAll };
        let judged = self.resume(stream, held.filter, waiting, Answer::Body(*reader));
        self.follow(stream, held.filter, held.has_ended, judged)
    }

    fn resume(&mut self, stream: u32, filter: u32, waiting: Box<Waiting>, answer: Answer<'_>) -> Progress {
        match self.filter(filter) {
            Some(known) => known.judge(filter, stream, Some((waiting, answer))),
            None => Progress::Done(judge::refuse(&mut ProxyStream::unread(&self.host))),
        }
    }

    /// Follows a judgement until it is made or waits for the proxy.
    fn follow(&mut self, stream: u32, filter: u32, has_ended: bool, mut judged: Progress) -> Action {
        loop {
            let waiting = match judged {
                Progress::Done(Verdict::Pass(fields)) => {
                    if !fields.is_empty() {
                        self.due.push((stream, fields));
                    }
                    return Action::Continue;
                }
                Progress::Done(Verdict::Answered) => {
                    if !has_ended {
                        self.hold(stream, Held { filter, has_ended, state: State::Answered });
                    }
                    return Action::Pause;
                }
                Progress::Waits(waiting) => waiting,
            };
            let Some(known) = self.filter(filter) else { return refuse(&self.host) };
            let may_read_body = known.may_read_body(&waiting);
            if let Some(mut reader) = known.body_reader(&waiting) {
                let mut seen = 0;
                if feed(&self.host, &mut reader, &mut seen) && !has_ended {
                    self.hold(stream, Held { filter, has_ended, state: State::Reads { waiting, reader, seen } });
                    return Action::Pause;
                }
                judged = self.resume(stream, filter, waiting, Answer::Body(*reader));
            } else if let Some(callout) = known.ask(&waiting) {
                let place = self.asked.partition_point(|(known, _)| *known < callout);
                self.asked.insert(place, (callout, stream));
                self.hold(stream, Held { filter, has_ended, state: State::Asks(waiting) });
                return if may_read_body { Action::Pause } else { Action::PauseAll };
            } else {
                let answer = question::answer(waiting.question(), None);
                judged = self.resume(stream, filter, waiting, answer);
            }
        }
    }

    fn hold(&mut self, stream: u32, held: Held) {
        match self.place(stream) {
            Ok(place) => {
                if let Some(known) = self.held.get_mut(place) {
                    *known = (stream, held);
                }
            }
            Err(place) => self.held.insert(place, (stream, held)),
        }
    }

    /// Where a stream is held, or would be.
    fn place(&self, stream: u32) -> Result<usize, usize> {
        self.held.binary_search_by_key(&stream, |(known, _)| *known)
    }

    /// The head of a response goes out: a nonce that is due goes with it.
    pub(crate) fn response(&mut self, context: u32) {
        let due = self.due.iter().position(|(known, _)| *known == context);
        for (name, value) in due.map(|place| self.due.swap_remove(place).1).unwrap_or_default() {
            self.host.set_header(Map::Response, name.as_bytes(), Some(value.as_bytes()));
        }
    }

    /// A context ends: of a stream, maybe before its request or its response, or of a configuration.
    pub(crate) fn delete(&mut self, context: u32) {
        if let Ok(place) = self.place(context) {
            let (_, held) = self.held.remove(place);
            if let State::Asks(waiting) | State::Reads { waiting, .. } = held.state
                && let Some(filter) = self.filter(held.filter)
            {
                filter.abandon(waiting);
            }
        }
        self.begun.retain(|begun| begun.stream != context);
        self.due.retain(|(known, _)| *known != context);
        self.filters.retain(|(known, _)| *known != context);
    }
}

/// Gives the reader what has come of the body since it was read last; whether all of that fits.
fn feed<H: Host>(host: &H, reader: &mut BodyReader, seen: &mut usize) -> bool {
    while let Some(piece) = host.request_body(*seen, PIECE_BYTES).filter(|piece| !piece.is_empty()) {
        *seen += piece.len();
        if !reader.feed(&piece) {
            return false;
        }
    }
    true
}

/// Refuses what cannot be judged.
pub(crate) fn refuse<H: Host>(host: &H) -> Action {
    let _answered = judge::refuse(&mut ProxyStream::unread(host));
    Action::Pause
}

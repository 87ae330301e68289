//! One request: from its header fields to the engine, and from the decision to its header fields.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use countersign::{
    Answer, BodyPolicy, BodyReader, Connection, Decision, HeaderField, HeaderFields, Mode, Pending, PolicyDocument,
    PolicyIndex, Question, Reason, ReplayNotice, Request, Step, UnixSeconds,
};

use crate::attribute::is_field_value;
use crate::certificate::{self, CertificateSource};
use crate::counters::Outcome;
use crate::host::{FilterContext, Level, RouteUnread, Stream};
use crate::policies::{NoRules, Policies, Rules};
use crate::settings::{Audit, RouteSettings, Settings};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on; these fields are for its response.
    Pass(Vec<(String, String)>),
    /// It was answered.
    Answered,
}

/// An engine with what one worker has for itself.
pub trait Decide {
    /// Judges one request. `asks` is whether the policy may ask what the request does not say.
    fn begin(&mut self, policy: PolicyIndex, request: &Request<'_>, asks: bool) -> Step<'_>;
    /// Goes on with one that waited for `answer`.
    fn resume(&mut self, pending: Pending, request: &Request<'_>, answer: Answer<'_>) -> Step<'_>;
}

/// The state of a decision.
#[derive(Debug)]
pub enum Progress {
    /// It is made.
    Done(Verdict),
    /// The host must answer a question first: [`resume`], or [`abandoned`] if the stream goes.
    Waits(Box<Waiting>),
}

/// A request that waits. One that is dropped is refused.
#[derive(Debug)]
pub struct Waiting {
    judging: Judging,
    pending: Pending,
    /// The place of the policy that asks.
    place: usize,
    mode: Mode,
}

impl Waiting {
    /// The question that the host must answer.
    #[must_use]
    pub const fn question(&self) -> Question<'_> {
        self.pending.question()
    }

    /// The policy that asks.
    #[must_use]
    pub const fn policy(&self) -> PolicyIndex {
        self.pending.policy()
    }

    /// The body settings of the policy that asks; `None` where it reads none.
    #[must_use]
    pub fn body_policy<'d>(&self, document: &'d PolicyDocument) -> Option<&'d BodyPolicy> {
        let (_, policy) = document.policies().find(|(index, _)| *index == self.policy())?;
        policy.body()
    }

    /// A reader of the body, if the body is what the request waits for.
    #[must_use]
    pub fn body_reader(&self, document: &PolicyDocument) -> Option<Box<BodyReader>> {
        let Question::Body { .. } = self.question() else { return None };
        self.body_policy(document).map(|policy| Box::new(BodyReader::new(policy)))
    }

    /// The decision that the engine ends when it is given up.
    pub fn into_pending(self) -> (Pending, usize, Mode) {
        (self.pending, self.place, self.mode)
    }
}

/// A judgement between two rounds.
#[derive(Debug)]
struct Judging {
    written: Written,
    route: Option<Arc<RouteSettings>>,
    round: usize,
}

/// How many times a request is judged at most, each time by the policy of the route that the fields of the last time lead to.
const ROUNDS: usize = 4;

/// Judges the request of `stream`. `text` is a buffer of the worker, for the URI of the request.
///
/// First of all the client's identity headers go, so that neither a route nor a policy is chosen by them. Where the proxy may choose the
/// route anew by the fields that are written then (by `clear_route_cache`, or because another filter cleared the route while the request
/// waited), the route is asked again: a request that reaches one with other rules is judged by these too, with the proof that it has
/// used. Counters, logs and metadata are those of the last decision only.
pub fn begin(
    context: &impl FilterContext,
    policies: &Policies,
    worker: &mut impl Decide,
    text: &mut Vec<u8>,
    stream: &mut impl Stream,
    now: UnixSeconds,
) -> Progress {
    stream.remove_spelled(&context.settings().identity_headers);
    let Ok(route) = stream.route() else { return Progress::Done(refuse_route(context, stream)) };
    let judging = Judging { written: Written { used_proof: None, is_there: false }, route, round: 0 };
    go_on(context, policies, worker, text, stream, now, judging, None)
}

/// Goes on with the request of `stream`, which waited for `answer`.
#[allow(clippy::too_many_arguments)] // as for `begin`, and the answer
pub fn resume(
    context: &impl FilterContext,
    policies: &Policies,
    worker: &mut impl Decide,
    text: &mut Vec<u8>,
    stream: &mut impl Stream,
    now: UnixSeconds,
    waiting: Box<Waiting>,
    answer: Answer<'_>,
) -> Progress {
    let Waiting { judging, pending, .. } = *waiting;
    go_on(context, policies, worker, text, stream, now, judging, Some((pending, answer)))
}

/// Counts and logs a request whose client went while it waited; `decision` is what the engine gave it up by, under the policy at `place`.
pub fn abandoned(context: &impl FilterContext, place: usize, mode: Mode, decision: &Decision<'_>) {
    note(context, place, mode, decision);
}

// One loop for requests that begin and those that waited. The proxy-wasm filter counts bytes, the module nanoseconds.
#[allow(clippy::too_many_arguments)]
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
fn go_on(
    context: &impl FilterContext,
    policies: &Policies,
    worker: &mut impl Decide,
    text: &mut Vec<u8>,
    stream: &mut impl Stream,
    now: UnixSeconds,
    judging: Judging,
    mut answered: Option<(Pending, Answer<'_>)>,
) -> Progress {
    let settings = context.settings();
    let Judging { mut written, route, round: first } = judging;
    let waited = answered.is_some();
    let mut route = Ok(route);
    for round in first..ROUNDS {
        let Ok(said) = &route else { return Progress::Done(refuse_route(context, stream)) };
        let found = policies.rules(settings, said.as_deref(), &*stream);
        route = match &found {
            Ok(rules) => {
                let step = decide(settings, policies, rules, worker, text, &*stream, &written, now, answered.take());
                let decision = match step {
                    Step::Decided(decision) => decision,
                    Step::Waits(pending) => {
                        let (place, mode, route) = (rules.place, rules.mode, said.clone());
                        let judging = Judging { written, route, round };
                        return Progress::Waits(Box::new(Waiting { judging, pending, place, mode }));
                    }
                };
                if let Some((index, _)) = decision.wants_refresh() {
                    context.want(index);
                }
                if decision.reason().is_some() && rules.mode != Mode::Shadow {
                    conclude(context, rules, &decision, stream, now);
                    answer(&decision, stream);
                    return Progress::Done(Verdict::Answered);
                }
                match written.write(settings, Some((&decision, rules.mode)), waited, stream) {
                    Some(next) if !leads_to(&next, &found, policies, settings, &*stream) => {
                        written.used_proof = decision.used_proof().copied().or(written.used_proof);
                        next
                    }
                    _ => {
                        conclude(context, rules, &decision, stream, now);
                        // A challenge would be a refusal, which shadow mode hides from clients; a nonce is of use all the same.
                        stream.remove_credentials(policies.removed(Some(rules.place)));
                        return Progress::Done(Verdict::Pass(fields(&decision, |name| name != "www-authenticate")));
                    }
                }
            }
            Err(NoRules::HeaderRepeated { shadowed: true }) => match written.write(settings, None, waited, stream) {
                Some(next) if !leads_to(&next, &found, policies, settings, &*stream) => next,
                _ => {
                    count_ambiguous(context, policies, true);
                    stream.remove_credentials(policies.removed(None));
                    return Progress::Done(Verdict::Pass(Vec::new()));
                }
            },
            Err(NoRules::HeaderRepeated { shadowed: false }) => break,
            Err(NoRules::PolicyUnknown) => {
                context.log(Level::Error, "countersign: a route names a policy that does not exist");
                return Progress::Done(refuse(stream));
            }
        };
    }
    count_ambiguous(context, policies, false);
    let reason = Reason::PolicyAmbiguous;
    stream.answer(reason.status(), &[], reason.code());
    Progress::Done(Verdict::Answered)
}

#[allow(clippy::too_many_arguments)] // the parts of one decision, all borrowed
fn decide<'w, S: Stream>(
    settings: &Settings,
    policies: &Policies,
    rules: &Rules<'_>,
    worker: &'w mut impl Decide,
    text: &mut Vec<u8>,
    stream: &S,
    written: &Written,
    now: UnixSeconds,
    answered: Option<(Pending, Answer<'_>)>,
) -> Step<'w> {
    let (connection, named) = (Presented { source: settings.certificate, stream }, Named(stream));
    let mut request = request(stream, rules, text, now).with_connection(&connection).with_fields(&named);
    if let Some(proof) = &written.used_proof {
        request = request.with_used_proof(proof);
    }
    match answered {
        None => worker.begin(rules.policy, &request, policies.asks(rules.place)),
        Some((pending, answer)) => worker.resume(pending, &request, answer),
    }
}

/// The header fields that policies name.
struct Named<'s, S>(&'s S);

impl<S: Stream> HeaderFields for Named<'_, S> {
    fn field(&self, name: &str) -> HeaderField<'_> {
        self.0.credential(name)
    }
}

type Route = Result<Option<Arc<RouteSettings>>, RouteUnread>;

/// The results of earlier decisions of a request.
#[derive(Debug)]
struct Written {
    used_proof: Option<[u8; 32]>,
    /// Whether identity headers are.
    is_there: bool,
}

impl Written {
    /// Writes the identity headers of a decision, or removes those that were written before. Returns the route, if it may be chosen anew
    /// after that.
    fn write(
        &mut self,
        settings: &Settings,
        decision: Option<(&Decision<'_>, Mode)>,
        waited: bool,
        stream: &mut impl Stream,
    ) -> Option<Route> {
        let mut changed = false;
        for (name, attribute) in settings.identity_headers.written() {
            let value = decision.and_then(|(decision, mode)| attribute.of(decision, mode));
            let value = value.filter(|value| is_field_value(value));
            // The client's are gone already.
            if value.is_some() || self.is_there {
                stream.set_header(name, value.as_deref());
                changed = true;
            }
        }
        self.is_there |= changed;
        if changed && settings.clear_route_cache {
            stream.clear_route_cache();
        } else if !waited {
            return None;
        }
        Some(stream.route())
    }
}

/// Whether the rules of `route` are those that the request was judged by.
fn leads_to(
    route: &Route,
    judged_by: &Result<Rules<'_>, NoRules>,
    policies: &Policies,
    settings: &Settings,
    stream: &impl Stream,
) -> bool {
    route.as_ref().is_ok_and(|said| policies.rules(settings, said.as_deref(), stream) == *judged_by)
}

/// Counts, logs and leaves with the stream what became of the request.
fn conclude(
    context: &impl FilterContext,
    rules: &Rules<'_>,
    decision: &Decision<'_>,
    stream: &mut impl Stream,
    now: UnixSeconds,
) {
    let (settings, mode) = (context.settings(), rules.mode);
    if let Some(notice) = decision.reason().and_then(|reason| context.engine().replay_notice(reason, now)) {
        warn(context, &notice);
    }
    note(context, rules.place, mode, decision);
    for attribute in &settings.metadata {
        if let Some(value) = attribute.of(decision, mode).filter(|value| is_field_value(value)) {
            stream.set_metadata(&settings.metadata_namespace, attribute.name(), &value);
        }
    }
}

/// Counts a decision by the policy at `place`, and logs it where the settings say so.
fn note(context: &impl FilterContext, place: usize, mode: Mode, decision: &Decision<'_>) {
    let (settings, reason) = (context.settings(), decision.reason());
    context.count(Outcome { policy: place, reason, shadowed: reason.is_some() && mode == Mode::Shadow });
    if settings.audit == Audit::All || (settings.audit == Audit::Refusals && reason.is_some()) {
        audit(context, decision, mode);
    }
}

fn count_ambiguous(context: &impl FilterContext, policies: &Policies, shadowed: bool) {
    context.count(Outcome { policy: policies.default(), reason: Some(Reason::PolicyAmbiguous), shadowed });
}

/// The request as the engine takes it. `text` is where its URI is put together.
fn request<'r>(stream: &'r impl Stream, rules: &Rules<'_>, text: &'r mut Vec<u8>, now: UnixSeconds) -> Request<'r> {
    let one = |name: &str| stream.header(name).0.unwrap_or_default();
    let path = one(":path");
    let fields = ["authorization", "dpop"].map(|name| (name, stream.header(name)));
    // Only a proof says anything of the URI before its query.
    let uri = if fields[1].1.1 == 0 {
        path
    } else {
        text.clear();
        // A target without a path, as that of CONNECT or `OPTIONS *`, is no part of a URI and stays alone.
        if path.starts_with(b"/") {
            match rules.origin {
                Some(origins) => match origins.choose(one(":authority")) {
                    Some(origin) => origin.write_to(text),
                    // As below, without an authority: the client asked for a host that is not served here.
                    None => text.extend_from_slice(b"https://"),
                },
                None => {
                    text.extend_from_slice(one(":scheme"));
                    text.extend_from_slice(b"://");
                    let authority = one(":authority");
                    // In an authority these would end it, and make a query of the path: a proof for `/` would be one for every path.
                    // Without its authority the URI is one that no proof is for.
                    if !authority.iter().any(|byte| matches!(byte, b'/' | b'?' | b'#')) {
                        text.extend_from_slice(authority);
                    }
                }
            }
        }
        text.extend_from_slice(path);
        text.as_slice()
    };
    // A second field with the same name is a fault, whatever its value; more do not matter.
    let headers = fields.into_iter().flat_map(|(name, (value, count))| {
        let value = value.unwrap_or_default();
        core::iter::repeat_n((name.as_bytes(), value), count.min(2))
    });
    Request::new(one(":method"), uri, headers, now)
}

/// The source of a certificate, read only for a token that is bound to one: reading it from a proxy may cost more than all the rest.
struct Presented<'s, S> {
    source: CertificateSource,
    stream: &'s S,
}

impl<S: Stream> Connection for Presented<'_, S> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        match self.source {
            CertificateSource::Connection => self.stream.peer_certificate(),
            CertificateSource::Forwarded => match self.stream.header(certificate::FORWARDED) {
                (Some(value), 1) => certificate::forwarded(value),
                _ => None,
            },
            CertificateSource::Nowhere => None,
        }
    }
}

/// Answers with the refusal of the decision. Cold, as `audit` is: code that no good request touches is elsewhere.
#[cold]
fn answer(decision: &Decision<'_>, stream: &mut impl Stream) {
    let headers = fields(decision, |_| true);
    stream.answer(decision.status(), &headers, decision.reason().map_or("", |reason| reason.code()));
}

/// The header fields of the answer that `wanted` lets through.
fn fields(decision: &Decision<'_>, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let _never_fails = decision.write_headers(&mut |name, value| {
        if wanted(name) {
            all.push((name.to_owned(), value.to_string()));
        }
        Ok(())
    });
    all
}

#[cold]
fn warn(context: &impl FilterContext, notice: &ReplayNotice) {
    context.log(Level::Warn, &format!("countersign: {notice}"));
}

#[cold]
fn audit(context: &impl FilterContext, decision: &Decision<'_>, mode: Mode) {
    let mut record = decision.audit();
    record.mode = mode;
    context.log(Level::Info, &format!("countersign: {record}"));
}

#[cold]
fn refuse_route(context: &impl FilterContext, stream: &mut impl Stream) -> Verdict {
    context.log(Level::Error, "countersign: a route whose settings are not understood");
    refuse(stream)
}

/// Refuses what cannot be judged.
pub fn refuse(stream: &mut impl Stream) -> Verdict {
    let reason = Reason::InternalError;
    stream.answer(reason.status(), &[], reason.code());
    Verdict::Answered
}

/// The status of a gRPC call that is answered with this status of HTTP: a client that reads no other must not take a refusal for success.
#[must_use]
pub const fn grpc_status(status: u16) -> u8 {
    match status {
        400 => 3,  // INVALID_ARGUMENT
        401 => 16, // UNAUTHENTICATED
        403 => 7,  // PERMISSION_DENIED
        413 => 8,  // RESOURCE_EXHAUSTED
        429 => 8,  // RESOURCE_EXHAUSTED
        503 => 14, // UNAVAILABLE
        _ => 13,   // INTERNAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_grpc_status_of_its_own_and_none_is_ok() {
        for reason in Reason::ALL {
            let expected = match reason.status() {
                400 => 3,
                401 => 16,
                403 => 7,
                413 => 8,
                429 => 8,
                500 => 13,
                503 => 14,
                other => panic!("{}: {other}", reason.code()),
            };
            assert_eq!(grpc_status(reason.status()), expected, "{}", reason.code());
        }
    }
}

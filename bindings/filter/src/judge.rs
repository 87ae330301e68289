//! One request: what the engine is told of it, and what its decision does to it.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use countersign::engine::{Decision, Mode, PolicyIndex, ReplayNotice, Request};
use countersign::reason::Reason;
use countersign::specs::mtls::Connection;
use countersign::time::UnixSeconds;

use crate::certificate::{self, CertificateSource};
use crate::fact::is_field_value;
use crate::host::{Level, RouteUnread, Site, Stream};
use crate::policies::{NoRules, Policies, Rules};
use crate::settings::{Audit, RouteSettings, Settings};
use crate::tally::Outcome;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on; these fields are for its response.
    Pass(Vec<(String, String)>),
    /// It was answered.
    Answered,
}

/// An engine with what one worker has for itself.
pub trait Decide {
    /// Judges one request.
    fn decide(&mut self, policy: PolicyIndex, request: &Request<'_>) -> Decision<'_>;
}

/// How many times a request is judged at most, each time by the policy of the route that the fields of the last time lead to.
const ROUNDS: usize = 4;

/// Judges the request of `stream`. `text` is a buffer of the worker, for the URI of the request.
///
/// First of all the client's identity headers go, so that neither a route nor a policy is chosen by them. Where the proxy chooses the route
/// anew by the fields that are written then, the route is asked again: a request that reaches one with other rules is judged by these too,
/// with the proof that it has used. What is counted, logged and left with the stream is of the last judgement only.
pub fn judge(
    site: &impl Site,
    policies: &Policies,
    worker: &mut impl Decide,
    text: &mut Vec<u8>,
    stream: &mut impl Stream,
    now: UnixSeconds,
) -> Verdict {
    let settings = site.settings();
    stream.remove_spelled(&settings.identity_headers);
    let mut written = Written { claimed_proof: None, is_there: false };
    let mut route = stream.route();
    for _ in 0..ROUNDS {
        let Ok(said) = &route else { return refuse_route(site, stream) };
        let found = policies.rules(settings, said.as_deref(), &*stream);
        route = match &found {
            Ok(rules) => {
                let decision = decide(settings, rules, worker, text, &*stream, &written, now);
                if let Some((index, _)) = decision.wants_refresh() {
                    site.want(index);
                }
                if decision.reason().is_some() && rules.mode != Mode::Shadow {
                    conclude(site, rules, &decision, stream, now);
                    answer(&decision, stream);
                    return Verdict::Answered;
                }
                match written.write(settings, Some((&decision, rules.mode)), stream) {
                    Some(next) if !leads_to(&next, &found, policies, settings, &*stream) => {
                        written.claimed_proof = decision.claimed_proof().copied().or(written.claimed_proof);
                        next
                    }
                    _ => {
                        conclude(site, rules, &decision, stream, now);
                        // A challenge would be a refusal, which shadow mode hides from clients; a nonce is of use all the same.
                        return Verdict::Pass(fields(&decision, |name| name != "www-authenticate"));
                    }
                }
            }
            Err(NoRules::HeaderRepeated { shadowed: true }) => match written.write(settings, None, stream) {
                Some(next) if !leads_to(&next, &found, policies, settings, &*stream) => next,
                _ => {
                    count_ambiguous(site, policies, true);
                    return Verdict::Pass(Vec::new());
                }
            },
            Err(NoRules::HeaderRepeated { shadowed: false }) => break,
            Err(NoRules::PolicyUnknown) => {
                site.log(Level::Error, "countersign: a route names a policy that does not exist");
                return refuse(stream);
            }
        };
    }
    count_ambiguous(site, policies, false);
    let reason = Reason::PolicyAmbiguous;
    stream.answer(reason.status(), &[], reason.code());
    Verdict::Answered
}

fn decide<'w, S: Stream>(
    settings: &Settings,
    rules: &Rules<'_>,
    worker: &'w mut impl Decide,
    text: &mut Vec<u8>,
    stream: &S,
    written: &Written,
    now: UnixSeconds,
) -> Decision<'w> {
    let connection = Presented { source: settings.certificate, stream };
    let mut request = request(stream, rules, text, now).with_connection(&connection);
    if let Some(proof) = &written.claimed_proof {
        request = request.with_claimed_proof(proof);
    }
    worker.decide(rules.policy, &request)
}

type Route = Result<Option<Arc<RouteSettings>>, RouteUnread>;

/// What earlier judgements of a request have left behind.
struct Written {
    claimed_proof: Option<[u8; 32]>,
    /// Whether identity headers are.
    is_there: bool,
}

impl Written {
    /// Writes the identity headers of a decision, or takes away what was written before. Gives the route, if it is chosen anew after that.
    fn write(
        &mut self,
        settings: &Settings,
        decision: Option<(&Decision<'_>, Mode)>,
        stream: &mut impl Stream,
    ) -> Option<Route> {
        let mut changed = false;
        for (name, fact) in settings.identity_headers.written() {
            let value = decision.and_then(|(decision, mode)| fact.of(decision, mode));
            let value = value.filter(|value| is_field_value(value));
            // The client's are gone already.
            if value.is_some() || self.is_there {
                stream.set_header(name, value.as_deref());
                changed = true;
            }
        }
        self.is_there |= changed;
        if !(changed && settings.clear_route_cache) {
            return None;
        }
        stream.clear_route_cache();
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
fn conclude(site: &impl Site, rules: &Rules<'_>, decision: &Decision<'_>, stream: &mut impl Stream, now: UnixSeconds) {
    let (settings, mode) = (site.settings(), rules.mode);
    let reason = decision.reason();
    let shadowed = reason.is_some() && mode == Mode::Shadow;
    site.count(Outcome { policy: rules.place, reason, shadowed });
    if let Some(notice) = reason.and_then(|reason| site.engine().replay_notice(reason, now)) {
        warn(site, &notice);
    }
    if settings.audit == Audit::All || (settings.audit == Audit::Refusals && reason.is_some()) {
        audit(site, decision, mode);
    }
    for fact in &settings.metadata {
        if let Some(value) = fact.of(decision, mode).filter(|value| is_field_value(value)) {
            stream.set_metadata(&settings.metadata_namespace, fact.name(), &value);
        }
    }
}

fn count_ambiguous(site: &impl Site, policies: &Policies, shadowed: bool) {
    site.count(Outcome { policy: policies.default(), reason: Some(Reason::PolicyAmbiguous), shadowed });
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

/// Where a certificate comes from, asked only for a token that is bound to one: to ask a proxy may cost more than all the rest.
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

/// Answers with what the decision refuses for. Cold, as `audit` is: code that no good request touches lies elsewhere.
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
fn warn(site: &impl Site, notice: &ReplayNotice) {
    site.log(Level::Warn, &format!("countersign: {notice}"));
}

#[cold]
fn audit(site: &impl Site, decision: &Decision<'_>, mode: Mode) {
    let mut record = decision.audit();
    record.mode = mode;
    site.log(Level::Info, &format!("countersign: {record}"));
}

#[cold]
fn refuse_route(site: &impl Site, stream: &mut impl Stream) -> Verdict {
    site.log(Level::Error, "countersign: a route whose settings are not understood");
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

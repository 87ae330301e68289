//! One request: what the engine is told of it, and what its decision does to it.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use countersign::engine::{Decision, Mode, PolicyIndex, Request};
use countersign::reason::Reason;
use countersign::rules::mtls::Connection;
use countersign::time::UnixSeconds;

use crate::certificate::{self, CertificateSource};
use crate::fact::is_field_value;
use crate::host::{Level, Site, Stream};
use crate::policies::{NoRules, Policies, Rules};
use crate::settings::{Audit, RouteSettings};
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

/// Judges the request of `stream`. `text` is a buffer of the worker, for the URI of the request.
pub fn judge(
    site: &impl Site,
    rules: &Rules<'_>,
    worker: &mut impl Decide,
    text: &mut Vec<u8>,
    stream: &mut impl Stream,
    now: UnixSeconds,
) -> Verdict {
    let decision = {
        let connection = Presented { source: site.settings().certificate, stream: &*stream };
        worker.decide(rules.policy, &request(&*stream, rules, text, now).with_connection(&connection))
    };
    follow(site, rules, &decision, stream)
}

/// Does what the decision says.
fn follow(site: &impl Site, rules: &Rules<'_>, decision: &Decision<'_>, stream: &mut impl Stream) -> Verdict {
    let (settings, mode) = (site.settings(), rules.mode);
    let reason = decision.reason();
    let passes = reason.is_none() || mode == Mode::Shadow;
    site.count(Outcome { policy: rules.place, reason, shadowed: reason.is_some() && passes });
    if let Some((index, _)) = decision.wants_refresh() {
        site.want(index);
    }
    if settings.audit == Audit::All || (settings.audit == Audit::Refusals && reason.is_some()) {
        audit(site, decision, mode);
    }
    for fact in &settings.metadata {
        if let Some(value) = fact.of(decision, mode).filter(|value| is_field_value(value)) {
            stream.set_metadata(&settings.metadata_namespace, fact.name(), &value);
        }
    }

    if !passes {
        answer(decision, stream);
        return Verdict::Answered;
    }
    // Whatever the client said of these, it said itself.
    for (name, fact) in &settings.identity_headers {
        let value = fact.of(decision, mode).filter(|value| is_field_value(value));
        stream.set_header(name, value.as_deref());
    }
    // A challenge would be a refusal, which in shadow mode nobody is to see; a nonce is of use all the same.
    Verdict::Pass(fields(decision, |name| name != "www-authenticate"))
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
                Some(origin) => text.extend_from_slice(origin.as_bytes()),
                None => {
                    text.extend_from_slice(one(":scheme"));
                    text.extend_from_slice(b"://");
                    text.extend_from_slice(one(":authority"));
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
            CertificateSource::Forwarded => match self.stream.header("x-forwarded-client-cert") {
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
fn audit(site: &impl Site, decision: &Decision<'_>, mode: Mode) {
    let mut record = decision.audit();
    record.mode = mode;
    site.log(Level::Info, &format!("countersign: {record}"));
}

/// What becomes of a request that no rules hold for: it is refused. In shadow mode one that is ambiguous passes, without an identity.
pub fn without_rules(
    site: &impl Site,
    policies: &Policies,
    route: Option<&RouteSettings>,
    why: NoRules,
    stream: &mut impl Stream,
) -> Verdict {
    let reason = match why {
        NoRules::PolicyUnknown => {
            site.log(Level::Error, "countersign: a route names a policy that does not exist");
            return refuse(stream);
        }
        NoRules::HeaderRepeated => Reason::PolicyAmbiguous,
    };
    let settings = site.settings();
    let shadowed = route.and_then(|route| route.mode).or(settings.mode) == Some(Mode::Shadow);
    site.count(Outcome { policy: policies.default(), reason: Some(reason), shadowed });
    if !shadowed {
        stream.answer(reason.status(), &[], reason.code());
        return Verdict::Answered;
    }
    for (name, _) in &settings.identity_headers {
        stream.set_header(name, None);
    }
    Verdict::Pass(Vec::new())
}

/// Refuses what cannot be judged.
pub fn refuse(stream: &mut impl Stream) -> Verdict {
    let reason = Reason::InternalError;
    stream.answer(reason.status(), &[], reason.code());
    Verdict::Answered
}

//! One request: what the engine is told of it, and what its decision does to it.

use std::io::Write;

use countersign::engine::{Decision, Mode, Request};
use countersign::reason::Reason;
use countersign::rules::mtls::ClientCertificate;
use countersign::time::UnixSeconds;

use crate::certificate::{self, CertificateSource};
use crate::fact::is_field_value;
use crate::host::{Level, Stream};
use crate::module::{Desk, Module, Rules};
use crate::settings::Audit;
use crate::tally::Outcome;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on; these fields are for its response.
    Pass(Vec<(String, String)>),
    /// It was answered.
    Answered,
}

/// Judges the request of `stream`.
pub(crate) fn judge(module: &Module, stream: &mut impl Stream, now: UnixSeconds) -> Verdict {
    // As the engine does with a policy that is not its own: whatever cannot be judged is refused.
    let Some(rules) = module.rules(stream.route()) else {
        module.process.log(Level::Error, "countersign: a route names a policy that does not exist");
        return refuse(stream);
    };
    let (place, policy, mode) = (rules.place, rules.policy, rules.mode);
    let worker = stream.worker();
    let mut desk = module.desk(worker);
    let Some(Desk { worker: live_worker, text }) = desk.as_deref_mut().and_then(Option::as_mut) else {
        module.process.log(Level::Error, "countersign: a worker without memory of its own");
        return refuse(stream);
    };

    let decision = {
        let certificate = certificate(module.settings.certificate, stream);
        let request = request(stream, &rules, text, now);
        let request = match certificate {
            Some(digest) => request.with_certificate(ClientCertificate::Sha256(digest)),
            None => request,
        };
        live_worker.decide(&module.live, policy, &request)
    };

    let reason = decision.reason();
    let passes = reason.is_none() || mode == Mode::Shadow;
    if let Some(tally) = module.tallies.get(worker) {
        tally.count(Outcome { policy: place, reason, shadowed: reason.is_some() && passes });
    }
    if let Some((index, _)) = decision.wants_refresh() {
        module.want(index);
    }
    if module.settings.audit == Audit::All || (module.settings.audit == Audit::Refusals && reason.is_some()) {
        audit(module, &decision, mode, text);
    }
    for fact in &module.settings.metadata {
        if let Some(value) = fact.of(&decision, mode).filter(|value| is_field_value(value)) {
            stream.set_metadata(&module.settings.metadata_namespace, fact.name(), &value);
        }
    }

    if !passes {
        let headers = fields(&decision, |_| true);
        stream.answer(decision.status(), &headers, reason.map_or("", |reason| reason.code()));
        return Verdict::Answered;
    }
    // Whatever the client said of these, it said itself.
    for (name, fact) in &module.settings.identity_headers {
        let value = fact.of(&decision, mode).filter(|value| is_field_value(value));
        stream.set_header(name, value.as_deref());
    }
    // A challenge would be a refusal, which in shadow mode nobody is to see; a nonce is of use all the same.
    Verdict::Pass(fields(&decision, |name| name != "www-authenticate"))
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
        std::iter::repeat_n((name.as_bytes(), value), count.min(2))
    });
    Request::new(one(":method"), uri, headers, now)
}

fn certificate(source: CertificateSource, stream: &impl Stream) -> Option<[u8; 32]> {
    match source {
        CertificateSource::Connection => certificate::digest(stream.peer_certificate_sha256()?),
        CertificateSource::Forwarded => match stream.header("x-forwarded-client-cert") {
            (Some(value), 1) => certificate::forwarded(value),
            _ => None,
        },
        CertificateSource::Nowhere => None,
    }
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

fn audit(module: &Module, decision: &Decision<'_>, mode: Mode, text: &mut Vec<u8>) {
    let mut record = decision.audit();
    record.mode = mode;
    text.clear();
    if write!(text, "countersign: {record}").is_ok()
        && let Ok(line) = str::from_utf8(text)
    {
        module.process.log(Level::Info, line);
    }
}

/// Refuses what cannot be judged.
pub(crate) fn refuse(stream: &mut impl Stream) -> Verdict {
    let reason = Reason::InternalError;
    stream.answer(reason.status(), &[], reason.code());
    Verdict::Answered
}

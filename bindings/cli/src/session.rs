//! An engine with all that a host gives it: policy, keys, revocations, nonce keys, randomness, time.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use countersign::internal::document::DocumentKind;
use countersign::internal::jose::base64url;
use countersign::{
    Answer, Authority, BodyReader, ClientCertificate, Decision, Engine, LoadReport, NonceKeys, PolicyDocument,
    PolicyIndex, Request, Step, Trace, TrustDocument, TrustError, UnixSeconds, UseOnce,
};
use countersign_reload::json_document::describe;
use countersign_reload::revocations::one_line;
use countersign_reload::{ReloadError, RevocationDocument, SharedEngine, SharedWorker, nonce_keys, seed};

use crate::failure::{Failure, complain};
use crate::files;
use crate::input::{AnswerLine, FailedWord, RequestLine, StoreWord, TrustPush};
use crate::moment;
use crate::printable::printable;

/// How often the files are looked at, unless every line asks for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The common state of `decide` and `explain`.
#[derive(Args, Debug)]
pub(crate) struct SessionArgs {
    /// The policy document; files in it are relative to its directory
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,

    /// The time to go by, in seconds since 1970; the system clock's if absent
    #[arg(long, value_name = "UNIX_SECONDS")]
    pub(crate) now: Option<u64>,

    /// The keys of DPoP nonces, 32 bytes in hexadecimal or base64url each: the current one on the first line, on the
    /// second the one before it, if any; a random key if absent
    #[arg(long, value_name = "FILE")]
    pub(crate) nonce_key: Option<PathBuf>,

    /// The revocations: {"all_before":N,"authorities":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],
    /// "subjects":["sub",{"subject":"sub","before":N}],"tokens":["jti"]}]}
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) revocations: Option<PathBuf>,
}

/// One engine with one worker, whose state lasts from request to request.
#[derive(Debug)]
pub(crate) struct Session {
    shared: SharedEngine,
    worker: SharedWorker,
    /// When the files were looked at last.
    looked_at: Instant,
    fixed_now: Option<u64>,
}

impl Session {
    pub(crate) fn open(args: &SessionArgs) -> Result<Self, Failure> {
        let now = moment::now(args.now);
        let engine = Engine::new(read_policy(&args.policy)?, random_seed()?);
        let shared = SharedEngine::new(engine, now, &mut warn).map_err(|faults| {
            let line = |fault: ReloadError| format!("{}: {fault}", args.policy.display());
            Failure::Unusable(faults.into_iter().map(line).collect())
        })?;
        shared.set_nonce_keys(match &args.nonce_key {
            Some(path) => nonce_keys_in(path)?,
            None => nonce_keys().map_err(|error| Failure::Io(error.to_string()))?,
        });
        if let Some(path) = &args.revocations {
            files::need(path, DocumentKind::Revocations.bytes().most)?;
            let watched = shared.watch_revocations(path.clone(), &mut warn);
            watched.map_err(|fault| Failure::unusable(fault.to_string()))?;
        }
        for (_, source) in shared.engine().document().trust() {
            if let TrustDocument::Uri(_) = source.document() {
                let authority = printable(&source.authority().to_string());
                warn(&format!("{authority}: URIs are not fetched here; it starts without keys"));
            }
        }
        shared.watch_trust_files(args.policy.parent().unwrap_or(Path::new("")), now, &mut warn);
        let worker = SharedWorker::new(&shared, random_seed()?);
        Ok(Self { shared, worker, looked_at: Instant::now(), fixed_now: args.now })
    }

    /// The time of a line: its own, that of the command, or the clock's.
    pub(crate) fn time(&self, of_line: Option<u64>) -> UnixSeconds {
        moment::now(of_line.or(self.fixed_now))
    }

    /// Takes in changed files, if it is time to look or `urgent`.
    pub(crate) fn look_at_files(&mut self, now: UnixSeconds, urgent: bool) {
        if urgent || self.looked_at.elapsed() >= LOOK_EVERY {
            self.looked_at = Instant::now();
            self.shared.look(now, &mut warn);
        }
    }

    /// The policy that is asked for by name, or else the one called `default`, or else the only one.
    pub(crate) fn policy(&self, name: Option<&str>) -> Result<PolicyIndex, String> {
        let document = self.shared.engine().document();
        let mut all = document.policies();
        let found = match (name, all.next(), all.next()) {
            (Some(name), ..) => document.policy(name),
            (None, Some((only, _)), None) => Some(only),
            (None, ..) => document.policy("default"),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = document.policies().map(|(_, policy)| policy.name()).collect();
            let asked =
                if name.is_some() { "no such policy" } else { "no policy is named, and none is called default" };
            format!("{asked}; there are: {}", names.join(", "))
        })
    }

    /// Judges one request, and gives the engine the answers of the line for its questions; `report` takes the decision. Without enough
    /// answers the decision is abandoned.
    pub(crate) fn decide<R>(
        &mut self,
        policy: PolicyIndex,
        line: &RequestLine,
        certificate: Option<&[u8]>,
        now: UnixSeconds,
        mut trace: &mut dyn Trace,
        report: impl FnOnce(&Decision<'_>) -> R,
    ) -> Result<R, String> {
        let fields: Vec<(&[u8], &[u8])> =
            line.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let fields = fields.as_slice();
        let mut request = Request::new(line.method.as_bytes(), line.uri.as_bytes(), fields.iter().copied(), now);
        request = request.with_fields(&fields);
        if let Some(der) = certificate {
            request = request.with_certificate(ClientCertificate::Der(der));
        }
        let mut policies = self.shared.engine().document().policies();
        let body = policies.find(|(index, _)| *index == policy).and_then(|(_, policy)| policy.body());
        let mut answers = line.answers.iter();
        let mut step = self.worker.begin_with(&self.shared, policy, &request, &mut trace);
        loop {
            let pending = match step {
                Step::Decided(decision) => return Ok(report(&decision)),
                Step::Waits(pending) => pending,
            };
            let Some(answer) = answers.next() else {
                return Ok(report(&self.worker.abandon(&self.shared, pending)));
            };
            let response = response_text(answer)?;
            let answer = match answer {
                AnswerLine::UseOnce(StoreWord::First) => Answer::UseOnce(UseOnce::First),
                AnswerLine::UseOnce(StoreWord::Used) => Answer::UseOnce(UseOnce::Used),
                AnswerLine::UseOnce(StoreWord::Unavailable) => Answer::UseOnce(UseOnce::Unavailable),
                AnswerLine::Introspected(_) => Answer::Introspected(response.as_bytes()),
                AnswerLine::Introspection(FailedWord::Failed) => Answer::IntrospectionFailed,
                AnswerLine::Body(text) => {
                    let mut reader = BodyReader::new(body.ok_or("a body in answers, which the policy does not read")?);
                    let _is_within_its_limit = reader.feed(text.as_bytes());
                    Answer::Body(reader)
                }
            };
            step = self.worker.resume_with(&self.shared, pending, &request, answer, &mut trace);
        }
    }

    /// Loads a new document for one trust domain or issuer.
    pub(crate) fn push(&mut self, push: &TrustPush<'_>, now: UnixSeconds) -> Result<LoadReport, String> {
        let authority = match (&push.trust_domain, &push.issuer) {
            (Some(name), None) => Authority::TrustDomain(name.clone()),
            (None, Some(name)) => Authority::Issuer(name.clone()),
            _ => return Err("expected one of trust_domain and issuer".to_owned()),
        };
        let pushed = self.shared.push_trust(&authority, push.document.get().as_bytes(), now);
        pushed.map_err(|fault| match fault {
            TrustError::AuthorityUnknown => "no such trust domain or issuer in the policy".to_owned(),
            _ => format!("the document is refused, and the last good one stays in use: {fault}"),
        })
    }

    /// Adds revocations; reports the authorities that the policy does not trust.
    pub(crate) fn revoke(&mut self, more: &[u8]) -> Result<Vec<String>, String> {
        let more = RevocationDocument::read(more).map_err(|faults| one_line(&faults))?;
        Ok(self.shared.revoke(&more))
    }

    /// How many keys, subjects and tokens are revoked by name.
    pub(crate) fn revoked_names(&self) -> usize {
        self.shared.trust_state().revocations.names()
    }
}

/// The response of an introspection endpoint: JSON as it is in the line, or the text in a string.
fn response_text(answer: &AnswerLine) -> Result<Cow<'_, str>, String> {
    match answer {
        AnswerLine::Introspected(json) if json.get().starts_with('"') => {
            serde_json::from_str(json.get()).map(Cow::Owned).map_err(|error| describe(&error))
        }
        AnswerLine::Introspected(json) => Ok(Cow::Borrowed(json.get())),
        _ => Ok(Cow::Borrowed("")),
    }
}

fn warn(line: &str) {
    complain(&format!("warning: {line}"));
}

/// Reads a policy document; every fault in it becomes a line.
pub(crate) fn read_policy(path: &Path) -> Result<PolicyDocument, Failure> {
    let text = files::need(path, DocumentKind::Policy.bytes().most)?;
    PolicyDocument::parse(&text).map_err(|faults| {
        Failure::Unusable(
            faults.iter().map(|fault| format!("{}: {}", path.display(), printable(&fault.to_string()))).collect(),
        )
    })
}

/// The client certificate of a line: standard base64 of DER.
pub(crate) fn certificate(line: &RequestLine) -> Result<Option<Vec<u8>>, String> {
    let Some(text) = &line.client_cert else { return Ok(None) };
    let mut der = vec![0; text.len()];
    match base64url::decode_standard_padded(text.as_bytes(), &mut der) {
        Ok([]) => Err("client_cert is empty; a connection without certificate has null".to_owned()),
        Ok(decoded) => {
            let length = decoded.len();
            der.truncate(length);
            Ok(Some(der))
        }
        Err(fault) => Err(format!("client_cert is not standard, padded base64: {fault}")),
    }
}

/// A seed for caches and stores.
pub(crate) fn random_seed() -> Result<[u64; 2], Failure> {
    seed().map_err(|error| Failure::Io(error.to_string()))
}

fn nonce_keys_in(path: &Path) -> Result<NonceKeys, Failure> {
    let text = files::need(path, 1024)?;
    let fault = || {
        let form = "expected one or two lines, each a key of 32 bytes in hexadecimal or base64url";
        Failure::unusable(format!("{}: {form}", path.display()))
    };
    let keys = text.trim_ascii().split(|byte| *byte == b'\n').map(|line| nonce_key(line.trim_ascii()));
    let keys: Option<Vec<[u8; 32]>> = keys.collect();
    match keys.as_deref() {
        Some([current]) => Ok(NonceKeys::new(current, None)),
        Some([current, previous]) => Ok(NonceKeys::new(current, Some(previous))),
        _ => Err(fault()),
    }
}

fn nonce_key(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        let unpadded = text.strip_suffix(b"=").unwrap_or(text);
        return base64url::decode_array(unpadded);
    }
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(text.as_chunks::<2>().0) {
        let digits =
            str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(key)
}

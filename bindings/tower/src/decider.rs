//! One request: what the engine gets of it, and what its decision does to it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::internal::specs::common::presentation::Credential;
use countersign::internal::uri::AllowedOrigins;
use countersign::{
    Answer, Authority, BodyReader, Connection, Decision, HeaderField, HeaderFields, Pending, Policy, PolicyIndex,
    Question, Reason, ReplayNotice, Request, Step, UnixSeconds, UseOnce, named_field,
};
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Extensions, Response, StatusCode, Uri};
use http_body::Body;

use crate::body::{Read, RequestBody};
use crate::certificate::ClientCertificate;
use crate::engine::EngineHandle;
use crate::grpc;
use crate::identity::Identity;
use crate::identity_headers::{IdentityHeaders, remove_credentials};
use crate::questions::{Asked, Questions};

/// The longest answer of an issuer, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

pub(crate) type OnDecision = Box<dyn Fn(&Decision<'_>) + Send + Sync>;
pub(crate) type OnNotice = Box<dyn Fn(&ReplayNotice) + Send + Sync>;
pub(crate) type OnRefresh = Box<dyn Fn(&Authority) + Send + Sync>;
pub(crate) type OriginalUri = Box<dyn Fn(&Extensions) -> Option<&Uri> + Send + Sync>;
pub(crate) type CertificateOf = Box<dyn Fn(&Extensions) -> Option<ClientCertificate> + Send + Sync>;
pub(crate) type Clock = Box<dyn Fn() -> UnixSeconds + Send + Sync>;

/// What a layer decides by.
pub(crate) struct Decider {
    pub(crate) engine: EngineHandle,
    pub(crate) policy: PolicyIndex,
    /// `None` where the policy has its own.
    pub(crate) origins: Option<AllowedOrigins>,
    pub(crate) identity_headers: IdentityHeaders,
    pub(crate) questions: Option<Arc<dyn Questions>>,
    pub(crate) question_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) on_decision: Option<OnDecision>,
    pub(crate) on_notice: Option<OnNotice>,
    pub(crate) on_refresh: Option<OnRefresh>,
    pub(crate) original_uri: Option<OriginalUri>,
    pub(crate) certificate: CertificateOf,
    pub(crate) clock: Clock,
}

/// What becomes of a request.
pub(crate) enum Verdict {
    /// It goes on; these fields are for its response.
    Pass(HeaderFieldsOfAnswer),
    /// It is answered.
    Refuse(Refusal),
}

pub(crate) type HeaderFieldsOfAnswer = Vec<(HeaderName, HeaderValue)>;

/// The answer to a refused request.
pub(crate) struct Refusal {
    status: StatusCode,
    headers: HeaderFieldsOfAnswer,
    reason: &'static str,
    is_call: bool,
}

impl Refusal {
    fn by(reason: Reason, headers: HeaderFieldsOfAnswer, parts: &Parts) -> Self {
        // Every status of a reason is one of HTTP.
        let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers, reason: reason.code(), is_call: grpc::is_call(&parts.headers) }
    }

    pub(crate) fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status;
        add_to(&mut response, self.headers);
        if self.is_call {
            grpc::answer(&mut response, self.reason);
        }
        response
    }
}

/// Puts fields of a decision on a response: a challenge beside others, and one value of any other field.
pub(crate) fn add_to<B>(response: &mut Response<B>, fields: HeaderFieldsOfAnswer) {
    for (name, value) in fields {
        if name == WWW_AUTHENTICATE {
            response.headers_mut().append(name, value);
        } else {
            response.headers_mut().insert(name, value);
        }
    }
}

/// How far a decision is.
pub(crate) enum Progress {
    Done(Verdict),
    Waits(Box<Waiting>),
}

/// A decision that waits. One that is dropped is refused, counted and reported.
pub(crate) struct Waiting {
    decider: Arc<Decider>,
    pending: Option<Pending>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            let decider = &self.decider;
            decider.engine.with_worker(|worker, engine| decider.report(&worker.abandon(engine, pending)));
        }
    }
}

/// The proof that a request has used, for a layer further in that decides by another policy of the same engine.
#[derive(Clone)]
struct UsedProof {
    engine: EngineHandle,
    proof: [u8; 32],
}

impl Decider {
    /// Decides a request, or begins to.
    pub(crate) fn begin(self: &Arc<Self>, parts: &mut Parts) -> Progress {
        self.identity_headers.remove(&mut parts.headers);
        self.engine.with_worker(|worker, engine| {
            let step = self.with_request(parts, |request| worker.begin(engine, self.policy, request));
            self.progress(step, parts)
        })
    }

    fn resume(self: &Arc<Self>, pending: Pending, parts: &mut Parts, answer: Answer<'_>) -> Progress {
        self.engine.with_worker(|worker, engine| {
            let step = self.with_request(parts, |request| worker.resume(engine, pending, request, answer));
            self.progress(step, parts)
        })
    }

    fn progress(self: &Arc<Self>, step: Step<'_>, parts: &mut Parts) -> Progress {
        match step {
            Step::Decided(decision) => Progress::Done(self.conclude(&decision, parts)),
            Step::Waits(pending) => {
                Progress::Waits(Box::new(Waiting { decider: Arc::clone(self), pending: Some(pending) }))
            }
        }
    }

    /// Hands `decide` the request as the engine takes it.
    fn with_request<T>(&self, parts: &Parts, decide: impl FnOnce(&Request<'_>) -> T) -> T {
        let uri = self.original_uri.as_ref().and_then(|original| original(&parts.extensions)).unwrap_or(&parts.uri);
        let target = self.target(uri, &parts.headers);
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let (named, connection) = (Named(&parts.headers), Presented { decider: self, parts });
        let mut request = Request::new(parts.method.as_str().as_bytes(), target.as_bytes(), fields, (self.clock)())
            .with_fields(&named)
            .with_connection(&connection);
        let used = parts.extensions.get::<UsedProof>().filter(|used| used.engine.is(&self.engine));
        if let Some(used) = used {
            request = request.with_used_proof(&used.proof);
        }
        decide(&request)
    }

    /// The URI that the client means: of an origin that the settings name, never of one that it invents.
    fn target<'u>(&self, uri: &'u Uri, headers: &HeaderMap) -> Cow<'u, str> {
        // The target of CONNECT is an authority, for which there is no proof.
        let path = uri.path_and_query().map(|path| path.as_str());
        let Some(path) = path.or_else(|| uri.authority().map(|authority| authority.as_str())) else {
            return Cow::Borrowed("");
        };
        let Some(origins) = self.origins.as_ref().filter(|_| path.starts_with('/')) else { return Cow::Borrowed(path) };
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (uri.authority(), hosts.next(), hosts.next()) {
            (Some(authority), ..) => authority.as_str().as_bytes(),
            (None, Some(host), None) => host.as_bytes(),
            _ => b"",
        };
        let mut text = Vec::with_capacity(128);
        match origins.choose(host) {
            Some(origin) => origin.write_to(&mut text),
            // The client asked for a host that is not served here: a URI without authority, for which there is no proof.
            None => text.extend_from_slice(b"https://"),
        }
        text.extend_from_slice(path.as_bytes());
        Cow::Owned(String::from_utf8_lossy(&text).into_owned())
    }

    /// Does to the request what its decision says.
    fn conclude(&self, decision: &Decision<'_>, parts: &mut Parts) -> Verdict {
        self.report(decision);
        if !decision.lets_pass() {
            let reason = decision.reason().unwrap_or(Reason::InternalError);
            return Verdict::Refuse(Refusal::by(reason, fields(decision, |_| true), parts));
        }
        self.identity_headers.write(decision, &mut parts.headers);
        if let Some(policy) = decision.policy() {
            remove_credentials(policy, &mut parts.headers);
        }
        // Of an outer layer's decision, this one knows nothing.
        parts.extensions.remove::<Identity>();
        if let Some(identity) = Identity::of(decision) {
            parts.extensions.insert(identity);
        }
        if let Some(proof) = decision.used_proof() {
            parts.extensions.insert(UsedProof { engine: self.engine.clone(), proof: *proof });
        }
        // A challenge would be a refusal, which shadow mode hides from clients; a nonce is of use all the same.
        Verdict::Pass(fields(decision, |name| name != "www-authenticate"))
    }

    fn report(&self, decision: &Decision<'_>) {
        if let (Some((_, authority)), Some(on_refresh)) = (decision.wants_refresh(), &self.on_refresh) {
            on_refresh(authority);
        }
        if let (Some(reason), Some(on_notice)) = (decision.reason(), &self.on_notice)
            && let Some(notice) = self.engine.shared().engine().replay_notice(reason, (self.clock)())
        {
            on_notice(&notice);
        }
        if let Some(on_decision) = &self.on_decision {
            on_decision(decision);
        }
    }

    fn policy(&self) -> Option<&Policy> {
        self.engine
            .shared()
            .engine()
            .document()
            .policies()
            .find(|(index, _)| *index == self.policy)
            .map(|(_, policy)| policy)
    }

    /// The issuer and the URI of a question about a token.
    fn introspection(&self, question: Question<'_>) -> Option<(&str, &str)> {
        let Question::Introspect { authority } = question else { return None };
        let source = self.engine.shared().engine().document().source(authority.as_usize())?;
        Some((source.authority().name(), source.introspection()?.uri()))
    }

    pub(crate) fn asks(policy: &Policy) -> bool {
        policy.asks_shared_store() || policy.introspects()
    }
}

/// The header fields of the answer that `wanted` lets through.
fn fields(decision: &Decision<'_>, wanted: impl Fn(&str) -> bool) -> HeaderFieldsOfAnswer {
    let mut all = Vec::new();
    let _never_fails = decision.write_headers(&mut |name, value| {
        let field = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value.to_string()));
        // Names and values of a decision are those of header fields.
        if let (true, (Ok(name), Ok(value))) = (wanted(name), field) {
            all.push((name, value));
        }
        Ok(())
    });
    all
}

/// The header fields that policies name.
struct Named<'r>(&'r HeaderMap);

impl HeaderFields for Named<'_> {
    fn field(&self, name: &str) -> HeaderField<'_> {
        named_field(self.0.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())), name)
    }
}

/// The certificate of the connection, asked only for a token that is bound to one.
struct Presented<'r> {
    decider: &'r Decider,
    parts: &'r Parts,
}

impl Connection for Presented<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        (self.decider.certificate)(&self.parts.extensions).map(|certificate| certificate.sha256())
    }
}

/// What was found out for a question.
enum Found {
    UseOnce(UseOnce),
    Introspected(Option<Vec<u8>>),
    Body(Box<BodyReader>),
    /// The client did not send the whole body, or not in time.
    Nothing,
}

impl Waiting {
    /// Answers the questions of the decision until it is made.
    pub(crate) async fn answered<B>(mut self, parts: &mut Parts, body: &mut RequestBody<B>) -> Verdict
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let decider = Arc::clone(&self.decider);
        while let Some(pending) = &self.pending {
            let found = decider.find(pending.question(), parts, body).await;
            // Taken after the wait: a future that is dropped before gives the decision up.
            let Some(pending) = self.pending.take() else { break };
            let progress = match found {
                Found::UseOnce(said) => decider.resume(pending, parts, Answer::UseOnce(said)),
                Found::Introspected(Some(text)) if text.len() <= ANSWER_BYTES => {
                    decider.resume(pending, parts, Answer::Introspected(&text))
                }
                Found::Introspected(_) => decider.resume(pending, parts, Answer::IntrospectionFailed),
                Found::Body(reader) => decider.resume(pending, parts, Answer::Body(*reader)),
                Found::Nothing => Progress::Done(decider.engine.with_worker(|worker, engine| {
                    let decision = worker.abandon(engine, pending);
                    let mut verdict = decider.conclude(&decision, parts);
                    if let Verdict::Refuse(refusal) = &mut verdict {
                        // RFC 9110 §15.5.9: the request was not complete in time. It is the client's fault, and no status of a server's.
                        refusal.status = StatusCode::REQUEST_TIMEOUT;
                    }
                    verdict
                })),
            };
            match progress {
                Progress::Done(verdict) => return verdict,
                Progress::Waits(mut next) => self.pending = next.pending.take(),
            }
        }
        // No path leads here: each turn ends with a verdict or another question.
        Verdict::Refuse(Refusal::by(Reason::InternalError, Vec::new(), parts))
    }
}

impl Decider {
    async fn find<B>(&self, question: Question<'_>, parts: &Parts, body: &mut RequestBody<B>) -> Found
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match question {
            Question::UseOnce { proof, seconds } => {
                let asked = self.questions.as_ref().map(|questions| questions.use_once(proof, seconds));
                Found::UseOnce(in_time(self.question_time, asked).await.unwrap_or(UseOnce::Unavailable))
            }
            Question::Introspect { .. } => {
                let token = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
                let credential = token.and_then(|value| Credential::read(HeaderField::One(value), b"").ok());
                let asked = match (&self.questions, self.introspection(question), &credential) {
                    (Some(questions), Some((issuer, uri)), Some(credential)) => {
                        Some(questions.introspect(issuer, uri, credential.token))
                    }
                    _ => None,
                };
                Found::Introspected(in_time(self.question_time, asked).await.flatten())
            }
            Question::Body { .. } => {
                let Some(asked) = self.policy().and_then(Policy::body) else { return Found::Nothing };
                let mut reader = BodyReader::new(asked);
                let read = tokio::time::timeout(self.body_time, body.read(|chunk| reader.feed(chunk))).await;
                match read {
                    Ok(Read::Whole) => Found::Body(Box::new(reader)),
                    Ok(Read::Broken) | Err(_) => Found::Nothing,
                }
            }
        }
    }
}

/// The answer, if it comes in time.
async fn in_time<T>(limit: Duration, asked: Option<Asked<'_, T>>) -> Option<T> {
    tokio::time::timeout(limit, asked?).await.ok()
}

//! The settings of a layer.

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use countersign::internal::field_value::{is_field_name, spells_alike};
use countersign::internal::uri::AllowedOrigins;
use countersign::{Attribute, Authority, Decision, Policy, ReplayNotice, UnixSeconds};
use http::header::HeaderName;
use http::{Extensions, Uri};

use crate::certificate::ClientCertificate;
use crate::decider::{CertificateOf, Clock, Decider, OnDecision, OnNotice, OnRefresh, OriginalUri};
use crate::engine::{EngineHandle, system_time};
use crate::identity_headers::{IdentityHeaders, Source};
use crate::layer::CountersignLayer;
use crate::questions::Questions;

/// Settings of a [`CountersignLayer`]; [`build`](Self::build) checks them.
#[must_use]
pub struct Builder {
    engine: EngineHandle,
    policy: String,
    origins: Vec<String>,
    identity_headers: Vec<(String, Source)>,
    questions: Option<Arc<dyn Questions>>,
    question_time: Duration,
    body_time: Duration,
    on_decision: Option<OnDecision>,
    on_notice: Option<OnNotice>,
    on_refresh: Option<OnRefresh>,
    original_uri: Option<OriginalUri>,
    certificate: CertificateOf,
    clock: Clock,
}

impl Debug for Builder {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("policy", &self.policy).field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl CountersignLayer {
    /// Settings of a layer that decides by the policy `policy` of the engine's document.
    pub fn builder(engine: EngineHandle, policy: &str) -> Builder {
        Builder {
            engine,
            policy: policy.to_owned(),
            origins: Vec::new(),
            identity_headers: Vec::new(),
            questions: None,
            question_time: Duration::from_secs(2),
            body_time: Duration::from_secs(60),
            on_decision: None,
            on_notice: None,
            on_refresh: None,
            original_uri: None,
            certificate: Box::new(|extensions| extensions.get::<ClientCertificate>().copied()),
            clock: Box::new(system_time),
        }
    }
}

impl Builder {
    /// The scheme and authority by which clients know this server, such as `https://api.example`, or `https://api.example/base` where a proxy
    /// takes a prefix off. Needed where the policy takes DPoP proofs and has no `origin`. Call it once for each origin: of several, the
    /// authority of a request chooses one, and `https://*.example.com` is any name of one more label.
    pub fn origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.to_owned());
        self
    }

    /// Writes an attribute of each accepted request to a header field. What a client sends under any spelling of the name is removed first.
    pub fn identity_header(mut self, name: &str, attribute: Attribute) -> Self {
        self.identity_headers.push((name.to_owned(), Source::Attribute(attribute)));
        self
    }

    /// As [`identity_header`](Self::identity_header), for the claim that the policy has under `claim` in `attributes`.
    pub fn claim_header(mut self, name: &str, claim: &str) -> Self {
        self.identity_headers.push((name.to_owned(), Source::Claim(claim.to_owned())));
        self
    }

    /// Answers questions to a shared store and to issuers. Needed where the policy asks them.
    pub fn questions(mut self, questions: Arc<dyn Questions>) -> Self {
        self.questions = Some(questions);
        self
    }

    /// How long an answer of [`questions`](Self::questions) may take: 2 seconds unless set. Without an answer the request is refused.
    pub const fn question_time(mut self, limit: Duration) -> Self {
        self.question_time = limit;
        self
    }

    /// How long a client may take to send a body that the policy asks for: 60 seconds unless set.
    pub const fn body_time(mut self, limit: Duration) -> Self {
        self.body_time = limit;
        self
    }

    /// Is called with every decision, accepted or refused, for logs ([`Decision::audit`]) and metrics. It is called while a
    /// worker is held, and must not wait.
    pub fn on_decision(mut self, call: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.on_decision = Some(Box::new(call));
        self
    }

    /// Is called where the replay store refuses proofs, at most once a minute for each reason, with a line for the log.
    pub fn on_notice(mut self, call: impl Fn(&ReplayNotice) + Send + Sync + 'static) -> Self {
        self.on_notice = Some(Box::new(call));
        self
    }

    /// Is called where a new document of a trust domain or issuer should be fetched and given to [`countersign_reload::SharedEngine::push_trust`]: a token names a key
    /// that the last one does not have, or there is none. At most once in `min_refresh_seconds`. It must not wait: wake a task.
    pub fn on_refresh(mut self, call: impl Fn(&Authority) + Send + Sync + 'static) -> Self {
        self.on_refresh = Some(Box::new(call));
        self
    }

    /// Where the URI is that the client sent, for a layer further in than a router that strips a prefix: with axum
    /// `|extensions| extensions.get::<OriginalUri>().map(|uri| &uri.0)`. Without one, or where it gives none, the URI of the request is the client's.
    pub fn original_uri(mut self, find: impl Fn(&Extensions) -> Option<&Uri> + Send + Sync + 'static) -> Self {
        self.original_uri = Some(Box::new(find));
        self
    }

    /// Where the client certificate of the connection is: the extension [`ClientCertificate`] unless set. With tonic's TLS it is in
    /// `TlsConnectInfo`. It is asked only for a token that is bound to a certificate.
    pub fn client_certificate(
        mut self,
        find: impl Fn(&Extensions) -> Option<ClientCertificate> + Send + Sync + 'static,
    ) -> Self {
        self.certificate = Box::new(find);
        self
    }

    /// The clock that decides: the system's unless set.
    pub fn clock(mut self, now: impl Fn() -> UnixSeconds + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now);
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn build(self) -> Result<CountersignLayer, SettingsError> {
        let mut faults = Vec::new();
        let document = self.engine.shared().engine().document();
        let found = document.policy(&self.policy);
        let found = found.and_then(|index| document.policies().find(|(known, _)| *known == index));
        let origins = self.read_origins(found.map(|(_, policy)| policy), &mut faults);
        if let Some((_, policy)) = found
            && Decider::asks(policy)
            && self.questions.is_none()
        {
            faults.push(SettingsFault::QuestionsMissing { policy: self.policy.clone() });
        }
        let identity_headers = self.read_identity_headers(found.map(|(_, policy)| policy), &mut faults);
        match found {
            Some((index, _)) if faults.is_empty() => Ok(CountersignLayer {
                decider: Arc::new(Decider {
                    engine: self.engine,
                    policy: index,
                    origins,
                    identity_headers,
                    questions: self.questions,
                    question_time: self.question_time,
                    body_time: self.body_time,
                    on_decision: self.on_decision,
                    on_notice: self.on_notice,
                    on_refresh: self.on_refresh,
                    original_uri: self.original_uri,
                    certificate: self.certificate,
                    clock: self.clock,
                }),
            }),
            found => {
                if found.is_none() {
                    faults.insert(0, SettingsFault::PolicyUnknown { policy: self.policy });
                }
                Err(SettingsError { faults })
            }
        }
    }

    fn read_origins(&self, policy: Option<&Policy>, faults: &mut Vec<SettingsFault>) -> Option<AllowedOrigins> {
        let policy_name = || self.policy.clone();
        if self.origins.is_empty() {
            if policy.is_some_and(|policy| policy.takes_proofs() && !policy.has_origin()) {
                faults.push(SettingsFault::OriginMissing { policy: policy_name() });
            }
            return None;
        }
        if policy.is_some_and(Policy::has_origin) {
            faults.push(SettingsFault::OriginTwice { policy: policy_name() });
        }
        match AllowedOrigins::parse(self.origins.iter().map(String::as_str)) {
            Ok(origins) => Some(origins),
            Err(error) => {
                let origin = self.origins.get(error.place).cloned().unwrap_or_default();
                faults.push(SettingsFault::OriginFaulty { origin, fault: error.kind.to_string() });
                None
            }
        }
    }

    fn read_identity_headers(&self, policy: Option<&Policy>, faults: &mut Vec<SettingsFault>) -> IdentityHeaders {
        const NO_IDENTITY: [&str; 6] =
            ["authorization", "dpop", "host", "content-length", "transfer-encoding", "connection"];
        let mut written: Vec<(HeaderName, Source)> = Vec::new();
        for (name, source) in &self.identity_headers {
            let alike = |known: &str| spells_alike(known.as_bytes(), name.as_bytes());
            let lower = HeaderName::try_from(name.as_str()).ok().filter(|_| is_field_name(name.as_bytes()));
            let Some(lower) = lower.filter(|_| !NO_IDENTITY.into_iter().any(alike)) else {
                faults.push(SettingsFault::HeaderName { name: name.clone() });
                continue;
            };
            if written.iter().any(|(known, _)| alike(known.as_str())) {
                faults.push(SettingsFault::HeaderTwice { name: name.clone() });
            }
            if policy.is_some_and(|policy| policy.header_fields().any(alike)) {
                faults.push(SettingsFault::HeaderOfCredential { name: name.clone() });
            }
            if let (Source::Claim(claim), Some(policy)) = (source, policy)
                && !policy.attributes().any(|known| known == claim)
            {
                faults.push(SettingsFault::ClaimUnknown { claim: claim.clone(), policy: self.policy.clone() });
            }
            written.push((lower, source.clone()));
        }
        IdentityHeaders { written }
    }
}

/// Everything that is wrong with the settings of a layer. [`Display`] writes one line for each fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The faults, at least one.
    pub faults: Vec<SettingsFault>,
}

impl Display for SettingsError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

/// One fault of the settings of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsFault {
    /// The document has no such policy.
    PolicyUnknown {
        /// Its name.
        policy: String,
    },
    /// The policy takes DPoP proofs, and neither it nor the layer has an origin.
    OriginMissing {
        /// The policy.
        policy: String,
    },
    /// Both the policy and the layer have an origin.
    OriginTwice {
        /// The policy.
        policy: String,
    },
    /// A text is no origin.
    OriginFaulty {
        /// The text.
        origin: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A name that cannot be that of an identity header.
    HeaderName {
        /// The name.
        name: String,
    },
    /// A name that is a spelling of an earlier one.
    HeaderTwice {
        /// The name.
        name: String,
    },
    /// A field that the policy reads a credential from.
    HeaderOfCredential {
        /// The name.
        name: String,
    },
    /// A claim that the policy has under no name in `attributes`.
    ClaimUnknown {
        /// The name of the claim.
        claim: String,
        /// The policy.
        policy: String,
    },
    /// The policy asks a shared store or an issuer, and no setting answers.
    QuestionsMissing {
        /// The policy.
        policy: String,
    },
}

impl Display for SettingsFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::PolicyUnknown { policy } => write!(f, "the policy document has no policy {policy}"),
            Self::OriginMissing { policy } => write!(
                f,
                "the policy {policy} takes DPoP proofs, and neither it nor the layer has an origin: call `origin` with the scheme and authority \
                 that clients use, such as https://api.example"
            ),
            Self::OriginTwice { policy } => {
                write!(f, "the policy {policy} has an origin, and so has the layer: remove one of them")
            }
            Self::OriginFaulty { origin, fault } => write!(f, "{origin:?} is no origin: {fault}"),
            Self::HeaderName { name } => {
                write!(f, "{name:?} cannot be an identity header: take a header field of identity, such as x-user")
            }
            Self::HeaderTwice { name } => write!(f, "the identity header {name} is another spelling of an earlier one"),
            Self::HeaderOfCredential { name } => {
                write!(
                    f,
                    "the policy reads a credential from {name}, which an identity header would remove first: take another name"
                )
            }
            Self::ClaimUnknown { claim, policy } => {
                write!(f, "the policy {policy} has no claim {claim:?} in `attributes`")
            }
            Self::QuestionsMissing { policy } => {
                write!(f, "the policy {policy} asks a shared store or an issuer: call `questions` with what asks them")
            }
        }
    }
}

impl std::error::Error for SettingsFault {}

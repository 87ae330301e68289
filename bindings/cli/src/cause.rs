//! Why a request was refused, for the operator: names of claims, limits, and what the policy expects. No value of a token.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use countersign::internal::jose::base64url;
use countersign::internal::jose::compact::CompactJws;
use countersign::internal::jose::header::{Typ, UnverifiedHeader};
use countersign::internal::jose::json::{self, Budget, Fraction, JsonObject, NameTable, Value};
use countersign::internal::limits::{self, row};
use countersign::internal::specs::claims::{Scope, UnverifiedClaims};
use countersign::internal::specs::common::actor;
use countersign::internal::specs::profile::TokenKinds;
use countersign::internal::spiffe_id::SpiffeId;
use countersign::internal::trust::documents_in_map;
use countersign::{
    AcceptedKind, Algorithm, Authority, AuthorityIndex, Check, Confirmation, CredentialLocation, CredentialPolicy,
    Decision, Engine, Introspection, JsonString, Policy, PolicyDocument, PolicyError, Reason, SubjectPattern,
    TokenKind, TrustDocument, TrustForm, TrustSource, UnixSeconds,
};
use serde_json::value::RawValue;

use crate::files;
use crate::input::{AnswerLine, RequestLine};
use crate::printable::printable;

/// The details of a reason that the decision itself does not have.
#[derive(Debug, Default)]
pub(crate) struct Cause {
    /// One sentence each.
    pub(crate) lines: Vec<String>,
    /// The document has the key, so a fresh one does not help.
    pub(crate) key_dropped: bool,
}

/// The policy document that decides, and where its files are.
pub(crate) struct Sources {
    engine: Engine,
    directory: PathBuf,
    now: UnixSeconds,
}

impl Sources {
    pub(crate) fn new(document: PolicyDocument, directory: &Path, now: UnixSeconds) -> Self {
        Self { engine: Engine::new(document, [0; 2]), directory: directory.to_owned(), now }
    }

    /// The cause of a refusal, which came with the last of the checks `visited`.
    pub(crate) fn cause(&self, request: &RequestLine, decision: &Decision<'_>, visited: &[Check]) -> Cause {
        let mut cause = Cause::default();
        let name = decision.policy().map(Policy::name);
        let mut policies = self.engine.document().policies().map(|(_, policy)| policy);
        let Some(policy) = policies.find(|policy| Some(policy.name()) == name) else { return cause };
        let place = place_of_refused(request, visited);
        let Some(credential) = policy.credentials().nth(place.unwrap_or(0)) else { return cause };
        cause.lines.extend(self.cause_of_answer(policy, credential, decision));
        if place.is_some() && policy.credentials().count() > 1 {
            cause.lines.push(format!("The credential {} is refused, {}.", credential.name(), whereabouts(credential)));
        }
        let last = visited.last().copied();
        let of_proof = last.is_some_and(|check| (Check::ProofPresent..=Check::ProofReplay).contains(&check));
        let (what, name) = match (of_proof, credential.from()) {
            (true, _) => ("proof", "dpop"),
            (false, from) => ("token", from.field()),
        };
        let field = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, value)) = field else { return cause };
        let text = match credential.from() {
            _ if of_proof => value.trim_matches([' ', '\t']),
            CredentialLocation::Authorization | CredentialLocation::Header { scheme: Some(_), .. } => {
                value.split_once(' ').map_or("", |(_, token)| token.trim_matches(' '))
            }
            CredentialLocation::Header { .. } => value.trim_matches([' ', '\t']),
            CredentialLocation::Cookie(name) => {
                let mut pairs = value.split(';').filter_map(|pair| pair.split_once('='));
                let found = pairs.find(|(known, _)| known.trim_matches([' ', '\t']) == &**name);
                found.map_or("", |(_, token)| token.trim_matches([' ', '\t']))
            }
            CredentialLocation::WebSocketProtocol(prefix) => value
                .split(',')
                .find_map(|one| one.trim_matches([' ', '\t']).strip_prefix(&**prefix))
                .unwrap_or_default(),
        };
        let decoded = match credential.from() {
            CredentialLocation::WebSocketProtocol(prefix) if prefix.starts_with("base64url.") && !of_proof => {
                let mut room = vec![0; text.len()];
                base64url::decode(text.as_bytes(), &mut room)
                    .ok()
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        };
        let text = decoded.as_deref().unwrap_or(text);
        let limit = if of_proof { &row::PROOF_BYTES } else { &row::TOKEN_BYTES };
        if text.len() > limit.most {
            let (length, most) = (text.len(), limit.of("bytes"));
            cause.lines.push(format!("The {what} has {length} bytes, expected {most}."));
            return cause;
        }
        let Some(parts) = Parts::of(text) else { return cause };
        let kind = parts.kind(credential);
        match decision.reason() {
            Some(Reason::ClaimMissing) => {
                let kind = kind.map(|kind| (article(kind), parts.missing(credential, kind)));
                for (kind, claim) in
                    kind.iter().flat_map(|(kind, claims)| claims.iter().map(move |claim| (kind, claim)))
                {
                    cause.lines.push(format!("The token has no claim {claim}, which {kind} must have."));
                }
            }
            Some(Reason::ClaimInvalid) if !of_proof => {
                cause.lines.extend(parts.mistyped(kind.is_some_and(TokenKind::has_scope_as_text)));
            }
            Some(Reason::ProofMalformed) => cause.lines.extend(parts.faults_of_proof()),
            Some(Reason::LimitExceeded | Reason::ProofTooLarge) => cause.lines.extend(parts.limit(what)),
            Some(Reason::TypNotAccepted) => {
                let kinds: BTreeSet<TokenKind> = credential.accept().map(AcceptedKind::kind).collect();
                let names = TokenKind::ALL.into_iter().filter(|kind| kinds.contains(kind)).map(TokenKind::name);
                cause.lines.push(format!("The policy takes the kinds {}.", list(names)));
            }
            Some(Reason::AudienceMismatch) => {
                let all = list(credential.audience());
                cause.lines.push(format!("The policy takes tokens for the audience {all}."));
                let elsewhere = credential.accept().filter(|entry| Some(entry.kind()) == kind);
                for claim in elsewhere.filter_map(AcceptedKind::audience_from) {
                    let claim = printable(claim);
                    cause.lines.push(format!("The claim {claim} must name it, and `aud` too where the token has one."));
                }
            }
            Some(Reason::IssuerUnknown | Reason::TrustDomainUnknown | Reason::IssuerRefused) => {
                cause.lines.extend(kind.map(|kind| self.expected(credential, kind)));
            }
            Some(Reason::SubjectRefused) if last == Some(Check::SpiffeIds) => {
                let authority =
                    kind.and_then(|kind| self.source(&parts, kind)).map(|source| source.authority().to_string());
                cause.lines.extend(authority.map(|authority| {
                    format!(
                        "The {} may not name a SPIFFE ID of this trust domain: spiffe_trust_domains of its entry in \
                         /trust lists those that it may.",
                        printable(&authority)
                    )
                }));
            }
            Some(
                reason @ (Reason::AlgorithmRefused
                | Reason::SubjectRefused
                | Reason::ScopeInsufficient
                | Reason::ClaimRefused
                | Reason::LifetimeTooLong),
            ) => {
                cause.lines.extend(kind.into_iter().flat_map(|kind| conditions(credential, kind, reason)));
            }
            Some(reason @ (Reason::KeyNotUsable | Reason::KeyUnknown)) => {
                cause.lines.extend(kind.and_then(|kind| self.source(&parts, kind)).and_then(|source| {
                    let (header, authority) = (parts.read_header()?, printable(&source.authority().to_string()));
                    unnamed_key(&header, source, &authority).filter(|_| reason == Reason::KeyUnknown)
                }));
                let source = kind.and_then(|kind| self.source(&parts, kind)).zip(parts.key_id());
                let known = source.and_then(|(source, key_id)| Some((source.authority(), self.key(source, &key_id)?)));
                if let Some((authority, key)) = known {
                    let authority = printable(&authority.to_string());
                    cause.key_dropped = !matches!(key, KeyState::Usable(_));
                    cause.lines.push(match key {
                        KeyState::Usable(names) => format!("The key of this kid is used with {}.", names.join(", ")),
                        KeyState::Dropped(fault) => format!(
                            "The document of the {authority} has a key of this kid, which is dropped: {fault}. \
                             `countersign lint` gives its place."
                        ),
                        KeyState::OtherUse => {
                            format!("The document of the {authority} has a key of this kid for another use.")
                        }
                    });
                }
            }
            _ => {}
        }
        cause
    }

    /// The details of a reason that are not in a token: ties, the body, the answer of an issuer.
    fn cause_of_answer(&self, policy: &Policy, credential: &CredentialPolicy, decision: &Decision<'_>) -> Vec<String> {
        let endpoints = || {
            let asked = credential.accept().filter(|entry| entry.kind() == TokenKind::Introspected);
            let sources = asked.flat_map(|entry| entry.authorities().unwrap_or_default());
            let sources = sources.filter_map(|index| self.engine.document().source(index.as_usize()));
            list(sources.filter_map(|source| source.introspection()).map(Introspection::uri))
        };
        let line = match decision.reason() {
            Some(Reason::CredentialsUntied) => {
                let names = list(policy.credentials().map(CredentialPolicy::name));
                format!("Two claims that `tie` of the policy compares differ, or one is absent, in: {names}.")
            }
            Some(Reason::BodyTooLarge) => match policy.body() {
                Some(body) => format!("The policy reads bodies of at most {} bytes.", body.most_bytes()),
                None => return Vec::new(),
            },
            Some(Reason::ToolRefused) => {
                let tool = printable(decision.tool().unwrap_or_default());
                format!("The body calls the tool {tool}, which no entry of `tools` of the policy allows.")
            }
            Some(Reason::TokenInactive) => {
                format!("The answer of {} has an `active` that is not true.", endpoints())
            }
            Some(Reason::IntrospectionRateExceeded) => {
                format!("`questions_per_second` of {} were asked in this second.", endpoints())
            }
            Some(Reason::IntrospectionUnavailable) => {
                format!("{} gave no answer that is one JSON object with `active`.", endpoints())
            }
            Some(Reason::DecisionAbandoned) => {
                "The engine asked more than `answers` of the request has answers for.".to_owned()
            }
            _ => return Vec::new(),
        };
        vec![line]
    }

    /// The entry of `trust` whose keys verify the token.
    fn source(&self, parts: &Parts, kind: TokenKind) -> Option<&TrustSource> {
        let text = |name: &str| parts.claims()?.member(name)?.as_string().map(JsonString::to_owned_string);
        let authority = if kind.is_keyed_by_trust_domain() {
            let subject = text("sub")?;
            Authority::TrustDomain(SpiffeId::parse(&subject).ok()?.trust_domain().as_str().to_owned())
        } else {
            let document = self.engine.document();
            return document.source(document.key_sources(&text("iss")?).all().first()?.as_usize());
        };
        let document = self.engine.document();
        document.source(document.authority(&authority)?.as_usize())
    }

    /// The authorities whose tokens of a kind the policy accepts.
    fn expected(&self, credential: &CredentialPolicy, kind: TokenKind) -> String {
        let entries: Vec<_> = credential.accept().filter(|entry| entry.kind() == kind).collect();
        let is_taken = |index: AuthorityIndex| {
            entries.iter().any(|entry| entry.authorities().is_none_or(|authorities| authorities.contains(&index)))
        };
        let of_kind = |index: AuthorityIndex, is_trust_domain: bool| {
            is_trust_domain == kind.is_keyed_by_trust_domain() && is_taken(index)
        };
        let sources = self.engine.document().trust().map(|(index, source)| (index, source.authority()));
        let all = list(
            sources
                .filter(|(index, authority)| of_kind(*index, authority.is_trust_domain()))
                .map(|(_, authority)| authority.name()),
        );
        let sort = if kind.is_keyed_by_trust_domain() { "trust domain" } else { "issuer" };
        match all.as_str() {
            "" => format!("The policy takes {} of no {sort}: /trust has none.", article(kind)),
            all => format!("The policy takes {} of the {sort} {all}.", article(kind)),
        }
    }

    /// The text of a document of this form, where the policy has it or names its file.
    fn document(&self, document: &TrustDocument, form: TrustForm) -> Option<Vec<u8>> {
        match document {
            TrustDocument::Inline(text) => Some(text.clone().into_bytes()),
            TrustDocument::File(name) => {
                files::read(&self.directory.join(name), form.document_kind().bytes().most).ok()
            }
            TrustDocument::Map(_) | TrustDocument::Uri(_) | TrustDocument::Pushed => None,
        }
    }

    /// The state of the key with this `kid` in the document of an entry, if it is there.
    fn key(&self, source: &TrustSource, key_id: &str) -> Option<KeyState> {
        let bytes = match source.document() {
            TrustDocument::Map(index) => {
                let map = self.engine.document().bundle_map(*index)?;
                let documents = documents_in_map(map.form(), &self.document(map.document(), map.form())?).ok()?;
                documents.into_iter().find(|(name, _)| name == source.authority().name())?.1
            }
            document => self.document(document, source.form())?,
        };
        let index = self.engine.document().authority(source.authority())?;
        let mut trust_state = self.engine.empty_trust_state();
        let report = self.engine.load(&mut trust_state, index, &bytes, self.now).ok()?;
        if let Some(key) = trust_state.bundles.set(index)?.keys().find(|key| key.key_id() == Some(key_id)) {
            return Some(KeyState::Usable(key.algorithms().iter().map(Algorithm::name).collect()));
        }
        // The report cuts a long `kid`, so it gives the place and the document gives the `kid`.
        let document: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let is_it = |key: &serde_json::Value| key["kid"].as_str() == Some(key_id);
        let dropped = report.dropped.iter().find(|dropped| is_it(&document["keys"][dropped.index]));
        match dropped {
            Some(dropped) => Some(KeyState::Dropped(dropped.fault.code())),
            // Only the first hundred are named.
            None if report.dropped_count > report.dropped.len() => None,
            None => document["keys"].as_array()?.iter().any(is_it).then_some(KeyState::OtherUse),
        }
    }
}

/// The state of a key that is in the document.
enum KeyState {
    /// It is used with these algorithms.
    Usable(Vec<&'static str>),
    /// It cannot be used.
    Dropped(&'static str),
    /// It is for encryption, or for SVIDs of another sort.
    OtherUse,
}

/// The condition that each entry for a kind has for `reason`.
fn conditions(credential: &CredentialPolicy, kind: TokenKind, reason: Reason) -> Vec<String> {
    let entries = credential.accept().filter(|entry| entry.kind() == kind);
    let condition = |entry: &AcceptedKind| match reason {
        Reason::AlgorithmRefused => {
            Some(format!("that is signed with {}", list(entry.algorithms().iter().map(Algorithm::name))))
        }
        Reason::SubjectRefused => {
            let subjects = list(entry.subjects().map(SubjectPattern::as_str));
            (!subjects.is_empty()).then(|| format!("with the subject {subjects}"))
        }
        Reason::ScopeInsufficient => {
            let scope: Vec<&str> = entry.scope().collect();
            let words = if entry.takes_any_scope() { scope.join(" or ") } else { scope.join(" ") };
            let from: Vec<&str> = entry.scope_from().collect();
            let from = if from.is_empty() { String::new() } else { format!(" in {}", list(from.into_iter())) };
            (!scope.is_empty()).then(|| format!("with the scope {words}{from}"))
        }
        Reason::ClaimRefused => {
            let claims: Vec<String> = entry.conditions().map(|condition| printable(&condition.to_string())).collect();
            (!claims.is_empty()).then(|| format!("with {}", claims.join(" and ")))
        }
        _ => entry.max_lifetime_seconds().map(|most| format!("that lives at most {most} seconds")),
    };
    let mut lines: Vec<String> = Vec::new();
    for condition in entries.filter_map(condition) {
        let line = format!("The policy takes {} {condition}.", article(kind));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Why no key is found for a token that has no `kid`, or none that a key has.
fn unnamed_key(header: &UnverifiedHeader<'_>, source: &TrustSource, authority: &str) -> Option<String> {
    let selection = source.selection();
    let algorithm = header.algorithm?.name();
    match (header.kid, header.certificate.filter(|_| selection.matches_x5t())) {
        (Some(_), _) => None,
        (None, Some((hash, _))) => {
            let name = hash.name();
            Some(format!("The token has no kid, and no key of the {authority} is selected by its {name}."))
        }
        (None, None) => {
            let most = selection.try_keys().unwrap_or(1);
            let setting = if source.authority().is_trust_domain() {
                "single_candidate_key of the policy allows such tokens"
            } else {
                "try_keys of its entry in /trust sets how many"
            };
            Some(format!(
                "The token has no kid: it is checked with the keys of the {authority} that fit {algorithm} where they are at most {most}; \
                 {setting}."
            ))
        }
    }
}

/// The place of the credential that was refused, if one was: each begins with the check of its presentation, and all but the first end
/// with that of their binding.
fn place_of_refused(request: &RequestLine, visited: &[Check]) -> Option<usize> {
    // After the answer about the first credential the checks begin anew.
    let is_asked_about =
        matches!(request.answers.first(), Some(AnswerLine::Introspected(_) | AnswerLine::Introspection(_)));
    let begun = visited.iter().filter(|check| **check == Check::Presentation).count();
    let place = begun.saturating_sub(1 + usize::from(is_asked_about && begun > 1));
    match visited.last()? {
        Check::Ties | Check::Body | Check::ProofReplay => None,
        last if *last >= Check::Binding && (visited.contains(&Check::Ties) || *last > Check::Binding) => Some(0),
        _ => Some(place),
    }
}

/// The location of a credential.
fn whereabouts(credential: &CredentialPolicy) -> String {
    match credential.from() {
        CredentialLocation::Authorization => "in Authorization".to_owned(),
        CredentialLocation::Header { name, .. } => format!("in the header field {}", printable(name)),
        CredentialLocation::Cookie(name) => format!("in the cookie {}", printable(name)),
        CredentialLocation::WebSocketProtocol(prefix) => {
            format!("in Sec-WebSocket-Protocol behind {}", printable(prefix))
        }
    }
}

/// The decoded parts of a token or proof.
struct Parts {
    encoded_header_bytes: usize,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature_bytes: usize,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let jws = CompactJws::parse(text.as_bytes()).ok()?;
        let decode = |encoded: &[u8]| {
            let mut bytes = vec![0; encoded.len()];
            let length = base64url::decode(encoded, &mut bytes).ok()?.len();
            bytes.truncate(length);
            Some(bytes)
        };
        Some(Self {
            encoded_header_bytes: jws.header().len(),
            header: decode(jws.header())?,
            payload: decode(jws.payload())?,
            signature_bytes: decode(jws.signature())?.len(),
        })
    }

    fn claims(&self) -> Option<JsonObject<'_>> {
        json::parse(&self.payload, Budget::TOKEN).ok().and_then(Value::as_object)
    }

    fn read_header(&self) -> Option<UnverifiedHeader<'_>> {
        UnverifiedHeader::parse(&self.header, &mut NameTable::new(0)).ok()
    }

    fn key_id(&self) -> Option<String> {
        self.read_header()?.kid.map(JsonString::to_owned_string)
    }

    /// The kind by which the engine judges the token, which it does before the signature.
    fn kind(&self, credential: &CredentialPolicy) -> Option<TokenKind> {
        let kinds = credential.accept().fold(TokenKinds::default(), |kinds, entry| kinds.with(entry.kind()));
        let header = UnverifiedHeader::parse(&self.header, &mut NameTable::new(0)).ok()?;
        let subject = self.claims()?.member("sub").and_then(Value::as_string);
        kinds.resolve(
            header.typ,
            subject.is_some_and(|subject| subject.starts_with(countersign::internal::spiffe_id::PREFIX)),
        )
    }

    /// The claims that the kind must have and the token has not, but for those that every entry lets it go without.
    fn missing(&self, credential: &CredentialPolicy, kind: TokenKind) -> Vec<&'static str> {
        let claims = self.claims();
        let is_missing = |name: &&str| claims.is_some_and(|claims| claims.member(name).is_none());
        let entries = || credential.accept().filter(|entry| entry.kind() == kind);
        let is_required = |name: &&str| entries().any(|entry| entry.absent().all(|absent| absent != *name));
        kind.required_claims().filter(is_missing).filter(is_required).collect()
    }

    /// The header parameters, else the claims, that the engine's readers refuse one by one.
    fn mistyped(&self, has_scope_as_text: bool) -> Vec<String> {
        let line =
            |sort: &str, name: &str| format!("The {sort} {name} has the wrong JSON type or an impossible value.");
        let header = refused(&self.header, |member| {
            UnverifiedHeader::parse(member, &mut NameTable::new(0)).err() == Some(Reason::ClaimInvalid)
        });
        if !header.is_empty() {
            return header.iter().map(|name| line("header parameter", name)).collect();
        }
        let claims = refused(&self.payload, |member| {
            UnverifiedClaims::parse(member, &mut NameTable::new(0)).map_or_else(
                |reason| reason == Reason::ClaimInvalid,
                |claims| {
                    let actor = claims.actor.map(actor::check).transpose();
                    let confirmation = claims.confirmation.map(Confirmation::read).transpose();
                    let listed = has_scope_as_text && matches!(claims.scope, Some(Scope::Listed(_)));
                    actor.err() == Some(Reason::ClaimInvalid) || confirmation.is_err() || listed
                },
            )
        });
        claims.iter().map(|name| line("claim", name)).collect()
    }

    /// The members that a proof lacks, and those that the engine's reader refuses.
    fn faults_of_proof(&self) -> Vec<String> {
        let header = json::parse(&self.header, Budget::TOKEN).ok().and_then(Value::as_object);
        let (Some(header), Some(claims)) = (header, self.claims()) else { return Vec::new() };
        let mut lines = Vec::new();
        let parsed = UnverifiedHeader::parse(&self.header, &mut NameTable::new(0));
        if parsed.is_ok_and(|header| header.typ != Typ::DpopJwt) {
            lines.push("The header parameter typ of the proof is not dpop+jwt.".to_owned());
        }
        for (sort, object, required) in
            [("header parameter", header, &["alg", "jwk"][..]), ("claim", claims, &["jti", "htm", "htu", "iat", "ath"])]
        {
            for name in required {
                match object.member(name) {
                    None => lines.push(format!("The proof has no {sort} {name}, which a proof must have.")),
                    Some(Value::String(text)) if sort == "claim" && *name != "iat" && !text.is_empty() => {}
                    Some(Value::Number(number)) if *name == "iat" && number.numeric_date(Fraction::Drop).is_some() => {}
                    Some(_) if sort == "claim" => lines.push(format!(
                        "The {sort} {name} of the proof has the wrong JSON type or an impossible value."
                    )),
                    Some(_) => {}
                }
            }
        }
        lines
    }

    /// The limit that a token or proof exceeds.
    fn limit(&self, what: &str) -> Option<String> {
        if self.encoded_header_bytes > limits::HEADER_BYTES {
            let (length, most) = (self.encoded_header_bytes, row::HEADER_BYTES.of("bytes"));
            return Some(format!("The encoded header of the {what} has {length} bytes, expected {most}."));
        }
        for (part, bytes) in [("header", &self.header), ("payload", &self.payload)] {
            if let Err(fault) = json::parse(bytes, Budget::TOKEN) {
                let fault = PolicyError::of_json(bytes, fault);
                return Some(format!(
                    "The {part} of the {what} exceeds a limit at {}: found {}, expected {}.",
                    printable(&fault.pointer),
                    fault.found,
                    fault.expected
                ));
            }
        }
        let claims = self.claims()?;
        let audiences = claims.member("aud").and_then(Value::as_array).map_or(0, |all| all.elements().count());
        let actors = claims.member("act").and_then(Value::as_object).map_or(0, |act| actor::chain(act).count());
        for (name, count, limit, noun) in
            [("aud", audiences, &row::AUDIENCES, "audiences"), ("act", actors, &row::ACTORS, "actors")]
        {
            if count > limit.most {
                return Some(format!("The claim {name} names {count} {noun}, expected {}.", limit.of(noun)));
            }
        }
        let (length, limit) = (self.signature_bytes, &row::SIGNATURE_BYTES);
        let most = limit.of("bytes");
        (length > limit.most).then(|| format!("The signature of the {what} has {length} bytes, expected {most}."))
    }
}

/// The names of the members of an object that are refused where each is the only one.
fn refused(object: &[u8], is_refused: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(object).unwrap_or_default();
    let alone = |name: &str, value: &RawValue| format!("{{{}:{value}}}", serde_json::Value::from(name));
    let refused = members.iter().filter(|(name, value)| is_refused(alone(name, value).as_bytes()));
    refused.map(|(name, _)| printable(name)).collect()
}

/// The kind with its article.
fn article(kind: TokenKind) -> String {
    let article = if kind == TokenKind::AccessToken { "an" } else { "a" };
    format!("{article} {}", kind.name())
}

/// The first names of a list, and how many more there are.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 20;
    let names: Vec<&str> = names.collect();
    let mut named: Vec<String> = names.iter().take(NAMED).map(|name| printable(name)).collect();
    if names.len() > NAMED {
        named.push(format!("and {} more", names.len() - NAMED));
    }
    named.join(", ")
}

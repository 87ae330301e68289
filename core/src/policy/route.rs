//! A policy: what one route accepts. Made by the policy document only, so a policy without audience cannot be written.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::field_value::spells_alike;
use crate::jose::algorithm::AlgorithmSet;
use crate::policy::body::BodyPolicy;
use crate::policy::condition::{ClaimRules, Condition};
use crate::reason::Reason;
use crate::record::{NamedClaim, RulesNumber, VerifiedToken};
use crate::request::{HeaderField, Request};
use crate::specs::claims::{ClaimSet, Scope, UnverifiedClaims};
use crate::specs::common::presentation::{self, Credential};
use crate::specs::common::validity;
use crate::specs::profile::{TokenKind, TokenKinds};
use crate::specs::settings::{DpopSettings, ProfileSettings};
use crate::subject_pattern::SubjectPattern;
use crate::time::UnixSeconds;
use crate::trust::AuthorityIndex;
use crate::uri::OwnedOrigin;

/// The index of a policy in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIndex(pub(crate) usize);

/// A policy: the credentials that it requires and the tokens that it accepts.
#[derive(Debug)]
pub struct Policy {
    pub(crate) name: String,
    /// The credential that identifies the client.
    pub(crate) credential: CredentialPolicy,
    /// The credentials beside it, at most `limits::CREDENTIALS` less one.
    pub(crate) others: Vec<CredentialPolicy>,
    /// The claims that the credentials must have in common.
    pub(crate) ties: Vec<Tie>,
    pub(crate) leeway_seconds: u64,
    pub(crate) binding: Binding,
    pub(crate) dpop: DpopSettings,
    pub(crate) shared_replay: SharedReplay,
    pub(crate) profiles: ProfileSettings,
    /// The origin that `htu` is compared with; that of the host if absent.
    pub(crate) origin: Option<OwnedOrigin>,
    pub(crate) mode: Mode,
    pub(crate) challenge: ChallengePolicy,
    /// The claims that hosts get as attributes, with the slot of each.
    pub(crate) attributes: Vec<(Box<str>, u8)>,
    /// The conditions on the body; none, if `None`.
    pub(crate) body: Option<BodyPolicy>,
}

/// One credential that a policy asks for.
#[derive(Debug)]
pub struct CredentialPolicy {
    pub(crate) name: Box<str>,
    pub(crate) from: CredentialLocation,
    /// In document order; not empty.
    pub(crate) accept: Vec<AcceptedKind>,
    pub(crate) kinds: TokenKinds,
    /// Whether an entry takes tokens that their issuer must be asked about, and whether every entry does.
    pub(crate) takes_opaque: bool,
    pub(crate) takes_only_opaque: bool,
    /// Whether every entry could be read.
    pub(crate) all_read: bool,
    /// Not empty.
    pub(crate) audience: Vec<Box<str>>,
    /// Whether an entry has another claim in place of `aud`.
    pub(crate) audience_elsewhere: bool,
    /// Whether a request without it is refused; one without the first passes as that of an anonymous client otherwise.
    pub(crate) required: bool,
    /// Whether the host removes its field before the request goes on.
    pub(crate) remove: bool,
}

/// The location of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialLocation {
    /// In `Authorization`, by the scheme Bearer or DPoP.
    Authorization,
    /// In a header field.
    Header {
        /// The name of the field, in small letters.
        name: Box<str>,
        /// What is before the token; nothing, if `None`.
        scheme: Option<Box<str>>,
    },
    /// In the cookie of this name (RFC 6265).
    Cookie(Box<str>),
    /// In `Sec-WebSocket-Protocol` (RFC 6455 §11.3.4), behind this prefix: what browsers can send with a WebSocket handshake. A prefix that
    /// begins with `base64url.` says that the token is encoded once more, as Kubernetes has it.
    WebSocketProtocol(Box<str>),
}

impl CredentialLocation {
    /// Whether one credential could be read from both places: header fields in whatever spelling, prefixes of which one begins with the other.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header { name: one, .. }, Self::Header { name: other, .. }) => {
                spells_alike(one.as_bytes(), other.as_bytes())
            }
            (Self::WebSocketProtocol(one), Self::WebSocketProtocol(other)) => {
                one.starts_with(&**other) || other.starts_with(&**one)
            }
            _ => self == other,
        }
    }

    /// The header field that it is in, in small letters.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Authorization => "authorization",
            Self::Header { name, .. } => name,
            Self::Cookie(_) => "cookie",
            Self::WebSocketProtocol(_) => "sec-websocket-protocol",
        }
    }

    /// Whether the field holds more than the credential, which stays when the credential is taken away.
    #[must_use]
    pub const fn is_part(&self) -> bool {
        matches!(self, Self::Cookie(_) | Self::WebSocketProtocol(_))
    }

    /// What is left of a value of the field without the credential; empty, if nothing is, and the field goes. Never longer than `value`.
    #[must_use]
    pub fn without(&self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Authorization | Self::Header { .. } => Vec::new(),
            Self::Cookie(name) => presentation::without_cookie(value, name),
            Self::WebSocketProtocol(prefix) => presentation::without_protocol(value, prefix),
        }
    }

    /// The rest of the fields that hold more than a credential of `removed`: other cookies, other subprotocols, by the name of the field. A host
    /// removes the fields of these credentials and writes this. Several `fields` of one name are one list (RFC 9110 §5.3, RFC 9113 §8.2.3).
    #[must_use]
    pub fn rests<'c, 'f>(
        removed: impl Iterator<Item = &'c Self> + Clone,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    ) -> Vec<(&'c str, Vec<u8>)> {
        let mut rests: Vec<(&str, Vec<u8>)> = Vec::new();
        for field in removed.clone().filter(|location| location.is_part()).map(Self::field) {
            if rests.iter().any(|(known, _)| *known == field) {
                continue;
            }
            let mut rest = Vec::new();
            for (_, value) in fields.clone().filter(|(name, _)| spells_alike(name, field.as_bytes())) {
                let parts = removed.clone().filter(|location| location.field() == field);
                let left = parts.fold(value.to_vec(), |value, location| location.without(&value));
                if !rest.is_empty() && !left.is_empty() {
                    rest.extend_from_slice(if field == "cookie" { b"; " } else { b", " });
                }
                rest.extend_from_slice(&left);
            }
            rests.push((field, rest));
        }
        rests.retain(|(_, rest)| !rest.is_empty());
        rests
    }

    /// Whether the token is encoded once more.
    pub(crate) fn is_encoded(&self) -> bool {
        matches!(self, Self::WebSocketProtocol(prefix) if prefix.starts_with(ENCODED))
    }

    /// The credential there, if the request has it. `room` takes a token that is encoded once more.
    pub(crate) fn read<'r>(&self, request: &Request<'r>, room: &'r mut [u8]) -> Result<Option<Credential<'r>>, Reason> {
        let field = || request.fields.map_or(HeaderField::Absent, |fields| fields.field(self.field()));
        match self {
            Self::Authorization => Credential::read(request.authorization, request.uri).map(Some),
            Self::Header { scheme, .. } => Credential::in_field(field(), scheme.as_deref()),
            Self::Cookie(name) => Credential::in_cookie(field(), name),
            Self::WebSocketProtocol(prefix) => Credential::in_protocols(field(), prefix, self.is_encoded(), room),
        }
    }
}

/// How a prefix in `Sec-WebSocket-Protocol` says that what follows is base64url.
const ENCODED: &str = "base64url.";

/// Two claims that must be equal.
#[derive(Debug)]
pub(crate) struct Tie {
    pub(crate) left: TiedClaim,
    pub(crate) right: TiedClaim,
}

/// A claim of one of the policy's credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TiedClaim {
    /// 0 is the first credential of the policy.
    pub(crate) credential: usize,
    pub(crate) slot: u8,
}

/// `dpop.shared_store`: whether a store that several machines share is asked too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedReplay {
    /// The store of this engine decides.
    #[default]
    Off,
    /// The host asks its shared store after this engine's, and a store that does not answer refuses.
    Required,
}

/// One kind of token that a policy accepts, with its conditions.
#[derive(Debug)]
pub struct AcceptedKind {
    pub(crate) kind: TokenKind,
    /// The authorities whose tokens pass, ascending; all of the right sort where the policy names none.
    pub(crate) authorities: Option<Vec<AuthorityIndex>>,
    pub(crate) subjects: Vec<SubjectPattern>,
    pub(crate) scope: Vec<Box<str>>,
    pub(crate) algorithms: AlgorithmSet,
    pub(crate) max_lifetime_seconds: Option<u64>,
    /// What it asks of claims that it names by JSON Pointer, and what its tokens may lack; nothing, if `None`.
    pub(crate) claims: Option<Box<ClaimRules>>,
}

/// `binding.require`: what must bind a token. Whatever it says, a bound token needs its proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Unbound tokens pass too.
    #[default]
    None,
    /// Bound to a DPoP key or to a certificate.
    Any,
    /// Bound to a DPoP key.
    Dpop,
    /// Bound to a certificate.
    Mtls,
}

/// `mode`: what the host does with a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Answers it.
    #[default]
    Enforce,
    /// Counts and logs it, and lets the request pass, for a migration.
    Shadow,
}

impl Mode {
    /// The word in policies and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}

/// What a policy puts in its challenges.
#[derive(Debug, Default)]
pub(crate) struct ChallengePolicy {
    pub(crate) realm: Option<String>,
    pub(crate) resource_metadata: Option<String>,
    pub(crate) hide_description: bool,
}

impl Policy {
    /// Its name in the document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The treatment of a refusal by the host.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The binding that tokens must have.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// The audiences of the first credential.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.credential.audience()
    }

    /// The kinds that it accepts as first credential, in document order.
    pub fn accept(&self) -> impl Iterator<Item = &AcceptedKind> {
        self.credential.accept()
    }

    /// The credentials that it asks for, the one that says who the client is first.
    pub fn credentials(&self) -> impl Iterator<Item = &CredentialPolicy> + Clone {
        core::iter::once(&self.credential).chain(&self.others)
    }

    /// Whether a host must find out something beside the request, after the token is accepted.
    pub(crate) const fn asks_host(&self) -> bool {
        self.body.is_some() || self.asks_shared_store()
    }

    /// Whether the store that several machines share is asked about a proof.
    #[must_use]
    pub const fn asks_shared_store(&self) -> bool {
        matches!(self.shared_replay, SharedReplay::Required)
    }

    /// Whether an issuer may be asked about a token that only it can read.
    #[must_use]
    pub fn introspects(&self) -> bool {
        self.credentials().any(|credential| credential.takes_opaque)
    }

    /// The conditions on the body of a request.
    #[must_use]
    pub const fn body(&self) -> Option<&BodyPolicy> {
        self.body.as_ref()
    }

    /// The names of the claims that hosts are handed.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_ref())
    }

    /// Whether a request without `Authorization` passes, as that of an anonymous client. One that has the field, empty or not, is no such request.
    pub(crate) fn lets_pass_without(&self, request: &Request<'_>) -> bool {
        !self.credential.required && request.authorization == HeaderField::Absent
    }

    /// The header fields beside `Authorization` and those of proofs that a host passes on for it, in small letters.
    pub fn header_fields(&self) -> impl Iterator<Item = &str> {
        let is_first =
            |place: usize, field: &str| self.credentials().take(place).all(|other| other.from.field() != field);
        let fields = self.credentials().map(|credential| credential.from.field()).enumerate();
        fields
            .filter(move |(place, field)| *field != "authorization" && is_first(*place, field))
            .map(|(_, field)| field)
    }

    /// Whether a token of it is encoded once more where it is presented.
    pub(crate) fn decodes(&self) -> bool {
        self.credentials().any(|credential| credential.from.is_encoded())
    }

    /// Whether the policy itself says what clients see in front of a request's path. The host's view of it then does not count.
    #[must_use]
    pub const fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    /// Whether tokens that are bound to a DPoP key alone are to be expected: where no certificate is demanded, and not for JWT-SVIDs
    /// unless the policy demands a binding.
    ///
    /// Such a policy needs an origin, its own or the host's: without one a client's `Host` decides which URI a proof must be for.
    #[must_use]
    pub fn takes_proofs(&self) -> bool {
        match self.binding {
            Binding::Any | Binding::Dpop => true,
            Binding::None => self.accept().any(|entry| !entry.kind.is_keyed_by_trust_domain()),
            Binding::Mtls => false,
        }
    }

    /// The algorithms that a proof may be signed with.
    #[must_use]
    pub const fn proof_algorithms(&self) -> AlgorithmSet {
        self.dpop.algorithms
    }
}

impl CredentialPolicy {
    /// Its name in the policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its location in the request.
    #[must_use]
    pub const fn from(&self) -> &CredentialLocation {
        &self.from
    }

    /// The audiences of which its token must name one.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.audience.iter().map(AsRef::as_ref)
    }

    /// The kinds that it may be of, in document order.
    pub fn accept(&self) -> impl Iterator<Item = &AcceptedKind> {
        self.accept.iter()
    }

    /// Whether a request without it is refused.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Whether the host removes its field before the request goes on.
    #[must_use]
    pub const fn is_removed(&self) -> bool {
        self.remove
    }

    /// Whether only its issuer can read `token`: the policy takes such tokens, and this one is no JWS, or it takes no other.
    pub(crate) fn is_opaque(&self, token: &[u8]) -> bool {
        self.takes_opaque && (self.takes_only_opaque || crate::jose::compact::CompactJws::parse(token).is_err())
    }

    /// The one issuer that the entries for `kind` name, if there is exactly one.
    pub(crate) fn pinned_issuer(&self, kind: TokenKind) -> Option<AuthorityIndex> {
        let mut named = self.accept.iter().filter(|entry| entry.kind == kind).map(|entry| match entry.authorities() {
            Some([only]) => Some(*only),
            _ => None,
        });
        let first = named.next()??;
        named.all(|other| other == Some(first)).then_some(first)
    }

    /// The algorithms that any entry for `kind` allows.
    pub(crate) fn algorithms(&self, kind: TokenKind) -> AlgorithmSet {
        let entries = self.accept.iter().filter(|entry| entry.kind == kind);
        entries.fold(AlgorithmSet::default(), |all, entry| all.union(entry.algorithms))
    }

    /// Checks that the token has what its kind requires, or that an entry lets it go without.
    ///
    /// # Errors
    /// [`Reason::ClaimMissing`], [`Reason::ClaimInvalid`] for a scope that the kind has in another form.
    pub(crate) fn check_departures(&self, kind: TokenKind, claims: &UnverifiedClaims<'_>) -> Result<(), Reason> {
        let profile = kind.profile();
        let present = claims.present();
        if !profile.required.is_within(present) && !profile.required.is_within(present.union(self.may_lack(kind))) {
            return Err(Reason::ClaimMissing);
        }
        let is_listed = profile.scope_is_text && matches!(claims.scope, Some(Scope::Listed(_)));
        if is_listed && !self.takes_listed_scope(kind) { Err(Reason::ClaimInvalid) } else { Ok(()) }
    }

    /// Whether entries for its kind let the token depart from the kind's specification as it does.
    #[cold]
    pub(crate) fn allows_departures(&self, verified: VerifiedToken<'_>) -> bool {
        verified.lacking().is_within(self.may_lack(verified.kind))
            && (!verified.scope_is_listed() || self.takes_listed_scope(verified.kind))
    }

    fn rules(&self, kind: TokenKind) -> impl Iterator<Item = &ClaimRules> {
        self.accept.iter().filter(move |entry| entry.kind == kind).filter_map(|entry| entry.claims.as_deref())
    }

    #[cold]
    fn may_lack(&self, kind: TokenKind) -> ClaimSet {
        self.rules(kind).fold(ClaimSet::default(), |all, rules| all.union(rules.absent))
    }

    #[cold]
    fn takes_listed_scope(&self, kind: TokenKind) -> bool {
        self.rules(kind).any(|rules| rules.takes_listed_scope)
    }

    /// Checks that the token is for this server: by `aud`, and where an entry names another claim beside it, by that one too.
    ///
    /// RFC 7519 §4.1.3: a principal that "does not identify itself with a value in the 'aud' claim when this claim is present" MUST reject
    /// the token: an `aud` that is there is always compared.
    ///
    /// # Errors
    /// [`Reason::AudienceMismatch`]
    #[cfg_attr(feature = "fast", inline(always))]
    pub(crate) fn check_audience(&self, verified: &VerifiedToken<'_>) -> Result<(), Reason> {
        if self.audience_elsewhere {
            self.check_audience_elsewhere(*verified)
        } else {
            validity::check_audience(verified, &self.audience)
        }
    }

    #[cold]
    fn check_audience_elsewhere(&self, verified: VerifiedToken<'_>) -> Result<(), Reason> {
        let mut entries = self.accept.iter().filter(|entry| entry.kind == verified.kind);
        let is_for_us = entries.any(|entry| entry.is_for(&verified, &self.audience));
        if is_for_us { Ok(()) } else { Err(Reason::AudienceMismatch) }
    }

    /// The entry that lets the token in: the first of its kind whose conditions all hold.
    ///
    /// # Errors
    /// The reason of the entry that the token came furthest with, and the place of that entry; of equals, the first.
    #[cfg_attr(feature = "fast", inline(always))]
    pub(crate) fn admit(
        &self,
        verified: &VerifiedToken<'_>,
        now: UnixSeconds,
    ) -> Result<&AcceptedKind, (usize, Reason)> {
        let mut furthest = (0, (0, Reason::TypNotAccepted));
        for (place, entry) in self.accept.iter().enumerate().filter(|(_, entry)| entry.kind == verified.kind) {
            match entry.check(verified, &self.audience, now) {
                Ok(()) => return Ok(entry),
                Err((step, reason)) if step > furthest.0 => furthest = (step, (place, reason)),
                Err(_) => {}
            }
        }
        Err(furthest.1)
    }
}

/// Apart from the checks around it, which are compiled into the path of a cached token.
#[inline(never)]
fn is_listed(ascending: &[AuthorityIndex], authority: AuthorityIndex) -> bool {
    ascending.binary_search(&authority).is_ok()
}

impl AcceptedKind {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The authorities whose tokens pass, ascending; `None` for all that sign the kind.
    #[must_use]
    pub fn authorities(&self) -> Option<&[AuthorityIndex]> {
        self.authorities.as_deref()
    }

    /// The patterns of which a subject must match one; none where any subject passes.
    pub fn subjects(&self) -> impl Iterator<Item = &SubjectPattern> {
        self.subjects.iter()
    }

    /// The algorithms that its tokens may be signed with.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// How long its tokens may live, if that is limited.
    #[must_use]
    pub const fn max_lifetime_seconds(&self) -> Option<u64> {
        self.max_lifetime_seconds
    }

    /// The scope that it demands, besides the policy's audience.
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().map(AsRef::as_ref)
    }

    /// Whether any word of the scope is enough.
    #[must_use]
    pub fn takes_any_scope(&self) -> bool {
        self.claims.as_ref().is_some_and(|rules| rules.any_scope)
    }

    /// The JSON Pointers to the claims whose words are the scope; none where `scope` is.
    pub fn scope_from(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().flat_map(|rules| rules.scope_from.iter().map(|(pointer, _)| pointer.as_ref()))
    }

    /// The JSON Pointer to the claim that names the audience in place of `aud`.
    #[must_use]
    pub fn audience_from(&self) -> Option<&str> {
        self.claims.as_ref()?.audience_from.as_ref().map(|(pointer, _)| pointer.as_ref())
    }

    /// The claims that its kind requires and its tokens may lack, by name.
    pub fn absent(&self) -> impl Iterator<Item = &'static str> {
        self.claims.as_ref().map_or_else(ClaimSet::default, |rules| rules.absent).names()
    }

    /// What it demands of claims, those of its policy too.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.claims.iter().flat_map(|rules| &rules.conditions)
    }

    /// Whether the token is for one of `audience`.
    fn is_for(&self, verified: &VerifiedToken<'_>, audience: &[Box<str>]) -> bool {
        let by_aud = || validity::check_audience(verified, audience).is_ok();
        match self.claims.as_ref().and_then(|rules| rules.audience_from.as_ref()) {
            None => by_aud(),
            Some((_, slot)) => {
                let has_aud = verified.audience_bytes().next().is_some();
                let named = verified.named(*slot);
                audience.iter().any(|own| named == Some(NamedClaim::Text(own.as_bytes()))) && (!has_aud || by_aud())
            }
        }
    }

    /// Distinguishes its rules for claims from those of all other entries in its policy document.
    #[inline]
    pub(crate) fn rules_number(&self) -> Option<RulesNumber> {
        self.claims.as_ref().and_then(|rules| rules.number)
    }

    /// What only entries with rules for claims allow, their conditions, and the scope: nothing but the token's own claims, neither the
    /// time nor the keys, so a cached token that met them meets them again.
    // By value: a reference would keep the token of every other request out of registers.
    #[inline(never)]
    fn check_claims(&self, verified: VerifiedToken<'_>, audience: &[Box<str>]) -> Result<(), (u8, Reason)> {
        let verified = &verified;
        let rules = self.claims.as_deref();
        if verified.departs() {
            let (absent, listed) =
                rules.map_or_else(Default::default, |rules| (rules.absent, rules.takes_listed_scope));
            if !verified.lacking().is_within(absent) {
                return Err((5, Reason::ClaimMissing));
            }
            if verified.scope_is_listed() && !listed {
                return Err((5, Reason::ClaimInvalid));
            }
        }
        let scope = match rules {
            None => validity::check_scope(verified, &self.scope),
            Some(rules) => {
                if rules.audience_from.is_some() && !self.is_for(verified, audience) {
                    return Err((6, Reason::AudienceMismatch));
                }
                if !rules.conditions.iter().all(|condition| condition.holds(verified)) {
                    return Err((7, Reason::ClaimRefused));
                }
                rules.check_scope(verified, &self.scope)
            }
        };
        scope.map_err(|reason| (8, reason))
    }

    /// The conditions in order; an error says how many steps held before it.
    #[cfg_attr(feature = "fast", inline(always))]
    fn check(&self, verified: &VerifiedToken<'_>, audience: &[Box<str>], now: UnixSeconds) -> Result<(), (u8, Reason)> {
        if !self.algorithms.contains(verified.algorithm) {
            return Err((1, Reason::AlgorithmRefused));
        }
        if self.authorities.as_ref().is_some_and(|authorities| !is_listed(authorities, verified.authority)) {
            // RFC 9068 §4: the issuer "MUST exactly match", and any failure is "invalid_token" (RFC 6750 §3.1).
            return Err((2, Reason::IssuerRefused));
        }
        // An absent subject is an empty text here, and no pattern matches that.
        let subject = verified.subject_bytes();
        if !self.subjects.is_empty() && !self.subjects.iter().any(|pattern| pattern.matches_bytes(subject)) {
            return Err((3, Reason::SubjectRefused));
        }
        validity::check_lifetime(verified, now, self.max_lifetime_seconds).map_err(|reason| (4, reason))?;
        if self.claims.is_some() || verified.departs() {
            let is_known = self.rules_number().is_some_and(|rules| verified.met(rules));
            return if is_known { Ok(()) } else { self.check_claims(*verified, audience) };
        }
        validity::check_scope(verified, &self.scope).map_err(|reason| (8, reason))
    }
}

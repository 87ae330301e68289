//! Decisions as lines: JSON for machines, one sentence for people.

use std::collections::BTreeMap;
use std::fmt::Display;

use countersign::internal::jose::base64url;
use countersign::{Decision, LoadReport, Mode, NamedClaim, VerifiedToken};
use serde::Serialize;
use serde_json::Value;

use crate::input::TrustPush;
use crate::printable::printable;

/// One decision.
#[derive(Debug, Serialize)]
pub(crate) struct DecisionLine<'a> {
    id: Option<&'a str>,
    decision: &'static str,
    reason: Option<&'static str>,
    /// 0 is "no reason".
    number: u16,
    status: u16,
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenLine<'a>>,
    /// The credentials beside the first, by their names in the policy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    credentials: BTreeMap<&'a str, TokenLine<'a>>,
    /// The claims that the policy hands to hosts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpc_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    /// SHA-256 in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_digest: Option<String>,
    /// `observed`, where the policy uses no proof up.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof_use: Option<&'static str>,
    policy: &'a str,
    cache: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enforced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'a str>,
}

/// The attributes of an accepted token.
#[derive(Debug, Serialize)]
struct TokenLine<'a> {
    kind: &'static str,
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    audience: Vec<&'a str>,
    scope: Option<&'a str>,
    key_id: Option<&'a str>,
    expires_at: u64,
    binding: &'static str,
}

impl<'a> TokenLine<'a> {
    /// The attributes of a credential of `decision`, and the authority of its key.
    fn of(decision: &'a Decision<'_>, verified: &VerifiedToken<'a>) -> Self {
        Self {
            kind: verified.kind.name(),
            issuer: decision.issuer_of(verified).map(|authority| authority.name()),
            subject: verified.subject(),
            audience: verified.audience().collect(),
            scope: verified.scope(),
            key_id: decision.key_id_of(verified),
            expires_at: verified.expires_at.as_u64(),
            binding: verified.confirmation.binding_name(),
        }
    }
}

/// A claim as JSON.
fn claim(claim: NamedClaim<'_>) -> Value {
    match claim {
        NamedClaim::Text(_) => claim.as_str().into(),
        NamedClaim::Json(json) => serde_json::from_slice(json).unwrap_or_default(),
    }
}

impl<'a> DecisionLine<'a> {
    pub(crate) fn new(id: Option<&'a str>, decision: &'a Decision<'_>) -> Self {
        let reason = decision.reason();
        let shadow = decision.policy().is_some_and(|policy| policy.mode() == Mode::Shadow);
        Self {
            id,
            decision: word(decision),
            reason: reason.map(|reason| reason.code()),
            number: reason.map_or(0, |reason| reason.number()),
            status: decision.status(),
            headers: headers(decision),
            token: decision.verified_token().map(|verified| TokenLine::of(decision, &verified)),
            credentials: decision
                .policy()
                .into_iter()
                .flat_map(|policy| policy.credentials().skip(1))
                .filter_map(|known| Some((known.name(), TokenLine::of(decision, &decision.credential(known.name())?))))
                .collect(),
            attributes: decision
                .policy()
                .into_iter()
                .flat_map(|policy| policy.attributes())
                .filter_map(|name| Some((name, claim(decision.attribute(name)?))))
                .collect(),
            rpc_method: decision.rpc_method().filter(|_| reason.is_none()),
            tool: decision.tool().filter(|_| reason.is_none()),
            body_digest: decision
                .body_digest()
                .filter(|_| reason.is_none())
                .map(|digest| String::from_utf8_lossy(&base64url::encode_array_32(digest)).into_owned()),
            proof_use: decision.observes_proof().then_some("observed"),
            policy: decision.policy().map_or("", |policy| policy.name()),
            cache: decision.cache_tier().name(),
            mode: shadow.then_some("shadow"),
            enforced: shadow.then_some(false),
            refresh: decision.wants_refresh().map(|(_, authority)| authority.name()),
        }
    }

    /// The same for a person, on one line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(id) = self.id {
            text = format!("{}: ", printable(id));
        }
        text += &format!("{} {}", self.decision, self.status);
        if let Some(token) = &self.token {
            let subject = token.subject.map_or_else(|| "no subject".to_owned(), printable);
            text += &format!(" {} {subject}, by {}", token.kind, printable(token.issuer.unwrap_or("no issuer")));
            if token.binding != "none" {
                text += &format!(", bound by {}", token.binding);
            }
        }
        if let Some(reason) = self.reason.and_then(countersign::Reason::from_code) {
            text += &format!(" {} {reason}: {}", reason.number(), reason.meaning());
        }
        text += &format!(" [policy {}, cache {}]", self.policy, self.cache);
        if self.mode.is_some() {
            text += " [shadow: not enforced]";
        }
        if let Some(authority) = self.refresh {
            text += &format!(" [wants fresh keys of {}]", printable(authority));
        }
        text
    }
}

/// `accept` or `refuse`, whether it is enforced or not.
pub(crate) const fn word(decision: &Decision<'_>) -> &'static str {
    if decision.reason().is_none() { "accept" } else { "refuse" }
}

/// The header fields of the answer, in order.
pub(crate) fn headers(decision: &Decision<'_>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let _infallible = decision.write_headers(&mut |name: &str, value: &dyn Display| {
        fields.push((name.to_owned(), value.to_string()));
        Ok(())
    });
    fields
}

/// A line that could not be used.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorLine<'a> {
    pub(crate) id: Option<&'a str>,
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) error: &'a str,
}

impl ErrorLine<'_> {
    pub(crate) fn text(&self) -> String {
        let id = self.id.map(|id| format!("{}: ", printable(id))).unwrap_or_default();
        format!("{id}error in line {}: {}", self.line, self.error)
    }
}

/// The result of a pushed trust document.
#[derive(Debug, Serialize)]
pub(crate) struct TrustReportLine<'a> {
    id: Option<&'a str>,
    trust: PushedAuthority<'a>,
    kept: usize,
    added: usize,
    removed: usize,
    other_use: usize,
    dropped_count: usize,
    dropped: Vec<DroppedLine<'a>>,
    sequence_reused: bool,
    /// The form that the document looks like, where the policy says another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    resembles: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum PushedAuthority<'a> {
    TrustDomain(&'a str),
    Issuer(&'a str),
}

/// A key that was left out.
#[derive(Debug, Serialize)]
pub(crate) struct DroppedLine<'a> {
    index: usize,
    key_id: Option<&'a str>,
    fault: &'static str,
}

/// The keys that were left out, as far as they are named.
pub(crate) fn dropped(report: &LoadReport) -> Vec<DroppedLine<'_>> {
    let line = |key: &'_ countersign::DroppedKey| (key.index, key.fault.code());
    let with_id = report.dropped.iter().map(|key| (line(key), key.key_id.as_deref()));
    with_id.map(|((index, fault), key_id)| DroppedLine { index, key_id, fault }).collect()
}

impl<'a> TrustReportLine<'a> {
    pub(crate) fn new(id: Option<&'a str>, push: &'a TrustPush<'_>, report: &'a LoadReport) -> Self {
        let trust = match (&push.trust_domain, &push.issuer) {
            (Some(name), _) => PushedAuthority::TrustDomain(name),
            (None, name) => PushedAuthority::Issuer(name.as_deref().unwrap_or_default()),
        };
        Self {
            id,
            trust,
            kept: report.kept,
            added: report.added,
            removed: report.removed,
            other_use: report.other_use,
            dropped_count: report.dropped_count,
            dropped: dropped(report),
            sequence_reused: report.sequence_reused,
            resembles: report.resembles.map(|form| form.to_string()),
        }
    }

    pub(crate) fn text(&self) -> String {
        let (PushedAuthority::TrustDomain(name) | PushedAuthority::Issuer(name)) = self.trust;
        let Self { kept, added, removed, dropped_count, .. } = self;
        let name = printable(name);
        format!("keys of {name}: {kept} kept, {added} added, {removed} removed, {dropped_count} dropped")
    }
}

/// The current revocations.
#[derive(Debug, Serialize)]
pub(crate) struct RevokeReportLine<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) revoke: RevokeReport,
}

#[derive(Debug, Serialize)]
pub(crate) struct RevokeReport {
    /// Keys, subjects and tokens that are revoked by name, all together.
    pub(crate) names: usize,
    /// Authorities that the policy document does not know.
    pub(crate) unknown: Vec<String>,
}

impl RevokeReportLine<'_> {
    pub(crate) fn text(&self) -> String {
        let unknown: Vec<String> = self.revoke.unknown.iter().map(|authority| printable(authority)).collect();
        let unknown = if unknown.is_empty() { String::new() } else { format!(", unknown: {}", unknown.join(", ")) };
        format!("revoked by name: {}{unknown}", self.revoke.names)
    }
}

//! Identity headers: the fields that are written from a decision, and whose every other spelling a client's request loses.

use countersign::internal::field_value::{is_field_value, spells_alike};
use countersign::{Attribute, CredentialLocation, CredentialPolicy, Decision, Policy};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// What is written to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Attribute(Attribute),
    /// A claim, by the name that the policy has for it.
    Claim(String),
}

/// The identity headers of a layer.
#[derive(Debug, Default)]
pub(crate) struct IdentityHeaders {
    pub(crate) written: Vec<(HeaderName, Source)>,
}

impl IdentityHeaders {
    /// Takes the fields of a client away that spell one of these.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        remove_spelled(headers, self.written.iter().map(|(name, _)| name.as_str()));
    }

    /// Writes what the decision has, where it is the value of a header field. The client's are gone already.
    pub(crate) fn write(&self, decision: &Decision<'_>, headers: &mut HeaderMap) {
        for (name, source) in &self.written {
            let value = match source {
                Source::Attribute(attribute) => attribute.of(decision).map(|value| value.to_string()),
                Source::Claim(name) => decision.attribute(name).map(|claim| claim.as_str().to_owned()),
            };
            let value = value.filter(|value| is_field_value(value));
            if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

/// Takes the credentials away that the policy marks with `remove`, in every spelling; the rest of their fields stays.
pub(crate) fn remove_credentials(policy: &Policy, headers: &mut HeaderMap) {
    let removed = policy.credentials().filter(|credential| credential.is_removed()).map(CredentialPolicy::from);
    if removed.clone().next().is_none() {
        return;
    }
    let fields: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
    let rests = CredentialLocation::rests(removed.clone(), fields.iter().copied());
    remove_spelled(headers, removed.map(CredentialLocation::field));
    for (name, rest) in rests {
        if let Ok(value) = HeaderValue::from_bytes(&rest) {
            headers.insert(
                HeaderName::from_static(if name == "cookie" { "cookie" } else { "sec-websocket-protocol" }),
                value,
            );
        }
    }
}

fn remove_spelled<'n>(headers: &mut HeaderMap, names: impl Iterator<Item = &'n str> + Clone) {
    if names.clone().next().is_none() {
        return;
    }
    let spells_one =
        |field: &&HeaderName| names.clone().any(|name| spells_alike(name.as_bytes(), field.as_str().as_bytes()));
    let found: Vec<HeaderName> = headers.keys().filter(spells_one).cloned().collect();
    for field in found {
        headers.remove(field);
    }
}

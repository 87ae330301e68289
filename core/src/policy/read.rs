//! Reads one policy: the value of a name in `policies`.

use alloc::format;
use alloc::string::String;

use crate::jose::json::Value;
use crate::limits;
use crate::policy::body::BodyPolicy;
use crate::policy::credential::{read_attributes, read_ties};
use crate::policy::reader::{Members, Pointer, Reader, is_name_byte};
use crate::policy::route::{Binding, ChallengePolicy, CredentialPolicy, Mode, Policy};
use crate::policy::trust::TrustNames;
use crate::specs::common::pointer::NamedClaims;
use crate::specs::profile::TokenKind;
use crate::specs::settings::{DpopSettings, JwtSvidSettings, ProfileSettings};
use crate::uri::OwnedOrigin;

const MEMBERS: &[&str] = &[
    "preset",
    "accept",
    "credentials",
    "tie",
    "attributes",
    "tools",
    "body_bytes",
    "body_digest",
    "audience",
    "leeway_seconds",
    "max_lifetime_seconds",
    "subjects",
    "subject_separator",
    "scope",
    "scope_from",
    "scope_match",
    "conditions",
    "algorithms",
    "binding",
    "dpop",
    "jwt_svid",
    "origin",
    "mode",
    "challenge",
    "comment",
];

impl Policy {
    /// Reads the policy called `name` of the object `policies` at `at`.
    pub(super) fn read(
        reader: &mut Reader,
        at: &Pointer<'_>,
        name: String,
        value: Value<'_>,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> Option<Self> {
        let at = at.member(&name);
        if name.is_empty() || name.len() > limits::POLICY_NAME_BYTES || !name.bytes().all(is_name_byte) {
            let most = limits::POLICY_NAME_BYTES;
            let expected = format!("a name of 1 to {most} letters, digits, dots, dashes, underscores");
            reader.fault(&at, "a policy with this name", expected);
        }
        let mut members = reader.members(&at, value, MEMBERS)?;
        read_preset(reader, &mut members);
        let leeway_seconds = reader.number_of(Some(&members), &limits::LEEWAY_SECONDS);
        let mut credentials = CredentialPolicy::read_all(reader, &members, trust, claims);
        let without_svid = !credentials.is_empty()
            && credentials
                .iter()
                .all(|credential| credential.all_read && !credential.kinds.contains(TokenKind::JwtSvid));
        let ties = read_ties(reader, &members, &credentials, claims);
        let attributes = read_attributes(reader, &members, claims);
        let body = BodyPolicy::read(reader, &members);
        let binding = Binding::read(reader, &members);
        let origin = read_origin(reader, &members);
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        let mode = reader.word(&members, "mode", &modes).unwrap_or_default();
        let (dpop, shared_replay) = DpopSettings::read(reader, &members);
        let profiles = ProfileSettings { jwt_svid: JwtSvidSettings::read(reader, &members, without_svid) };
        let challenge = ChallengePolicy::read(reader, &members);
        if credentials.is_empty() {
            return None; // a fault was recorded
        }
        let credential = credentials.remove(0);
        Some(Self {
            name,
            credential,
            others: credentials,
            ties,
            leeway_seconds,
            binding,
            dpop,
            shared_replay,
            profiles,
            origin,
            mode,
            challenge,
            attributes,
            body,
        })
    }
}

#[cfg(feature = "presets")]
use crate::policy::preset::read as read_preset;

#[cfg(not(feature = "presets"))]
fn read_preset(reader: &mut Reader, policy: &mut Members<'_, '_>) {
    if policy.has("preset") {
        let expected = "the settings that it stands for: `countersign policy expand` writes them";
        reader.fault(&policy.at("preset"), "a preset, which this build leaves out", expected);
    }
}

impl Binding {
    fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> Self {
        let Some(members) =
            policy.get("binding").and_then(|value| reader.members(&policy.at("binding"), value, &["require"]))
        else {
            return Self::None;
        };
        let words = [("none", Self::None), ("any", Self::Any), ("dpop", Self::Dpop), ("mtls", Self::Mtls)];
        reader.word(&members, "require", &words).unwrap_or_default()
    }
}

fn read_origin(reader: &mut Reader, policy: &Members<'_, '_>) -> Option<OwnedOrigin> {
    let expected = "a scheme and authority such as https://api.example, and a base path if the proxy strips one";
    let origin = reader.text(policy, "origin", expected)?;
    let parsed = OwnedOrigin::parse(origin.as_bytes()).ok();
    if let (None, Some(value)) = (&parsed, policy.get("origin")) {
        reader.unexpected(&policy.at("origin"), value, expected);
    }
    parsed
}

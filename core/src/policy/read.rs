//! Reads one policy: the value of a name in `policies`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::jose::json::Value;
use crate::limits;
use crate::policy::reader::{Members, Pointer, Reader};
use crate::policy::route::{AcceptedKind, Binding, ChallengePolicy, DpopPolicy, Mode, Policy, SvidPolicy};
use crate::policy::trust::TrustNames;
use crate::token_kind::{TokenKind, TokenKinds};
use crate::uri::OwnedOrigin;

const MEMBERS: &[&str] = &[
    "accept",
    "audience",
    "leeway_seconds",
    "max_lifetime_seconds",
    "subjects",
    "scope",
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
    ) -> Option<Self> {
        let at = at.member(&name);
        if name.is_empty() || name.len() > limits::POLICY_NAME_BYTES || !name.bytes().all(is_name_byte) {
            let most = limits::POLICY_NAME_BYTES;
            let expected = format!("a name of 1 to {most} letters, digits, dots, dashes, underscores");
            reader.fault(&at, "a policy with this name", expected);
        }
        let members = reader.members(&at, value, MEMBERS)?;
        let mut audience = Vec::new();
        const AUDIENCE: &str = "the audience that tokens must be for";
        match members.get("audience") {
            Some(value) => reader.texts(&members.at("audience"), value, AUDIENCE, &mut |_, _, text| {
                audience.push(text.into_boxed_str());
            }),
            None => {
                reader.missing(&members, "audience", "the audience that tokens must be for: nothing means nobody");
            }
        }
        let leeway_seconds = reader.number_of(Some(&members), &limits::LEEWAY_SECONDS);
        let (accept, all_read) = AcceptedKind::read_all(reader, &members, trust);
        let kinds = accept.iter().fold(TokenKinds::default(), |kinds, entry| kinds.with(entry.kind));
        let without_svid = all_read && !kinds.contains(TokenKind::JwtSvid);
        let binding = Binding::read(reader, &members);
        let origin = read_origin(reader, &members);
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        let mode = reader.word(&members, "mode", &modes).unwrap_or_default();
        let dpop = DpopPolicy::read(reader, &members);
        let svid = SvidPolicy::read(reader, &members, without_svid);
        let challenge = ChallengePolicy::read(reader, &members);
        Some(Self { accept, kinds, audience, leeway_seconds, binding, dpop, svid, origin, mode, challenge, name })
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

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

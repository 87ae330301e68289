//! `credentials` and `tie`: the credentials that a policy asks for, and what they must have in common.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::field_value::{is_field_name, spells_alike};
use crate::jose::json::Value;
use crate::limits;
use crate::policy::pointer::{read_pointer, read_slot};
use crate::policy::reader::{Members, Reader, is_name_byte};
use crate::policy::route::{AcceptedKind, CredentialLocation, CredentialPolicy, Tie, TiedClaim};
use crate::policy::trust::TrustNames;
use crate::printable::quoted;
use crate::specs::common::pointer::{ClaimPointer, NamedClaims};
use crate::specs::common::presentation::AuthScheme;
use crate::specs::profile::{TokenKind, TokenKinds};

const MEMBERS: &[&str] = &["name", "from", "accept", "audience", "required", "remove", "comment"];
const LIST: &str = "an array of credentials, the one that says who the client is first";
const AUDIENCE: &str = "the audience that tokens must be for";
const FROM: &str = r#""authorization", or an object with one of header, cookie, websocket_protocol"#;
const COOKIE: &str = "the name of a cookie (RFC 6265)";
const PREFIX: &str =
    "what a subprotocol with a token begins with (RFC 6455), such as base64url.bearer.authorization.k8s.io.";
const SCHEME: &str = "the word before the token, such as Token; DPoP is for Authorization alone";
const HEADER: &str =
    "the name of a header field in small letters, which is not one that HTTP or this engine reads otherwise";
/// Fields that have a meaning of their own: a credential in one of them would be read twice, or not at all.
const NOT_OURS: [&str; 16] = [
    "sec-websocket-protocol",
    "content-encoding",
    "content-type",
    "expect",
    "forwarded",
    "te",
    "upgrade",
    "x-forwarded-client-cert",
    "authorization",
    "dpop",
    "cookie",
    "host",
    "proxy-authorization",
    "connection",
    "content-length",
    "transfer-encoding",
];

impl CredentialPolicy {
    /// Reads the credentials of a policy: those of `credentials`, or the one in `Authorization` whose kinds `accept` names.
    pub(super) fn read_all(
        reader: &mut Reader,
        policy: &Members<'_, '_>,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> Vec<Self> {
        let Some(value) = policy.get("credentials") else {
            return Self::read(reader, policy, None, CredentialLocation::Authorization, "access".into(), trust, claims)
                .into_iter()
                .collect();
        };
        if policy.has("accept") {
            reader.fault(&policy.at("accept"), "kinds beside `credentials`", "`accept` in each credential");
        }
        let mut all: Vec<Self> = Vec::new();
        let mut count = 0;
        reader.elements(&policy.at("credentials"), value, LIST, &mut |reader, at, value| {
            count += 1;
            if count > limits::CREDENTIALS {
                reader.fault(at, "one credential more", limits::row::CREDENTIALS.of("of them").to_string());
                return;
            }
            let Some(own) = reader.members(at, value, MEMBERS) else { return };
            let from = read_from(reader, &own, count == 1);
            let name = read_name(reader, &own);
            let (Some(from), Some(name)) = (from, name) else { return };
            if all.iter().any(|other| other.name == name) {
                reader.fault(&own.at("name"), format!("{} a second time", quoted(&name)), "a name for each credential");
            }
            if all.iter().any(|other| other.from.is_alike(&from)) {
                reader.fault(&own.at("from"), "the place of another credential", "a place for each credential");
            }
            all.extend(Self::read(reader, &own, Some(policy), from, name, trust, claims));
        });
        if count == 0 && value.as_array().is_some() {
            reader.unexpected(&policy.at("credentials"), value, "at least one credential");
        }
        all
    }

    /// Reads one credential; `policy` is the policy of an entry of `credentials`, whose conditions hold for it too.
    #[allow(clippy::too_many_arguments)] // where the credential is, and what its entries may name
    fn read(
        reader: &mut Reader,
        own: &Members<'_, '_>,
        policy: Option<&Members<'_, '_>>,
        from: CredentialLocation,
        name: Box<str>,
        trust: &TrustNames,
        claims: &mut NamedClaims,
    ) -> Option<Self> {
        let mut audience = Vec::new();
        let holder = [Some(own), policy].into_iter().flatten().find(|members| members.has("audience"));
        match holder.and_then(|members| Some((members, members.get("audience")?))) {
            Some((members, value)) => reader.texts(&members.at("audience"), value, AUDIENCE, &mut |_, _, text| {
                audience.push(text.into_boxed_str());
            }),
            None => {
                let expected = "the audience of the tokens; without one, no token is accepted";
                reader.missing(policy.unwrap_or(own), "audience", expected);
            }
        }
        let (accept, all_read) = AcceptedKind::read_all(reader, own, policy.unwrap_or(own), &from, trust, claims);
        let kinds = accept.iter().fold(TokenKinds::default(), |kinds, entry| kinds.with(entry.kind));
        let is_opaque = |entry: &AcceptedKind| entry.kind == TokenKind::Introspected;
        let required = policy.is_none() || reader.flag(own, "required", true);
        Some(Self {
            name,
            takes_opaque: accept.iter().any(is_opaque),
            takes_only_opaque: accept.iter().all(is_opaque),
            audience_elsewhere: accept.iter().any(|entry| entry.audience_from().is_some()),
            all_read,
            from,
            accept,
            kinds,
            audience,
            required,
            remove: policy.is_some() && reader.flag(own, "remove", false),
        })
    }
}

fn read_name(reader: &mut Reader, own: &Members<'_, '_>) -> Option<Box<str>> {
    let expected = "a name of 1 to 64 letters, digits, dots, dashes, underscores";
    let name = reader.needed_text(own, "name", expected)?;
    let is_good = name.len() <= limits::POLICY_NAME_BYTES && name.bytes().all(is_name_byte);
    if !is_good {
        reader.fault(&own.at("name"), quoted(&name), expected);
    }
    is_good.then(|| name.into_boxed_str())
}

fn read_from(reader: &mut Reader, own: &Members<'_, '_>, is_first: bool) -> Option<CredentialLocation> {
    let at = own.at("from");
    let Some(value) = own.get("from") else {
        reader.missing(own, "from", FROM);
        return None;
    };
    match value {
        Value::String(word) if word.is("authorization") => {
            if !is_first {
                reader.fault(&at, "Authorization for a further credential", "the first credential from there");
            }
            Some(CredentialLocation::Authorization)
        }
        Value::Object(_) => {
            let members = reader.members(&at, value, &["header", "scheme", "cookie", "websocket_protocol"])?;
            let others = ["header", "cookie", "websocket_protocol"].into_iter().filter(|name| members.has(name));
            if others.count() > 1 {
                reader.fault(&at, "a credential in several places", FROM);
                return None;
            }
            if members.has("scheme") && !members.has("header") {
                reader.fault(&members.at("scheme"), "a scheme without a header field", "a scheme beside header");
            }
            for (member, expected, place) in [
                ("cookie", COOKIE, CredentialLocation::Cookie as fn(Box<str>) -> CredentialLocation),
                ("websocket_protocol", PREFIX, CredentialLocation::WebSocketProtocol),
            ] {
                if members.has(member) {
                    return read_token(reader, &members, member, expected).map(place);
                }
            }
            let name = reader.needed_text(&members, "header", HEADER)?;
            let is_good = is_field_name(name.as_bytes())
                && !name.bytes().any(|byte| byte.is_ascii_uppercase())
                && !NOT_OURS.iter().any(|known| spells_alike(known.as_bytes(), name.as_bytes()));
            if !is_good {
                reader.fault(&members.at("header"), quoted(&name), HEADER);
                return None;
            }
            let scheme = match members.has("scheme") {
                true => Some(read_token(reader, &members, "scheme", SCHEME)?),
                false => None,
            };
            if let Some(scheme) = scheme.as_ref().filter(|scheme| scheme.eq_ignore_ascii_case(AuthScheme::Dpop.name()))
            {
                // RFC 9449 §7.1: "DPoP-bound access tokens are sent using the Authorization request header field".
                reader.fault(&members.at("scheme"), quoted(scheme), SCHEME);
            }
            Some(CredentialLocation::Header { name: name.into_boxed_str(), scheme })
        }
        other => {
            reader.unexpected(&at, other, FROM);
            None
        }
    }
}

/// A member that is a token of RFC 9110 §5.6.2: a cookie's name, a subprotocol, a scheme.
fn read_token(reader: &mut Reader, members: &Members<'_, '_>, member: &str, expected: &str) -> Option<Box<str>> {
    let text = reader.needed_text(members, member, expected)?;
    let is_good = is_field_name(text.as_bytes());
    if !is_good {
        reader.fault(&members.at(member), quoted(&text), expected);
    }
    is_good.then(|| text.into_boxed_str())
}

/// Reads `tie`: each entry names two claims of two credentials that must be equal.
pub(super) fn read_ties(
    reader: &mut Reader,
    policy: &Members<'_, '_>,
    credentials: &[CredentialPolicy],
    claims: &mut NamedClaims,
) -> Vec<Tie> {
    let mut ties = Vec::new();
    let Some(value) = policy.get("tie") else { return ties };
    reader.elements(&policy.at("tie"), value, "an array of ties", &mut |reader, at, value| {
        let Some(own) = reader.members(at, value, &["left", "is", "right", "comment"]) else { return };
        let _equal = reader.word(&own, "is", &[("equal", ())]);
        if !own.has("is") {
            reader.missing(&own, "is", "one of equal");
        }
        let left = read_tied(reader, &own, "left", credentials, claims);
        let right = read_tied(reader, &own, "right", credentials, claims);
        if let (Some(left), Some(right)) = (left, right) {
            if left.credential == right.credential {
                reader.fault(&own.at("right"), "a claim of the same credential", "one of another credential");
            }
            ties.push(Tie { left, right });
        }
    });
    ties
}

/// A claim of a credential: `name:/pointer`.
fn read_tied(
    reader: &mut Reader,
    own: &Members<'_, '_>,
    member: &str,
    credentials: &[CredentialPolicy],
    claims: &mut NamedClaims,
) -> Option<TiedClaim> {
    const EXPECTED: &str = "the name of a credential, a colon and a JSON pointer, such as access:/sub";
    let text = reader.needed_text(own, member, EXPECTED)?;
    let at = own.at(member);
    let Some((name, pointer)) = text.split_once(':') else {
        reader.fault(&at, quoted(&text), EXPECTED);
        return None;
    };
    let credential = credentials.iter().position(|credential| credential.name.as_ref() == name);
    if credential.is_none() && !credentials.is_empty() {
        let names: Vec<&str> = credentials.iter().map(|credential| credential.name.as_ref()).collect();
        reader.fault(&at, quoted(name), format!("a credential of the policy: {}", names.join(", ")));
    }
    let slot = read_pointer(reader, &at, pointer, claims);
    Some(TiedClaim { credential: credential?, slot: slot? })
}

/// Reads `attributes`: the claims that hosts are handed, by the names that they get.
pub(super) fn read_attributes(
    reader: &mut Reader,
    policy: &Members<'_, '_>,
    claims: &mut NamedClaims,
) -> Vec<(Box<str>, u8)> {
    let mut attributes = Vec::new();
    let Some(value) = policy.get("attributes") else { return attributes };
    let at = policy.at("attributes");
    let Some(named) = value.as_object() else {
        reader.unexpected(&at, value, "an object of JSON pointers by name");
        return attributes;
    };
    for (name, value) in named.members() {
        let name: String = name.to_owned_string();
        let at = at.member(&name);
        let is_good = (1..=limits::POLICY_NAME_BYTES).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_good {
            reader.fault(&at, "an attribute with this name", "a name of 1 to 64 small letters, digits, underscores");
        }
        // RFC 6901 §5: the empty pointer is the whole document, here all claims of the token.
        let whole = value.as_string().filter(|text| text.is_empty()).map(|_| String::new());
        let text = || reader.text_at(&at, value, "a JSON pointer to a claim (RFC 6901), such as /tenant");
        let Some(pointer) = whole.or_else(text) else { continue };
        if let Some(slot) = read_slot(reader, &at, &pointer, ClaimPointer::parse(&pointer), claims) {
            attributes.push((name.to_owned().into_boxed_str(), slot));
        }
    }
    attributes
}

//! `policy_rules`: policies that header fields select.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::PolicyDocument;
use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Pointer, Reader};
use countersign::internal::printable::quoted;

use crate::identity::IdentityHeaders;
use crate::settings::policy::unknown_policy;

/// A policy for requests by one of their header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The name of the field, in small letters; or `:path`, `:method`, `:authority`, `:scheme`.
    pub header: String,
    /// The condition on its value.
    pub value: HeaderMatch,
    /// The name of the policy.
    pub policy: String,
}

/// The condition on a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderMatch {
    /// This text.
    Exact(String),
    /// A text that begins with this one.
    Prefix(String),
}

impl Selection {
    /// Whether a value is the one.
    ///
    /// A path without its query: a client could otherwise leave an exact one by a question mark. Host and scheme in whatever case
    /// (RFC 9110 §4.2.3).
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        let (value, any_case) = match self.header.as_str() {
            ":path" => (value.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default(), false),
            name => (value, matches!(name, ":authority" | ":scheme")),
        };
        let (value, text) = match &self.value {
            HeaderMatch::Exact(text) => (Some(value), text),
            HeaderMatch::Prefix(text) => (value.get(..text.len()), text),
        };
        value.is_some_and(|value| value == text.as_bytes() || (any_case && value.eq_ignore_ascii_case(text.as_bytes())))
    }

    /// Whether whatever `later` matches, this does too.
    fn hides(&self, later: &Self) -> bool {
        self.header == later.header
            && match (&self.value, &later.value) {
                (HeaderMatch::Prefix(_), HeaderMatch::Exact(text) | HeaderMatch::Prefix(text))
                | (HeaderMatch::Exact(_), HeaderMatch::Exact(text)) => self.matches(text.as_bytes()),
                (HeaderMatch::Exact(_), HeaderMatch::Prefix(_)) => false,
            }
    }
}

/// Reads `policy_rules`.
pub(super) fn read_all(
    reader: &mut Reader,
    settings: &Members<'_, '_>,
    document: Option<&PolicyDocument>,
    identity: &IdentityHeaders,
) -> Vec<Selection> {
    let (mut all, mut places) = (Vec::<Selection>::new(), Vec::new());
    let Some(value) = settings.get("policy_rules") else { return all };
    let mut place = 0usize;
    reader.elements(&settings.at("policy_rules"), value, "an array", &mut |reader, at, element| {
        place += 1;
        let Some(read) = Selection::read(reader, at, element, document) else { return };
        if identity.removes(read.header.as_bytes()) {
            let found = format!("{}, an identity header, which no client can send", quoted(&read.header));
            reader.fault(&at.member("header"), found, "another header field");
        }
        let hidden = all.iter().zip(&places).find(|(earlier, _)| earlier.hides(&read));
        if let Some((_, before)) = hidden {
            reader.fault(at, format!("what entry {before} matches before it"), "the narrower match first");
        }
        places.push(place - 1);
        all.push(read);
    });
    all
}

impl Selection {
    fn read(
        reader: &mut Reader,
        at: &Pointer<'_>,
        value: Value<'_>,
        document: Option<&PolicyDocument>,
    ) -> Option<Self> {
        let members = reader.members(at, value, &["header", "exact", "prefix", "policy"])?;
        let header = reader.needed_text(&members, "header", "the name of a header field");
        let header = header.map(|name| name.to_ascii_lowercase());
        let policy = reader.needed_text(&members, "policy", "the name of a policy");
        let (exact, prefix) = (reader.text(&members, "exact", "a value"), reader.text(&members, "prefix", "a value"));
        if members.has("exact") == members.has("prefix") {
            reader.fault(at, "none or both", "one of exact, prefix");
        }
        if let Some(name) = &header
            && !matches!(name.as_str(), ":path" | ":method" | ":authority" | ":scheme")
            && (!is_field_name(name) || matches!(name.as_str(), "authorization" | "dpop" | "host"))
        {
            let expected = "a header field other than authorization and dpop, or :path, :method, :authority, :scheme";
            reader.fault(&members.at("header"), quoted(name), expected);
        }
        if let (Some(name), Some(document)) = (&policy, document)
            && document.policy(name).is_none()
        {
            unknown_policy(reader, &members.at("policy"), quoted(name), document);
        }
        let text = exact.as_deref().or(prefix.as_deref()).unwrap_or("/");
        if header.as_deref() == Some(":path") && (!text.starts_with('/') || text.contains(['?', '#'])) {
            reader.fault(at, "a value that no path has", "a path, without a query");
        }
        let value = exact.map(HeaderMatch::Exact).or(prefix.map(HeaderMatch::Prefix))?;
        Some(Self { header: header?, value, policy: policy? })
    }
}

/// RFC 9110 §5.6.2, in small letters; no pseudo-header of HTTP/2.
pub(super) fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

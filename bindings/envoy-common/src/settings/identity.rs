//! `identity_headers`, `metadata` and `certificate`: where attributes of a decision go, and where the client certificate comes from.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use countersign::internal::jose::json::Value;
use countersign::internal::policy::reader::{Members, Pointer, Reader};
use countersign::internal::printable::quoted;
use countersign::{Attribute, PolicyDocument};

use crate::attribute::AttributeName;
use crate::certificate::{self, CertificateSource};
use countersign::internal::field_value::{is_read_otherwise, spells_alike};

use crate::identity::IdentityHeaders;
use crate::settings::selection::is_field_name;

/// Reads `identity_headers`; the field of a forwarded certificate is one too.
pub(super) fn read_headers(
    reader: &mut Reader,
    settings: &Members<'_, '_>,
    certificate: CertificateSource,
) -> IdentityHeaders {
    let read = (certificate == CertificateSource::Forwarded).then_some(certificate::FORWARDED);
    IdentityHeaders::new(read_written(reader, settings), read)
}

fn read_written(reader: &mut Reader, settings: &Members<'_, '_>) -> Vec<(String, AttributeName)> {
    let mut all: Vec<(String, AttributeName)> = Vec::new();
    let Some(value) = settings.get("identity_headers") else { return all };
    let at = settings.at("identity_headers");
    let Some(object) = value.as_object() else {
        reader.unexpected(&at, value, "an object: names of header fields with attributes");
        return all;
    };
    for (name, value) in object.members() {
        let name = name.to_owned_string();
        let at = at.member(&name);
        let name = name.to_ascii_lowercase();
        let alike = |known: &str| spells_alike(known.as_bytes(), name.as_bytes());
        if !is_field_name(&name) || is_read_otherwise(name.as_bytes()) {
            reader.fault(&at, "this name", "a header field of identity, such as x-user");
        }
        if let Some((known, _)) = all.iter().find(|(known, _)| alike(known)) {
            reader.fault(&at, format!("another spelling of {known}"), "each name once");
        }
        if let Some(attribute) = read_attribute(reader, &at, value) {
            all.push((name, attribute));
        }
    }
    all
}

fn read_attribute(reader: &mut Reader, at: &Pointer<'_>, value: Value<'_>) -> Option<AttributeName> {
    let attribute = value.as_string().and_then(|text| AttributeName::from_name(&text.to_owned_string()));
    if attribute.is_none() {
        let words: Vec<&str> = Attribute::ALL.into_iter().map(Attribute::word).chain(["attributes.NAME"]).collect();
        reader.not_one_of(at, value, &words);
    }
    attribute
}

/// Finds attributes that no policy has, and identity headers that would be removed before a credential is read from them.
pub(super) fn check_against(
    reader: &mut Reader,
    settings: &Members<'_, '_>,
    document: &PolicyDocument,
    identity: &IdentityHeaders,
    metadata: &[AttributeName],
) {
    let named = identity.written().iter().map(|(_, attribute)| ("identity_headers", attribute));
    for (member, attribute) in named.chain(metadata.iter().map(|attribute| ("metadata", attribute))) {
        let Some(name) = attribute.claim() else { continue };
        if !document.policies().any(|(_, policy)| policy.attributes().any(|known| known == name)) {
            reader.fault(&settings.at(member), quoted(attribute.name()), "a name in `attributes` of a policy");
        }
    }
    let mut fields = document.policies().flat_map(|(_, policy)| policy.header_fields());
    if let Some(field) = fields.find(|field| identity.removes(field.as_bytes())) {
        let found = format!("{field}, which a policy reads a credential from");
        reader.fault(&settings.at("identity_headers"), found, "another name: an identity header is removed first");
    }
}

/// Reads `metadata`: where attributes are left, and which.
pub(super) fn read_metadata(reader: &mut Reader, settings: &Members<'_, '_>) -> (String, Vec<AttributeName>) {
    let namespace = "countersign".to_owned();
    let at = settings.at("metadata");
    match settings.get("metadata") {
        None | Some(Value::Bool(false)) => (namespace, Vec::new()),
        Some(value @ Value::Object(_)) => {
            let Some(members) = reader.members(&at, value, &["namespace", "attributes"]) else {
                return (namespace, Vec::new());
            };
            let namespace = reader.text(&members, "namespace", "a name").unwrap_or(namespace);
            let Some(value) = members.get("attributes") else { return (namespace, AttributeName::COMMON.into()) };
            let mut attributes = Vec::new();
            reader.elements(&members.at("attributes"), value, "an array of attributes", &mut |reader, at, value| {
                attributes.extend(read_attribute(reader, at, value));
            });
            (namespace, attributes)
        }
        Some(other) => {
            reader.unexpected(&at, other, "an object, or false");
            (namespace, Vec::new())
        }
    }
}

/// Reads `certificate`.
pub(super) fn read_certificate(reader: &mut Reader, settings: &Members<'_, '_>) -> CertificateSource {
    if let Some(Value::Bool(false)) = settings.get("certificate") {
        return CertificateSource::Nowhere;
    }
    let words =
        [("connection", CertificateSource::Connection), ("x-forwarded-client-cert", CertificateSource::Forwarded)];
    reader.word(settings, "certificate", &words).unwrap_or(CertificateSource::Connection)
}

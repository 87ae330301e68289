//! `policy`, `policy_file` and `default_policy`: the policy document, and the policy of routes that name none.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use countersign::internal::policy::reader::{Members, NOTHING, Pointer, Reader};
use countersign::internal::printable::quoted;
use countersign::{PolicyDocument, PolicyError};

use crate::settings::build::ReadFile;

/// Reads the document. Without `read`, there is no `policy_file`: the member is a fault already.
pub(super) fn read_document(
    reader: &mut Reader,
    members: &Members<'_, '_>,
    read: Option<&ReadFile<'_>>,
) -> Option<PolicyDocument> {
    let Some(read) = read else {
        return match members.get("policy") {
            Some(value) => PolicyDocument::read(reader, &members.at("policy"), value),
            None => {
                reader.missing(members, "policy", "a policy document");
                None
            }
        };
    };
    match (members.get("policy"), members.has("policy_file")) {
        (Some(value), false) => PolicyDocument::read(reader, &members.at("policy"), value),
        (Some(_), true) => {
            reader.fault(&members.at("policy_file"), "a file besides policy", "one of policy, policy_file");
            None
        }
        (None, true) => read_file(reader, members, read),
        (None, false) => {
            reader.missing(members, "policy", "a policy document, or policy_file");
            None
        }
    }
}

fn read_file(reader: &mut Reader, members: &Members<'_, '_>, read: &ReadFile<'_>) -> Option<PolicyDocument> {
    let file = reader.text(members, "policy_file", "the path of a file")?;
    let text = match read(&file) {
        Ok(text) => text,
        Err(error) => {
            reader.fault(&members.at("policy_file"), error, "a file that can be read");
            return None;
        }
    };
    match PolicyDocument::parse(&text) {
        Ok(document) => Some(document),
        Err(faults) => {
            for fault in faults {
                reader.add(PolicyError { pointer: format!("{file} {}", fault.pointer), ..fault });
            }
            None
        }
    }
}

/// The policy that `default_policy` names; where it is absent, the only policy, or the one called `default`.
pub(super) fn read_default(
    reader: &mut Reader,
    members: &Members<'_, '_>,
    document: Option<&PolicyDocument>,
) -> String {
    let named = reader.text(members, "default_policy", "the name of a policy");
    let Some(document) = document else { return String::new() };
    let mut names = document.policies().map(|(_, policy)| policy.name());
    let name = match (&named, names.next(), names.next()) {
        (None, Some(only), None) => only,
        (None, ..) => "default",
        (Some(name), ..) => name,
    };
    if document.policy(name).is_none() {
        let found = named.as_ref().map_or_else(|| NOTHING.to_owned(), |name| quoted(name));
        unknown_policy(reader, &members.at("default_policy"), found, document);
    }
    name.to_owned()
}

/// Records that the member at `at` names no policy of the document.
pub(super) fn unknown_policy(reader: &mut Reader, at: &Pointer<'_>, found: String, document: &PolicyDocument) {
    let all: alloc::vec::Vec<&str> = document.policies().map(|(_, policy)| policy.name()).collect();
    reader.fault(at, found, format!("one of {}", all.join(", ")));
}

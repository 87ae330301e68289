//! `challenge`: what a policy puts in the `WWW-Authenticate` field of a refusal.

use crate::policy::reader::{Members, Reader};
use crate::policy::route::ChallengePolicy;
use crate::printable::quoted;

const MEMBERS: &[&str] = &["realm", "resource_metadata", "hide_description"];
const REALM: &str = "printable ASCII without quotes and backslashes";

impl ChallengePolicy {
    /// Reads the member `challenge` of a policy.
    pub(super) fn read(reader: &mut Reader, policy: &Members<'_, '_>) -> Self {
        let Some(members) =
            policy.get("challenge").and_then(|value| reader.members(&policy.at("challenge"), value, MEMBERS))
        else {
            return Self::default();
        };
        let realm = reader.text(&members, "realm", REALM);
        // It goes into a quoted string of a header field.
        let is_quotable = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        if let Some(realm) = realm.as_ref().filter(|realm| !realm.bytes().all(is_quotable)) {
            reader.fault(&members.at("realm"), quoted(realm), REALM);
        }
        let resource_metadata = members.get("resource_metadata");
        Self {
            realm,
            resource_metadata: resource_metadata
                .and_then(|value| reader.https_uri(&members.at("resource_metadata"), value)),
            hide_description: reader.flag(&members, "hide_description", false),
        }
    }
}

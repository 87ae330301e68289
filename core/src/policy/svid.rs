//! `jwt_svid`: where a policy leaves the letter of the JWT-SVID specification.

use crate::policy::reader::{Members, Reader};
use crate::specs::settings::JwtSvidSettings;

const MEMBERS: &[&str] = &["single_candidate_key", "ignore_unknown_headers"];

impl JwtSvidSettings {
    /// Reads the member `jwt_svid` of a policy; `without_svid` where the policy takes no JWT-SVID.
    pub(crate) fn read(reader: &mut Reader, policy: &Members<'_, '_>, without_svid: bool) -> Self {
        let at = policy.at("jwt_svid");
        let Some(members) = policy.get("jwt_svid").and_then(|value| reader.members(&at, value, MEMBERS)) else {
            return Self::default();
        };
        if without_svid {
            reader.fault(&at, "rules for jwt-svid", "none, since the policy does not accept that kind");
        }
        Self {
            single_candidate_key: reader.flag(&members, "single_candidate_key", false),
            ignore_unknown_headers: reader.flag(&members, "ignore_unknown_headers", false),
        }
    }
}

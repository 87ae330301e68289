//! The authority of an object: one of `trust_domain` and `issuer`.

use crate::policy::reader::{Members, Reader};
use crate::spiffe_id::TrustDomain;
use crate::trust::Authority;

/// The form of a trust domain.
pub(in crate::policy) const TRUST_DOMAIN: &str =
    "a trust domain name of a-z, 0-9, dot, dash and underscore, up to 255 bytes";

impl Reader {
    /// The authority that an object names by `trust_domain` or `issuer`; `None` after a fault.
    pub fn authority(&mut self, members: &Members<'_, '_>) -> Option<Authority> {
        match (members.get("trust_domain"), members.get("issuer")) {
            (Some(value), None) => {
                let name = self.text(members, "trust_domain", TRUST_DOMAIN)?;
                if TrustDomain::parse(&name).is_err() {
                    self.unexpected(&members.at("trust_domain"), value, TRUST_DOMAIN);
                    return None;
                }
                Some(Authority::TrustDomain(name))
            }
            (None, Some(_)) => {
                self.text(members, "issuer", "the issuer's identifier, as in `iss`").map(Authority::Issuer)
            }
            (domain, _) => {
                let found = match domain {
                    Some(_) => "both trust_domain and issuer",
                    None => "neither trust_domain nor issuer",
                };
                self.fault(members.pointer(), found, "one of them");
                None
            }
        }
    }
}

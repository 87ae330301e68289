//! The authorities of one policy document, found by name in the same time whether there is one or a hundred thousand.

use alloc::vec::Vec;

use crate::hash_index::HashIndex;
use crate::trust::authority::{Authority, AuthorityIndex};

/// Trust domains and issuers, each once, in the order in which they were added.
///
/// A token of any client names the authority that is looked for, but only the policy document names those that are stored. So no client
/// can make stored names collide: the longest probe is fixed when the document is read, and a client only chooses which of the probes
/// it gets. A comparison of two names costs at most the length of the token.
#[derive(Debug, Default)]
pub(crate) struct Authorities {
    list: Vec<Authority>,
    by_name: HashIndex,
}

impl Authorities {
    /// Adds an authority; `false` if it is there already.
    pub(crate) fn add(&mut self, authority: Authority) -> bool {
        if self.find(&authority).is_some() {
            return false;
        }
        let Self { list, by_name } = self;
        by_name.add(authority.name(), list.len(), |place| list.get(place).map_or("", Authority::name));
        list.push(authority);
        true
    }

    /// The place of an authority.
    pub(crate) fn find(&self, authority: &Authority) -> Option<AuthorityIndex> {
        self.named(authority.is_trust_domain(), authority.name())
    }

    /// The place of the trust domain called `name`.
    pub(crate) fn trust_domain(&self, name: &str) -> Option<AuthorityIndex> {
        self.named(true, name)
    }

    /// The place of the issuer whose identifier is exactly `name`.
    pub(crate) fn issuer(&self, name: &str) -> Option<AuthorityIndex> {
        self.named(false, name)
    }

    fn named(&self, is_trust_domain: bool, name: &str) -> Option<AuthorityIndex> {
        let is_it = |place: usize| {
            let known = self.list.get(place);
            known.is_some_and(|known| known.is_trust_domain() == is_trust_domain && known.name() == name)
        };
        self.by_name.find(name, is_it).and_then(|place| u32::try_from(place).ok()).map(AuthorityIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use proptest::prelude::*;

    fn authority(is_trust_domain: bool, name: &str) -> Authority {
        if is_trust_domain { Authority::TrustDomain(name.to_owned()) } else { Authority::Issuer(name.to_owned()) }
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_in_order(
            added in prop::collection::vec((any::<bool>(), "[ab/]{0,3}"), 0..60),
            asked in prop::collection::vec((any::<bool>(), "[ab/]{0,3}"), 1..60),
        ) {
            let mut authorities = Authorities::default();
            let mut twin: Vec<Authority> = Vec::new();
            for (is_trust_domain, name) in &added {
                let authority = authority(*is_trust_domain, name);
                let is_new = !twin.contains(&authority);
                prop_assert_eq!(authorities.add(authority.clone()), is_new);
                if is_new {
                    twin.push(authority);
                }
            }
            for (is_trust_domain, name) in asked.iter().chain(&added) {
                let authority = authority(*is_trust_domain, name);
                let place = twin.iter().position(|known| *known == authority);
                let expected = place.map(|place| AuthorityIndex(u32::try_from(place).unwrap()));
                prop_assert_eq!(authorities.find(&authority), expected);
                let by_name = if *is_trust_domain { authorities.trust_domain(name) } else { authorities.issuer(name) };
                prop_assert_eq!(by_name, expected);
            }
        }
    }
}

//! The origins of one policy document, found by name in the same time whether there is one or a hundred thousand.

use alloc::vec::Vec;

use crate::hash_index::HashIndex;
use crate::trust::origin::{Origin, OriginIndex};

/// Trust domains and issuers, each once, in the order in which they were added.
///
/// A token of any client names the origin that is looked for, but only the policy document names those that are stored. So no client
/// can make stored names collide: the longest probe is fixed when the document is read, and a client only chooses which of the probes
/// it gets. A comparison of two names costs at most the length of the token.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    list: Vec<Origin>,
    by_name: HashIndex,
}

impl Origins {
    /// Adds an origin; `false` if it is there already.
    pub(crate) fn add(&mut self, origin: Origin) -> bool {
        if self.find(&origin).is_some() {
            return false;
        }
        let Self { list, by_name } = self;
        by_name.add(origin.name(), list.len(), |place| list.get(place).map_or("", Origin::name));
        list.push(origin);
        true
    }

    /// The place of an origin.
    pub(crate) fn find(&self, origin: &Origin) -> Option<OriginIndex> {
        self.named(origin.is_trust_domain(), origin.name())
    }

    /// The place of the trust domain called `name`.
    pub(crate) fn trust_domain(&self, name: &str) -> Option<OriginIndex> {
        self.named(true, name)
    }

    /// The place of the issuer whose identifier is exactly `name`.
    pub(crate) fn issuer(&self, name: &str) -> Option<OriginIndex> {
        self.named(false, name)
    }

    fn named(&self, is_trust_domain: bool, name: &str) -> Option<OriginIndex> {
        let is_it = |place: usize| {
            let known = self.list.get(place);
            known.is_some_and(|known| known.is_trust_domain() == is_trust_domain && known.name() == name)
        };
        self.by_name.find(name, is_it).and_then(|place| u32::try_from(place).ok()).map(OriginIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use proptest::prelude::*;

    fn origin(is_trust_domain: bool, name: &str) -> Origin {
        if is_trust_domain { Origin::TrustDomain(name.to_owned()) } else { Origin::Issuer(name.to_owned()) }
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_in_order(
            added in prop::collection::vec((any::<bool>(), "[ab/]{0,3}"), 0..60),
            asked in prop::collection::vec((any::<bool>(), "[ab/]{0,3}"), 1..60),
        ) {
            let mut origins = Origins::default();
            let mut twin: Vec<Origin> = Vec::new();
            for (is_trust_domain, name) in &added {
                let origin = origin(*is_trust_domain, name);
                let is_new = !twin.contains(&origin);
                prop_assert_eq!(origins.add(origin.clone()), is_new);
                if is_new {
                    twin.push(origin);
                }
            }
            for (is_trust_domain, name) in asked.iter().chain(&added) {
                let origin = origin(*is_trust_domain, name);
                let place = twin.iter().position(|known| *known == origin);
                let expected = place.map(|place| OriginIndex(u32::try_from(place).unwrap()));
                prop_assert_eq!(origins.find(&origin), expected);
                let by_name = if *is_trust_domain { origins.trust_domain(name) } else { origins.issuer(name) };
                prop_assert_eq!(by_name, expected);
            }
        }
    }
}

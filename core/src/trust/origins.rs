//! The origins of one policy document, found by name in the same time whether there is one or a hundred thousand.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::trust::set::{Origin, OriginIndex};

/// Trust domains and issuers, each once, in the order in which they were added.
///
/// A token of any client names the origin that is looked for, but only the policy document names those that are stored. So no client
/// can make stored names collide: the longest probe is fixed when the document is read, and a client only chooses which of the probes
/// it gets. A name is compared where 7 bits of the hashes agree, and costs at most the length of the token. The seed of the hash
/// depends on addresses, which most systems choose anew for each process, in case that an operator's tenants choose the names.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    list: Vec<Origin>,
    /// Indexes into `list`, by the hash of the origin.
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Origins {
    /// Adds an origin; `false` if it is there already.
    pub(crate) fn add(&mut self, origin: Origin) -> bool {
        let Ok(index) = u32::try_from(self.list.len()) else { return false };
        if self.find(&origin).is_some() {
            return false;
        }
        let Self { list, by_name, hasher } = self;
        let hash_of = |origin: &Origin| hash(hasher, origin.is_trust_domain(), origin.name());
        let stored = |place: &u32| list.get(OriginIndex(*place).as_usize()).map_or(0, hash_of);
        by_name.insert_unique(hash_of(&origin), index, stored);
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
        let is_its = |place: &u32| {
            let known = self.list.get(OriginIndex(*place).as_usize());
            known.is_some_and(|known| known.is_trust_domain() == is_trust_domain && known.name() == name)
        };
        self.by_name.find(hash(&self.hasher, is_trust_domain, name), is_its).copied().map(OriginIndex)
    }
}

fn hash(hasher: &DefaultHashBuilder, is_trust_domain: bool, name: &str) -> u64 {
    hasher.hash_one((is_trust_domain, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::format;
    use alloc::string::String;
    use core::cell::Cell;
    use proptest::prelude::*;

    fn origin(is_trust_domain: bool, name: &str) -> Origin {
        if is_trust_domain { Origin::TrustDomain(name.to_owned()) } else { Origin::Issuer(name.to_owned()) }
    }

    /// How many stored names a lookup compares.
    fn compared(origins: &Origins, is_trust_domain: bool, name: &str) -> usize {
        let count = Cell::new(0);
        let is_its = |place: &u32| {
            count.set(count.get() + 1);
            origins.list[OriginIndex(*place).as_usize()] == origin(is_trust_domain, name)
        };
        origins.by_name.find(hash(&origins.hasher, is_trust_domain, name), is_its);
        count.get()
    }

    #[test]
    fn a_lookup_compares_one_or_two_names_however_many_there_are() {
        let name = |number: u32| format!("https://issuer-{number:06}.example/tenants/{number}");
        let (mut origins, mut stored) = (Origins::default(), 0);
        for size in [1, 100, 10_000, 100_000] {
            for number in stored..size {
                assert!(origins.add(Origin::Issuer(name(number))));
            }
            stored = size;
            let step = usize::try_from(size.div_ceil(1000)).unwrap();
            let asked: Vec<u32> = (0..size).step_by(step).collect();
            let mean = |of: &dyn Fn(u32) -> (bool, String)| {
                let counts = asked.iter().map(|number| {
                    let (is_trust_domain, name) = of(*number);
                    compared(&origins, is_trust_domain, &name)
                });
                counts.sum::<usize>() / asked.len()
            };
            // The name itself, and one in many times another one whose 7 bits are the same.
            let found = mean(&|number| (false, name(number)));
            let missing = [mean(&|number| (true, name(number))), mean(&|number| (false, name(number + size)))];
            assert!(found <= 2 && missing <= [1, 1], "{found} and {missing:?} of {size}");
            for number in asked {
                assert_eq!(origins.issuer(&name(number)), Some(OriginIndex(number)));
                assert_eq!((origins.trust_domain(&name(number)), origins.issuer(&name(number + size))), (None, None));
            }
        }
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

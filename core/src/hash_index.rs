//! The places of a list's elements by the hash of their names: one is found in the same time however many there are.
//!
//! The table of `hashbrown` is the faster one, but several KiB of code, which count in a proxy's VM (without the feature `fast`); there a table of
//! a few lines takes its place.

#[cfg(not(feature = "fast"))]
pub(crate) use probes::Probes as HashIndex;
#[cfg(feature = "fast")]
pub(crate) use table::Table as HashIndex;

#[cfg(feature = "fast")]
mod table {
    use core::hash::BuildHasher;

    use hashbrown::{DefaultHashBuilder, HashTable};

    /// Places by hash. The seed depends on addresses, which most systems choose anew for each process.
    #[derive(Debug, Default)]
    pub(crate) struct Table {
        places: HashTable<usize>,
        hasher: DefaultHashBuilder,
    }

    impl Table {
        /// The place of an element called `name` of which `is_it` holds.
        pub(crate) fn find(&self, name: &str, is_it: impl Fn(usize) -> bool) -> Option<usize> {
            self.places.find(self.hasher.hash_one(name), |place| is_it(*place)).copied()
        }

        /// Adds the place of an element called `name`; `name_of` gives the names of those that were added before.
        pub(crate) fn add<'n>(&mut self, name: &str, place: usize, name_of: impl Fn(usize) -> &'n str) {
            let Self { places, hasher } = self;
            places.insert_unique(hasher.hash_one(name), place, |place| hasher.hash_one(name_of(*place)));
        }
    }
}

#[cfg(any(test, not(feature = "fast")))]
mod probes {
    use alloc::vec;
    use alloc::vec::Vec;

    /// Places by hash, in the first free bucket from there on. At most half of the buckets are taken.
    #[derive(Debug, Default)]
    pub(crate) struct Probes {
        /// Places plus one, and 0 where a bucket is free. As many as a power of two.
        buckets: Vec<usize>,
        taken: usize,
    }

    impl Probes {
        /// The place of an element called `name` of which `is_it` holds.
        pub(crate) fn find(&self, name: &str, is_it: impl Fn(usize) -> bool) -> Option<usize> {
            let mut at = hash(name);
            loop {
                let place = self.buckets.get(at & self.buckets.len().wrapping_sub(1))?.checked_sub(1)?;
                if is_it(place) {
                    return Some(place);
                }
                at = at.wrapping_add(1);
            }
        }

        /// Adds the place of an element called `name`; `name_of` gives the names of those that were added before.
        pub(crate) fn add<'n>(&mut self, name: &str, place: usize, name_of: impl Fn(usize) -> &'n str) {
            if self.buckets.len() <= 2 * self.taken {
                let larger = vec![0; (2 * self.buckets.len()).max(16)];
                for taken in core::mem::replace(&mut self.buckets, larger) {
                    if let Some(place) = taken.checked_sub(1) {
                        self.put(name_of(place), place);
                    }
                }
            }
            self.put(name, place);
            self.taken += 1;
        }

        fn put(&mut self, name: &str, place: usize) {
            let (mut at, last) = (hash(name), self.buckets.len().wrapping_sub(1));
            while self.buckets.get(at & last).is_some_and(|taken| *taken != 0) {
                at = at.wrapping_add(1);
            }
            if let Some(bucket) = self.buckets.get_mut(at & last) {
                *bucket = place + 1;
            }
        }
    }

    /// FNV-1a.
    fn hash(name: &str) -> usize {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (hash ^ hash >> 16) as usize
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::cell::Cell;

    use super::probes::Probes;
    #[cfg(feature = "fast")]
    use super::table::Table;
    use proptest::prelude::*;

    /// The same tests for both tables.
    macro_rules! tests_of {
        ($module:ident, $index:ty) => {
            mod $module {
                use super::*;

                #[test]
                fn few_elements_are_looked_at_however_many_there_are() {
                    let name = |number: usize| format!("https://issuer-{number:06}.example/tenants/{number}");
                    let (mut index, mut names) = (<$index>::default(), Vec::<String>::new());
                    for size in [1, 100, 10_000, 100_000] {
                        for number in names.len()..size {
                            index.add(&name(number), number, |place| &names[place]);
                            names.push(name(number));
                        }
                        let (looks, asked) = (Cell::new(0), (0..size).step_by(size.div_ceil(1000)));
                        for number in asked.clone() {
                            for (number, expected) in [(number, Some(number)), (number + size, None)] {
                                let name = name(number);
                                let found = index.find(&name, |place| {
                                    looks.set(looks.get() + 1);
                                    names[place] == name
                                });
                                assert_eq!(found, expected);
                            }
                        }
                        // The one that is looked for, and now and then another one on the way.
                        assert!(looks.get() <= 4 * asked.count(), "{} looks among {size}", looks.get());
                    }
                }

                proptest! {
                    #[test]
                    fn agrees_with_a_search_of_the_list(
                        added in prop::collection::vec("[ab/]{0,3}", 0..80), asked in prop::collection::vec("[ab/]{0,3}", 1..40),
                    ) {
                        let (mut index, mut names) = (<$index>::default(), Vec::<String>::new());
                        for name in &added {
                            let known = index.find(name, |place| names[place] == *name);
                            prop_assert_eq!(known, names.iter().position(|known| known == name));
                            if known.is_none() {
                                index.add(name, names.len(), |place| &names[place]);
                                names.push(name.clone());
                            }
                        }
                        for name in asked.iter().chain(&added) {
                            let found = index.find(name, |place| names[place] == *name);
                            prop_assert_eq!(found, names.iter().position(|known| known == name));
                        }
                    }
                }
            }
        };
    }

    #[cfg(feature = "fast")]
    tests_of!(of_table, Table);
    tests_of!(of_probes, Probes);
}

//! Sets by authority, in a tree whose copies share their common parts.
//!
//! A copy costs one pointer. A change copies the nodes on the way to one set, of [`WIDTH`] pointers each, as far as another copy shares
//! them: with 100,000 authorities four nodes, with one authority none.

use alloc::sync::Arc;

const WIDTH_BITS: u32 = 5;
const WIDTH: usize = 1 << WIDTH_BITS;

/// The set of each of a fixed number of authorities, where it has one.
#[derive(Debug)]
pub(super) struct SetTable<S> {
    root: Node<S>,
    length: usize,
    /// How many bits of an index choose among the nodes below the root: 0 where the root is the only set.
    bits: u32,
}

#[derive(Debug, Default)]
enum Node<S> {
    #[default]
    Empty,
    Set(Arc<S>),
    Inner(Arc<[Self; WIDTH]>),
}

impl<S> Clone for SetTable<S> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), length: self.length, bits: self.bits }
    }
}

impl<S> Clone for Node<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Set(set) => Self::Set(Arc::clone(set)),
            Self::Inner(nodes) => Self::Inner(Arc::clone(nodes)),
        }
    }
}

impl<S> SetTable<S> {
    /// A table of `length` authorities without a set.
    pub(super) const fn new(length: usize) -> Self {
        let mut bits = 0;
        while length.saturating_sub(1) >> bits != 0 {
            bits += WIDTH_BITS;
        }
        Self { root: Node::Empty, length, bits }
    }

    /// The set of the authority at `index`.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Arc<S>> {
        if index >= self.length {
            return None;
        }
        let (mut node, mut bits) = (&self.root, self.bits);
        loop {
            match node {
                Node::Empty => return None,
                Node::Set(set) => return Some(set),
                Node::Inner(nodes) => {
                    bits = bits.saturating_sub(WIDTH_BITS);
                    node = &nodes[(index >> bits) % WIDTH];
                }
            }
        }
    }

    /// Puts a set at `index`, or takes it away. Copies of this table do not change.
    pub(super) fn put(&mut self, index: usize, set: Option<Arc<S>>) {
        if index >= self.length {
            return;
        }
        let (mut node, mut bits) = (&mut self.root, self.bits);
        while bits > 0 {
            bits -= WIDTH_BITS;
            if matches!(node, Node::Empty) {
                *node = Node::Inner(Arc::new([const { Node::Empty }; WIDTH]));
            }
            let Node::Inner(nodes) = node else { return }; // sets are where no bits are left
            node = &mut Arc::make_mut(nodes)[(index >> bits) % WIDTH];
        }
        *node = set.map_or(Node::Empty, Node::Set);
    }

    /// All sets.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<S>> {
        (0..self.length).filter_map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn set(number: u64) -> Arc<u64> {
        Arc::new(number)
    }

    /// The nodes of a table, by their addresses.
    fn nodes(node: &Node<u64>, found: &mut HashSet<*const Node<u64>>) {
        if let Node::Inner(inner) = node
            && found.insert(inner.as_ptr())
        {
            inner.iter().for_each(|node| nodes(node, found));
        }
    }

    fn nodes_of(table: &SetTable<u64>) -> HashSet<*const Node<u64>> {
        let mut found = HashSet::new();
        nodes(&table.root, &mut found);
        found
    }

    #[test]
    fn a_change_copies_the_way_to_one_set_and_shares_the_rest() {
        for (length, height) in [(1, 0), (2, 1), (32, 1), (33, 2), (1024, 2), (1025, 3), (32_768, 3), (100_000, 4)] {
            let mut table = SetTable::new(length);
            for index in 0..length {
                table.put(index, Some(set(0)));
            }
            for index in [0, length / 2, length - 1] {
                let before = table.clone();
                table.put(index, Some(set(1)));
                let (old, new) = (nodes_of(&before), nodes_of(&table));
                assert_eq!((old.len(), new.difference(&old).count()), (new.len(), height), "{index} of {length}");
                for other in (0..length).filter(|other| *other != index) {
                    assert!(Arc::ptr_eq(before.get(other).unwrap(), table.get(other).unwrap()));
                }
                assert_eq!(**before.get(index).unwrap(), 0);
                assert_eq!(**table.get(index).unwrap(), 1);
                drop(before);
                // Without a copy of it, a table is changed where it is.
                table.put(index, Some(set(0)));
                assert_eq!(nodes_of(&table), new);
            }
        }
    }

    #[test]
    fn an_index_beyond_the_length_is_no_other_one() {
        for length in [0, 1, 2, 31, 32, 33, 1023, 1024, 1025] {
            let mut table = SetTable::new(length);
            (0..length).for_each(|index| table.put(index, Some(set(0))));
            for index in [length, length + 1, length * 32, length * 1024, usize::MAX] {
                let before = nodes_of(&table);
                table.put(index.max(length), Some(set(1)));
                assert!(table.get(index.max(length)).is_none() && nodes_of(&table) == before);
            }
            assert_eq!(table.iter().map(|set| **set).collect::<Vec<_>>(), vec![0; length]);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_vector(
            length in prop_oneof![0..4usize, 30..35usize, 1020..1030usize],
            steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 0..60),
        ) {
            let mut table = SetTable::new(length);
            let mut twin: Vec<Option<u64>> = vec![None; length];
            let mut copies = Vec::new();
            for (number, (index, present, copy)) in steps.iter().enumerate() {
                let index = index.index(length + 1);
                if *copy {
                    copies.push((table.clone(), twin.clone()));
                }
                let number = present.then_some(number as u64);
                table.put(index, number.map(set));
                if let Some(place) = twin.get_mut(index) {
                    *place = number;
                }
            }
            copies.push((table, twin));
            for (table, twin) in copies {
                let found: Vec<Option<u64>> =
                    (0..length).map(|index| table.get(index).map(|set| **set)).collect();
                prop_assert_eq!(&found, &twin);
                prop_assert_eq!(table.iter().count(), twin.iter().flatten().count());
            }
        }
    }
}

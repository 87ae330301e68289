//! Sorting in place. The standard library's sort is the fastest; each type that it sorts is 2 to 4 KiB of code, which counts in a
//! proxy's VM (without the feature `fast`), and there a heap sort takes its place.

use core::cmp::Ordering;

/// Sorts by `order`; equal elements may be in any order afterwards.
#[cfg(feature = "fast")]
pub(crate) fn sort<T>(items: &mut [T], order: impl FnMut(&T, &T) -> Ordering) {
    items.sort_unstable_by(order);
}

/// Sorts by `order`; equal elements may be in any order afterwards.
#[cfg(not(feature = "fast"))]
pub(crate) fn sort<T>(items: &mut [T], mut order: impl FnMut(&T, &T) -> Ordering) {
    let middle = items.len() / 2;
    // First each half becomes a heap below its places, from the last parent on; then the greatest goes to the end, one by one.
    for turn in (0..middle + items.len()).rev() {
        let (mut parent, end) = match turn.checked_sub(items.len()) {
            Some(parent) => (parent, items.len()),
            None => {
                items.swap(0, turn);
                (0, turn)
            }
        };
        loop {
            let mut child = 2 * parent + 1;
            if child >= end {
                break;
            }
            if child + 1 < end && order(&items[child], &items[child + 1]).is_lt() {
                child += 1;
            }
            if order(&items[parent], &items[child]).is_ge() {
                break;
            }
            items.swap(parent, child);
            parent = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts(mut items in proptest::collection::vec(0u8..40, 0..200)) {
            let mut expected = items.clone();
            expected.sort_by(|a, b| b.cmp(a));
            sort(&mut items, |a, b| b.cmp(a));
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn few_items_in_every_order() {
        for length in 0..7_u32 {
            for number in 0..length.pow(length) {
                let mut items: Vec<u32> = (0..length).map(|place| number / length.pow(place) % length).collect();
                let mut expected = items.clone();
                expected.sort_unstable();
                sort(&mut items, Ord::cmp);
                assert_eq!(items, expected);
            }
        }
    }
}

//! The header fields that every request is judged by, found in one pass over all of its fields.

use crate::identity::IdentityHeaders;

/// Of each of these fields, the first value and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct JudgedBy<T> {
    found: [(Option<T>, usize); 7],
}

#[inline(always)]
const fn place(name: &[u8]) -> Option<usize> {
    match name {
        b"authorization" => Some(0),
        b"dpop" => Some(1),
        b":path" => Some(2),
        b":method" => Some(3),
        b":scheme" => Some(4),
        b":authority" => Some(5),
        b"connection" => Some(6),
        _ => None,
    }
}

impl<T: Copy> JudgedBy<T> {
    /// Finds them, and whether there is a field that `identity` removes. Names are in small letters, as proxies make them.
    #[inline]
    pub fn find<'a>(fields: impl Iterator<Item = (&'a [u8], T)>, identity: &IdentityHeaders) -> (Self, bool) {
        let (mut found, mut removes) = ([(None, 0); 7], false);
        for (name, value) in fields {
            if let Some((first, count)) = place(name).and_then(|place| found.get_mut(place)) {
                first.get_or_insert(value);
                *count += 1;
            } else if identity.removes(name) {
                removes = true;
            }
        }
        (Self { found }, removes)
    }

    /// No field at all.
    pub const NONE: Self = Self { found: [(None, 0); 7] };

    /// The first value of a field, and how many there are; `None` for a name that is not one of these.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(Option<T>, usize)> {
        place(name.as_bytes()).and_then(|place| self.found.get(place)).copied()
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use std::vec;

    use countersign::Attribute;

    use super::*;
    use crate::attribute::AttributeName;

    #[test]
    fn first_values_and_counts() {
        let fields = [("dpop", 1), ("x", 2), ("dpop", 3), (":path", 4), ("Dpop", 5)];
        let fields = || fields.iter().map(|(name, value)| (name.as_bytes(), *value));
        let (found, removes) = JudgedBy::find(fields(), &IdentityHeaders::default());
        assert!(!removes);
        let identity = IdentityHeaders::new(vec![("x".to_owned(), AttributeName::Known(Attribute::Subject))], None);
        assert!(JudgedBy::find(fields(), &identity).1);
        assert_eq!(found.get("dpop"), Some((Some(1), 2)));
        assert_eq!(found.get(":path"), Some((Some(4), 1)));
        for absent in ["authorization", ":method", ":scheme", ":authority", "connection"] {
            assert_eq!(found.get(absent), Some((None, 0)), "{absent}");
        }
        assert_eq!(found.get("x"), None);
    }
}

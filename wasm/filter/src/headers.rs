//! Header maps as the proxy passes them: how many fields, the lengths of each name and value (32 bits, little-endian), then the
//! names and values, each followed by a zero byte.

use alloc::vec::Vec;
/// A map that was read whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs<'a> {
    lengths: &'a [[u8; 8]],
    texts: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// The map of nothing.
    pub(crate) const NONE: Self = Self { lengths: &[], texts: &[] };

    /// `None` for bytes that are no map: then nothing is known of the request.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (lengths, texts) = rest.split_at_checked(count.checked_mul(8)?)?;
        let pairs = Self { lengths: lengths.as_chunks().0, texts };
        let mut needed: usize = 0;
        for [name, value] in pairs.lengths.iter().map(both) {
            needed = needed.checked_add(name)?.checked_add(value)?.checked_add(2)?;
        }
        (needed <= texts.len()).then_some(pairs)
    }

    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        let mut rest = self.texts;
        self.lengths.iter().map_while(move |lengths| {
            let [name_length, value_length] = both(lengths);
            let (name, after) = rest.split_at_checked(name_length)?;
            let (value, after) = after.get(1..)?.split_at_checked(value_length)?;
            rest = after.get(1..)?;
            Some((name, value))
        })
    }

    /// The first value of a field, and how many fields have this name. Names are in small letters, as proxies make them.
    pub(crate) fn find(self, name: &str) -> (Option<&'a [u8]>, usize) {
        let mut found = self.iter().filter(|(known, _)| *known == name.as_bytes());
        let first = found.next().map(|(_, value)| value);
        (first, usize::from(first.is_some()) + found.count())
    }
}

#[inline(always)]
fn both(lengths: &[u8; 8]) -> [usize; 2] {
    let [a, b, c, d, e, f, g, h] = *lengths;
    // More than a VM's memory holds is refused where the lengths are added up.
    [length([a, b, c, d]), length([e, f, g, h])]
}

#[inline(always)]
fn length(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

/// A map for the proxy.
pub(crate) fn write<'a>(fields: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(512);
    out.extend(number(fields.clone().count()));
    for (name, value) in fields.clone() {
        out.extend(number(name.len()));
        out.extend(number(value.len()));
    }
    for text in fields.flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fields = [("a", "1"), ("dpop", ""), ("a", "2"), ("", "x")];
        let bytes = write(fields.into_iter());
        let pairs = Pairs::new(&bytes).expect("a map");
        let read: Vec<_> = pairs.iter().map(|(name, value)| (str::from_utf8(name), str::from_utf8(value))).collect();
        assert_eq!(read, fields.map(|(name, value)| (Ok(name), Ok(value))));
        assert_eq!(pairs.find("a"), (Some(b"1".as_slice()), 2));
        assert_eq!(pairs.find("b"), (None, 0));
        assert_eq!(Pairs::new(&write([].into_iter())).map(|pairs| pairs.iter().count()), Some(0));
    }

    #[test]
    fn bytes_that_are_no_map_are_none() {
        let whole = write([("name", "value"), ("x", "y")].into_iter());
        for length in 0..whole.len() {
            assert!(Pairs::new(&whole[..length]).is_none(), "{length}");
        }
        for bytes in [[0xff; 4].as_slice(), &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
            assert!(Pairs::new(bytes).is_none());
        }
    }
}

//! What the differential runs share: seeded randomness and the count of cases by class. In `checks` is what the fuzz targets hold of any
//! input.

pub mod checks;
pub mod seeds;

use std::collections::BTreeMap;

/// The number of cases and the seed, from the command line.
pub fn arguments() -> (u64, u64) {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(1))
}

/// SplitMix64: small, seeded, the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }

    /// The bytes with one bit changed.
    pub fn flip(&mut self, bytes: &[u8; 32]) -> [u8; 32] {
        let mut bytes = *bytes;
        let bit = self.below(256);
        bytes[bit as usize / 8] ^= 1 << (bit % 8);
        bytes
    }

    /// A run of ones somewhere among zeros.
    pub fn ones(&mut self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        let (from, to) = (self.below(256), self.below(256));
        for bit in from.min(to)..from.max(to) {
            bytes[bit as usize / 8] |= 1 << (bit % 8);
        }
        bytes
    }
}

/// How many cases of each class were accepted and refused.
#[derive(Default)]
pub struct Tally {
    pub done: u64,
    classes: BTreeMap<&'static str, (u64, u64)>,
}

impl Tally {
    pub fn count(&mut self, class: &'static str, accepted: bool) {
        self.done += 1;
        let (yes, no) = self.classes.entry(class).or_default();
        *(if accepted { yes } else { no }) += 1;
        if self.done.is_multiple_of(1_000_000) {
            println!("{} cases, no difference", self.done);
        }
    }

    pub fn print(&self) {
        for (class, (accepted, refused)) in &self.classes {
            println!("{class:<40} accepted {accepted:>9} refused {refused:>9}");
        }
        println!("no difference");
    }
}

/// The two halves of a signature as one.
pub fn joined(first: &[u8; 32], second: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(first);
    signature[32..].copy_from_slice(second);
    signature
}

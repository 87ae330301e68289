//! A hit among few and among many cached tokens, beside one read of memory that waits for the one before, in as many bytes:
//! a hit is two such reads, of the index and of the entry, and then a stream of neighbouring lines.
//!
//! With `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` both take memory in large pages where the system has them.

use std::hint::black_box;
use std::time::Instant;

use countersign::internal::memory::record_cache::RecordCache;

const ENTRIES: [usize; 2] = [1_000, 1_000_000];
const TOKEN_BYTES: usize = 900;
const RECORD_BYTES: usize = 100;
/// For each entry, index included.
const ROOM: usize = 1_600;
const ROUNDS: usize = 400;
/// Tokens that lie ready while the clock runs, as a request does that has just come in.
const READY: usize = 256;

/// Numbers that the processor cannot foresee.
struct Lottery(u64);

impl Lottery {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

/// A token whose last bytes, as those of a signature, are its own.
fn token(number: usize) -> Vec<u8> {
    let mut token = vec![b'a'; TOKEN_BYTES];
    let mut lottery = Lottery(number as u64);
    token[TOKEN_BYTES - 86..].fill_with(|| lottery.below(256) as u8);
    token
}

/// One line of memory for each 64 bytes, each naming another, all in one circle.
fn circle(bytes: usize, lottery: &mut Lottery) -> Vec<[usize; 8]> {
    let mut lines: Vec<[usize; 8]> = (0..bytes / 64).map(|at| [at; 8]).collect();
    for at in (1..lines.len()).rev() {
        lines.swap(at, lottery.below(at));
    }
    lines
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    println!("{:>10} {:>10} {:>22}", "entries", "hit, ns", "dependent read, ns");
    for entries in ENTRIES {
        let mut lottery = Lottery(1);
        let mut cache = RecordCache::new(entries * ROOM, TOKEN_BYTES + RECORD_BYTES, [1, 2]);
        for number in 0..entries {
            cache.insert(&token(number), &[7; RECORD_BYTES]).expect("room");
        }
        let lines = circle(cache.bytes_used(), &mut lottery);
        let (mut hits, mut reads, mut at) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let ready: Vec<_> = (0..READY).map(|_| token(lottery.below(entries))).collect();
            let (start, mut found) = (Instant::now(), 0);
            for token in &ready {
                if let Some(entry) = cache.find(black_box(token)) {
                    found += usize::from(black_box(cache.record(entry)) == [7; RECORD_BYTES]);
                }
            }
            hits.push(start.elapsed().as_nanos() as f64 / READY as f64);
            // A full set may have cost one token in four hundred its place.
            assert!(found * 100 >= READY * 98, "only {found} of {READY} are found");
            let start = Instant::now();
            for _ in 0..READY {
                at = lines[at][0];
            }
            reads.push(start.elapsed().as_nanos() as f64 / READY as f64);
            black_box(at);
        }
        println!("{entries:>10} {:>10.0} {:>22.0}", median(&mut hits), median(&mut reads));
    }
}

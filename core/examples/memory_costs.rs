//! The cost of the engine's state: nanoseconds a call, at several sizes, on one core.
//!
//! ```text
//! cargo run --release -p countersign --example memory_costs
//! ```

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use countersign::internal::memory::record_cache::RecordCache;
use countersign::internal::memory::revocation::Presented;
use countersign::{FirstUse, ReplayStore, ReplayWindow, Revocations, UnixSeconds};

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
const KEY_BYTES: usize = 900;
const RECORD_BYTES: usize = 100;

fn main() {
    println!("record cache, keys of {KEY_BYTES} bytes, records of {RECORD_BYTES}");
    for entries in [1, 100, 1_000, 10_000, 100_000, 1_000_000] {
        records(entries);
    }
    println!("replay store, memory for twice the live proofs");
    for live in [1_000, 100_000, 1_000_000, 7_000_000] {
        claims(live, "keys", |_| {});
    }
    claims(100_000, "one key", |proof| proof[..16].fill(7));
    println!("revocations");
    for names in [0, 1_000, 1_000_000] {
        revocations(names);
    }
}

/// Ends like a signature, differs everywhere.
fn fill_key(key: &mut [u8], number: u64) {
    for (at, chunk) in key.chunks_mut(8).enumerate() {
        let word = mix(number << 8 | at as u64).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

fn mix(number: u64) -> u64 {
    let word = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

fn records(entries: usize) {
    let mut cache = RecordCache::new(entries.max(4) * (KEY_BYTES + RECORD_BYTES + 36), KEY_BYTES + RECORD_BYTES, SEED);
    let mut key = vec![0; KEY_BYTES];
    let record = vec![7; RECORD_BYTES];
    for number in 0..entries as u64 {
        fill_key(&mut key, number);
        cache.insert(&key, &record);
    }
    // The keys come from a second copy, as tokens come from the network; few of them, so that their own place does not count.
    let keys: Vec<Vec<u8>> = (0..entries.min(2_000) as u64)
        .map(|at| {
            fill_key(&mut key, mix(at) % entries as u64);
            key.clone()
        })
        .filter(|key| cache.find(key).is_some())
        .collect();
    let find = least(|call| {
        let entry = cache.find(black_box(&keys[turn(call, keys.len())])).unwrap();
        assert!(black_box(cache.record(entry))[0] == 7);
    });
    let strangers: Vec<Vec<u8>> = (0..4_000)
        .map(|number| {
            fill_key(&mut key, 1 << 40 | number);
            key.clone()
        })
        .collect();
    let miss = least(|call| assert!(cache.find(black_box(&strangers[turn(call, strangers.len())])).is_none()));
    let held = cache.entries();
    let overhead = cache.capacity_bytes() as f64 / held as f64 - (KEY_BYTES + RECORD_BYTES) as f64;
    let mut fresh = 0;
    let insert = least(|_| {
        fresh += 1;
        key[KEY_BYTES - 8..].copy_from_slice(&mix(1 << 41 | fresh).to_le_bytes());
        assert!(cache.insert(black_box(&key), &record).is_some());
    });
    println!(
        "  {entries:>9} entries ({held} held, {overhead:.1} bytes each on top): find {find:.1}, miss {miss:.1}, insert over an old one {insert:.1}"
    );
}

/// `call` spread over `count` places, without a division.
fn turn(call: usize, count: usize) -> usize {
    ((call as u32).wrapping_mul(0x9e37_79b9) as usize * count) >> 32
}

/// Nanoseconds a call, in the best of many rounds: the one a busy machine disturbed least.
fn least(mut call: impl FnMut(usize)) -> f64 {
    const CALLS: usize = 2_000;
    (0..200)
        .map(|round| {
            let start = Instant::now();
            (0..CALLS).for_each(|at| call(round * CALLS + at));
            start.elapsed().as_nanos() as f64 / CALLS as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// `key` gives a proof its key.
fn claims(live: usize, keys: &str, key: impl Fn(&mut [u8; 32])) {
    let window = ReplayWindow { max_age_seconds: 60, future_seconds: 5 };
    let store = ReplayStore::new(live, window, SEED);
    let proof = |number: u64| {
        let mut proof = [0; 32];
        fill_key(&mut proof, number);
        key(&mut proof);
        proof
    };
    let rate = (live as u64 / window.seconds_of_room()).max(1);
    let noon = 1_800_000_000;
    let mut number = 0;
    let mut first = || {
        number += 1;
        let now = UnixSeconds::new(noon + number / rate);
        assert_eq!(store.record_use(&proof(number), now, now), FirstUse::Recorded);
    };
    (0..live).for_each(|_| first());
    let fresh = least(|_| first());
    let now = UnixSeconds::new(noon + number / rate);
    let known = rate * 50;
    let replayed = least(|call| {
        let number = number - mix(call as u64) % known;
        let iat = UnixSeconds::new(noon + number / rate);
        assert_eq!(store.record_use(&proof(number), iat, now), FirstUse::Replayed);
    });
    let bytes = store.slots() * 8;
    println!("  {live:>9} live ({bytes} bytes), {keys}: first {fresh:.1}, replayed {replayed:.1}");
}

fn revocations(names: usize) {
    let mut builder = Revocations::builder();
    for number in 0..names {
        builder.token("https://as.example", &format!("{:016x}", mix(number as u64)));
        builder.key("https://as.example", &format!("key-{}", number % 50));
    }
    let revocations = builder.build();
    let lookup = least(|_| {
        let token = Presented {
            authority: black_box("https://as.example"),
            key_id: Some("key-2026-11"),
            subject: Some("alice"),
            token_id: Some("7f3c9d20aa41be55"),
            issued_at: Some(UnixSeconds::new(1_800_000_000)),
        };
        assert_eq!(black_box(&revocations).revoked_by(&token), None);
    });
    println!("  {names:>9} names: {lookup:.1}");
}

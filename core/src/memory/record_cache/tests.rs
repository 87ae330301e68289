extern crate std;

use super::*;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use proptest::prelude::*;
use std::collections::HashMap;

const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

/// A byte string of `len` that depends on `number` everywhere.
fn token(number: u64, len: usize) -> Vec<u8> {
    let mut state = number;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 56) as u8
        })
        .collect()
}

/// What each insertion is worth: a cache that grows when it is crowded ends as large as one that began so.
#[test]
fn a_cache_grows_as_far_as_it_is_used() {
    let (first, most) = (4096, 1 << 20);
    let mut cache = RecordCache::growing(first, most, 1000, SEED);
    let mut sizes = alloc::vec![cache.capacity_bytes()];
    let mut grow = |cache: &mut RecordCache| {
        if cache.grow() {
            sizes.push(cache.capacity_bytes());
        }
    };
    // Two tokens fit; asking for them again makes it no larger.
    for number in (0..2).cycle().take(1000) {
        if cache.find(&token(number, 900)).is_none() {
            cache.insert(&token(number, 900), &[0; 100]).unwrap();
        }
        grow(&mut cache);
    }
    assert_eq!(cache.entries(), 2);
    let hot = cache.find(&token(0, 900)).unwrap();
    assert_eq!(cache.record(hot), [0; 100]);
    // An entry that only a larger ring takes.
    assert_eq!(cache.insert(&token(2, 2000), &[2; 100]), None);
    grow(&mut cache);
    assert_eq!(cache.record(hot), b"", "a handle outlived the ring");
    assert!(cache.insert(&token(2, 2000), &[2; 100]).is_some());
    for number in 3..3000 {
        cache.insert(&token(number, 900), &[0; 100]).unwrap();
        assert!(cache.find(&token(number - 1, 900)).is_some() || number == 3);
        grow(&mut cache);
        check(&cache);
    }
    assert_eq!(sizes.len(), 5, "{sizes:?}");
    assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]) && sizes[4] <= most, "{sizes:?}");
    let at_once = RecordCache::new(most, 1000, SEED);
    assert_eq!(cache.capacity_bytes(), at_once.capacity_bytes());
    assert!(!cache.grow(), "more than it may");
}

/// Those in use stay so, and the order stays: later entries evict those that were not used, oldest first.
#[test]
fn growing_keeps_order_and_use() {
    let mut cache = RecordCache::growing(20_000, 100_000, 1000, SEED);
    let hot = token(0, 900);
    cache.insert(&hot, &[1; 100]).unwrap();
    assert!(cache.find(&hot).is_some());
    let grown_at = (1..100).find(|number| {
        cache.insert(&token(*number, 900), &[0; 100]).unwrap();
        cache.grow()
    });
    let grown_at = grown_at.unwrap();
    let left: Vec<bool> = (1..=grown_at).map(|number| cache.find(&token(number, 900)).is_some()).collect();
    assert!(left.is_sorted() && left.iter().any(|left| *left), "{left:?}");
    cache.clear();
    // The mark of use too: once round the ring it is still there, though it was not asked for since.
    let mut cache = RecordCache::growing(20_000, 80_000, 1000, SEED);
    for number in 0..3 {
        cache.insert(&token(number, 900), &[0; 100]).unwrap();
    }
    assert!(cache.find(&token(1, 900)).is_some());
    cache.is_crowded = true;
    assert!(cache.grow());
    for number in 3..80 {
        cache.insert(&token(number, 900), &[0; 100]).unwrap();
    }
    assert_eq!([0, 1, 2].map(|number| cache.find(&token(number, 900)).is_some()), [false, true, false]);
}

/// Every entry that the index points at is in the live part of the ring, and the counters match the entries.
fn check(cache: &RecordCache) {
    let Layout { head, tail, wrapped_at } = cache.layout;
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, set) in cache.index.iter().enumerate() {
        for slot in set.0.iter().filter(|slot| **slot != Slot::EMPTY) {
            let header = Header::read(&cache.ring, slot.place()).unwrap();
            let end = slot.place() + header.entry_bytes();
            let key = slot.place() + HEADER_BYTES;
            let aim = cache.aim(&cache.ring[key..key + header.key_len as usize]);
            assert_eq!((header.set as usize, aim.set as usize), (at, at));
            assert_eq!(aim.tag, slot.tag());
            match wrapped_at {
                None => assert!(tail <= slot.place() && end <= head),
                Some(wrapped_at) => {
                    assert!(head <= tail && tail < wrapped_at && wrapped_at <= cache.ring.len());
                    assert!(end <= head || tail <= slot.place() && end <= wrapped_at);
                }
            }
            places.push((slot.place(), end));
        }
    }
    assert_eq!(places.len(), cache.entries());
    assert_eq!(places.iter().map(|(start, end)| end - start).sum::<usize>(), cache.bytes_used());
    assert!(cache.bytes_used() <= cache.ring.len());
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0), "entries overlap");
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u8, u8),
    Find(u8),
    Change(u8, u8),
    Remove(u8),
    Clear,
    Grow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(key, len, fill)| Step::Insert(key, len, fill)),
        20 => any::<u8>().prop_map(Step::Find),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(key, fill)| Step::Change(key, fill)),
        4 => any::<u8>().prop_map(Step::Remove),
        1 => Just(Step::Clear),
        2 => Just(Step::Grow),
    ]
}

/// Keys of 0 to 900 bytes, in pairs that differ in one byte only.
fn key_of(key: u8) -> Vec<u8> {
    let mut bytes = token(u64::from(key / 2), usize::from(key / 2 % 16) * 60);
    if key % 2 == 1 && !bytes.is_empty() {
        let at = usize::from(key) * 7 % bytes.len();
        bytes[at] ^= 1;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The twin forgets nothing: every hit must show the record stored last, and a key is only found if it was stored.
    #[test]
    fn agrees_with_a_map_that_forgets_nothing(
        first in 0..12_000usize,
        capacity in 0..12_000usize,
        expected in 0..600usize,
        seed in any::<[u64; 2]>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut cache = RecordCache::growing(first, capacity, expected, seed);
        let mut twin: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        prop_assert!(cache.capacity_bytes() <= capacity);
        for step in steps {
            match step {
                Step::Insert(key, len, fill) => {
                    let (key, record) = (key_of(key), alloc::vec![fill; usize::from(len)]);
                    match cache.insert(&key, &record) {
                        Some(entry) => {
                            prop_assert_eq!(cache.key(entry), &key);
                            prop_assert_eq!(cache.record(entry), &record);
                            twin.insert(key, record);
                        }
                        None => {
                            prop_assert!(entry_bytes(key.len(), record.len()).unwrap() > cache.ring.len() / 2);
                            prop_assert_eq!(cache.find(&key), None);
                            twin.remove(&key);
                        }
                    }
                }
                Step::Find(key) => {
                    let key = key_of(key);
                    if let Some(entry) = cache.find(&key) {
                        prop_assert_eq!(Some(cache.record(entry)), twin.get(&key).map(Vec::as_slice));
                        prop_assert_eq!(cache.key(entry), &key);
                    }
                }
                Step::Change(key, fill) => {
                    let key = key_of(key);
                    if let Some(entry) = cache.find(&key) {
                        cache.record_mut(entry).fill(fill);
                        twin.get_mut(&key).unwrap().fill(fill);
                    }
                }
                Step::Remove(key) => {
                    let key = key_of(key);
                    if let Some(entry) = cache.find(&key) {
                        cache.remove(entry);
                        prop_assert_eq!(cache.record(entry), b"");
                    }
                    prop_assert_eq!(cache.find(&key), None);
                    twin.remove(&key);
                }
                Step::Clear => {
                    cache.clear();
                    twin.clear();
                }
                Step::Grow => {
                    let (bytes, entries, crowded) = (cache.capacity_bytes(), cache.entries(), cache.is_crowded);
                    if cache.grow() {
                        prop_assert!(crowded && cache.capacity_bytes() >= bytes && !cache.is_crowded);
                        // A set of the larger index may be fuller than one of the smaller was.
                        prop_assert!(cache.entries() <= entries && cache.entries() + 2 >= entries);
                    } else {
                        prop_assert_eq!((cache.capacity_bytes(), cache.entries()), (bytes, entries));
                    }
                    prop_assert!(cache.capacity_bytes() <= capacity);
                }
            }
            check(&cache);
        }
    }

    /// Without hits this is a plain queue: the rest are the youngest, in one piece, and full but for the wrap.
    #[test]
    fn without_hits_the_oldest_go_first(lens in prop::collection::vec(0..200usize, 1..400)) {
        // A large index, so that no entry goes because of its set.
        let mut cache = RecordCache::new(9000, 1, SEED);
        let mut queue = VecDeque::new();
        for (number, len) in lens.into_iter().enumerate() {
            let key = number.to_le_bytes();
            cache.insert(&key, &alloc::vec![7; len]).unwrap();
            queue.push_back(key);
            check(&cache);
        }
        let evicted = usize::try_from(cache.evictions()).unwrap();
        prop_assert_eq!(evicted + cache.entries(), queue.len());
        for (at, key) in queue.iter().enumerate() {
            prop_assert_eq!(cache.find(key).is_some(), at >= evicted);
        }
    }
}

#[test]
fn a_handle_is_void_after_a_change() {
    let mut cache = RecordCache::new(10_000, 100, SEED);
    let first = cache.insert(b"first", b"one").unwrap();
    assert_eq!(cache.record(first), b"one");
    assert_eq!(cache.find(b"second"), None);
    assert_eq!(cache.record(first), b"one", "a lookup moves nothing");
    cache.insert(b"second", b"two").unwrap();
    assert_eq!((cache.key(first), cache.record(first)), (&b""[..], &b""[..]));
    assert_eq!(cache.record_mut(first), b"");
    cache.remove(first);
    assert_eq!(cache.entries(), 2, "a stale handle removes nothing");
    let first = cache.find(b"first").unwrap();
    assert_eq!((cache.key(first), cache.record(first)), (&b"first"[..], &b"one"[..]));
    cache.clear();
    assert_eq!(cache.record(first), b"");
    assert_eq!((cache.entries(), cache.bytes_used()), (0, 0));
    assert_eq!((cache.hits(), cache.misses(), cache.evictions()), (1, 1, 0));
}

#[test]
fn a_cache_without_room_never_hits() {
    for capacity in 0..200 {
        let mut cache = RecordCache::new(capacity, 1000, SEED);
        assert!(cache.capacity_bytes() <= capacity);
        assert_eq!(cache.insert(b"key", &[0; 1000]), None);
        assert_eq!(cache.find(b"key"), None);
    }
    let mut cache = RecordCache::new(10_000, 100, SEED);
    cache.insert(b"key", b"record").unwrap();
    assert_eq!(cache.insert(b"key", &[0; 9000]), None);
    assert_eq!(cache.find(b"key"), None, "a record that could not be replaced is not the key's record any more");
}

#[test]
fn overhead_is_at_most_forty_bytes_an_entry() {
    for expected in [200, 300, 901, 1000, 1100] {
        let mut cache = RecordCache::new(4 << 20, expected, SEED);
        // As many as would fit with 40 bytes of overhead each; a set that is full may lose one in a hundred.
        let count = (4 << 20) / (expected + 40);
        for number in 0..count {
            cache.insert(&token(number as u64, expected - 100), &[0; 100]).unwrap();
        }
        assert!(cache.entries() * 100 >= count * 99, "{} of {count} entries of {expected}", cache.entries());
    }
}

/// CVE-2026-35039: a hit must be the answer to these bytes, whatever they share with others.
#[test]
fn a_million_near_identical_keys() {
    let mut cache = RecordCache::new(64 << 20, 420, SEED);
    let mut key = token(1, 400);
    let vary = |key: &mut Vec<u8>, number: u32| {
        // Twenty bits, each in a byte of its own, over the whole key.
        for bit in 0..20 {
            key[bit * 20] = b'a' + (number >> bit & 1) as u8;
        }
    };
    for number in 0..1_000_000u32 {
        vary(&mut key, number);
        assert_eq!(cache.find(&key), None, "{number} was not stored yet");
        cache.insert(&key, &number.to_le_bytes()).unwrap();
    }
    let mut found = 0;
    for number in 0..1_000_000u32 {
        vary(&mut key, number);
        if let Some(entry) = cache.find(&key) {
            assert_eq!(cache.record(entry), number.to_le_bytes());
            found += 1;
        }
    }
    assert_eq!(found, cache.entries());
    assert!(found > 0);
    check(&cache);
}

#[test]
fn lengths_and_zeros_are_told_apart() {
    let mut cache = RecordCache::new(1 << 20, 100, SEED);
    let zeros = [0; 700];
    for len in 0..700u16 {
        cache.insert(&zeros[..usize::from(len)], &len.to_le_bytes()).unwrap();
    }
    for len in 0..700u16 {
        let entry = cache.find(&zeros[..usize::from(len)]).unwrap();
        assert_eq!(cache.record(entry), len.to_le_bytes());
    }
}

/// Whatever the length leaves for the last chunk.
#[test]
fn keys_that_differ_in_one_byte_are_told_apart() {
    for len in 0..=130 {
        let key = token(1, len);
        assert!(same(&key, &key.clone()));
        assert!(!same(&key, &token(1, len + 1)) && !same(&token(1, len + 1), &key));
        for at in 0..len {
            let mut other = key.clone();
            other[at] ^= 0x80;
            assert!(!same(&key, &other), "byte {at} of {len}");
        }
    }
}

/// Keys that agree in all that is hashed share one set: they evict each other and no other key.
#[test]
fn colliding_keys_cost_one_set() {
    let mut cache = RecordCache::new(8 << 20, 1000, SEED);
    for number in 0..2000 {
        cache.insert(&token(number, 900), b"bystander").unwrap();
    }
    let before = cache.entries();
    let mut colliding = token(u64::MAX, 900);
    for number in 0..3000u32 {
        colliding[..4].copy_from_slice(&number.to_le_bytes());
        assert_eq!(cache.find(&colliding), None);
        cache.insert(&colliding, &number.to_le_bytes()).unwrap();
        assert!(cache.entries() <= before + WAYS);
    }
    check(&cache);
    let survivors = (0..2000).filter(|number| cache.find(&token(*number, 900)).is_some()).count();
    assert!(survivors + WAYS >= before, "{survivors} of {before}");
    let kept = (0..3000u32)
        .filter(|number| {
            colliding[..4].copy_from_slice(&number.to_le_bytes());
            cache.find(&colliding).is_some_and(|entry| cache.record(entry) == number.to_le_bytes())
        })
        .count();
    assert!((1..=WAYS).contains(&kept));
}

/// A short key is hashed whole, so the constant end of a proof's header gathers nothing.
#[test]
fn keys_with_a_common_end_spread() {
    let mut cache = RecordCache::new(1 << 20, 300, SEED);
    let count = 1500u32;
    for at in [0, 20, 61, 100] {
        cache.clear();
        let mut key = alloc::vec![b'x'; 240];
        for number in 0..count {
            key[at..at + 4].copy_from_slice(&number.to_le_bytes());
            cache.insert(&key, &[0; 40]).unwrap();
        }
        assert!(cache.entries() as u32 >= count * 97 / 100, "{} entries that differ at {at}", cache.entries());
    }
}

#[test]
fn entries_in_use_outlive_a_flood() {
    let mut cache = RecordCache::new(1 << 20, 1000, SEED);
    let hot: Vec<_> = (0..200).map(|number| token(number, 900)).collect();
    for key in &hot {
        cache.insert(key, &[1; 100]).unwrap();
    }
    // Fifty thousand tokens pass through room for a thousand; each one in use is asked for once in a while.
    let mut lost = 0;
    for number in 0..50_000usize {
        cache.insert(&token(1 << 32 | number as u64, 900), &[0; 100]).unwrap();
        let key = &hot[number * 7 % hot.len()];
        if cache.find(key).is_none() {
            lost += 1;
            cache.insert(key, &[1; 100]).unwrap();
        }
    }
    check(&cache);
    assert!(lost < 500, "{lost} of 50000 lookups of entries in use missed");
    let kept = hot.iter().filter(|key| cache.find(key).is_some()).count();
    assert!(kept >= 195, "{kept} of 200");
}

#[test]
fn a_second_chance_is_one() {
    let mut cache = RecordCache::new(100_000, 1000, SEED);
    let hot = token(0, 900);
    cache.insert(&hot, &[1; 100]).unwrap();
    assert!(cache.find(&hot).is_some());
    let aim = cache.aim(&hot);
    let rounds = (1..1000).find(|number| {
        cache.insert(&token(*number, 900), &[0; 100]).unwrap();
        cache.index[aim.set as usize].0.iter().all(|slot| slot.tag() != aim.tag)
    });
    let rounds = rounds.unwrap();
    // One round of the ring for the insertion, one for the hit.
    assert!((150..=220).contains(&rounds), "{rounds}");
}

/// One insertion moves at most [`MOVES`] entries, even if all are in use.
#[test]
fn moves_are_bounded() {
    let mut cache = RecordCache::new(1 << 20, 100, SEED);
    let keys: Vec<_> = (0..4000).map(|number| token(number, 60)).collect();
    for key in &keys {
        cache.insert(key, &[0; 40]).unwrap();
    }
    for round in 0..2000u64 {
        for key in &keys {
            cache.find(key);
        }
        let before = cache.layout;
        let evictions = cache.evictions();
        cache.insert(&token(1 << 40 | round, 60), &[0; 40]).unwrap();
        let size = 120;
        assert!(cache.evictions() - evictions <= 3);
        if cache.layout.wrapped_at == before.wrapped_at {
            assert!(cache.layout.tail - before.tail <= (MOVES as usize + 2) * size);
        }
        if round % 100 == 0 {
            check(&cache);
        }
    }
}

proptest! {
    /// The comparison by words, against that of slices.
    #[test]
    fn same_is_equal(a in prop::collection::vec(0..3u8, 0..40), b in prop::collection::vec(0..3u8, 0..40), at in 0..40usize) {
        prop_assert_eq!(same(&a, &b), a == b);
        prop_assert!(same(&a, &a.clone()));
        let mut other = a.clone();
        if let Some(byte) = other.get_mut(at) {
            *byte ^= 0x80;
            prop_assert!(!same(&a, &other));
        }
    }

    /// The product of 32-bit machines, against that of 64-bit ones.
    #[test]
    fn products_of_halves_are_products(a: u64, b: u64) {
        let product = u128::from(a) * u128::from(b);
        prop_assert_eq!(product_of_halves(a, b), (product as u64, (product >> 64) as u64));
    }
}

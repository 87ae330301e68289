extern crate std;

use super::header::{HeaderWord, MAGIC_AT};
use super::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::Ordering;
use proptest::prelude::*;
use std::collections::HashSet;

const WINDOW: ReplayWindow = ReplayWindow { max_age_seconds: 60, future_seconds: 5 };
const SEED: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
const NOON: u64 = 1_800_000_000;

/// The proof of this number by this key.
fn proof_of(key: u64, number: u64) -> [u8; 32] {
    let mut proof = digest(1 << 62 | key);
    if let (Some(to), Some(from)) = (proof.last_chunk_mut::<16>(), digest(key << 40 | number).last_chunk::<16>()) {
        *to = *from;
    }
    proof
}

fn record_use_of<S: AsRef<[AtomicU64]>>(store: &ReplayStore<S>, key: u64, number: u64, iat: u64) -> FirstUse {
    store.record_use(&proof_of(key, number), UnixSeconds::new(iat), UnixSeconds::new(iat))
}

/// The proof of this number by a key of its own: without structure, in place of SHA-256.
fn digest(number: u64) -> [u8; 32] {
    let mut state = number;
    let mut bytes = [0; 32];
    for chunk in bytes.as_chunks_mut::<8>().0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= word ^ word >> 31;
        *chunk = (word ^ word >> 31).to_le_bytes();
    }
    bytes
}

fn store(live_proofs: usize) -> ReplayStore<Box<[AtomicU64]>> {
    ReplayStore::new(live_proofs, WINDOW, SEED)
}

fn record_use<S: AsRef<[AtomicU64]>>(store: &ReplayStore<S>, number: u64, iat: u64, now: u64) -> FirstUse {
    store.record_use(&digest(number), UnixSeconds::new(iat), UnixSeconds::new(now))
}

#[test]
fn the_second_claim_is_a_replay() {
    let store = store(100);
    assert_eq!(record_use(&store, 1, NOON, NOON), FirstUse::Recorded);
    assert_eq!(record_use(&store, 1, NOON, NOON), FirstUse::Replayed);
    assert_eq!(record_use(&store, 2, NOON, NOON), FirstUse::Recorded);
    assert_eq!(record_use(&store, 1, NOON, NOON + 60), FirstUse::Replayed, "to the last second of its life");
    assert_eq!(record_use(&store, 1, NOON + 20, NOON + 20), FirstUse::Replayed, "whatever its iat says now");
    assert_eq!(store.live_proofs(UnixSeconds::new(NOON)), 2);
}

#[test]
fn the_window_is_exact() {
    let store = store(100);
    assert_eq!(record_use(&store, 1, NOON + 6, NOON), FirstUse::Unknowable);
    assert_eq!(record_use(&store, 1, NOON + 5, NOON), FirstUse::Recorded);
    assert_eq!(record_use(&store, 2, NOON - 61, NOON), FirstUse::Unknowable);
    assert_eq!(record_use(&store, 2, NOON - 60, NOON), FirstUse::Recorded);
    for iat in [0, 1, u64::MAX] {
        assert_eq!(record_use(&store, 3, iat, NOON), FirstUse::Unknowable);
    }
}

#[test]
fn the_ends_of_time_do_not_wrap() {
    for now in [0, 1, 3, u64::from(u32::MAX), 1 << 33, u64::MAX - 1, u64::MAX] {
        let store = store(10);
        assert_eq!(record_use(&store, 1, now, now), FirstUse::Recorded, "{now}");
        assert_eq!(record_use(&store, 1, now, now), FirstUse::Replayed, "{now}");
        assert_eq!(record_use(&store, 2, now.saturating_sub(60), now), FirstUse::Recorded, "{now}");
        assert_eq!(record_use(&store, 2, now.saturating_sub(60), now), FirstUse::Replayed, "{now}");
    }
}

/// Experiment 6: a full store reports it, and forgets no proof for it.
#[test]
fn a_full_store_refuses_and_remembers() {
    let store = store(1000);
    let mut firsts = Vec::new();
    let mut full = 0;
    for number in 0..20_000 {
        match record_use(&store, number, NOON, NOON) {
            FirstUse::Recorded => firsts.push(number),
            // Among 126 keys one in thirty is taken for another that has a proof there.
            FirstUse::Full | FirstUse::OverShare => full += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(firsts.len(), store.slots());
    assert_eq!(full, 20_000 - store.slots());
    assert_eq!(store.live_proofs(UnixSeconds::new(NOON)), store.slots());
    for now in [NOON, NOON + 30, NOON + 60] {
        for number in &firsts {
            assert_eq!(record_use(&store, *number, NOON, now), FirstUse::Replayed);
        }
    }
    // Room comes back by time alone.
    let later = NOON + WINDOW.seconds_of_room();
    assert!((0..500).all(|number| record_use(&store, 1 << 32 | number, later, later) == FirstUse::Recorded));
    assert!(firsts.iter().all(|number| record_use(&store, *number, NOON, NOON + 60) != FirstUse::Recorded));
}

/// Experiment 6, the store alone: a million proofs, planned load, all replays refused.
#[test]
fn a_million_proofs_at_planned_load() {
    const COUNT: u64 = 1_000_000;
    let store = store(COUNT as usize);
    assert!(store.words.len() * 8 <= COUNT as usize * 16 + COUNT as usize / 3 + 2048);
    for number in 0..COUNT {
        assert_eq!(record_use(&store, number, NOON + number % 6, NOON), FirstUse::Recorded);
    }
    for number in 0..COUNT {
        assert_eq!(record_use(&store, number, NOON + number % 6, NOON + 60), FirstUse::Replayed);
    }
    assert_eq!(store.live_proofs(UnixSeconds::new(NOON)), COUNT as usize);
}

/// At a steady rate, with plan and room equal, nothing is refused by mistake and nothing passes twice.
#[test]
fn a_steady_stream_for_an_hour() {
    const RATE: u64 = 100;
    let live = RATE * WINDOW.seconds_of_room();
    let store = store(live as usize);
    let mut number = 0;
    for now in NOON..NOON + 3600 {
        for turn in 0..RATE {
            number += 1;
            // Clocks of clients: from a minute behind to five seconds ahead.
            let iat = now + 5 - (turn * 7 + now) % 66;
            assert_eq!(record_use(&store, number, iat, now), FirstUse::Recorded, "{number}");
            assert_eq!(record_use(&store, number, iat, now), FirstUse::Replayed, "{number}");
            assert_eq!(record_use(&store, number, iat, iat + 60), FirstUse::Replayed, "{number}");
        }
    }
    let now = UnixSeconds::new(NOON + 3600);
    let state = store.state(now);
    assert_eq!((state.refusing_permille, state.refusing_until), (0, now));
    assert_eq!(state.live_proofs, store.live_proofs(now), "a store of this size is read whole");
}

/// Experiment 9.
#[test]
fn a_clock_that_jumps_back_opens_nothing() {
    for jump in [7_200, 36_000, 86_400, 7 * 86_400] {
        let store = store(64);
        let slots = store.slots() as u64;
        let firsts: Vec<u64> =
            (0..slots).filter(|number| record_use(&store, *number, NOON, NOON) == FirstUse::Recorded).collect();
        assert!(firsts.len() > 60);
        // The clock is ahead for a while, long enough to write over everything, twice.
        for (offset, base) in [(0, 1 << 32), (120, 1 << 33)] {
            let now = NOON + jump + offset;
            let passed =
                (0..slots).filter(|number| record_use(&store, base | number, now, now) == FirstUse::Recorded).count();
            assert!(passed > 60, "{jump} {passed}");
        }
        // And back: everything used before it went ahead is refused, although its entry is gone.
        for number in &firsts {
            assert_ne!(record_use(&store, *number, NOON, NOON + 1), FirstUse::Recorded, "+{jump} -{jump}");
        }
        // And ahead again.
        let now = NOON + jump + 121;
        for number in 0..slots {
            assert_ne!(
                record_use(&store, 1 << 33 | number, now - 1, now),
                FirstUse::Recorded,
                "+{jump} -{jump} +{jump}"
            );
        }
    }
}

/// What one proof by a wrong clock costs: the bucket refuses what the lost proof could be taken for, and no other bucket does.
#[test]
fn one_request_by_a_wrong_clock_costs_one_bucket_one_window() {
    let store = store(126);
    let now = UnixSeconds::new(NOON);
    assert_eq!(store.slots(), 2 * SLOTS);
    assert_eq!(record_use(&store, 1, NOON, NOON), FirstUse::Recorded);
    let number = (2..100).find(|number| {
        assert_eq!(record_use(&store, *number, NOON + 7200, NOON + 7200), FirstUse::Recorded);
        store.state(now).refusing_permille > 0
    });
    assert!(number.is_some());
    let state = store.state(now);
    assert_eq!(state.refusing_permille, 500);
    assert!(state.refusing_until <= UnixSeconds::new(NOON + 70), "{state:?}");
    for number in 200_000..200_100 {
        let there =
            place(store.seed, store.buckets, &digest(number)).0 == place(store.seed, store.buckets, &digest(1)).0;
        let expected = if there { FirstUse::Unknowable } else { FirstUse::Recorded };
        assert_eq!(record_use(&store, number, NOON + 4, NOON), expected);
        assert_eq!(
            record_use(&store, number, NOON + 70, NOON + 70),
            if there { FirstUse::Recorded } else { FirstUse::Replayed }
        );
    }
}

/// B4: proofs are used at a clock that is two hours ahead, as long as it takes for their entries to be written over; the clock is set right.
#[test]
fn a_clock_that_was_ahead_leaves_the_present_alone() {
    const AHEAD: u64 = 7_200;
    for clock in [
        WINDOW,
        ReplayWindow { max_age_seconds: 10, future_seconds: 0 },
        ReplayWindow { max_age_seconds: 300, future_seconds: 60 },
    ] {
        let store = ReplayStore::new(1_000, clock, SEED);
        let life = clock.seconds_of_room();
        let used: Vec<u64> =
            (0..1_000).filter(|number| record_use(&store, *number, NOON, NOON) == FirstUse::Recorded).collect();
        let mut ahead = Vec::new();
        for wave in 0..3 {
            let now = NOON + AHEAD + wave * life;
            let numbers = (1_000..2_500).map(|number| wave << 32 | number);
            ahead.extend(
                numbers
                    .filter(|number| record_use(&store, *number, now, now) == FirstUse::Recorded)
                    .map(|number| (number, now)),
            );
        }
        assert!(ahead.len() > 4_000, "{}", ahead.len());
        // The clock is right again, as much later as it was ahead for.
        let right = NOON + 3 * life;
        let state = store.state(UnixSeconds::new(right));
        assert_eq!(state.refusing_permille, 0, "{state:?}");
        for number in 0..900 {
            let now = right + number * life / 900;
            assert_eq!(record_use(&store, 1 << 40 | number, now, now), FirstUse::Recorded);
        }
        // The time comes at which the clock was wrong: nothing of then is used again.
        let mut refused = 0;
        for (number, iat) in ahead {
            assert_ne!(record_use(&store, number, iat, iat), FirstUse::Recorded);
            refused += u64::from(record_use(&store, 1 << 50 | number, iat, iat) == FirstUse::Unknowable);
        }
        assert!(refused > 0);
        assert!(used.iter().all(|number| record_use(&store, *number, NOON, NOON + 1) != FirstUse::Recorded));
        let over = NOON + AHEAD + 7 * life;
        assert_eq!(store.state(UnixSeconds::new(over)).refusing_permille, 0);
        assert!((0..1_000).all(|number| record_use(&store, 1 << 51 | number, over, over) == FirstUse::Recorded));
    }
}

/// B4: what one client can move by one proof. It gets its proofs in at a wrong clock in as many buckets as it has proofs.
#[test]
fn one_client_moves_the_forgotten_times_of_its_buckets_only() {
    let store = store(63 * 1_000);
    for number in 0..1_000 {
        assert_eq!(record_use_of(&store, number, 1, NOON), FirstUse::Recorded);
    }
    for number in 0..100 {
        assert_eq!(record_use_of(&store, 5_000, number, NOON + 7_200), FirstUse::Recorded);
    }
    let state = store.state(UnixSeconds::new(NOON + 1));
    assert!((1..=100).contains(&state.refusing_permille), "{state:?}");
}

/// B5: keys that send proofs without end leave room for the others in every bucket, as many slots as the rule says.
#[test]
fn keys_that_send_without_end_leave_room() {
    let by_turns = [(1, 23), (2, 21), (4, 19), (10, 17), (20, 15), (50, 13), (100, 11), (124, 2), (126, 0)];
    let one_by_one = [(2, 15), (3, 13), (4, 11), (5, 10), (10, 5), (14, 1), (15, 0)];
    let all = by_turns.map(|case| (true, case)).into_iter().chain(one_by_one.map(|case| (false, case)));
    for (by_turns, (keys, left)) in all {
        let store = store(SLOTS / 2);
        assert_eq!(store.slots(), SLOTS);
        let mut refused = None;
        for turn in 0..200 * keys {
            let (key, number) = if by_turns { (turn % keys, turn / keys) } else { (turn / 200, turn % 200) };
            match record_use_of(&store, key, number, NOON) {
                FirstUse::Recorded => {}
                other => refused = Some(other),
            }
        }
        assert_eq!(refused, Some(FirstUse::OverShare), "{keys} keys");
        let taken = store.live_proofs(UnixSeconds::new(NOON));
        assert!(SLOTS - taken >= left, "{keys} keys leave {}", SLOTS - taken);
        // A key without a proof in the bucket takes any slot that is left, and the last refusal is the store's fault.
        for other in 0..SLOTS - taken {
            assert_eq!(record_use_of(&store, 1_000 + other as u64, 0, NOON), FirstUse::Recorded);
        }
        assert_eq!(record_use_of(&store, 2_000, 0, NOON), FirstUse::Full);
        assert_eq!(record_use_of(&store, 0, 0, NOON), FirstUse::Replayed);
    }
}

/// B5: an attacker with so many keys, which send all that they can, one after the other, at once and then every second; 1,000 clients that
/// begin after it send a proof every ten seconds each, a tenth of the store's planned number. How many of their first 30,000 proofs are refused.
#[test]
fn a_thousand_clients_beside_an_attacker() {
    const CLIENTS: u64 = 1_000;
    for (keys, most) in [(0, 0), (1, 10), (4, 200), (10, 1_500), (100, 9_000)] {
        let store = store(65_536);
        let mut sent = 0;
        let mut attack = |now: u64, proofs: u64| {
            for key in 0..keys {
                for _ in 0..proofs / keys {
                    sent += 1;
                    record_use_of(&store, 1_000_000 + key, sent, now);
                }
            }
        };
        attack(NOON, 400_000);
        let mut refused = 0;
        for second in 0..300 {
            let now = NOON + 1 + second;
            for client in 0..CLIENTS {
                if client % 10 == second % 10 {
                    refused += u64::from(record_use_of(&store, client, second, now) != FirstUse::Recorded);
                }
            }
            attack(now, 2_000);
        }
        std::println!("{keys} keys: {refused} of {} proofs of other clients refused", CLIENTS * 30);
        assert!(refused <= most, "{keys} keys: {refused}");
    }
}

/// One client that sends all the proofs that the store is planned for is not over its share; one that sends twice as many is.
#[test]
fn a_client_alone_has_the_planned_room() {
    const LIVE: u64 = 65_536;
    let store = store(LIVE as usize);
    for number in 0..2 * LIVE {
        let answer = record_use_of(&store, 1, number, NOON);
        assert!(
            answer == FirstUse::Recorded || (answer == FirstUse::OverShare && number > LIVE),
            "{number}: {answer:?}"
        );
    }
    let taken = store.live_proofs(UnixSeconds::new(NOON));
    assert!((98..=103).contains(&(taken / (store.slots() / SLOTS))), "{taken} of {}", store.slots());
    assert_eq!(record_use_of(&store, 1, 0, NOON), FirstUse::Replayed);
}

#[test]
fn the_state_says_what_is_held_and_refused() {
    let store = store(1_000);
    let now = UnixSeconds::new(NOON);
    let slots = store.slots();
    let quiet = ReplayState { slots, live_proofs: 0, refusing_permille: 0, refusing_until: now };
    assert_eq!(store.state(now), quiet);
    store.refuse_until(now);
    let cold = ReplayState { refusing_permille: 1000, refusing_until: now.plus(6), ..quiet };
    assert_eq!(store.state(now), cold);
    for number in 0..500 {
        assert_eq!(record_use(&store, number, NOON + 6, NOON + 6), FirstUse::Recorded);
    }
    let later = now.plus(6);
    assert_eq!(store.state(later), ReplayState { live_proofs: 500, refusing_until: later, ..quiet });
    // A large store is read in parts.
    let large = ReplayStore::new(1_000_000, WINDOW, SEED);
    for number in 0..200_000 {
        assert_eq!(record_use(&large, number, NOON, NOON), FirstUse::Recorded);
    }
    let estimate = large.state(now).live_proofs;
    assert_eq!(large.live_proofs(now), 200_000);
    assert!((195_000..205_000).contains(&estimate), "{estimate}");
}

/// Experiment 8: a store that lost its memory refuses what the lost one may have accepted.
#[test]
fn a_cold_store_refuses_the_past() {
    let store = store(64);
    store.refuse_until(UnixSeconds::new(NOON));
    assert_eq!(store.floor(), UnixSeconds::new(NOON + 6));
    for iat in NOON - 60..=NOON + 5 {
        assert_eq!(record_use(&store, iat, iat, NOON), FirstUse::Unknowable);
    }
    assert_eq!(record_use(&store, 1, NOON + 6, NOON + 1), FirstUse::Recorded);
    store.refuse_until(UnixSeconds::new(NOON - 1000));
    assert_eq!(store.floor(), UnixSeconds::new(NOON + 6), "the floor never goes down");
}

/// Idle for almost 2^18 units, old entries look alive again, or as of the future: some are in the way, for as long as one proof lives.
#[test]
fn idle_for_any_time_it_works_again() {
    let circle = 4 << 18;
    let shadow = circle - 4 * (1 << 13)..circle;
    for idle in (0..2_400_000).step_by(10_007) {
        let store = store(640);
        for number in 0..640 {
            assert_eq!(record_use(&store, number, NOON, NOON), FirstUse::Recorded);
        }
        let now = NOON + 200 + idle;
        let answers = (0..640).map(|number| record_use(&store, 1 << 32 | number, now, now));
        let full = answers
            .filter(|answer| *answer != FirstUse::Recorded)
            .inspect(|answer| assert_eq!(*answer, FirstUse::Full))
            .count();
        let in_shadow = shadow.contains(&(idle % circle));
        assert!(full <= if in_shadow { 60 } else { 0 }, "{full} full after {idle} s");
        assert_eq!(store.state(UnixSeconds::new(now)).refusing_permille, 0, "after {idle} s");
    }
}

/// The clock visits the same future twice: proofs used there stay used.
#[test]
fn a_future_visited_twice_opens_nothing() {
    for window in [
        WINDOW,
        ReplayWindow { max_age_seconds: 10, future_seconds: 0 },
        ReplayWindow { max_age_seconds: 300, future_seconds: 60 },
    ] {
        let store = ReplayStore::new(64, window, SEED);
        let ahead = NOON + 7200;
        let used: Vec<u64> =
            (0..60).filter(|number| record_use(&store, *number, ahead, ahead) == FirstUse::Recorded).collect();
        assert_eq!(used.len(), 60);
        for now in NOON..NOON + 600 {
            for number in 0..20 {
                record_use(&store, now << 8 | number, now, now);
            }
        }
        for number in used {
            assert_ne!(record_use(&store, number, ahead, ahead), FirstUse::Recorded);
        }
    }
}

#[test]
fn memory_of_the_caller_is_shared() {
    let words: Vec<AtomicU64> = (0..replay_store_words(1000)).map(|_| AtomicU64::new(u64::MAX)).collect();
    assert_eq!(ReplayStore::attach(&words[..], WINDOW).unwrap_err(), AttachError::NotInitialised);
    let one = ReplayStore::initialise(&words[..], WINDOW, SEED).unwrap();
    assert_eq!(record_use(&one, 1, NOON, NOON), FirstUse::Recorded);
    let two = ReplayStore::attach(&words[..], WINDOW).unwrap();
    assert_eq!((two.window(), two.slots()), (WINDOW, one.slots()));
    assert_eq!(record_use(&two, 1, NOON, NOON), FirstUse::Replayed);
    assert_eq!(record_use(&two, 2, NOON, NOON), FirstUse::Recorded);
    assert_eq!(record_use(&one, 2, NOON, NOON), FirstUse::Replayed);

    let narrower = ReplayWindow { max_age_seconds: 30, future_seconds: 0 };
    assert!(ReplayStore::attach(&words[..], narrower).is_ok());
    for wider in [ReplayWindow { max_age_seconds: 61, ..WINDOW }, ReplayWindow { future_seconds: 6, ..WINDOW }] {
        assert_eq!(ReplayStore::attach(&words[..], wider).unwrap_err(), AttachError::WindowTooNarrow);
    }
    assert_eq!(ReplayStore::attach(&words[..words.len() - 1], WINDOW).unwrap_err(), AttachError::OtherSize);
    words[MAGIC_AT].fetch_add(1, Ordering::Relaxed);
    assert_eq!(ReplayStore::attach(&words[..], WINDOW).unwrap_err(), AttachError::OtherVersion);
    for len in [0, 1, HEADER_WORDS, replay_store_words(1) - 1] {
        assert_eq!(ReplayStore::initialise(&words[..len], WINDOW, SEED).unwrap_err(), AttachError::TooSmall);
        assert_eq!(ReplayStore::attach(&words[..len], WINDOW).unwrap_err(), AttachError::TooSmall);
    }
    // Words beyond the last whole bucket stay unused.
    let odd = ReplayStore::initialise(&words[..replay_store_words(63) + 100], WINDOW, SEED).unwrap();
    assert_eq!(odd.slots(), SLOTS);
    assert!(ReplayStore::attach(&words[..replay_store_words(63) + 100], WINDOW).is_ok());
}

/// Memory that held a store before, and a process that dies after any number of writes.
#[test]
fn death_while_initialising_leaves_no_store() {
    struct Word<'a>(Cell<u64>, &'a Cell<usize>);
    impl HeaderWord for Word<'_> {
        fn publish(&self, value: u64) {
            if let Some(left) = self.1.get().checked_sub(1) {
                self.0.set(value);
                self.1.set(left);
            }
        }
        fn read_published(&self) -> u64 {
            self.0.get()
        }
    }
    let writes = HEADER_WORDS + BUCKET_WORDS + 6;
    for before_death in 0..=writes {
        let left = Cell::new(writes);
        let words: Vec<Word<'_>> = (0..HEADER_WORDS + BUCKET_WORDS).map(|_| Word(Cell::new(u64::MAX), &left)).collect();
        header::initialise(&words, WINDOW, [1, 2]);
        assert_eq!(left.replace(before_death), 0);
        header::initialise(&words, WINDOW, [3, 4]);
        let expected = match before_death {
            0 => Ok((WINDOW, [1, 2])),
            all if all == writes => Ok((WINDOW, [3, 4])),
            _ => Err(AttachError::NotInitialised),
        };
        assert_eq!(header::read(&words, WINDOW), expected, "dead after {before_death} writes");
    }
}

/// A slice that changes its length under the store: refused, not a panic.
#[test]
fn memory_that_shrinks_is_a_full_store() {
    struct Shrinking(Vec<AtomicU64>, AtomicU64);
    impl AsRef<[AtomicU64]> for Shrinking {
        fn as_ref(&self) -> &[AtomicU64] {
            &self.0[..self.1.load(Ordering::Relaxed) as usize]
        }
    }
    let words: Vec<AtomicU64> = (0..replay_store_words(64)).map(|_| AtomicU64::new(0)).collect();
    let len = AtomicU64::new(words.len() as u64);
    let store = ReplayStore::initialise(Shrinking(words, len), WINDOW, SEED).unwrap();
    for len in [0, 6, 50] {
        store.words.1.store(len, Ordering::Relaxed);
        assert_eq!(record_use(&store, 1, NOON, NOON), FirstUse::Full);
        assert_eq!(store.live_proofs(UnixSeconds::new(NOON)), 0);
    }
}

#[test]
fn the_plan_is_a_little_more_than_sixteen_bytes_a_proof() {
    assert_eq!(replay_store_words(0), HEADER_WORDS + BUCKET_WORDS);
    assert_eq!(replay_store_words(63), HEADER_WORDS + 128);
    assert_eq!(replay_store_words(64), HEADER_WORDS + 256);
    assert_eq!(replay_store_words(7_000_000) * 8, 113_778_752);
    assert_eq!(replay_store_words(usize::MAX), usize::MAX, "saturates");
}

/// A client that chooses its proofs cannot aim at a bucket whose seed it does not know; nor can one that chooses its key look like another.
#[test]
fn chosen_proofs_and_keys_spread() {
    for byte in [0, 7, 8, 15, 16, 24, 31] {
        let store = store(65_536);
        let mut buckets = HashSet::new();
        let mut of_key = HashSet::new();
        let mut of_proof = HashSet::new();
        for number in 0..=u8::MAX {
            let mut proof = [0x5a; 32];
            proof[byte] = number;
            let (bucket, fingerprint) = place(store.seed, store.buckets, &proof);
            buckets.insert(bucket);
            of_key.insert(fingerprint >> PROOF_BITS);
            of_proof.insert(fingerprint << (64 - PROOF_BITS));
        }
        match byte {
            0..16 => assert_eq!((buckets.len(), of_proof.len()), (1, 1), "the key does not choose the bucket"),
            _ => assert!(buckets.len() > 180 && of_proof.len() == 256, "{} buckets by byte {byte}", buckets.len()),
        }
        assert!(of_key.len() > 180, "{} keys by byte {byte}", of_key.len());
    }
}

/// Experiment 7, with real threads: each proof has one winner.
#[test]
fn two_threads_race_for_each_proof() {
    const PROOFS: u64 = 100_000;
    // Small enough that entries are written over while others are claimed.
    let store = Arc::new(ReplayStore::new(20_000, WINDOW, SEED));
    let clock = Arc::new(AtomicU64::new(0));
    let race = |offset: u64| {
        let (store, clock) = (Arc::clone(&store), Arc::clone(&clock));
        std::thread::spawn(move || {
            let mut won = Vec::new();
            for number in 0..PROOFS {
                // Each waits for the other now and then, so that both stay close; 200 proofs a second.
                clock.fetch_max(number, Ordering::SeqCst);
                while number > 100 + clock.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                let iat = NOON + number / 200;
                if record_use(&store, number, iat, iat + offset) == FirstUse::Recorded {
                    won.push(number);
                }
            }
            won
        })
    };
    let threads = [race(0), race(3)];
    let mut winners = std::vec![0; PROOFS as usize];
    for thread in threads {
        for number in thread.join().unwrap() {
            winners[number as usize] += 1;
        }
    }
    assert!(winners.iter().all(|count| *count <= 1));
    assert_eq!(winners.iter().sum::<u64>(), PROOFS);
}

#[derive(Clone, Debug)]
enum Step {
    /// Moves the clock.
    Tick(i64),
    /// Claims a new proof with this offset of its `iat`.
    New(i64),
    /// Claims an earlier one again.
    Again(prop::sample::Index),
}

fn step(jump: i64) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..20i64).prop_map(Step::Tick),
        1 => (-jump..=jump).prop_map(Step::Tick),
        1 => prop::sample::select(alloc::vec![-jump, 0, jump]).prop_map(Step::Tick),
        20 => (-60..=5i64).prop_map(Step::New),
        10 => any::<prop::sample::Index>().prop_map(Step::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The twin is a set that forgets nothing. Whatever the clock does, no proof is accepted twice.
    #[test]
    fn nobody_wins_twice(steps in prop::collection::vec(step(7200), 1..2000)) {
        let store = store(1);
        let mut now = NOON;
        let mut made: Vec<(u64, u64)> = Vec::new();
        let mut won = HashSet::new();
        for step in steps {
            let (number, iat) = match step {
                Step::Tick(seconds) => {
                    // Further apart than `REACH` the protocol promises less.
                    now = now.saturating_add_signed(seconds).clamp(NOON - 15_000, NOON + 15_000);
                    continue;
                }
                Step::New(offset) => {
                    made.push((made.len() as u64, now.saturating_add_signed(offset)));
                    made[made.len() - 1]
                }
                Step::Again(index) if !made.is_empty() => *index.get(&made),
                Step::Again(_) => continue,
            };
            if record_use(&store, number, iat, now) == FirstUse::Recorded {
                prop_assert!(won.insert(number));
            }
        }
    }

    /// With a clock that does not go back, and room for all, a new proof always wins.
    #[test]
    fn nobody_is_refused_by_mistake(steps in prop::collection::vec(step(0), 1..600)) {
        let store = store(2000);
        let mut now = NOON;
        let mut made: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Tick(seconds) => now = now.saturating_add_signed(seconds),
                Step::New(offset) => {
                    let iat = now.saturating_add_signed(offset);
                    made.push((made.len() as u64, iat));
                    prop_assert_eq!(record_use(&store, made.len() as u64 - 1, iat, now), FirstUse::Recorded);
                }
                Step::Again(index) if !made.is_empty() => {
                    let (number, iat) = *index.get(&made);
                    let expected = if now <= iat + 60 { FirstUse::Replayed } else { FirstUse::Unknowable };
                    prop_assert_eq!(record_use(&store, number, iat, now), expected);
                }
                Step::Again(_) => {}
            }
        }
    }

    /// Modular judgement equals exact arithmetic for all that can meet: any window, any two proofs of one moment.
    #[test]
    fn eighteen_bits_judge_like_sixty_four(
        max_age_seconds in prop_oneof![0..400u32, any::<u32>()],
        future_seconds in prop_oneof![0..400u32, any::<u32>()],
        now in prop_oneof![0..1u64 << 34, Just(NOON)],
        ages in [0.0..=1.0f64, 0.0..=1.0f64],
    ) {
        let window = ReplayWindow { max_age_seconds, future_seconds };
        let (max_age, future) = (u64::from(max_age_seconds), u64::from(future_seconds));
        let now = now + max_age + future;
        let [one, two] = ages.map(|age| now + future - ((max_age + future) as f64 * age) as u64);
        let unit = 1 << window.unit_shift();
        let exact = (two + max_age + 1).div_ceil(unit);
        let (one_entry, two_entry) = (Entry::new(7, one, window), Entry::new(9, two, window));
        prop_assert_eq!(one_entry.is_free(two_entry.word), exact <= (one - future) / unit);
        prop_assert!(!one_entry.is_free(one_entry.word));
        prop_assert!(!one_entry.is_free(two_entry.word), "both are accepted now");
        prop_assert!(exact - (one - future) / unit <= window.near_units() / 3 * 2);
    }

    /// The lemma of the protocol, in exact numbers: an entry is replaced, by one that is younger, older or far away; for every proof that
    /// it was taken for, the new one is taken, or the proof's time is forgotten. And the forgotten time is not the present of the proof that replaced it.
    #[test]
    fn what_was_taken_stays_taken_or_is_forgotten(
        max_age_seconds in prop_oneof![0..400u32, 0..100_000u32],
        future_seconds in prop_oneof![0..400u32, 0..100_000u32],
        distance in -1.0..=1.0f64,
        scale in prop_oneof![Just(3.0), Just(10.0), Just(100.0)],
        place in 0.0..=1.0f64,
    ) {
        let window = ReplayWindow { max_age_seconds, future_seconds };
        let (max_age, future) = (u64::from(max_age_seconds), u64::from(future_seconds));
        let span = max_age + future + 1;
        let lost = Entry::new(5, NOON * 10, window);
        let new = Entry::new(6, (NOON * 10).saturating_add_signed((distance * scale * span as f64) as i64), window);
        if new.is_free(lost.word) {
            let unit = 1 << window.unit_shift();
            let forgotten = new.lost_with(lost.word);
            // All the proofs that the lost one is taken for, and some beyond.
            let first = NOON * 10 - 6 * (span + unit);
            let of_proof = first + (place * 12.0 * (span + unit) as f64) as u64;
            let proof = Entry::new(7, of_proof, window);
            if !proof.is_free(lost.word) {
                prop_assert!(!proof.is_free(new.word) || forgotten.contains(of_proof), "{} {}", lost.issued_at, new.issued_at);
            }
            prop_assert!(forgotten.contains(lost.issued_at));
            // At the latest when the new proof is made by the fastest clock.
            let oldest = new.issued_at - future - max_age;
            if new.issued_at > lost.issued_at {
                prop_assert!(forgotten.to <= oldest, "{} > {oldest}", forgotten.to);
            } else {
                prop_assert!(forgotten.from > new.issued_at);
            }
        }
    }
}

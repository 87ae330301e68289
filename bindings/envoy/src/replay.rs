//! The stores of used proofs, by name and for the whole process: all workers, all listeners, and every configuration that
//! comes after this one.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use countersign::engine::{Replay, ReplayUnavailable};
use countersign::memory::replay::{Claim, ReplayStore, Window};
use countersign::time::UnixSeconds;

type Store = ReplayStore<Box<[AtomicU64]>>;

/// What a configuration needs of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) window: Window,
    pub(crate) proofs: usize,
}

/// A store that grows into a wider one under all who use it.
#[derive(Debug)]
pub(crate) struct SharedReplay {
    current: RwLock<(Need, Store)>,
}

impl Replay for SharedReplay {
    fn claim(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<Claim, ReplayUnavailable> {
        // Written only while a configuration is taken in; a panic in there leaves the old store as it was.
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Ok(current.1.claim(proof, issued_at, now))
    }
}

impl SharedReplay {
    /// A wider window or more room is a new store for everybody. It does not know what the old one has seen, so it refuses
    /// every proof from before it was made.
    fn widen(&self, need: Need, now: UnixSeconds, seed: [u64; 2]) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let has = current.0;
        let all = Need {
            window: Window {
                max_age_seconds: has.window.max_age_seconds.max(need.window.max_age_seconds),
                future_seconds: has.window.future_seconds.max(need.window.future_seconds),
            },
            proofs: has.proofs.max(need.proofs),
        };
        if all != has {
            let store = ReplayStore::new(all.proofs, all.window, seed);
            store.refuse_until(now);
            *current = (all, store);
        }
    }
}

/// Kept until the process ends: a configuration that goes and comes back must find what was used before.
static STORES: Mutex<BTreeMap<String, Arc<SharedReplay>>> = Mutex::new(BTreeMap::new());

/// The store called `name`, wide enough for `need`.
///
/// A store that is new refuses proofs from before it was made, since an Envoy before this one may have seen them; unless
/// `forget` says that such proofs may be used once more.
pub(crate) fn store(name: &str, need: Need, now: UnixSeconds, forget: bool, seed: [u64; 2]) -> Arc<SharedReplay> {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = stores.get(name) {
        known.widen(need, now, seed);
        return Arc::clone(known);
    }
    let store = ReplayStore::new(need.proofs, need.window, seed);
    if !forget {
        store.refuse_until(now);
    }
    let shared = Arc::new(SharedReplay { current: RwLock::new((need, store)) });
    stores.insert(name.to_owned(), Arc::clone(&shared));
    shared
}

/// A store behind no name, for a configuration that is only looked at.
pub(crate) fn unshared(need: Need, seed: [u64; 2]) -> Arc<SharedReplay> {
    Arc::new(SharedReplay { current: RwLock::new((need, ReplayStore::new(need.proofs, need.window, seed))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);
    const NEED: Need = Need { window: Window { max_age_seconds: 60, future_seconds: 5 }, proofs: 128 };

    #[test]
    fn a_store_outlives_its_configuration() {
        let first = store("outlives", NEED, NOW, true, [1, 2]);
        assert_eq!(first.claim(&[7; 32], NOW, NOW), Ok(Claim::First));
        drop(first);
        let second = store("outlives", NEED, NOW, true, [3, 4]);
        assert_eq!(second.claim(&[7; 32], NOW, NOW), Ok(Claim::Replayed));
        assert_eq!(store("other", NEED, NOW, true, [1, 2]).claim(&[7; 32], NOW, NOW), Ok(Claim::First));
    }

    #[test]
    fn a_wider_window_holds_for_those_who_were_there_before() {
        let narrow = store("widens", NEED, NOW, true, [1, 2]);
        assert_eq!(narrow.claim(&[7; 32], NOW, NOW), Ok(Claim::First));
        let wider = Need { window: Window { max_age_seconds: 300, future_seconds: 5 }, proofs: 64 };
        let wide = store("widens", wider, NOW, true, [3, 4]);
        // What the old store has seen, the new one cannot know.
        assert_eq!(wide.claim(&[7; 32], NOW, NOW), Ok(Claim::Unknowable));
        let later = NOW.plus(6);
        assert_eq!(narrow.claim(&[8; 32], later, later), Ok(Claim::First));
        assert_eq!(wide.claim(&[8; 32], later, NOW.plus(200)), Ok(Claim::Replayed));
    }

    #[test]
    fn a_new_store_refuses_what_may_have_been_used_before_it() {
        let shared = store("new", NEED, NOW, false, [1, 2]);
        assert_eq!(shared.claim(&[7; 32], NOW, NOW), Ok(Claim::Unknowable));
        assert_eq!(shared.claim(&[7; 32], NOW.plus(6), NOW.plus(6)), Ok(Claim::First));
    }

    /// B9. A configuration waits for the workers that claim proofs before it makes the store wider: what they accept meanwhile stays used.
    #[test]
    fn a_store_made_wider_forgets_no_proof_of_the_meantime() {
        use std::sync::atomic::Ordering;
        use std::time::Duration;

        let clock = Arc::new(AtomicU64::new(NOW.as_u64()));
        let shared = store("meantime", NEED, NOW, true, [1, 2]);
        let current = shared.current.read().unwrap();
        let configured = {
            let clock = Arc::clone(&clock);
            std::thread::spawn(move || {
                let wider = Need { window: Window { max_age_seconds: 300, future_seconds: 5 }, proofs: 64 };
                let now = UnixSeconds::new(clock.load(Ordering::SeqCst));
                store("meantime", wider, now, true, [3, 4]);
            })
        };
        while shared.current.try_read().is_ok() {
            std::thread::sleep(Duration::from_millis(1)); // until the configuration waits
        }
        clock.store(NOW.plus(3).as_u64(), Ordering::SeqCst);
        let issued_at = NOW.plus(8);
        assert_eq!(current.1.claim(&[7; 32], issued_at, NOW.plus(3)), Claim::First);
        drop(current);
        configured.join().unwrap();
        assert_eq!(shared.claim(&[7; 32], issued_at, issued_at), Ok(Claim::Unknowable));
    }
}

//! The stores of used proofs, by name and for the whole process: all workers, all listeners, and every configuration that
//! comes after this one. A store with a file is that of the other process of a hot restart too.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use countersign::internal::memory::replay::{SLOTS, buckets_for};
use countersign::{
    FirstUse, Replay, ReplayError, ReplayState, ReplayStore, ReplayWindow, UnixSeconds, replay_store_words,
};

use crate::shared_file::{SharedFile, Turn};

type Store = ReplayStore<Words>;

/// The memory of a store.
#[derive(Debug)]
enum Words {
    Own(Box<[AtomicU64]>),
    Shared(SharedFile),
}

impl AsRef<[AtomicU64]> for Words {
    fn as_ref(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words) => words,
            Self::Shared(file) => file.as_ref(),
        }
    }
}

/// The window and size that a configuration needs of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) window: ReplayWindow,
    pub(crate) proofs: usize,
}

/// A store that grows into a wider one under all who use it.
#[derive(Debug)]
pub(crate) struct SharedReplay {
    current: RwLock<(Need, Store)>,
    file: Option<PathBuf>,
}

/// For how long a store that another one has replaced refuses all proofs: as long as the old process of a hot restart lives, by Envoy's default
/// (`--parent-shutdown-time-s`).
const RETIREMENT_SECONDS: u64 = 900;

impl Replay for SharedReplay {
    fn record_use(&self, proof: &[u8; 32], issued_at: UnixSeconds, now: UnixSeconds) -> Result<FirstUse, ReplayError> {
        // Written only while a configuration is taken in; a panic in there leaves the old store as it was.
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Ok(current.1.record_use(proof, issued_at, now))
    }

    fn was_used(&self, proof: &[u8; 32], issued_at: UnixSeconds) -> Result<bool, ReplayError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Ok(current.1.was_used(proof, issued_at))
    }

    fn state(&self, now: UnixSeconds) -> Option<ReplayState> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.1.state(now))
    }
}

impl SharedReplay {
    /// A wider window or more room is a new store for all configurations. It does not know what the old one has seen, so it refuses
    /// every proof from before it was made. The clock is read when no claim is under way in the old one any more.
    fn widen(&self, need: Need, clock: impl Fn() -> UnixSeconds, seed: [u64; 2]) -> io::Result<()> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let has = current.0;
        let all = Need {
            window: ReplayWindow {
                max_age_seconds: has.window.max_age_seconds.max(need.window.max_age_seconds),
                future_seconds: has.window.future_seconds.max(need.window.future_seconds),
            },
            proofs: has.proofs.max(need.proofs),
        };
        if all != has {
            let store = match &self.file {
                Some(path) => shared(path, all, &clock, seed, false)?,
                None => {
                    let store = own(all, seed)?;
                    store.refuse_until(clock());
                    store
                }
            };
            *current = (all, store);
        }
        Ok(())
    }
}

/// A new store in memory of this process.
fn own(need: Need, seed: [u64; 2]) -> io::Result<Store> {
    let words = (0..replay_store_words(need.proofs)).map(|_| AtomicU64::new(0)).collect();
    ReplayStore::initialise(Words::Own(words), need.window, seed).map_err(io::Error::other)
}

/// The store in the file at `path`, or a new file with one if that cannot serve.
///
/// A file that another process has mapped misses no proof. One that none has was left by an Envoy before this one: it refuses the proofs
/// that may have been used without it, unless `forget`.
fn shared(
    path: &Path,
    need: Need,
    clock: &impl Fn() -> UnixSeconds,
    seed: [u64; 2],
    forget: bool,
) -> io::Result<Store> {
    let _turn = Turn::wait(path)?;
    let mut is_first = true;
    if let Some((file, is_alone)) = SharedFile::open(path)? {
        let serves = |store: &ReplayStore<&SharedFile>| store.slots() >= buckets_for(need.proofs) * SLOTS;
        if ReplayStore::attach(&file, need.window).is_ok_and(|store| serves(&store)) {
            let store = ReplayStore::attach(Words::Shared(file), need.window).map_err(io::Error::other)?;
            if is_alone && !forget {
                store.refuse_until(clock());
            }
            return Ok(store);
        }
        // The old process may have it mapped. The new store would not know the proofs that it accepts from now on.
        if let Ok(old) = ReplayStore::attach(&file, ReplayWindow { max_age_seconds: 0, future_seconds: 0 }) {
            old.refuse_until(clock().plus(RETIREMENT_SECONDS));
        }
        is_first = false;
    }
    let file = SharedFile::replace(path, replay_store_words(need.proofs), |file| {
        if let Ok(store) = ReplayStore::initialise(file, need.window, seed)
            && !(is_first && forget)
        {
            store.refuse_until(clock());
        }
    })?;
    ReplayStore::attach(Words::Shared(file), need.window).map_err(io::Error::other)
}

/// Kept until the process ends: a configuration that is removed and added again must find the proofs used before.
static STORES: Mutex<BTreeMap<String, Arc<SharedReplay>>> = Mutex::new(BTreeMap::new());

/// The store called `name`, in the file that the processes of a hot restart share if there is one, wide enough for `need`.
///
/// A store that is new refuses proofs from before it was made, since an Envoy before this one may have seen them; unless
/// `forget` says that such proofs may be used once more.
///
/// # Errors
/// The file cannot be used, or belongs to another store.
pub(crate) fn store(
    name: &str,
    file: Option<&Path>,
    need: Need,
    clock: impl Fn() -> UnixSeconds,
    forget: bool,
    seed: [u64; 2],
) -> Result<Arc<SharedReplay>, String> {
    let fault = |error: io::Error| match file {
        Some(path) => format!("/replay_file: cannot use {}: {error}", path.display()),
        None => format!("/replay_store: {error}"),
    };
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((other, _)) =
        stores.iter().find(|(other, store)| *other != name && file.is_some() && store.file.as_deref() == file)
    {
        return Err(format!("/replay_file: found the file of the store {other}, expected one that no other store has"));
    }
    if let Some(known) = stores.get(name) {
        if known.file.as_deref() != file {
            let has = known.file.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
            return Err(format!(
                "/replay_file: found another file than the store {name} has since Envoy started: {has}"
            ));
        }
        known.widen(need, clock, seed).map_err(fault)?;
        return Ok(Arc::clone(known));
    }
    let store = match file {
        Some(path) => shared(path, need, &clock, seed, forget).map_err(fault)?,
        None => {
            let store = own(need, seed).map_err(fault)?;
            if !forget {
                store.refuse_until(clock());
            }
            store
        }
    };
    let shared = Arc::new(SharedReplay { current: RwLock::new((need, store)), file: file.map(Path::to_owned) });
    stores.insert(name.to_owned(), Arc::clone(&shared));
    Ok(shared)
}

/// A store behind no name, for a configuration that is only looked at.
pub(crate) fn unshared(need: Need, seed: [u64; 2]) -> Result<Arc<SharedReplay>, String> {
    let store = own(need, seed).map_err(|error| format!("/replay_store: {error}"))?;
    Ok(Arc::new(SharedReplay { current: RwLock::new((need, store)), file: None }))
}

#[cfg(test)]
mod tests;

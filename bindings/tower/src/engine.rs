//! An engine for a server: made once, with trust that is read again while it decides.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime};
use std::{io, thread};

use countersign::OutOfMemory;
use countersign::ReplayStore;
use countersign::UnixSeconds;
use countersign::{Engine, PolicyDocument};
use countersign_reload::{NoRandomness, ReloadError, SharedEngine, SharedWorker, nonce_keys, seed};

use crate::workers::Workers;

/// Why there is no engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Documents that are in the policy document and cannot be used.
    Trust(Vec<ReloadError>),
    /// The process cannot have the memory of `replay_proofs`.
    OutOfMemory,
    /// The system gives no randomness.
    NoRandomness,
}

impl Display for StartError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trust(faults) => {
                f.write_str("documents of the policy document cannot be used: ")?;
                for (place, fault) in faults.iter().enumerate() {
                    write!(f, "{}{fault}", if place == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::OutOfMemory => f.write_str("the process cannot have the memory of `replay_proofs`: lower it"),
            Self::NoRandomness => NoRandomness.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<NoRandomness> for StartError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl From<OutOfMemory> for StartError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// The time of the system's clock.
pub(crate) fn system_time() -> UnixSeconds {
    UnixSeconds::new(SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs()))
}

/// An engine and the workers of the threads that decide with it. A clone is a pointer: all layers of a process share one.
#[derive(Clone)]
pub struct EngineHandle(Arc<Inner>);

struct Inner {
    shared: SharedEngine,
    workers: Workers,
}

impl EngineHandle {
    /// An engine for one process, with the trust of the policy document and of the files that it names, relative to `directory`.
    ///
    /// Its replay store and its nonce keys are those of this process: it refuses proofs from before its start, which another process may have
    /// seen, and its nonces are for clients that return to it ([`SharedEngine::set_nonce_keys`] shares keys). `notice` takes a line for each
    /// file or key that cannot be used; tokens of a trust domain or issuer without keys are refused with `keys_stale`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(document: PolicyDocument, directory: &Path, notice: &mut dyn FnMut(&str)) -> Result<Self, StartError> {
        let now = system_time();
        let store = ReplayStore::try_new(document.replay_proofs(), Engine::replay_window(&document), seed()?)?;
        store.refuse_until(now);
        let engine = Engine::with_replay(document, Box::new(store));
        let shared = SharedEngine::new(engine, now, notice).map_err(StartError::Trust)?;
        shared.set_nonce_keys(nonce_keys()?);
        shared.watch_trust_files(directory, now, notice);
        Ok(Self::new(shared, available_parallelism().map_or(1, usize::from))?)
    }

    /// A handle for an engine that was made otherwise, for as many threads at once as `workers` says. Each worker has a cache of up to the policy
    /// document's `token_cache_bytes`.
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn new(shared: SharedEngine, workers: usize) -> Result<Self, NoRandomness> {
        let workers = Workers::new(&shared, workers)?;
        Ok(Self(Arc::new(Inner { shared, workers })))
    }

    /// The engine: its counters, and where keys and revocations are pushed to.
    #[must_use]
    pub fn shared(&self) -> &SharedEngine {
        &self.0.shared
    }

    /// Has a thread read the watched files again, `every` so often, where they have changed; it ends with the last handle of the engine.
    /// A file that cannot be used leaves the last good document in use, and `notice` takes a line.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn look_every(&self, every: Duration, mut notice: impl FnMut(&str) + Send + 'static) -> io::Result<()> {
        let engine = Arc::downgrade(&self.0);
        let look = move || {
            loop {
                thread::sleep(every);
                let Some(engine) = engine.upgrade() else { return };
                engine.shared.look(system_time(), &mut notice);
            }
        };
        thread::Builder::new().name("countersign-look".to_owned()).spawn(look).map(drop)
    }

    /// Calls `with` with the worker of this thread, or another one that is free.
    pub(crate) fn with_worker<T>(&self, with: impl FnOnce(&mut SharedWorker, &SharedEngine) -> T) -> T {
        self.0.workers.with(|worker| {
            let result = with(worker, &self.0.shared);
            worker.grow();
            result
        })
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle").finish_non_exhaustive()
    }
}

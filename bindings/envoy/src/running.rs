//! Configurations that say the same share one module: its engine, its workers' caches, its documents, and the thread that looks at files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::module::Module;
use crate::watch::Watch;

/// A module at work. Its thread ends with it.
pub(crate) struct Running {
    pub(crate) module: Arc<Module>,
    /// None for a configuration that is only looked at.
    pub(crate) _watch: Option<Watch>,
}

/// The key of equal configurations: a hash of the settings and of the policy document.
pub(crate) type Same = [u8; 32];

/// The modules of this process, while a configuration has them.
static RUNNING: Mutex<BTreeMap<Same, Weak<Running>>> = Mutex::new(BTreeMap::new());

/// Whether there is a configuration, and no module waits for its first documents.
pub(crate) fn have_documents() -> bool {
    // Without the lock: the last that has a module ends its thread.
    let all: Vec<Arc<Running>> = {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().filter_map(Weak::upgrade).collect()
    };
    !all.is_empty() && all.iter().all(|running| running.module.has_documents())
}

/// The module of the configurations that say the same, or one that `make` makes.
///
/// # Errors
/// Those of `make`.
pub(crate) fn share<E>(same: Same, make: impl FnOnce() -> Result<Running, E>) -> Result<Arc<Running>, E> {
    // A panic while one is made leaves the map as it was.
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.retain(|_, module| module.strong_count() > 0);
    if let Some(known) = running.get(&same).and_then(Weak::upgrade) {
        return Ok(known);
    }
    let made = Arc::new(make()?);
    running.insert(same, Arc::downgrade(&made));
    Ok(made)
}

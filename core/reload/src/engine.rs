//! An engine with its newest trust state, shared by threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::{
    Answer, Authority, Decision, Engine, LoadReport, NoTrace, NonceKeys, OutOfMemory, Pending, PolicyIndex, Request,
    RevocationsKnown, Step, Trace, TrustError, TrustState, UnixSeconds, Worker, Zeroed,
};

use crate::documents::{Notice, ReloadError, load_inline};
use crate::files::LookReport;
use crate::revocations::RevocationDocument;
use crate::revoked::Revoked;
use crate::trust_files::TrustFiles;

/// An [`Engine`] whose keys, revocations and nonce keys change while threads decide with a [`SharedWorker`] each.
///
/// Deciding takes no lock, but for the moment after a change, when each worker takes over the new trust state.
#[derive(Debug)]
pub struct SharedEngine {
    engine: Engine,
    /// Held while a change is made, which may read files.
    sources: Mutex<Sources>,
    /// Held only to exchange or to clone the pointer.
    newest: Mutex<Arc<TrustState>>,
    /// How many snapshots there were; written after `newest`.
    generation: AtomicU64,
}

#[derive(Debug, Default)]
struct Sources {
    files: TrustFiles,
    revoked: Revoked,
}

impl SharedEngine {
    /// Takes over `engine` and loads the documents that are in its policy document.
    ///
    /// Files are read from [`watch_trust_files`](Self::watch_trust_files) on; documents behind URIs are for the host to push.
    ///
    /// # Errors
    /// Every document that cannot be used, by its JSON pointer.
    pub fn new(engine: Engine, now: UnixSeconds, notice: Notice<'_>) -> Result<Self, Vec<ReloadError>> {
        let mut trust_state = engine.empty_trust_state();
        load_inline(&engine, &mut trust_state, now, notice)?;
        Ok(Self {
            engine,
            sources: Mutex::default(),
            newest: Mutex::new(Arc::new(trust_state)),
            generation: AtomicU64::new(1),
        })
    }

    /// The engine: its document and its counters.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The newest trust state.
    #[must_use]
    pub fn trust_state(&self) -> Arc<TrustState> {
        Arc::clone(&lock(&self.newest))
    }

    /// Reads the files that the policy document names, relative to `directory`, and from now on again at each
    /// [`look`](Self::look) at which they have changed.
    ///
    /// A file that cannot be read may still come: until then its tokens are refused with `keys_stale`.
    pub fn watch_trust_files(&self, directory: &Path, now: UnixSeconds, notice: Notice<'_>) -> LookReport {
        self.change(|sources, trust_state| {
            sources.files = TrustFiles::named_by(self.engine.document(), directory);
            let report = sources.files.look(&self.engine, trust_state, now, notice);
            (report, report.loaded > 0)
        })
    }

    /// Reads a document of revocations, and from now on again at each [`look`](Self::look) at which it has changed.
    ///
    /// # Errors
    /// Why it cannot be used: a host with revocations must not start without them.
    pub fn watch_revocations(&self, path: PathBuf, notice: Notice<'_>) -> Result<(), ReloadError> {
        self.change(|sources, trust_state| {
            let watched = sources.revoked.watch(path, self.engine.document(), notice);
            trust_state.revocations = Arc::new(sources.revoked.all());
            (watched, true)
        })
    }

    /// Reads again every watched file that has changed. A document that cannot be used leaves the last good one in use.
    ///
    /// Costs one `stat` a file where nothing has changed.
    pub fn look(&self, now: UnixSeconds, notice: Notice<'_>) -> LookReport {
        self.change(|sources, trust_state| {
            let mut report = sources.files.look(&self.engine, trust_state, now, notice);
            let revoked = sources.revoked.look(self.engine.document(), notice);
            if revoked.loaded > 0 {
                trust_state.revocations = Arc::new(sources.revoked.all());
            }
            report.loaded += revoked.loaded;
            report.refused += revoked.refused;
            (report, report.loaded > 0)
        })
    }

    /// Loads a document for a trust domain (a SPIFFE bundle, or a JWK set where its trust entry says so) or an issuer (a JWK set).
    ///
    /// # Errors
    /// Why it cannot be used; the last good one stays in use.
    pub fn push_trust(
        &self,
        authority: &Authority,
        document: &[u8],
        now: UnixSeconds,
    ) -> Result<LoadReport, TrustError> {
        let index = self.engine.document().authority(authority).ok_or(TrustError::AuthorityUnknown)?;
        self.change(|_, trust_state| {
            let report = self.engine.load(trust_state, index, document, now);
            let loaded = report.is_ok();
            (report, loaded)
        })
    }

    /// Takes the document of an authority away: its tokens are refused with `keys_stale` until another one comes.
    ///
    /// # Errors
    /// [`TrustError::AuthorityUnknown`]
    pub fn withdraw_trust(&self, authority: &Authority) -> Result<(), TrustError> {
        let index = self.engine.document().authority(authority).ok_or(TrustError::AuthorityUnknown)?;
        self.change(|_, trust_state| {
            trust_state.bundles = Arc::new(trust_state.bundles.without(index));
            (Ok(()), true)
        })
    }

    /// Revokes what `document` says besides everything that is revoked already. Gives the authorities that the policy
    /// document does not know, see [`RevocationDocument::unknown_authorities`].
    pub fn revoke(&self, document: &RevocationDocument) -> Vec<String> {
        self.change_revoked(document, |sources| sources.revoked.add(document))
    }

    /// As [`revoke`](Self::revoke), and withdraws the revocations of earlier calls of `revoke`. A watched file still applies.
    pub fn replace_revocations(&self, document: &RevocationDocument) -> Vec<String> {
        self.change_revoked(document, |sources| sources.revoked.replace(document))
    }

    fn change_revoked(&self, document: &RevocationDocument, how: impl FnOnce(&mut Sources)) -> Vec<String> {
        self.change(|sources, trust_state| {
            how(sources);
            trust_state.revocations = Arc::new(sources.revoked.all());
            (document.unknown_authorities(self.engine.document()), true)
        })
    }

    /// Sets until when the revocations are current; afterwards tokens are refused with `revocations_stale`. A host that is configured to
    /// fetch a list sets [`RevocationsKnown::NotYet`] before the first one, and a moment after each one.
    pub fn set_revocations_known(&self, known: RevocationsKnown) {
        self.change(|_, trust_state| {
            trust_state.revocations_known = known;
            ((), true)
        });
    }

    /// Sets the keys of nonces.
    pub fn set_nonce_keys(&self, keys: NonceKeys) {
        self.change(|_, trust_state| {
            trust_state.nonces = Some(Arc::new(keys));
            ((), true)
        });
    }

    /// Makes a change on a copy of the newest trust state, and publishes it whole if `make` says that it differs.
    fn change<T>(&self, make: impl FnOnce(&mut Sources, &mut TrustState) -> (T, bool)) -> T {
        let mut sources = lock(&self.sources);
        let mut trust_state = TrustState::clone(&self.trust_state());
        let (result, differs) = make(&mut sources, &mut trust_state);
        if differs {
            *lock(&self.newest) = Arc::new(trust_state);
            // After the exchange: a thread that sees the number finds this trust state or a newer one.
            self.generation.fetch_add(1, Ordering::Release);
        }
        result
    }
}

/// A change replaces whole values, so what a panicking holder left behind is still sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The worker of one thread, and the trust state that it saw last.
#[derive(Debug)]
pub struct SharedWorker {
    worker: Worker,
    trust_state: Arc<TrustState>,
    generation: u64,
}

impl SharedWorker {
    /// A worker for `live`. `seed` must be random: it keeps attackers from choosing tokens that collide in the caches.
    #[must_use]
    pub fn new(shared: &SharedEngine, seed: [u64; 2]) -> Self {
        Self::with(shared, Worker::new(&shared.engine, seed))
    }

    /// As [`new`](Self::new), for hosts that go on without memory: see [`Worker::try_new`].
    ///
    /// # Errors
    /// [`OutOfMemory`]
    pub fn try_new(shared: &SharedEngine, seed: [u64; 2], zeroed: Zeroed<'_>) -> Result<Self, OutOfMemory> {
        Ok(Self::with(shared, Worker::try_new(&shared.engine, seed, zeroed)?))
    }

    /// As [`new`](Self::new), but the caches are small until [`grow`](Self::grow).
    #[must_use]
    pub fn growing(shared: &SharedEngine, seed: [u64; 2]) -> Self {
        Self::with(shared, Worker::growing(&shared.engine, seed))
    }

    fn with(shared: &SharedEngine, #[cfg_attr(not(feature = "system"), allow(unused_mut))] mut worker: Worker) -> Self {
        // Before the trust state: if it changes in between, the next decision takes it over once more.
        let generation = shared.generation.load(Ordering::Acquire);
        #[cfg(feature = "system")]
        worker.check_p256_by(countersign_cpu::p256());
        Self { worker, trust_state: shared.trust_state(), generation }
    }

    /// The worker itself, for its counters.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// As [`Worker::grow`].
    #[inline]
    pub fn grow(&mut self) -> bool {
        self.worker.grow()
    }

    /// As [`Worker::build_tables`].
    pub fn build_tables(&mut self, additions: u32) -> bool {
        self.worker.build_tables(additions)
    }

    /// Judges `request` by the newest trust state.
    #[inline]
    pub fn decide<'d>(
        &'d mut self,
        shared: &'d SharedEngine,
        policy: PolicyIndex,
        request: &Request<'_>,
    ) -> Decision<'d> {
        self.decide_with(shared, policy, request, &mut NoTrace)
    }

    /// Validates `request` against the newest trust state, and reports each check to `trace` as it begins.
    #[inline]
    pub fn decide_with<'d>(
        &'d mut self,
        shared: &'d SharedEngine,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Decision<'d> {
        self.take_over(shared);
        self.worker.decide_with(&shared.engine, &self.trust_state, policy, request, trace)
    }

    /// Judges `request` by the newest trust state, as [`Worker::begin`]: the decision may wait for an answer of the host.
    pub fn begin<'d>(&'d mut self, shared: &'d SharedEngine, policy: PolicyIndex, request: &Request<'_>) -> Step<'d> {
        self.begin_with(shared, policy, request, &mut NoTrace)
    }

    /// As [`begin`](Self::begin), and reports each check to `trace` as it begins.
    pub fn begin_with<'d>(
        &'d mut self,
        shared: &'d SharedEngine,
        policy: PolicyIndex,
        request: &Request<'_>,
        trace: &mut impl Trace,
    ) -> Step<'d> {
        self.take_over(shared);
        self.worker.begin(&shared.engine, &self.trust_state, policy, request, trace)
    }

    /// Goes on with a decision that waited, by the newest trust state, as [`Worker::resume`]: in any worker of the same engine, with the
    /// request as it was.
    pub fn resume<'d>(
        &'d mut self,
        shared: &'d SharedEngine,
        pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
    ) -> Step<'d> {
        self.resume_with(shared, pending, request, answer, &mut NoTrace)
    }

    /// As [`resume`](Self::resume), and reports each check to `trace` as it begins.
    pub fn resume_with<'d>(
        &'d mut self,
        shared: &'d SharedEngine,
        pending: Pending,
        request: &Request<'_>,
        answer: Answer<'_>,
        trace: &mut impl Trace,
    ) -> Step<'d> {
        self.take_over(shared);
        self.worker.resume(&shared.engine, &self.trust_state, pending, request, answer, trace)
    }

    /// Gives up a decision that waits, as [`Worker::abandon`].
    pub fn abandon<'d>(&'d mut self, shared: &'d SharedEngine, pending: Pending) -> Decision<'d> {
        self.take_over(shared);
        self.worker.abandon(&shared.engine, &self.trust_state, pending)
    }

    /// Takes over the newest trust state, where it is not the last one that this worker saw.
    #[inline]
    fn take_over(&mut self, shared: &SharedEngine) {
        let generation = shared.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.trust_state = shared.trust_state();
        }
    }
}

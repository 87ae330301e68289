//! One filter configuration at work, or several equal ones: the engine, the workers' memory, files, fetches and counters.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign::{Authority, BodyReader, Engine, KeySet, PolicyDocument, RevocationsKnown, UnixSeconds};
use countersign_envoy_common::counters::{Carried, WorkerCounters};
use countersign_envoy_common::fetch::{Callout, Plan};
use countersign_envoy_common::host::{Counter, Gauge, Level};
use countersign_envoy_common::judge::Waiting;
use countersign_envoy_common::policies::{Policies, origin_notices};
use countersign_envoy_common::settings::{Document, Settings};
use countersign_reload::revocations::{one_line, tell_unknown};
use countersign_reload::{LookReport, RevocationDocument, SharedEngine, SharedWorker, printable, seed, warn_of_drops};

use crate::host::{Main, Process, Wake};
use crate::nonce_keys::{self, KeyFile};
use crate::readiness;
use crate::replay::{self, Need};

/// The state that equal filter configurations and all threads share.
pub(crate) struct Module {
    pub(crate) shared: SharedEngine,
    pub(crate) settings: Settings,
    pub(crate) policies: Policies,
    /// One for each of Envoy's workers, who is the only one to lock it.
    states: Box<[Mutex<Option<WorkerState>>]>,
    pub(crate) counters: Box<[WorkerCounters]>,
    carried: Mutex<CarriedAll>,
    plan: Mutex<Plan>,
    key_file: Mutex<Option<KeyFile>>,
    from_files: DocumentCounts,
    from_network: DocumentCounts,
    faults: AtomicU64,
    pub(crate) process: Box<dyn Process>,
    /// Envoy's configurations that it works for, by the order in which they came.
    attached: Mutex<BTreeMap<u64, Box<dyn Wake>>>,
    attached_ever: AtomicU64,
    began: Instant,
    stopped: Mutex<bool>,
    stop: Condvar,
}

/// A configuration that a module works for.
pub(crate) struct Attached {
    pub(crate) module: Arc<Module>,
    pub(crate) number: u64,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.module.detach(self.number);
    }
}

/// The state of one worker.
pub(crate) struct WorkerState {
    pub(crate) worker: SharedWorker,
    /// The external URI of the request.
    pub(crate) text: Vec<u8>,
}

/// The results of loading trust documents.
#[derive(Debug, Default)]
struct DocumentCounts {
    loaded: AtomicU64,
    refused: AtomicU64,
    missing: AtomicU64,
}

#[derive(Default)]
struct CarriedAll {
    decisions: Carried,
    documents: [u64; 6],
    faults: u64,
}

/// The parts of a module besides its settings.
pub(crate) struct Surroundings {
    pub(crate) workers: usize,
    /// Only to see whether the configuration is good: nothing of the process is touched.
    pub(crate) only_validate: bool,
    pub(crate) process: Box<dyn Process>,
}

impl Module {
    /// Makes the engine and loads what there is to load.
    ///
    /// # Errors
    /// Every fault, one line each.
    pub(crate) fn new(
        settings: Settings,
        document: PolicyDocument,
        around: Surroundings,
    ) -> Result<Arc<Self>, Vec<String>> {
        let Surroundings { workers, only_validate, process } = around;
        let now = now();
        let need = Need { window: Engine::replay_window(&document), proofs: document.replay_proofs() };
        let seed = seed().map_err(|fault| vec![fault.to_string()])?;
        let policies = Policies::new(&document, &settings.policy).map_err(|fault| vec![fault])?;
        for notice in origin_notices(&document, &settings) {
            process.log(Level::Warn, &format!("countersign: {notice}"));
        }
        let mut plan = Plan::default();
        for fetch in &settings.fetches {
            let index = fetch.index(&document).map_err(|fault| vec![fault])?;
            plan.add(fetch.clone(), index);
        }
        let mut notice = |line: &str| process.log(Level::Warn, line);
        let store = if only_validate {
            replay::unshared(need, seed)
        } else {
            let file = settings.files.replay.as_deref().map(Path::new);
            replay::store(&settings.replay_store, file, need, self::now, settings.forget_proofs, seed)
        };
        let store = store.map_err(|fault| vec![fault])?;
        let engine = Engine::with_replay(document, Box::new(store));
        let in_place = |fault: countersign_reload::ReloadError| format!("/policy{fault}");
        let shared = SharedEngine::new(engine, now, &mut notice)
            .map_err(|faults| faults.into_iter().map(in_place).collect::<Vec<_>>())?;
        let files = shared.watch_trust_files(Path::new(&settings.files.directory), now, &mut notice);
        if let Some(path) = &settings.files.revocations {
            shared.watch_revocations(path.into(), &mut notice).map_err(|fault| vec![fault.to_string()])?;
        }
        tell_unknown("/revocations", &shared.revoke(&settings.revocations), &mut notice);
        if settings.awaits_revocations() {
            shared.set_revocations_known(RevocationsKnown::NotYet);
        }
        let mut key_file = settings.files.nonce_keys.as_deref().map(|path| KeyFile::new(Path::new(path)));
        let keys = match key_file.as_mut().and_then(KeyFile::look) {
            Some(read) => read.map_err(|fault| vec![fault])?,
            None => nonce_keys::of_process().map_err(|fault| vec![fault.to_string()])?,
        };
        shared.set_nonce_keys(keys);
        let module = Self {
            shared,
            states: (0..workers).map(|_| Mutex::default()).collect(),
            counters: (0..workers).map(|_| WorkerCounters::new(policies.count())).collect(),
            policies,
            settings,
            carried: Mutex::default(),
            plan: Mutex::new(plan),
            key_file: Mutex::new(key_file),
            from_files: DocumentCounts::default(),
            from_network: DocumentCounts::default(),
            faults: AtomicU64::new(0),
            process,
            attached: Mutex::default(),
            attached_ever: AtomicU64::new(0),
            began: Instant::now(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
        };
        module.count_look(files);
        Ok(Arc::new(module))
    }

    /// The memory of a worker; made when it is first used. `None` for what cannot be: an unknown worker, or two at once.
    pub(crate) fn state(&self, worker: usize) -> Option<MutexGuard<'_, Option<WorkerState>>> {
        let mut state = match self.states.get(worker)?.try_lock() {
            Ok(state) => state,
            Err(TryLockError::WouldBlock) => return None,
            Err(TryLockError::Poisoned(poisoned)) => {
                // What a panic left behind is not used again.
                let mut state = poisoned.into_inner();
                *state = None;
                state
            }
        };
        if state.is_none() {
            *state = Some(WorkerState {
                worker: SharedWorker::growing(&self.shared, seed().ok()?),
                text: Vec::with_capacity(1024),
            });
        }
        Some(state)
    }

    /// A reader of the body, if that is what a request waits for.
    pub(crate) fn body_of(&self, waiting: &Waiting) -> Option<Box<BodyReader>> {
        waiting.body_reader(self.shared.engine().document())
    }

    /// Whether the body of a request may be read after its other question: by its policy, or by that of a route that is chosen anew.
    pub(crate) fn may_read_body(&self, waiting: &Waiting) -> bool {
        let document = self.shared.engine().document();
        let by_another = || document.policies().any(|(_, policy)| policy.body().is_some());
        waiting.body_policy(document).is_some() || (self.settings.clear_route_cache && by_another())
    }

    /// A look at all watched files. Reads them, so it is for a thread that may wait.
    pub(crate) fn look(&self) {
        let report = self.shared.look(now(), &mut |line| self.process.log(Level::Warn, line));
        if report.loaded > 0 {
            self.process
                .log(Level::Info, &format!("countersign: documents loaded from changed files: {}", report.loaded));
        }
        self.count_look(report);
        let keys = lock(&self.key_file).as_mut().and_then(KeyFile::look);
        match keys {
            None => {}
            Some(Ok(keys)) => {
                self.shared.set_nonce_keys(keys);
                self.from_files.loaded.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(fault)) => {
                self.process.log(Level::Warn, &format!("countersign: {fault}; the last keys stay in use"));
                self.from_files.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn count_look(&self, report: LookReport) {
        self.from_files.loaded.fetch_add(report.loaded.into(), Ordering::Relaxed);
        self.from_files.refused.fetch_add(report.refused.into(), Ordering::Relaxed);
        self.from_files.missing.fetch_add(report.unreadable.into(), Ordering::Relaxed);
    }

    /// Waits until it is time to look again; false when the configuration ends.
    pub(crate) fn wait(&self) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.stop.wait_timeout_while(stopped, self.settings.poll, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.stop.notify_all();
    }

    /// A token names a key that the document of this authority does not have.
    pub(crate) fn want(&self, index: countersign::AuthorityIndex) {
        lock(&self.plan).want(index, self.began.elapsed());
        self.wake_main();
    }

    /// Calls the main thread through the oldest configuration.
    pub(crate) fn wake_main(&self) {
        if let Some(oldest) = lock(&self.attached).values().next() {
            oldest.wake_main();
        }
    }

    /// Works for one more configuration, until the value that it gives is dropped.
    pub(crate) fn attach(self: &Arc<Self>, wake: Box<dyn Wake>) -> Attached {
        let number = self.attached_ever.fetch_add(1, Ordering::Relaxed);
        lock(&self.attached).insert(number, wake);
        // At once for documents to fetch.
        self.wake_main();
        Attached { module: Arc::clone(self), number }
    }

    /// Whether everything that is fetched has come once.
    pub(crate) fn has_documents(&self) -> bool {
        lock(&self.plan).is_complete()
    }

    fn detach(&self, number: u64) {
        drop(lock(&self.attached).remove(&number));
        lock(&self.plan).abandoned(number, self.began.elapsed());
        self.wake_main();
    }

    /// The work on the main thread, where the configuration of this number was called: begin fetches, carry counts over, set gauges.
    pub(crate) fn on_main(&self, asker: u64, main: &impl Main) {
        let now = self.began.elapsed();
        let mut plan = lock(&self.plan);
        for place in plan.due(now) {
            let Some(source) = plan.source(place) else { continue };
            let fetch = &source.fetch;
            match main.get(&fetch.cluster, &fetch.authority, &fetch.path, fetch.timeout_milliseconds) {
                Ok(number) => plan.began(place, Callout { asker, number }),
                Err(why) => self.fetch_failed(&mut plan, place, now, &why),
            }
        }
        drop(plan);
        self.carry(main);
        if let Some(state) = self.shared.engine().replay_state(self::now()) {
            for gauge in Gauge::ALL {
                main.set(gauge, &self.settings.replay_store, gauge.of(&state));
            }
        }
    }

    /// The answer to a fetch.
    pub(crate) fn on_answer(&self, callout: Callout, answer: Result<&[u8], String>) {
        let mut plan = lock(&self.plan);
        let now = self.began.elapsed();
        let Some(place) = plan.answered(callout) else { return };
        let Some((document, index)) = plan.source(place).map(|source| (source.fetch.document.clone(), source.index))
        else {
            return;
        };
        let body = match answer {
            Ok(body) => body,
            Err(why) => return self.fetch_failed(&mut plan, place, now, &why),
        };
        let taken = match &document {
            Document::Trust(authority) => self.take_trust(authority, body),
            Document::Revocations { max_stale_seconds } => self.take_revocations(*max_stale_seconds, body),
        };
        match taken {
            Ok(()) => {
                self.from_network.loaded.fetch_add(1, Ordering::Relaxed);
                let trust_state = self.shared.trust_state();
                let hint =
                    index.and_then(|index| trust_state.bundles.set(index)).and_then(KeySet::refresh_hint_seconds);
                plan.succeeded(place, now, hint);
                drop(plan);
                readiness::loaded();
            }
            Err(fault) => {
                self.from_network.refused.fetch_add(1, Ordering::Relaxed);
                self.retry(&mut plan, place, now, &format!("the document cannot be used: {fault}"));
            }
        }
    }

    fn take_trust(&self, authority: &Authority, body: &[u8]) -> Result<(), String> {
        let name = printable::printable(&authority.to_string());
        let report = self.shared.push_trust(authority, body, now()).map_err(|fault| fault.to_string())?;
        warn_of_drops(&name, &report, &mut |line| self.process.log(Level::Warn, line));
        if report.added > 0 || report.removed > 0 {
            let line = format!("countersign: {name}: {} new keys, {} gone", report.added, report.removed);
            self.process.log(Level::Info, &line);
        }
        Ok(())
    }

    /// The revocations in the settings apply in addition.
    fn take_revocations(&self, max_stale_seconds: Option<u64>, body: &[u8]) -> Result<(), String> {
        let document = RevocationDocument::read(body).map_err(|faults| one_line(&faults))?;
        tell_unknown("revocations", &document.unknown_authorities(self.shared.engine().document()), &mut |line| {
            self.process.log(Level::Warn, line);
        });
        self.shared.replace_revocations(&self.settings.revocations.clone().with(document));
        self.shared.set_revocations_known(RevocationsKnown::by_list(now(), max_stale_seconds));
        Ok(())
    }

    fn fetch_failed(&self, plan: &mut Plan, place: usize, now: Duration, why: &str) {
        self.from_network.missing.fetch_add(1, Ordering::Relaxed);
        self.retry(plan, place, now, why);
    }

    fn retry(&self, plan: &mut Plan, place: usize, now: Duration, why: &str) {
        let random = seed().map_or(0, |[random, _]| random);
        let failures = plan.failed(place, now, random);
        // The first few report the fault; after that, now and then, that it persists.
        if let Some(source) = plan.source(place)
            && (failures.is_power_of_two() || failures.is_multiple_of(64))
        {
            let name = printable::printable(&source.fetch.document.to_string());
            let cluster = printable::printable(&source.fetch.cluster);
            let line = format!(
                "countersign: {name} from cluster {cluster}: {why} (failure {failures} in a row); the last good document holds"
            );
            self.process.log(Level::Warn, &line);
        }
    }

    /// A panic was caught.
    pub(crate) fn fault(&self, place: &str) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.process.log(Level::Error, &format!("countersign: internal fault in {place}"));
    }

    fn carry(&self, main: &impl Main) {
        let mut carried = lock(&self.carried);
        carried.decisions.carry(&self.counters, |policy, outcome, reason, by| {
            main.count(Counter::Decisions, &[self.policies.name(policy), outcome, reason], by);
        });
        let (files, network) = (&self.from_files, &self.from_network);
        let documents = [
            (&files.loaded, ["file", "loaded"]),
            (&files.refused, ["file", "refused"]),
            (&files.missing, ["file", "missing"]),
            (&network.loaded, ["fetch", "loaded"]),
            (&network.refused, ["fetch", "refused"]),
            (&network.missing, ["fetch", "failed"]),
        ];
        for ((count, labels), before) in documents.iter().zip(&mut carried.documents) {
            let sum = count.load(Ordering::Relaxed);
            if sum > *before {
                main.count(Counter::TrustDocuments, labels, sum - *before);
                *before = sum;
            }
        }
        let faults = self.faults.load(Ordering::Relaxed);
        if faults > carried.faults {
            main.count(Counter::Faults, &[], faults - carried.faults);
            carried.faults = faults;
        }
    }
}

/// Values are replaced whole, so what a panicking holder left behind is still sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time of the system; the beginning of time if its clock is before that, when no token is valid.
pub(crate) fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds::new(since.map_or(0, |since| since.as_secs()))
}

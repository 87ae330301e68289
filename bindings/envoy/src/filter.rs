//! One request in one of Envoy's workers.

use countersign::{Answer, AuthorityIndex, Engine, Pending, PolicyIndex, Request, Step, UnixSeconds};
use countersign_envoy_common::counters::{Outcome, WorkerCounters};
use countersign_envoy_common::host::{FilterContext, Level, Stream};
use countersign_envoy_common::judge::{self, Decide, Progress, Waiting};
use countersign_envoy_common::settings::Settings;
use countersign_reload::{SharedEngine, SharedWorker};

pub(crate) use countersign_envoy_common::judge::{Verdict, refuse};

use crate::module::{Module, WorkerState};

/// Judges the request of `stream`, which is in the worker of this index.
pub(crate) fn begin(module: &Module, worker: usize, stream: &mut impl Stream, now: UnixSeconds) -> Progress {
    let (context, policies) = (ModuleContext::new(module, worker), &module.policies);
    let begun = at_desk(module, worker, |deciding, text| judge::begin(&context, policies, deciding, text, stream, now));
    begun.unwrap_or_else(|| Progress::Done(refuse(stream)))
}

/// Goes on with the request of `stream`, which waited for `answer`.
pub(crate) fn resume(
    module: &Module,
    worker: usize,
    stream: &mut impl Stream,
    now: UnixSeconds,
    waiting: Box<Waiting>,
    answer: Answer<'_>,
) -> Progress {
    let (context, policies) = (ModuleContext::new(module, worker), &module.policies);
    let resumed = at_desk(module, worker, |deciding, text| {
        judge::resume(&context, policies, deciding, text, stream, now, waiting, answer)
    });
    resumed.unwrap_or_else(|| Progress::Done(refuse(stream)))
}

/// Gives up a request whose stream has ended.
pub(crate) fn abandon(module: &Module, worker: usize, waiting: Box<Waiting>) {
    let context = ModuleContext::new(module, worker);
    let (pending, place, mode) = waiting.into_pending();
    let _without_memory_only_the_engine_counts = at_desk(module, worker, |deciding, _| {
        judge::abandoned(&context, place, mode, &deciding.worker.abandon(deciding.shared, pending));
    });
}

/// Runs `with` in the memory of a worker; `None` where it has none: as the engine does with a policy that is not its own, whatever cannot be
/// judged is refused.
fn at_desk<T>(module: &Module, worker: usize, with: impl FnOnce(&mut Live<'_>, &mut Vec<u8>) -> T) -> Option<T> {
    let mut state = module.state(worker);
    let Some(WorkerState { worker, text }) = state.as_deref_mut().and_then(Option::as_mut) else {
        module.process.log(Level::Error, "countersign: a worker without memory of its own");
        return None;
    };
    let done = with(&mut Live { worker, shared: &module.shared }, text);
    // After the decision, which allocates nothing: few configurations are busy, and only these take memory.
    worker.grow();
    Some(done)
}

struct Live<'m> {
    worker: &'m mut SharedWorker,
    shared: &'m SharedEngine,
}

impl Decide for Live<'_> {
    fn begin(&mut self, policy: PolicyIndex, request: &Request<'_>, asks: bool) -> Step<'_> {
        // Most policies ask nothing, and are judged by less code.
        if asks {
            self.worker.begin(self.shared, policy, request)
        } else {
            Step::Decided(self.worker.decide(self.shared, policy, request))
        }
    }

    fn resume(&mut self, pending: Pending, request: &Request<'_>, answer: Answer<'_>) -> Step<'_> {
        self.worker.resume(self.shared, pending, request, answer)
    }
}

/// The module as a request in one worker sees it.
struct ModuleContext<'m> {
    module: &'m Module,
    counters: Option<&'m WorkerCounters>,
}

impl<'m> ModuleContext<'m> {
    fn new(module: &'m Module, worker: usize) -> Self {
        Self { module, counters: module.counters.get(worker) }
    }
}

impl FilterContext for ModuleContext<'_> {
    fn settings(&self) -> &Settings {
        &self.module.settings
    }

    fn engine(&self) -> &Engine {
        self.module.shared.engine()
    }

    fn log(&self, level: Level, line: &str) {
        self.module.process.log(level, line);
    }

    fn count(&self, outcome: Outcome) {
        if let Some(counters) = self.counters {
            counters.count(outcome);
        }
    }

    fn want(&self, index: AuthorityIndex) {
        self.module.want(index);
    }
}

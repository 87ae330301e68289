//! One request in one of Envoy's workers.

use countersign::engine::{Decision, Engine, PolicyIndex, Request};
use countersign::time::UnixSeconds;
use countersign::trust::OriginIndex;
use countersign_filter::host::{Level, Site, Stream};
use countersign_filter::judge::{self, Decide};
use countersign_filter::settings::Settings;
use countersign_filter::tally::{Outcome, Tally};
use countersign_live::{LiveEngine, LiveWorker};

pub(crate) use countersign_filter::judge::{Verdict, refuse};

use crate::module::{Desk, Module};

/// Judges the request of `stream`, which is in the worker of this index.
pub(crate) fn judge(module: &Module, worker: usize, stream: &mut impl Stream, now: UnixSeconds) -> Verdict {
    // As the engine does with a policy that is not its own: whatever cannot be judged is refused.
    let site = ModuleSite { module, tally: module.tallies.get(worker) };
    let mut desk = module.desk(worker);
    let Some(Desk { worker, text }) = desk.as_deref_mut().and_then(Option::as_mut) else {
        module.process.log(Level::Error, "countersign: a worker without memory of its own");
        return refuse(stream);
    };
    let mut deciding = Live { worker, live: &module.live };
    let verdict = judge::judge(&site, &module.policies, &mut deciding, text, stream, now);
    // After the decision, which allocates nothing: few configurations are busy, and only these take memory.
    worker.grow();
    verdict
}

struct Live<'m> {
    worker: &'m mut LiveWorker,
    live: &'m LiveEngine,
}

impl Decide for Live<'_> {
    fn decide(&mut self, policy: PolicyIndex, request: &Request<'_>) -> Decision<'_> {
        self.worker.decide(self.live, policy, request)
    }
}

/// The module as a request in one worker sees it.
struct ModuleSite<'m> {
    module: &'m Module,
    tally: Option<&'m Tally>,
}

impl Site for ModuleSite<'_> {
    fn settings(&self) -> &Settings {
        &self.module.settings
    }

    fn engine(&self) -> &Engine {
        self.module.live.engine()
    }

    fn log(&self, level: Level, line: &str) {
        self.module.process.log(level, line);
    }

    fn count(&self, outcome: Outcome) {
        if let Some(tally) = self.tally {
            tally.count(outcome);
        }
    }

    fn want(&self, index: OriginIndex) {
        self.module.want(index);
    }
}

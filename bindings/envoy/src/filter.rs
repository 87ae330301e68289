//! One request in one of Envoy's workers.

use countersign::engine::{Decision, PolicyIndex, Request};
use countersign::time::UnixSeconds;
use countersign::trust::OriginIndex;
use countersign_filter::host::{Level, Site, Stream};
use countersign_filter::judge::{self, Decide};
use countersign_filter::settings::{RouteSettings, Settings};
use countersign_filter::tally::{Outcome, Tally};
use countersign_live::{LiveEngine, LiveWorker};

pub(crate) use countersign_filter::judge::{Verdict, refuse};

use crate::module::{Desk, Module};

/// Where a request is: which of Envoy's workers has it, and what its route says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'r> {
    pub(crate) worker: usize,
    pub(crate) route: Option<&'r RouteSettings>,
}

/// Judges the request of `stream`.
pub(crate) fn judge(module: &Module, place: Place<'_>, stream: &mut impl Stream, now: UnixSeconds) -> Verdict {
    // As the engine does with a policy that is not its own: whatever cannot be judged is refused.
    let site = ModuleSite { module, tally: module.tallies.get(place.worker) };
    let rules = match module.policies.rules(&module.settings, place.route, &*stream) {
        Ok(rules) => rules,
        Err(why) => return judge::without_rules(&site, &module.policies, place.route, why, stream),
    };
    let mut desk = module.desk(place.worker);
    let Some(Desk { worker, text }) = desk.as_deref_mut().and_then(Option::as_mut) else {
        module.process.log(Level::Error, "countersign: a worker without memory of its own");
        return refuse(stream);
    };
    let mut worker = Live { worker, live: &module.live };
    judge::judge(&site, &rules, &mut worker, text, stream, now)
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

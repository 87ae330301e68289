//! When to fetch which document: at first, then as often as it wants, sooner for an unknown key, later after failures.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use countersign::engine::PolicyDocument;
use countersign::trust::OriginIndex;

use crate::settings::{DEFAULT_REFRESH_SECONDS, Document, Fetch};

/// The documents to fetch. Moments are durations since some beginning.
#[derive(Debug, Default)]
pub struct Plan {
    sources: Vec<Source>,
    /// The places of the documents of each origin.
    of_origin: BTreeSet<(OriginIndex, usize)>,
    /// The places of those that wait, by the moment until which.
    waiting: BTreeSet<(Duration, usize)>,
    /// The places of those that are being fetched.
    asked: BTreeMap<Callout, usize>,
}

/// A fetch that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Callout {
    /// The configuration through which the proxy was asked.
    pub asker: u64,
    /// The number that the proxy gave it, which is good for this configuration only.
    pub number: u64,
}

/// One document and what is known of it.
#[derive(Debug)]
pub struct Source {
    /// Where it is fetched.
    pub fetch: Fetch,
    /// Whose keys they are; none of revocations.
    pub index: Option<OriginIndex>,
    state: State,
    /// In a row.
    failures: u32,
    /// Whether it was in force once.
    has_come: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Duration },
    Asked { callout: Callout },
}

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// How long a document that was fetched stays: as the settings say, else as it says itself.
#[must_use]
pub fn refresh_after(fetch: &Fetch, hint: Option<u64>) -> Duration {
    Duration::from_secs(fetch.refresh_seconds.or(hint).unwrap_or(DEFAULT_REFRESH_SECONDS))
}

/// How long to wait after a failure that came after so many others in a row: twice as long each time. `random` spreads the tries
/// of many proxies over a quarter of that.
#[must_use]
pub fn retry_after(failures: u32, random: u64) -> Duration {
    let wait = FIRST_RETRY.saturating_mul(1 << failures.min(16)).min(LAST_RETRY);
    let spread = u32::try_from(random % 1024).unwrap_or(0);
    wait + wait * spread / 4096
}

impl Fetch {
    /// Whose keys they are; none of revocations.
    ///
    /// # Errors
    /// One line, if the policy has no such origin.
    pub fn index(&self, policies: &PolicyDocument) -> Result<Option<OriginIndex>, String> {
        match &self.document {
            Document::Revocations { .. } => Ok(None),
            Document::Trust(origin) => policies.origin(origin).map(Some).ok_or_else(|| format!("there is no {origin}")),
        }
    }
}

impl Plan {
    /// One document more, to be fetched at once.
    pub fn add(&mut self, fetch: Fetch, index: Option<OriginIndex>) {
        let (place, until) = (self.sources.len(), Duration::ZERO);
        self.sources.push(Source { fetch, index, state: State::Waiting { until }, failures: 0, has_come: false });
        self.waiting.insert((until, place));
        self.of_origin.extend(index.map(|index| (index, place)));
    }

    /// The places of the documents that are to be fetched now, first those that are due longest.
    #[must_use]
    pub fn due(&self, now: Duration) -> Vec<usize> {
        self.waiting.range(..=(now, usize::MAX)).map(|(_, place)| *place).collect()
    }

    /// Whether each document was in force once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(|source| source.has_come)
    }

    /// The document at `place`.
    #[must_use]
    pub fn source(&self, place: usize) -> Option<&Source> {
        self.sources.get(place)
    }

    /// A token names a key that nobody knows. While fetching fails anyway, attackers do not make it more frequent.
    pub fn want(&mut self, index: OriginIndex, now: Duration) {
        let of_origin: Vec<usize> =
            self.of_origin.range((index, 0)..=(index, usize::MAX)).map(|(_, place)| *place).collect();
        for place in of_origin {
            let is_waiting = |source: &Source| source.failures == 0 && matches!(source.state, State::Waiting { .. });
            if self.source(place).is_some_and(is_waiting) {
                self.enter(place, State::Waiting { until: now });
            }
        }
    }

    /// Its fetch has begun.
    pub fn began(&mut self, place: usize, callout: Callout) {
        self.enter(place, State::Asked { callout });
    }

    /// Whose answer this is.
    #[must_use]
    pub fn answered(&self, callout: Callout) -> Option<usize> {
        self.asked.get(&callout).copied()
    }

    /// A configuration ends, and the proxy ends what was asked through it: that is due again, through another one.
    pub fn abandoned(&mut self, asker: u64, now: Duration) {
        let all = Callout { asker, number: 0 }..=Callout { asker, number: u64::MAX };
        let places: Vec<usize> = self.asked.range(all).map(|(_, place)| *place).collect();
        for place in places {
            self.enter(place, State::Waiting { until: now });
        }
    }

    /// The document is in force; `hint` is what it says about the next time.
    pub fn succeeded(&mut self, place: usize, now: Duration, hint: Option<u64>) {
        let Some(source) = self.sources.get_mut(place) else { return };
        source.failures = 0;
        source.has_come = true;
        let until = now + refresh_after(&source.fetch, hint);
        self.enter(place, State::Waiting { until });
    }

    /// Tries again later, see [`retry_after`]. Tells how many failures there were in a row.
    pub fn failed(&mut self, place: usize, now: Duration, random: u64) -> u32 {
        let Some(source) = self.sources.get_mut(place) else { return 0 };
        let wait = retry_after(source.failures, random);
        source.failures = source.failures.saturating_add(1);
        let failures = source.failures;
        self.enter(place, State::Waiting { until: now + wait });
        failures
    }

    /// Puts a document in a state, and the indexes in step.
    fn enter(&mut self, place: usize, state: State) {
        let Some(source) = self.sources.get_mut(place) else { return };
        match core::mem::replace(&mut source.state, state) {
            State::Waiting { until } => _ = self.waiting.remove(&(until, place)),
            State::Asked { callout } => _ = self.asked.remove(&callout),
        }
        match state {
            State::Waiting { until } => _ = self.waiting.insert((until, place)),
            State::Asked { callout } => _ = self.asked.insert(callout, place),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned;
    use std::vec;

    use countersign::engine::Engine;
    use countersign::trust::Origin;

    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const fn callout(number: u64) -> Callout {
        Callout { asker: 1, number }
    }

    fn plan() -> Option<(Plan, OriginIndex)> {
        let origin = Origin::Issuer("https://as.example".to_owned());
        let text =
            br#"{"trust":[{"issuer":"https://as.example"}],"policies":{"p":{"accept":["jwt"],"audience":["a"]}}}"#;
        let engine = Engine::new(PolicyDocument::parse(text).ok()?, [1, 2]);
        let index = engine.document().origin(&origin)?;
        let mut plan = Plan::default();
        let (cluster, authority, path) = ("c".to_owned(), "a".to_owned(), "/".to_owned());
        let document = Document::Trust(origin);
        let fetch = Fetch { document, cluster, authority, path, timeout_milliseconds: 1, refresh_seconds: None };
        plan.add(fetch, Some(index));
        Some((plan, index))
    }

    #[test]
    fn a_document_is_fetched_once_and_then_as_it_wants() -> Result<(), &'static str> {
        let (mut plan, _) = plan().ok_or("no plan")?;
        assert_eq!(plan.due(at(0)), [0]);
        plan.began(0, callout(7));
        assert_eq!(plan.due(at(100)), [0; 0]);
        assert_eq!((plan.answered(callout(8)), plan.answered(callout(7))), (None, Some(0)));
        assert!(!plan.is_complete());
        plan.succeeded(0, at(1), Some(20));
        assert!(plan.is_complete());
        assert_eq!((plan.due(at(20)), plan.due(at(21))), (vec![], vec![0]));
        plan.succeeded(0, at(21), None);
        assert_eq!((plan.due(at(320)), plan.due(at(321))), (vec![], vec![0]));
        Ok(())
    }

    #[test]
    fn what_a_configuration_asked_for_is_due_again_when_it_ends() -> Result<(), &'static str> {
        let (mut plan, _) = plan().ok_or("no plan")?;
        plan.began(0, callout(7));
        plan.abandoned(2, at(3));
        assert_eq!((plan.due(at(9)), plan.answered(callout(7))), (vec![], Some(0)));
        plan.abandoned(1, at(3));
        assert_eq!((plan.due(at(3)), plan.answered(callout(7))), (vec![0], None));
        Ok(())
    }

    /// Many documents, each found by its fetch and by its origin: what a plan in a plain list would do, it does.
    #[test]
    fn many_documents_keep_their_own_state() -> Result<(), &'static str> {
        const COUNT: usize = 300;
        let trust: Vec<String> =
            (0..COUNT).map(|number| format!(r#"{{"issuer":"https://{number}.example"}}"#)).collect();
        let text =
            format!(r#"{{"trust":[{}],"policies":{{"p":{{"accept":["jwt"],"audience":["a"]}}}}}}"#, trust.join(","));
        let document = PolicyDocument::parse(text.as_bytes()).map_err(|_| "no policy")?;
        let mut plan = Plan::default();
        let indexes: Vec<OriginIndex> = document.trust().map(|(index, _)| index).collect();
        for (index, source) in document.trust() {
            let (cluster, authority, path) = ("c".to_owned(), "a".to_owned(), "/".to_owned());
            let document = Document::Trust(source.origin().clone());
            let fetch = Fetch { document, cluster, authority, path, timeout_milliseconds: 1, refresh_seconds: None };
            plan.add(fetch, Some(index));
        }
        // The twin: until when each waits, or the number of its fetch.
        let mut twin: Vec<Result<Duration, u64>> = vec![Ok(Duration::ZERO); COUNT];
        let (mut lottery, mut callouts) = (1_u64, 0_u64);
        let mut next = |limit: usize| {
            lottery = lottery.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(lottery >> 33).unwrap_or(0) % limit
        };
        for step in 0..5_000 {
            let (now, place) = (at(step), next(COUNT));
            match (next(3), twin[place]) {
                (0, Ok(_)) => {
                    callouts += 1;
                    plan.began(place, callout(callouts));
                    twin[place] = Err(callouts);
                }
                (1, Ok(_)) => {
                    plan.want(indexes[place], now);
                    twin[place] = Ok(now);
                }
                (1, Err(_)) => plan.want(indexes[place], now),
                (_, Err(number)) => {
                    assert_eq!(plan.answered(callout(number)), Some(place));
                    plan.succeeded(place, now, Some(20));
                    assert_eq!(plan.answered(callout(number)), None);
                    twin[place] = Ok(now + at(20));
                }
                _ => {}
            }
            let mut due: Vec<(Duration, usize)> = twin
                .iter()
                .enumerate()
                .filter_map(|(place, state)| state.ok().filter(|until| *until <= now).map(|until| (until, place)))
                .collect();
            due.sort_unstable();
            assert_eq!(plan.due(now), due.iter().map(|(_, place)| *place).collect::<Vec<_>>());
        }
        Ok(())
    }

    #[test]
    fn an_unknown_key_does_not_wait_but_failures_do() -> Result<(), &'static str> {
        let (mut plan, index) = plan().ok_or("no plan")?;
        plan.succeeded(0, at(0), None);
        plan.want(index, at(3));
        assert_eq!(plan.due(at(3)), [0]);
        let mut waits = Vec::new();
        for turn in 0..12 {
            assert_eq!(plan.failed(0, at(3), 0), turn + 1);
            plan.want(index, at(3));
            let wait = (0..100_000).find(|wait| plan.due(at(3) + Duration::from_millis(*wait)) == [0]);
            waits.push(wait.unwrap_or(u64::MAX));
        }
        assert_eq!(waits[..4], [250, 500, 1000, 2000]);
        assert_eq!(waits[11], 60_000);
        Ok(())
    }
}

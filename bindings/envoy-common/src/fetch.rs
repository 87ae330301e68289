//! When to fetch which document: at first, then as often as it wants, sooner for an unknown key, later after failures.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use countersign::{AuthorityIndex, PolicyDocument};

use crate::settings::{DEFAULT_REFRESH_SECONDS, Document, Fetch};

/// The documents to fetch. Moments are durations since some beginning.
#[derive(Debug, Default)]
pub struct Plan {
    sources: Vec<Source>,
    /// The places of the documents of each authority.
    of_authority: BTreeSet<(AuthorityIndex, usize)>,
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

/// One document and its state.
#[derive(Debug)]
pub struct Source {
    /// The cluster and URI that it is fetched from.
    pub fetch: Fetch,
    /// The authority of the keys; none for revocations.
    pub index: Option<AuthorityIndex>,
    state: State,
    /// In a row.
    failures: u32,
    /// Whether it was in use once.
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
    /// The authority of the keys; none for revocations.
    ///
    /// # Errors
    /// One line, if the policy has no such authority.
    pub fn index(&self, policies: &PolicyDocument) -> Result<Option<AuthorityIndex>, String> {
        match &self.document {
            Document::Revocations { .. } => Ok(None),
            Document::Trust(authority) => {
                policies.authority(authority).map(Some).ok_or_else(|| format!("there is no {authority}"))
            }
        }
    }
}

impl Plan {
    /// One document more, to be fetched at once.
    pub fn add(&mut self, fetch: Fetch, index: Option<AuthorityIndex>) {
        let (place, until) = (self.sources.len(), Duration::ZERO);
        self.sources.push(Source { fetch, index, state: State::Waiting { until }, failures: 0, has_come: false });
        self.waiting.insert((until, place));
        self.of_authority.extend(index.map(|index| (index, place)));
    }

    /// The places of the documents that are to be fetched now, first those that are due longest.
    #[must_use]
    pub fn due(&self, now: Duration) -> Vec<usize> {
        self.waiting.range(..=(now, usize::MAX)).map(|(_, place)| *place).collect()
    }

    /// Whether each document was in use once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(|source| source.has_come)
    }

    /// The document at `place`.
    #[must_use]
    pub fn source(&self, place: usize) -> Option<&Source> {
        self.sources.get(place)
    }

    /// A token names a key that is in no document. While fetching fails anyway, attackers do not make it more frequent.
    pub fn want(&mut self, index: AuthorityIndex, now: Duration) {
        let of_authority: Vec<usize> =
            self.of_authority.range((index, 0)..=(index, usize::MAX)).map(|(_, place)| *place).collect();
        for place in of_authority {
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

    /// The document that this answer is for.
    #[must_use]
    pub fn answered(&self, callout: Callout) -> Option<usize> {
        self.asked.get(&callout).copied()
    }

    /// A configuration ends, and the proxy ends its requests: those documents are due again, through another configuration.
    pub fn abandoned(&mut self, asker: u64, now: Duration) {
        let all = Callout { asker, number: 0 }..=Callout { asker, number: u64::MAX };
        let places: Vec<usize> = self.asked.range(all).map(|(_, place)| *place).collect();
        for place in places {
            self.enter(place, State::Waiting { until: now });
        }
    }

    /// The document is in use; `hint` is its refresh hint in seconds.
    pub fn succeeded(&mut self, place: usize, now: Duration, hint: Option<u64>) {
        let Some(source) = self.sources.get_mut(place) else { return };
        source.failures = 0;
        source.has_come = true;
        let until = now + refresh_after(&source.fetch, hint);
        self.enter(place, State::Waiting { until });
    }

    /// Tries again later, see [`retry_after`]. Returns how many failures there were in a row.
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
mod tests;

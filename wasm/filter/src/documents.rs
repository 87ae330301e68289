//! Documents behind URIs, keys and revocations: one VM fetches for all, and all load the documents that it published.
//!
//! For each document there are two shared values. The *plan* has the time at which it is due, who is fetching it and until when that counts: VMs
//! look at it now and then, and the first one that exchanges it fetches. The *document* is the last good one with its number. After a
//! document, the *generation* is changed, which every VM reads at its ticks, and then a counter of the proxy, which every VM reads with
//! every request, for an eighth of what a shared value costs: a key that is gone is refused by all of them from the next request on.
//!
//! A VM that dies while it fetches is replaced when its lease ends. Its answer, should it come after all, has an old number and is
//! not taken over by anyone.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use countersign::internal::limits;
use countersign::{AuthorityIndex, Engine, KeySet, RevocationsKnown, TrustSource, TrustState, UnixSeconds};
use countersign_envoy_common::fetch::{refresh_after, retry_after};
use countersign_envoy_common::host::{Counter, Level};
use countersign_envoy_common::settings::{Document, Fetch, Settings};
use countersign_reload::printable::printable;
use countersign_reload::revocations::{one_line, tell_unknown};
use countersign_reload::{RevocationDocument, warn_of_drops};

use crate::counters::Counters;
use crate::headers::Pairs;
use crate::host::{Host, Map, Status};
use crate::shared::{self, Reader, SharedError, short_name};

/// Changed with every document that is published.
const GENERATION: &str = "countersign/generation";

/// Counted with every document that is published, after its generation.
const PUBLISHED: &str = "countersign_documents_published";

/// How much longer than its timeout a fetch counts as under way.
const LEASE_SPARE: Duration = Duration::from_secs(5);

/// The documents of one configuration, as one VM has them.
pub(crate) struct Documents {
    sources: Vec<Source>,
    /// The generation that was taken over last.
    seen: u64,
    /// The proxy's number for the counter [`PUBLISHED`].
    counter: Option<u32>,
    /// The last value of the counter; none before the first time, or if the proxy has no counters.
    counted: Option<u64>,
    /// Distinguishes this VM's leases from those of others.
    holder: u64,
}

struct Source {
    fetch: Fetch,
    /// Whose keys they are; none of revocations.
    index: Option<AuthorityIndex>,
    min_refresh: Duration,
    plan: String,
    document: String,
    /// The number of the document that is in use here.
    number: u64,
    /// The number of the first document with the text that is in use here.
    first_of_text: u64,
    /// The fetch of this VM that is under way: the proxy's number and the document's.
    fetching: Option<(u32, u64)>,
}

/// The last good document, as all VMs have it.
struct Published<'v> {
    /// Its number: a later fetch has a higher one.
    number: u64,
    /// The number of the first one with this text. Who has read that need not read this one.
    first_of_text: u64,
    fetched: UnixSeconds,
    body: &'v [u8],
}

impl<'v> Published<'v> {
    fn read(value: &'v [u8]) -> Option<Self> {
        let mut reader = Reader(value);
        let (number, first_of_text) = (reader.number()?, reader.number()?);
        let fetched = UnixSeconds::new(reader.number()?);
        Some(Self { number, first_of_text, fetched, body: reader.0 })
    }

    fn write(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(24 + self.body.len());
        for number in [self.number, self.first_of_text, self.fetched.as_u64()] {
            value.extend_from_slice(&number.to_le_bytes());
        }
        value.extend_from_slice(self.body);
        value
    }
}

/// When a document is due, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Plan {
    /// When this was written; before it, the clock has gone back, and nothing here counts.
    written: u64,
    due: u64,
    /// Until when, and by whom, it is being fetched.
    leased: u64,
    holder: u64,
    /// How many fetches were begun.
    number: u64,
    failures: u64,
    /// When an unknown key last asked for it, plus one.
    wanted: u64,
}

/// The parts of a filter that load documents.
pub(crate) struct Here<'f, H> {
    pub(crate) host: &'f H,
    pub(crate) engine: &'f Engine,
    pub(crate) trust_state: &'f mut TrustState,
    /// The revocations in the settings, which apply in addition to fetched ones.
    pub(crate) revoked: &'f RevocationDocument,
    pub(crate) counters: &'f mut Counters,
}

impl Documents {
    pub(crate) fn new<H: Host>(host: &H, settings: &Settings, engine: &Engine, holder: u64) -> Result<Self, String> {
        let mut sources = Vec::new();
        for fetch in &settings.fetches {
            let document = engine.document();
            let index = fetch.index(document)?;
            let min_refresh = index.and_then(|index| document.source(index.as_usize()));
            let name = short_name(&[&fetch.document.to_string(), &fetch.cluster, &fetch.authority, &fetch.path]);
            sources.push(Source {
                fetch: fetch.clone(),
                index,
                min_refresh: Duration::from_secs(min_refresh.map_or(0, TrustSource::min_refresh_seconds)),
                plan: format!("countersign/plan/{name}"),
                document: format!("countersign/document/{name}"),
                number: 0,
                first_of_text: 0,
                fetching: None,
            });
        }
        let counter = if sources.is_empty() { None } else { host.counter(PUBLISHED) };
        Ok(Self { sources, seen: 0, counter, counted: None, holder })
    }

    /// Loads the documents published since the last time, before a request: by the proxy's counter, or where it has none by the
    /// generation.
    pub(crate) fn take_over_if_counted<H: Host>(&mut self, here: &mut Here<'_, H>) {
        let counted = self.counter.and_then(|counter| here.host.counted(counter));
        if counted.is_none() || counted != self.counted {
            self.counted = counted;
            self.take_over(here);
        }
    }

    /// Takes over what other VMs have published since the last time. One small value is read, and no more if it is the same.
    ///
    /// Enough with each tick if the proxy's counters are shared by its VMs, as Envoy's are; where they are not, a tick is the latest.
    pub(crate) fn take_over<H: Host>(&mut self, here: &mut Here<'_, H>) {
        if self.sources.is_empty() {
            return;
        }
        let generation = here.host.shared(GENERATION).and_then(|(value, _)| Reader(&value).number()).unwrap_or(0);
        if generation == self.seen {
            return;
        }
        self.seen = generation;
        for source in &mut self.sources {
            source.take_over(here);
        }
    }

    /// Begins each fetch that is due and that no other VM has begun.
    pub(crate) fn begin_due<H: Host>(&mut self, here: &mut Here<'_, H>) {
        let holder = self.holder;
        for source in &mut self.sources {
            source.begin_if_due(here, holder);
        }
    }

    /// A token names a key that the document of this authority does not have: it is due, unless fetching fails anyway, or a key asked for
    /// it a short time ago, here or in another VM. Returns whether it is.
    pub(crate) fn want<H: Host>(&mut self, host: &H, index: AuthorityIndex) -> bool {
        let now = milliseconds(host);
        let Some(source) = self.sources.iter().find(|source| source.index == Some(index)) else { return false };
        let floor = whole_milliseconds(source.min_refresh);
        let wanted = shared::change(host, &source.plan, |value| {
            let Some(mut plan) = value.and_then(Plan::read) else { return (None, false) };
            let lately = plan.wanted != 0 && plan.wanted <= now + 1 && now.saturating_sub(plan.wanted - 1) < floor;
            if plan.failures > 0 || lately {
                return (None, false);
            }
            (plan.written, plan.due, plan.wanted) = (now, now, now + 1);
            (Some(plan.write()), true)
        });
        wanted == Ok(true)
    }

    /// The answer to a fetch of this VM; `fields` and `length` are those of the response, 0 fields if there was none.
    pub(crate) fn answered<H: Host>(&mut self, here: &mut Here<'_, H>, callout: u32, fields: usize, length: usize) {
        let holder = self.holder;
        let is_its = |source: &&mut Source| matches!(source.fetching, Some((number, _)) if number == callout);
        let Some(source) = self.sources.iter_mut().find(is_its) else { return };
        let Some((_, number)) = source.fetching.take() else { return };
        match source.published(here, number, answer(here.host, fields, length)) {
            Ok(hint) => {
                if let Some(counter) = self.counter {
                    here.host.count(counter, 1);
                }
                let wait = refresh_after(&source.fetch, hint);
                here.counters.count(here.host, Counter::TrustDocuments, &["fetch", "loaded"], 1);
                source.settle(here.host, holder, |plan| {
                    plan.failures = 0;
                    wait
                });
            }
            Err((outcome, why)) => source.failed(here, holder, outcome, &why),
        }
        self.take_over(here);
    }
}

impl Source {
    fn take_over<H: Host>(&mut self, here: &mut Here<'_, H>) {
        let Some((value, _)) = here.host.shared(&self.document) else { return };
        let Some(Published { number, first_of_text, fetched, body }) = Published::read(&value) else { return };
        if number == self.number {
            return;
        }
        let name = self.name();
        let taken = match self.index {
            Some(index) => match here.engine.load(here.trust_state, index, body, fetched) {
                Ok(report) => {
                    if report.added > 0 || report.removed > 0 {
                        let line = format!("countersign: {name}: {} new keys, {} gone", report.added, report.removed);
                        here.host.log(Level::Info, &line);
                    }
                    Ok(())
                }
                Err(fault) => Err(fault.to_string()),
            },
            // The same list is only younger.
            None if first_of_text == self.first_of_text => Ok(()),
            None => RevocationDocument::read(body).map_err(|faults| one_line(&faults)).map(|document| {
                here.trust_state.revocations = here.revoked.clone().with(document).build().into();
            }),
        };
        match taken {
            Ok(()) => {
                (self.number, self.first_of_text) = (number, first_of_text);
                if let Document::Revocations { max_stale_seconds } = self.fetch.document {
                    here.trust_state.revocations_known = RevocationsKnown::by_list(fetched, max_stale_seconds);
                }
            }
            Err(fault) => here
                .host
                .log(Level::Warn, &format!("countersign: {name}: a published document cannot be used: {fault}")),
        }
    }

    fn name(&self) -> String {
        printable(&self.fetch.document.to_string())
    }

    fn begin_if_due<H: Host>(&mut self, here: &mut Here<'_, H>, holder: u64) {
        if self.fetching.is_some() {
            // Its end comes in any case, if only with its timeout.
            return;
        }
        let now = milliseconds(here.host);
        let lease = Duration::from_millis(self.fetch.timeout_milliseconds) + LEASE_SPARE;
        let begun = shared::change(here.host, &self.plan, |value| {
            let mut plan = value.and_then(Plan::read).unwrap_or_default();
            if plan.written <= now && (now < plan.due || now < plan.leased) {
                return (None, None);
            }
            plan = Plan { written: now, leased: now + whole_milliseconds(lease), holder, ..plan };
            plan.number = plan.number.saturating_add(1);
            (Some(plan.write()), Some(plan.number))
        });
        let number = match begun {
            Ok(Some(number)) => number,
            Ok(None) | Err(SharedError::Contended) => return,
            Err(fault @ SharedError::Proxy(_)) => {
                return here.host.log(Level::Error, &format!("countersign: nothing is fetched: {fault}"));
            }
        };
        let headers = [
            (":method", "GET"),
            (":path", self.fetch.path.as_str()),
            (":authority", self.fetch.authority.as_str()),
            ("accept", "application/jwk-set+json, application/json"),
            ("user-agent", "countersign"),
        ];
        let timeout = u32::try_from(self.fetch.timeout_milliseconds).unwrap_or(u32::MAX);
        match here.host.call(&self.fetch.cluster, &headers, &[], timeout) {
            Ok(callout) => self.fetching = Some((callout, number)),
            Err(Status::BAD_ARGUMENT) => self.failed(here, holder, "failed", "Envoy knows no such cluster yet"),
            Err(Status(status)) => {
                self.failed(here, holder, "failed", &format!("Envoy does not begin a request (status {status})"));
            }
        }
    }

    /// Publishes an answer, if it is a document that can be used: gives the document's hint for the next time. An error is the
    /// outcome that is counted, and why.
    fn published<H: Host>(
        &self,
        here: &Here<'_, H>,
        number: u64,
        answer: Result<Vec<u8>, String>,
    ) -> Result<Option<u64>, (&'static str, String)> {
        let body = answer.map_err(|why| ("failed", why))?;
        let now = UnixSeconds::new(milliseconds(here.host) / 1000);
        let hint = self.tried(here, &body, now);
        let hint = hint.map_err(|fault| ("refused", format!("the document cannot be used: {fault}")))?;
        let published = shared::change(here.host, &self.document, |old| {
            let old = old.and_then(Published::read);
            if old.as_ref().is_some_and(|old| old.number >= number) {
                return (None, false);
            }
            let first_of_text = old.filter(|old| old.body == body).map_or(number, |old| old.first_of_text);
            (Some(Published { number, first_of_text, fetched: now, body: &body }.write()), true)
        });
        let published = published.and_then(|is_news| {
            shared::change(here.host, GENERATION, |old| {
                let old = old.and_then(|old| Reader(old).number()).unwrap_or(0);
                (is_news.then(|| old.wrapping_add(1).to_le_bytes().into()), ())
            })
        });
        published.map_err(|fault| ("failed", fault.to_string()))?;
        Ok(hint)
    }

    /// Whether a document can be used: gives its hint for the next time. On a copy: what all take over, this VM takes over as they do.
    fn tried<H: Host>(&self, here: &Here<'_, H>, body: &[u8], now: UnixSeconds) -> Result<Option<u64>, String> {
        let mut warn = |line: &str| here.host.log(Level::Warn, line);
        let Some(index) = self.index else {
            let document = RevocationDocument::read(body).map_err(|faults| one_line(&faults))?;
            tell_unknown(&self.name(), &document.unknown_authorities(here.engine.document()), &mut warn);
            return Ok(None);
        };
        let mut tried = here.trust_state.clone();
        let report = here.engine.load(&mut tried, index, body, now).map_err(|fault| fault.to_string())?;
        warn_of_drops(&self.name(), &report, &mut warn);
        Ok(tried.bundles.set(index).and_then(KeySet::refresh_hint_seconds))
    }

    fn failed<H: Host>(&self, here: &mut Here<'_, H>, holder: u64, outcome: &'static str, why: &str) {
        here.counters.count(here.host, Counter::TrustDocuments, &["fetch", outcome], 1);
        let mut failures = 0;
        self.settle(here.host, holder, |plan| {
            let before = u32::try_from(plan.failures).unwrap_or(u32::MAX);
            plan.failures = plan.failures.saturating_add(1);
            failures = plan.failures;
            retry_after(before, holder.rotate_left(before))
        });
        // The first few report the fault; after that, now and then, that it persists.
        if failures.is_power_of_two() || failures.is_multiple_of(64) {
            let name = self.name();
            let cluster = printable(&self.fetch.cluster);
            let line = format!(
                "countersign: {name} from cluster {cluster}: {why} (failure {failures} in a row); the last good document holds"
            );
            here.host.log(Level::Warn, &line);
        }
    }

    /// Ends our lease; `next` says how long to wait until the next fetch.
    fn settle<H: Host>(&self, host: &H, holder: u64, mut next: impl FnMut(&mut Plan) -> Duration) {
        let now = milliseconds(host);
        let settled = shared::change(host, &self.plan, |value| {
            let Some(mut plan) = value.and_then(Plan::read).filter(|plan| plan.holder == holder) else {
                return (None, ());
            };
            let wait = next(&mut plan);
            (plan.written, plan.leased, plan.due) = (now, 0, now + whole_milliseconds(wait));
            (Some(plan.write()), ())
        });
        if let Err(fault) = settled {
            // The lease ends by itself.
            host.log(Level::Warn, &format!("countersign: {fault}"));
        }
    }
}

impl Plan {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut next = || reader.number();
        Some(Self {
            written: next()?,
            due: next()?,
            leased: next()?,
            holder: next()?,
            number: next()?,
            failures: next()?,
            wanted: next()?,
        })
    }

    fn write(self) -> Vec<u8> {
        let Self { written, due, leased, holder, number, failures, wanted } = self;
        [written, due, leased, holder, number, failures, wanted].into_iter().flat_map(u64::to_le_bytes).collect()
    }
}

fn milliseconds<H: Host>(host: &H) -> u64 {
    host.nanoseconds() / 1_000_000
}

fn whole_milliseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(duration.subsec_millis().into())
}

/// The body of the response, or why there is none to be used.
fn answer<H: Host>(host: &H, fields: usize, length: usize) -> Result<Vec<u8>, String> {
    if fields == 0 {
        return Err("no response: the request was reset, or timed out".to_owned());
    }
    let pairs = host.header_pairs(Map::Fetched);
    let pairs = pairs.as_deref().and_then(Pairs::new).ok_or("a response without header fields")?;
    match pairs.find(":status").0 {
        Some(b"200") => {}
        status => {
            return Err(format!("status {}", printable(&String::from_utf8_lossy(status.unwrap_or_default()))));
        }
    }
    if length > limits::TRUST_DOCUMENT_BYTES {
        return Err(format!("a body of {length} bytes, more than {}", limits::TRUST_DOCUMENT_BYTES));
    }
    if length == 0 {
        return Ok(Vec::new());
    }
    host.response_body(length).ok_or_else(|| "a body that the proxy does not give".to_owned())
}

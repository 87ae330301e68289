//! One filter configuration in one VM: the engine, the memory of this worker, fetches and counters.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::time::Duration;
use countersign::{HeaderField, named_field};

use countersign::{
    Algorithm, AlgorithmSet, Answer, AuthorityIndex, Backend, BodyReader, Engine, NoTrace, NonceKeys, Pending,
    PolicyDocument, PolicyError, PolicyIndex, Request, RevocationsKnown, Step, TrustState, UnixSeconds, Worker,
};
use countersign_envoy_common::counters::{Carried, Outcome, WorkerCounters};
use countersign_envoy_common::fields::JudgedBy;
use countersign_envoy_common::host::{Counter, FilterContext, Gauge, Level, RouteUnread, Stream};
use countersign_envoy_common::identity::IdentityHeaders;
use countersign_envoy_common::judge::{self, Decide, Progress, Waiting};
use countersign_envoy_common::nonce_keys::in_force;
use countersign_envoy_common::policies::{Policies, origin_notices};
use countersign_envoy_common::question::{self, Call};
use countersign_envoy_common::settings::{Build, RouteSettings, Settings, Signatures};
use countersign_reload::load_inline;
use countersign_reload::revocations::tell_unknown;

use crate::connection;
use crate::counters::Counters;
use crate::documents::{Documents, Here};
use crate::entropy::Entropy;
use crate::headers::Pairs;
use crate::host::{Host, Map};
use crate::proofs::{Need, SharedReplay};
use crate::protobuf;
use crate::shared::{self, SharedError};
use crate::signatures::ProxySignatures;

/// A filter configuration in this VM.
pub(crate) struct Filter<H: Host> {
    host: H,
    settings: Settings,
    policies: Policies,
    engine: Engine,
    trust_state: TrustState,
    documents: Documents,
    entropy: Entropy,
    /// Who checks signatures, until the state is made.
    proxy: Option<ProxySignatures<H>>,
    /// Made with the first request: the VM of the main thread never has one.
    state: Option<WorkerState>,
    worker_counters: WorkerCounters,
    carried: Carried,
    counters: Counters,
    /// Whether the first tick came, after which they come as the settings say.
    ticks: bool,
}

/// What the requests of this worker share.
struct WorkerState {
    worker: Worker,
    /// The external URI of the request, or a line for the log.
    text: Vec<u8>,
}

/// Two VMs agree on a secret by this key.
const NONCE_KEY: &str = "countersign/nonce";

/// How long after its configuration the first tick comes: soon, since documents are fetched then.
const FIRST_TICK: Duration = Duration::from_millis(10);

/// Point additions towards a key's table in each tick, when no request waits: a fraction of a millisecond.
const ADDITIONS_A_TICK: u32 = 512;

impl<H: Host> Filter<H> {
    /// Takes in a configuration.
    ///
    /// # Errors
    /// Every fault, one line each.
    pub(crate) fn new(host: &H, text: &[u8]) -> Result<Self, Vec<String>> {
        let lines = |faults: Vec<PolicyError>| faults.iter().map(ToString::to_string).collect();
        let (settings, document) = Settings::read(text, Build::Wasm).map_err::<Vec<String>, _>(lines)?;
        let mut entropy = Entropy::gather(host, &settings.vm.nonce_keys).ok_or_else(|| {
            let found =
                "/nonce_keys: found nothing, expected an array of one or two texts, each 32 random bytes in base64url";
            vec![format!("{found}: this proxy has no function `sign` to take randomness from")]
        })?;
        let now = UnixSeconds::new(host.nanoseconds() / 1_000_000_000);
        let shared = |fault: SharedError| vec![fault.to_string()];
        let need = Need {
            window: Engine::replay_window(&document),
            proofs: document.replay_proofs(),
            forget: settings.forget_proofs,
        };
        let policies = Policies::new(&document, &settings.policy).map_err(|fault| vec![fault])?;
        for notice in origin_notices(&document, &settings) {
            host.log(Level::Warn, &format!("countersign: {notice}"));
        }
        let proxy = try_proxy(host, &settings);
        let by_proxy: AlgorithmSet = proxy.iter().flat_map(|proxy| proxy.algorithms().iter().copied()).collect();
        check_proof_algorithms(&document, Backend::DEFAULT.algorithms().union(by_proxy))?;
        let replay = Box::new(SharedReplay::named(host, &settings.replay_store));
        let engine = Engine::with_host(document, replay, by_proxy);
        let mut trust_state = engine.empty_trust_state();
        let mut warn = |line: &str| host.log(Level::Warn, line);
        load_inline(&engine, &mut trust_state, now, &mut warn)
            .map_err(|faults| faults.into_iter().map(|fault| format!("/policy{fault}")).collect::<Vec<_>>())?;
        trust_state.nonces = Some(nonce_keys(host, &settings, &mut entropy).map_err(shared)?.into());
        let [holder, _] = entropy.seed();
        tell_unknown("/revocations", &settings.revocations.unknown_authorities(engine.document()), &mut warn);
        trust_state.revocations = settings.revocations.build().into();
        let documents = Documents::new(host, &settings, &engine, holder).map_err(|fault| vec![fault])?;
        if settings.awaits_revocations() {
            trust_state.revocations_known = RevocationsKnown::NotYet;
        }
        // What other configurations share is touched last: one that is refused must not have made their store anew.
        SharedReplay::named(host, &settings.replay_store).prepare(need, entropy.seed()).map_err(shared)?;
        declare_facts(host, &settings);
        host.tick_every(FIRST_TICK);
        Ok(Self {
            host: host.clone(),
            worker_counters: WorkerCounters::new(policies.count()),
            settings,
            policies,
            engine,
            trust_state,
            documents,
            entropy,
            proxy,
            state: None,
            carried: Carried::default(),
            counters: Counters::default(),
            ticks: false,
        })
    }

    /// Fetches due documents, carries counts over, sets gauges, builds tables for keys that are used often.
    pub(crate) fn tick(&mut self) {
        if !self.ticks {
            self.ticks = true;
            self.host.tick_every(self.settings.poll);
        }
        let Self {
            host, settings, policies, engine, trust_state, documents, worker_counters, carried, counters, ..
        } = self;
        carried.carry(core::slice::from_ref(worker_counters), |policy, outcome, reason, by| {
            counters.count(host, Counter::Decisions, &[policies.name(policy), outcome, reason], by);
        });
        let now = UnixSeconds::new(host.nanoseconds() / 1_000_000_000);
        if let Some(state) = engine.replay_state(now) {
            for gauge in Gauge::ALL {
                counters.set(host, gauge, &settings.replay_store, gauge.of(&state));
            }
        }
        let mut here = Here { host, engine, trust_state, revoked: &settings.revocations, counters };
        documents.take_over(&mut here);
        documents.begin_due(&mut here);
        if let Some(state) = &mut self.state {
            let _more_to_build = state.worker.build_tables(ADDITIONS_A_TICK);
            state.worker.grow();
        }
    }

    /// The answer to a fetch.
    pub(crate) fn answered(&mut self, callout: u32, fields: usize, length: usize) {
        let Self { host, settings, engine, trust_state, documents, counters, .. } = self;
        documents.answered(
            &mut Here { host, engine, trust_state, revoked: &settings.revocations, counters },
            callout,
            fields,
            length,
        );
    }

    /// Judges the request whose head has come, or goes on with one that waited for an answer. `own` and `stream` are the contexts of this
    /// configuration and of the request.
    pub(crate) fn judge(&mut self, own: u32, stream: u32, waited: Option<(Box<Waiting>, Answer<'_>)>) -> Progress {
        let host = self.host.clone();
        let bytes = host.header_pairs(Map::Request);
        let Some(fields) = bytes.as_deref().and_then(Pairs::new) else {
            host.log(Level::Error, "countersign: the proxy gives no header fields");
            return Progress::Done(judge::refuse(&mut ProxyStream::unread(&host)));
        };
        let mut request = ProxyStream::new(&host, fields, &self.settings);
        let settings = &self.settings;
        let Self { engine, trust_state, documents, counters, .. } = self;
        documents.take_over_if_counted(&mut Here {
            host: &host,
            engine,
            trust_state,
            revoked: &settings.revocations,
            counters,
        });
        let WorkerState { worker, text } =
            self.state.get_or_insert_with(|| WorkerState::new(&self.engine, &mut self.entropy, self.proxy.take()));
        let context = VmContext::new(&host, settings, &self.engine, &self.worker_counters);
        let mut worker = Deciding { worker, engine: &self.engine, trust_state: &self.trust_state };
        let now = UnixSeconds::new(host.nanoseconds() / 1_000_000_000);
        let policies = &self.policies;
        let judged = match waited {
            None => judge::begin(&context, policies, &mut worker, text, &mut request, now),
            Some((waiting, answer)) => {
                judge::resume(&context, policies, &mut worker, text, &mut request, now, waiting, answer)
            }
        };
        if let Some(index) = context.wanted.get()
            && self.documents.want(&host, index)
        {
            // The answer comes to this configuration: the stream may be gone by then.
            host.speak_for(own);
            let Self { engine, trust_state, documents, counters, .. } = self;
            documents.begin_due(&mut Here {
                host: &host,
                engine,
                trust_state,
                revoked: &settings.revocations,
                counters,
            });
            host.speak_for(stream);
        }
        judged
    }

    /// Asks a server what a request waits for: the number of the call, or `None` if it cannot be asked.
    pub(crate) fn ask(&self, waiting: &Waiting) -> Option<u32> {
        let bytes = self.host.header_pairs(Map::Request)?;
        let request = ProxyStream::new(&self.host, Pairs::new(&bytes)?, &self.settings);
        let Call { endpoint, fields, body } = question::call(&self.settings, waiting.question(), &request)?;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let timeout = u32::try_from(endpoint.timeout_milliseconds).unwrap_or(u32::MAX);
        self.host.call(&endpoint.cluster, &fields, &body, timeout).ok()
    }

    /// A reader of the body, if that is what a request waits for.
    pub(crate) fn body_reader(&self, waiting: &Waiting) -> Option<Box<BodyReader>> {
        waiting.body_reader(self.engine.document())
    }

    /// Whether the body of a request may be read after its other question.
    pub(crate) fn may_read_body(&self, waiting: &Waiting) -> bool {
        waiting.body_policy(self.engine.document()).is_some()
    }

    /// Gives up a request whose stream has ended.
    pub(crate) fn abandon(&mut self, waiting: Box<Waiting>) {
        let Self { host, settings, engine, trust_state, state, worker_counters, .. } = self;
        let Some(WorkerState { worker, .. }) = state else { return };
        let context = VmContext::new(host, settings, engine, worker_counters);
        let (pending, place, mode) = waiting.into_pending();
        judge::abandoned(&context, place, mode, &worker.abandon(engine, trust_state, pending));
    }

    /// The identity headers of this configuration.
    pub(crate) const fn identity_headers(&self) -> &IdentityHeaders {
        &self.settings.identity_headers
    }

    /// The fields of credentials that its policies have removed.
    pub(crate) fn removed_credentials(&self) -> &IdentityHeaders {
        self.policies.removed(None)
    }
}

impl WorkerState {
    fn new<H: Host>(engine: &Engine, entropy: &mut Entropy, proxy: Option<ProxySignatures<H>>) -> Self {
        let mut worker = Worker::growing(engine, entropy.seed());
        if let Some(proxy) = proxy {
            worker.ask_host(Box::new(proxy));
        }
        Self { worker, text: Vec::with_capacity(1024) }
    }
}

/// A policy none of whose proof algorithms is checked could take no proof.
fn check_proof_algorithms(document: &PolicyDocument, checked: AlgorithmSet) -> Result<(), Vec<String>> {
    let without = document.policies().filter(|(_, policy)| policy.proof_algorithms().intersection(checked).is_empty());
    let faults: Vec<String> = without
        .map(|(_, policy)| {
            let pointer = PolicyError::member("/policy/policies", policy.name());
            format!(
                "{pointer}/dpop/algorithms: found none that the VM or this proxy checks, expected one of the others"
            )
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The proxy's own checks, if it has any that answer rightly and the settings do not forbid them.
fn try_proxy<H: Host>(host: &H, settings: &Settings) -> Option<ProxySignatures<H>> {
    let proxy = (settings.vm.signatures == Signatures::Host).then(|| ProxySignatures::tried(host)).flatten();
    let line = match &proxy {
        Some(proxy) => {
            let names: Vec<&str> = proxy.algorithms().iter().map(|algorithm| algorithm.name()).collect();
            format!(
                "countersign: signatures of {} are verified by the proxy where there is no precomputed table",
                names.join(", ")
            )
        }
        None => "countersign: all signatures are checked in the VM".to_owned(),
    };
    host.log(Level::Info, &line);
    let by_proxy = proxy.as_ref().map_or(&[][..], ProxySignatures::algorithms);
    let nowhere =
        |algorithm: &Algorithm| !Backend::DEFAULT.algorithms().contains(*algorithm) && !by_proxy.contains(algorithm);
    let nowhere: Vec<&str> =
        Algorithm::ALL.iter().filter(|algorithm| nowhere(algorithm)).map(|known| known.name()).collect();
    if !nowhere.is_empty() {
        let names = nowhere.join(", ");
        host.log(
            Level::Info,
            &format!("countersign: neither the VM nor the proxy checks {names}: keys for these are dropped"),
        );
    }
    proxy
}

/// Those of the settings, or one that the VMs of this id agree on: nonces outlast a change of configuration.
fn nonce_keys<H: Host>(host: &H, settings: &Settings, entropy: &mut Entropy) -> Result<NonceKeys, SharedError> {
    if let Some(keys) = in_force(&settings.vm.nonce_keys) {
        return Ok(keys);
    }
    let new = entropy.next();
    let key = shared::change(host, NONCE_KEY, |value| match value.and_then(|value| value.try_into().ok()) {
        Some(known) => (None, known),
        None => (Some(new.into()), new),
    })?;
    Ok(NonceKeys::new(&key, None))
}

/// Has the proxy know the attributes as texts. A host that cannot do so keeps them as bytes, which logs show the same.
fn declare_facts<H: Host>(host: &H, settings: &Settings) {
    const TYPE_STRING: usize = 1;
    for attribute in &settings.metadata {
        let mut argument = Vec::new();
        protobuf::bytes(&mut argument, 1, attribute_name(&settings.metadata_namespace, attribute.name()).as_bytes());
        protobuf::varint(&mut argument, 3, TYPE_STRING);
        let _only_a_type = host.foreign("declare_property", &argument);
    }
}

fn attribute_name(namespace: &str, attribute: &str) -> String {
    format!("{namespace}.{attribute}")
}

struct Deciding<'f> {
    worker: &'f mut Worker,
    engine: &'f Engine,
    trust_state: &'f TrustState,
}

impl Decide for Deciding<'_> {
    fn begin(&mut self, policy: PolicyIndex, request: &Request<'_>, asks: bool) -> Step<'_> {
        // Most policies ask nothing, and are judged by less code.
        if asks {
            self.worker.begin(self.engine, self.trust_state, policy, request, &mut NoTrace)
        } else {
            Step::Decided(self.worker.decide(self.engine, self.trust_state, policy, request))
        }
    }

    fn resume(&mut self, pending: Pending, request: &Request<'_>, answer: Answer<'_>) -> Step<'_> {
        self.worker.resume(self.engine, self.trust_state, pending, request, answer, &mut NoTrace)
    }
}

/// The configuration as one request sees it.
struct VmContext<'f, H> {
    host: &'f H,
    settings: &'f Settings,
    engine: &'f Engine,
    worker_counters: &'f WorkerCounters,
    wanted: Cell<Option<AuthorityIndex>>,
}

impl<'f, H> VmContext<'f, H> {
    const fn new(host: &'f H, settings: &'f Settings, engine: &'f Engine, worker_counters: &'f WorkerCounters) -> Self {
        Self { host, settings, engine, worker_counters, wanted: Cell::new(None) }
    }
}

impl<H: Host> FilterContext for VmContext<'_, H> {
    fn settings(&self) -> &Settings {
        self.settings
    }

    fn engine(&self) -> &Engine {
        self.engine
    }

    fn log(&self, level: Level, line: &str) {
        self.host.log(level, line);
    }

    fn count(&self, outcome: Outcome) {
        self.worker_counters.count(outcome);
    }

    fn want(&self, index: AuthorityIndex) {
        self.wanted.set(Some(index));
    }
}

/// Removes the fields of a map that spell an identity header. Absent ones are not removed: each removal is a call of the proxy.
#[cold]
pub(crate) fn remove_spelled<H: Host>(host: &H, map: Map, fields: Pairs<'_>, identity: &IdentityHeaders) {
    for (name, _) in fields.iter().filter(|(name, _)| identity.removes(name)) {
        host.set_header(map, name, None);
    }
}

/// The request that the proxy is at.
pub(crate) struct ProxyStream<'h, H> {
    host: &'h H,
    fields: Pairs<'h>,
    judged_by: JudgedBy<&'h [u8]>,
    /// Whether there is a field that spells an identity header.
    is_spelled: bool,
    /// Whether the route is asked.
    route_metadata: bool,
}

impl<'h, H> ProxyStream<'h, H> {
    fn new(host: &'h H, fields: Pairs<'h>, settings: &Settings) -> Self {
        let (judged_by, is_spelled) = JudgedBy::find(fields.iter(), &settings.identity_headers);
        Self { host, fields, judged_by, is_spelled, route_metadata: settings.vm.route_metadata }
    }

    /// A request that can only be answered.
    pub(crate) const fn unread(host: &'h H) -> Self {
        Self { host, fields: Pairs::NONE, judged_by: JudgedBy::NONE, is_spelled: false, route_metadata: false }
    }
}

impl<H: Host> Stream for ProxyStream<'_, H> {
    fn header(&self, name: &str) -> (Option<&[u8]>, usize) {
        self.judged_by.get(name).unwrap_or_else(|| self.fields.find(name))
    }

    fn set_header(&mut self, name: &str, value: Option<&str>) {
        self.host.set_header(Map::Request, name.as_bytes(), value.map(str::as_bytes));
    }

    fn remove_spelled(&mut self, identity: &IdentityHeaders) {
        if self.is_spelled {
            remove_spelled(self.host, Map::Request, self.fields, identity);
            // Envoy has done so already; another proxy may not.
            let _where_it_can = self.host.foreign("clear_route_cache", &[]);
        }
    }

    fn credential(&self, name: &str) -> HeaderField<'_> {
        named_field(self.fields.iter(), name)
    }

    fn remove_credentials(&mut self, credentials: &IdentityHeaders) {
        if !credentials.is_empty() {
            let rests = credentials.rests(self.fields.iter());
            remove_spelled(self.host, Map::Request, self.fields, credentials);
            for (name, rest) in rests {
                self.host.set_header(Map::Request, name.as_bytes(), Some(&rest));
            }
        }
    }

    fn route(&self) -> Result<Option<Arc<RouteSettings>>, RouteUnread> {
        if !self.route_metadata {
            return Ok(None);
        }
        let metadata = |level: &str| {
            let found = self.host.property(&["xds", level, "filter_metadata", "countersign"]);
            found.filter(|bytes| !bytes.is_empty())
        };
        // The most specific one counts, whole, as Envoy does with settings of filters. It has no attribute for route configurations.
        let Some(bytes) = metadata("route_metadata").or_else(|| metadata("virtual_host_metadata")) else {
            return Ok(None);
        };
        let pairs = Pairs::new(&bytes).ok_or(RouteUnread)?;
        RouteSettings::from_pairs(pairs.iter()).map(|said| Some(Arc::new(said))).ok_or(RouteUnread)
    }

    /// Envoy does so whenever a VM sets a field, see `routes_match_identity`.
    fn clear_route_cache(&mut self) {}

    fn peer_certificate(&self) -> Option<[u8; 32]> {
        connection::peer_certificate(self.host)
    }

    fn set_metadata(&mut self, namespace: &str, key: &str, value: &str) {
        self.host.set_property(&attribute_name(namespace, key), value);
    }

    fn answer(&mut self, status: u16, headers: &[(String, String)], details: &str) {
        self.host.answer(status, headers, details);
    }
}

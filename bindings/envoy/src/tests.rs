//! The module without Envoy: a stream, a log and a main thread of the tests' own. What Envoy itself makes of it, `tests/envoy` shows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use countersign::{HeaderField, Mode, UnixSeconds, named_field};

use countersign_envoy_common::fetch::Callout;
use countersign_envoy_common::host::{Counter, Gauge, Level, RouteUnread, Stream};
use countersign_envoy_common::identity::IdentityHeaders;
use countersign_envoy_common::judge::Progress;
use countersign_envoy_common::settings::{Build, RouteSettings, Settings};

use crate::filter::{self, Verdict};
use crate::host::{Main, Process, Wake};
use crate::module::{Module, Surroundings};
use crate::running::{self, Running};

#[path = "../../envoy-common/tests/vector/mod.rs"]
mod vector;
use vector::Vector;

/// Status, header fields, details.
type Answer = (u16, Vec<(String, String)>, String);
type Fault = Box<dyn std::error::Error>;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().map(|lines| lines.clone()).unwrap_or_default()
    }
}

impl Process for Log {
    fn log(&self, _: Level, line: &str) {
        if let Ok(mut lines) = self.0.lock() {
            lines.push(line.to_owned());
        }
    }
}

/// How often the main thread was called.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Wake for Calls {
    fn wake_main(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What [`FakeMain`] gives a fetch.
const CALLOUT: Callout = Callout { asker: 0, number: 7 };

#[derive(Default)]
struct FakeStream {
    fields: Vec<(String, String)>,
    worker: usize,
    route: Option<RouteSettings>,
    /// Another route that is chosen while a field has this value, once the route is chosen anew.
    by_field: Option<(&'static str, &'static str, RouteSettings)>,
    cleared: usize,
    metadata: BTreeMap<String, String>,
    answer: Option<Answer>,
}

impl Stream for FakeStream {
    fn header(&self, name: &str) -> (Option<&[u8]>, usize) {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_bytes());
        (first, usize::from(first.is_some()) + found.count())
    }

    fn set_header(&mut self, name: &str, value: Option<&str>) {
        self.fields.retain(|(known, _)| known != name);
        self.fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    fn remove_spelled(&mut self, identity: &IdentityHeaders) {
        let before = self.fields.len();
        self.fields.retain(|(name, _)| !identity.removes(name.as_bytes()));
        self.cleared += usize::from(self.fields.len() < before);
    }

    fn credential(&self, name: &str) -> HeaderField<'_> {
        named_field(self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), name)
    }

    fn remove_credentials(&mut self, credentials: &IdentityHeaders) {
        let fields = self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let rests = credentials.rests(fields).into_iter();
        let rests: Vec<_> = rests.map(|(name, rest)| (name.to_owned(), String::from_utf8(rest).unwrap())).collect();
        self.fields.retain(|(name, _)| !credentials.removes(name.as_bytes()));
        self.fields.extend(rests);
    }

    fn route(&self) -> Result<Option<Arc<RouteSettings>>, RouteUnread> {
        let chosen = self.by_field.as_ref().filter(|(name, value, _)| self.header(name).0 == Some(value.as_bytes()));
        Ok(chosen.map(|(_, _, route)| route).or(self.route.as_ref()).map(|route| Arc::new(route.clone())))
    }

    fn clear_route_cache(&mut self) {
        self.cleared += 1;
    }

    fn peer_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn set_metadata(&mut self, _: &str, key: &str, value: &str) {
        self.metadata.insert(key.to_owned(), value.to_owned());
    }

    fn answer(&mut self, status: u16, headers: &[(String, String)], details: &str) {
        self.answer = Some((status, headers.to_vec(), details.to_owned()));
    }
}

#[derive(Default)]
struct FakeMain {
    counts: RefCell<Vec<(Counter, Vec<String>, u64)>>,
    gauges: RefCell<Vec<(Gauge, String, u64)>>,
    asked: RefCell<Vec<String>>,
}

impl Main for FakeMain {
    fn count(&self, counter: Counter, labels: &[&str], by: u64) {
        self.counts.borrow_mut().push((counter, labels.iter().map(|label| (*label).to_owned()).collect(), by));
    }

    fn set(&self, gauge: Gauge, store: &str, value: u64) {
        self.gauges.borrow_mut().push((gauge, store.to_owned(), value));
    }

    fn get(&self, cluster: &str, authority: &str, path: &str, _: u64) -> Result<u64, String> {
        self.asked.borrow_mut().push(format!("{cluster} {authority} {path}"));
        Ok(7)
    }
}

fn judge(module: &Module, stream: &mut FakeStream, now: UnixSeconds) -> Verdict {
    match filter::begin(module, stream.worker, stream, now) {
        Progress::Done(verdict) => verdict,
        Progress::Waits(waiting) => panic!("{:?}", waiting.question()),
    }
}

/// The module with the policy of the vector, and the vector's request.
fn world(more: &str) -> Result<(Arc<Module>, Log, impl Fn() -> FakeStream + use<>, UnixSeconds), Fault> {
    let Vector { policy, request, now, .. } = vector::accepted()?;
    let text = format!(r#"{{"policy":{policy},"origin":"https://api.example"{more}}}"#);
    let build = Build::Module { read: &|_| Err("no files here".to_owned()) };
    let (settings, document) = Settings::read(text.as_bytes(), build).map_err(|faults| format!("{faults:?}"))?;
    let log = Log::default();
    let around = Surroundings { workers: 2, only_validate: true, process: Box::new(log.clone()) };
    let module = Module::new(settings, document, around).map_err(|faults| format!("{faults:?}"))?;
    let stream = move || FakeStream { fields: request.clone(), ..FakeStream::default() };
    Ok((module, log, stream, UnixSeconds::new(now)))
}

const IDENTITY: &str = r#","identity_headers":{"X-User":"subject"},"metadata":{}"#;

#[test]
fn an_accepted_request_carries_our_identity_and_a_refused_one_goes_nowhere() -> Result<(), Fault> {
    let (module, _, stream, now) = world(IDENTITY)?;
    let mut accepted = stream();
    assert_eq!(judge(&module, &mut accepted, now), Verdict::Pass(vec![]));
    assert_eq!(accepted.metadata.get("decision").map(String::as_str), Some("accept"));
    let subject = accepted.metadata.get("subject").map(String::as_bytes);
    assert!(subject.is_some());
    assert_eq!(accepted.header("x-user"), (subject, 1));
    let mut late = stream();
    assert_eq!(judge(&module, &mut late, now.plus(100_000)), Verdict::Answered);
    let (status, headers, details) = late.answer.ok_or("no answer")?;
    assert_eq!((status, details.as_str()), (401, "token_expired"));
    assert!(headers.iter().any(|(name, value)| name == "www-authenticate" && value.contains("token_expired")));
    assert_eq!(late.metadata.get("subject"), None);
    Ok(())
}

#[test]
fn shadow_mode_lets_pass_without_an_identity() -> Result<(), Fault> {
    let (module, _, stream, now) = world(IDENTITY)?;
    let mut late = stream();
    late.route = Some(RouteSettings { mode: Some(Mode::Shadow), ..RouteSettings::default() });
    assert_eq!(judge(&module, &mut late, now.plus(100_000)), Verdict::Pass(vec![]));
    assert_eq!(late.header("x-user"), (None, 0));
    assert_eq!(late.metadata.get("reason").map(String::as_str), Some("token_expired"));
    Ok(())
}

#[test]
fn the_route_is_chosen_without_the_clients_identity_and_anew_with_the_written_one_if_asked() -> Result<(), Fault> {
    let shadow = || RouteSettings { mode: Some(Mode::Shadow), ..RouteSettings::default() };
    let nowhere = || RouteSettings { policy: Some("none".to_owned()), ..RouteSettings::default() };
    let (module, _, stream, now) = world(IDENTITY)?;
    // `x-user: root` is the client's, so it leads nowhere, however late the token is.
    let mut late = FakeStream { by_field: Some(("x-user", "root", shadow())), ..stream() };
    assert_eq!(judge(&module, &mut late, now.plus(100_000)), Verdict::Answered);
    assert_eq!((late.answer.map(|(status, ..)| status), late.cleared), (Some(401), 1));
    let mut accepted = stream();
    judge(&module, &mut accepted, now);
    let subject: &'static str = accepted.metadata.get("subject").ok_or("no subject")?.clone().leak();
    // Without the setting, the route stays the one that was asked.
    let mut kept = FakeStream { by_field: Some(("x-user", subject, nowhere())), ..stream() };
    assert_eq!((judge(&module, &mut kept, now), kept.cleared), (Verdict::Pass(vec![]), 1));
    let (module, _, stream, now) = world(&format!(r#"{IDENTITY},"clear_route_cache":true"#))?;
    let mut followed = FakeStream { by_field: Some(("x-user", subject, nowhere())), ..stream() };
    assert_eq!(judge(&module, &mut followed, now), Verdict::Answered);
    assert_eq!((followed.answer.map(|(status, ..)| status), followed.cleared), (Some(500), 2));
    // No trace of a decision that did not let the request pass.
    assert_eq!(followed.metadata.len(), 0);
    let mut same = FakeStream { by_field: Some(("x-user", subject, RouteSettings::default())), ..stream() };
    assert_eq!((judge(&module, &mut same, now), same.cleared), (Verdict::Pass(vec![]), 2));
    let main = FakeMain::default();
    module.on_main(0, &main);
    assert_eq!(main.counts.into_inner().len(), 1, "one judgement is counted");
    Ok(())
}

#[test]
fn what_cannot_be_judged_is_refused() -> Result<(), Fault> {
    let (module, log, stream, now) = world("")?;
    let mut elsewhere = stream();
    elsewhere.route = Some(RouteSettings { policy: Some("none".to_owned()), ..RouteSettings::default() });
    let mut stranger = stream();
    stranger.worker = 2;
    for stream in [&mut elsewhere, &mut stranger] {
        assert_eq!(judge(&module, stream, now), Verdict::Answered);
        assert!(
            matches!(&stream.answer, Some((500, headers, details)) if headers.is_empty() && details == "internal_error")
        );
    }
    assert_eq!(log.lines().len(), 2);
    Ok(())
}

#[test]
fn a_worker_that_panicked_starts_anew() -> Result<(), Fault> {
    let (module, _, stream, now) = world("")?;
    let other = Arc::clone(&module);
    let panicked = std::thread::spawn(move || {
        let _desk = other.state(0);
        std::panic::resume_unwind(Box::new("while it was judging"));
    });
    assert!(panicked.join().is_err());
    assert_eq!(judge(&module, &mut stream(), now), Verdict::Pass(vec![]));
    // Two at once in one worker cannot be; and if they are, the second is refused.
    let _desk = module.state(0);
    assert_eq!(judge(&module, &mut stream(), now), Verdict::Answered);
    Ok(())
}

#[test]
fn counts_reach_the_main_thread_and_the_audit_the_log() -> Result<(), Fault> {
    let (module, log, stream, now) = world(r#","audit_log":"refusals""#)?;
    for moment in [now, now, now.plus(100_000)] {
        judge(&module, &mut stream(), moment);
    }
    let main = FakeMain::default();
    module.on_main(0, &main);
    module.on_main(0, &main);
    let labels = |outcome: &str, reason: &str| vec!["default".to_owned(), outcome.to_owned(), reason.to_owned()];
    let expected = [
        (Counter::Decisions, labels("accepted", "accepted"), 2),
        (Counter::Decisions, labels("refused", "token_expired"), 1),
    ];
    assert_eq!(main.counts.into_inner(), expected);
    let lines = log.lines();
    assert!(lines.len() == 1 && lines[0].starts_with(r#"countersign: {"decision":"refuse","reason":"token_expired""#));
    Ok(())
}

#[test]
fn gauges_of_the_replay_store_reach_the_main_thread() -> Result<(), Fault> {
    let (module, ..) = world(r#","replay_store":"orders""#)?;
    let main = FakeMain::default();
    module.on_main(0, &main);
    let slots = u64::try_from(module.shared.engine().replay_state(UnixSeconds::new(0)).ok_or("none")?.slots)?;
    let expected = [
        (Gauge::LiveProofs, "orders".to_owned(), 0),
        (Gauge::Slots, "orders".to_owned(), slots),
        (Gauge::RefusingPermille, "orders".to_owned(), 0),
        (Gauge::RefusingUntil, "orders".to_owned(), 0),
    ];
    assert_eq!(main.gauges.into_inner(), expected);
    assert!(slots > 131_072);
    Ok(())
}

#[test]
fn a_fetched_list_says_what_is_revoked() -> Result<(), Fault> {
    let inline = r#","revocations":{"authorities":[{"issuer":"https://typo.example"}]}"#;
    let fetch = r#","revocations_fetch":{"cluster":"as","uri":"http://as/revoked"}"#;
    let (module, log, stream, now) = world(&format!("{inline}{fetch}"))?;
    assert_eq!(log.lines(), ["/revocations: the policy knows no issuer https://typo.example"]);
    let details = || {
        let mut asked = stream();
        judge(&module, &mut asked, now);
        asked.answer.map(|(_, _, details)| details)
    };
    let main = FakeMain::default();
    assert_eq!(details().as_deref(), Some("revocations_stale"));
    let answer = |body: &[u8]| {
        // A failure is tried again, and a success refreshed, later than this test ends.
        module.on_main(0, &main);
        module.on_answer(CALLOUT, Ok(body));
    };
    answer(br#"{"authorities":[{"issuer":"https://as.example","tokens":["at-1"]}]}"#);
    assert_eq!(main.asked.borrow().as_slice(), ["as as /revoked"]);
    assert_eq!(details().as_deref(), Some("token_revoked"));
    answer(b"{}");
    assert_eq!(details().as_deref(), Some("token_revoked"), "nothing was asked for");
    Ok(())
}

#[test]
fn a_list_that_cannot_be_used_changes_nothing() -> Result<(), Fault> {
    let fetch = r#","revocations_fetch":{"cluster":"as","uri":"http://as/revoked"}"#;
    let (module, log, stream, now) = world(fetch)?;
    let main = FakeMain::default();
    module.on_main(0, &main);
    module.on_answer(CALLOUT, Ok(br#"{"authorities":[{"issuer":"secret","keys":1}]}"#));
    let told = "countersign: revocations from cluster as: the document cannot be used: /authorities/0/keys: found a number, expected an \
                array (failure 1 in a row); the last good document holds";
    assert_eq!(log.lines(), [told]);
    let mut asked = stream();
    assert_eq!(judge(&module, &mut asked, now), Verdict::Answered);
    assert!(matches!(&asked.answer, Some((503, _, details)) if details == "revocations_stale"));
    Ok(())
}

#[test]
fn a_fetch_is_begun_anew_when_its_configuration_ends() -> Result<(), Fault> {
    let (module, _, _, _) = world(r#","revocations_fetch":{"cluster":"as","uri":"http://as/revoked"}"#)?;
    let (first, second) = (Calls::default(), Calls::default());
    let called = |calls: &Calls| calls.0.swap(0, Ordering::Relaxed);
    let leaving = module.attach(Box::new(first.clone()));
    let staying = module.attach(Box::new(second.clone()));
    // Each that comes calls the main thread through the oldest there is.
    assert_eq!((called(&first), called(&second)), (2, 0));
    let main = FakeMain::default();
    module.on_main(leaving.number, &main);
    module.on_main(staying.number, &main);
    assert_eq!(main.asked.borrow().len(), 1);
    let answer = |asker| module.on_answer(Callout { asker, number: 7 }, Ok(b"{}"));
    // The number is another configuration's.
    answer(staying.number);
    let left = leaving.number;
    drop(leaving);
    assert_eq!((called(&first), called(&second)), (0, 1));
    answer(left);
    module.on_main(staying.number, &main);
    assert_eq!(main.asked.borrow().len(), 2);
    answer(staying.number);
    module.on_main(staying.number, &main);
    assert_eq!(main.asked.borrow().len(), 2, "it was answered");
    Ok(())
}

#[test]
fn configurations_that_say_the_same_share_a_module() -> Result<(), Fault> {
    let made = AtomicUsize::new(0);
    let share = |same: u8| {
        running::share([same; 32], || {
            made.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Fault>(Running { module: world("")?.0, _watch: None })
        })
    };
    let (one, again, other) = (share(1)?, share(1)?, share(2)?);
    assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
    drop((one, again));
    // Its state is dropped: its documents may be old.
    let anew = share(1)?;
    assert_eq!((made.load(Ordering::Relaxed), Arc::strong_count(&anew)), (3, 1));
    Ok(())
}

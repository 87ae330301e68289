//! The filter without a proxy: one that is scripted. What Envoy itself makes of it, `tests/envoy` shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::{FirstUse, Replay, ReplayWindow, UnixSeconds};
use countersign_envoy_common::host::Level;

use crate::headers;
use crate::host::{Host, Map, Status};
use crate::proofs::{Need, SharedReplay};
use crate::vm::{Action, Vm};

#[path = "../../../bindings/envoy-common/tests/vector/mod.rs"]
mod vector;
use vector::Vector;

type Fields = Vec<(String, String)>;
type Fault = Box<dyn std::error::Error>;

/// What several VMs of one proxy share.
#[derive(Default)]
struct World {
    shared: BTreeMap<String, (Vec<u8>, u32)>,
    writes: u32,
    seconds: u64,
    /// The clock moves by this much before the next read of shared data, once: a VM that was held up.
    held_up_seconds: u64,
    /// How often the clock was read: no two reads give the same time.
    clock_reads: u64,
    counters: Vec<(String, u64)>,
    counting: Counting,
    /// How often shared data was read.
    reads: u32,
    log: Vec<String>,
    /// Requests of the filter's own that were begun: the VM and the path.
    asked: Vec<(u32, String)>,
    /// The body of the last of them.
    sent: Vec<u8>,
    /// Whether no server can be asked.
    knows_no_cluster: bool,
    /// What has come of the body of the request.
    body: Vec<u8>,
    /// The longest piece of it that was read.
    longest_piece: usize,
    /// The contexts that calls were made for other than the one of the hook.
    speaks_for: Vec<u32>,
    /// How often a request was let go on that was held back.
    let_go_on: usize,
    /// Whether `sign` and `verify_signature` are there.
    signs: bool,
    /// Whether `sign` puts a random number into each signature.
    signs_at_random: bool,
    signed: u64,
    /// Whether shared data is kept.
    keeps: bool,
    /// The status and the body of the answer that a VM reads.
    fetched: (String, Vec<u8>),
    answer: Option<(u16, Fields, String)>,
    set: Vec<(Map, String, Option<String>)>,
    request: Fields,
    trailers: Fields,
    route_asked: usize,
    route: Option<Fields>,
    virtual_host: Option<Fields>,
    configuration: Vec<u8>,
    /// Done once between a read and the exchange that follows: another VM that was faster.
    meanwhile: Option<(String, Vec<u8>)>,
}

/// The counters that a VM can read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Counting {
    /// Those that all VMs count in.
    #[default]
    Shared,
    /// Nothing.
    Untold,
    /// No counter of other VMs.
    Alone,
}

#[derive(Clone)]
struct Scripted {
    vm: u32,
    world: Arc<Mutex<World>>,
}

impl Scripted {
    fn new() -> Self {
        let world =
            World { seconds: 1_800_000_000, signs: true, signs_at_random: true, keeps: true, ..World::default() };
        Self { vm: 0, world: Arc::new(Mutex::new(world)) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another VM of the same proxy.
    fn beside(&self, vm: u32) -> Self {
        Self { vm, world: Arc::clone(&self.world) }
    }
}

impl World {
    fn write(&mut self, key: &str, value: &[u8]) {
        self.writes += 1;
        self.shared.insert(key.to_owned(), (value.to_vec(), self.writes));
    }
}

fn pairs(fields: &Fields) -> Vec<u8> {
    headers::write(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

impl Host for Scripted {
    fn log(&self, _: Level, line: &str) {
        self.world().log.push(line.to_owned());
    }
    fn nanoseconds(&self) -> u64 {
        let mut world = self.world();
        world.clock_reads += 1;
        world.seconds * 1_000_000_000 + world.clock_reads
    }
    fn configuration(&self) -> Option<Vec<u8>> {
        Some(self.world().configuration.clone())
    }
    fn tick_every(&self, _: Duration) {}
    fn header_pairs(&self, map: Map) -> Option<Vec<u8>> {
        let world = self.world();
        Some(match map {
            Map::Fetched => pairs(&vec![(":status".to_owned(), world.fetched.0.clone())]),
            Map::RequestTrailers => pairs(&world.trailers),
            _ => pairs(&world.request),
        })
    }
    fn set_header(&self, map: Map, name: &[u8], value: Option<&[u8]>) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.world().set.push((map, text(name), value.map(text)));
    }
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let mut world = self.world();
        match path {
            ["xds", "route_metadata", "filter_metadata", "countersign"] => {
                world.route_asked += 1;
                world.route.as_ref().map(pairs)
            }
            ["xds", "virtual_host_metadata", "filter_metadata", "countersign"] => {
                world.virtual_host.as_ref().map(pairs)
            }
            _ => None,
        }
    }
    fn set_property(&self, _: &str, _: &str) {}
    fn shared(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        let mut world = self.world();
        world.reads += 1;
        world.seconds += core::mem::take(&mut world.held_up_seconds);
        world.shared.get(key).cloned()
    }
    fn exchange(&self, key: &str, value: &[u8], seen: u32) -> Result<bool, Status> {
        let mut world = self.world();
        if !world.keeps {
            return Err(Status(12));
        }
        if let Some((key, value)) = world.meanwhile.take() {
            world.write(&key, &value);
        }
        // As Envoy has it: a key that is not there takes any value.
        if world.shared.get(key).is_some_and(|(_, number)| *number != seen) {
            return Ok(false);
        }
        world.write(key, value);
        Ok(true)
    }
    fn call(&self, _: &str, headers: &[(&str, &str)], body: &[u8], _: u32) -> Result<u32, Status> {
        let path = headers.iter().find(|(name, _)| *name == ":path").map_or("", |(_, path)| path).to_owned();
        let mut world = self.world();
        if world.knows_no_cluster {
            return Err(Status::BAD_ARGUMENT);
        }
        world.asked.push((self.vm, path));
        world.sent = body.to_vec();
        Ok(u32::try_from(world.asked.len()).unwrap_or(0))
    }
    fn response_body(&self, _: usize) -> Option<Vec<u8>> {
        Some(self.world().fetched.1.clone())
    }
    fn request_body(&self, from: usize, most: usize) -> Option<Vec<u8>> {
        let mut world = self.world();
        let piece = world.body.get(from..)?;
        let piece = piece.get(..most).unwrap_or(piece).to_vec();
        world.longest_piece = world.longest_piece.max(piece.len());
        Some(piece)
    }
    fn let_go_on(&self) {
        self.world().let_go_on += 1;
    }
    fn counter(&self, name: &str) -> Option<u32> {
        let mut world = self.world();
        let known = world.counters.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            world.counters.push((name.to_owned(), 0));
            world.counters.len() - 1
        });
        u32::try_from(known).ok()
    }
    fn gauge(&self, name: &str) -> Option<u32> {
        self.counter(name)
    }
    fn record(&self, gauge: u32, value: u64) {
        if let Some((_, recorded)) = self.world().counters.get_mut(gauge as usize) {
            *recorded = value;
        }
    }
    fn count(&self, counter: u32, by: u64) {
        if let Some((_, count)) = self.world().counters.get_mut(counter as usize) {
            *count += by;
        }
    }
    fn counted(&self, counter: u32) -> Option<u64> {
        let world = self.world();
        match world.counting {
            Counting::Shared => world.counters.get(counter as usize).map(|(_, count)| *count),
            Counting::Untold => None,
            Counting::Alone => Some(0),
        }
    }
    fn foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        let mut world = self.world();
        match name {
            "sign" if world.signs => {
                world.signed += u64::from(world.signs_at_random);
                let random = world.signed.to_le_bytes();
                let signature = countersign::internal::crypto::sha256(&[argument, &random].concat());
                Ok([[0x08, 1].as_slice(), &signature, &signature].concat())
            }
            // A function that says yes to everything is not believed.
            "clear_route_cache" => Ok(Vec::new()),
            "verify_signature" if world.signs => Ok(vec![0x08, 1]),
            _ => Err(Status(1)),
        }
    }
    fn answer(&self, status: u16, headers: &[(String, String)], details: &str) {
        self.world().answer = Some((status, headers.to_vec(), details.to_owned()));
    }
    fn speak_for(&self, context: u32) {
        self.world().speaks_for.push(context);
    }
}

/// The policy and the request of the vector.
fn vector(host: &Scripted, trust: Option<&str>, more: &str) -> Result<String, Fault> {
    let Vector { policies, source, jwks, request, now, .. } = vector::accepted()?;
    let mut world = host.world();
    (world.seconds, world.request) = (now, request);
    let trust = trust.unwrap_or(source);
    world.configuration = format!(r#"{{"policy":{{"trust":[{trust}],"policies":{policies}}}{more}}}"#).into_bytes();
    Ok(jwks.to_owned())
}

fn ready(host: &Scripted) -> Vm<Scripted> {
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(vm.configure(1), "{:?}", host.world().log);
    vm
}

fn ask(vm: &mut Vm<Scripted>, stream: u32) -> Action {
    vm.create(stream, 1);
    let action = vm.request(stream, true);
    vm.response(stream);
    vm.delete(stream);
    action
}

fn details(host: &Scripted) -> String {
    host.world().answer.take().map(|(_, _, details)| details).unwrap_or_default()
}

#[test]
fn a_request_is_judged_and_the_identity_is_ours() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, r#","identity_headers":{"X-User":"subject","x-actor":"actor"}"#)?;
    let mut vm = ready(&host);
    assert_eq!(ask(&mut vm, 2), Action::Continue);
    // The client's go first; absent ones are not removed.
    let set = std::mem::take(&mut host.world().set);
    let [(Map::Request, removed, None), (Map::Request, written, Some(_))] = set.as_slice() else {
        return Err(format!("{set:?}").into());
    };
    assert_eq!((removed.as_str(), written.as_str()), ("x-user", "x-user"));
    host.world().seconds += 100_000;
    assert_eq!(ask(&mut vm, 3), Action::Pause);
    let answer = host.world().answer.take().ok_or("no answer")?;
    assert_eq!((answer.0, answer.2.as_str()), (401, "token_expired"));
    vm.tick(1);
    let name = |outcome: &str| format!("countersign_decisions.policy=default.outcome={outcome}");
    let mut counters = host.world().counters.clone();
    counters.retain(|(name, _)| name.starts_with("countersign_decisions"));
    assert_eq!(counters, [(name("accepted.reason=accepted"), 1), (name("refused.reason=token_expired"), 1)]);
    Ok(())
}

#[test]
fn what_cannot_be_judged_is_refused() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, r#","route_metadata":true"#)?;
    let mut vm = ready(&host);
    let said = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
    for route in [said("policy", "none"), said("policyy", "default"), said("mode", "off")] {
        host.world().route = route;
        assert_eq!((ask(&mut vm, 2), details(&host).as_str()), (Action::Pause, "internal_error"));
    }
    host.world().route = said("policy", "default");
    assert_eq!(ask(&mut vm, 2), Action::Continue);
    // The route's is the more specific one, and counts whole.
    host.world().virtual_host = said("policy", "none");
    assert_eq!(ask(&mut vm, 2), Action::Continue);
    host.world().route = None;
    assert_eq!((ask(&mut vm, 2), details(&host).as_str()), (Action::Pause, "internal_error"));
    // A stream that never began, and one of a configuration that is gone.
    assert_eq!((vm.request(7, true), details(&host).as_str()), (Action::Pause, "internal_error"));
    vm.delete(1);
    assert_eq!((ask(&mut vm, 3), details(&host).as_str()), (Action::Pause, "internal_error"));
    Ok(())
}

#[test]
fn the_clients_fields_go_in_every_spelling_and_the_route_is_asked_once() -> Result<(), Fault> {
    let host = Scripted::new();
    let settings = r#","identity_headers":{"X-User":"subject"},"route_metadata":true,"routes_match_identity":false"#;
    vector(&host, None, settings)?;
    for name in ["x_user", "x.user", "x-user"] {
        host.world().request.push((name.to_owned(), "root".to_owned()));
    }
    let mut vm = ready(&host);
    for (route, action) in [(None, Action::Continue), (Some("none"), Action::Pause)] {
        host.world().route = route.map(|policy| vec![("policy".to_owned(), policy.to_owned())]);
        assert_eq!((ask(&mut vm, 2), host.world().route_asked), (action, 1));
        host.world().route_asked = 0;
        let set = std::mem::take(&mut host.world().set);
        let removed = set.iter().filter(|(.., value)| value.is_none()).map(|(_, name, _)| name.as_str());
        assert_eq!(removed.collect::<Vec<_>>(), ["x-user", "x_user", "x.user", "x-user"]);
        assert_eq!(set.len(), if action == Action::Continue { 5 } else { 4 });
    }
    Ok(())
}

#[test]
fn trailers_carry_no_identity() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, r#","identity_headers":{"X-User":"subject"}"#)?;
    let mut vm = ready(&host);
    host.world().trailers = ["x-user", "x-sum", "x_user"].map(|name| (name.to_owned(), "root".to_owned())).into();
    assert_eq!(vm.trailers(2), Action::Continue);
    let removed = |name: &str| (Map::RequestTrailers, name.to_owned(), None);
    assert_eq!(host.world().set, [removed("x-user"), removed("x_user")]);
    Ok(())
}

#[test]
fn a_repeated_field_that_selects_a_policy_is_refused() -> Result<(), Fault> {
    let host = Scripted::new();
    let selects = r#","policy_rules":[{"header":"x-tenant","exact":"blue","policy":"default"}],"identity_headers":{"x-user":"subject"}"#;
    for (more, action) in [("", Action::Pause), (r#","mode":"shadow""#, Action::Continue)] {
        vector(&host, None, &format!("{selects}{more}"))?;
        let mut vm = ready(&host);
        assert_eq!(ask(&mut vm, 2), Action::Continue);
        host.world().set.clear();
        for _ in 0..2 {
            host.world().request.push(("x-tenant".to_owned(), "green".to_owned()));
            assert_eq!(details(&host), "");
        }
        assert_eq!(ask(&mut vm, 3), action);
        let set = std::mem::take(&mut host.world().set);
        if action == Action::Pause {
            assert_eq!(details(&host), "policy_ambiguous");
        } else {
            assert_eq!(details(&host), "");
        }
        // No client's identity goes on.
        assert_eq!(set, vec![(Map::Request, "x-user".to_owned(), None)]);
        vm.tick(1);
    }
    let counted = |outcome: &str| {
        let name = format!("countersign_decisions.policy=default.outcome={outcome}.reason=policy_ambiguous");
        host.world().counters.iter().find(|(known, _)| *known == name).map(|(_, count)| *count)
    };
    assert_eq!((counted("refused"), counted("shadowed")), (Some(1), Some(1)));
    Ok(())
}

#[test]
fn without_randomness_a_secret_is_needed() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    host.world().signs = false;
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1));
    assert!(host.world().log.iter().any(|line| line.starts_with("countersign: /nonce_keys: found nothing, expected")));
    vector(&host, None, &format!(r#","nonce_keys":["{}"]"#, "A".repeat(43)))?;
    assert_eq!(ask(&mut ready(&host), 2), Action::Continue);
    Ok(())
}

/// B9. Two signatures over different bytes differ in any case: only the same bytes show whether there is a random number in them.
#[test]
fn a_deterministic_signature_is_not_randomness() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    host.world().signs_at_random = false;
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1), "seeds and nonces that a client can compute");
    assert!(host.world().log.iter().any(|line| line.starts_with("countersign: /nonce_keys: found nothing, expected")));
    vector(&host, None, &format!(r#","nonce_keys":["{}"]"#, "A".repeat(43)))?;
    assert_eq!(ask(&mut ready(&host), 2), Action::Continue);
    Ok(())
}

/// B9. The buckets of a store have its name and a number: no name of another store may be read as that of a bucket.
#[test]
fn no_store_has_the_name_of_a_bucket() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    let _running = ready(&host);
    vector(&host, None, r#","replay_store":"default/0""#)?;
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1), "{:?}", host.world().shared.keys());
    assert!(host.world().log.iter().any(|line| line.starts_with("countersign: /replay_store: found \"default/0\"")));
    Ok(())
}

/// Keys on P-384 and P-521 beside those of the vector.
fn with_large_curves(keys: &str) -> String {
    let large = r#"{"kty":"EC","crv":"P-384","kid":"k384","use":"sig",
        "x":"2L4HmJhAOuJDvh7WDJ_ttbvhWBHvp3uhkEJfFh3qCYR883ptQq3AhGZ8bsbfkkZN",
        "y":"4Fz2jDKw85inHMHB7bBL_x6yVP4DfQG9lDXJwrhKoQFHF4_Nn0dyjU85Pa5bOtTs"},
        {"kty":"EC","crv":"P-521","kid":"k521","use":"sig",
        "x":"AaPRWgcMUpE4b7VDw16aCmSmozXaNZOZksc3xSR5eGwbHWANjuJD3yEeUPdL1Tvum03tmrqZ5rHHqvpHGtYAJ7ru",
        "y":"AH7MPQUBq8Njo-MKTXbZPlgh6Yull8cfb_kaACTnVhXi4Z95fwEWGbGCDHqJSWNogOqVXpFCJ863-_z9XK1MdGBl"},"#;
    keys.replacen('[', &format!("[{large}"), 1)
}

#[cfg(not(feature = "large-curves"))]
#[test]
fn a_key_that_neither_the_vm_nor_the_proxy_checks_is_dropped_and_reported() -> Result<(), Fault> {
    let host = Scripted::new();
    let dropped = |host: &Scripted| -> Vec<String> {
        host.world().log.iter().filter(|line| line.contains(" is dropped: ")).cloned().collect()
    };
    let expected = ["key 0 (k384)", "key 1 (k521)"]
        .map(|key| format!("issuer https://as.example: {key} is dropped: algorithm_unsupported"));
    let Vector { source, jwks, .. } = vector::accepted()?;
    let inline = source.replacen(jwks, &with_large_curves(jwks), 1);
    // The function of this proxy answers wrongly, so the VM does not use it.
    vector(&host, Some(&inline), "")?;
    assert_eq!(ask(&mut ready(&host), 2), Action::Continue, "{}", details(&host));
    assert_eq!(dropped(&host), expected);
    // The same for a document that is fetched.
    let host = Scripted::new();
    let keys = vector(&host, Some(ISSUER), FETCHED)?;
    let mut vm = ready(&host);
    vm.tick(1);
    host.world().fetched = ("200".to_owned(), with_large_curves(&keys).into_bytes());
    vm.answered(1, 1, 1, 1);
    assert_eq!(ask(&mut vm, 2), Action::Continue, "{}", details(&host));
    assert_eq!(dropped(&host), expected);
    Ok(())
}

#[cfg(not(feature = "large-curves"))]
#[test]
fn a_policy_whose_proofs_nothing_checks_is_refused() -> Result<(), Fault> {
    let host = Scripted::new();
    let Vector { source, .. } = vector::accepted()?;
    let policies = r#"{"default":{"accept":["at+jwt"],"audience":["a"],"dpop":{"algorithms":["ES384","ES512"]}}}"#;
    host.world().configuration = format!(r#"{{"policy":{{"trust":[{source}],"policies":{policies}}}}}"#).into_bytes();
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1));
    let expected = "countersign: /policy/policies/default/dpop/algorithms: found none that the VM or this proxy checks, expected \
                    one of the others";
    assert_eq!(host.world().log.last().map(String::as_str), Some(expected));
    Ok(())
}

#[cfg(not(feature = "large-curves"))]
#[test]
fn a_challenge_names_no_algorithm_that_nothing_checks() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    host.world().request.retain(|(name, _)| name != "authorization");
    assert_eq!(ask(&mut ready(&host), 2), Action::Pause);
    let (_, fields, _) = host.world().answer.take().ok_or("no answer")?;
    let challenge = fields.iter().find(|(_, value)| value.starts_with("DPoP ")).ok_or("no challenge")?;
    assert!(challenge.1.contains("ES256") && !challenge.1.contains("ES384") && !challenge.1.contains("ES512"));
    Ok(())
}

#[test]
fn a_configuration_that_is_refused_leaves_the_store_alone() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    let _running = ready(&host);
    let store = |host: &Scripted| host.world().shared.get("countersign/used-proofs/default").cloned();
    let before = store(&host);
    // A wider window, and keys that are none.
    let text = r#"{"policy":{"trust":[{"issuer":"https://as.example","jwks":{"kys":[]}}],"policies":{"default":
        {"accept":["at+jwt"],"audience":["a"],"dpop":{"max_age_seconds":299}}}}}"#;
    host.world().configuration = text.as_bytes().to_vec();
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1));
    assert!(before.is_some() && store(&host) == before);
    Ok(())
}

#[test]
fn a_proxy_without_shared_data_is_refused() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    host.world().keeps = false;
    let mut vm = Vm::new(host.clone());
    vm.create(1, 0);
    assert!(!vm.configure(1));
    assert!(host.world().log.iter().any(|line| line.contains("keeps no shared data (status 12)")));
    Ok(())
}

#[test]
fn a_function_that_accepts_everything_is_not_believed() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    let mut vm = ready(&host);
    assert!(host.world().log.iter().any(|line| line == "countersign: all signatures are checked in the VM"));
    let broken = |(name, value): &(String, String)| match name.as_str() {
        "authorization" => (name.clone(), format!("{}AAAA", value.get(..value.len() - 4).unwrap_or_default())),
        _ => (name.clone(), value.clone()),
    };
    let request = host.world().request.iter().map(broken).collect();
    host.world().request = request;
    assert_eq!((ask(&mut vm, 2), details(&host).as_str()), (Action::Pause, "signature_invalid"));
    Ok(())
}

/// A policy that asks the issuer about opaque tokens, and one that reads the body, with the settings for both.
fn asking(host: &Scripted) -> Result<Vm<Scripted>, Fault> {
    let Vector { source, request, now, .. } = vector::accepted()?;
    let source = source.replacen('{', r#"{"introspection":{"uri":"https://as.example/introspect?a=b"},"#, 1);
    let policies = r#"{"opaque":{"accept":[{"kind":"introspected","issuer":"https://as.example"}],"audience":"https://api.example"},
        "tools":{"accept":["at+jwt"],"audience":"https://api.example","tools":[{"name":"read"}],"body_bytes":100000},
        "both":{"accept":[{"kind":"introspected","issuer":"https://as.example"}],"audience":"https://api.example","tools":[{"name":"read"}]}}"#;
    let settings = r#""default_policy":"opaque","introspection":{"cluster":"as"},"allow_on_headers_stop_iteration":true,
        "identity_headers":{"x-user":"subject","x-tool":"tool"},"routes_match_identity":false"#;
    let mut world = host.world();
    (world.seconds, world.request) = (now, request);
    world.configuration =
        format!(r#"{{"policy":{{"trust":[{source}],"policies":{policies}}},{settings}}}"#).into_bytes();
    drop(world);
    Ok(ready(host))
}

fn route_to(host: &Scripted, policy: &str) {
    host.world().route = Some(vec![("policy".to_owned(), policy.to_owned())]);
}

fn opaque(host: &Scripted, token: &str) {
    let mut world = host.world();
    world.request.retain(|(name, _)| name != "authorization");
    world.request.push(("authorization".to_owned(), format!("Bearer {token}")));
}

/// The issuer answers.
fn introspected(host: &Scripted, vm: &mut Vm<Scripted>, callout: u32, status: &str, body: &str) {
    host.world().fetched = (status.to_owned(), body.as_bytes().to_vec());
    // As Envoy has it, for the configuration and not for the stream.
    vm.answered(1, callout, 1, body.len());
}

const ACTIVE: &str = r#"{"active":true,"iss":"https://as.example","sub":"alice","aud":"https://api.example","client_id":"shop","exp":1800000300,"iat":1800000000}"#;

fn counted(host: &Scripted, policy: &str, reason: &str) -> u64 {
    let outcome = if reason == "accepted" { "accepted" } else { "refused" };
    let name = format!("countersign_decisions.policy={policy}.outcome={outcome}.reason={reason}");
    host.world().counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
}

fn begin(vm: &mut Vm<Scripted>, stream: u32, ends: bool) -> Action {
    vm.create(stream, 1);
    vm.request(stream, ends)
}

/// How many requests were let go on, and whether none was answered.
fn let_go_on_and_unanswered(host: &Scripted) -> (usize, bool) {
    let world = host.world();
    (world.let_go_on, world.answer.is_none())
}

fn written(host: &Scripted) -> Fields {
    let set = std::mem::take(&mut host.world().set);
    set.into_iter().filter_map(|(_, name, value)| Some((name, value?))).collect()
}

#[test]
fn an_opaque_token_waits_for_its_issuer() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    // Three at once, which are answered in another order.
    for (stream, token) in [(2, "one+1"), (3, "two"), (4, "three")] {
        opaque(&host, token);
        assert_eq!(begin(&mut vm, stream, true), Action::PauseAll);
        assert!(written(&host).is_empty(), "nothing before the answer");
    }
    assert_eq!(host.world().sent, b"token=three");
    assert_eq!(host.world().asked, vec![(0, "/introspect?a=b".to_owned()); 3]);
    opaque(&host, "two");
    // The answer to a call that no stream waits for.
    introspected(&host, &mut vm, 9, "200", ACTIVE);
    assert_eq!(let_go_on_and_unanswered(&host), (0, true));
    introspected(&host, &mut vm, 2, "200", ACTIVE);
    assert_eq!(let_go_on_and_unanswered(&host), (1, true));
    assert_eq!(written(&host), [("x-user".to_owned(), "alice".to_owned())]);
    // An answer comes once.
    introspected(&host, &mut vm, 2, "200", ACTIVE);
    assert_eq!(host.world().let_go_on, 1);
    opaque(&host, "one+1");
    introspected(&host, &mut vm, 1, "200", r#"{"active":false}"#);
    assert_eq!((details(&host).as_str(), host.world().let_go_on), ("token_inactive", 1));
    opaque(&host, "three");
    introspected(&host, &mut vm, 3, "500", ACTIVE);
    let (status, _, details) = host.world().answer.take().ok_or("no answer")?;
    assert_eq!((status, details.as_str(), host.world().let_go_on), (503, "introspection_unavailable", 1));
    // It is remembered for a while.
    opaque(&host, "two");
    assert_eq!((ask(&mut vm, 5), host.world().asked.len()), (Action::Continue, 3));
    vm.tick(1);
    let counts =
        ["accepted", "token_inactive", "introspection_unavailable"].map(|reason| counted(&host, "opaque", reason));
    assert_eq!(counts, [2, 1, 1]);
    assert_eq!(host.world().speaks_for, [3, 2, 4]);
    Ok(())
}

#[test]
fn an_issuer_that_gives_no_answer_is_unavailable() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    opaque(&host, "two");
    let refused = |host: &Scripted| host.world().answer.take().map(|(status, _, details)| (status, details));
    let unavailable = || Some((503, "introspection_unavailable".to_owned()));
    let long = format!("{}{}", ACTIVE, " ".repeat(64 * 1024));
    for (callout, (fields, status, body)) in
        (1..).zip([(0, "200", ACTIVE), (1, "201", ACTIVE), (1, "200", ""), (1, "200", "<html>"), (1, "200", &long)])
    {
        assert_eq!(begin(&mut vm, 2, true), Action::PauseAll);
        host.world().fetched = (status.to_owned(), body.as_bytes().to_vec());
        vm.answered(1, callout, fields, body.len());
        assert_eq!(refused(&host), unavailable(), "{status} {}", body.len());
        vm.delete(2);
    }
    host.world().knows_no_cluster = true;
    assert_eq!(begin(&mut vm, 2, true), Action::Pause);
    assert_eq!((refused(&host), host.world().let_go_on), (unavailable(), 0));
    Ok(())
}

#[test]
fn a_stream_that_goes_while_it_waits_is_counted() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    route_to(&host, "tools");
    assert_eq!(begin(&mut vm, 2, false), Action::Pause);
    vm.delete(2);
    route_to(&host, "opaque");
    opaque(&host, "two");
    assert_eq!(begin(&mut vm, 3, true), Action::PauseAll);
    vm.delete(3);
    // An answer that comes after all is of no stream.
    introspected(&host, &mut vm, 1, "200", ACTIVE);
    assert_eq!(let_go_on_and_unanswered(&host), (0, true));
    vm.tick(1);
    assert_eq!(["tools", "opaque"].map(|policy| counted(&host, policy, "decision_abandoned")), [1, 1]);
    // One whose configuration went first is refused.
    assert_eq!(begin(&mut vm, 4, true), Action::PauseAll);
    vm.delete(1);
    introspected(&host, &mut vm, 2, "200", ACTIVE);
    assert_eq!((details(&host).as_str(), host.world().let_go_on), ("internal_error", 0));
    Ok(())
}

fn tool(name: &str, more: usize) -> Vec<u8> {
    let rest = "a".repeat(more);
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{{"x":"{rest}"}}}}}}"#
    )
    .into_bytes()
}

#[test]
fn a_body_is_read_as_it_comes() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    route_to(&host, "tools");
    for (name, more, ends_with_trailers, reason) in [
        ("read", 10, false, ""),
        ("read", 90_000, false, ""),
        ("read", 90_000, true, ""),
        ("write", 10, false, "tool_refused"),
        ("write", 90_000, true, "tool_refused"),
    ] {
        let body = tool(name, more);
        host.world().body.clear();
        assert_eq!(begin(&mut vm, 2, false), Action::Pause);
        let (first, last) = body.split_at(body.len() / 3);
        host.world().body.extend_from_slice(first);
        assert_eq!(vm.body(2, false), Action::Pause);
        assert_eq!(vm.body(2, false), Action::Pause, "no piece");
        assert!(written(&host).is_empty());
        host.world().body.extend_from_slice(last);
        let action = if ends_with_trailers {
            assert_eq!(vm.body(2, false), Action::Pause);
            vm.trailers(2)
        } else {
            vm.body(2, true)
        };
        assert_eq!(details(&host), reason, "{name} {more}");
        if reason.is_empty() {
            let expected =
                [("x-user", "alice"), ("x-tool", "read")].map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!((action, written(&host)), (Action::Continue, expected.to_vec()));
            // Its later state does not matter.
            assert_eq!([vm.body(2, true), vm.trailers(2)], [Action::Continue; 2]);
        } else {
            assert_eq!((action, written(&host)), (Action::Pause, vec![]));
        }
        vm.delete(2);
    }
    assert!(host.world().longest_piece <= 64 * 1024);
    // The proxy goes on by itself where a hook lets it.
    assert_eq!(host.world().let_go_on, 0);
    Ok(())
}

#[test]
fn a_request_without_a_body_calls_nothing() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    route_to(&host, "tools");
    assert_eq!(ask(&mut vm, 2), Action::Continue);
    assert_eq!(written(&host), [("x-user".to_owned(), "alice".to_owned())]);
    Ok(())
}

#[test]
fn a_body_that_is_too_long_is_refused_at_that_byte_and_nothing_of_it_goes_on() -> Result<(), Fault> {
    let host = Scripted::new();
    let mut vm = asking(&host)?;
    route_to(&host, "tools");
    assert_eq!(begin(&mut vm, 2, false), Action::Pause);
    host.world().body = vec![b'a'; 100_000];
    assert_eq!(vm.body(2, false), Action::Pause);
    assert!(host.world().answer.is_none());
    host.world().body.push(b'a');
    assert_eq!(vm.body(2, false), Action::Pause);
    let (status, _, details) = host.world().answer.take().ok_or("no answer")?;
    assert_eq!((status, details.as_str()), (413, "body_too_large"));
    assert_eq!([vm.body(2, false), vm.body(2, true), vm.trailers(2)], [Action::PauseAll; 3]);
    assert!(host.world().answer.is_none(), "one answer");
    vm.delete(2);
    vm.tick(1);
    assert_eq!((counted(&host, "tools", "body_too_large"), counted(&host, "tools", "decision_abandoned")), (1, 0));
    Ok(())
}

#[test]
fn a_body_comes_while_the_issuer_is_asked() -> Result<(), Fault> {
    for (name, ends_before, reason) in [("read", true, ""), ("read", false, ""), ("write", true, "tool_refused")] {
        let host = Scripted::new();
        let mut vm = asking(&host)?;
        route_to(&host, "both");
        opaque(&host, "two");
        // The proxy keeps what comes.
        assert_eq!(begin(&mut vm, 2, false), Action::Pause);
        let body = tool(name, 10);
        let (first, last) = body.split_at(20);
        host.world().body = first.to_vec();
        assert_eq!(vm.body(2, false), Action::Pause);
        if ends_before {
            host.world().body.extend_from_slice(last);
            assert_eq!(vm.body(2, true), Action::Pause);
        }
        introspected(&host, &mut vm, 1, "200", ACTIVE);
        if !ends_before {
            assert_eq!(let_go_on_and_unanswered(&host), (0, true));
            host.world().body.extend_from_slice(last);
            assert_eq!(vm.body(2, true), Action::Continue);
        }
        assert_eq!(details(&host), reason);
        assert_eq!(host.world().let_go_on, usize::from(ends_before && reason.is_empty()));
        assert_eq!(written(&host).len(), if reason.is_empty() { 2 } else { 0 });
    }
    Ok(())
}

const FETCHED: &str =
    r#","fetch":[{"issuer":"https://as.example","cluster":"as","uri":"http://as/keys","refresh_seconds":10}]"#;
const ISSUER: &str = r#"{"issuer":"https://as.example"}"#;

#[test]
fn one_vm_fetches_and_all_refuse_a_key_that_is_gone() -> Result<(), Fault> {
    let host = Scripted::new();
    let keys = vector(&host, Some(ISSUER), FETCHED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    assert_eq!((ask(&mut first, 2), details(&host).as_str()), (Action::Pause, "keys_stale"));
    first.tick(1);
    second.tick(1);
    assert_eq!(host.world().asked, [(1, "/keys".to_owned())]);
    host.world().fetched = ("200".to_owned(), keys.into_bytes());
    first.answered(1, 1, 1, 1);
    assert_eq!([ask(&mut first, 3), ask(&mut second, 3)], [Action::Continue; 2]);
    // Not before it is due, and then by the first VM.
    second.tick(1);
    assert_eq!(host.world().asked.len(), 1);
    host.world().seconds += 11;
    second.tick(1);
    first.tick(1);
    assert_eq!(host.world().asked.get(1), Some(&(2, "/keys".to_owned())));
    // What cannot be used changes nothing.
    host.world().fetched = ("200".to_owned(), b"<html>".to_vec());
    second.answered(1, 2, 1, 6);
    assert_eq!([ask(&mut first, 4), ask(&mut second, 4)], [Action::Continue; 2]);
    host.world().seconds += 1;
    first.tick(1);
    host.world().fetched = ("200".to_owned(), br#"{"keys":[]}"#.to_vec());
    first.answered(1, 3, 1, 11);
    for vm in [&mut first, &mut second] {
        assert_eq!((ask(vm, 5), details(&host).as_str()), (Action::Pause, "key_unknown"));
    }
    // A VM that starts later has the documents fetched before.
    let mut third = ready(&host.beside(3));
    assert_eq!((ask(&mut third, 2), details(&host).as_str()), (Action::Pause, "key_unknown"));
    let outcome = |outcome: &str| {
        let name = format!("countersign_trust_documents.from=fetch.outcome={outcome}");
        host.world().counters.iter().find(|(known, _)| *known == name).map(|(_, count)| *count)
    };
    assert_eq!((outcome("loaded"), outcome("refused"), outcome("failed")), (Some(2), Some(1), None));
    Ok(())
}

/// Which VMs refuse a key that is gone: with their next request, and after a tick.
fn refusing(counting: Counting) -> Result<[[Action; 2]; 2], Fault> {
    let host = Scripted::new();
    host.world().counting = counting;
    let keys = vector(&host, Some(ISSUER), FETCHED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    first.tick(1);
    host.world().fetched = ("200".to_owned(), keys.into_bytes());
    first.answered(1, 1, 1, 1);
    second.tick(1);
    assert_eq!([ask(&mut first, 2), ask(&mut second, 2)], [Action::Continue; 2]);
    host.world().seconds += 11;
    first.tick(1);
    host.world().fetched = ("200".to_owned(), br#"{"keys":[]}"#.to_vec());
    first.answered(1, 2, 1, 11);
    let next = [ask(&mut first, 3), ask(&mut second, 3)];
    second.tick(1);
    Ok([next, [ask(&mut first, 4), ask(&mut second, 4)]])
}

#[test]
fn what_is_published_is_heard_of_whatever_a_proxy_tells_of_counters() -> Result<(), Fault> {
    assert_eq!(refusing(Counting::Shared)?, [[Action::Pause; 2]; 2]);
    assert_eq!(refusing(Counting::Untold)?, [[Action::Pause; 2]; 2]);
    // A VM that cannot read the counts of others learns it with its next tick.
    assert_eq!(refusing(Counting::Alone)?, [[Action::Pause, Action::Continue], [Action::Pause; 2]]);
    Ok(())
}

#[test]
fn a_request_reads_no_shared_value_while_nothing_is_published() -> Result<(), Fault> {
    let host = Scripted::new();
    let keys = vector(&host, Some(ISSUER), FETCHED)?;
    let mut vm = ready(&host.beside(1));
    vm.tick(1);
    host.world().fetched = ("200".to_owned(), keys.into_bytes());
    vm.answered(1, 1, 1, 1);
    assert_eq!(ask(&mut vm, 2), Action::Continue);
    let before = host.world().reads;
    assert_eq!([ask(&mut vm, 3), ask(&mut vm, 4)], [Action::Continue; 2]);
    assert_eq!(host.world().reads, before);
    Ok(())
}

const REVOKED: &str = r#","revocations_fetch":{"cluster":"as","uri":"http://as/revoked","refresh_seconds":10}"#;

/// A document that revokes one token, or one key, of the vector's issuer.
fn revoking(kind: &str, name: &str) -> String {
    format!(r#"{{"authorities":[{{"issuer":"https://as.example","{kind}":["{name}"]}}]}}"#)
}

#[test]
fn one_vm_fetches_what_is_revoked_and_all_refuse_it() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, REVOKED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    // The revocations are not known, so no token is accepted.
    for vm in [&mut first, &mut second] {
        assert_eq!((ask(vm, 2), details(&host).as_str()), (Action::Pause, "revocations_stale"));
        vm.tick(1);
    }
    assert_eq!(host.world().asked, [(1, "/revoked".to_owned())]);
    let answer = |vm: &mut Vm<Scripted>, callout: u32, body: &str| {
        host.world().fetched = ("200".to_owned(), body.as_bytes().to_vec());
        vm.answered(1, callout, 1, body.len());
    };
    answer(&mut first, 1, "{\"authority\":[]}");
    assert_eq!((ask(&mut first, 3), details(&host).as_str()), (Action::Pause, "revocations_stale"));
    host.world().seconds += 1;
    second.tick(1);
    answer(&mut second, 2, "{}");
    assert_eq!([ask(&mut first, 4), ask(&mut second, 4)], [Action::Continue; 2]);
    host.world().seconds += 11;
    first.tick(1);
    second.tick(1);
    assert_eq!(host.world().asked.len(), 3);
    answer(&mut first, 3, &revoking("tokens", "at-1"));
    for vm in [&mut first, &mut second] {
        assert_eq!((ask(vm, 5), details(&host).as_str()), (Action::Pause, "token_revoked"));
    }
    // A document that cannot be used changes nothing, and is reported without a byte of it.
    host.world().seconds += 11;
    second.tick(1);
    answer(&mut second, 4, r#"{"authorities":[{"issuer":"https://as.example","tokens":"secret"}]}"#);
    let told = "/authorities/0/tokens: found a string, expected an array (failure 1 in a row)";
    assert!(host.world().log.iter().any(|line| line.contains(told)), "{:?}", host.world().log);
    assert!(!host.world().log.iter().any(|line| line.contains("secret")));
    let mut third = ready(&host.beside(3));
    for vm in [&mut first, &mut second, &mut third] {
        assert_eq!((ask(vm, 6), details(&host).as_str()), (Action::Pause, "token_revoked"));
    }
    // A list is replaced whole.
    host.world().seconds += 1;
    first.tick(1);
    answer(&mut first, 5, r#"{"authorities":[{"issuer":"https://typo.example"}]}"#);
    assert_eq!([ask(&mut first, 7), ask(&mut second, 7)], [Action::Continue; 2]);
    let told = "revocations: the policy knows no issuer https://typo.example";
    assert!(host.world().log.iter().any(|line| line == told), "{:?}", host.world().log);
    let outcome = |outcome: &str| {
        let name = format!("countersign_trust_documents.from=fetch.outcome={outcome}");
        host.world().counters.iter().find(|(known, _)| *known == name).map(|(_, count)| *count)
    };
    assert_eq!((outcome("loaded"), outcome("refused"), outcome("failed")), (Some(3), Some(2), None));
    Ok(())
}

#[test]
fn a_list_that_is_the_same_is_newer_than_answers_that_are_late() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, REVOKED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    let answer = |vm: &mut Vm<Scripted>, callout: u32, body: &str| {
        host.world().fetched = ("200".to_owned(), body.as_bytes().to_vec());
        vm.answered(1, callout, 1, body.len());
    };
    first.tick(1);
    answer(&mut first, 1, "{}");
    // The first VM asks and waits; its lease ends, and the second one is given the document in use.
    host.world().seconds += 11;
    first.tick(1);
    host.world().seconds += 11;
    second.tick(1);
    assert_eq!(host.world().asked.len(), 3);
    answer(&mut second, 3, "{}");
    answer(&mut first, 2, &revoking("tokens", "at-1"));
    assert_eq!([ask(&mut first, 2), ask(&mut second, 2)], [Action::Continue; 2]);
    let world = host.world();
    let document = world.shared.iter().find(|(key, _)| key.starts_with("countersign/document/"));
    // Its number, and that of the first one with its text.
    let numbers = document.map(|(_, (value, _))| (value.first().copied(), value.get(8).copied()));
    assert_eq!(numbers, Some((Some(3), Some(1))));
    Ok(())
}

#[test]
fn a_list_that_is_too_old_tells_nothing_until_the_next_one() -> Result<(), Fault> {
    let host = Scripted::new();
    let fetch = REVOKED.replace("\"refresh_seconds\":10", "\"refresh_seconds\":10,\"max_stale_seconds\":25");
    vector(&host, None, &fetch)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    let answer = |vm: &mut Vm<Scripted>, callout: u32, status: &str, body: &str| {
        host.world().fetched = (status.to_owned(), body.as_bytes().to_vec());
        vm.answered(1, callout, 1, body.len());
    };
    let both = |first: &mut Vm<Scripted>, second: &mut Vm<Scripted>, stream: u32| {
        [first, second].map(|vm| (ask(vm, stream), details(&host)))
    };
    let (pass, stale) = ((Action::Continue, String::new()), (Action::Pause, "revocations_stale".to_owned()));
    first.tick(1);
    answer(&mut first, 1, "200", "{}");
    host.world().seconds += 25;
    assert_eq!(both(&mut first, &mut second, 2), [pass.clone(), pass.clone()]);
    // Its server fails from now on: cached tokens are refused as well.
    first.tick(1);
    answer(&mut first, 2, "503", "{}");
    host.world().seconds += 1;
    assert_eq!(both(&mut first, &mut second, 3), [stale.clone(), stale.clone()]);
    second.tick(1);
    answer(&mut second, 3, "200", "{}");
    assert_eq!(both(&mut first, &mut second, 4), [pass.clone(), pass]);
    // Another one is read, by the VM that was started meanwhile too.
    host.world().seconds += 11;
    first.tick(1);
    answer(&mut first, 4, "200", &revoking("tokens", "at-1"));
    let revoked = (Action::Pause, "token_revoked".to_owned());
    assert_eq!(both(&mut first, &mut ready(&host.beside(3)), 5), [revoked.clone(), revoked.clone()]);
    assert_eq!((ask(&mut second, 5), details(&host)), revoked);
    host.world().seconds += 26;
    assert_eq!(both(&mut first, &mut second, 6), [stale.clone(), stale]);
    Ok(())
}

#[test]
fn what_the_settings_revoke_holds_whatever_is_fetched() -> Result<(), Fault> {
    let host = Scripted::new();
    let inline = format!(r#","revocations":{}"#, revoking("tokens", "at-1"));
    for (more, callouts) in [(inline.clone(), 0), (inline + REVOKED, 1)] {
        vector(&host, None, &more)?;
        let mut vm = ready(&host);
        vm.tick(1);
        assert_eq!(host.world().asked.len(), callouts);
        if callouts > 0 {
            host.world().fetched = ("200".to_owned(), b"{}".to_vec());
            vm.answered(1, 1, 1, 2);
        }
        assert_eq!((ask(&mut vm, 2), details(&host).as_str()), (Action::Pause, "token_revoked"));
    }
    vector(&host, None, &format!(r#","revocations":{}"#, revoking("tokens", "at-2")))?;
    assert_eq!(ask(&mut ready(&host), 2), Action::Continue);
    Ok(())
}

#[test]
fn a_vm_that_dies_while_it_fetches_is_replaced_and_its_answer_is_late() -> Result<(), Fault> {
    let host = Scripted::new();
    let keys = vector(&host, Some(ISSUER), FETCHED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    first.tick(1);
    second.tick(1);
    assert_eq!(host.world().asked.len(), 1);
    host.world().seconds += 11;
    second.tick(1);
    assert_eq!(host.world().asked.get(1), Some(&(2, "/keys".to_owned())));
    host.world().fetched = ("200".to_owned(), br#"{"keys":[]}"#.to_vec());
    second.answered(1, 2, 1, 11);
    // An older document never takes the place of a newer one.
    host.world().fetched = ("200".to_owned(), keys.into_bytes());
    first.answered(1, 1, 1, 1);
    assert_eq!((ask(&mut first, 2), details(&host).as_str()), (Action::Pause, "key_unknown"));
    Ok(())
}

#[test]
fn an_unknown_key_asks_once_whatever_the_vm() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, Some(ISSUER), FETCHED)?;
    let (mut first, mut second) = (ready(&host.beside(1)), ready(&host.beside(2)));
    first.tick(1);
    host.world().fetched = ("200".to_owned(), br#"{"keys":[]}"#.to_vec());
    first.answered(1, 1, 1, 11);
    for stream in 2..10 {
        ask(&mut second, stream);
        ask(&mut first, stream);
    }
    assert_eq!(host.world().asked.len(), 2);
    Ok(())
}

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);
const NEED: Need = Need { window: ReplayWindow { max_age_seconds: 60, future_seconds: 5 }, proofs: 128, forget: true };

fn open(host: &Scripted, need: Need, now: UnixSeconds) -> Result<SharedReplay<Scripted>, Fault> {
    host.world().seconds = now.as_u64();
    let store = SharedReplay::named(host, "s");
    store.prepare(need, [1, 2]).map_err(|fault| fault.to_string())?;
    Ok(store)
}

#[test]
fn a_proof_is_used_once_in_all_vms() -> Result<(), Fault> {
    let host = Scripted::new();
    let one_bucket = Need { proofs: 63, ..NEED };
    let (first, second) = (open(&host, one_bucket, NOW)?, open(&host.beside(2), one_bucket, NOW)?);
    assert_eq!(first.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Recorded));
    assert_eq!(second.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Replayed));
    assert_eq!(second.record_use(&[8; 32], NOW, NOW.plus(61)), Ok(FirstUse::Unknowable));
    // Another VM claims the same proof between our look and our exchange.
    let bucket = host.world().shared.keys().find(|key| key.contains("/s/")).cloned().ok_or("no bucket")?;
    let before = host.world().shared.get(&bucket).cloned().ok_or("no bucket")?.0;
    assert_eq!(first.record_use(&[9; 32], NOW, NOW), Ok(FirstUse::Recorded));
    let after = host.world().shared.get(&bucket).cloned().ok_or("no bucket")?.0;
    host.world().write(&bucket, &before);
    host.world().meanwhile = Some((bucket.clone(), after));
    assert_eq!(second.record_use(&[9; 32], NOW, NOW), Ok(FirstUse::Replayed));
    host.world().shared.insert(bucket, (vec![1], 99));
    assert!(second.record_use(&[9; 32], NOW, NOW).is_err());
    host.world().shared.clear();
    assert!(second.record_use(&[9; 32], NOW, NOW).is_err());
    Ok(())
}

/// B9. A VM reads the clock, is held up, and then makes the store wider: a proof that another VM accepted meanwhile stays used.
#[test]
fn a_store_made_wider_forgets_no_proof_of_the_meantime() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    let mut first = ready(&host);
    ask(&mut first, 2);
    let store = SharedReplay::named(&host, "default");
    let now = UnixSeconds::new(host.world().seconds);
    let (meanwhile, issued_at) = (now.plus(3), now.plus(8));
    assert_eq!(store.record_use(&[7; 32], issued_at, meanwhile), Ok(FirstUse::Recorded));
    let wider = r#"{"accept":["at+jwt"],"audience":["a"],"dpop":{"max_age_seconds":299}}"#;
    let policy =
        format!(r#"{{"policy":{{"trust":[{{"issuer":"https://as.example"}}],"policies":{{"default":{wider}}}}}}}"#);
    host.world().configuration = policy.into_bytes();
    host.world().held_up_seconds = 3;
    let mut second = Vm::new(host.beside(2));
    second.create(1, 0);
    assert!(second.configure(1), "{:?}", host.world().log);
    assert_eq!(store.record_use(&[7; 32], issued_at, issued_at), Ok(FirstUse::Unknowable));
    Ok(())
}

#[test]
fn gauges_and_a_line_of_the_log_say_how_the_store_is() -> Result<(), Fault> {
    let host = Scripted::new();
    vector(&host, None, "")?;
    let mut vm = ready(&host);
    let gauge = |name: &str| {
        let name = format!("countersign_replay_{name}.store=default");
        host.world().counters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    };
    vm.tick(1);
    let now = host.world().seconds;
    assert_eq!((gauge("live_proofs"), gauge("refusing_permille")), (Some(0), Some(1000)), "a new store refuses");
    assert_eq!(gauge("refusing_until_seconds"), Some(now + 6));
    host.world().seconds += 6;
    let store = SharedReplay::named(&host, "default");
    let later = UnixSeconds::new(now + 6);
    // More than a tenth of the slots, so that the buckets that are read have about as many.
    let mut used = 0_u64;
    for number in 0..20_000_u32 {
        let proof = countersign::internal::crypto::sha256(&number.to_be_bytes());
        used += u64::from(store.record_use(&proof, later, later) == Ok(FirstUse::Recorded));
    }
    vm.tick(1);
    let (live, slots) = (gauge("live_proofs").ok_or("none")?, gauge("slots").ok_or("none")?);
    assert!(live.abs_diff(used) < used / 5 && slots > 131_072, "{live} of {slots}, used {used}");
    assert_eq!((gauge("refusing_permille"), gauge("refusing_until_seconds")), (Some(0), Some(0)));
    Ok(())
}

/// A claim is under way when another VM makes the store wider: the new one would not know the proof.
#[test]
fn a_claim_that_ends_in_a_store_that_is_gone_is_refused() -> Result<(), Fault> {
    let host = Scripted::new();
    let narrow = open(&host, NEED, NOW)?;
    let before = host.world().shared.clone();
    let window = ReplayWindow { max_age_seconds: 300, future_seconds: 5 };
    open(&host, Need { window, ..NEED }, NOW)?;
    let wider = host.world().shared.get("countersign/used-proofs/s").cloned().ok_or("no store")?.0;
    host.world().shared = before;
    host.world().meanwhile = Some(("countersign/used-proofs/s".to_owned(), wider));
    assert_eq!(narrow.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Unknowable));
    assert_eq!(narrow.record_use(&[7; 32], NOW, NOW.plus(1)), Ok(FirstUse::Unknowable));
    let later = NOW.plus(6);
    assert_eq!(narrow.record_use(&[7; 32], later, later), Ok(FirstUse::Recorded));
    Ok(())
}

/// A VM ends after it made the store, before it read the clock: the next one that needs the store goes on.
#[test]
fn a_store_that_was_left_half_made_is_finished() -> Result<(), Fault> {
    let host = Scripted::new();
    let need = Need { forget: false, ..NEED };
    let store = open(&host, need, NOW)?;
    let key = "countersign/used-proofs/s";
    let mut header = host.world().shared.get(key).cloned().ok_or("no store")?.0;
    header.get_mut(8..16).ok_or("no floor")?.copy_from_slice(&u64::MAX.to_le_bytes());
    host.world().write(key, &header);
    assert_eq!(store.record_use(&[7; 32], NOW.plus(9), NOW.plus(9)), Ok(FirstUse::Unknowable));
    let again = open(&host.beside(2), need, NOW)?;
    for store in [&store, &again] {
        assert_eq!(store.record_use(&[7; 32], NOW.plus(5), NOW), Ok(FirstUse::Unknowable));
    }
    assert_eq!(store.record_use(&[7; 32], NOW.plus(9), NOW.plus(9)), Ok(FirstUse::Recorded));
    assert_eq!(again.record_use(&[7; 32], NOW.plus(9), NOW.plus(9)), Ok(FirstUse::Replayed));
    Ok(())
}

#[test]
fn a_new_or_a_wider_store_refuses_what_may_have_been_used_before_it() -> Result<(), Fault> {
    let host = Scripted::new();
    let narrow = open(&host, Need { forget: false, ..NEED }, NOW)?;
    assert_eq!(narrow.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Unknowable));
    let later = NOW.plus(6);
    assert_eq!(narrow.record_use(&[7; 32], later, later), Ok(FirstUse::Recorded));
    let window = ReplayWindow { max_age_seconds: 300, future_seconds: 5 };
    let wide = open(&host, Need { window, proofs: 1000, forget: true }, later)?;
    // What the old store has seen, the new one cannot know; and those who were there before go by the new one.
    for store in [&narrow, &wide] {
        assert_eq!(store.record_use(&[7; 32], later, later), Ok(FirstUse::Unknowable));
    }
    let afterwards = later.plus(6);
    assert_eq!(narrow.record_use(&[8; 32], afterwards, afterwards), Ok(FirstUse::Recorded));
    assert_eq!(wide.record_use(&[8; 32], afterwards, afterwards.plus(200)), Ok(FirstUse::Replayed));
    Ok(())
}

/// What this build leaves out is a fault that names the feature, and never a policy without the keys.
#[test]
#[cfg(not(feature = "bundle-maps"))]
fn a_bundle_map_is_for_the_build_that_has_them() -> Result<(), Fault> {
    let policy = r#"{"trust":[{"trust_domains":["example.org"],"format":"spiffe","bundle_map":{"trust_domains":{"example.org":{"keys":[]}}}}],
        "policies":{"default":{"accept":[{"kind":"jwt-svid","trust_domain":"example.org"}],"audience":"a"}}}"#;
    let faults = countersign::PolicyDocument::parse(policy.as_bytes()).err().ok_or("it is taken")?;
    let [fault] = faults.as_slice() else { return Err(format!("{faults:?}").into()) };
    assert_eq!(fault.pointer, "/trust/0");
    assert!(fault.to_string().contains("`bundle-maps`"), "{fault}");
    Ok(())
}

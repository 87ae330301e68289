//! Once its RSA keys are prepared, a worker allocates nothing in a decision: accepted or refused, cached or new, over the
//! whole corpus.
//!
//! With ring that is all. The other backends allocate when they import a client's key, once for each; what AWS-LC takes from
//! the heap of C is not seen here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use countersign::internal::memory::hot_keys::{PROMOTE_RSA_AFTER, PROOFS_OF_TABLE};
use countersign::{Backend, Request, UnixSeconds, Worker};
use countersign_tests::issuer::{self, NOW, SERVER};
use countersign_tests::request::{self, Doc, Req};
use countersign_tests::runner::Runner;
use countersign_tests::vector;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands every call to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _counted = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise for `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _counted = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// Traffic that came before: each RSA key of the corpus signs until it is prepared. Before, every check of an RSA signature
/// is ring's, which keeps the numbers on the heap.
struct Traffic {
    runner: Runner,
    requests: Vec<Req>,
}

impl Traffic {
    fn new() -> Self {
        let servers = ["server-p256", "server-rsa2048", "domain-rsa2048"];
        let trust = [request::issuer(SERVER, &servers.map(request::set_key))];
        let doc = Doc::access().trust(&trust).member("dpop", r#"{"max_rsa_bits":4096}"#);
        let runner = Runner::new(&doc.text(), NOW);
        let mut requests = Vec::new();
        for use_number in 0..PROMOTE_RSA_AFTER + u32::from(PROOFS_OF_TABLE) {
            let jti = format!("\"{use_number}\"");
            for key in &servers[1..] {
                let token = issuer::access().key(key).algorithm("RS256").claim("jti", &jti);
                requests.push(request::bearer(&token.text()));
            }
            for key in ["client-rsa2048", "client-rsa3072", "client-rsa4096"] {
                let token = issuer::access().bound_to_key(key).text();
                let proof = issuer::proof(&token).key(key).algorithm("PS256").claim("jti", &jti);
                requests.push(request::dpop(&token, &proof.text()));
            }
        }
        Self { runner, requests }
    }

    /// What a worker learned of keys stays with it when it turns to another engine.
    fn pass(&mut self, worker: &mut Worker) {
        core::mem::swap(worker, &mut self.runner.worker);
        for request in &self.requests {
            self.runner.ask(request);
        }
        // With AWS-LC, RSA keys are ready when they are loaded.
        let prepared = if Backend::DEFAULT.name() == "aws-lc" { 0 } else { 5 };
        assert_eq!(self.runner.worker.hot_keys().promoted, prepared);
        core::mem::swap(worker, &mut self.runner.worker);
    }
}

#[test]
fn a_decision_allocates_nothing() {
    let mut traffic = Traffic::new();
    let mut decisions = 0u64;
    let mut faults = Vec::new();
    for vector in vector::all() {
        let mut runner = vector.runner();
        traffic.pass(&mut runner.worker);
        // The worker of other traffic gets room for all credentials of this policy with its first request.
        let asked = Request::new(b"GET", b"/", [], UnixSeconds::new(0));
        let policy = runner.engine.document().policies().next().unwrap().0;
        let first = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
        assert!(first.reason().is_some() || first.is_anonymous());
        let steps: Vec<_> = vector.steps().iter().map(|step| (step, step.get("request").map(Req::from_json))).collect();
        for round in ["new", "again"] {
            for (step, request) in &steps {
                let Some(request) = request else {
                    runner.prepare(step);
                    continue;
                };
                let headers = request.fields();
                let policy = runner.engine.document().policy(&request.policy).unwrap();
                let before = allocations();
                let fields = headers.as_slice();
                let asked = request.with_fields(&fields);
                let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
                let mut fields = 0;
                decision
                    .write_headers(&mut |_, value| {
                        fields += 1;
                        core::fmt::write(&mut Nowhere, format_args!("{value}"))
                    })
                    .unwrap();
                core::fmt::write(&mut Nowhere, format_args!("{}", decision.audit())).unwrap();
                let made = allocations() - before;
                decisions += 1;
                // The other libraries keep parsed keys on the heap: a client's from when its header is first seen.
                let has_proof = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("dpop"));
                let imports = Backend::DEFAULT.name() != "ring" && has_proof && round == "new";
                if made != 0 && !imports {
                    faults.push(format!("{} ({round}): {made} allocations, {fields} fields", vector.path));
                }
            }
        }
    }
    println!("{decisions} decisions");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(decisions > 2000);
}

struct Nowhere;

impl core::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> core::fmt::Result {
        Ok(())
    }
}

/// A cached token allocates nothing whatever signed it: its signature is not looked at again.
#[test]
fn a_cached_token_of_any_algorithm_allocates_nothing() {
    let mut hits = 0;
    for vector in
        vector::all().iter().filter(|vector| vector.path.starts_with("accept/") && vector.path.ends_with("_bearer"))
    {
        let mut runner = vector.runner();
        let (request, _) = vector.requests().next().unwrap();
        let headers = [(request.headers[0].0.as_bytes(), request.headers[0].1.as_bytes())];
        let asked =
            Request::new(request.method.as_bytes(), request.uri.as_bytes(), headers, UnixSeconds::new(request.now));
        let policy = runner.engine.document().policy("default").unwrap();
        for tier in ["miss", "hit", "hit"] {
            let before = allocations();
            let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
            assert_eq!((decision.reason(), decision.cache_tier().name()), (None, tier), "{}", vector.path);
            let made = allocations() - before;
            if tier == "hit" {
                assert_eq!(made, 0, "{}", vector.path);
                hits += 1;
            }
        }
    }
    assert_eq!(hits, 2 * 31);
}

/// Nor do several cached credentials, their ties, and the claims that the policy names.
#[test]
fn several_cached_credentials_allocate_nothing() {
    let mut hits = 0;
    for path in [
        "credentials/two_of_two_cached",
        "credentials/four_of_four",
        "credentials/tie_of_nested_claims",
        "credentials/attributes_of_a_token",
        "txn_token/with_contexts",
        "txn_token/beside_an_svid",
        "txn_token/without_iss_of_the_one_issuer",
    ] {
        let vector = vector::all().into_iter().find(|vector| vector.path == path).unwrap();
        let mut runner = vector.runner();
        let (request, _) = vector.requests().next().unwrap();
        let headers = request.fields();
        let fields = headers.as_slice();
        let policy = runner.engine.document().policy(&request.policy).unwrap();
        for tier in ["miss", "hit", "hit"] {
            let before = allocations();
            let asked = request.with_fields(&fields);
            let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
            assert_eq!((decision.reason(), decision.cache_tier().name()), (None, tier), "{path}");
            let named = decision.policy().unwrap();
            let attributes = named.attributes().filter(|name| decision.attribute(name).is_some()).count();
            let credentials = named.credentials().filter(|known| decision.credential(known.name()).is_some()).count();
            core::fmt::write(&mut Nowhere, format_args!("{}", decision.audit())).unwrap();
            let made = allocations() - before;
            assert!(credentials + attributes > 1, "{path}: {credentials} credentials, {attributes} attributes");
            if tier == "hit" {
                assert_eq!(made, 0, "{path}");
                hits += 1;
            }
        }
    }
    assert_eq!(hits, 2 * 7);
}

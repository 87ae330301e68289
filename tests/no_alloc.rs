//! After a worker is made, a decision allocates nothing: accepted or refused, cached or new, over the whole corpus.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

use countersign::engine::Request;
use countersign::rules::mtls::ClientCertificate;
use countersign::time::UnixSeconds;
use countersign_tests::request::Req;
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

/// What a cryptographic library allocates, by the path of the vector: the reason why is with each.
const EXCEPTIONS: [(&str, &str); 1] =
    [("rsa", "ring keeps the numbers of an RSA verification on the heap; a client's RSA key is kept on the heap too")];

/// Whether a request touches RSA: by the headers of its token and proof.
fn exception(vector: &vector::Vector) -> Option<&'static str> {
    let header = |alg: &str| {
        vector.requests().any(|(request, _)| {
            request.headers.iter().any(|(_, value)| {
                value.split([' ', ',']).any(|token| {
                    let head = token.split('.').next().unwrap_or_default();
                    let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, head);
                    decoded.is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(alg))
                })
            })
        })
    };
    (header("\"RS") || header("\"PS")).then_some("rsa")
}

#[test]
fn a_decision_allocates_nothing() {
    let mut decisions = 0u64;
    let mut faults = Vec::new();
    let mut used: BTreeMap<&str, u64> = BTreeMap::new();
    for vector in vector::all() {
        let allowed = exception(&vector);
        let mut runner = vector.runner();
        let steps: Vec<_> = vector.steps().iter().map(|step| (step, step.get("request").map(Req::from_json))).collect();
        for round in ["new", "again"] {
            for (step, request) in &steps {
                let Some(request) = request else {
                    runner.prepare(step);
                    continue;
                };
                let headers: Vec<(&[u8], &[u8])> =
                    request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
                let policy = runner.engine.document().policy(&request.policy).unwrap();
                let before = allocations();
                let mut asked = Request::new(
                    request.method.as_bytes(),
                    request.uri.as_bytes(),
                    headers.iter().copied(),
                    UnixSeconds::new(request.now),
                );
                if let Some(der) = &request.client_cert {
                    asked = asked.with_certificate(ClientCertificate::Der(der));
                }
                let decision = runner.worker.decide(&runner.engine, &runner.snapshot, policy, &asked);
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
                match allowed {
                    _ if made == 0 => {}
                    Some(name) => *used.entry(name).or_default() += 1,
                    None => faults.push(format!("{} ({round}): {made} allocations, {fields} fields", vector.path)),
                }
            }
        }
    }
    println!("{decisions} decisions; exceptions: {used:?}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(decisions > 2000);
    for (name, why) in EXCEPTIONS {
        assert!(used.contains_key(name), "{name} allocates no more: take the exception away ({why})");
    }
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
            let decision = runner.worker.decide(&runner.engine, &runner.snapshot, policy, &asked);
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

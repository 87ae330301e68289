//! Many trust domains and issuers: what one document costs depends on that document, not on how many others there are.
//!
//! Counted in bytes of allocations, which are the same on every machine; `benches/growth.rs` has the times.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use countersign::{Authority, Engine, PolicyDocument, TrustState, UnixSeconds};
use countersign_tests::issuer::NOW;
use countersign_tests::request::{set_key, svid_key};

struct Counting;

thread_local! {
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

fn count(size: usize) {
    let _counted = BYTES.try_with(|bytes| bytes.set(bytes.get() + size as u64));
}

// SAFETY: hands every call to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise for `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
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

fn bytes_of<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = BYTES.with(Cell::get);
    let result = work();
    (BYTES.with(Cell::get) - before, result)
}

fn domain(number: usize) -> String {
    format!("domain-{number:06}.example")
}

fn issuer(number: usize) -> String {
    format!("https://issuer-{number:06}.example")
}

/// An engine that trusts so many domains and as many issuers, without a key yet.
fn engine(pairs: usize) -> Engine {
    let mut trust = String::new();
    for number in 0..pairs {
        let comma = if number == 0 { "" } else { "," };
        let (domain, issuer) = (domain(number), issuer(number));
        write!(trust, r#"{comma}{{"trust_domain":"{domain}"}},{{"issuer":"{issuer}"}}"#).unwrap();
    }
    let text = format!(
        r#"{{"trust":[{trust}],"policies":{{"default":{{"accept":["jwt-svid","at+jwt"],"audience":["a"]}}}}}}"#
    );
    Engine::new(PolicyDocument::parse(text.as_bytes()).unwrap(), [1, 2])
}

/// Loads one key for every domain and issuer.
fn load_all(engine: &Engine, trust_state: &mut TrustState) {
    let (bundle, set) = documents();
    for (index, source) in engine.document().trust() {
        let document = if source.authority().is_trust_domain() { &bundle } else { &set };
        engine.load(trust_state, index, document.as_bytes(), UnixSeconds::new(NOW)).unwrap();
    }
}

fn documents() -> (String, String) {
    let one = |key: String| format!(r#"{{"keys":[{key}]}}"#);
    (one(svid_key("domain-p256")), one(set_key("server-p256")))
}

#[test]
fn an_update_allocates_for_its_own_document_only() {
    let other = format!(r#"{{"keys":[{},{}]}}"#, svid_key("domain-p256"), svid_key("domain-next-p256"));
    let update = |pairs: usize| {
        let engine = engine(pairs);
        let mut trust_state = engine.empty_trust_state();
        load_all(&engine, &mut trust_state);
        // As in a running host, where threads still decide by the trust state before.
        let in_use = trust_state.clone();
        let index = engine.document().authority(&Authority::TrustDomain(domain(pairs / 2))).unwrap();
        let (bytes, report) =
            bytes_of(|| engine.load(&mut trust_state, index, other.as_bytes(), UnixSeconds::new(NOW)).unwrap());
        assert_eq!((report.kept, report.added), (1, 1));
        assert_eq!((in_use.bundles.key_count(), trust_state.bundles.key_count()), (2 * pairs, 2 * pairs + 1));
        let (withdrawal, rest) = bytes_of(|| trust_state.bundles.without(index));
        assert_eq!(rest.key_count(), 2 * pairs - 1);
        (bytes, withdrawal)
    };
    let (one, many) = (update(1), update(5_000));
    println!("bytes for an update and a withdrawal: {one:?} beside one issuer, {many:?} beside 9,999 others");
    assert!(many.0 < one.0 + 4096 && many.1 < one.1 + 4096, "{one:?}, {many:?}");
}

#[test]
fn loading_allocates_in_proportion_to_the_documents() {
    let load = |pairs: usize| {
        let engine = engine(pairs);
        let mut trust_state = engine.empty_trust_state();
        bytes_of(|| load_all(&engine, &mut trust_state)).0
    };
    let (few, many) = (load(500), load(5_000));
    println!("bytes for 1,000 documents: {few}; for 10,000: {many}");
    assert!(many < 11 * few, "1,000 documents: {few}; 10,000: {many}");
}

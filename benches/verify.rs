//! The cost of a request: a cached token, a new one per algorithm, a proof; each beside the signature check alone.

use std::hint::black_box;

use countersign::internal::crypto;
use countersign::{Algorithm, Reason};
use countersign_benches::{Bench, grown, public, view};
use countersign_tests::issuer::{self, Token};
use countersign_tests::request::{self, Doc, Req};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const TOKEN_BYTES: usize = 900;
/// No room for any verdict: every token is new.
const NO_CACHE: &str = r#"{"token_cache_bytes":0}"#;
/// The same, and no tables for keys that are used often: every signature is the library's to check.
const NO_CACHE_NO_TABLES: &str = r#"{"token_cache_bytes":0,"hot_key_bytes":0}"#;
/// One proof is judged again and again here, so its use must not be remembered; the store has its own bench.
const FORGETFUL: &str = r#"{"replay":"danger_accept"}"#;

fn cached(c: &mut Criterion) {
    let mut group = c.benchmark_group("cached");
    let svid = grown(issuer::svid(), TOKEN_BYTES).text();
    let access = grown(issuer::access(), TOKEN_BYTES).text();
    for (name, token, document) in [("jwt-svid", &svid, Doc::svid()), ("at+jwt", &access, Doc::access())] {
        let request = request::bearer(token);
        let request = view(&request);
        let mut bench = Bench::new(&document.text());
        bench.judge(&request, None);
        group.throughput(Throughput::Bytes(token.len() as u64));
        group.bench_function(name, |b| b.iter(|| bench.judge(black_box(&request), None)));
    }
    group.finish();
}

/// Name, key and the algorithm of the tokens that it signs.
const ALGORITHMS: [(&str, &str); 11] = [
    ("server-p256", "ES256"),
    ("server-p384", "ES384"),
    ("server-p521", "ES512"),
    ("server-ed25519", "EdDSA"),
    ("server-ed25519", "Ed25519"),
    ("server-rsa2048", "RS256"),
    ("server-rsa2048", "RS384"),
    ("server-rsa2048", "RS512"),
    ("server-rsa2048", "PS256"),
    ("server-rsa2048", "PS384"),
    ("server-rsa2048", "PS512"),
];

fn new_token(c: &mut Criterion) {
    let mut group = c.benchmark_group("new");
    for (key, algorithm) in ALGORITHMS {
        let token: Token = grown(issuer::access().key(key).algorithm(algorithm), TOKEN_BYTES);
        let text = token.text();
        let (input, signature) = text.rsplit_once('.').unwrap();
        let signature = issuer::unb64(signature);
        let public = public(key);
        let known = Algorithm::from_name(algorithm.as_bytes()).unwrap();
        group.bench_function(BenchmarkId::new("signature alone", algorithm), |b| {
            b.iter(|| public.verify(known, black_box(input.as_bytes()), &signature).unwrap());
        });
        let trust = [request::issuer(issuer::SERVER, &[request::set_key(key)])];
        let request = request::bearer(&text);
        let request = view(&request);
        let mut bench = Bench::new(&Doc::access().trust(&trust).memory(NO_CACHE_NO_TABLES).text());
        group.bench_function(BenchmarkId::new("token", algorithm), |b| {
            b.iter(|| bench.judge(black_box(&request), None));
        });
        if matches!(algorithm, "ES256" | "EdDSA") {
            let mut bench = Bench::new(&Doc::access().trust(&trust).memory(NO_CACHE).text());
            bench.promote(&request);
            group.bench_function(BenchmarkId::new("token, key with a table", algorithm), |b| {
                b.iter(|| bench.judge(black_box(&request), None));
            });
        }
    }
    group.finish();
}

fn dpop(c: &mut Criterion) {
    let mut group = c.benchmark_group("dpop");
    let token = grown(issuer::access().bound_to_key("client-p256"), TOKEN_BYTES).text();
    let proof = issuer::proof(&token).text();
    let request: Req = request::dpop(&token, &proof);
    let request = view(&request);
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let signature = issuer::unb64(signature);
    let public = public("client-p256");
    group.bench_function("proof's signature alone", |b| {
        b.iter(|| public.verify(Algorithm::Es256, black_box(input.as_bytes()), &signature).unwrap());
    });
    for (name, document) in [("token cached", Doc::access()), ("token new", Doc::access().memory(NO_CACHE))] {
        let mut bench = Bench::new(&document.member("dpop", FORGETFUL).text());
        group.bench_function(name, |b| b.iter(|| bench.judge(black_box(&request), None)));
    }
    group.finish();
}

fn parts(c: &mut Criterion) {
    let mut group = c.benchmark_group("parts");
    let nobody = grown(issuer::access().header("kid", "\"nobody\""), TOKEN_BYTES).text();
    let request = request::bearer(&nobody);
    let request = view(&request);
    let mut bench = Bench::new(&Doc::access().memory(NO_CACHE).text());
    group.bench_function("a new token up to its key", |b| {
        b.iter(|| bench.judge(black_box(&request), Some(Reason::KeyUnknown)));
    });
    let message = vec![b'm'; 700];
    group.bench_function("SHA-256 of 700 bytes", |b| b.iter(|| crypto::sha256(black_box(&message))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).measurement_time(std::time::Duration::from_secs(2));
    targets = cached, new_token, dpop, parts
}
criterion_main!(benches);

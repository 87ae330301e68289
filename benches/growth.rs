//! How the engine's costs grow: with cached tokens, with keys, with threads. One JSON object a line.
//!
//! Plain rounds instead of criterion: all sizes are built first and then measured in turn, so that whatever else the
//! machine does falls on all of them alike. `benches/compare/run` starts it and draws the chart.

#[path = "compare/ours.rs"]
mod ours;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use countersign::engine::Worker;
use countersign::jose::algorithm::Algorithm;
use countersign_tests::issuer::{self, SERVER, b64, q};
use countersign_tests::request::{self, Doc};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use crate::ours::{Ours, Tier};

const TOKEN_BYTES: usize = 900;
const CACHED: [usize; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const KEYS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const ROUNDS: usize = 21;
/// Requests that lie ready while the clock runs, as a request does that has just come in.
const READY: usize = 256;

/// Values of `Authorization` with valid access tokens of about 900 bytes, all different.
fn tokens(count: usize) -> Vec<String> {
    let random = SystemRandom::new();
    let jwk = &issuer::key("server-p256").jwk;
    let part = |name: &str| issuer::unb64(jwk[name].as_str().expect("a part of the key"));
    let point = [vec![4], part("x"), part("y")].concat();
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &part("d"), &point, &random)
            .expect("a test key");
    let now = ours::now().as_u64();
    let token = issuer::access().claim("iat", &(now - 1).to_string()).claim("exp", &(now + 86_400).to_string());
    let bare = (token.header_text().len() + token.claims_text().len()) * 4 / 3 + 88;
    let filler = q(&"f".repeat(TOKEN_BYTES.saturating_sub(bare) * 3 / 4));
    let token = token.claim("filler", &filler).claim("jti", &q("########"));
    let (header, claims) = (b64(token.header_text()), token.claims_text());
    let made = (0..count).map(|number| {
        let input = format!("{header}.{}", b64(claims.replace("########", &format!("{number:08}"))));
        let signature = pair.sign(&random, input.as_bytes()).expect("a key that signs");
        format!("Bearer {input}.{}", b64(signature))
    });
    made.collect()
}

/// Numbers that the processor cannot foresee.
struct Lottery(u64);

impl Lottery {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

fn report(chart: &str, n: usize, unit: &str, samples: &mut [f64]) {
    samples.sort_by(f64::total_cmp);
    let best = if unit == "us" { samples[0] } else { samples[samples.len() - 1] };
    let median = samples[samples.len() / 2];
    println!(
        "{}",
        json!({ "chart": chart, "n": n, "unit": unit, "median": median, "best": best, "rounds": samples.len() })
    );
}

/// A decision on one of n cached tokens, any of them alike likely.
fn cached(all: &[String]) {
    let mut sizes: Vec<(usize, Ours)> = Vec::new();
    for n in CACHED {
        let bytes = (n * 1600).max(1 << 20);
        let mut ours = Ours::new(&Doc::access().memory(&format!(r#"{{"verdict_cache_bytes":{bytes}}}"#)).text());
        for token in &all[..n] {
            assert!(ours.passes(token.as_bytes(), None), "refuses a good token");
        }
        let kept = ours.worker.cached_tokens();
        assert!(kept * 1000 >= n * 999, "only {kept} of {n} tokens are cached");
        sizes.push((n, ours));
    }
    let mut lottery = Lottery(1);
    let mut samples = vec![Vec::new(); sizes.len()];
    for _ in 0..ROUNDS {
        for ((n, ours), samples) in sizes.iter_mut().zip(&mut samples) {
            let (mut taken, mut count) = (Duration::ZERO, 0u32);
            while taken < Duration::from_millis(50) {
                let ready: Vec<String> = (0..READY).map(|_| all[lottery.below(*n)].clone()).collect();
                let start = Instant::now();
                for authorization in &ready {
                    assert!(black_box(ours.passes(authorization.as_bytes(), None)), "refuses a good token");
                }
                taken += start.elapsed();
                count += READY as u32;
            }
            samples.push(taken.as_secs_f64() * 1e6 / f64::from(count));
        }
    }
    for ((n, _), samples) in sizes.iter().zip(&mut samples) {
        report("cached tokens", *n, "us", samples);
    }
}

/// Finding one of n keys of an issuer by its `kid`.
fn keys() {
    let random = SystemRandom::new();
    let mut sizes: Vec<(usize, Ours)> = Vec::new();
    for n in KEYS {
        let mut set = Vec::new();
        for number in 0..n {
            let form = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let document = EcdsaKeyPair::generate_pkcs8(form, &random).expect("a new key");
            let pair = EcdsaKeyPair::from_pkcs8(form, document.as_ref(), &random).expect("a new key");
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            let mut jwk = String::new();
            write!(jwk, r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}","kid":"{}"}}"#, b64(x), b64(y), kid(number))
                .expect("a text");
            set.push(jwk);
        }
        sizes.push((n, Ours::new(&Doc::access().trust(&[request::issuer(SERVER, &set)]).text())));
    }
    let mut lottery = Lottery(2);
    let mut samples = vec![Vec::new(); sizes.len()];
    for _ in 0..ROUNDS {
        for ((n, ours), samples) in sizes.iter().zip(&mut samples) {
            let (index, _) = ours.engine.document().trust().next().expect("one issuer");
            let set = ours.snapshot.trust.set(index).expect("a loaded set");
            assert_eq!(set.len(), *n);
            assert!(set.find(Some("unknown"), Algorithm::Es256, false).is_err(), "finds a key that is not there");
            let (mut taken, mut count) = (Duration::ZERO, 0u32);
            while taken < Duration::from_millis(20) {
                let ready: Vec<String> = (0..READY).map(|_| kid(lottery.below(*n))).collect();
                let start = Instant::now();
                for kid in &ready {
                    assert!(black_box(set.find(Some(kid), Algorithm::Es256, false)).is_ok(), "misses a key");
                }
                taken += start.elapsed();
                count += READY as u32;
            }
            samples.push(taken.as_secs_f64() * 1e6 / f64::from(count));
        }
    }
    for ((n, _), samples) in sizes.iter().zip(&mut samples) {
        report("keys of an issuer", *n, "us", samples);
    }
}

fn kid(number: usize) -> String {
    format!("a-key-with-a-name-of-usual-length-{number:06}")
}

/// Decisions a second on 1 and 2 threads, each with its own worker over one engine and one snapshot.
fn threads(all: &[String]) {
    for (chart, tier, bytes, pool) in
        [("cached tokens a second", Tier::Cached, 8 << 20, 16), ("new tokens a second", Tier::New, 1 << 20, 4096)]
    {
        let document = Doc::access().memory(&format!(r#"{{"verdict_cache_bytes":{bytes}}}"#)).text();
        let ours = Ours::new(&document);
        let shared = &ours;
        let pool = &all[..pool];
        let mut samples = [Vec::new(), Vec::new()];
        let mut workers: Vec<(Worker, usize)> = (0..2).map(|_| (Worker::new(&shared.engine, [3, 5]), 0)).collect();
        let decide = |worker: &mut Worker, token: &str, tier: Tier| {
            ours::passes(&shared.engine, worker, &shared.snapshot, shared.policy, tier, token.as_bytes(), None)
        };
        for (worker, next) in &mut workers {
            for token in pool.iter().cycle().take(pool.len().max(500)) {
                assert!(decide(worker, token, Tier::Any), "refuses a good token");
                while worker.build_tables(u32::MAX) {}
            }
            *next = 0;
        }
        for _ in 0..ROUNDS {
            for (count, samples) in [1, 2].into_iter().zip(&mut samples) {
                let span = Duration::from_millis(100);
                let rates = std::thread::scope(|scope| {
                    let running: Vec<_> = workers[..count]
                        .iter_mut()
                        .map(|(worker, next)| {
                            scope.spawn(move || {
                                let (mut done, start) = (0u32, Instant::now());
                                while start.elapsed() < span {
                                    for _ in 0..16 {
                                        assert!(decide(worker, &pool[*next], tier), "refuses a good token");
                                        *next = (*next + 1) % pool.len();
                                    }
                                    done += 16;
                                }
                                f64::from(done) / start.elapsed().as_secs_f64()
                            })
                        })
                        .collect();
                    running.into_iter().map(|thread| thread.join().expect("a thread that ends")).sum::<f64>()
                });
                samples.push(rates);
            }
        }
        for (count, samples) in [1, 2].into_iter().zip(&mut samples) {
            report(chart, count, "a second", samples);
        }
    }
}

fn main() {
    let all = tokens(CACHED[CACHED.len() - 1]);
    threads(&all);
    keys();
    cached(&all);
}

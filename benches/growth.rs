//! How the engine's costs grow: with cached tokens, with keys, with trust domains, with threads. One JSON object a line.
//!
//! Plain rounds instead of criterion: all sizes are built first and then measured in turn, so that whatever else the
//! machine does falls on all of them alike. `benches/compare/run` starts it and draws the chart.

#[path = "compare/ours.rs"]
mod ours;

use std::hint::black_box;
use std::slice;
use std::time::{Duration, Instant};

use countersign::{Algorithm, Candidates, KeyHint, Worker};
use countersign_tests::issuer::{self, SERVER, b64, q};
use countersign_tests::request::{self, Doc};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use crate::ours::{Ours, Tier};

const TOKEN_BYTES: usize = 900;
const CACHED: [usize; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
const KEYS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const DOMAINS: [usize; 5] = [1, 100, 1_000, 10_000, 100_000];
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
    let best = if unit == "a second" { samples[samples.len() - 1] } else { samples[0] };
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
        let mut ours = Ours::new(&Doc::access().memory(&format!(r#"{{"token_cache_bytes":{bytes}}}"#)).text());
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
            set.push(jwk(&random, &format!(r#""kid":"{}""#, kid(number))));
        }
        sizes.push((n, Ours::new(&Doc::access().trust(&[request::issuer(SERVER, &set)]).text())));
    }
    let mut lottery = Lottery(2);
    let mut samples = vec![Vec::new(); sizes.len()];
    for _ in 0..ROUNDS {
        for ((n, ours), samples) in sizes.iter().zip(&mut samples) {
            let (index, _) = ours.engine.document().trust().next().expect("one issuer");
            let set = ours.trust_state.bundles.set(index).expect("a loaded set");
            assert_eq!(set.len(), *n);
            let finds = |kid: &str| {
                let mut candidates = Candidates::default();
                set.find(KeyHint::Id(kid), Algorithm::Es256, false, &mut candidates).is_ok() && !candidates.is_empty()
            };
            assert!(!finds("unknown"), "finds a key that is not there");
            let (mut taken, mut count) = (Duration::ZERO, 0u32);
            while taken < Duration::from_millis(20) {
                let ready: Vec<String> = (0..READY).map(|_| kid(lottery.below(*n))).collect();
                let start = Instant::now();
                for kid in &ready {
                    assert!(black_box(finds(kid)), "misses a key");
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

/// A new P-256 key with these members besides.
fn jwk(random: &SystemRandom, members: &str) -> String {
    let form = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(form, random).expect("a new key");
    let pair = EcdsaKeyPair::from_pkcs8(form, document.as_ref(), random).expect("a new key");
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}",{members}}}"#, b64(x), b64(y))
}

fn kid(number: usize) -> String {
    format!("a-key-with-a-name-of-usual-length-{number:06}")
}

/// Beside n trust domains: reading the policy document with a bundle for each, a new JWT-SVID of any of them, another bundle for one.
///
/// All have the same key, so that its table is there for all; each domain keeps its own record of it.
fn domains() {
    let key = request::svid_key("domain-p256");
    let all: Vec<String> =
        (0..DOMAINS[DOMAINS.len() - 1]).map(|number| request::domain(&domain(number), slice::from_ref(&key))).collect();
    let memory = r#"{"token_cache_bytes":0,"replay_proofs":64}"#;
    let mut sizes: Vec<(usize, Ours)> = Vec::new();
    for n in DOMAINS {
        let text = Doc::svid().trust(&all[..n]).memory(memory).text();
        // The small ones several times a round; the results are dropped outside of it.
        let each = (1_000 / n).max(1);
        let mut samples = Vec::new();
        let mut made = None;
        for _ in 0..ROUNDS.min(400_000 / n).max(5) {
            drop(made.take());
            let mut all = Vec::with_capacity(each);
            let start = Instant::now();
            all.extend((0..each).map(|_| Ours::new(black_box(&text))));
            samples.push(start.elapsed().as_secs_f64() * 1e3 / each as f64);
            made = all.pop();
        }
        report("loading trust domains", n, "ms", &mut samples);
        sizes.extend(made.map(|ours| (n, ours)));
    }

    let mut lottery = Lottery(3);
    let now = ours::now().as_u64();
    let (issued, expires) = ((now - 1).to_string(), (now + 86_400).to_string());
    let mut samples = vec![Vec::new(); sizes.len()];
    let ready: Vec<Vec<String>> = DOMAINS
        .map(|n| {
            let token = |number: usize| {
                let subject = format!("spiffe://{}/workload", domain(lottery.below(n)));
                let token = issuer::svid().claim("sub", &q(&subject)).claim("jti", &q(&format!("{number:08}")));
                format!("Bearer {}", token.claim("iat", &issued).claim("exp", &expires).text())
            };
            (0..READY).map(token).collect()
        })
        .into();
    for ((_, ours), ready) in sizes.iter_mut().zip(&ready) {
        for authorization in ready {
            assert!(ours.passes(authorization.as_bytes(), None), "refuses a good token");
            while ours.worker.build_tables(u32::MAX) {}
        }
        assert_eq!(ours.worker.hot_keys().promoted, 1, "the key has no table");
        ours.tier = Tier::New;
    }
    for _ in 0..ROUNDS {
        for (((_, ours), ready), samples) in sizes.iter_mut().zip(&ready).zip(&mut samples) {
            samples.push(each_of(READY, |number| {
                assert!(black_box(ours.passes(ready[number].as_bytes(), None)), "refuses a good token");
            }));
        }
    }
    for ((n, _), samples) in sizes.iter().zip(&mut samples) {
        report("new token by trust domains", *n, "us", samples);
    }

    let random = SystemRandom::new();
    let bundles: Vec<String> = (0..READY)
        .map(|number| format!(r#"{{"keys":[{}]}}"#, jwk(&random, &format!(r#""kid":"{number}","use":"jwt-svid""#))))
        .collect();
    let mut samples = vec![Vec::new(); sizes.len()];
    for _ in 0..ROUNDS {
        for ((n, ours), samples) in sizes.iter_mut().zip(&mut samples) {
            let places: Vec<_> = ours.engine.document().trust().map(|(place, _)| place).collect();
            samples.push(each_of(READY, |number| {
                // As in a running host, threads still decide by the trust state before.
                let before = ours.trust_state.clone();
                let place = places[lottery.below(*n)];
                ours.engine
                    .load(&mut ours.trust_state, place, bundles[number].as_bytes(), ours::now())
                    .expect("a bundle");
                drop(before);
            }));
        }
    }
    for ((n, _), samples) in sizes.iter().zip(&mut samples) {
        report("update by trust domains", *n, "us", samples);
    }
}

fn domain(number: usize) -> String {
    format!("domain-{number:06}.example")
}

/// Microseconds that one of `count` calls takes.
fn each_of(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..count).for_each(&mut call);
    start.elapsed().as_secs_f64() * 1e6 / count as f64
}

/// Decisions a second on 1 and 2 threads, each with its own worker over one engine and one trust state.
fn threads(all: &[String]) {
    for (chart, tier, bytes, pool) in
        [("cached tokens a second", Tier::Cached, 8 << 20, 16), ("new tokens a second", Tier::New, 1 << 20, 4096)]
    {
        let document = Doc::access().memory(&format!(r#"{{"token_cache_bytes":{bytes}}}"#)).text();
        let ours = Ours::new(&document);
        let shared = &ours;
        let pool = &all[..pool];
        let mut samples = [Vec::new(), Vec::new()];
        let mut workers: Vec<(Worker, usize)> = (0..2).map(|_| (Worker::new(&shared.engine, [3, 5]), 0)).collect();
        let decide = |worker: &mut Worker, token: &str, tier: Tier| {
            ours::passes(&shared.engine, worker, &shared.trust_state, shared.policy, tier, token.as_bytes(), None)
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

/// All charts, or those whose functions are named as arguments.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|known| known == name);
    let all = if wanted("threads") || wanted("cached") { tokens(CACHED[CACHED.len() - 1]) } else { Vec::new() };
    if wanted("threads") {
        threads(&all);
    }
    if wanted("keys") {
        keys();
    }
    if wanted("domains") {
        domains();
    }
    if wanted("cached") {
        cached(&all);
    }
}

//! The signature check alone for keys that are used often: by table, by the library in charge, and the ratio of the two.

use std::hint::black_box;
use std::time::{Duration, Instant};

use countersign::internal::crypto::{ed25519, p256, sha256};
use countersign::{Algorithm, Backend, PublicKey};
use countersign_benches::public;
use countersign_tests::issuer;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

const MESSAGE: [u8; 700] = [b'm'; 700];

fn by_table(c: &mut Criterion) {
    let mut group = c.benchmark_group("signature alone");

    let (public, signature) = signed("server-p256", "ES256");
    let (x, y) = public.ec_point().unwrap();
    let point = [x, y].concat();
    let generator = p256::Generator::build();
    let key = || p256::TableBuilder::new(point.as_slice().try_into().unwrap()).unwrap().step(u32::MAX).unwrap();
    let table = key();
    let check = |verify: p256::Verify| verify(&generator, &table, &sha256(black_box(&MESSAGE)), &signature);
    let ours = || check(countersign_cpu::p256());
    compare(&mut group, Algorithm::Es256, &public, &signature, ours);
    // Where the processor has lanes, this is the time they save.
    group.bench_function(BenchmarkId::new("by table, one by one", "ES256"), |b| {
        b.iter(|| assert!(check(p256::verify_prehashed)));
    });
    after_other_work(&ours);
    group.bench_function(BenchmarkId::new("building a table", "ES256"), |b| b.iter(key));

    let (public, signature) = signed("server-ed25519", "EdDSA");
    let point = public.ed25519_point().unwrap();
    let generator = ed25519::Generator::build();
    let key = || ed25519::TableBuilder::new(point).unwrap().step(u32::MAX).unwrap();
    let table = key();
    let ours = || ed25519::verify(&generator, &table, black_box(&MESSAGE), &signature);
    compare(&mut group, Algorithm::EdDsa, &public, &signature, ours);
    group.bench_function(BenchmarkId::new("building a table", "EdDSA"), |b| b.iter(key));

    group.finish();
}

/// A server does other work between two checks, which pushes tables out of the processor's caches.
fn after_other_work(check: &dyn Fn() -> bool) {
    for kib in [0, 256, 1024, 4096] {
        let mut memory = vec![0u8; kib * 1024];
        let mut times: Vec<Duration> = (0..2000)
            .map(|_| {
                memory.iter_mut().step_by(64).for_each(|line| *line = line.wrapping_add(1));
                black_box(&mut memory);
                let start = Instant::now();
                assert!(check());
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("signature alone/ES256: by table {:?} after {kib} KiB of other memory", times[times.len() / 2]);
    }
}

fn signed(key: &str, algorithm: &str) -> (PublicKey, [u8; 64]) {
    (public(key), issuer::key(key).sign(algorithm, &MESSAGE).try_into().unwrap())
}

fn compare(
    group: &mut BenchmarkGroup<'_, WallTime>,
    algorithm: Algorithm,
    public: &PublicKey,
    signature: &[u8; 64],
    ours: impl Fn() -> bool,
) {
    let name = algorithm.name();
    let library = || public.verify(algorithm, black_box(&MESSAGE), signature).is_ok();
    group.bench_function(BenchmarkId::new("by table", name), |b| b.iter(|| assert!(ours())));
    group.bench_function(BenchmarkId::new(format!("by {}", Backend::DEFAULT.name()), name), |b| {
        b.iter(|| assert!(library()))
    });
    let ratio = ratio(ours, library);
    println!("signature alone/{name}: by table takes {ratio:.3} of the time of {}", Backend::DEFAULT.name());
}

/// The median of many rounds, each with both in turn, so that a busy machine slows both alike.
fn ratio(ours: impl Fn() -> bool, library: impl Fn() -> bool) -> f64 {
    let time = |check: &dyn Fn() -> bool| {
        let start = Instant::now();
        (0..32).for_each(|_| assert!(check()));
        start.elapsed()
    };
    let until = Instant::now() + Duration::from_secs(2);
    let rounds = std::iter::from_fn(|| (Instant::now() < until).then(|| (time(&ours), time(&library))));
    let mut ratios: Vec<f64> = rounds.map(|(ours, library)| ours.as_secs_f64() / library.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(40).measurement_time(Duration::from_secs(2));
    targets = by_table
}
criterion_main!(benches);

//! A bad request never costs more than a good one of the same size.

use std::hint::black_box;

use countersign::Reason;
use countersign_benches::{Bench, grown, view};
use countersign_tests::issuer;
use countersign_tests::request::{self, Doc, Req};
use criterion::{Criterion, criterion_group, criterion_main};

const BYTES: usize = 16_000;

fn hostile(c: &mut Criterion) {
    let mut group = c.benchmark_group("hostile");
    let good = grown(issuer::svid(), BYTES).text();
    let claims = |json: &str| {
        let token = issuer::svid();
        token.text_of(token.header_text().as_bytes(), json.as_bytes())
    };
    let forged = issuer::svid().key("domain-p256").header("kid", "\"nobody\"");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let wide: Vec<String> = (0..1_500).map(|n| format!("\"m{n}\":1")).collect();
    let escapes = format!("{{\"a\":\"{}\"}}", "\\u0041".repeat(1_800));
    let cases: [(&str, Req, Option<Reason>); 7] = [
        ("good token, 16 KB", request::bearer(&good), None),
        ("unknown kid", request::bearer(&grown(forged, BYTES).text()), Some(Reason::KeyUnknown)),
        ("dots", request::bearer(&".".repeat(BYTES)), Some(Reason::TokenMalformed)),
        ("deep JSON", request::bearer(&claims(&deep)), Some(Reason::LimitExceeded)),
        ("wide JSON", request::bearer(&claims(&format!("{{{}}}", wide.join(",")))), Some(Reason::LimitExceeded)),
        ("escapes", request::bearer(&claims(&escapes)), Some(Reason::ClaimMissing)),
        ("1 MiB", request::bearer(&"a".repeat(1 << 20)), Some(Reason::CredentialTooLarge)),
    ];
    for (name, request, expected) in &cases {
        let mut bench = Bench::new(&Doc::svid().memory(r#"{"token_cache_bytes":0}"#).text());
        let request = view(request);
        group.bench_function(*name, |b| b.iter(|| bench.judge(black_box(&request), *expected)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_secs(1));
    targets = hostile
}
criterion_main!(benches);

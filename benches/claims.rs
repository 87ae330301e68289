//! The cost of conditions on claims and of attributes: a policy with five and three of them beside one without, the same token, in turn.

use std::hint::black_box;
use std::time::Instant;

use countersign_benches::{Bench, grown, view};
use countersign_tests::issuer;
use countersign_tests::request::{self, Doc};

const TOKEN_BYTES: usize = 900;
const ROUNDS: usize = 401;
const CONDITIONS: &str = r#"[
    {"claim": "/token_use", "equals": "access"}, {"claim": "/tenant", "one_of": ["b", "a"]},
    {"claim": "/realm_access/roles", "contains": "admin"}, {"claim": "/at_hash", "present": false},
    {"claim": "/ref", "pattern": "refs/heads/*"}]"#;
const ATTRIBUTES: &str = r#"{"tenant": "/tenant", "roles": "/realm_access/roles", "ref": "/ref"}"#;
const NAMES: [&str; 3] = ["tenant", "roles", "ref"];

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let token = issuer::access()
        .claim("token_use", "\"access\"")
        .claim("tenant", "\"a\"")
        .claim("realm_access", r#"{"roles":["viewer","editor","admin"]}"#)
        .claim("ref", "\"refs/heads/main\"");
    let token = grown(token, TOKEN_BYTES).text();
    let request = request::bearer(&token);
    let request = view(&request);
    println!("{:>8} {:>14} {:>22} {:>8} {:>8}", "token", "no claims, ns", "five and three, ns", "ratio", "at most");
    for (name, memory, decisions, most) in
        [("cached", "{}", 512, 1.5), ("new", r#"{"token_cache_bytes":0,"hot_key_bytes":0}"#, 8, 1.05)]
    {
        let doc = Doc::access().memory(memory);
        let mut plain = Bench::new(&doc.text());
        let mut asked = Bench::new(&doc.member("conditions", CONDITIONS).member("attributes", ATTRIBUTES).text());
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (bench, names, samples) in
                [(&mut plain, &NAMES[..0], &mut without), (&mut asked, &NAMES[..], &mut with)]
            {
                bench.judge(&request, None);
                let started = Instant::now();
                for _ in 0..decisions {
                    bench.judge_and_read(black_box(&request), names);
                }
                samples.push(started.elapsed().as_nanos() as f64 / f64::from(decisions));
            }
        }
        let (without, with) = (median(&mut without), median(&mut with));
        println!("{name:>8} {without:>14.0} {with:>22.0} {:>8.3} {most:>8}", with / without);
    }
}

//! The measurement of `abi.c` without the C ABI: nanoseconds a decision about a cached token.

use std::time::Instant;

use countersign::{Request, UnixSeconds};
use countersign_tests::vector;

const CALLS: u32 = 400_000;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let vector = vector::all().into_iter().find(|vector| vector.path == path).unwrap();
    let (request, _) = vector.requests().next().unwrap();
    let mut runner = vector.runner();
    let policy = runner.engine.document().policy(&request.policy).unwrap();
    let headers: Vec<(&[u8], &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let mut begin = Instant::now();
    for call in 0..=CALLS {
        if call == 1 {
            begin = Instant::now();
        }
        let (method, uri) = (request.method.as_bytes(), request.uri.as_bytes());
        let asked = Request::new(method, uri, headers.iter().copied(), UnixSeconds::new(request.now));
        let decision = runner.worker.decide(&runner.engine, &runner.trust_state, policy, &asked);
        assert!(decision.lets_pass() && decision.reason().is_none());
    }
    println!("{:.1}", begin.elapsed().as_nanos() as f64 / f64::from(CALLS));
}

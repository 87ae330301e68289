//! One side of `benches/record/run`: judges the requests of a file in a loop, by the engine of either revision. This source is compiled
//! against each, so it keeps to the part of the API that every host needs.
//!
//! It reads how many calls to make, one number a line, and answers with the processor time of each call in nanoseconds.

use std::io::BufRead;

use countersign::{Engine, PolicyDocument, Request, TrustDocument, UnixSeconds, Worker};

const WARMING: usize = 1_000;

/// The output of `requests.rs`.
struct Script {
    text: Vec<u8>,
    at: usize,
}

impl Script {
    fn number(&mut self) -> u64 {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&self.text[self.at..self.at + digits]).unwrap().parse().unwrap();
        self.at += digits + 1;
        number
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.number()).unwrap();
        self.at += length + 1;
        self.text[self.at - length - 1..self.at - 1].to_vec()
    }
}

struct Asked {
    method: Vec<u8>,
    uri: Vec<u8>,
    now: u64,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Asked {
    fn read(script: &mut Script) -> Self {
        let (method, uri, now) = (script.bytes(), script.bytes(), script.number());
        let (certificate_form, certificate) = (script.number(), script.bytes());
        assert!(certificate_form == 0 && certificate.is_empty());
        let headers = (0..script.number()).map(|_| (script.bytes(), script.bytes())).collect();
        Self { method, uri, now, headers }
    }
}

/// The layout of C's `struct timespec` where this is run.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

const CLOCK_THREAD_CPUTIME_ID: i32 = 3;

/// Nanoseconds for which this thread had a processor.
fn processor_time() -> f64 {
    let mut spent = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `spent` is valid for the write.
    assert_eq!(unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &raw mut spent) }, 0);
    spent.seconds as f64 * 1e9 + spent.nanoseconds as f64
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let mut script = Script { text: std::fs::read(path).unwrap(), at: 0 };
    let (policy, start) = (script.bytes(), script.number());
    let requests: Vec<Asked> = (0..script.number()).map(|_| Asked::read(&mut script)).collect();

    let document = PolicyDocument::parse(&policy).unwrap_or_else(|faults| panic!("{faults:?}"));
    let engine = Engine::new(document, [0x5eed, 0xc0de]);
    let mut trust_state = engine.empty_trust_state();
    for (index, source) in engine.document().trust() {
        let TrustDocument::Inline(text) = source.document() else { panic!("trust is inline here") };
        engine.load(&mut trust_state, index, text.as_bytes(), UnixSeconds::new(start)).unwrap();
    }
    let mut worker = Worker::new(&engine, [7, 11]);
    worker.check_p256_by(countersign_cpu::p256());
    let policy = engine.document().policy("default").unwrap();

    let mut next = 0;
    let mut judge = |worker: &mut Worker| {
        assert!(requests.len() == 1 || next < requests.len(), "all proofs are used");
        let asked = &requests[next % requests.len()];
        next += 1;
        let headers = asked.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
        let request = Request::new(&asked.method, &asked.uri, headers, UnixSeconds::new(asked.now));
        let decision = worker.decide(&engine, &trust_state, policy, &request);
        assert!(decision.lets_pass() && decision.reason().is_none(), "{:?}", decision.reason());
    };
    // Until keys have their tables, as in a server's first second.
    for _ in 0..WARMING {
        judge(&mut worker);
        while worker.build_tables(10_000) {}
    }
    for line in std::io::stdin().lock().lines() {
        let calls: u32 = line.unwrap().parse().unwrap();
        let before = processor_time();
        for _ in 0..calls {
            judge(&mut worker);
        }
        println!("{:.2}", (processor_time() - before) / f64::from(calls));
    }
}

//! Countersign as a host runs it: the clock is read for each request, tokens come in header fields.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign::{
    CacheTier, Engine, PolicyDocument, PolicyIndex, Request, TrustDocument, TrustState, UnixSeconds, Worker,
};

pub fn now() -> UnixSeconds {
    UnixSeconds::new(SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs())
}

/// Where the verdict on a token must come from, so that no row measures another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tier {
    Cached,
    New,
    Any,
}

pub struct Ours {
    pub engine: Engine,
    pub worker: Worker,
    pub trust_state: TrustState,
    pub policy: PolicyIndex,
    pub tier: Tier,
}

impl Ours {
    pub fn new(document: &str) -> Self {
        let document = PolicyDocument::parse(document.as_bytes()).expect("a policy without faults");
        let engine = Engine::new(document, [0x5eed, 0xc0de]);
        let mut trust_state = engine.empty_trust_state();
        for (index, source) in engine.document().trust() {
            let TrustDocument::Inline(text) = source.document() else { continue };
            engine.load(&mut trust_state, index, text.as_bytes(), now()).expect("trust without faults");
        }
        let mut worker = Worker::new(&engine, [7, 11]);
        worker.check_p256_by(countersign_cpu::p256());
        let policy = engine.document().policy("default").expect("a default policy");
        Self { engine, worker, trust_state, policy, tier: Tier::Any }
    }

    /// Whether a request with these header fields passes, and its verdict comes from where it must.
    pub fn passes(&mut self, authorization: &[u8], proof: Option<&[u8]>) -> bool {
        passes(&self.engine, &mut self.worker, &self.trust_state, self.policy, self.tier, authorization, proof)
    }
}

/// One decision, as any thread makes it with its own worker.
pub fn passes(
    engine: &Engine,
    worker: &mut Worker,
    trust_state: &TrustState,
    policy: PolicyIndex,
    tier: Tier,
    authorization: &[u8],
    proof: Option<&[u8]>,
) -> bool {
    let proof = proof.map(|proof| (&b"dpop"[..], proof));
    let headers = [(&b"authorization"[..], authorization)].into_iter().chain(proof);
    let request = Request::new(b"GET", b"https://api.example/orders", headers, now());
    let decision = worker.decide(engine, trust_state, policy, &request);
    let wanted = match tier {
        Tier::Cached => decision.cache_tier() == CacheTier::Hit,
        Tier::New => decision.cache_tier() == CacheTier::Miss,
        Tier::Any => true,
    };
    decision.lets_pass() && wanted
}

//! Decides one request: `decide POLICY.json BUNDLE.json METHOD URI NAME VALUE [NAME VALUE]`, for a policy with one trust domain.
use countersign::{Authority, Engine, PolicyDocument, Request, UnixSeconds, Worker};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [policy_file, bundle_file, method, uri, fields @ ..] = arguments.as_slice() else {
        return Err("usage: decide POLICY.json BUNDLE.json METHOD URI NAME VALUE [NAME VALUE]".into());
    };
    let (random_seed, another_seed) = (random()?, random()?);
    let now = UnixSeconds::new(std::time::UNIX_EPOCH.elapsed()?.as_secs());

    // Or every fault of the document, each with its JSON pointer.
    let document = PolicyDocument::parse(&std::fs::read(policy_file)?).map_err(|faults| faults[0].to_string())?;
    let engine = Engine::new(document, random_seed); // one for all threads
    let mut trust_state = engine.empty_trust_state(); // the keys of every trust domain and issuer; replaced as a whole
    let example_org = Authority::TrustDomain("example.org".into());
    let authority = engine.document().authority(&example_org).ok_or("the policy does not trust example.org")?;
    engine.load(&mut trust_state, authority, &std::fs::read(bundle_file)?, now)?; // reports what was added, removed and dropped
    let mut worker = Worker::new(&engine, another_seed); // one for each thread: caches and buffers
    let policy = engine.document().policy("default").ok_or("there is no policy named default")?;

    let headers = fields.chunks_exact(2).map(|field| (field[0].as_bytes(), field[1].as_bytes()));
    let request = Request::new(method.as_bytes(), uri.as_bytes(), headers, now);
    let decision = worker.decide(&engine, &trust_state, policy, &request);
    match decision.reason() {
        None => {
            println!("accept {}", decision.verified_token().and_then(|verified| verified.subject()).unwrap_or_default())
        }
        Some(reason) => println!("{} {reason}", reason.status()),
    }
    Ok(())
}

/// A seed from the operating system.
fn random() -> std::io::Result<[u64; 2]> {
    let mut bytes = [[0; 8]; 2];
    let mut source = std::fs::File::open("/dev/urandom")?;
    bytes.iter_mut().try_for_each(|half| std::io::Read::read_exact(&mut source, half))?;
    Ok(bytes.map(u64::from_ne_bytes))
}

//! Countersign validates the credentials of HTTP requests inside a server or proxy: JWT-SVIDs, OAuth 2.0 access tokens, DPoP proofs and
//! certificate-bound tokens.
//!
//! One request gives one [`Decision`]: *accepted*, with the attributes of the verified token, or *refused*, with exactly one [`Reason`]. The
//! crate is `no_std + alloc` and without `unsafe`. It does no I/O, reads no clock and starts no thread: the host brings requests, key
//! documents and the time. A decision allocates nothing once the RSA keys in use are prepared (`tests/no_alloc.rs` counts allocations), and
//! none of its functions panics on input.
//!
//! | type | what it is | one for |
//! |---|---|---|
//! | [`PolicyDocument`] | the parsed policy document: trust sources and policies | each configuration |
//! | [`Engine`] | the compiled document with counters and the replay store | all threads |
//! | [`TrustState`] | current keys, revocations and nonce keys | all threads; replaced as a whole |
//! | [`Worker`] | token cache and buffers | each thread |
//! | [`Request`] | borrowed view of one HTTP request | each request |
//! | [`Decision`] | the outcome, borrowed from the worker | each request |
//!
//! # From a policy to a decision
//!
//! An operator writes the policy document (`docs/policy.md` lists its members, [`POLICY_SCHEMA`] is its JSON Schema). The host parses it, loads
//! the keys of each trust source, and decides.
//!
//! ```
//! use countersign::{Authority, Engine, PolicyDocument, Request, UnixSeconds, Worker};
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
//! # let random = || [3_u64, 7];
//!
//! let policy = br#"{
//!     "trust": [{"trust_domain": "example.org"}],
//!     "policies": {"default": {"accept": ["jwt-svid"], "audience": "https://api.example"}}
//! }"#;
//! let document = PolicyDocument::parse(policy).map_err(|faults| faults[0].to_string())?;
//! let engine = Engine::new(document, random());
//! let mut worker = Worker::new(&engine, random());
//! let mut trust_state = engine.empty_trust_state();
//!
//! // A SPIFFE bundle, fetched by the host from the bundle endpoint of example.org.
//! let example_org = Authority::TrustDomain("example.org".into());
//! let authority = engine.document().authority(&example_org).ok_or("the policy does not trust example.org")?;
//! let now = UnixSeconds::new(NOW);
//! let report = engine.load(&mut trust_state, authority, BUNDLE, now)?;
//! assert_eq!((report.added, report.dropped_count), (1, 0));
//!
//! let default = engine.document().policy("default").ok_or("there is no policy named default")?;
//! let headers = [(b"authorization".as_slice(), AUTHORIZATION.as_bytes())];
//! let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
//! let decision = worker.decide(&engine, &trust_state, default, &request);
//! assert_eq!(decision.reason(), None);
//! let token = decision.verified_token().ok_or("an accepted request has a token")?;
//! assert_eq!(token.subject(), Some("spiffe://example.org/ns/shop/sa/web"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A refused request is answered with [`Decision::status`] and the header fields of [`Decision::write_headers`]; its [`Reason`] goes to logs
//! and metrics. Whether a request may go on is [`Decision::lets_pass`], which also accounts for policies in shadow mode.
//!
//! # Key rotation
//!
//! Key rotation takes effect on the next decision. [`Engine::load`] replaces the keys of one authority in a [`TrustState`]; cached tokens of
//! keys that are still in the document stay cached, tokens of removed keys are refused. [`Decision::wants_refresh`] names the authority whose
//! document the host should fetch because a token names an unknown key, at most once in `min_refresh_seconds`.
//!
//! ```
//! # use countersign::{Authority, Engine, PolicyDocument, Reason, Request, UnixSeconds, Worker};
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
//! # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, [3, 7]);
//! # let mut worker = Worker::new(&engine, [3, 7]);
//! # let mut trust_state = engine.empty_trust_state();
//! # let example_org = Authority::TrustDomain("example.org".into());
//! # let authority = engine.document().authority(&example_org).ok_or("unknown")?;
//! # let workloads = engine.document().policy("workloads").ok_or("unknown")?;
//! # let now = UnixSeconds::new(NOW);
//! # let headers = [(b"authorization".as_slice(), AUTHORIZATION.as_bytes())];
//! # let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
//! let decision = worker.decide(&engine, &trust_state, workloads, &request);
//! assert_eq!(decision.reason(), Some(Reason::KeysStale));
//! assert_eq!(decision.wants_refresh(), Some((authority, &example_org)));
//!
//! engine.load(&mut trust_state, authority, BUNDLE, now)?;
//! assert_eq!(worker.decide(&engine, &trust_state, workloads, &request).reason(), None);
//!
//! // The trust domain removed its key, although the token is in the cache of the worker.
//! let report = engine.load(&mut trust_state, authority, br#"{"keys": []}"#, now)?;
//! assert_eq!(report.removed, 1);
//! assert!(worker.decide(&engine, &trust_state, workloads, &request).reason().is_some());
//!
//! // A document that cannot be used changes nothing.
//! assert!(engine.load(&mut trust_state, authority, b"<html>", now).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # DPoP
//!
//! A policy with `"binding": {"require": "dpop"}` accepts only tokens that are bound to a key of the client (RFC 9449). The request needs its method and
//! its external URI, because the proof names both. Each proof is accepted once: the engine records it in its replay store, or in any
//! [`Replay`] given to [`Engine::with_replay`].
//!
//! ```
//! # use countersign::{Authority, Engine, PolicyDocument, Reason, Request, UnixSeconds, Worker};
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
//! # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, [3, 7]);
//! # let mut worker = Worker::new(&engine, [3, 7]);
//! # let mut trust_state = engine.empty_trust_state();
//! # let issuer = Authority::Issuer("https://as.example".into());
//! # let authority = engine.document().authority(&issuer).ok_or("unknown")?;
//! # let users = engine.document().policy("users").ok_or("unknown")?;
//! # let now = UnixSeconds::new(NOW);
//! engine.load(&mut trust_state, authority, JWKS, now)?;
//! let headers = [(b"authorization".as_slice(), DPOP_AUTHORIZATION.as_bytes()), (b"dpop".as_slice(), PROOF.as_bytes())];
//!
//! let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
//! assert_eq!(worker.decide(&engine, &trust_state, users, &request).reason(), None);
//! assert_eq!(worker.decide(&engine, &trust_state, users, &request).reason(), Some(Reason::ProofReplayed));
//!
//! let request = Request::new(b"POST", b"https://api.example/orders", headers, now);
//! let decision = worker.decide(&engine, &trust_state, users, &request);
//! assert_eq!(decision.reason(), Some(Reason::ProofMethodMismatch));
//! let mut challenges = Vec::new();
//! decision.write_headers(&mut |name, value| {
//!     challenges.push(format!("{name}: {value}"));
//!     Ok(())
//! })?;
//! assert!(challenges[0].contains("error=\"invalid_dpop_proof\""), "{challenges:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Many threads
//!
//! [`Engine`] and [`TrustState`] are shared, each thread has a [`Worker`]. A trust state is cheap to clone, so a host keeps the current one
//! behind a lock or an atomic pointer, changes a copy and exchanges it; a decision uses the same trust state from beginning to end. The crate
//! `countersign-reload` has this with files that are watched.
//!
//! ```
//! # use std::sync::RwLock;
//! # use countersign::{Authority, Engine, PolicyDocument, Request, UnixSeconds, Worker};
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); } use example::*;
//! # let random = || [3_u64, 7];
//! # let engine = Engine::new(PolicyDocument::parse(POLICY).map_err(|faults| faults[0].to_string())?, random());
//! # let example_org = Authority::TrustDomain("example.org".into());
//! # let authority = engine.document().authority(&example_org).ok_or("unknown")?;
//! # let workloads = engine.document().policy("workloads").ok_or("unknown")?;
//! # let now = UnixSeconds::new(NOW);
//! let current = RwLock::new(engine.empty_trust_state());
//!
//! // The thread that fetches keys: parses without the lock, and takes it to exchange the pointer only.
//! let mut next = current.read().unwrap().clone();
//! engine.load(&mut next, authority, BUNDLE, now)?;
//! *current.write().unwrap() = next;
//!
//! std::thread::scope(|scope| {
//!     for _ in 0..2 {
//!         scope.spawn(|| {
//!             let mut worker = Worker::new(&engine, random());
//!             let trust_state = current.read().unwrap().clone();
//!             let headers = [(b"authorization".as_slice(), AUTHORIZATION.as_bytes())];
//!             let request = Request::new(b"GET", b"https://api.example/orders", headers, now);
//!             assert_eq!(worker.decide(&engine, &trust_state, workloads, &request).reason(), None);
//!         });
//!     }
//! });
//! assert_eq!(engine.accepted(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Questions to the host
//!
//! Some policies need a fact that only the host can find out: the body of the request, the answer of an introspection endpoint, or whether a
//! store that several machines share knows the proof. [`Worker::begin`] gives a [`Step`], which is the decision or a [`Pending`] with its
//! [`Question`]; [`Worker::resume`] goes on with the [`Answer`]. [`Worker::decide`] refuses a request whose policy needs an answer.
//!
//! # What is not checked
//!
//! - TLS, the chain and the dates of client certificates: the host terminates TLS, and RFC 8705 §3 compares the thumbprint only.
//! - Whether `uri` is the URI that the client requested: forwarding header fields are not read.
//! - Authorization beyond the conditions of the policy: scopes and claims are compared, roles and permissions are the application's.
//!
//! # Cargo features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `ring` | yes | signatures and hashes by ring |
//! | `aws-lc` | no | by AWS-LC: faster on P-384, P-521 and RSA; needs a C compiler |
//! | `rust-crypto` | no | pure Rust, for WebAssembly |
//! | `hot-keys` | yes | precomputed tables for P-256 and Ed25519 keys that are used often, prepared RSA keys |
//! | `fast` | yes | faster and larger code with the same answers |
//! | `kinds` | yes | every token kind and proof method; each has a feature: `jwt-svid`, `access-token`, `jwt`, `txn-token`, `introspection`, `dpop`, `mtls` |
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(test)]
extern crate std;

// words
mod field_value;
mod hash_index;
mod limits;
mod order;
mod printable;
mod reason;
mod time;
// syntax
mod document;
mod jose;
mod spiffe_id;
mod subject_pattern;
mod uri;
// trust
mod crypto;
mod trust;
// memory
mod memory;
// specs
mod record;
mod request;
mod specs;
// policy
mod policy;
// engine
mod engine;

pub use crypto::{Backend, Curve, KeyError, KeyKind, KeyMaterial, PublicKey, SignatureError, SignatureVerifier};
pub use engine::{
    Answer, Attribute, AttributeValue, AuditRecord, BodyReader, CacheTier, Decision, Engine, Pending, Question,
    ReplayNotice, Step, TrustState, UseOnce, Worker,
};
pub use jose::algorithm::{Algorithm, AlgorithmSet};
pub use jose::header::CertificateHash;
pub use jose::json::{JsonError, JsonLimit, JsonString};
pub use limits::Limit;
pub use memory::hot_keys::HotKeyCounts;
pub use memory::replay::{
    AttachError, FirstUse, Replay, ReplayError, ReplayState, ReplayStore, ReplayWindow, replay_store_words,
};
pub use memory::revocation::{Revocations, RevocationsBuilder, RevocationsKnown};
pub use memory::{OutOfMemory, Zeroed};
pub use policy::{
    AcceptedKind, Binding, BodyPolicy, BundleMap, BundleMapIndex, Condition, CredentialLocation, CredentialPolicy,
    Introspection, KeySources, Mode, POLICY_SCHEMA, Policy, PolicyDocument, PolicyError, PolicyIndex, SharedReplay,
    ToolPattern, TrustDocument, TrustSource,
};
pub use reason::{ChallengeError, Reason};
pub use record::{NamedClaim, VerifiedToken};
pub use request::{ClientCertificate, Connection, HeaderField, HeaderFields, Request, named_field};
pub use specs::check::{Check, CheckResult, NoTrace, Trace};
pub use specs::claims::Claim;
pub use specs::common::actor::Actor;
pub use specs::common::confirmation::Confirmation;
pub use specs::common::presentation::AuthScheme;
pub use specs::nonce::NonceKeys;
pub use specs::profile::TokenKind;
pub use specs::settings::NonceMode;
pub use spiffe_id::SpiffeIdError;
pub use subject_pattern::{PatternError, SubjectPattern};
pub use time::UnixSeconds;
pub use trust::jwk::JwkError;
pub use trust::{
    Authority, AuthorityIndex, BundleSet, Candidates, DroppedKey, KeyHandle, KeyHint, KeySelection, KeySet, LoadReport,
    MapReport, SelectedBy, TrustError, TrustForm, TrustedKey,
};

/// The items that other crates of this repository need beside the names above, by module. Not part of the API: it changes without notice.
#[doc(hidden)]
pub mod internal {
    macro_rules! modules {
        ($($module:ident)+) => {
            $(pub mod $module {
                pub use crate::$module::*;
            })+
        };
    }
    modules! { crypto document field_value jose limits memory policy printable reason record specs spiffe_id subject_pattern time trust uri }
}

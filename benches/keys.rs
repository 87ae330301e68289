//! The signature check alone for keys that are used often: by table, and beside it by the library in charge, in one run.
//!
//! A round of the ratio takes both in turn, so that a busy machine slows both; what is printed is the median of the rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use countersign::crypto::{BACKEND, KeyMaterial, PublicKey, ed25519, p256, sha256};
use countersign::jose::algorithm::Algorithm;
use countersign_benches::{Bench, grown, view};
use countersign_tests::issuer;
use countersign_tests::request::{self, Doc};
use criterion::{Criterion, criterion_group, criterion_main};

const MESSAGE: [u8; 700] = [b'm'; 700];
const TOKEN_BYTES: usize = 900;
const NO_CACHE: &str = r#"{"verdict_cache_bytes":0}"#;

/// One key of the vectors, its signature on [`MESSAGE`], and the check by table.
struct Subject {
    name: &'static str,
    algorithm: Algorithm,
    public: PublicKey,
    signature: [u8; 64],
    by_table: Box<dyn Fn(&[u8], &[u8; 64]) -> bool>,
}

impl Subject {
    fn p256() -> Self {
        let key = issuer::key("server-p256");
        let (x, y) = (key.part("x"), key.part("y"));
        let mut point = [0; 64];
        point[..32].copy_from_slice(&x);
        point[32..].copy_from_slice(&y);
        let generator = p256::Generator::build();
        let table = p256::TableBuilder::new(&point).unwrap().step(u32::MAX).unwrap();
        Self {
            name: "ES256",
            algorithm: Algorithm::Es256,
            public: PublicKey::new(&KeyMaterial::Ec { curve: countersign::crypto::Curve::P256, x: &x, y: &y }).unwrap(),
            signature: key.sign("ES256", &MESSAGE).try_into().unwrap(),
            by_table: Box::new(move |message, signature| {
                p256::verify_prehashed(&generator, &table, &sha256(message), signature)
            }),
        }
    }
}

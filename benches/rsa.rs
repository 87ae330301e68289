//! RSA with our prepared key beside AWS-LC's parsed key and ring, in turns, so that whatever else the machine does falls
//! on all of them alike: medians in µs, and the median ratio within a round. Each check is of another signature, over 700 bytes.

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{self as aws, KeyPair as _, ParsedPublicKey};
use countersign::internal::crypto::{HashAlgorithm, RsaKey};
use ring::signature as ring_signature;

const MESSAGE_BYTES: usize = 700;
const SIGNATURES: usize = 8;
const ROUNDS: usize = 400;

/// Name, whether PSS, how AWS-LC signs and checks, how ring checks.
type Scheme = (
    &'static str,
    bool,
    &'static dyn aws::RsaEncoding,
    &'static aws::RsaParameters,
    &'static ring_signature::RsaParameters,
);

const SCHEMES: [Scheme; 2] = [
    (
        "RS256",
        false,
        &aws::RSA_PKCS1_SHA256,
        &aws::RSA_PKCS1_2048_8192_SHA256,
        &ring_signature::RSA_PKCS1_2048_8192_SHA256,
    ),
    ("PS256", true, &aws::RSA_PSS_SHA256, &aws::RSA_PSS_2048_8192_SHA256, &ring_signature::RSA_PSS_2048_8192_SHA256),
];

fn main() {
    println!(
        "{:<12} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "", "ours", "aws-lc", "ring", "to aws-lc", "to ring", "prepare"
    );
    for (bits, size) in [(2048, KeySize::Rsa2048), (3072, KeySize::Rsa3072), (4096, KeySize::Rsa4096)] {
        let pair = aws::RsaKeyPair::generate(size).expect("a new key");
        let numbers: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let e = numbers.e.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let ours = RsaKey::new(&numbers.n, e).expect("a good key");
        let prepare = in_turns([&mut |_| drop(black_box(RsaKey::new(&numbers.n, e)))]);
        let prepare = median(prepare.iter().map(|[time]| *time));
        for (name, is_pss, sign, check, ring_check) in SCHEMES {
            let signed: Vec<_> = (0..SIGNATURES as u8)
                .map(|number| {
                    let (message, mut signature) = (vec![number; MESSAGE_BYTES], vec![0; bits / 8]);
                    let random = aws_lc_rs::rand::SystemRandom::new();
                    pair.sign(sign, &random, &message, &mut signature).expect("a signature");
                    (message, signature)
                })
                .collect();
            let parsed: ParsedPublicKey = numbers.to_parsed_public_key(check).expect("a good key");
            let components = ring_signature::RsaPublicKeyComponents { n: &numbers.n, e: &numbers.e };
            let by_us = |message: &[u8], signature: &[u8]| {
                let hash = HashAlgorithm::Sha256;
                let digest = hash.digest(&[message]);
                if is_pss {
                    ours.verify_pss(hash, digest.as_ref(), signature)
                } else {
                    ours.verify_pkcs1(hash, digest.as_ref(), signature)
                }
            };
            let by_aws = |message: &[u8], signature: &[u8]| parsed.verify_sig(message, signature).is_ok();
            let by_ring = |message: &[u8], signature: &[u8]| components.verify(ring_check, message, signature).is_ok();
            let forged: Vec<u8> = signed[0].1.iter().map(|byte| byte ^ 1).collect();
            for check in [&by_us as &dyn Fn(&[u8], &[u8]) -> bool, &by_aws, &by_ring] {
                assert!(
                    signed.iter().all(|(message, signature)| check(message, signature)),
                    "refuses a good signature"
                );
                assert!(!check(&signed[0].0, &forged) && !check(&signed[1].0, &signed[0].1), "accepts a bad signature");
            }
            let next = |round: usize| {
                let (message, signature) = &signed[round % SIGNATURES];
                (black_box(message.as_slice()), black_box(signature.as_slice()))
            };
            let times = in_turns([
                &mut |round| {
                    let (message, signature) = next(round);
                    assert!(by_us(message, signature));
                },
                &mut |round| {
                    let (message, signature) = next(round);
                    assert!(by_aws(message, signature));
                },
                &mut |round| {
                    let (message, signature) = next(round);
                    assert!(by_ring(message, signature));
                },
            ]);
            let [ours, aws_lc, ring] = [0, 1, 2].map(|who| median(times.iter().map(|round| round[who])));
            let [to_aws_lc, to_ring] = [1, 2].map(|who| median(times.iter().map(|round| round[0] / round[who])));
            println!(
                "{name} {bits:<6} {ours:>8.2} {aws_lc:>8.2} {ring:>8.2} {to_aws_lc:>9.3} {to_ring:>9.3} {prepare:>9.1}"
            );
        }
    }
}

/// The time of each in µs, for each round of turns.
fn in_turns<const N: usize>(mut each: [&mut dyn FnMut(usize); N]) -> Vec<[f64; N]> {
    let mut turn = |round: usize| {
        core::array::from_fn(|who| {
            let start = Instant::now();
            for number in 0..SIGNATURES {
                each[who](round + number);
            }
            start.elapsed().as_secs_f64() * 1e6 / SIGNATURES as f64
        })
    };
    let _warm_up: Vec<[f64; N]> = (0..ROUNDS / 4).map(&mut turn).collect();
    (0..ROUNDS).map(turn).collect()
}

fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

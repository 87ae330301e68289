//! Our base64url decoder beside two libraries, on what a token is made of: header, payload and signature.
//!
//! All three refuse padding, white space and stray trailing bits, and write into a slice of the caller; each is asked that first.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64_simd::{AsOut as _, URL_SAFE_NO_PAD as SIMD};
use countersign::internal::jose::base64url;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Decodes into the slice, and says how many bytes that were.
type Decode = fn(&[u8], &mut [u8]) -> Option<usize>;

const DECODERS: [(&str, Decode); 3] = [
    ("countersign", |text, out| base64url::decode(text, out).ok().map(|bytes| bytes.len())),
    ("base64", |text, out| URL_SAFE_NO_PAD.decode_slice(text, out).ok()),
    ("base64-simd", |text, out| SIMD.decode(text, out.as_out()).ok().map(|bytes| bytes.len())),
];

/// A thumbprint, a header, a signature of ES256, two payloads.
const BYTES: [usize; 5] = [32, 60, 64, 600, 3000];

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode base64url");
    for length in BYTES {
        let bytes: Vec<u8> = (0..length).map(|at| (at * 89 % 251) as u8).collect();
        let text = URL_SAFE_NO_PAD.encode(&bytes);
        let mut out = vec![0; length];
        group.throughput(Throughput::Bytes(length as u64));
        for (name, decode) in DECODERS {
            assert_eq!((decode(text.as_bytes(), &mut out), &out), (Some(length), &bytes), "{name}");
            for wrong in
                [format!("{text}="), format!(" {text}"), text.replacen(|_: char| true, "+", 1), "QR".to_owned()]
            {
                assert_eq!(decode(wrong.as_bytes(), &mut [0; 4000]), None, "{name} takes {wrong}");
            }
            group.bench_function(BenchmarkId::new(name, length), |b| {
                b.iter(|| decode(black_box(text.as_bytes()), black_box(&mut out)));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).measurement_time(std::time::Duration::from_secs(2));
    targets = decoding
}
criterion_main!(benches);

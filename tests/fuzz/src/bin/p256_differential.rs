//! Compares the table path for P-256, one by one and in lanes, with two libraries on generated cases and counts them by class.
//!
//! `p256_differential CASES SEED`: exits with 1 at the first difference and prints the case.
//!
//! Every case is compared with what its construction says (where that is known), with `ring` wherever the hash is that of a
//! message (ring takes no hash), and with the `p256` crate on one case in twenty, and on every case of the
//! crafted classes, whose hash is chosen.

use countersign::internal::crypto::p256::{Generator, KeyTable, TableBuilder, Verify, Window, verify_prehashed};
use countersign_fuzz::{Random, Tally, arguments, joined};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use p256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar, Sec1Point};

const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Cases that share one key: a table costs as much as some fifty cases.
const CASES_PER_KEY: u64 = 2048;

fn main() {
    let (cases, seed) = arguments();
    let mut run = Run {
        random: Random(seed),
        generators: [13, 5].map(|bits| Generator::build_with(Window::bits(bits).expect("a window"))),
        fastest: countersign_cpu::p256(),
        tally: Tally::default(),
        ring: 0,
        rust_crypto: 0,
    };
    while run.tally.done < cases {
        let key = run.key();
        let end = cases.min(run.tally.done + CASES_PER_KEY);
        while run.tally.done < end {
            run.round(&key);
        }
    }
    println!("cases {} seed {seed} ring {} p256 {}", run.tally.done, run.ring, run.rust_crypto);
    run.tally.print();
}

fn random_scalar(random: &mut Random) -> Scalar {
    let scalar = reduce(&random.bytes());
    if bool::from(scalar.is_zero()) { Scalar::ONE } else { scalar }
}

fn reduce(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*bytes))
}

fn to_bytes(scalar: &Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

fn inverse(scalar: &Scalar) -> Scalar {
    Option::from(scalar.invert()).expect("a scalar other than 0")
}

fn power_of_two(bits: u32) -> Scalar {
    let mut scalar = Scalar::ONE;
    for _ in 0..bits {
        scalar = scalar.double();
    }
    scalar
}

struct Key {
    /// The discrete logarithm, where it is known.
    secret: Option<Scalar>,
    public: AffinePoint,
    sec1: Vec<u8>,
    table: KeyTable,
    window: u32,
    library: VerifyingKey,
    /// A signature that is right by construction though the secret is not known: hash, r, s.
    crafted: Option<([u8; 32], Scalar, Scalar)>,
}

impl Key {
    fn new(public: AffinePoint, secret: Option<Scalar>, window: u32) -> Self {
        let point = public.to_sec1_point(false);
        let sec1 = point.as_bytes().to_vec();
        let coordinates: [u8; 64] = sec1[1..].try_into().expect("64 bytes");
        let window_bits = Window::bits(window).expect("a window");
        let mut builder = TableBuilder::with_window(&coordinates, window_bits).expect("a point of the curve");
        let table = loop {
            if let Some(table) = builder.step(500) {
                break table;
            }
        };
        let library = VerifyingKey::from_affine(public).expect("a public key");
        Self { secret, public, sec1, table, window, library, crafted: None }
    }
}

fn x_of(point: &ProjectivePoint) -> [u8; 32] {
    let point = point.to_affine().to_sec1_point(false);
    point.as_bytes()[1..33].try_into().expect("a point other than infinity")
}

struct Run {
    random: Random,
    generators: [Generator; 2],
    /// The check that suits the processor, in lanes where it has any.
    fastest: Verify,
    tally: Tally,
    ring: u64,
    rust_crypto: u64,
}

impl Run {
    fn key(&mut self) -> Key {
        let window = [8, 8, 8, 4, 5, 6, 7, 9][self.random.below(8) as usize];
        match self.random.below(8) {
            // Keys close to the generator make additions meet equal and opposite points.
            0 => {
                let secret = match self.random.below(4) {
                    0 => Scalar::ONE,
                    1 => -Scalar::ONE,
                    2 => Scalar::from(self.random.below(300) + 1),
                    _ => power_of_two(self.random.below(250) as u32),
                };
                Key::new((ProjectivePoint::GENERATOR * secret).to_affine(), Some(secret), window)
            }
            1 | 2 => self.key_with_x_above_n(window),
            _ => {
                let secret = random_scalar(&mut self.random);
                Key::new((ProjectivePoint::GENERATOR * secret).to_affine(), Some(secret), window)
            }
        }
    }

    /// A key and a signature whose R has n <= x < p, so that r is x - n: from R, Q = (s·R - e·G) / r.
    fn key_with_x_above_n(&mut self, window: u32) -> Key {
        loop {
            // p - n is about 2^128.
            let mut r = [0u8; 32];
            let random = self.random.bytes();
            let length = 1 + self.random.below(15) as usize;
            r[32 - length..].copy_from_slice(&random[..length]);
            let mut x = N;
            let mut carry = 0u16;
            for (x, r) in x.iter_mut().zip(r).rev() {
                carry += u16::from(*x) + u16::from(r);
                *x = carry as u8;
                carry >>= 8;
            }
            let mut compressed = [2u8; 33];
            compressed[0] = 2 + (self.random.next() & 1) as u8;
            compressed[1..].copy_from_slice(&x);
            let Ok(encoded) = Sec1Point::from_bytes(compressed) else { continue };
            let Some(point): Option<AffinePoint> = AffinePoint::from_sec1_point(&encoded).into() else { continue };
            let r = reduce(&r);
            if bool::from(r.is_zero()) {
                continue;
            }
            let message = self.random.bytes();
            let hash = sha256(&message);
            let s = random_scalar(&mut self.random);
            let q = (ProjectivePoint::from(point) * s - ProjectivePoint::GENERATOR * reduce(&hash)) * inverse(&r);
            let mut key = Key::new(q.to_affine(), None, window);
            key.crafted = Some((message, r, s));
            return key;
        }
    }

    /// Sixteen or so cases around one R.
    fn round(&mut self, key: &Key) {
        if let Some((message, r, s)) = key.crafted {
            let (r, s) = (to_bytes(&r), to_bytes(&s));
            self.message_case("x of R in n..p", key, &message, &r, &s, Some(true));
            self.message_case("x of R in n..p, high s", key, &message, &r, &to_bytes(&-reduce(&s)), Some(true));
            self.corruptions(key, &message, &r, &s);
        }
        if let Some(secret) = key.secret {
            let k = random_scalar(&mut self.random);
            let r = reduce(&x_of(&(ProjectivePoint::GENERATOR * k)));
            let k_inverse = inverse(&k);
            for _ in 0..16 {
                let message = self.random.bytes();
                let e = reduce(&sha256(&message));
                let s = k_inverse * (e + r * secret);
                let (r, s) = (to_bytes(&r), to_bytes(&s));
                self.message_case("right", key, &message, &r, &s, Some(true));
                self.message_case("right, s replaced by n - s", key, &message, &r, &to_bytes(&-reduce(&s)), Some(true));
                self.corruptions(key, &message, &r, &s);
            }
            self.crafted(key, &secret);
        } else {
            for _ in 0..8 {
                let (message, r, s) = (self.random.bytes(), self.random.bytes(), self.random.bytes());
                self.message_case("all random", key, &message, &r, &s, None);
            }
        }
    }

    fn corruptions(&mut self, key: &Key, message: &[u8; 32], r: &[u8; 32], s: &[u8; 32]) {
        let flipped = self.random.flip(r);
        self.message_case("one bit of r", key, message, &flipped, s, None);
        let flipped = self.random.flip(s);
        self.message_case("one bit of s", key, message, r, &flipped, None);
        let flipped = self.random.flip(message);
        self.message_case("one bit of the message", key, &flipped, r, s, None);
        self.message_case("r and s exchanged", key, message, s, r, None);
        let edge = self.edge();
        if self.random.below(2) == 0 {
            self.message_case("r at an edge", key, message, &edge, s, None);
        } else {
            self.message_case("s at an edge", key, message, r, &edge, None);
        }
        if self.random.below(4) == 0 {
            let other = self.edge();
            self.message_case("r and s at edges", key, message, &edge, &other, None);
        }
        let small = self.small();
        self.message_case("r below p - n", key, message, &small, s, None);
    }

    /// 0, 1, 2, n - 1, n, n + 1, about p, all ones, runs of ones.
    fn edge(&mut self) -> [u8; 32] {
        let near = |delta: i16| {
            let mut bytes = N;
            bytes[31] = (i16::from(bytes[31]) + delta) as u8;
            bytes
        };
        match self.random.below(12) {
            0 => [0; 32],
            1 => to_bytes(&Scalar::ONE),
            2 => to_bytes(&Scalar::from(2u64)),
            3 => near(-1),
            4 => near(0),
            5 => near(1),
            6 => near(-2),
            7 => [0xff; 32],
            8 => {
                // p and its neighbours.
                let mut p = [0u8; 32];
                p[..4].fill(0xff);
                p[7] = 1;
                p[20..].fill(0xff);
                p[31] = p[31].wrapping_sub(self.random.below(2) as u8);
                p
            }
            9 => {
                // A half of n and its neighbours.
                let half = inverse(&Scalar::from(2u64));
                to_bytes(&(half - Scalar::from(self.random.below(3))))
            }
            10 => to_bytes(&power_of_two(self.random.below(256) as u32)),
            _ => self.random.ones(),
        }
    }

    fn small(&mut self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        let random = self.random.bytes();
        bytes[16..].copy_from_slice(&random[16..]);
        bytes
    }

    /// Pairs (u, v) for which the sum of table entries meets infinity, equal points or opposite points on its way.
    fn crafted(&mut self, key: &Key, secret: &Scalar) {
        let v = match self.random.below(4) {
            0 => Scalar::from(self.random.below(1 << 20) + 1),
            1 => power_of_two(self.random.below(255) as u32) * Scalar::from(self.random.below(256) + 1),
            _ => random_scalar(&mut self.random),
        };
        // The sum of the low rows of v, with the carry or without it, in either sign.
        let row = self.random.below(255u64.div_ceil(u64::from(key.window))) as u32;
        let low = low_bits(&v, row * key.window);
        let low = if self.random.next() & 1 == 0 { low } else { low - power_of_two(row * key.window) };
        let next = low_bits(&v, (row + 1) * key.window) - low;
        let zero = Scalar::ZERO;
        for (class, u) in [
            ("u = 0", zero),
            ("u·G = v·Q", v * secret),
            ("u·G = -v·Q", -(v * secret)),
            ("infinity on the way", -(low * secret)),
            ("equal points on the way", (next - low) * secret),
            ("opposite points on the way", -((next + low) * secret)),
            ("u small", Scalar::from(self.random.below(5000))),
            ("u = n - small", -Scalar::from(self.random.below(5000))),
        ] {
            let k = u + v * secret;
            let infinite = bool::from(k.is_zero());
            let r = if infinite {
                random_scalar(&mut self.random)
            } else {
                reduce(&x_of(&(ProjectivePoint::GENERATOR * k)))
            };
            let s = r * inverse(&v);
            let hash = to_bytes(&(u * s));
            self.hash_case(class, key, &hash, &to_bytes(&r), &to_bytes(&s), Some(!infinite));
        }
        // A result of infinity that ring can see too: e is given, r follows from it.
        let message = self.random.bytes();
        let e = reduce(&sha256(&message));
        let r = -(e * inverse(secret));
        self.message_case("infinity, any hash", key, &message, &to_bytes(&r), &to_bytes(&v), Some(false));
        let hash = [0xff; 32];
        let r = reduce(&x_of(&(ProjectivePoint::GENERATOR * v)));
        let s = inverse(&v) * (reduce(&hash) + r * secret);
        self.hash_case("hash above n", key, &hash, &to_bytes(&r), &to_bytes(&s), Some(true));
    }

    fn message_case(
        &mut self,
        class: &'static str,
        key: &Key,
        message: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
        expected: Option<bool>,
    ) {
        let signature = joined(r, s);
        let library = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, &key.sec1);
        let ring = library.verify(message, &signature).is_ok();
        self.ring += 1;
        self.compare(class, key, &sha256(message), &signature, expected.unwrap_or(ring), Some(ring));
    }

    fn hash_case(
        &mut self,
        class: &'static str,
        key: &Key,
        hash: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
        expected: Option<bool>,
    ) {
        let signature = joined(r, s);
        let expected = expected.unwrap_or_else(|| self.rust_crypto(key, hash, &signature));
        self.compare(class, key, hash, &signature, expected, None);
    }

    fn rust_crypto(&mut self, key: &Key, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        self.rust_crypto += 1;
        Signature::from_slice(signature).is_ok_and(|signature| key.library.verify_prehash(hash, &signature).is_ok())
    }

    fn compare(
        &mut self,
        class: &'static str,
        key: &Key,
        hash: &[u8; 32],
        signature: &[u8; 64],
        expected: bool,
        ring: Option<bool>,
    ) {
        // One case in eight through a generator table of another shape.
        let generator = &self.generators[usize::from(self.tally.done.is_multiple_of(8))];
        let ours = verify_prehashed(generator, &key.table, hash, signature);
        let in_lanes = (self.fastest)(generator, &key.table, hash, signature);
        let rust_crypto = if ring.is_none() || self.tally.done.is_multiple_of(20) {
            self.rust_crypto(key, hash, signature)
        } else {
            ours
        };
        if ours != expected || in_lanes != ours || ring.is_some_and(|ring| ring != ours) || rust_crypto != ours {
            println!(
                "DIFFERENCE in class {class}: ours {ours}, in lanes {in_lanes}, expected {expected} ring {ring:?} p256 {rust_crypto}"
            );
            println!("key {:02x?}\nhash {hash:02x?}\nsignature {signature:02x?}", key.public.to_sec1_point(false));
            std::process::exit(1);
        }
        self.tally.count(class, ours);
    }
}

/// The scalar's low `bits` bits.
fn low_bits(scalar: &Scalar, bits: u32) -> Scalar {
    let mut bytes = to_bytes(scalar);
    for (at, byte) in bytes.iter_mut().rev().enumerate() {
        let start = at as u32 * 8;
        let keep = bits.saturating_sub(start).min(8);
        *byte &= ((1u16 << keep) - 1) as u8;
    }
    reduce(&bytes)
}

fn sha256(message: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, message).as_ref().try_into().expect("32 bytes")
}

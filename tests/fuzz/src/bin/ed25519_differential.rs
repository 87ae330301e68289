//! Compares the table path for Ed25519 with two libraries on generated cases and counts them by class.
//!
//! `ed25519_differential CASES SEED`: exits with 1 at the first difference and prints the case.
//!
//! Every case is compared with what its construction says (where that is known) and with `ring`; with `ed25519-dalek` on one case in
//! twenty and wherever a point is of small or mixed order, or an encoding is at an edge. Cases whose hash is chosen, which no
//! library takes, are compared with the points of `curve25519-dalek`.

use countersign::internal::crypto::ed25519::{Generator, KeyTable, TableBuilder, Window, verify, verify_hashed};
use countersign_fuzz::{Random, Tally, arguments, joined};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};

/// L, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Cases that share one key: a table costs as much as some fifty cases.
const CASES_PER_KEY: u64 = 2048;

fn main() {
    let (cases, seed) = arguments();
    let mut run = Run {
        random: Random(seed),
        generators: [11, 5].map(|bits| Generator::build_with(Window::bits(bits).expect("a window"))),
        tally: Tally::default(),
        ring: 0,
        dalek: 0,
    };
    while run.tally.done < cases {
        run.keys_to_refuse();
        let key = run.key();
        let end = cases.min(run.tally.done + CASES_PER_KEY);
        while run.tally.done < end {
            run.round(&key);
        }
    }
    println!("cases {} seed {seed} ring {} ed25519-dalek {}", run.tally.done, run.ring, run.dalek);
    run.tally.print();
}

fn random_scalar(random: &mut Random) -> Scalar {
    Scalar::from_bytes_mod_order(random.bytes())
}

fn power_of_two(bits: u64) -> Scalar {
    (0..bits).fold(Scalar::ONE, |power, _| power + power)
}

fn table(encoded: &[u8; 32], window: u32) -> Option<KeyTable> {
    let mut builder = TableBuilder::with_window(encoded, Window::bits(window).expect("a window"))?;
    loop {
        if let Some(table) = builder.step(500) {
            return Some(table);
        }
    }
}

struct Key {
    secret: Scalar,
    /// Whether a point of small order was added to secret·B.
    mixed: bool,
    public: EdwardsPoint,
    encoded: [u8; 32],
    table: KeyTable,
    window: u32,
    library: VerifyingKey,
}

/// What a case is compared with beside ring.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Sometimes,
    Dalek,
}

struct Run {
    random: Random,
    generators: [Generator; 2],
    tally: Tally,
    ring: u64,
    dalek: u64,
}

impl Run {
    fn key(&mut self) -> Key {
        let window = [8, 8, 8, 4, 5, 6, 7, 9][self.random.below(8) as usize];
        // Keys close to the base point make additions meet equal and opposite points.
        let secret = match self.random.below(16) {
            0 => Scalar::ONE,
            1 => -Scalar::ONE,
            2 => Scalar::from(self.random.below(300) + 1),
            3 => power_of_two(self.random.below(250)),
            _ => random_scalar(&mut self.random),
        };
        let mixed = self.random.below(4) == 0;
        let torsion = if mixed { EIGHT_TORSION[1 + self.random.below(7) as usize] } else { EIGHT_TORSION[0] };
        let public = B * secret + torsion;
        let encoded = public.compress().to_bytes();
        let table = table(&encoded, window).expect("a key to prepare");
        let library = VerifyingKey::from_bytes(&encoded).expect("a public key");
        Key { secret, mixed, public, encoded, table, window, library }
    }

    /// What must not be prepared: small order, second encodings, no points at all.
    fn keys_to_refuse(&mut self) {
        for _ in 0..8 {
            let (class, encoded) = match self.random.below(3) {
                0 => ("key of small order", self.small_order()),
                1 => ("key with y from p on", self.y_from_p_on()),
                _ => ("key of random bytes", self.random.bytes()),
            };
            let point = CompressedEdwardsY(encoded).decompress();
            let canonical = point.filter(|point| point.compress().to_bytes() == encoded);
            let expected = canonical.is_some_and(|point| !point.is_small_order());
            let ours = TableBuilder::new(&encoded).is_some();
            if ours != expected {
                println!("DIFFERENCE in class {class}: ours {ours} expected {expected}\nkey {encoded:02x?}");
                std::process::exit(1);
            }
            self.tally.count(class, ours);
        }
    }

    /// A point of small order in its own encoding or in another that decoders have taken.
    fn small_order(&mut self) -> [u8; 32] {
        let mut encoded = EIGHT_TORSION[self.random.below(8) as usize].compress().to_bytes();
        if self.random.below(2) == 0 {
            encoded[31] ^= 0x80;
        }
        encoded
    }

    fn y_from_p_on(&mut self) -> [u8; 32] {
        let mut encoded = [0xff; 32];
        encoded[0] = 0xed + self.random.below(19) as u8;
        encoded[31] = if self.random.below(2) == 0 { 0x7f } else { 0xff };
        encoded
    }

    /// Many cases around one R.
    fn round(&mut self, key: &Key) {
        let r = random_scalar(&mut self.random);
        let point = B * r;
        let encoded = point.compress().to_bytes();
        for _ in 0..8 {
            let message = self.random.bytes();
            let s = (r + challenge(&encoded, key, &message) * key.secret).to_bytes();
            let expected = (!key.mixed).then_some(true);
            let class = if key.mixed { "right, key of mixed order" } else { "right" };
            let beside = if key.mixed { Beside::Dalek } else { Beside::Sometimes };
            self.case(class, key, &message, &encoded, &s, expected, beside);
            self.case("S + L", key, &message, &encoded, &plus_l(&s), Some(false), Beside::Dalek);
            self.corruptions(key, &message, &encoded, &s);
        }
        self.odd_points(key, &r, &point);
        self.crafted(key);
    }

    fn corruptions(&mut self, key: &Key, message: &[u8; 32], r: &[u8; 32], s: &[u8; 32]) {
        let flipped = self.random.flip(r);
        self.case("one bit of R", key, message, &flipped, s, None, Beside::Sometimes);
        let mut sign = *r;
        sign[31] ^= 0x80;
        self.case("sign of R", key, message, &sign, s, None, Beside::Sometimes);
        let flipped = self.random.flip(s);
        self.case("one bit of S", key, message, r, &flipped, None, Beside::Sometimes);
        let flipped = self.random.flip(message);
        self.case("one bit of the message", key, &flipped, r, s, None, Beside::Sometimes);
        self.case("R and S exchanged", key, message, s, r, None, Beside::Sometimes);
        let edge = self.edge();
        self.case("S at an edge", key, message, r, &edge, None, Beside::Dalek);
        match self.random.below(4) {
            0 => self.case("R at an edge", key, message, &edge, s, None, Beside::Dalek),
            1 => {
                let (r, s) = (self.random.bytes(), self.random.bytes());
                self.case("all random", key, message, &r, &s, None, Beside::Dalek);
            }
            _ => {}
        }
    }

    /// 0, 1, L and 8·L and their neighbours, p, powers of two, all ones, runs of ones.
    fn edge(&mut self) -> [u8; 32] {
        match self.random.below(8) {
            0 => Scalar::from(self.random.below(3)).to_bytes(),
            1 => (-Scalar::from(self.random.below(3) + 1)).to_bytes(),
            2 => plus_l(&Scalar::from(self.random.below(3)).to_bytes()),
            3 => {
                let mut twice_l = plus_l(&L);
                twice_l[0] = twice_l[0].wrapping_add(self.random.below(3) as u8).wrapping_sub(1);
                twice_l
            }
            4 => self.y_from_p_on(),
            5 => {
                let mut bytes = [0; 32];
                let bit = self.random.below(256);
                bytes[bit as usize / 8] = 1 << (bit % 8);
                bytes
            }
            6 => [0xff; 32],
            _ => self.random.ones(),
        }
    }

    /// R of mixed order, of small order, the neutral element, in their own encodings and others; S·B = k·A.
    fn odd_points(&mut self, key: &Key, r: &Scalar, point: &EdwardsPoint) {
        for torsion in EIGHT_TORSION {
            let message = self.random.bytes();
            let mixed = (point + torsion).compress().to_bytes();
            let s = (r + challenge(&mixed, key, &message) * key.secret).to_bytes();
            self.case("R of mixed order", key, &message, &mixed, &s, None, Beside::Dalek);
            let small = torsion.compress().to_bytes();
            let s = (challenge(&small, key, &message) * key.secret).to_bytes();
            self.case("R of small order, S·B = k·A", key, &message, &small, &s, None, Beside::Dalek);
            self.case("R of small order, S = 0", key, &message, &small, &[0; 32], None, Beside::Dalek);
        }
        for (class, r) in [
            ("R of small order, any sign, S·B = k·A", self.small_order()),
            ("R with y from p on, S·B = k·A", self.y_from_p_on()),
        ] {
            let message = self.random.bytes();
            let s = (challenge(&r, key, &message) * key.secret).to_bytes();
            self.case(class, key, &message, &r, &s, None, Beside::Dalek);
        }
        // The neutral element as y = 1 and as y = p + 1, with and without a sign: only the first is its encoding.
        for (first, rest, last) in [(1, 0, 0), (1, 0, 0x80), (0xee, 0xff, 0x7f), (0xee, 0xff, 0xff)] {
            let message = self.random.bytes();
            let mut r = [rest; 32];
            (r[0], r[31]) = (first, last);
            let s = (challenge(&r, key, &message) * key.secret).to_bytes();
            let expected = if key.mixed { None } else { Some(first == 1 && last == 0) };
            self.case("R neutral, S·B = k·A", key, &message, &r, &s, expected, Beside::Dalek);
        }
    }

    /// Pairs (S, k) for which the sum of table entries meets the neutral element, equal or opposite points on its way.
    fn crafted(&mut self, key: &Key) {
        let k = match self.random.below(4) {
            0 => Scalar::from(self.random.below(1 << 20)),
            1 => power_of_two(self.random.below(252)) * Scalar::from(self.random.below(256)),
            _ => random_scalar(&mut self.random),
        };
        // The sum of the low rows of k, with the carry or without it, in either sign.
        let row = self.random.below(253u64.div_ceil(u64::from(key.window)));
        let window = u64::from(key.window);
        let low = low_bits(&k, row * window);
        let low = if self.random.below(2) == 0 { low } else { low - power_of_two(row * window) };
        let next = low_bits(&k, (row + 1) * window) - low;
        for (class, s) in [
            ("chosen hash, S = 0", Scalar::ZERO),
            ("chosen hash, S·B = k·A", k * key.secret),
            ("chosen hash, S·B = -k·A", -(k * key.secret)),
            ("neutral element on the way", low * key.secret),
            ("equal points on the way", (low - next) * key.secret),
            ("opposite points on the way", (low + next) * key.secret),
            ("chosen hash, S small", Scalar::from(self.random.below(5000))),
            ("chosen hash, S = L - small", -Scalar::from(self.random.below(5000) + 1)),
        ] {
            // A multiple of L more, as a hash has it.
            let mut hash = [0; 64];
            let lifted = if self.random.below(2) == 0 { k.to_bytes() } else { plus_l(&k.to_bytes()) };
            hash[..32].copy_from_slice(&lifted);
            let right = (B * s - key.public * k).compress().to_bytes();
            for wrong in [false, true] {
                let r = if wrong { self.random.flip(&right) } else { right };
                let signature = joined(&r, &s.to_bytes());
                let ours = verify_hashed(self.generator(), &key.table, &hash, &signature);
                if ours == wrong {
                    println!("DIFFERENCE in class {class}: ours {ours} expected {}", !wrong);
                    println!("key {:02x?}\nhash {hash:02x?}\nsignature {signature:02x?}", key.encoded);
                    std::process::exit(1);
                }
                self.tally.count(class, ours);
            }
        }
    }

    /// One case in eight through a generator table of another shape.
    fn generator(&self) -> &Generator {
        &self.generators[usize::from(self.tally.done.is_multiple_of(8))]
    }

    #[allow(clippy::too_many_arguments)] // the parts of a case
    fn case(
        &mut self,
        class: &'static str,
        key: &Key,
        message: &[u8; 32],
        r: &[u8; 32],
        s: &[u8; 32],
        expected: Option<bool>,
        beside: Beside,
    ) {
        let signature = joined(r, s);
        let ours = verify(self.generator(), &key.table, message, &signature);
        let library = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &key.encoded);
        let ring = library.verify(message, &signature).is_ok();
        self.ring += 1;
        let mut dalek = ours;
        if beside == Beside::Dalek || self.tally.done.is_multiple_of(20) {
            dalek = key.library.verify(message, &Signature::from_bytes(&signature)).is_ok();
            self.dalek += 1;
        }
        if ours != ring || ours != dalek || expected.is_some_and(|expected| expected != ours) {
            println!("DIFFERENCE in class {class}: ours {ours} expected {expected:?} ring {ring} dalek {dalek}");
            println!("key {:02x?}\nmessage {message:02x?}\nsignature {signature:02x?}", key.encoded);
            std::process::exit(1);
        }
        self.tally.count(class, ours);
    }
}

/// k = SHA-512(R ‖ A ‖ M) modulo L.
fn challenge(r: &[u8; 32], key: &Key, message: &[u8]) -> Scalar {
    let mut context = ring::digest::Context::new(&ring::digest::SHA512);
    for part in [r, &key.encoded, message] {
        context.update(part);
    }
    Scalar::from_bytes_mod_order_wide(context.finish().as_ref().try_into().expect("64 bytes"))
}

/// `bytes + L`, little-endian.
fn plus_l(bytes: &[u8; 32]) -> [u8; 32] {
    let mut sum = *bytes;
    let mut carry = 0u16;
    for (byte, l) in sum.iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(l);
        *byte = carry as u8;
        carry >>= 8;
    }
    sum
}

/// The scalar's low `bits` bits.
fn low_bits(scalar: &Scalar, bits: u64) -> Scalar {
    let mut bytes = scalar.to_bytes();
    for (at, byte) in (0u64..).zip(&mut bytes) {
        *byte &= ((1u16 << bits.saturating_sub(at * 8).min(8)) - 1) as u8;
    }
    Scalar::from_bytes_mod_order(bytes)
}

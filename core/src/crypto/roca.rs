//! Recognises RSA moduli made by the faulty generator of CVE-2017-15361 ("ROCA"), whose private keys can be computed.
//!
//! Its primes are k·M + (65537^a mod M), M a product of small primes, so the modulus is a power of 65537 modulo each
//! of them. By chance that happens to fewer than one in a hundred million sound keys.

/// Whether the big-endian modulus carries the fingerprint.
///
/// The modulus is divided by products of many primes, and what remains by each prime: most of the time goes into the long divisions, of
/// which a client with a key made for it would otherwise cause one for each prime.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    let (head, words) = modulus.as_rchunks::<4>();
    let head = head.iter().fold(0, |head, byte| head << 8 | u64::from(*byte));
    GROUPS.iter().all(|group| {
        let divide =
            |remainder: u64, word: &[u8; 4]| (remainder << 32 | u64::from(u32::from_be_bytes(*word))) % group.product;
        let remainder = words.iter().fold(head, divide);
        let (primes, powers) = (PRIMES.iter().skip(group.first), POWERS.iter().skip(group.first));
        primes.zip(powers).take(group.count).all(|(prime, powers)| contains(powers, remainder % prime))
    })
}

/// Primes that are neighbours in [`PRIMES`].
#[derive(Clone, Copy)]
struct Group {
    first: usize,
    count: usize,
    /// Of the primes; below 2^32, so that a remainder and the next 32 bits are one word.
    product: u64,
}

const GROUPS: [Group; 8] = groups();

const fn groups() -> [Group; 8] {
    let mut groups = [Group { first: 0, count: 0, product: 1 }; 8];
    let (mut at, mut i) = (0, 0);
    while i < PRIMES.len() {
        if groups[at].product * PRIMES[i] >= 1 << 32 {
            at += 1;
            groups[at].first = i;
        }
        groups[at].product *= PRIMES[i];
        groups[at].count += 1;
        i += 1;
    }
    groups
}

const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// For each prime the powers of 65537 modulo it, as a bit set.
static POWERS: [[u64; 3]; PRIMES.len()] = powers();

const fn powers() -> [[u64; 3]; PRIMES.len()] {
    let mut sets = [[0; 3]; PRIMES.len()];
    let mut i = 0;
    while i < PRIMES.len() {
        let mut power = 1;
        while !contains(&sets[i], power) {
            sets[i][(power / 64) as usize] |= 1 << (power % 64);
            power = power * 65537 % PRIMES[i];
        }
        i += 1;
    }
    sets
}

const fn contains(set: &[u64; 3], member: u64) -> bool {
    set[(member / 64) as usize] >> (member % 64) & 1 == 1
}

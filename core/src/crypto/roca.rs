//! Recognises RSA moduli made by the faulty generator of CVE-2017-15361 ("ROCA"), whose private keys can be computed.
//!
//! Its primes are k·M + (65537^a mod M), M a product of small primes, so the modulus is a power of 65537 modulo each
//! of them. By chance that happens to fewer than one in a hundred million sound keys.

/// Whether the big-endian modulus carries the fingerprint.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    PRIMES.iter().zip(&POWERS).all(|(&prime, powers)| {
        let remainder = modulus.iter().fold(0_u32, |remainder, &byte| ((remainder << 8) | u32::from(byte)) % prime);
        contains(powers, remainder)
    })
}

const PRIMES: [u32; 38] = [
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

const fn contains(set: &[u64; 3], member: u32) -> bool {
    set[(member / 64) as usize] >> (member % 64) & 1 == 1
}

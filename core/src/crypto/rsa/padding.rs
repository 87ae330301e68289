//! The encodings of a digest that RSA signs (RFC 8017 §9).

use super::{HashAlgorithm, MAX_BYTES};

/// Writes EMSA-PKCS1-v1_5 (RFC 8017 §9.2) over the whole of `message`; `false` if the digest has the wrong length or the
/// message is too short for eight bytes of 0xff.
pub(super) fn encode_pkcs1(hash: HashAlgorithm, digest: &[u8], message: &mut [u8]) -> bool {
    // EM = 0x00 || 0x01 || PS || 0x00 || T, T being the DER prefix and the digest.
    let prefix = digest_info_prefix(hash);
    let Some(padding) = message.len().checked_sub(3 + prefix.len() + digest.len()) else { return false };
    if digest.len() != hash.digest_len() || padding < 8 {
        return false;
    }
    let padding = core::iter::repeat_n(&0xff, padding);
    for (to, from) in message.iter_mut().zip([0, 1].iter().chain(padding).chain(&[0]).chain(prefix).chain(digest)) {
        *to = *from;
    }
    true
}

/// The DER of a `DigestInfo` up to the digest (RFC 8017 §9.2 note 1).
fn digest_info_prefix(hash: HashAlgorithm) -> &'static [u8; 19] {
    const fn prefix(total: u8, hash: u8, digest: u8) -> [u8; 19] {
        [0x30, total, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hash, 5, 0, 4, digest]
    }
    const SHA256: [u8; 19] = prefix(0x31, 1, 32);
    const SHA384: [u8; 19] = prefix(0x41, 2, 48);
    const SHA512: [u8; 19] = prefix(0x51, 3, 64);
    match hash {
        HashAlgorithm::Sha256 => &SHA256,
        HashAlgorithm::Sha384 => &SHA384,
        HashAlgorithm::Sha512 => &SHA512,
    }
}

/// EMSA-PSS-VERIFY (RFC 8017 §9.1.2) with MGF1 of the same hash and a salt as long as a digest; unmasks `message` in place.
///
/// `message` has the length of the modulus. Where `bits`, the bits of the modulus less 1, are a multiple of 8, that is a
/// byte longer than EM, and the byte must be 0 (RFC 8017 §8.1.2 step 2c).
pub(super) fn verify_pss(hash: HashAlgorithm, digest: &[u8], message: &mut [u8], bits: usize) -> bool {
    let length = hash.digest_len();
    // Step 2.
    if digest.len() != length {
        return false;
    }
    let Some((above, encoded)) =
        message.len().checked_sub(bits.div_ceil(8)).and_then(|at| message.split_at_mut_checked(at))
    else {
        return false;
    };
    if above.iter().any(|byte| *byte != 0) {
        return false;
    }
    // Steps 3 to 5: EM = maskedDB || H || 0xbc, where DB = PS || 0x01 || salt.
    let [masked @ .., 0xbc] = encoded else { return false };
    let Some((masked, expected)) = masked.len().checked_sub(length).and_then(|at| masked.split_at_mut_checked(at))
    else {
        return false;
    };
    let Some(padding) = masked.len().checked_sub(length + 1) else { return false };
    // Step 6: the bits of the first byte above `bits` are 0.
    let used = 0xff_u8 >> (8 * bits.div_ceil(8) - bits);
    let Some(first) = masked.first_mut() else { return false };
    if *first & !used != 0 {
        return false;
    }
    // Steps 7 to 9.
    for (counter, block) in (0u32..).zip(masked.chunks_mut(length)) {
        let mask = hash.digest(&[expected, &counter.to_be_bytes()]);
        for (byte, mask) in block.iter_mut().zip(mask.as_ref()) {
            *byte ^= mask;
        }
    }
    if let Some(first) = masked.first_mut() {
        *first &= used;
    }
    // Step 10.
    let Some((padding, salt)) = masked.split_at_checked(padding) else { return false };
    let [1, salt @ ..] = salt else { return false };
    if padding.iter().any(|byte| *byte != 0) {
        return false;
    }
    // Steps 12 to 14.
    hash.digest(&[&[0; 8], digest, salt]).as_ref() == expected
}

// The mask needs far fewer blocks than a counter of 32 bits can number.
const _: () = assert!(MAX_BYTES / 32 < u32::MAX as usize);

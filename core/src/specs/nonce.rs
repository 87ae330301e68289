//! Server nonces for DPoP (RFC 9449 §8 and §9), without state: a moment and a MAC.
//!
//! `nonce = base64url(issued_at (8 bytes) || HMAC-SHA-256(key, issued_at || key thumbprint)[..16])`. §8: "the nonce value
//! MUST be unpredictable"; the MAC is. Bound to the client's key, so one client's nonce is nothing to another. All servers
//! of one resource share the key; two keys at once let it rotate without refusing any client.

use crate::crypto::HmacKey;
use crate::jose::base64url;
use crate::time::UnixSeconds;

/// The keys that nonces are made and checked with: the current one first.
#[derive(Debug)]
pub struct NonceKeys {
    current: HmacKey,
    previous: Option<HmacKey>,
}

/// The length of a nonce in characters; all of them are `NQCHAR` (§8.1).
pub const NONCE_CHARS: usize = base64url::encoded_len(TIME_BYTES + TAG_BYTES);

const TIME_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
const DOMAIN: &[u8] = b"countersign dpop nonce 1";

/// In which time around the server's a nonce is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceWindow {
    /// How old it may be.
    pub(crate) lifetime_seconds: u64,
    /// How far in the future it may be dated, by another server of the same keys.
    pub(crate) future_seconds: u64,
}

impl NonceKeys {
    /// Keys from secrets of 32 random bytes, the same on every server of the resource.
    #[must_use]
    pub fn new(current: &[u8; 32], previous: Option<&[u8; 32]>) -> Self {
        Self { current: HmacKey::new(current), previous: previous.map(HmacKey::new) }
    }

    /// A fresh nonce for the client whose key has this thumbprint.
    #[must_use]
    pub fn issue(&self, now: UnixSeconds, key_thumbprint: &[u8; 32]) -> [u8; NONCE_CHARS] {
        let time = now.as_u64().to_be_bytes();
        let tag = self.current.tag(&[DOMAIN, &time, key_thumbprint]);
        let mut bytes = [0; TIME_BYTES + TAG_BYTES];
        bytes[..TIME_BYTES].copy_from_slice(&time);
        bytes[TIME_BYTES..].copy_from_slice(&tag[..TAG_BYTES]);
        let mut text = [0; NONCE_CHARS];
        let _whole = base64url::encode(&bytes, &mut text);
        text
    }

    /// When `nonce` was issued, if that was by these keys, for this client key and inside `window` around `now`.
    ///
    /// Does not remember nonces: one may be used until it expires (§8.1 allows that; the proof's `jti` is used once).
    #[must_use]
    pub(crate) fn check(
        &self,
        nonce: &[u8],
        now: UnixSeconds,
        window: NonceWindow,
        key_thumbprint: &[u8; 32],
    ) -> Option<UnixSeconds> {
        let bytes: [u8; TIME_BYTES + TAG_BYTES] = base64url::decode_array(nonce)?;
        let (time, tag) = bytes.split_first_chunk::<TIME_BYTES>()?;
        let is_of_these_keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().any(|key| {
            // In constant time: how much of a guess was right must not show.
            key.verify(&[DOMAIN, time, key_thumbprint], tag)
        });
        let issued_at = UnixSeconds::new(u64::from_be_bytes(*time));
        let is_alive = issued_at <= now.plus(window.future_seconds) && now <= issued_at.plus(window.lifetime_seconds);
        (is_of_these_keys && is_alive).then_some(issued_at)
    }
}

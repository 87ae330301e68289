//! The tokens that their issuer answered are not active (RFC 7662 §2.2), for a short time: an issuer is not asked about one again each time
//! a client sends it.
//!
//! Holds no token, but a hash of each. Bounded in number; the entry that ends first makes room. A client that fills it costs the issuer one
//! question for each token again, and those are bounded by a rate.

use alloc::boxed::Box;
use alloc::vec;

use crate::time::UnixSeconds;
use crate::trust::AuthorityIndex;

/// How many tokens a worker remembers.
const TOKENS: usize = 1024;
/// How many of them may have the same place.
const WAYS: usize = 4;

/// The inactive tokens of one worker.
#[derive(Debug)]
pub(crate) struct InactiveTokens {
    /// Empty where no issuer is asked.
    entries: Box<[Entry]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first half of the SHA-256 of the token: no client finds another token of it (RFC 6234).
    hash: [u8; 16],
    issuer: AuthorityIndex,
    since: UnixSeconds,
    until: UnixSeconds,
}

impl InactiveTokens {
    /// Room for the tokens of an engine, if any issuer is asked.
    pub(crate) fn new(asks_issuers: bool) -> Self {
        let never = UnixSeconds::new(0);
        let none = Entry { hash: [0; 16], issuer: AuthorityIndex(0), since: never, until: never };
        Self { entries: vec![none; if asks_issuers { TOKENS } else { 0 }].into() }
    }

    /// Whether `issuer` answered so about the token of this hash, not longer ago than the answer is used.
    pub(crate) fn has(&self, hash: &[u8; 32], issuer: AuthorityIndex, now: UnixSeconds) -> bool {
        let (set, hash) = place(hash);
        let is_it = |entry: &Entry| entry.is_of(&hash, issuer) && (entry.since..entry.until).contains(&now);
        self.entries.chunks(WAYS).nth(set).is_some_and(|set| set.iter().any(is_it))
    }

    /// Remembers such an answer until `until`.
    pub(crate) fn add(&mut self, hash: &[u8; 32], issuer: AuthorityIndex, now: UnixSeconds, until: UnixSeconds) {
        let (set, hash) = place(hash);
        let Some(set) = self.entries.chunks_mut(WAYS).nth(set) else { return };
        let known = set.iter().position(|entry| entry.is_of(&hash, issuer));
        let first = || set.iter().enumerate().min_by_key(|(_, entry)| entry.until).map(|(place, _)| place);
        if let Some(entry) = known.or_else(first).and_then(|place| set.get_mut(place)) {
            *entry = Entry { hash, issuer, since: now, until };
        }
    }
}

impl Entry {
    fn is_of(&self, hash: &[u8; 16], issuer: AuthorityIndex) -> bool {
        self.issuer == issuer && self.hash == *hash
    }
}

/// The set that a token belongs to, and its tag there.
fn place(hash: &[u8; 32]) -> (usize, [u8; 16]) {
    let [first, second, ..] = *hash;
    let set = usize::from(u16::from_le_bytes([first, second])) % (TOKENS / WAYS);
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(half, byte)| *half = *byte);
    (set, half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);
    const ISSUER: AuthorityIndex = AuthorityIndex(1);

    fn hash(number: u32) -> [u8; 32] {
        sha256(&number.to_le_bytes())
    }

    #[test]
    fn a_token_is_remembered_for_its_time_and_its_issuer() {
        let mut tokens = InactiveTokens::new(true);
        assert!(!tokens.has(&[0; 32], AuthorityIndex(0), UnixSeconds::new(0)), "an empty entry is no token");
        tokens.add(&hash(1), ISSUER, NOW, NOW.plus(10));
        assert!(tokens.has(&hash(1), ISSUER, NOW) && tokens.has(&hash(1), ISSUER, NOW.plus(9)));
        assert!(!tokens.has(&hash(1), ISSUER, NOW.plus(10)), "no longer than it is used");
        assert!(!tokens.has(&hash(1), ISSUER, UnixSeconds::new(NOW.as_u64() - 1)), "a clock that was ahead");
        assert!(!tokens.has(&hash(2), ISSUER, NOW) && !tokens.has(&hash(1), AuthorityIndex(2), NOW));
        tokens.add(&hash(1), ISSUER, NOW.plus(10), NOW.plus(20));
        assert!(tokens.has(&hash(1), ISSUER, NOW.plus(19)));
    }

    #[test]
    fn the_number_of_tokens_is_bounded_and_the_newest_stay() {
        let mut tokens = InactiveTokens::new(true);
        let mut until = NOW;
        for number in 0..10_000 {
            until = until.plus(1);
            tokens.add(&hash(number), ISSUER, NOW, until);
            assert!(tokens.has(&hash(number), ISSUER, NOW));
        }
        let kept = (0..10_000).filter(|number| tokens.has(&hash(*number), ISSUER, NOW)).count();
        assert!((1000..=TOKENS).contains(&kept), "{kept}");
    }

    #[test]
    fn without_issuers_to_ask_nothing_is_kept() {
        let mut tokens = InactiveTokens::new(false);
        tokens.add(&hash(1), ISSUER, NOW, NOW.plus(10));
        assert!(!tokens.has(&hash(1), ISSUER, NOW));
    }
}

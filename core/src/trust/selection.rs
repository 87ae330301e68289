//! How a token selects the key of its issuer that it was signed with.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::jose::algorithm::Algorithm;
use crate::jose::header::CertificateHash;
use crate::order::sort;
use crate::trust::key::TrustedKey;

/// The most keys that a token is checked with: the greatest `try_keys`.
pub(crate) const MOST_TRIED: usize = 4;

/// What the policy says of how tokens of an authority select a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySelection {
    /// `try_keys`
    pub(crate) try_keys: Option<u8>,
    /// `match_x5t`
    pub(crate) match_x5t: bool,
    /// `eddsa_is_ed25519`
    pub(crate) eddsa_is_ed25519: bool,
}

impl KeySelection {
    /// How many keys may be tried where a token does not say which; `None` where the policy says nothing, and it must be the only one.
    #[must_use]
    pub const fn try_keys(self) -> Option<u8> {
        self.try_keys
    }

    /// Whether `x5t` and `x5t#S256` select the key of a token without `kid`.
    #[must_use]
    pub const fn matches_x5t(self) -> bool {
        self.match_x5t
    }

    /// Whether `EdDSA` and `Ed25519` are two names of one algorithm.
    #[must_use]
    pub const fn eddsa_is_ed25519(self) -> bool {
        self.eddsa_is_ed25519
    }

    /// How many keys a token is checked with at most.
    pub(crate) fn most(self) -> usize {
        self.try_keys.map_or(1, usize::from).min(MOST_TRIED)
    }
}

/// What the header of a token says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHint<'h> {
    /// `kid`
    Id(&'h str),
    /// The hash of a certificate.
    Certificate(CertificateHash, &'h str),
    /// Nothing.
    None,
}

/// How a token selected its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedBy {
    /// By a name that the key has too: whatever else is in the set, it is this key.
    Name,
    /// As one of few that the algorithm fits, without a name.
    Algorithm,
    /// The same with a `kid`, in a set whose keys have none.
    AlgorithmDespiteId,
}

/// The keys that a token may have been signed with: at most four, by `try_keys`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'s> {
    list: [Option<(&'s TrustedKey, SelectedBy)>; MOST_TRIED],
    count: usize,
}

impl<'s> Candidates<'s> {
    /// Each key, and how the token selects it.
    pub fn keys(&self) -> impl Iterator<Item = (&'s TrustedKey, SelectedBy)> {
        self.list.iter().map_while(|candidate| *candidate)
    }

    /// The first that `is_it` holds of.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&TrustedKey) -> bool) -> Option<(&'s TrustedKey, SelectedBy)> {
        self.keys().find(|(key, _)| is_it(key))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Adds a key if it may be used with the algorithm. RFC 8725 §3.1: "each key MUST be used with exactly one algorithm, and this MUST be
    /// checked when the cryptographic operation is performed": the header's `alg` only chooses among those the key allows.
    pub(super) fn add(&mut self, key: &'s TrustedKey, algorithm: Algorithm, by: SelectedBy) {
        if key.algorithms.contains(algorithm)
            && let Some(room) = self.list.get_mut(self.count)
        {
            *room = Some((key, by));
            self.count += 1;
        }
    }
}

/// Where the keys of one set are by what a token may say of them, beside `kid`. Found when the document is loaded, since a client asks as often
/// as it likes.
#[derive(Debug)]
pub(super) struct Index {
    /// For each algorithm the places of the keys that it fits, where they are no more than may be tried.
    fitting: [Vec<u32>; Algorithm::ALL.len()],
    /// For each hash the places of the keys that have one, sorted by it.
    by_certificate: [Vec<u32>; CertificateHash::ALL.len()],
    /// Whether a token with a `kid` may mean one of `fitting`.
    serves_any_id: bool,
}

impl Index {
    /// The index that a selection needs beside the one of all sets; `keys` are sorted by `kid`.
    pub(super) fn of(keys: &[Arc<TrustedKey>], selection: KeySelection) -> Option<Box<Self>> {
        if selection.try_keys.is_none() && !selection.match_x5t {
            return None;
        }
        let places = |wanted: &dyn Fn(&TrustedKey) -> bool| -> Vec<u32> {
            (0..).zip(keys).filter(|(_, key)| wanted(key)).map(|(place, _)| place).collect()
        };
        let fitting = Algorithm::ALL.map(|algorithm| {
            let mut fitting = places(&|key| key.algorithms.contains(algorithm));
            if fitting.len() > selection.most() {
                fitting = Vec::new();
            }
            fitting
        });
        let by_certificate = CertificateHash::ALL.map(|hash| {
            let mut named = places(&|key| key.certificate_name(hash).is_some());
            sort(&mut named, |a, b| name_at(keys, *a, hash).cmp(&name_at(keys, *b, hash)));
            named
        });
        // Keys without `kid` come first.
        let unnamed = keys.last().is_some_and(|last| last.key_id.is_none());
        Some(Box::new(Self { fitting, by_certificate, serves_any_id: selection.try_keys.is_some() && unnamed }))
    }

    pub(super) fn fitting(&self, algorithm: Algorithm) -> &[u32] {
        self.fitting.get(usize::from(algorithm.index())).map_or(&[], Vec::as_slice)
    }

    /// The places of the keys that a certificate's hash names.
    pub(super) fn named(&self, keys: &[Arc<TrustedKey>], hash: CertificateHash, name: &str) -> &[u32] {
        let list = self.by_certificate.get(hash.index()).map_or(&[][..], Vec::as_slice);
        let from = list.partition_point(|place| name_at(keys, *place, hash) < Some(name));
        let list = list.get(from..).unwrap_or_default();
        let count = list.partition_point(|place| name_at(keys, *place, hash) == Some(name));
        list.get(..count).unwrap_or_default()
    }

    pub(super) const fn serves_any_id(&self) -> bool {
        self.serves_any_id
    }
}

fn name_at(keys: &[Arc<TrustedKey>], place: u32, hash: CertificateHash) -> Option<&str> {
    keys.get(usize::try_from(place).ok()?)?.certificate_name(hash)
}

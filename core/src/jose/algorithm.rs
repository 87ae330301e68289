//! The signature algorithms this engine knows: a closed list, asymmetric only.
//!
//! `none` and the HMAC algorithms have no place here, so no configuration can allow them (RFC 8725 §3.1).

use core::fmt;

use crate::jose::json::JsonString;

/// A signature algorithm by its `alg` name (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Copy, Clone, Eq, PartialEq, Debug, Ord, PartialOrd, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// EdDSA on edwards25519 by its fully specified name.
    Ed25519,
    /// EdDSA by its polymorphic name; only Ed25519 keys fit it here.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in the order of the enum, which is that of every list: `Ed25519` is before `EdDSA`, which RFC 9864 §4.4
    /// deprecates.
    pub const ALL: [Self; 11] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ed25519,
        Self::EdDsa,
    ];

    /// The algorithm of this name; names are case-sensitive (RFC 7515 §4.1.1).
    #[must_use]
    pub const fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"RS256" => Some(Self::Rs256),
            b"RS384" => Some(Self::Rs384),
            b"RS512" => Some(Self::Rs512),
            b"PS256" => Some(Self::Ps256),
            b"PS384" => Some(Self::Ps384),
            b"PS512" => Some(Self::Ps512),
            b"ES256" => Some(Self::Es256),
            b"ES384" => Some(Self::Es384),
            b"ES512" => Some(Self::Es512),
            b"EdDSA" => Some(Self::EdDsa),
            b"Ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// The algorithm that a JSON string names.
    #[must_use]
    pub(crate) fn read(name: JsonString<'_>) -> Option<Self> {
        // "Ed25519" is the longest name.
        Self::from_name(name.text(&mut [0; 7])?.as_bytes())
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The names of the same algorithm with one and the same key: `EdDSA` with a key on Ed25519 is `Ed25519` (RFC 9864 §2.2).
    #[must_use]
    pub(crate) const fn by_all_names(self) -> AlgorithmSet {
        match self {
            Self::EdDsa | Self::Ed25519 => AlgorithmSet::EMPTY.with(Self::EdDsa).with(Self::Ed25519),
            other => AlgorithmSet::EMPTY.with(other),
        }
    }

    /// Its place in [`Algorithm::ALL`].
    #[must_use]
    #[allow(clippy::as_conversions)] // a fieldless enum has no other way
    pub const fn index(self) -> u8 {
        self as u8
    }

    /// The algorithm at this place of [`Algorithm::ALL`].
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms, as an allow-list holds it; the empty set allows nothing.
#[derive(Copy, Clone, Eq, PartialEq, Default, Hash)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// The algorithms of JWT-SVIDs: the RS, PS and ES families (JWT-SVID §2.1).
    pub const JWT_SVID: Self = Self::EMPTY
        .with(Algorithm::Rs256)
        .with(Algorithm::Rs384)
        .with(Algorithm::Rs512)
        .with(Algorithm::Ps256)
        .with(Algorithm::Ps384)
        .with(Algorithm::Ps512)
        .with(Algorithm::Es256)
        .with(Algorithm::Es384)
        .with(Algorithm::Es512);

    /// Every algorithm of this engine.
    pub const ALL: Self = Self::JWT_SVID.with(Algorithm::EdDsa).with(Algorithm::Ed25519);

    /// The algorithms of DPoP proofs where the policy names none: one algorithm of each family, the one whose signatures cost
    /// least to check. A client chooses the algorithm and the server pays for it.
    pub const DPOP_DEFAULT: Self = Self::EMPTY
        .with(Algorithm::Rs256)
        .with(Algorithm::Ps256)
        .with(Algorithm::Es256)
        .with(Algorithm::EdDsa)
        .with(Algorithm::Ed25519);

    /// This set and one member more.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    /// This set and one member less.
    #[must_use]
    pub const fn without(self, algorithm: Algorithm) -> Self {
        Self(self.0 & !(1 << algorithm as u8))
    }

    /// Adds a member.
    pub const fn insert(&mut self, algorithm: Algorithm) {
        *self = self.with(algorithm);
    }

    /// Whether the algorithm is a member.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u8 != 0
    }

    /// The members of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |&algorithm| self.contains(algorithm))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(members: I) -> Self {
        members.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_algorithm() {
        for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            assert_eq!(algorithm as usize, index);
            assert_eq!(Algorithm::from_name(algorithm.name().as_bytes()), Some(algorithm));
        }
    }

    #[test]
    fn names_are_exact() {
        for name in
            ["", "none", "None", "HS256", "es256", "ES256 ", "ES256K", "ES521", "eddsa", "EDDSA", "Ed448", "RS1"]
        {
            assert_eq!(Algorithm::from_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn sets() {
        assert!(AlgorithmSet::EMPTY.is_empty());
        assert_eq!(AlgorithmSet::ALL.iter().count(), 11);
        assert_eq!(AlgorithmSet::JWT_SVID.iter().count(), 9);
        assert!(!AlgorithmSet::JWT_SVID.contains(Algorithm::EdDsa));
        assert!(!AlgorithmSet::JWT_SVID.contains(Algorithm::Ed25519));
        let mut set = AlgorithmSet::default();
        set.insert(Algorithm::Ed25519);
        set.insert(Algorithm::Es256);
        assert!(set.iter().eq([Algorithm::Es256, Algorithm::Ed25519]));
        assert!(set.without(Algorithm::Ed25519).iter().eq([Algorithm::Es256]));
        assert_eq!(set.without(Algorithm::Rs256), set);
        assert!(set.intersection(AlgorithmSet::JWT_SVID).iter().eq([Algorithm::Es256]));
        assert_eq!(set, set.iter().collect());
    }
}

//! The header of a token or proof (RFC 7515 §4), read once.

use crate::jose::algorithm::Algorithm;
use crate::jose::json::{self, Budget, JsonError, JsonObject, JsonString, NameTable, Value};
use crate::reason::Reason;

/// One row a media type that readers know: `Name = "spelling", "meaning";`.
macro_rules! media_types {
    ($($typ:ident = $spelling:literal, $meaning:literal;)+) => {
        /// The media type in `typ` or `cty` (RFC 7515 §4.1.9, RFC 8725 §3.11).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Typ {
            /// There is none.
            Absent,
            /// Any other text.
            Other,
            $(#[doc = $meaning] $typ,)+
        }

        impl Typ {
            /// How many there are.
            pub(crate) const COUNT: usize = Self::ALL.len();
            /// Every type, in the order of its index.
            pub(crate) const ALL: [Self; 2 + [$($spelling),+].len()] = [Self::Absent, Self::Other, $(Self::$typ),+];
            const KNOWN: [(&'static [u8], Self); Self::COUNT - 2] = [$(($spelling.as_bytes(), Self::$typ)),+];
        }
    };
}

media_types! {
    Jwt = "JWT", "`JWT` (RFC 7519 §5.1).";
    Jose = "JOSE", "`JOSE` (RFC 7515 §4.1.9).";
    AtJwt = "at+jwt", "`at+jwt` (RFC 9068 §4).";
    DpopJwt = "dpop+jwt", "`dpop+jwt` (RFC 9449 §4.2).";
    TxntokenJwt = "txntoken+jwt", "`txntoken+jwt` (transaction tokens §9.1).";
}

/// Which of its two hashes names a certificate, and so the key in it (RFC 7515 §4.1.7, §4.1.8; RFC 7517 §4.8, §4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateHash {
    /// `x5t`
    Sha1,
    /// `x5t#S256`
    Sha256,
}

impl CertificateHash {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// The member that has it, of a header and of a key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "x5t",
            Self::Sha256 => "x5t#S256",
        }
    }

    /// Its place in [`CertificateHash::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Sha1 => 0,
            Self::Sha256 => 1,
        }
    }
}

/// A header as read: nothing in it is trusted.
///
/// Does not check that the algorithm suits a key, nor that `typ` suits the reader.
#[derive(Clone, Copy, Debug)]
pub struct UnverifiedHeader<'a> {
    /// `alg`, if it is one that we know; absent, unknown and mistyped are alike here.
    pub algorithm: Option<Algorithm>,
    /// Whether there is any `alg`.
    pub has_algorithm: bool,
    /// `typ`.
    pub typ: Typ,
    /// `kid`.
    pub kid: Option<JsonString<'a>>,
    /// `jwk`: trusted in DPoP proofs only.
    pub jwk: Option<JsonObject<'a>>,
    /// Whether there is any `crit` or `b64`.
    pub critical: bool,
    /// Whether there is `enc` or `zip`, which belong to a JWE (RFC 7516 §9, §4.1.3), or a `cty` of `JWT`, which announces a
    /// token in the token (RFC 7519 §5.2).
    pub nested: bool,
    /// Whether there is another `cty`, which means nothing in a JWS that holds claims.
    pub describes_payload: bool,
    /// Whether there is `jku`, `jwk`, `x5u`, `x5c`, `x5t` or `x5t#S256`.
    pub names_key: bool,
    /// `x5t#S256`, or else `x5t`, with its name: where the policy says so, it selects the key of a token without `kid`.
    pub certificate: Option<(CertificateHash, Value<'a>)>,
    /// Whether there is a parameter that this reader does not know.
    pub unknown: bool,
    /// `iss` replicated in the header (RFC 7519 §5.3).
    pub issuer: Option<Value<'a>>,
    /// `sub` replicated in the header.
    pub subject: Option<Value<'a>>,
    /// `aud` replicated in the header.
    pub audience: Option<Value<'a>>,
}

impl From<JsonError> for Reason {
    fn from(fault: JsonError) -> Self {
        match fault {
            JsonError::Malformed { .. } => Self::TokenJson,
            JsonError::Limit { .. } => Self::LimitExceeded,
        }
    }
}

/// The faults of one object, of which the first by number counts: the order of members decides nothing.
#[derive(Debug, Default)]
pub(crate) struct Faults(Option<Reason>);

impl Faults {
    /// Notes what became of one member; the scan goes on.
    pub(crate) fn note(&mut self, result: Result<(), Reason>) -> Result<(), Reason> {
        if let Err(reason) = result {
            self.0 = Some(self.0.map_or(reason, |known| known.min(reason)));
        }
        Ok(())
    }

    pub(crate) fn first(self) -> Result<(), Reason> {
        self.0.map_or(Ok(()), Err)
    }
}

impl<'a> UnverifiedHeader<'a> {
    /// A header without any parameter.
    const EMPTY: Self = Self {
        algorithm: None,
        has_algorithm: false,
        typ: Typ::Absent,
        kid: None,
        jwk: None,
        critical: false,
        nested: false,
        describes_payload: false,
        names_key: false,
        certificate: None,
        unknown: false,
        issuer: None,
        subject: None,
        audience: None,
    };

    /// Reads the decoded header `bytes`.
    ///
    /// # Errors
    /// [`Reason::TokenJson`] unless `bytes` are one JSON object without repeated names, [`Reason::LimitExceeded`] past the
    /// budget, [`Reason::TypNotAccepted`] for a `typ` that is no string, [`Reason::ClaimInvalid`] for a `kid` that is none.
    pub fn parse(bytes: &'a [u8], names: &mut NameTable) -> Result<Self, Reason> {
        let mut header = Self::EMPTY;
        // RFC 7515 §5.2 step 3: "Verify that the resulting octet sequence is a UTF-8-encoded representation of a
        // completely valid JSON object".
        let mut faults = Faults::default();
        let value = json::scan(bytes, names, Budget::TOKEN, |name, value| faults.note(header.take(name, value)))?;
        value.as_object().ok_or(Reason::TokenJson)?;
        faults.first().map(|()| header)
    }

    /// The header of a token that has none: its issuer answers for it.
    pub(crate) const fn of_answer() -> Self {
        Self { algorithm: Some(Algorithm::Rs256), has_algorithm: true, typ: Typ::Other, ..Self::EMPTY }
    }

    /// Whether there is more than `alg`, `typ`, `kid` and what the other fields name.
    #[must_use]
    pub const fn has_extra_parameters(&self) -> bool {
        self.unknown || self.issuer.is_some() || self.subject.is_some() || self.audience.is_some()
    }

    fn take(&mut self, name: JsonString<'a>, value: Value<'a>) -> Result<(), Reason> {
        // "x5t#S256" is the longest name.
        match name.text(&mut [0; 8]).unwrap_or_default() {
            "alg" => {
                self.has_algorithm = true;
                self.algorithm = value.as_string().and_then(Algorithm::read);
            }
            "typ" => self.typ = Typ::read(value.as_string().ok_or(Reason::TypNotAccepted)?),
            "kid" => self.kid = Some(value.as_string().ok_or(Reason::ClaimInvalid)?),
            "crit" | "b64" => self.critical = true,
            "enc" | "zip" => self.nested = true,
            "cty" if Typ::read(value.as_string().ok_or(Reason::ClaimInvalid)?) == Typ::Jwt => self.nested = true,
            "cty" => self.describes_payload = true,
            "jwk" => {
                self.names_key = true;
                self.jwk = value.as_object();
            }
            "jku" | "x5u" | "x5c" => self.names_key = true,
            name @ ("x5t" | "x5t#S256") => {
                self.names_key = true;
                let hash = if name == "x5t" { CertificateHash::Sha1 } else { CertificateHash::Sha256 };
                if self.certificate.is_none_or(|(known, _)| known < hash) {
                    self.certificate = Some((hash, value));
                }
            }
            "iss" => self.issuer = Some(value),
            "sub" => self.subject = Some(value),
            "aud" => self.audience = Some(value),
            _ => self.unknown = true,
        }
        Ok(())
    }
}

impl Typ {
    /// RFC 7515 §4.1.9: a recipient "MUST treat it as if 'application/' were prepended to any 'typ' value not containing
    /// a '/'", and media types ignore case (RFC 2045 §5.1). So each type has two spellings in any case, for every kind of
    /// token; `application/` is taken off once, and no known type holds another slash.
    fn read(text: JsonString<'_>) -> Self {
        const LONG: &[u8] = b"application/";
        // Longer than any known spelling in its long form.
        let mut scratch = [0; 32];
        let text = text.text(&mut scratch).unwrap_or_default().as_bytes();
        let short = match text.split_at_checked(LONG.len()) {
            Some((tree, short)) if tree.eq_ignore_ascii_case(LONG) => short,
            _ => text,
        };
        let known = Self::KNOWN.into_iter().find(|(name, _)| short.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, typ)| typ)
    }

    /// The index of the type in [`Typ::ALL`], also in records.
    #[allow(clippy::as_conversions)] // a fieldless enum has no other way
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

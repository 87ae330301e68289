//! Every limit on the size of an input and on the numbers of a policy: one row each, with its value, its meaning and its source.
//!
//! `docs/limits.md` is generated from the rows. A fault that a limit causes names its row.

use core::fmt;

/// A limit on the size of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name, which faults and `docs/limits.md` have.
    pub name: &'static str,
    /// The most that is taken.
    pub most: usize,
}

/// A row of the table of limits: what is for readers of the documentation is beside the limit, so that no host carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The limit.
    pub limit: Limit,
    /// The quantity that it bounds.
    pub meaning: &'static str,
    /// The specification, advisory or reason that it comes from.
    pub source: &'static str,
}

impl Limit {
    /// The limit in a sentence: `at most 16 levels (limit json_depth)` where `what` is "levels".
    #[must_use]
    #[doc(hidden)]
    pub const fn of<'l>(&'l self, what: &'l str) -> AtMost<'l> {
        AtMost { limit: self, what }
    }
}

/// A limit in a sentence, see [`Limit::of`].
#[derive(Clone, Copy, Debug)]
pub struct AtMost<'l> {
    limit: &'l Limit,
    what: &'l str,
}

impl fmt::Display for AtMost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} {} (limit {})", self.limit.most, self.what, self.limit.name)
    }
}

macro_rules! limits {
    ($($name:ident $word:literal = $most:expr, $meaning:literal, $source:literal;)*) => {
        $(
            #[doc = $meaning]
            #[doc = ""]
            #[doc = $source]
            pub const $name: usize = $most;
        )*

        /// The limits of the table by name.
        pub mod row {
            use super::Limit;
            $(
                #[doc = $meaning]
                pub const $name: Limit = Limit { name: $word, most: super::$name };
            )*
        }

        /// All limits, in the order of the table.
        pub const ALL: &[LimitRow] = &[$(LimitRow { limit: row::$name, meaning: $meaning, source: $source }),*];
    };
}

limits! {
    TOKEN_BYTES "token_bytes" = 16 * 1024, "The bytes of a token, before any decoding.",
        "8725bis §3.13 asks for a cap; nginx and Envoy take header lines of 8 KiB and header blocks of 60 KiB by default.";
    PROOF_BYTES "proof_bytes" = 8 * 1024, "The bytes of a DPoP proof.",
        "An RSA-4096 key and signature take less than 2 KiB; the rest is room for `htu`.";
    HEADER_BYTES "header_bytes" = 4 * 1024, "The bytes of the encoded header of a token or proof.",
        "RFC 7515 §4 sets none; certificate chains in `x5c` are refused above it.";
    SIGNATURE_BYTES "signature_bytes" = RSA_MODULUS_BITS / 8, "The bytes of a signature.",
        "The largest signature, of an RSA-8192 key.";
    JSON_DEPTH "json_depth" = 16, "The levels of JSON in one part of a token, and in a key set.",
        "CVE-2025-53864 (Nimbus) was a stack overflow by depth; this scanner has no recursion, and a fixed stack of this size.";
    JSON_MEMBERS "json_members" = 256, "The members of all objects of one part of a token together.",
        "RFC 7519 §4 and RFC 8259 §9; it bounds the search for repeated names.";
    JSON_OPEN_MEMBERS "json_open_members" = JSON_MEMBERS,
        "The members of one object of any document, with those of the objects around it.",
        "RFC 8259 §9; it bounds the search for repeated names.";
    JSON_NUMBER_BYTES "json_number_bytes" = 32, "The bytes of one number in JSON.",
        "RFC 8259 §9; 2^53 has 16 digits.";
    JSON_TEXT_BYTES "json_text_bytes" = POLICY_DOCUMENT_BYTES, "The bytes of one JSON text.",
        "The longest document.";
    DOCUMENT_DEPTH "document_depth" = 32, "The levels of JSON in a policy, in settings of a host and in revocations.",
        "A policy may contain trust documents of 16 levels.";
    URI_BYTES "uri_bytes" = 8192, "The bytes of the URI of a request or proof: scheme, authority and path together.",
        "RFC 9110 §4.1 asks for at least 8000; the usual proxies take request lines of 8 KiB.";
    SPIFFE_ID_BYTES "spiffe_id_bytes" = 2048, "The bytes of a SPIFFE ID.",
        "SPIFFE-ID §2.3: implementations MUST support 2048, and MUST NOT generate longer ones.";
    TRUST_DOMAIN_BYTES "trust_domain_bytes" = 255, "The bytes of a trust domain name.",
        "SPIFFE-ID §2.3; RFC 3986 §3.2.2 gives the same for a host.";
    ACTORS "actors" = 8, "The actors of a delegation chain (`act`).",
        "RFC 8693 §4.1 sets none; each level is walked once.";
    AUDIENCES "audiences" = 64, "The audiences of one token.",
        "RFC 7519 §4.1.3 sets none; more are refused before they are compared.";
    TRUST_DOCUMENT_BYTES "trust_document_bytes" = 8 * 1024 * 1024, "The bytes of a SPIFFE bundle or JWK set.",
        "SPIFFE Federation §5.2 leaves the body open; ten thousand RSA-4096 keys fit.";
    INTROSPECTION_ANSWER_BYTES "introspection_answer_bytes" = TRUST_DOCUMENT_BYTES, "The bytes of an introspection answer.",
        "RFC 7662 §2.2 sets none; as long as any other response that a host fetches.";
    KEYS_PER_SET "keys_per_set" = 16_384, "The keys of one bundle or JWK set; a document with more is refused whole.",
        "RFC 7517 §5 sets none.";
    TRUST_DOCUMENT_MEMBERS "trust_document_members" = 64 * KEYS_PER_SET,
        "The members of all objects of a bundle or JWK set together.", "64 for each key.";
    KEY_OPERATIONS "key_operations" = 8, "The values of `key_ops` of one key.",
        "RFC 7517 §4.3 defines eight, and forbids to repeat one.";
    RSA_MODULUS_BITS "rsa_modulus_bits" = 8192, "The bits of an RSA modulus of a bundle or JWK set.",
        "The largest that every cryptographic backend takes.";
    PROOF_RSA_MODULUS_BITS "proof_rsa_modulus_bits" = 4096, "The bits of an RSA modulus of a DPoP key.",
        "The client chooses the key, and the server pays for the check.";
    POLICY_DOCUMENT_BYTES "policy_document_bytes" = 32 * 1024 * 1024,
        "The bytes of a policy, of settings of a host and of revocations.", "100,000 trust domains fit.";
    POLICY_DOCUMENT_MEMBERS "policy_document_members" = 128 * KEYS_PER_SET,
        "The members of all objects of a policy together, its inline trust documents included.",
        "Two inline sets of the largest size.";
    POLICY_NAME_BYTES "policy_name_bytes" = 64, "The bytes of the name of a policy.",
        "It goes into header fields, metrics and log lines.";
    SUBJECT_PATTERN_BYTES "subject_pattern_bytes" = SPIFFE_ID_BYTES, "The bytes of a subject pattern.",
        "A longer one could match no SPIFFE ID.";
    QUERY_NAME_CHARS "query_name_chars" = 4 * 1024,
        "The characters that names in a query which begin as `access_token` does have in common with it, together; a query with more counts as one with a token.",
        "They are compared before the first signature check.";
    SPIFFE_TRUST_DOMAINS "spiffe_trust_domains" = 64, "The trust domains that one issuer may speak for.",
        "Each is compared with each SPIFFE ID that a token of the issuer names, up to three.";
    KEY_SOURCES "key_sources" = 64, "The entries of `trust` with a name, which tells several key sources of one issuer apart.",
        "Each is compared with the issuer of a token that no other entry has.";
    BUNDLE_MAP_TRUST_DOMAINS "bundle_map_trust_domains" = 192, "The trust domains that take their keys from one bundle map.",
        "The limit `json_open_members`, less what the map has around them.";
    NAMED_CLAIMS "named_claims" = 32, "The claims that the policies of one document name by JSON Pointer.",
        "Each has a slot in every cached token.";
    NAMED_CLAIM_BYTES "named_claim_bytes" = 4 * 1024,
        "The bytes of the claims that a document names in one token together, each with 4 bytes beside it.",
        "The cache of verified tokens has a copy of them.";
    POINTER_SEGMENTS "pointer_segments" = JSON_DEPTH, "The segments of a JSON Pointer to a claim.",
        "As deep as a token may nest.";
    CREDENTIALS "credentials" = 4, "The credentials that one policy asks for.",
        "Each is a token with a signature that the server pays for.";
    BODY_BYTES "body_bytes_most" = 1024 * 1024, "The bytes of the body that a policy may read; `body_bytes` sets less.",
        "A proxy keeps the body in memory until the decision.";
    BODY_MEMBERS "body_members" = 16 * 1024, "The members of all objects of a body together.",
        "It bounds the search for repeated names.";
    TOOL_NAME_BYTES "tool_name_bytes" = 256, "The bytes of a pattern of tool names.",
        "It is compared with each name that a body calls.";
    NAMED_DROPS "named_drops" = 100, "The dropped keys of one document that a report names; the others are counted.",
        "A key set may be wrong in every entry.";
    NAMED_FAULTS "named_faults" = 100, "The faults of one document that are reported; the others are counted.",
        "A document may be wrong in every line.";
    QUOTED_CHARS "quoted_chars" = 80, "The characters of a value that a fault quotes.", "One line of a log.";
    KEY_ID_CHARS "key_id_chars" = 64, "The characters of a `kid` that a report of a dropped key has.",
        "One line of a log.";
}

/// The upper bound of a `NumericDate`, in seconds: the integers below it are those that every JSON peer represents exactly
/// (RFC 8259 §6).
pub const NUMERIC_DATE: u64 = 1 << 53;

/// A number of a policy: the values that it may have, and its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The name of the member.
    pub name: &'static str,
    /// The least value.
    pub least: u64,
    /// The greatest value.
    pub most: u64,
    /// The value where the member is absent; `None` where that means no bound.
    pub default: Option<u64>,
}

/// A row of the table of numbers, see [`LimitRow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRow {
    /// The number.
    pub number: Number,
    /// The pointer to its definition in `policy.schema.json`.
    pub schema: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
    /// The specification or reason that its bounds come from.
    pub source: &'static str,
}

macro_rules! numbers {
    ($($name:ident $word:literal $schema:literal = $least:literal..=$most:expr, $default:expr, $meaning:literal, $source:literal;)*) => {
        $(
            #[doc = $meaning]
            #[doc = ""]
            #[doc = $source]
            pub const $name: Number = Number { name: $word, least: $least, most: $most, default: $default };
        )*

        /// All numbers of a policy, in the order of the table.
        pub const NUMBERS: &[NumberRow] =
            &[$(NumberRow { number: $name, schema: $schema, meaning: $meaning, source: $source }),*];
    };
}

numbers! {
    LEEWAY_SECONDS "leeway_seconds" "/$defs/policy/properties/leeway_seconds" = 0..=300, Some(30),
        "The clock skew that `exp`, `nbf` and `iat` are allowed.",
        "JWT-SVID Appendix A and RFC 9068 §4 allow no more than a few minutes.";
    MAX_LIFETIME_SECONDS "max_lifetime_seconds" "/$defs/maxLifetimeSeconds" = 1..=YEAR_SECONDS, None,
        "The longest time from `iat` to `exp` of a token.", "A year.";
    PROOF_AGE_SECONDS "max_age_seconds" "/$defs/policy/properties/dpop/properties/max_age_seconds" = 1..=300, Some(60),
        "How old a proof may be.", "RFC 9449 §11.1 asks for a window of seconds or minutes.";
    PROOF_FUTURE_SECONDS "future_seconds" "/$defs/policy/properties/dpop/properties/future_seconds" = 0..=300, Some(5),
        "How far in the future the `iat` of a proof may be.", "RFC 9449 §11.1 asks for a window of seconds or minutes.";
    NONCE_LIFETIME_SECONDS "nonce_lifetime_seconds" "/$defs/policy/properties/dpop/properties/nonce_lifetime_seconds"
        = 10..=3600, Some(300), "How long a nonce of this server is accepted.",
        "RFC 9449 §8.2: the server decides; a nonce has to outlive a round trip.";
    PROOF_RSA_BITS "max_rsa_bits" "/$defs/policy/properties/dpop/properties/max_rsa_bits" = 2048..=4096, Some(3072),
        "The largest RSA modulus of a proof's key, in bits.", "The client chooses the key and the server pays for it.";
    BODY_BYTES_READ "body_bytes" "/$defs/policy/properties/body_bytes" = 1..=BODY_MOST, Some(64 * 1024),
        "The longest body that a policy reads, in bytes.", "The limit `body_bytes_most`.";
    INTROSPECTION_CACHE_SECONDS "cache_seconds" "/$defs/introspection/properties/cache_seconds" = 0..=3600, Some(30),
        "How long an answer of an introspection endpoint is used; 0 asks for every request.",
        "RFC 7662 §4: a longer time leaves revoked tokens in use.";
    INACTIVE_CACHE_SECONDS "inactive_cache_seconds" "/$defs/introspection/properties/inactive_cache_seconds" = 0..=3600, Some(10),
        "How long an answer that a token is not active is used; 0 asks for every request.",
        "RFC 7662 §4: a token may become active later (`nbf`).";
    QUESTIONS_PER_SECOND "questions_per_second" "/$defs/introspection/properties/questions_per_second" = 1..=100_000, Some(100),
        "How many questions an engine asks the issuer in a second.",
        "Tokens of strangers must not cause a question each without an end.";
    MIN_REFRESH_SECONDS "min_refresh_seconds" "/$defs/minRefreshSeconds" = 1..=YEAR_SECONDS, Some(60),
        "The least time between two refreshes that tokens with unknown keys cause.",
        "Tokens of strangers must not cause a fetch each.";
    MAX_STALE_SECONDS "max_stale_seconds" "/$defs/maxStaleSeconds" = 1..=YEAR_SECONDS, None,
        "How long keys are used after they were loaded last.", "A year.";
    TRY_KEYS "try_keys" "/$defs/issuer/properties/try_keys" = 1..=4, Some(1),
        "How many keys of an issuer a token is checked with that does not say by which it was signed.",
        "Each is a signature check that the server pays for.";
    TOKEN_CACHE_BYTES "token_cache_bytes" "/properties/memory/properties/token_cache_bytes" = 0..=MEMORY_BYTES,
        Some(8 * 1024 * 1024), "The bytes of each worker's cache of verified tokens.", "2 GiB.";
    HOT_KEY_BYTES "hot_key_bytes" "/properties/memory/properties/hot_key_bytes" = 0..=MEMORY_BYTES,
        Some(8 * 1024 * 1024), "The bytes of each worker's tables for keys that are used often; thirty keys of 256 KiB by default.",
        "2 GiB.";
    REPLAY_PROOFS "replay_proofs" "/properties/memory/properties/replay_proofs" = 64..=MEMORY_BYTES / 16,
        Some(65_536), "The live proofs that the replay store has room for.", "2 GiB of 16 bytes a proof.";
}

/// The most that a setting in seconds may be: a year.
pub use crate::time::YEAR_SECONDS;

#[allow(clippy::as_conversions)] // usize fits u64 on every target
const BODY_MOST: u64 = BODY_BYTES as u64;

/// The most that a setting of memory may be.
const MEMORY_BYTES: u64 = 1 << 31;

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_row_has_a_name_of_its_own_and_all_its_words() {
        let names: BTreeSet<&str> =
            ALL.iter().map(|row| row.limit.name).chain(NUMBERS.iter().map(|row| row.number.name)).collect();
        // A number of a policy and a limit may not share a name either.
        assert_eq!(names.len(), ALL.len() + NUMBERS.len());
        for row in ALL {
            assert!(row.limit.most > 0 && row.meaning.ends_with('.') && row.source.ends_with('.'), "{row:?}");
        }
        for row in NUMBERS {
            let Number { least, most, default, .. } = row.number;
            assert!(least < most && row.meaning.ends_with('.') && row.source.ends_with('.'), "{row:?}");
            assert!(default.is_none_or(|default| (least..=most).contains(&default)), "{row:?}");
        }
    }
}

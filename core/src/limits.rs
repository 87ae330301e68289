//! Every limit on the size of an input, each with its source. Bounds of settings stand beside their settings in the reader
//! of the policy document, and bounds of memory (`crate::memory`) beside the memory.

/// The longest token, in bytes, before any decoding. 8725bis §3.13 asks for a cap; nginx and Envoy default to 8 KiB a
/// header line and 60 KiB a header block, so 16 KiB lets every real token through and bounds the rest.
pub const TOKEN_BYTES: usize = 16 * 1024;

/// The longest DPoP proof, in bytes: an RSA-4096 key and signature take under 2 KiB; the rest is room for `htu`.
pub const PROOF_BYTES: usize = 8 * 1024;

/// The longest encoded header of a token or proof, in bytes (specs: JWS-4).
pub const HEADER_BYTES: usize = 4 * 1024;

/// The largest signature, in bytes: RSA-8192.
pub const SIGNATURE_BYTES: usize = 1024;

/// How deep JSON may nest in a token. CVE-2025-53864 (Nimbus) was a stack overflow by depth; our scanner has no
/// recursion, so this bounds its fixed stack.
pub const JSON_DEPTH: usize = 16;

/// How many members all objects of one token part may have together (specs: JWT-8). Bounds the search for repeated names.
pub const JSON_MEMBERS: usize = 256;

/// The longest text of one JSON number, in bytes (specs: JWT-8). 2^53 has 16 digits.
pub const JSON_NUMBER_BYTES: usize = 32;

/// What a `NumericDate` stays below, in seconds: the integers below it are those that every JSON peer holds exactly
/// (RFC 8259 §6).
pub const NUMERIC_DATE: u64 = 1 << 53;

/// How deep JSON may nest in any document; a policy may hold trust documents inline.
pub const DOCUMENT_DEPTH: usize = 32;

/// The longest URI of a request or proof: scheme, authority and path together, in bytes. RFC 9110 §4.1 asks for at least
/// 8000; the usual proxies stop a request line at 8 KiB.
pub const URI_BYTES: usize = 8192;

/// The longest SPIFFE ID, in bytes: SPIFFE-ID §2.3 has implementations support 2048 and generators stay within them.
pub const SPIFFE_ID_BYTES: usize = 2048;

/// The longest trust domain name, in bytes (SPIFFE-ID §2.3; RFC 3986 §3.2.2 gives the same ceiling for a host).
pub const TRUST_DOMAIN_BYTES: usize = 255;

/// How many actors a delegation chain may name (RFC 8693 §4.1; specs: TX-1 asks for 8 to 16).
pub const ACTORS: usize = 8;

/// How many audiences one token may name. More are refused before they are compared.
pub const AUDIENCES: usize = 64;

/// The longest trust document (a SPIFFE bundle or a JWK set), in bytes. A SPIFFE federation client is asked to cap the
/// body (specs: FED-13); 8 MiB holds ten thousand RSA-4096 keys.
pub const TRUST_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// How many keys one bundle or key set may hold. Beyond it the document is refused whole.
pub const KEYS_PER_SET: usize = 16_384;

/// How many members all objects of a trust document may have together: 64 for each key.
pub const TRUST_DOCUMENT_MEMBERS: usize = 64 * KEYS_PER_SET;

/// How many values `key_ops` of one key may have: RFC 7517 §4.3 defines eight, and forbids to repeat one.
pub const KEY_OPERATIONS: usize = 8;

/// How many dropped keys a report of one document names; the others are counted.
pub const NAMED_DROPS: usize = 100;

/// The largest RSA modulus of a bundle or key set, in bits.
pub const RSA_MODULUS_BITS: usize = 8192;

/// The largest RSA modulus of a client's own key (DPoP), in bits: the client chooses it, we pay for it.
pub const PROOF_RSA_MODULUS_BITS: usize = 4096;

/// The longest policy document, in bytes.
pub const POLICY_DOCUMENT_BYTES: usize = 32 * 1024 * 1024;

/// How many members all objects of a policy document may have together, its inline trust documents included.
pub const POLICY_DOCUMENT_MEMBERS: usize = 128 * KEYS_PER_SET;

/// The longest name of a policy, in bytes: it goes into header fields, metrics and log lines.
pub const POLICY_NAME_BYTES: usize = 64;

/// The longest subject pattern, in bytes: a longer one could match no SPIFFE ID.
pub const SUBJECT_PATTERN_BYTES: usize = SPIFFE_ID_BYTES;

/// How many trust domains one issuer may speak for (`spiffe_trust_domains`). Each is compared with each SPIFFE ID that a
/// token of the issuer names, up to three.
pub const SPIFFE_TRUST_DOMAINS: usize = 64;

/// How many claims the policies of one document may name by JSON Pointer.
pub const NAMED_CLAIMS: usize = 32;

/// How many bytes the claims that a document names may have together in one token, each with 4 bytes beside it. The cache holds
/// a copy of them.
pub const NAMED_CLAIM_BYTES: usize = 4 * 1024;

/// How many segments a JSON Pointer to a claim may have: as deep as a token may nest.
pub const POINTER_SEGMENTS: usize = JSON_DEPTH;

/// How many credentials one policy may ask for.
pub const CREDENTIALS: usize = 4;

/// The longest body that a policy may read, in bytes.
pub const BODY_BYTES: usize = 1024 * 1024;

/// How many members all objects of a body may have together.
pub const BODY_MEMBERS: usize = 16 * 1024;

/// The longest pattern of tool names, in bytes.
pub const TOOL_NAME_BYTES: usize = 256;

/// How many faults of one document are reported; the others are counted.
pub const NAMED_FAULTS: usize = 100;

/// The most that a setting in seconds may be: a year.
pub const YEAR_SECONDS: u64 = 366 * 24 * 60 * 60;

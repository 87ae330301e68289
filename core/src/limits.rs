//! Every limit on attacker-sized work, each with its source.

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

/// How many actors a delegation chain may name (RFC 8693 §4.1; specs: TX-1 asks for 8 to 16).
pub const ACTORS: usize = 8;

/// How many audiences one token may name. More are refused before they are compared.
pub const AUDIENCES: usize = 64;

/// The longest trust document (a SPIFFE bundle or a JWK set), in bytes. A SPIFFE federation client is asked to cap the
/// body (specs: FED-13); 8 MiB holds ten thousand RSA-4096 keys.
pub const TRUST_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// How many keys one bundle or key set may hold. Beyond it the document is refused whole.
pub const KEYS_PER_SET: usize = 16_384;

/// The largest RSA modulus of a bundle or key set, in bits.
pub const RSA_MODULUS_BITS: usize = 8192;

/// The largest RSA modulus of a client's own key (DPoP), in bits: the client chooses it, we pay for it.
pub const PROOF_RSA_MODULUS_BITS: usize = 4096;

/// The longest policy document, in bytes.
pub const POLICY_DOCUMENT_BYTES: usize = 32 * 1024 * 1024;

/* countersign: token validation in process. Written by cbindgen from ffi/src; do not edit.
 *
 * Rules that hold for every function:
 *  - The handle comes first, inputs next, outputs last. An engine is always `const`: it is shared, and changes inside.
 *  - Outputs are written only if the call returns COUNTERSIGN_RESULT_OK; the exceptions say so.
 *  - NULL, misaligned and impossible pointers give a result, never a crash; pointers to freed or too little memory are
 *    the caller's promise not to give.
 *  - No result is 0, and no reason: zeroed memory never reads as success or as an accepted request.
 *  - What is given away (`pending` and `body` to a `countersign_worker_resume_…`, any handle to its `…_free`) is gone whatever the call
 *    returns; to give it twice is as to free twice.
 *  - Nothing unwinds into C, and nothing may unwind out of a callback.
 *  - Views (countersign_bytes, countersign_str) are not NUL-terminated. What the caller lends, the library reads during the
 *    call only, but for memory and callbacks of a replay store.
 *  - An engine may be used by all threads at once. A worker and its decision belong to one thread at a time: make one for each.
 *  - A structure with `size` is set to zero first, so that new members keep their old meaning.
 *  - fork(): a child may use what its parent made if no other thread of the parent was in a call of this library then. If one was, the lock
 *    that it held stays locked in the child, and a call of the child may wait for ever: as POSIX says of a process with threads, the
 *    child may then only call exec. The library owns no thread. Give each process workers of its own.
 *  - Memory that a policy document sizes and the process cannot have gives COUNTERSIGN_RESULT_OUT_OF_MEMORY. Without memory for anything
 *    smaller the process is aborted, as Rust programs are.
 */
#ifndef COUNTERSIGN_H
#define COUNTERSIGN_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__cplusplus)
#define COUNTERSIGN_ASSERT(condition, text) static_assert(condition, text)
#else
#define COUNTERSIGN_ASSERT(condition, text) _Static_assert(condition, text)
#endif


// The version of the ABI that the header was written for. Before 1.0 each minor version of the library has its own.
#define COUNTERSIGN_ABI 1

// Why a request was refused, or that it was not. Numbers are append-only, and the core's own.
//
// 0 is none of them, so zeroed memory never reads as accepted. A newer library may give numbers that are not
// here: treat every number but `COUNTERSIGN_REASON_ACCEPTED` as a refusal.
enum countersign_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Not refused.
  COUNTERSIGN_REASON_ACCEPTED = 1000,
  // The request carries no credential (RFC 6750 §3).
  COUNTERSIGN_REASON_CREDENTIAL_MISSING = 1101,
  // The credential comes by a scheme or a place that is not taken here: not Bearer, not DPoP, or the URI query.
  COUNTERSIGN_REASON_SCHEME_UNSUPPORTED = 1102,
  // More than one credential (RFC 6750 §2, RFC 9449 §7.2).
  COUNTERSIGN_REASON_CREDENTIAL_REPEATED = 1103,
  // The token is longer than the limit.
  COUNTERSIGN_REASON_CREDENTIAL_TOO_LARGE = 1104,
  // A header field that selects the policy is there more than once: each hop could take another one.
  COUNTERSIGN_REASON_POLICY_AMBIGUOUS = 1105,
  // The body is longer than the policy reads.
  COUNTERSIGN_REASON_BODY_TOO_LARGE = 1106,
  // The body is not one JSON-RPC 2.0 message, and the policy names the tools that may be called.
  COUNTERSIGN_REASON_BODY_MALFORMED = 1107,
  // The token is not three base64url parts with two periods (RFC 7515 §7.1).
  COUNTERSIGN_REASON_TOKEN_MALFORMED = 1201,
  // A part is not strict, unpadded base64url (RFC 7515 §2).
  COUNTERSIGN_REASON_TOKEN_ENCODING = 1202,
  // Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2).
  COUNTERSIGN_REASON_TOKEN_JSON = 1203,
  // The header's typ names no token kind that this policy accepts (RFC 8725 §3.11).
  COUNTERSIGN_REASON_TYP_NOT_ACCEPTED = 1204,
  // The header has crit, and no extension is understood (RFC 7515 §4.1.11), or b64 (RFC 7797 §7).
  COUNTERSIGN_REASON_HEADER_CRITICAL = 1205,
  // A claim that the token kind requires is absent.
  COUNTERSIGN_REASON_CLAIM_MISSING = 1206,
  // A claim or header parameter has the wrong JSON type or an impossible value; never read as absent.
  COUNTERSIGN_REASON_CLAIM_INVALID = 1207,
  // The header carries a parameter that this token kind forbids (encryption, compression, a nested token; in a JWT-SVID also a key and any other).
  COUNTERSIGN_REASON_HEADER_FORBIDDEN = 1208,
  // The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all.
  COUNTERSIGN_REASON_ALGORITHM_REFUSED = 1301,
  // No bundle is configured for the trust domain of the subject.
  COUNTERSIGN_REASON_TRUST_DOMAIN_UNKNOWN = 1302,
  // The trust domain or issuer has no usable key of this kid.
  COUNTERSIGN_REASON_KEY_UNKNOWN = 1303,
  // The key of this kid may not be used with the token's algorithm.
  COUNTERSIGN_REASON_KEY_NOT_USABLE = 1304,
  // The signature does not verify.
  COUNTERSIGN_REASON_SIGNATURE_INVALID = 1305,
  // No current keys of this trust domain or issuer are available (server-side condition).
  COUNTERSIGN_REASON_KEYS_STALE = 1306,
  // No key set is configured for the token's issuer.
  COUNTERSIGN_REASON_ISSUER_UNKNOWN = 1307,
  // The token has expired (RFC 7519 §4.1.4).
  COUNTERSIGN_REASON_TOKEN_EXPIRED = 1401,
  // The token is not valid yet, by nbf or by an iat in the future (RFC 7519 §4.1.5).
  COUNTERSIGN_REASON_TOKEN_NOT_YET_VALID = 1402,
  // The token is for another audience (RFC 7519 §4.1.3).
  COUNTERSIGN_REASON_AUDIENCE_MISMATCH = 1403,
  // The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2).
  COUNTERSIGN_REASON_SUBJECT_MALFORMED = 1404,
  // The token lives longer than the policy allows.
  COUNTERSIGN_REASON_LIFETIME_TOO_LONG = 1405,
  // The subject or the client is not one that the policy accepts.
  COUNTERSIGN_REASON_SUBJECT_REFUSED = 1406,
  // The token's scope lacks one that the policy demands (RFC 6750 §3.1).
  COUNTERSIGN_REASON_SCOPE_INSUFFICIENT = 1407,
  // The authorization server answers that the token is not active (RFC 7662 §2.2).
  COUNTERSIGN_REASON_TOKEN_INACTIVE = 1408,
  // The credentials do not have in common what the policy demands.
  COUNTERSIGN_REASON_CREDENTIALS_UNTIED = 1409,
  // The tool that is called is not one that the policy lets in.
  COUNTERSIGN_REASON_TOOL_REFUSED = 1410,
  // The token's issuer or trust domain is trusted, and the policy does not accept its tokens (RFC 9068 §4).
  COUNTERSIGN_REASON_ISSUER_REFUSED = 1411,
  // A claim is not what a condition of the policy demands.
  COUNTERSIGN_REASON_CLAIM_REFUSED = 1412,
  // A proof of possession is demanded and there is none (RFC 9449 §7.1).
  COUNTERSIGN_REASON_PROOF_MISSING = 1501,
  // The proof is not a well-formed DPoP proof with all that it must hold (RFC 9449 §4.3 items 2 to 4).
  COUNTERSIGN_REASON_PROOF_MALFORMED = 1502,
  // The proof is for another method (RFC 9449 §4.3 item 8).
  COUNTERSIGN_REASON_PROOF_METHOD_MISMATCH = 1503,
  // The proof is for another URI (RFC 9449 §4.3 item 9).
  COUNTERSIGN_REASON_PROOF_URI_MISMATCH = 1504,
  // The proof is for another access token (RFC 9449 §4.3 item 12).
  COUNTERSIGN_REASON_PROOF_TOKEN_MISMATCH = 1505,
  // The proof is made with another key than the token is bound to (RFC 9449 §4.3 item 12).
  COUNTERSIGN_REASON_PROOF_KEY_MISMATCH = 1506,
  // The proof is older than the window (RFC 9449 §4.3 item 11).
  COUNTERSIGN_REASON_PROOF_TOO_OLD = 1507,
  // The proof is dated in the future (RFC 9449 §4.3 item 11).
  COUNTERSIGN_REASON_PROOF_NOT_YET_VALID = 1508,
  // The proof's signature does not verify (RFC 9449 §4.3 item 6).
  COUNTERSIGN_REASON_PROOF_SIGNATURE_INVALID = 1509,
  // The proof was used before (RFC 9449 §11.1).
  COUNTERSIGN_REASON_PROOF_REPLAYED = 1510,
  // The proof must carry a nonce that this server gave (RFC 9449 §9).
  COUNTERSIGN_REASON_NONCE_REQUIRED = 1511,
  // The proof's nonce was not issued by this server, or has expired (RFC 9449 §9).
  COUNTERSIGN_REASON_NONCE_MISMATCH = 1512,
  // The proof's algorithm is not accepted (RFC 9449 §4.3 item 5).
  COUNTERSIGN_REASON_PROOF_ALGORITHM_REFUSED = 1513,
  // The proof's key holds a private part, is not a valid public key, or is an RSA key outside of the policy's bounds (RFC 9449 §4.3 items 5 and 7).
  COUNTERSIGN_REASON_PROOF_KEY_REFUSED = 1514,
  // The request has more than one DPoP header field (RFC 9449 §4.3 item 1).
  COUNTERSIGN_REASON_PROOF_REPEATED = 1515,
  // The proof exceeds a limit: length, length of its header, depth, members, digits of a number.
  COUNTERSIGN_REASON_PROOF_TOO_LARGE = 1516,
  // Whether the proof was used before is not known: the replay store is new, or the server's clock was wrong for a while; a proof made now passes (RFC 9449 §11.1).
  COUNTERSIGN_REASON_PROOF_HISTORY_UNKNOWN = 1517,
  // The key has so many proofs in the replay store that the room left is for other keys; it has room again when these proofs expire (RFC 6585 §4).
  COUNTERSIGN_REASON_PROOF_SHARE_EXCEEDED = 1518,
  // The token is bound to a certificate and the connection has none (RFC 8705 §3).
  COUNTERSIGN_REASON_CERTIFICATE_MISSING = 1601,
  // The connection's certificate is not the one that the token is bound to (RFC 8705 §3).
  COUNTERSIGN_REASON_CERTIFICATE_MISMATCH = 1602,
  // The policy, or the DPoP scheme, demands a bound token and this one is not.
  COUNTERSIGN_REASON_BINDING_REQUIRED = 1701,
  // The token's cnf holds no confirmation method that we can check (RFC 7800 §3.1).
  COUNTERSIGN_REASON_BINDING_UNSUPPORTED = 1702,
  // The token's cnf holds more than one key representation (RFC 7800 §3.1).
  COUNTERSIGN_REASON_BINDING_AMBIGUOUS = 1703,
  // A DPoP-bound token came under the Bearer scheme (RFC 9449 §7.2).
  COUNTERSIGN_REASON_SCHEME_MISMATCH = 1704,
  // The key that signed the token is revoked.
  COUNTERSIGN_REASON_KEY_REVOKED = 1801,
  // The subject is revoked.
  COUNTERSIGN_REASON_SUBJECT_REVOKED = 1802,
  // This token (its jti) is revoked.
  COUNTERSIGN_REASON_TOKEN_REVOKED = 1803,
  // The token was issued before its issuer's revocation epoch, or does not say when it was issued.
  COUNTERSIGN_REASON_ISSUED_BEFORE_CUTOFF = 1804,
  // No current list of revocations is available (server-side condition).
  COUNTERSIGN_REASON_REVOCATIONS_STALE = 1805,
  // The token exceeds a limit: length of its header or signature, depth, members, digits of a number, audiences, actors.
  COUNTERSIGN_REASON_LIMIT_EXCEEDED = 1901,
  // The replay store is full; our fault, not the client's.
  COUNTERSIGN_REASON_REPLAY_STORE_FULL = 1902,
  // The replay store did not answer; our fault, not the client's.
  COUNTERSIGN_REASON_REPLAY_STORE_UNAVAILABLE = 1903,
  // The host gave a request that cannot be judged: a path alone as its URI, and no origin in the policy.
  COUNTERSIGN_REASON_REQUEST_INVALID = 1904,
  // The authorization server did not answer about the token, or not as RFC 7662 §2.2 has it.
  COUNTERSIGN_REASON_INTROSPECTION_UNAVAILABLE = 1905,
  // The decision waited for an answer that never came.
  COUNTERSIGN_REASON_DECISION_ABANDONED = 1906,
  // The authorization server is asked about so many unknown tokens that this one has to wait for the next second (RFC 6585 §4).
  COUNTERSIGN_REASON_INTROSPECTION_RATE_EXCEEDED = 1907,
  // An internal error of the server.
  COUNTERSIGN_REASON_INTERNAL_ERROR = 1999,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_reason countersign_reason;
#else
typedef uint32_t countersign_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a call came to. 0 is none of them, so zeroed memory never reads as success.
//
// A refused request is no failed call: the decision says that.
enum countersign_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  COUNTERSIGN_RESULT_OK = 2000,
  // A pointer that must not be NULL is.
  COUNTERSIGN_RESULT_NULL_PARAMETER = 2001,
  // A pointer does not have the alignment of its type.
  COUNTERSIGN_RESULT_MISALIGNED = 2002,
  // `size` is not that of a version of this structure that the library knows.
  COUNTERSIGN_RESULT_WRONG_SIZE = 2003,
  // A length that no memory can have.
  COUNTERSIGN_RESULT_INVALID_LENGTH = 2004,
  // A text is not UTF-8.
  COUNTERSIGN_RESULT_NOT_UTF8 = 2005,
  // An enumerator has a value that does not exist.
  COUNTERSIGN_RESULT_INVALID_VALUE = 2006,
  // A fault of the library was caught. A worker that returned this returns nothing else any more.
  COUNTERSIGN_RESULT_PANIC = 2007,
  // The worker is deciding already, on another thread or further up this one's stack.
  COUNTERSIGN_RESULT_WORKER_BUSY = 2008,
  // There is no such policy in the document.
  COUNTERSIGN_RESULT_POLICY_UNKNOWN = 2009,
  // There is no such trust domain or issuer in the policy document.
  COUNTERSIGN_RESULT_AUTHORITY_UNKNOWN = 2010,
  // There is nothing at this index.
  COUNTERSIGN_RESULT_NOT_FOUND = 2011,
  // The text does not fit; the length that it needs is written.
  COUNTERSIGN_RESULT_BUFFER_TOO_SMALL = 2012,
  // The system gives no randomness.
  COUNTERSIGN_RESULT_NO_RANDOMNESS = 2013,
  // The process cannot have as much memory as the policy document asks for.
  COUNTERSIGN_RESULT_OUT_OF_MEMORY = 2014,
  // The policy document has faults; the notice was given each.
  COUNTERSIGN_RESULT_POLICY_FAULTY = 2020,
  // A trust document cannot be used; the notice has the reason. The last good one stays in use.
  COUNTERSIGN_RESULT_TRUST_FAULTY = 2021,
  // A document of revocations cannot be used; the notice was given why.
  COUNTERSIGN_RESULT_REVOCATIONS_FAULTY = 2022,
  // The memory is too small for a replay store.
  COUNTERSIGN_RESULT_REPLAY_TOO_SMALL = 2030,
  // The memory holds no replay store, or one whose initialisation did not end.
  COUNTERSIGN_RESULT_REPLAY_NOT_INITIALISED = 2031,
  // The replay store has the layout of another version.
  COUNTERSIGN_RESULT_REPLAY_OTHER_VERSION = 2032,
  // The replay store was initialised with another size.
  COUNTERSIGN_RESULT_REPLAY_OTHER_SIZE = 2033,
  // The replay store forgets proofs while a policy still accepts them.
  COUNTERSIGN_RESULT_REPLAY_WINDOW_TOO_NARROW = 2034,
  // A text is no origin.
  COUNTERSIGN_RESULT_ORIGIN_INVALID = 2040,
  // A `*` in an origin that is not one whole label at the front of a longer name.
  COUNTERSIGN_RESULT_ORIGIN_WILDCARD = 2041,
  // Two origins of a list are for the same host.
  COUNTERSIGN_RESULT_ORIGIN_REPEATED = 2042,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_result countersign_result;
#else
typedef uint32_t countersign_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The kind of a token. Numbers are append-only, and the core's own. A newer library may give numbers that are not here.
enum countersign_token_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // No token was accepted.
  COUNTERSIGN_TOKEN_KIND_NONE = 0,
  // A JWT-SVID: `jwt-svid`.
  COUNTERSIGN_TOKEN_KIND_JWT_SVID = 1,
  // A access token (RFC 9068): `at+jwt`.
  COUNTERSIGN_TOKEN_KIND_ACCESS_TOKEN = 2,
  // A JWT: `jwt`.
  COUNTERSIGN_TOKEN_KIND_JWT = 3,
  // A transaction token: `txntoken+jwt`.
  COUNTERSIGN_TOKEN_KIND_TXN_TOKEN = 4,
  // A introspected token: `introspected`.
  COUNTERSIGN_TOKEN_KIND_INTROSPECTED = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_token_kind countersign_token_kind;
#else
typedef uint32_t countersign_token_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Whose keys.
enum countersign_authority_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A SPIFFE trust domain, such as `example.org`; its document is a bundle.
  COUNTERSIGN_AUTHORITY_KIND_TRUST_DOMAIN = 1,
  // An issuer, such as `https://as.example`; its document is a JWK set.
  COUNTERSIGN_AUTHORITY_KIND_ISSUER = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_authority_kind countersign_authority_kind;
#else
typedef uint32_t countersign_authority_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a decision waits for.
enum countersign_question
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing: there is no such decision.
  COUNTERSIGN_QUESTION_NONE = 0,
  // Whether a proof is used for the first time, which a store that several machines share knows.
  COUNTERSIGN_QUESTION_USE_ONCE = 1,
  // What the issuer of a token that only it can read answers about it (RFC 7662).
  COUNTERSIGN_QUESTION_INTROSPECT = 2,
  // The body of the request.
  COUNTERSIGN_QUESTION_BODY = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_question countersign_question;
#else
typedef uint32_t countersign_question;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where the document of a trust source is.
enum countersign_trust_place
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // In the policy document.
  COUNTERSIGN_TRUST_PLACE_INLINE = 1,
  // In a file: `countersign_engine_watch_trust_files`.
  COUNTERSIGN_TRUST_PLACE_FILE = 2,
  // Behind a URI, which the host fetches and pushes.
  COUNTERSIGN_TRUST_PLACE_URI = 3,
  // The host pushes it.
  COUNTERSIGN_TRUST_PLACE_PUSHED = 4,
  // In a bundle map with those of other trust domains: `countersign_engine_watch_trust_files`, if that is a file.
  COUNTERSIGN_TRUST_PLACE_BUNDLE_MAP = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_trust_place countersign_trust_place;
#else
typedef uint32_t countersign_trust_place;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An attribute about a decision that is a text.
enum countersign_attribute
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The policy's name.
  COUNTERSIGN_ATTRIBUTE_POLICY = 1,
  // `enforce` or `shadow`.
  COUNTERSIGN_ATTRIBUTE_MODE = 2,
  // `Bearer` or `DPoP`: the scheme that the token came under.
  COUNTERSIGN_ATTRIBUTE_SCHEME = 3,
  // `none`, `hit` or `miss`: where the token's attributes came from.
  COUNTERSIGN_ATTRIBUTE_CACHE = 4,
  // The word of its kind in policies, such as `at+jwt`. From here on to `requesting_workload`, there is a value only if the
  // request was accepted.
  COUNTERSIGN_ATTRIBUTE_KIND = 5,
  // The trust domain or issuer whose key verified the token.
  COUNTERSIGN_ATTRIBUTE_ISSUER = 6,
  // `sub`
  COUNTERSIGN_ATTRIBUTE_SUBJECT = 7,
  // `client_id`
  COUNTERSIGN_ATTRIBUTE_CLIENT_ID = 8,
  // `scope`, as in the token.
  COUNTERSIGN_ATTRIBUTE_SCOPE = 9,
  // `jti`
  COUNTERSIGN_ATTRIBUTE_TOKEN_ID = 10,
  // `kid` of the key that signed the token.
  COUNTERSIGN_ATTRIBUTE_KEY_ID = 11,
  // `act`, as the JSON object in the token.
  COUNTERSIGN_ATTRIBUTE_ACTOR = 12,
  // What the token is bound to and was proven: `none`, `dpop`, `mtls` or `dpop+mtls`.
  COUNTERSIGN_ATTRIBUTE_BINDING = 13,
  // `cnf` `jkt`: the thumbprint of the key that the token is bound to, base64url.
  COUNTERSIGN_ATTRIBUTE_BOUND_KEY = 14,
  // `cnf` `x5t#S256`: the thumbprint of the certificate that the token is bound to, base64url.
  COUNTERSIGN_ATTRIBUTE_BOUND_CERTIFICATE = 15,
  // The thumbprint of the key that signed the token, base64url.
  COUNTERSIGN_ATTRIBUTE_KEY_THUMBPRINT = 16,
  // `txn`: the transaction that the token is for.
  COUNTERSIGN_ATTRIBUTE_TRANSACTION = 17,
  // `req_wl`: the workload that requested a transaction token.
  COUNTERSIGN_ATTRIBUTE_REQUESTING_WORKLOAD = 18,
  // The JSON-RPC method that the body calls, where the policy has `tools`; for a refused tool too.
  COUNTERSIGN_ATTRIBUTE_RPC_METHOD = 19,
  // The tool that the body calls, where the policy has `tools`; for a refused tool too.
  COUNTERSIGN_ATTRIBUTE_TOOL = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_attribute countersign_attribute;
#else
typedef uint32_t countersign_attribute;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What `certificate` holds.
enum countersign_certificate_form
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing: the connection has no client certificate.
  COUNTERSIGN_CERTIFICATE_FORM_NONE = 0,
  // The certificate in DER.
  COUNTERSIGN_CERTIFICATE_FORM_DER = 1,
  // The SHA-256 of the certificate in DER: 32 bytes.
  COUNTERSIGN_CERTIFICATE_FORM_SHA256 = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_certificate_form countersign_certificate_form;
#else
typedef uint32_t countersign_certificate_form;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where an engine remembers the proofs that were used.
enum countersign_replay_place
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // In memory of the engine, for all of its workers. A restarted process has forgotten them.
  COUNTERSIGN_REPLAY_PLACE_OWN = 0,
  // In `memory`, which no other thread or process uses yet: it is wiped. Proofs made up to now are refused from then on, so that none passes twice
  // that a lost store had seen.
  COUNTERSIGN_REPLAY_PLACE_INITIALISE = 1,
  // In `memory`, which was initialised before, here or in another process.
  COUNTERSIGN_REPLAY_PLACE_ATTACH = 2,
  // By calling `record_use`.
  COUNTERSIGN_REPLAY_PLACE_CALLBACK = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_replay_place countersign_replay_place;
#else
typedef uint32_t countersign_replay_place;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The answer of a store of the caller. 0 is none of them; every other number counts as `UNAVAILABLE`.
enum countersign_first_use
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // No request used this proof before, and none will again.
  COUNTERSIGN_FIRST_USE_RECORDED = 1,
  // It was used before.
  COUNTERSIGN_FIRST_USE_REPLAYED = 2,
  // The store has forgotten the proofs of that time; a fresh proof helps.
  COUNTERSIGN_FIRST_USE_UNKNOWABLE = 3,
  // There is no room.
  COUNTERSIGN_FIRST_USE_FULL = 4,
  // The store did not answer: refused with `replay_store_unavailable` (503).
  COUNTERSIGN_FIRST_USE_UNAVAILABLE = 5,
  // The room that is left is for other keys: refused with `proof_share_exceeded` (429).
  COUNTERSIGN_FIRST_USE_OVER_SHARE = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_first_use countersign_first_use;
#else
typedef uint32_t countersign_first_use;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a shared store answered about a proof.
enum countersign_use_once
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It did not know the proof, and does now: both in one atomic step.
  COUNTERSIGN_USE_ONCE_FIRST = 1,
  // It knew the proof.
  COUNTERSIGN_USE_ONCE_USED = 2,
  // It did not answer in time, or not as it should.
  COUNTERSIGN_USE_ONCE_UNAVAILABLE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum countersign_use_once countersign_use_once;
#else
typedef uint32_t countersign_use_once;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The body of a request, for a decision that waits for it. Holds at most `countersign_pending_body_limit` bytes of it, and none where the
// policy asks only for its digest. One thread at a time may use it.
typedef struct countersign_body countersign_body;

// What became of a request. Valid until the next call with its worker, and only for that worker's thread; so are the texts that
// the getters give. The getters of a NULL decision say that it is refused.
typedef struct countersign_decision countersign_decision;

// A compiled policy document with counters, keys and the replay store. Every function on it is thread-safe.
typedef struct countersign_engine countersign_engine;

// The origins that clients of a host may use. One without a wildcard is meant by every request; of several, or of a wildcard, the authority
// that a client asks for chooses one: it can choose among them, and invent none. Shared by threads; not changed.
typedef struct countersign_origins countersign_origins;

// A decision that waits for the answer to a question. It keeps its engine alive: the worker that began it decides other requests
// meanwhile, and may be freed. One thread at a time may use it.
//
// Each is given once to a `countersign_worker_resume_…` or to `countersign_pending_free`, and is gone then.
typedef struct countersign_pending countersign_pending;

// The caches of one thread. It may move to another thread, but no two may be in a call with it at once.
typedef struct countersign_worker countersign_worker;

// Text in UTF-8 that the library lends; each function says for how long. Not NUL-terminated. `data` is NULL if there is none.
typedef struct countersign_str {
  // The first byte.
  const uint8_t *data;
  // How many bytes there are.
  size_t length;
} countersign_str;

// Bytes that the caller lends for the time of one call. Not NUL-terminated. `data` may be NULL if `length` is 0.
typedef struct countersign_bytes {
  // The first byte.
  const uint8_t *data;
  // How many there are.
  size_t length;
} countersign_bytes;

// Where used proofs are remembered. All zero: in the engine.
typedef struct countersign_replay {
  // One of `countersign_replay_place`.
  uint32_t place;
  // For `INITIALISE` and `ATTACH`: aligned to 8 bytes, valid and at the same address until the engine and all its workers
  // are freed. It may be shared with other processes, which may die at any instruction.
  //
  // If it is a mapped file, allocate all its blocks before (`posix_fallocate`; `ftruncate` leaves holes): a hole that a full disk
  // cannot fill ends the process by SIGBUS. A file that was used before a restart of the machine may lack the newest proofs:
  // call `countersign_replay_refuse_until` after such a restart. Replace a file that processes use by a new one of
  // that name (`rename`), never initialise it in place.
  void *memory;
  // Its length, from `countersign_replay_required_bytes`. Rounded down to whole words.
  size_t memory_bytes;
  // For `CALLBACK`: claims `proof` (32 bytes, valid for the call) in one atomic step and answers with a
  // `countersign_first_use`. The first 16 bytes name the client's key: bound how many proofs one key may have. Remember it for the window of the policies, counted from `issued_at`. A policy with `consume: observe` does not call it. Called by every worker's
  // thread; it must not unwind.
  uint32_t (*record_use)(void *context, const uint8_t *proof, uint64_t issued_at_seconds, uint64_t now_seconds);
  // Handed to `record_use` as it is; must be usable by all threads until the engine and its workers are freed.
  void *context;
} countersign_replay;

// A function that takes lines for the host's log: faults of a policy, files that cannot be used, keys that are dropped.
//
// It is called on the calling thread, before the call that was given it returns. A line names files, authorities and places
// in documents, and holds no byte of a token. Controls, line feeds and invisible characters in it are written as `\u{…}`. It must not unwind and must not call back into the same handle.
typedef struct countersign_notice {
  // Receives one line, valid until it returns. NULL: lines are dropped.
  void (*report)(void *context, struct countersign_str line);
  // Passed to `report` unchanged.
  void *context;
} countersign_notice;

// What an engine is made from. Set it to zero first, then `size`.
typedef struct countersign_engine_config {
  // `sizeof(countersign_engine_config)`.
  size_t size;
  // The policy document, JSON.
  struct countersign_bytes policy;
  // The time, in seconds since 1970.
  uint64_t now_seconds;
  // Where used proofs are remembered.
  struct countersign_replay replay;
  // Takes each fault of the document, one a line, with its JSON pointer; and each key of an inline trust document that is dropped.
  struct countersign_notice notice;
} countersign_engine_config;

// How full a replay store is and what it refuses, for metrics. Of a store of more than 4 MiB the numbers are estimates.
typedef struct countersign_replay_state {
  // How many proofs it can hold at once; plan for half of it.
  uint64_t slots;
  // How many used proofs could still be replayed, and so take room.
  uint64_t live_proofs;
  // In how many of a thousand buckets a proof dated now is refused with `proof_history_unknown`: the store is new, or the clock was
  // wrong for a while. 0 in good order.
  uint64_t refusing_permille;
  // Until when such a proof is refused in some bucket, in seconds since 1970; now in good order.
  uint64_t refusing_until_seconds;
} countersign_replay_state;

// What a look at the watched files came to; the notice was given the rest.
typedef struct countersign_look_report {
  // Documents that were read and are in use now.
  uint32_t loaded;
  // Documents that cannot be used; the last good ones stay in use.
  uint32_t refused;
  // Files that do not exist or cannot be read, reported once each.
  uint32_t unreadable;
} countersign_look_report;

// What a pushed document came to.
typedef struct countersign_load_report {
  // Keys that were in use before and still are.
  size_t kept;
  // New keys.
  size_t added;
  // Keys that are gone: their tokens are refused from now on.
  size_t removed;
  // Entries for another purpose.
  size_t other_use;
  // Entries that cannot be used; the notice was given each.
  size_t dropped;
} countersign_load_report;

// A trust source of the policy document. The texts are valid until the engine and its workers are freed.
typedef struct countersign_trust_source {
  // Whose keys.
  countersign_authority_kind kind;
  // Where the document is.
  countersign_trust_place place;
  // The trust domain or issuer.
  struct countersign_str name;
  // The file name or the URI; none for the other places.
  struct countersign_str location;
  // The floor between two fetches that unknown keys can ask for.
  uint64_t min_refresh_seconds;
} countersign_trust_source;

// A header field, as received.
typedef struct countersign_header {
  // In any case.
  struct countersign_bytes name;
  // Without line folding.
  struct countersign_bytes value;
} countersign_header;

// A request, borrowed for one call. Set it to zero first, then `size`.
typedef struct countersign_request {
  // `sizeof(countersign_request)`.
  size_t size;
  // Such as `GET`.
  struct countersign_bytes method;
  // The external URI: absolute, as the client sees it, or path and query where the policy has an `origin`. A path alone where it has none
  // is the host's fault, and a DPoP request is then refused with 500. For a client that named no authority, leave it empty as in
  // `https:///path`: that is refused as the client's fault.
  struct countersign_bytes uri;
  // All header fields, so that repetitions are seen. Read are Authorization, DPoP, and those of `countersign_engine_header_field`.
  const struct countersign_header *headers;
  // How many there are.
  size_t header_count;
  // One of `countersign_certificate_form`.
  uint32_t certificate_form;
  // The client certificate of the TLS connection, or one that a trusted hop vouches for; never one from a header that
  // clients can send.
  struct countersign_bytes certificate;
  // The time, in seconds since 1970.
  uint64_t now_seconds;
  // If this client request was judged by another policy before, with the same replay store: the 32 bytes that
  // `countersign_decision_used_proof` wrote then, so that its own proof is no replay. Never those of another client request, and
  // never those of a decision with another store: this store may know the proof from a request before. Empty if there are none.
  struct countersign_bytes used_proof;
} countersign_request;

// What a worker's memory holds, for metrics.
typedef struct countersign_worker_counts {
  // Verified tokens in the cache.
  uint64_t cached_tokens;
  // Keys whose signatures are checked by a table or a prepared key.
  uint64_t promoted_keys;
  // Signatures that were checked so.
  uint64_t table_checks;
  // Prepared keys that made room for keys that are used more.
  uint64_t evicted_keys;
  // Prepared keys that disagreed with the library; must stay 0.
  uint64_t banned_keys;
  // The memory of all prepared keys, in bytes.
  uint64_t table_bytes;
} countersign_worker_counts;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Why the request is refused, or `ACCEPTED`. In shadow mode too: whether to let it pass is `countersign_decision_lets_pass`.
//
// # Safety
// `decision` is NULL, or a decision that is still valid, here and in every getter below.
countersign_reason countersign_decision_reason(const struct countersign_decision *decision);

// Whether the request may go on: it is accepted, or the policy is in shadow mode. False for NULL.
//
// # Safety
// As `countersign_decision_reason`.
bool countersign_decision_lets_pass(const struct countersign_decision *decision);

// The HTTP status to answer with; 200 if the request is accepted, 500 for NULL.
//
// # Safety
// As `countersign_decision_reason`.
uint16_t countersign_decision_status(const struct countersign_decision *decision);

// An attribute that is a text, by a `countersign_attribute`; none if there is no such attribute.
//
// The attributes of the token exist only if the request was accepted, so that no host acts on a refused token by mistake; the audit
// line has it for refused ones too.
//
// # Safety
// As `countersign_decision_reason`.
struct countersign_str countersign_decision_text(const struct countersign_decision *decision,
                                                 uint32_t field);

// Many texts at once: `texts_out[field]` for each `field` below `count` whose bit `1 << field` is in `fields`; the others, and
// those that the decision does not have, get `data` NULL. For hosts that copy several: one call costs less than each alone.
//
// Returns `OK`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH` (more than 32 places).
//
// # Safety
// As `countersign_decision_reason`; `texts_out` has room for `count` texts.
countersign_result countersign_decision_texts(const struct countersign_decision *decision,
                                              uint32_t fields,
                                              struct countersign_str *texts_out,
                                              size_t count);

// The kind of the accepted token; `COUNTERSIGN_TOKEN_KIND_NONE` for a refused request and for NULL.
//
// # Safety
// As `countersign_decision_reason`.
countersign_token_kind countersign_decision_kind(const struct countersign_decision *decision);

// A text of the credential called `credential` in the policy: one of the fields `KIND`, `ISSUER`, `SUBJECT`, `CLIENT_ID`, `SCOPE`, `TOKEN_ID`,
// `KEY_ID`, `ACTOR`, `BINDING`, `TRANSACTION`, `REQUESTING_WORKLOAD`. None for another field, for a refused request, where the policy has no such
// credential, and where the request came without it.
//
// The first credential of a policy says who the client is; `countersign_decision_text` gives its texts too. That of a policy without
// `credentials` is called `access`.
//
// # Safety
// As `countersign_decision_reason`; `credential` is valid for the call.
struct countersign_str countersign_decision_credential_text(const struct countersign_decision *decision,
                                                            struct countersign_bytes credential,
                                                            uint32_t field);

// The claim that the policy hands to hosts as the attribute `name`: a string without its escapes, or other JSON as it is in the token,
// and which of the two it is.
//
// Returns `OK`; `NOT_FOUND` for a refused request, where the policy has no such attribute, and where the token has no such claim;
// `NULL_PARAMETER`, `MISALIGNED`, `NOT_UTF8`, `INVALID_LENGTH`.
//
// # Safety
// As `countersign_decision_reason`; `name` and the outputs are valid for the call.
countersign_result countersign_decision_attribute(const struct countersign_decision *decision,
                                                  struct countersign_bytes name,
                                                  struct countersign_str *value_out,
                                                  bool *is_json_out);

// Writes the SHA-256 of the body, 32 bytes, where the policy has `body_digest` and the decision was resumed with the body.
//
// Returns `OK`, `NOT_FOUND` if there is none, `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_decision_reason`; `digest_out` has room for 32 bytes.
countersign_result countersign_decision_body_digest(const struct countersign_decision *decision,
                                                    uint8_t (*digest_out)[32]);

// The value of `aud` at `index`, if the request was accepted; none past the last one.
//
// # Safety
// As `countersign_decision_reason`.
struct countersign_str countersign_decision_audience(const struct countersign_decision *decision, size_t index);

// `exp`, in seconds since 1970, if the request was accepted; else 0.
//
// # Safety
// As `countersign_decision_reason`.
uint64_t countersign_decision_expires_at_seconds(const struct countersign_decision *decision);

// How many header fields the answer has: challenges of a refusal, and a nonce with its Cache-Control where there is one.
// An accepted request may have some too.
//
// # Safety
// As `countersign_decision_reason`.
size_t countersign_decision_header_count(const struct countersign_decision *decision);

// The header field of the answer at `index`: a name in lower case and its value, valid as they are.
//
// Returns `OK`, `NOT_FOUND` past the last one, `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_decision_reason`; the outputs are valid for the call.
countersign_result countersign_decision_header(const struct countersign_decision *decision,
                                               size_t index,
                                               struct countersign_str *name_out,
                                               struct countersign_str *value_out);

// Writes what the replay store knows this request's proof by since this decision, 32 bytes: for `countersign_request.used_proof`, if the
// same client request is judged by another policy too, with the same replay store.
//
// Returns `OK`, `NOT_FOUND` if no proof was recorded, `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_decision_reason`; `proof_out` has room for 32 bytes.
countersign_result countersign_decision_used_proof(const struct countersign_decision *decision,
                                                   uint8_t (*proof_out)[32]);

// Writes the audit record, one line of JSON without a line feed, to `buffer`. It has no byte of a token's signature, and is
// there for refused requests too.
//
// Returns `OK` and writes the length; `BUFFER_TOO_SMALL` and writes the length that it needs, `buffer` then holds its beginning;
// `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_decision_reason`; `buffer` has room for `capacity` bytes, `length_out` is valid for the call.
countersign_result countersign_decision_audit(const struct countersign_decision *decision,
                                              uint8_t *buffer,
                                              size_t capacity,
                                              size_t *length_out);

// The authority whose document the host should fetch now, because a token names a key that is not in it. At most once in
// `min_refresh_seconds` of that authority, whatever the number of workers.
//
// Returns `OK` and writes the kind (a `countersign_authority_kind`) and the name; `NOT_FOUND` if there is nothing to fetch;
// `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_decision_reason`; the outputs are valid for the call.
countersign_result countersign_decision_wants_refresh(const struct countersign_decision *decision,
                                                      countersign_authority_kind *kind_out,
                                                      struct countersign_str *name_out);

// Makes an engine.
//
// Nonces are made with a random key until `countersign_engine_set_nonce_keys`. Files are read from
// `countersign_engine_watch_trust_files` on. Reads no file itself.
//
// Returns `OK` and writes the engine, to be freed by `countersign_engine_free`; `POLICY_FAULTY` after telling every fault;
// `OUT_OF_MEMORY` where the process cannot have the memory of `replay_proofs`;
// `WRONG_SIZE`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`, `INVALID_VALUE`, `NO_RANDOMNESS`; those of the replay
// store (`REPLAY_…`).
//
// # Safety
// `config` and the memory it points to are valid for the call, the replay store's memory and callback for as long as the engine
// and its workers shared.
countersign_result countersign_engine_new(const struct countersign_engine_config *config,
                                          const struct countersign_engine **engine_out);

// Frees an engine. Its workers keep what they need of it, so they may be freed later. NULL is ignored.
//
// # Safety
// `engine` came from `countersign_engine_new`, was not freed before, and no thread is in a call with it.
void countersign_engine_free(const struct countersign_engine *engine);

// The longest policy document that is read, in bytes. Thread-safe.
size_t countersign_policy_document_bytes(void);

// Finds a policy by its name: the number that `countersign_worker_decide` takes.
//
// Returns `OK`, `POLICY_UNKNOWN`, `NOT_UTF8`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
//
// # Safety
// `engine` is an engine, `name` and `policy_out` are valid for the call.
countersign_result countersign_engine_policy(const struct countersign_engine *engine,
                                             struct countersign_bytes name,
                                             uint32_t *policy_out);

// The name of a policy by its number; none past the last one. Valid until the engine and its workers are freed. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
struct countersign_str countersign_engine_policy_name(const struct countersign_engine *engine,
                                                      uint32_t policy);

// Whether a policy has an `origin`: what clients see in front of a request's path, which DPoP proofs are compared with. Of
// `countersign_request.uri` only path and query count then, and it may be these alone: put no base path of the host's before them.
//
// False for a policy that does not exist. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
bool countersign_engine_policy_has_origin(const struct countersign_engine *engine,
                                          uint32_t policy);

// Whether a policy is to expect tokens that are bound to a DPoP key alone: it demands no certificate, and accepts access tokens or
// demands a binding.
//
// Such a policy without an `origin` needs one of the host's configuration in `countersign_request.uri`. If scheme and host there are
// what the client sent, a proof that was made for another server is accepted for this one. Warn of it when the configuration is read.
//
// False for a policy that does not exist. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
bool countersign_engine_policy_takes_proofs(const struct countersign_engine *engine,
                                            uint32_t policy);

// Whether a decision by a policy may wait for the answer to `question`, a `countersign_question`. For a host that refuses a configuration
// in which it cannot answer.
//
// False for a policy or a question that does not exist. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
bool countersign_engine_policy_asks(const struct countersign_engine *engine,
                                    uint32_t policy,
                                    uint32_t question);

// The name of the credential at `index` that a policy asks for, the one that says who the client is first: for
// `countersign_decision_credential_text`. None past the last one and for a policy that does not exist. Valid as long as
// `countersign_engine_header_field`. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
struct countersign_str countersign_engine_credential_name(const struct countersign_engine *engine,
                                                          uint32_t policy,
                                                          size_t index);

// The header field at `index` that a policy reads a credential from, in small letters, beside Authorization and DPoP; none past the last
// one and for a policy that does not exist. For a host that passes on only the fields that are asked for. Valid until the engine and
// its workers are freed. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
struct countersign_str countersign_engine_header_field(const struct countersign_engine *engine,
                                                       uint32_t policy,
                                                       size_t index);

// The header field at `index` that the host takes out of a request before the request goes on to its receiver, in small letters: those of
// the credentials with `remove`. None past the last one and for a policy that does not exist. Valid as long as
// `countersign_engine_header_field`. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
struct countersign_str countersign_engine_removed_field(const struct countersign_engine *engine,
                                                        uint32_t policy,
                                                        size_t index);

// Writes what is left of `value`, a value of the field `countersign_engine_removed_field` at the same `index`, once the credential is out of
// it: other cookies, other WebSocket subprotocols. `rest_out` has room for `value.length` bytes; the host passes the field on with them, or
// without the field where `*length_out` is 0. For several credentials in one field, a host calls it for each with what the last left.
//
// Returns `OK`, `NOT_FOUND` past the last one and for a policy that does not exist, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`.
// Thread-safe.
//
// # Safety
// `engine` is NULL or an engine; `value` and the outputs are valid for the call, and do not overlap.
countersign_result countersign_engine_removed_rest(const struct countersign_engine *engine,
                                                   uint32_t policy,
                                                   size_t index,
                                                   struct countersign_bytes value,
                                                   uint8_t *rest_out,
                                                   size_t *length_out);

// Sets the keys of DPoP nonces: 32 secret, random bytes each. `previous` may be NULL.
//
// Hosts of several processes give all of them the same keys, and a new one now and then, with the one before it.
// Returns `OK`, `NULL_PARAMETER`. Thread-safe.
//
// # Safety
// `engine` is an engine; `current`, and `previous` unless NULL, point to 32 bytes.
countersign_result countersign_engine_set_nonce_keys(const struct countersign_engine *engine,
                                                     const uint8_t *current,
                                                     const uint8_t *previous);

// How many requests the workers of this engine accepted. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
uint64_t countersign_engine_accepted(const struct countersign_engine *engine);

// How many requests the workers of this engine refused for a reason. Thread-safe.
//
// # Safety
// `engine` is NULL or an engine.
uint64_t countersign_engine_refused(const struct countersign_engine *engine, uint32_t reason);

// Writes how full the replay store of an engine is and what it refuses at `now_seconds`. It reads up to 4 MiB: for metrics, not on the path of
// requests.
//
// Returns `OK`; `NOT_FOUND` for a store of the caller (`CALLBACK`); `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
//
// # Safety
// `engine` is an engine, `state_out` is valid for the call.
countersign_result countersign_engine_replay_state(const struct countersign_engine *engine,
                                                   uint64_t now_seconds,
                                                   struct countersign_replay_state *state_out);

// For the host's log, after a request was refused for `reason`: if the replay store refuses proofs, reports it to `notice` in one line, at most
// once a minute for each such reason.
//
// Returns `OK` if it reported a line, `NOT_FOUND` if none is due; `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
//
// # Safety
// `engine` is an engine.
countersign_result countersign_engine_replay_notice(const struct countersign_engine *engine,
                                                    uint32_t reason,
                                                    uint64_t now_seconds,
                                                    struct countersign_notice notice);

// Whether a text can be the value of a header field and is read by its receiver as it was sent: UTF-8, not empty, no control character,
// no space at either end. Ask this of every text of a decision before it becomes a header field: a token's subject may hold anything.
//
// Thread-safe.
//
// # Safety
// `text` points to as many bytes as it says.
bool countersign_is_field_value(struct countersign_bytes text);

// Whether a text is an origin: `http://` or `https://`, host, perhaps port and base path, as in `https://api.example/base`. Neither user
// information nor query nor fragment. For a configured origin that is to precede a request's path in
// `countersign_request.uri`: no proof is for a URI that begins with anything else.
//
// Thread-safe.
//
// # Safety
// `text` points to as many bytes as it says.
bool countersign_is_origin(struct countersign_bytes text);

// Reads the origins that clients of a host may use, such as `https://api.example/base` and `https://*.example.com`, in which `*` matches
// exactly one label.
//
// Returns `OK` and writes the list, to be freed by `countersign_origins_free`; `ORIGIN_INVALID` if a text is no origin,
// `ORIGIN_WILDCARD` for a `*` at another place than the front of a longer name, `ORIGIN_REPEATED` if two are for the same authority;
// `NOT_FOUND` without any origin, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`, `NOT_UTF8`. To name the origin at fault, read the list
// with one origin more each time.
//
// # Safety
// `texts` points to `count` texts, each of as many bytes as it says; `origins_out` is valid for the call.
countersign_result countersign_origins_new(const struct countersign_bytes *texts,
                                           size_t count,
                                           struct countersign_origins **origins_out);

// Writes the URI of a request as its client sees it, for `countersign_request.uri`: the origin that `authority` chooses, with its base path,
// then `target`. `authority` is what the client asks for (`:authority`, or `Host`) and `target` the path and query that it sent.
//
// Returns `OK` and writes the length; `BUFFER_TOO_SMALL` and writes the length that it needs, which is at most the length of the longest
// origin of the list, of `authority` and of `target` together; `NOT_FOUND` if no origin is for that authority: no proof is for such a
// request. `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe, without allocation.
//
// # Safety
// `origins` is NULL or a list that was not freed; `authority` and `target` point to as many bytes as they say, `buffer` to memory of
// `capacity` bytes that overlaps with none of them; `length_out` is valid for the call.
countersign_result countersign_origins_uri(const struct countersign_origins *origins,
                                           struct countersign_bytes authority,
                                           struct countersign_bytes target,
                                           uint8_t *buffer,
                                           size_t capacity,
                                           size_t *length_out);

// Frees a list. NULL is nothing to do.
//
// # Safety
// `origins` was not freed before, and no thread is in a call with it.
void countersign_origins_free(struct countersign_origins *origins);

// What the decision waits for. `COUNTERSIGN_QUESTION_NONE` for NULL.
//
// # Safety
// `pending` is NULL, or a waiting decision that was not given away, here and in every getter below.
countersign_question countersign_pending_question(const struct countersign_pending *pending);

// To `USE_ONCE`: what names the proof, 32 bytes, and for how many seconds at least the shared store must remember it. In Valkey or Redis:
// `SET proof 1 NX EX seconds`. Answer with `countersign_worker_resume_use_once`.
//
// Returns `OK`, `NOT_FOUND` where the question is another, `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_pending_question`; `proof_out` has room for 32 bytes, `seconds_out` is valid for the call.
countersign_result countersign_pending_use_once(const struct countersign_pending *pending,
                                                uint8_t (*proof_out)[32],
                                                uint64_t *seconds_out);

// To `INTROSPECT`: the https URI to which the host posts the token, which is what follows the scheme in Authorization, as RFC 7662 §2.1 says,
// with its own credentials for that issuer. Answer with `countersign_worker_resume_introspected` or
// `countersign_worker_resume_introspection_failed`. None where the question is another. Valid as long as `pending`.
//
// # Safety
// As `countersign_pending_question`.
struct countersign_str countersign_pending_introspection_uri(const struct countersign_pending *pending);

// To `BODY`: the longest body in bytes that the policy takes. Read it with `countersign_body_new`; answer with
// `countersign_worker_resume_body`. 0 where the question is another.
//
// # Safety
// As `countersign_pending_question`.
size_t countersign_pending_body_limit(const struct countersign_pending *pending);

// Frees a decision that is not resumed: its request is refused, which the engine counts as `decision_abandoned`. NULL is nothing to do.
//
// # Safety
// `pending` was not given away before, and no thread is in a call with it.
void countersign_pending_free(struct countersign_pending *pending);

// Begins to read the body that `pending` waits for. `pending` may be resumed or freed before the body is.
//
// Returns `OK` and writes the body, to be given once to `countersign_worker_resume_body` or `countersign_body_free`; `NOT_FOUND` where the
// question is another, `NULL_PARAMETER`, `MISALIGNED`.
//
// # Safety
// As `countersign_pending_question`; `body_out` is valid for the call.
countersign_result countersign_body_new(const struct countersign_pending *pending,
                                        struct countersign_body **body_out);

// Takes the next chunk of the body, as the host passes it on. Returns whether the body is still within the limit: after false the host may
// stop reading, and the decision will be a refusal. False for a chunk that cannot be memory too: `countersign_worker_resume_body` then fails
// with the result of that. False for NULL.
//
// # Safety
// `body` is NULL or a body that was not given away and no other thread uses; `chunk` points to as many bytes as it says.
bool countersign_body_feed(struct countersign_body *body,
                           struct countersign_bytes chunk);

// Frees a body that answers nothing. NULL is nothing to do.
//
// # Safety
// `body` was not given away before, and no thread is in a call with it.
void countersign_body_free(struct countersign_body *body);

// The word of a reason, such as `token_expired`: the same in challenges, metrics, logs and on the command line.
// `accepted` for an accepted request, no text for a number that is not a reason. Valid for ever.
//
// Thread-safe.
struct countersign_str countersign_reason_word(uint32_t reason);

// The HTTP status of a reason, 200 for an accepted request, 500 for a number that is not a reason.
//
// Thread-safe.
uint16_t countersign_reason_status(uint32_t reason);

// How many reasons there are, `COUNTERSIGN_REASON_ACCEPTED` not counted: a host's own counters are an array of them.
//
// Thread-safe.
size_t countersign_reason_count(void);

// The reason at `index`, in the order of the numbers; `COUNTERSIGN_REASON_INTERNAL_ERROR` past the last one.
//
// Thread-safe.
countersign_reason countersign_reason_at(size_t index);

// The index of a reason in that order; that of `COUNTERSIGN_REASON_INTERNAL_ERROR` for a number that is not a reason.
//
// Thread-safe.
size_t countersign_reason_index(uint32_t reason);

// How many bytes `memory` needs to remember so many shared proofs: 16 a proof and a little more.
//
// A proof is shared for its window, so plan for the rate of requests times the window in seconds. Thread-safe.
size_t countersign_replay_required_bytes(size_t live_proofs);

// Refuses the proofs made up to `now_seconds` in a store that was initialised before, in every process that uses it.
//
// For a host that initialises a store and begins to use it later, and for one that joins a store which may have missed proofs: a
// restart of the machine lost data that was not written to its file, or another store was used meanwhile. True proofs of the seconds
// before `now_seconds` are refused too, and have to be made again.
//
// Returns `OK`; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`; `REPLAY_TOO_SMALL`, `REPLAY_NOT_INITIALISED`,
// `REPLAY_OTHER_VERSION`, `REPLAY_OTHER_SIZE`. Thread-safe.
//
// # Safety
// `memory` is valid for `memory_bytes` bytes for the call, and written to only by replay stores.
countersign_result countersign_replay_refuse_until(void *memory,
                                                   size_t memory_bytes,
                                                   uint64_t now_seconds);

// The result in words, for logs. Valid for ever.
//
// Thread-safe. A number that is no result gives a text that says so.
struct countersign_str countersign_result_text(uint32_t result);

// Revokes what `document` says besides everything that is revoked already.
//
// `{"all_before":N,"authorities":[{"issuer" or "trust_domain":"...","before":N,"keys":["kid"],"subjects":["sub",
// {"subject":"sub","before":N}],"tokens":["jti"]}]}`; every member but the authority's name may be absent. Decisions that begin
// after it returned see it, on every thread. The notice is given the authorities that the policy document does not know.
//
// Returns `OK`; `REVOCATIONS_FAULTY` after telling why; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
//
// # Safety
// `engine` is an engine, `document` is valid for the call.
countersign_result countersign_engine_revoke(const struct countersign_engine *engine,
                                             struct countersign_bytes document,
                                             struct countersign_notice notice);

// As `countersign_engine_revoke`, and withdraws all revocations of earlier calls of these two functions. A watched file still applies.
//
// # Safety
// As `countersign_engine_revoke`.
countersign_result countersign_engine_replace_revocations(const struct countersign_engine *engine,
                                                          struct countersign_bytes document,
                                                          struct countersign_notice notice);

// Sets until when the revocations are current, in seconds since 1970, inclusive; afterwards tokens are refused with
// `revocations_stale`. 0: they are not known yet; `UINT64_MAX`, the initial value: until the next call.
//
// A host that fetches a list sets 0 before the first one, and after each one the time by which the next must have come.
//
// Returns `OK`; `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
//
// # Safety
// `engine` is an engine.
countersign_result countersign_engine_set_revocations_known(const struct countersign_engine *engine,
                                                            uint64_t until_seconds);

// Reads the files that the policy document names, relative to `directory`, and from now on again at each
// `countersign_engine_look` at which they have changed: replace them by an atomic rename.
//
// A file that cannot be read may still come: until then its tokens are refused with `keys_stale`. `report_out` may be NULL.
// Returns `OK`, whatever the files were; `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe; it reads files, so
// it may wait.
//
// # Safety
// `engine` is an engine; `directory`, and `report_out` unless NULL, are valid for the call.
countersign_result countersign_engine_watch_trust_files(const struct countersign_engine *engine,
                                                        struct countersign_bytes directory,
                                                        uint64_t now_seconds,
                                                        struct countersign_notice notice,
                                                        struct countersign_look_report *report_out);

// Reads a document of revocations (`countersign_engine_revoke`) from a file, and from now on again at each
// `countersign_engine_look` at which it has changed.
//
// Returns `OK`; `REVOCATIONS_FAULTY` after a notice with the reason: a host with revocations must not start without them;
// `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
//
// # Safety
// `engine` is an engine, `file` is valid for the call.
countersign_result countersign_engine_watch_revocations(const struct countersign_engine *engine,
                                                        struct countersign_bytes file,
                                                        struct countersign_notice notice);

// Reads again every watched file that has changed; costs one `stat` a file where none has. A file that cannot be used leaves the
// last good one in use.
//
// Decisions that begin after it returned see what it found, on every thread. `report_out` may be NULL. Returns `OK`,
// `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
//
// # Safety
// `engine` is an engine; `report_out`, unless NULL, is valid for the call.
countersign_result countersign_engine_look(const struct countersign_engine *engine,
                                           uint64_t now_seconds,
                                           struct countersign_notice notice,
                                           struct countersign_look_report *report_out);

// Loads a document for a trust domain (a SPIFFE bundle, or a JWK set where its trust entry says so) or an issuer (a JWK set).
//
// Keys that stay keep their cached tokens; tokens of keys that are gone are refused by every decision that begins after this
// returned. `kind` is a `countersign_authority_kind`. `report_out` may be NULL. Returns `OK`; `TRUST_FAULTY` after telling why,
// the last good document then stays in use; `AUTHORITY_UNKNOWN`, `INVALID_VALUE`, `NOT_UTF8`, `NULL_PARAMETER`,
// `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
//
// # Safety
// `engine` is an engine; `name`, `document`, and `report_out` unless NULL, are valid for the call.
countersign_result countersign_engine_push_trust(const struct countersign_engine *engine,
                                                 uint32_t kind,
                                                 struct countersign_bytes name,
                                                 struct countersign_bytes document,
                                                 uint64_t now_seconds,
                                                 struct countersign_notice notice,
                                                 struct countersign_load_report *report_out);

// Takes the document of a trust domain or issuer away: its tokens are refused with `keys_stale` until another one comes.
//
// Returns `OK`, `AUTHORITY_UNKNOWN`, `INVALID_VALUE`, `NOT_UTF8`, `NULL_PARAMETER`, `MISALIGNED`, `INVALID_LENGTH`. Thread-safe.
//
// # Safety
// `engine` is an engine, `name` is valid for the call.
countersign_result countersign_engine_withdraw_trust(const struct countersign_engine *engine,
                                                     uint32_t kind,
                                                     struct countersign_bytes name);

// The trust source of the policy document at `index`, for hosts that fetch.
//
// Returns `OK`, `NOT_FOUND` past the last one, `NULL_PARAMETER`, `MISALIGNED`. Thread-safe.
//
// # Safety
// `engine` is an engine, `source_out` is valid for the call.
countersign_result countersign_engine_trust_source(const struct countersign_engine *engine,
                                                   size_t index,
                                                   struct countersign_trust_source *source_out);

// The version of the ABI that the loaded library has: compare it with `COUNTERSIGN_ABI` once at start.
//
// Thread-safe.
uint32_t countersign_abi(void);

// The version of the library, such as `0.1.0`. Valid for ever.
//
// Thread-safe.
struct countersign_str countersign_version(void);

// Makes a worker. All memory that its decisions need is allocated here, but for the texts of challenges, tables of keys that are used often
// (`hot_key_bytes` in all), and what waits.
//
// Returns `OK` and writes the worker, to be freed by `countersign_worker_free`; `OUT_OF_MEMORY` where the process cannot have
// `token_cache_bytes`; `NULL_PARAMETER`, `MISALIGNED`, `NO_RANDOMNESS`. Thread-safe.
//
// # Safety
// `engine` is an engine, `worker_out` is valid for the call.
countersign_result countersign_worker_new(const struct countersign_engine *engine,
                                          struct countersign_worker **worker_out);

// Frees a worker and its decision. NULL is nothing to do.
//
// # Safety
// `worker` came from `countersign_worker_new`, was not freed before, and no thread is in a call with it or its decision.
void countersign_worker_free(struct countersign_worker *worker);

// Judges a request by a policy of `countersign_engine_policy`, for hosts that answer no question: a policy that needs to know more than the
// request, see `countersign_worker_begin`, refuses with `decision_abandoned` or `introspection_unavailable`.
//
// The decision is valid until the next call with this worker, and must be read by the same thread. A request that cannot
// be judged is a failed call without a decision: refuse it with status 500.
//
// Returns `OK` and writes the decision, for accepted and for refused requests; `POLICY_UNKNOWN`, `NULL_PARAMETER`,
// `MISALIGNED`, `WRONG_SIZE`, `INVALID_LENGTH`, `INVALID_VALUE`, `WORKER_BUSY`, `PANIC`. Takes no lock and allocates
// nothing, but for the first call after a change of keys or revocations, which takes over the new trust state.
//
// # Safety
// `worker` is a worker that no other thread uses; `request` and all that it points to is valid for the call.
countersign_result countersign_worker_decide(struct countersign_worker *worker,
                                             uint32_t policy,
                                             const struct countersign_request *request,
                                             const struct countersign_decision **decision_out);

// Judges a request as `countersign_worker_decide` does, for hosts that can find out what a policy needs to know beside it: what the issuer of
// an opaque token answers, the body, whether a proof was used on another machine. The engine does no I/O: the decision waits for the host.
//
// Writes exactly one of the outputs, and NULL to the other. The decision is as that of `countersign_worker_decide`. A waiting decision is
// asked for its question, and given to a `countersign_worker_resume_…` with the answer, or to `countersign_pending_free`; it may wait again,
// for another answer. Until it is made, the request is not accepted.
//
// Returns `OK`, for accepted, refused and waiting requests; otherwise as `countersign_worker_decide`. Allocates what waits.
//
// # Safety
// As `countersign_worker_decide`; both outputs are valid for the call.
countersign_result countersign_worker_begin(struct countersign_worker *worker,
                                            uint32_t policy,
                                            const struct countersign_request *request,
                                            const struct countersign_decision **decision_out,
                                            struct countersign_pending **pending_out);

// Goes on with a decision that waited for a shared store; `answer` is a `countersign_use_once`.
//
// These hold for all `countersign_worker_resume_…`. `worker` may be any worker of the engine that began the decision; with one of another
// engine the decision is a refusal with `internal_error`, and so it is where the decision waits for another answer. `request` is the same
// request as at the beginning, never another one: what was verified then is not verified again; `now_seconds` goes on. The token is judged
// once more by the keys and revocations of now.
//
// Returns `OK` and writes exactly one of the outputs and NULL to the other, as `countersign_worker_begin`; `NULL_PARAMETER`, `MISALIGNED`,
// `WRONG_SIZE`, `INVALID_LENGTH`, `INVALID_VALUE`, `WORKER_BUSY`, `PANIC`: refuse the request with status 500. Whatever it returns,
// `pending` is gone; after a failed call it counts as `decision_abandoned`.
//
// # Safety
// As `countersign_worker_begin`; `pending` was not given away before, and no thread is in a call with it.
countersign_result countersign_worker_resume_use_once(struct countersign_worker *worker,
                                                      struct countersign_pending *pending,
                                                      const struct countersign_request *request,
                                                      uint32_t answer,
                                                      const struct countersign_decision **decision_out,
                                                      struct countersign_pending **pending_out);

// Goes on with a decision that waited for the issuer of its token: `answer` is the body of its response with status 200, as received over
// TLS. It must be about the token of `request`: the engine cannot see whether it is.
//
// Otherwise as `countersign_worker_resume_use_once`.
//
// # Safety
// As `countersign_worker_resume_use_once`; `answer` is valid for the call.
countersign_result countersign_worker_resume_introspected(struct countersign_worker *worker,
                                                          struct countersign_pending *pending,
                                                          const struct countersign_request *request,
                                                          struct countersign_bytes answer,
                                                          const struct countersign_decision **decision_out,
                                                          struct countersign_pending **pending_out);

// Goes on with a decision that waited for the issuer of its token, where there was no response in time, one with another status than 200,
// or one that is too long: the request is refused with `introspection_unavailable`.
//
// Otherwise as `countersign_worker_resume_use_once`.
//
// # Safety
// As `countersign_worker_resume_use_once`.
countersign_result countersign_worker_resume_introspection_failed(struct countersign_worker *worker,
                                                                  struct countersign_pending *pending,
                                                                  const struct countersign_request *request,
                                                                  const struct countersign_decision **decision_out,
                                                                  struct countersign_pending **pending_out);

// Goes on with a decision that waited for the body of its request: `body` took all of it by `countersign_body_feed`, the very bytes that the
// receiver of the request will read; a request without a body has one of no bytes.
//
// Otherwise as `countersign_worker_resume_use_once`: whatever it returns, `body` is gone too. A body of which a chunk could not be taken
// gives the result of that chunk.
//
// # Safety
// As `countersign_worker_resume_use_once`, for `body` too.
countersign_result countersign_worker_resume_body(struct countersign_worker *worker,
                                                  struct countersign_pending *pending,
                                                  const struct countersign_request *request,
                                                  struct countersign_body *body,
                                                  const struct countersign_decision **decision_out,
                                                  struct countersign_pending **pending_out);

// Gives up a decision that waits, for a host that has no answer: a refusal with `decision_abandoned`, which has challenge and audit record as
// any other. A pending decision that is freed instead is counted alike, and leaves no record.
//
// Returns `OK` and writes the decision, which is valid as that of `countersign_worker_decide`; `NULL_PARAMETER`, `MISALIGNED`, `WORKER_BUSY`,
// `PANIC`. In every case `pending` is freed.
//
// # Safety
// `worker` is a worker that no other thread uses; `pending` was not given away before, and no thread is in a call with it.
countersign_result countersign_worker_abandon(struct countersign_worker *worker,
                                              struct countersign_pending *pending,
                                              const struct countersign_decision **decision_out);

// Goes on preparing keys that are used often, for about so many point additions (some 0.3 µs each), in a moment when no
// request waits. Without it, requests do it in small steps. Returns whether anything is left to do. Ends the decision.
//
// # Safety
// `worker` is NULL or a worker that no other thread uses.
bool countersign_worker_build_tables(struct countersign_worker *worker,
                                     uint32_t additions);

// What the worker's memory holds.
//
// Returns `OK`, `NULL_PARAMETER`, `MISALIGNED`, `WORKER_BUSY`.
//
// # Safety
// `worker` is a worker that no other thread uses, `counts_out` is valid for the call.
countersign_result countersign_worker_count(const struct countersign_worker *worker,
                                            struct countersign_worker_counts *counts_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* What the library was built for, and what this compiler makes of it. */
COUNTERSIGN_ASSERT(sizeof(countersign_bytes) == 2 * sizeof(void *), "countersign_bytes");
COUNTERSIGN_ASSERT(sizeof(countersign_reason) == 4, "countersign_reason");
COUNTERSIGN_ASSERT(sizeof(countersign_result) == 4, "countersign_result");
COUNTERSIGN_ASSERT(COUNTERSIGN_RESULT_OK == 2000, "results are not those of this library");
COUNTERSIGN_ASSERT(COUNTERSIGN_REASON_ACCEPTED == 1000, "reasons are not those of this library");
#undef COUNTERSIGN_ASSERT

#endif /* COUNTERSIGN_H */

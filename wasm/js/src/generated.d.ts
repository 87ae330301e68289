// Written by `make generate` from the tables of the core; do not edit.

/** Why a request is refused. */
export type Reason =
  | "credential_missing"
  | "scheme_unsupported"
  | "credential_repeated"
  | "credential_too_large"
  | "policy_ambiguous"
  | "body_too_large"
  | "body_malformed"
  | "token_malformed"
  | "token_encoding"
  | "token_json"
  | "typ_not_accepted"
  | "header_critical"
  | "claim_missing"
  | "claim_invalid"
  | "header_forbidden"
  | "algorithm_refused"
  | "trust_domain_unknown"
  | "key_unknown"
  | "key_not_usable"
  | "signature_invalid"
  | "keys_stale"
  | "issuer_unknown"
  | "token_expired"
  | "token_not_yet_valid"
  | "audience_mismatch"
  | "subject_malformed"
  | "lifetime_too_long"
  | "subject_refused"
  | "scope_insufficient"
  | "token_inactive"
  | "credentials_untied"
  | "tool_refused"
  | "issuer_refused"
  | "claim_refused"
  | "proof_missing"
  | "proof_malformed"
  | "proof_method_mismatch"
  | "proof_uri_mismatch"
  | "proof_token_mismatch"
  | "proof_key_mismatch"
  | "proof_too_old"
  | "proof_not_yet_valid"
  | "proof_signature_invalid"
  | "proof_replayed"
  | "nonce_required"
  | "nonce_mismatch"
  | "proof_algorithm_refused"
  | "proof_key_refused"
  | "proof_repeated"
  | "proof_too_large"
  | "proof_history_unknown"
  | "proof_share_exceeded"
  | "certificate_missing"
  | "certificate_mismatch"
  | "binding_required"
  | "binding_unsupported"
  | "binding_ambiguous"
  | "scheme_mismatch"
  | "key_revoked"
  | "subject_revoked"
  | "token_revoked"
  | "issued_before_cutoff"
  | "revocations_stale"
  | "limit_exceeded"
  | "replay_store_full"
  | "replay_store_unavailable"
  | "request_invalid"
  | "introspection_unavailable"
  | "decision_abandoned"
  | "introspection_rate_exceeded"
  | "internal_error";

/** The number of each reason; it is never changed or used again. */
export interface ReasonNumbers {
  /** The request carries no credential (RFC 6750 §3). */
  credential_missing: 1101;
  /** The credential comes by a scheme or a place that is not taken here: not Bearer, not DPoP, or the URI query. */
  scheme_unsupported: 1102;
  /** More than one credential (RFC 6750 §2, RFC 9449 §7.2). */
  credential_repeated: 1103;
  /** The token is longer than the limit. */
  credential_too_large: 1104;
  /** A header field that selects the policy is there more than once: each hop could take another one. */
  policy_ambiguous: 1105;
  /** The body is longer than the policy reads. */
  body_too_large: 1106;
  /** The body is not one JSON-RPC 2.0 message, and the policy names the tools that may be called. */
  body_malformed: 1107;
  /** The token is not three base64url parts with two periods (RFC 7515 §7.1). */
  token_malformed: 1201;
  /** A part is not strict, unpadded base64url (RFC 7515 §2). */
  token_encoding: 1202;
  /** Header or payload is not one JSON object in UTF-8 without repeated names (RFC 7515 §4, RFC 7519 §7.2). */
  token_json: 1203;
  /** The header's typ names no token kind that this policy accepts (RFC 8725 §3.11). */
  typ_not_accepted: 1204;
  /** The header has crit, and no extension is understood (RFC 7515 §4.1.11), or b64 (RFC 7797 §7). */
  header_critical: 1205;
  /** A claim that the token kind requires is absent. */
  claim_missing: 1206;
  /** A claim or header parameter has the wrong JSON type or an impossible value; never read as absent. */
  claim_invalid: 1207;
  /** The header carries a parameter that this token kind forbids (encryption, compression, a nested token; in a JWT-SVID also a key and any other). */
  header_forbidden: 1208;
  /** The algorithm is not on the allow-list of the token kind, of the policy, or is not an algorithm at all. */
  algorithm_refused: 1301;
  /** No bundle is configured for the trust domain of the subject. */
  trust_domain_unknown: 1302;
  /** The trust domain or issuer has no usable key of this kid. */
  key_unknown: 1303;
  /** The key of this kid may not be used with the token's algorithm. */
  key_not_usable: 1304;
  /** The signature does not verify. */
  signature_invalid: 1305;
  /** No current keys of this trust domain or issuer are available (server-side condition). */
  keys_stale: 1306;
  /** No key set is configured for the token's issuer. */
  issuer_unknown: 1307;
  /** The token has expired (RFC 7519 §4.1.4). */
  token_expired: 1401;
  /** The token is not valid yet, by nbf or by an iat in the future (RFC 7519 §4.1.5). */
  token_not_yet_valid: 1402;
  /** The token is for another audience (RFC 7519 §4.1.3). */
  audience_mismatch: 1403;
  /** The subject is not a valid SPIFFE ID with a path (SPIFFE-ID §2). */
  subject_malformed: 1404;
  /** The token lives longer than the policy allows. */
  lifetime_too_long: 1405;
  /** The subject or the client is not one that the policy accepts. */
  subject_refused: 1406;
  /** The token's scope lacks one that the policy demands (RFC 6750 §3.1). */
  scope_insufficient: 1407;
  /** The authorization server answers that the token is not active (RFC 7662 §2.2). */
  token_inactive: 1408;
  /** The credentials do not have in common what the policy demands. */
  credentials_untied: 1409;
  /** The tool that is called is not one that the policy lets in. */
  tool_refused: 1410;
  /** The token's issuer or trust domain is trusted, and the policy does not accept its tokens (RFC 9068 §4). */
  issuer_refused: 1411;
  /** A claim is not what a condition of the policy demands. */
  claim_refused: 1412;
  /** A proof of possession is demanded and there is none (RFC 9449 §7.1). */
  proof_missing: 1501;
  /** The proof is not a well-formed DPoP proof with all that it must hold (RFC 9449 §4.3 items 2 to 4). */
  proof_malformed: 1502;
  /** The proof is for another method (RFC 9449 §4.3 item 8). */
  proof_method_mismatch: 1503;
  /** The proof is for another URI (RFC 9449 §4.3 item 9). */
  proof_uri_mismatch: 1504;
  /** The proof is for another access token (RFC 9449 §4.3 item 12). */
  proof_token_mismatch: 1505;
  /** The proof is made with another key than the token is bound to (RFC 9449 §4.3 item 12). */
  proof_key_mismatch: 1506;
  /** The proof is older than the window (RFC 9449 §4.3 item 11). */
  proof_too_old: 1507;
  /** The proof is dated in the future (RFC 9449 §4.3 item 11). */
  proof_not_yet_valid: 1508;
  /** The proof's signature does not verify (RFC 9449 §4.3 item 6). */
  proof_signature_invalid: 1509;
  /** The proof was used before (RFC 9449 §11.1). */
  proof_replayed: 1510;
  /** The proof must carry a nonce that this server gave (RFC 9449 §9). */
  nonce_required: 1511;
  /** The proof's nonce was not issued by this server, or has expired (RFC 9449 §9). */
  nonce_mismatch: 1512;
  /** The proof's algorithm is not accepted (RFC 9449 §4.3 item 5). */
  proof_algorithm_refused: 1513;
  /** The proof's key holds a private part, is not a valid public key, or is an RSA key outside of the policy's bounds (RFC 9449 §4.3 items 5 and 7). */
  proof_key_refused: 1514;
  /** The request has more than one DPoP header field (RFC 9449 §4.3 item 1). */
  proof_repeated: 1515;
  /** The proof exceeds a limit: length, length of its header, depth, members, digits of a number. */
  proof_too_large: 1516;
  /** Whether the proof was used before is not known: the replay store is new, or the server's clock was wrong for a while; a proof made now passes (RFC 9449 §11.1). */
  proof_history_unknown: 1517;
  /** The key has so many proofs in the replay store that the room left is for other keys; it has room again when these proofs expire (RFC 6585 §4). */
  proof_share_exceeded: 1518;
  /** The token is bound to a certificate and the connection has none (RFC 8705 §3). */
  certificate_missing: 1601;
  /** The connection's certificate is not the one that the token is bound to (RFC 8705 §3). */
  certificate_mismatch: 1602;
  /** The policy, or the DPoP scheme, demands a bound token and this one is not. */
  binding_required: 1701;
  /** The token's cnf holds no confirmation method that we can check (RFC 7800 §3.1). */
  binding_unsupported: 1702;
  /** The token's cnf holds more than one key representation (RFC 7800 §3.1). */
  binding_ambiguous: 1703;
  /** A DPoP-bound token came under the Bearer scheme (RFC 9449 §7.2). */
  scheme_mismatch: 1704;
  /** The key that signed the token is revoked. */
  key_revoked: 1801;
  /** The subject is revoked. */
  subject_revoked: 1802;
  /** This token (its jti) is revoked. */
  token_revoked: 1803;
  /** The token was issued before its issuer's revocation epoch, or does not say when it was issued. */
  issued_before_cutoff: 1804;
  /** No current list of revocations is available (server-side condition). */
  revocations_stale: 1805;
  /** The token or the body exceeds a limit: of a token the length of its header or signature, depth, members, digits of a number, audiences, actors, the claims that the policy names (`named_claim_bytes`); of a body depth and members. */
  limit_exceeded: 1901;
  /** The replay store is full; our fault, not the client's. */
  replay_store_full: 1902;
  /** The replay store did not answer; our fault, not the client's. */
  replay_store_unavailable: 1903;
  /** The host gave a request that cannot be judged: a path alone as its URI, and no origin in the policy. */
  request_invalid: 1904;
  /** The authorization server did not answer about the token, or not as RFC 7662 §2.2 has it. */
  introspection_unavailable: 1905;
  /** The decision waited for an answer that never came. */
  decision_abandoned: 1906;
  /** The authorization server is asked about so many unknown tokens that this one has to wait for the next second (RFC 6585 §4). */
  introspection_rate_exceeded: 1907;
  /** An internal error of the server. */
  internal_error: 1999;
}

/** A kind of token that a policy can accept. */
export type TokenKind =
  | "jwt-svid"
  | "at+jwt"
  | "jwt"
  | "txntoken+jwt"
  | "introspected";

/** A method that proves possession of a key. */
export type ProofMethod =
  | "mtls"
  | "dpop";

/** An algorithm of signatures. */
export type Algorithm =
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "Ed25519"
  | "EdDSA";

/** An attribute of a decision. */
export type Attribute =
  | "decision"
  | "reason"
  | "status"
  | "policy"
  | "mode"
  | "scheme"
  | "cache"
  | "kind"
  | "issuer"
  | "subject"
  | "client_id"
  | "scope"
  | "token_id"
  | "key_id"
  | "actor"
  | "binding"
  | "bound_key"
  | "bound_certificate"
  | "key_thumbprint"
  | "expires_at"
  | "txn"
  | "requesting_workload"
  | "rpc_method"
  | "tool"
  | "body_digest";

/** A check of a decision, in order. */
export type Check =
  | "presentation"
  | "token_cache"
  | "token_form"
  | "header_form"
  | "header_critical"
  | "claims_form"
  | "token_kind"
  | "algorithm"
  | "header_parameters"
  | "required_claims"
  | "authority"
  | "key"
  | "signature"
  | "time"
  | "audience"
  | "spiffe_ids"
  | "subject"
  | "scope"
  | "revocation"
  | "ties"
  | "binding"
  | "certificate"
  | "proof_present"
  | "proof_form"
  | "proof_algorithm"
  | "proof_key"
  | "proof_method"
  | "proof_uri"
  | "proof_token"
  | "proof_window"
  | "proof_nonce"
  | "proof_signature"
  | "proof_replay"
  | "body";

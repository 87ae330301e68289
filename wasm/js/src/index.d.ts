import type { Algorithm, Attribute, Check, ProofMethod, Reason, ReasonNumbers, TokenKind } from './generated.js'

export type { Algorithm, Attribute, Check, ProofMethod, Reason, ReasonNumbers, TokenKind }

/** A header field of an answer: its name in small letters, and its value. */
export type HeaderPair = readonly [name: string, value: string]

/** What is known of the client from one verified credential. The names are those of docs/attributes.md, in every host alike. */
export interface Identity {
  /** The credential's name in the policy. */
  readonly name: string
  readonly kind: TokenKind
  /** The issuer or trust domain whose key verified the token. */
  readonly issuer?: string
  readonly subject?: string
  readonly client_id?: string
  /** `scope`, as it is in the token. */
  readonly scope?: string
  readonly audience?: readonly string[]
  readonly token_id?: string
  /** `kid` of the key that signed the token. */
  readonly key_id?: string
  /** RFC 7638 thumbprint of that key, of the first credential. */
  readonly key_thumbprint?: string
  /** `act`: who acts for the subject, the current actor outermost (RFC 8693 §4.1). */
  readonly actor?: Readonly<Record<string, unknown>>
  /** What the token is bound to; the possession was proven. */
  readonly binding: 'none' | 'dpop' | 'mtls' | 'dpop+mtls'
  readonly bound_key?: string
  readonly bound_certificate?: string
  /** `exp`, in seconds since 1970. */
  readonly expires_at: number
  /** `iat`, in seconds since 1970. */
  readonly issued_at?: number
  readonly txn?: string
  readonly requesting_workload?: string
}

interface Decided {
  /** The HTTP status to answer with; 200 where the request is accepted. */
  readonly status: number
  /** Header fields of the answer: challenges of a refusal, and a DPoP nonce where there is one, on accepted requests too. */
  readonly headers: readonly HeaderPair[]
  /** Whether the request may go on: it is accepted, or the policy is in shadow mode. */
  readonly passes: boolean
  /** The name of the policy that judged. */
  readonly policy: string
  readonly mode: 'enforce' | 'shadow'
  /** The scheme that the token came under. */
  readonly scheme: 'Bearer' | 'DPoP' | null
  /** Whether the token was verified before. */
  readonly cache: 'none' | 'hit' | 'miss'
  /** The trust source whose document should be fetched now. */
  readonly refresh: TrustSource | null
  /** The audit record, one line of JSON; null without `onAudit`, but for `explain`. */
  readonly audit: string | null
  /** The credentials that the policy names, by name; none where the request is refused. */
  readonly credentials: Readonly<Record<string, Identity>>
  /** The claims that the policy hands to hosts, by the policy's names. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** The JSON-RPC method that the body calls, where the policy has `tools`. */
  readonly rpcMethod: string | null
  /** The tool that it calls by `tools/call`. */
  readonly tool: string | null
  /** SHA-256 of the body in base64url, where the policy has `body_digest`. */
  readonly bodyDigest: string | null
  /** For `usedProof` of another decision about the same client request. */
  readonly usedProof: Uint8Array | null
  toJSON(): Record<string, unknown>
}

/** A request that is accepted. */
export interface Acceptance extends Decided {
  readonly decision: 'accept'
  readonly reason: null
  readonly number: 0
  /** The client, by the first credential of the policy. */
  readonly identity: Identity
}

/** A request that is refused, for each reason with its number. */
export type Refusal = {
  [R in Reason]: Decided & {
    readonly decision: 'refuse'
    readonly reason: R
    readonly number: ReasonNumbers[R]
    readonly identity: null
  }
}[Reason]

/** What the engine decided. It owns all that it says: later decisions do not change it. */
export type Decision = Acceptance | Refusal

/** The client certificate of the TLS connection: DER, or its SHA-256. Never one that a header names, unless a trusted hop wrote it. */
export type ClientCertificate = Uint8Array | { readonly sha256: Uint8Array }

/** Header fields in the forms in which JavaScript has them. A flat list of names and values is `rawHeaders` of Node. */
export type HeadersLike =
  | { get(name: string): string | null; [Symbol.iterator](): Iterator<[string, string]> }
  | readonly string[]
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>

export type BodyLike = string | Uint8Array | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array> | ReadableStream<Uint8Array>

/** A request, where there is no `Request` of the Fetch standard. */
export interface PlainRequest {
  readonly method: string
  /** The URI as the client knows it; path and query alone where the policy has an `origin`. */
  readonly uri: string
  readonly headers?: HeadersLike
  readonly clientCertificate?: ClientCertificate | null
  /** The policy that judges; `default`, or the only one, if absent. */
  readonly policy?: string
  /** The time in seconds since 1970. */
  readonly now?: number
  /** The body, for policies that read it. */
  readonly body?: BodyLike | null
}

/** What of a `Request` of the Fetch standard is read. */
export interface FetchRequest {
  readonly method: string
  readonly url: string
  readonly headers: { get(name: string): string | null; [Symbol.iterator](): Iterator<[string, string]> }
  readonly body: ReadableStream<Uint8Array> | null
  readonly bodyUsed: boolean
  clone(): FetchRequest
}

export interface DecideOptions {
  readonly policy?: string
  readonly now?: number
  readonly clientCertificate?: ClientCertificate | null
  /** `usedProof` of a decision by another policy about this same client request. */
  readonly usedProof?: Uint8Array | null
}

export interface DecideAsyncOptions extends DecideOptions {
  /** The body, in place of that of the request. */
  readonly body?: BodyLike | null
  /** Gives the decision up: a refusal with `decision_abandoned`. */
  readonly signal?: AbortSignal
}

/** A store of used DPoP proofs that several machines share. */
export interface ReplayStore {
  /**
   * True if `proof` was not known, and it is remembered from now on for at least `seconds`, in one atomic step; false if it was known. A
   * promise that is rejected, or late, refuses the request with `replay_store_unavailable`.
   */
  useOnce(proof: string, seconds: number, signal: AbortSignal): Promise<boolean> | boolean
}

/** Where the keys of one issuer or trust domain come from. */
export interface TrustSource {
  readonly issuer?: string
  readonly trustDomain?: string
  readonly document: 'inline' | 'file' | 'uri' | 'pushed' | 'map'
  /** The file or URI. */
  readonly at?: string
  readonly form: 'jwks' | 'bundle'
  readonly minRefreshSeconds: number
  readonly maxStaleSeconds?: number
  readonly introspection?: { readonly uri: string; readonly cacheSeconds: number }
}

export type Authority = { readonly issuer: string } | { readonly trustDomain: string }

export interface Introspection {
  readonly source: TrustSource
  /** The introspection endpoint of the policy. */
  readonly uri: string
  readonly token: string
  readonly signal: AbortSignal
}

export type Document = string | Uint8Array | object

export interface NonceKeys {
  /** 32 random bytes, the same on every machine that serves one name. */
  readonly current: Uint8Array
  readonly previous?: Uint8Array
}

export interface CreateOptions {
  /** The WebAssembly module, where the one of the package cannot be found. */
  readonly module?: WebAssembly.Module | Uint8Array | ArrayBuffer | Response | Promise<WebAssembly.Module | Uint8Array | ArrayBuffer | Response>
  /** Seconds since 1970; the system's clock, if absent. */
  readonly now?: () => number
  /** Fills an array with random bytes; `crypto.getRandomValues`, if absent. */
  readonly random?: (bytes: Uint8Array) => void
  /** Reads a file that the policy names. */
  readonly files?: (path: string) => Promise<Document> | Document
  /** Keys of DPoP nonces; a random one, if absent. */
  readonly nonceKeys?: NonceKeys
  /**
   * Proofs that are dated before this engine was made, and which an engine before it may have seen: refused with `proof_history_unknown`,
   * unless `accept`.
   */
  readonly proofsBeforeStart?: 'refuse' | 'accept'
  /**
   * Who checks signatures that no table of the module answers for: `native`, the library behind Node's `crypto`, which is what Node has if this is
   * absent; `module`, WebAssembly, everywhere else. Their answers are the same.
   */
  readonly signatures?: 'native' | 'module'
  readonly store?: ReplayStore
  /** Asks an issuer about a token (RFC 7662): the body of a 200 response over TLS. Anything else refuses. */
  readonly introspect?: (question: Introspection) => Promise<Document | null | undefined> | Document | null | undefined
  /** How long a store or an issuer has to answer. */
  readonly answerMilliseconds?: number
  /** One line of JSON for each decision, without a byte of a token. */
  readonly onAudit?: (line: string) => void
  readonly onRefresh?: (source: TrustSource) => void
  readonly onWarning?: (line: string) => void
}

export interface PolicyInfo {
  readonly name: string
  readonly mode: 'enforce' | 'shadow'
  readonly hasOrigin: boolean
  readonly takesProofs: boolean
  readonly asksStore: boolean
  readonly introspects: boolean
  /** The longest body that the policy reads; 0 where it reads none. */
  readonly bodyBytes: number
  /** Header fields beside Authorization and DPoP that the policy reads. */
  readonly fields: readonly string[]
  /** Header fields that are taken away before the request goes on. */
  readonly removed: readonly string[]
  /** Whether it needs `decideAsync`. */
  readonly asks: boolean
}

export interface Loaded {
  readonly kept: number
  readonly added: number
  readonly removed: number
  readonly dropped: number
  readonly refreshHintSeconds: number | null
  readonly warnings: readonly string[]
}

export interface CheckLine {
  readonly check: Check
  readonly rule: string
  readonly result: 'passed' | 'failed' | 'cached' | 'not_needed' | 'not_reached'
}

export interface Explanation {
  readonly decision: Decision
  /** Every check in its public order. */
  readonly checks: readonly CheckLine[]
}

export interface Counters {
  readonly accepted: number
  readonly refused: Readonly<Partial<Record<Reason, number>>>
  readonly cachedTokens: number
  /** Decisions that wait for an answer. */
  readonly waiting: number
  readonly replay: {
    readonly slots: number
    readonly liveProofs: number
    readonly refusingPermille: number
    readonly refusingUntil: number
  }
}

/** An engine for one policy document, with its caches and its store of used proofs. */
export class Countersign {
  private constructor()

  /**
   * Makes an engine.
   *
   * @throws {CountersignError} `policy_faulty` with every fault of the document, `options_invalid`, `trust_refused`, `module_unavailable`
   */
  static create(policy: Document, options?: CreateOptions): Promise<Countersign>

  /** Called with a trust source whose document should be fetched now, at most once in its `minRefreshSeconds`. */
  onRefresh: ((source: TrustSource) => void) | undefined

  readonly policies: readonly PolicyInfo[]
  readonly trustSources: readonly TrustSource[]

  /**
   * Judges a request, records an accepted proof, and counts the outcome. A refused token never throws.
   *
   * @throws {CountersignError} `policy_unknown`, `request_invalid`, and `answers_needed` where the policy needs `decideAsync`
   */
  decide(request: FetchRequest | PlainRequest, options?: DecideOptions): Decision

  /** As `decide`, for policies that ask a shared store, an issuer, or for the body. */
  decideAsync(request: FetchRequest | PlainRequest, options?: DecideAsyncOptions): Promise<Decision>

  /** As `decide`, with the result of every check. It counts, and it uses a proof up, as `decide` does. */
  explain(request: FetchRequest | PlainRequest, options?: DecideOptions): Explanation

  /**
   * Loads a JWK set or a SPIFFE bundle, as the policy's trust entry says. Tokens of keys that it does not have are refused from the next decision on.
   *
   * @throws {CountersignError} `trust_refused` (the last good document stays), `authority_unknown`
   */
  updateTrust(authority: Authority, document: Document, options?: { readonly now?: number }): Loaded

  /** The same for a bundle map of the policy, by its place among them. */
  updateBundleMap(place: number, document: Document, options?: { readonly now?: number }): Pick<Loaded, 'warnings'>

  /** Takes the document of an authority away: its tokens are refused with `keys_stale`. */
  withdrawTrust(authority: Authority): void

  /**
   * Revokes what a document says beside what is revoked already, or in its place.
   *
   * @throws {CountersignError} `revocations_faulty`
   */
  revoke(document: Document, options?: { readonly replace?: boolean }): Pick<Loaded, 'warnings'>

  /** Whether it is known what is revoked: where it is not, every token is refused with `revocations_stale`. */
  setRevocationsKnown(known: boolean | { readonly until: number }): void

  setNonceKeys(keys: NonceKeys): void

  counters(options?: { readonly now?: number }): Counters

  /** Builds tables for keys that are used often, for a moment when no request waits; whether any is left to build. */
  buildTables(additions?: number): boolean
}

export interface Fault {
  /** A JSON pointer, empty for the document itself. */
  readonly pointer: string
  readonly found: string
  readonly expected: string
  readonly message: string
}

export interface ErrorNumbers {
  readonly options_invalid: 1
  readonly policy_faulty: 2
  readonly policy_unknown: 3
  readonly request_invalid: 4
  readonly answers_needed: 5
  readonly authority_unknown: 6
  readonly trust_refused: 7
  readonly revocations_faulty: 8
  readonly module_unavailable: 9
  readonly engine_failed: 10
  readonly body_unavailable: 11
}

export type ErrorCode = keyof ErrorNumbers

export const ERROR_NUMBERS: ErrorNumbers

/** Misuse, or a document that cannot be used. */
export class CountersignError extends Error {
  constructor(code: ErrorCode, message: string, more?: { readonly faults?: readonly Fault[]; readonly cause?: unknown })
  readonly name: 'CountersignError'
  readonly code: ErrorCode
  readonly number: ErrorNumbers[ErrorCode]
  /** Every fault of a document. */
  readonly faults: readonly Fault[]
}

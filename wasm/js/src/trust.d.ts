import type { Countersign, Introspection, Loaded, TrustSource } from './index.js'

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

export interface KeepTrustOptions {
  readonly fetch?: Fetch
  /** How long a document is used before it is asked for again, where it does not ask for less; 300. */
  readonly pollSeconds?: number
  /** The longest pause between two attempts while a source is down; 900. */
  readonly mostBackOffSeconds?: number
  readonly timeoutMilliseconds?: number
  /** Finds the JWK sets of issuers without a URI in the policy by their metadata (RFC 8414). */
  readonly discover?: boolean
  readonly onError?: (error: unknown, source: TrustSource) => void
}

export interface TrustKeeper {
  /** Settles when every source was fetched once; rejected if one could not be: attempts go on. */
  readonly ready: Promise<void>
  refresh(source: TrustSource): Promise<Loaded>
  stop(): void
}

/** Keeps the keys of an engine fresh over HTTP. */
export function keepTrust(engine: Countersign, options?: KeepTrustOptions): TrustKeeper

export interface ServerMetadata {
  readonly issuer: string
  readonly jwks_uri: string
  readonly [name: string]: unknown
}

/** The metadata of an authorization server (RFC 8414), whose `issuer` is the one that was asked for. */
export function discover(
  issuer: string,
  options?: { readonly fetch?: Fetch; readonly signal?: AbortSignal },
): Promise<ServerMetadata>

/** A function for `introspect` of an engine (RFC 7662 §2.1, RFC 6749 §2.3.1). */
export function introspection(options: {
  readonly clientId: string
  readonly clientSecret: string
  readonly fetch?: Fetch
}): (question: Introspection) => Promise<string | null>

import type { IncomingMessage, ServerResponse } from 'node:http'

import type { GuardOptions } from './guard-options.js'
import type { Countersign, Decision } from './index.js'

export type { GuardOptions }

/** What the middleware leaves with a request that passes. */
export interface Guarded {
  countersign: Decision
  /** The bytes of the body, where the policy reads it. */
  rawBody?: Uint8Array
}

/** Middleware for Express, Connect, and plain servers of Node. */
export function guard(
  engine: Countersign,
  options?: GuardOptions<IncomingMessage>,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

declare global {
  namespace Express {
    interface Request extends Partial<Guarded> {}
  }
}

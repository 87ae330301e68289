import type { GuardOptions } from './guard-options.js'
import type { Countersign, Decision } from './index.js'

/** What the middleware sets: `new Hono<{ Variables: Guarded }>()`. */
export interface Guarded {
  countersign: Decision
}

/** Middleware for Hono. */
export function guard<Context = any>(
  engine: Countersign,
  options?: GuardOptions<Context>,
): (context: any, next: () => Promise<void>) => Promise<Response | void>

import type { IncomingMessage } from 'node:http'

import type { GuardOptions } from './guard-options.js'
import type { Countersign, Decision } from './index.js'

export type { GuardOptions }

/** A request of Fastify with the decision that let it pass: `FastifyRequest & Guarded`. */
export interface Guarded {
  countersign: Decision
}

/** A plugin for Fastify: `app.register(guard(engine))`. */
export function guard(engine: Countersign, options?: GuardOptions<IncomingMessage, unknown>): (app: any) => Promise<void>

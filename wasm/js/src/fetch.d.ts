import type { GuardOptions } from './guard-options.js'
import type { ClientCertificate, Countersign, Decision } from './index.js'

export interface FetchGuardOptions<Rest extends readonly unknown[]> extends Omit<GuardOptions<Request>, 'clientCertificate'> {
  readonly clientCertificate?: (request: Request, ...rest: Rest) => ClientCertificate | null
}

/** A handler that calls `handler` only if the policy lets the request pass. */
export function guard<Rest extends readonly unknown[] = []>(
  engine: Countersign | Promise<Countersign> | (() => Countersign | Promise<Countersign>),
  handler: (request: Request, decision: Decision, ...rest: Rest) => Response | Promise<Response>,
  options?: FetchGuardOptions<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response>

/** The response to a refused request. */
export function refusal(decision: Decision): Response

/** A response with the header fields of a decision that let the request pass. */
export function withHeaders(response: Response, decision: Decision): Response

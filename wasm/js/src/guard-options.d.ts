import type { ClientCertificate, Decision } from './index.js'

export interface GuardOptions<Request, Context = Request> {
  /** The policy that judges; `default`, or the only one, if absent. */
  readonly policy?: string
  /** The client certificate of the connection, where the TLS connection does not end here and a trusted hop passes it on. */
  readonly clientCertificate?: (request: Request) => ClientCertificate | null
  /** Called with each decision, for logs and counters. */
  readonly onDecision?: (decision: Decision, request: Context) => void
}

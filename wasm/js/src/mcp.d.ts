import type { IncomingMessage, ServerResponse } from 'node:http'

import type { GuardOptions } from './guard-options.js'
import type { Countersign, Decision, Identity } from './index.js'

/** What the SDK calls AuthInfo, and hands to tools as `authInfo`. */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  expiresAt: number
  extra: {
    identity: Identity
    attributes: Readonly<Record<string, unknown>>
    /** The tool that the request calls, where the policy has `tools`. */
    tool: string | null
  }
}

/** Middleware for Express before `transport.handleRequest(request, response, request.body)`. */
export function gate(
  engine: Countersign,
  options?: GuardOptions<IncomingMessage>,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

/** AuthInfo of a decision that let the request pass: for transports of the Fetch standard too. */
export function authInfo(decision: Decision, token?: string): AuthInfo | undefined

/** The token in a value of `Authorization`. */
export function tokenOf(authorization: string | undefined | null): string

// A gate for servers of the Model Context Protocol that are made with its TypeScript SDK.

import { guard as expressGuard } from './express.js'

/**
 * Middleware for Express before `transport.handleRequest(request, response, request.body)`, in place of the SDK's `requireBearerAuth`. It also checks
 * DPoP proofs, certificates and, with `tools` in the policy, which tool is called. `request.auth` is what the SDK hands to tools as `authInfo`.
 */
export function gate(engine, options) {
  const guarded = expressGuard(engine, options)
  return function countersign(request, response, next) {
    // Before a credential is removed.
    const token = tokenOf(request.headers.authorization)
    guarded(request, response, (error) => {
      if (error === undefined && request.countersign.identity !== null) request.auth = authInfo(request.countersign, token)
      next(error)
    })
  }
}

/** What the SDK calls AuthInfo, of a decision that let the request pass: for transports of the Fetch standard too. */
export function authInfo(decision, token = '') {
  const { identity } = decision
  if (identity === null) return undefined
  return {
    token,
    clientId: identity.client_id ?? identity.subject ?? '',
    scopes: identity.scope === undefined || identity.scope === '' ? [] : identity.scope.split(' '),
    expiresAt: identity.expires_at,
    extra: { identity, attributes: decision.attributes, tool: decision.tool },
  }
}

/** The token of an accepted request. */
export function tokenOf(authorization) {
  const value = (authorization ?? '').trim()
  const space = value.indexOf(' ')
  return space === -1 ? '' : value.slice(space).trim()
}

// A guard for handlers of the Fetch standard: workers at the edge, Deno, Bun.

import { guardOptions } from './guard-options.js'

/**
 * A handler that calls `handler(request, decision, ...rest)` only if the policy lets the request pass: `export default { fetch: guard(engine, handler) }`.
 * `engine` may be a promise of one, or a function that returns one: workers have no time before the first request.
 */
export function guard(engine, handler, options = {}) {
  let ready
  const prepare = async () => {
    const made = await (typeof engine === 'function' ? engine() : engine)
    return { engine: made, ...guardOptions(made, options) }
  }
  return async function countersign(request, ...rest) {
    // A failed start is tried again by the next request.
    ready ??= prepare().catch((error) => {
      ready = undefined
      throw error
    })
    const { engine, policy, clientCertificate, onDecision } = await ready
    const decision = await engine.decideAsync(request, {
      policy: policy.name,
      clientCertificate: clientCertificate?.(request, ...rest) ?? null,
      signal: request.signal,
    })
    onDecision?.(decision, request)
    if (!decision.passes) return refusal(decision)
    return withHeaders(await handler(withoutCredentials(request, policy), decision, ...rest), decision)
  }
}

/** The response to a refused request. */
export function refusal(decision) {
  return new Response(null, { status: decision.status, headers: decision.headers.map(([name, value]) => [name, value]) })
}

/** A response with the header fields of a decision that let the request pass. */
export function withHeaders(response, decision) {
  const more = decision.headers.filter(([name]) => name !== 'www-authenticate')
  if (more.length === 0) return response
  // Headers of a response that was fetched cannot be changed.
  const own = new Response(response.body, response)
  for (const [name, value] of more) own.headers.set(name, value)
  return own
}

function withoutCredentials(request, policy) {
  if (policy.removed.length === 0) return request
  const headers = new Headers(request.headers)
  for (const name of policy.removed) headers.delete(name)
  return new Request(request, { headers })
}

// Middleware for Hono.

import { refusal, withHeaders } from './fetch.js'
import { guardOptions } from './guard-options.js'

/** Middleware that lets a request pass only if the policy does: `app.use('/orders/*', guard(engine))`. The decision is `c.get('countersign')`. */
export function guard(engine, options) {
  const { policy, clientCertificate, onDecision } = guardOptions(engine, options)
  return async function countersign(context, next) {
    const { raw } = context.req
    const decision = await engine.decideAsync(raw, {
      policy: policy.name,
      clientCertificate: clientCertificate?.(context) ?? null,
      signal: raw.signal,
    })
    onDecision?.(decision, context)
    if (!decision.passes) return refusal(decision)
    context.set('countersign', decision)
    if (policy.removed.length > 0) {
      const headers = new Headers(raw.headers)
      for (const name of policy.removed) headers.delete(name)
      context.req.raw = new Request(raw, { headers })
    }
    await next()
    context.res = withHeaders(context.res, decision)
  }
}

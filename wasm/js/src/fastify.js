// A plugin for Fastify.

import { Readable } from 'node:stream'

import { guardOptions } from './guard-options.js'
import { clientGone, nodeRequest, readBody, removeCredentials } from './node-request.js'

/**
 * A plugin that lets a request pass only if the policy does: `app.register(guard(engine))`. It holds for the routes of the instance on which it is
 * registered. The decision is `request.countersign`.
 */
export function guard(engine, options) {
  const { policy, clientCertificate, onDecision } = guardOptions(engine, options)
  const answer = (reply, decision) => {
    for (const [name, value] of decision.headers) {
      if (decision.passes && name === 'www-authenticate') continue
      reply.header(name, name === 'www-authenticate' ? [...[reply.getHeader(name) ?? []].flat(), value] : value)
    }
  }
  const conclude = (request, reply, decision) => {
    request.countersign = decision
    onDecision?.(decision, request)
    answer(reply, decision)
    if (decision.passes) removeCredentials(request.raw, policy)
    else reply.code(decision.status).send()
    return decision.passes
  }
  async function plugin(app) {
    if (!app.hasRequestDecorator('countersign')) app.decorateRequest('countersign', null)
    if (policy.bodyBytes > 0) {
      app.addHook('preParsing', async (request, reply, payload) => {
        const { signal, done } = clientGone(reply.raw)
        try {
          const body = payload === undefined ? Buffer.alloc(0) : await readBody(payload, policy.bodyBytes)
          const decision = await engine.decideAsync(nodeRequest(request.raw, policy, clientCertificate), { signal, body })
          if (!conclude(request, reply, decision)) return reply
          const again = Readable.from(body.length > 0 ? [body] : [])
          again.receivedEncodedLength = body.length
          return again
        } finally {
          done()
        }
      })
      return
    }
    app.addHook('onRequest', async (request, reply) => {
      const asked = nodeRequest(request.raw, policy, clientCertificate)
      if (!policy.asks) {
        if (!conclude(request, reply, engine.decide(asked))) return reply
        return
      }
      const { signal, done } = clientGone(reply.raw)
      try {
        if (!conclude(request, reply, await engine.decideAsync(asked, { signal }))) return reply
      } finally {
        done()
      }
    })
  }
  // Without a scope of its own: the hooks hold where the plugin is registered.
  plugin[Symbol.for('skip-override')] = true
  plugin[Symbol.for('fastify.display-name')] = 'countersign'
  return plugin
}

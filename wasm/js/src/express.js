// Middleware for Express, Connect, and plain servers of Node.

import { CountersignError } from './errors.js'
import { guardOptions } from './guard-options.js'
import { clientGone, nodeRequest, readBody, removeCredentials, writeHeaders } from './node-request.js'

/**
 * Middleware that lets a request pass only if the policy does. The decision is `request.countersign`.
 *
 * A policy that reads the body gets `request.rawBody`, if a reader before left the bytes there; else it reads the stream, and leaves
 * `request.rawBody` and, for JSON, `request.body`: what is judged is what the handlers get.
 */
export function guard(engine, options) {
  const { policy, clientCertificate, onDecision } = guardOptions(engine, options)
  const conclude = (request, response, next, decision) => {
    request.countersign = decision
    onDecision?.(decision, request)
    writeHeaders(response, decision.headers, decision.passes)
    if (decision.passes) {
      removeCredentials(request, policy)
      return next()
    }
    response.statusCode = decision.status
    response.setHeader('content-length', '0')
    response.end()
  }
  const decideLater = async (request, response, next) => {
    const { signal, done } = clientGone(response)
    try {
      const body = policy.bodyBytes > 0 ? await bodyOf(request, policy.bodyBytes) : null
      const decision = await engine.decideAsync(nodeRequest(request, policy, clientCertificate), { signal, body })
      if (!signal.aborted) conclude(request, response, next, decision)
    } catch (error) {
      // The body of a client that went ends in an error, which is no fault of the server.
      if (!signal.aborted) throw error
    } finally {
      done()
    }
  }
  return function countersign(request, response, next) {
    if (policy.asks) {
      decideLater(request, response, next).catch(next)
      return
    }
    let decision
    try {
      decision = engine.decide(nodeRequest(request, policy, clientCertificate))
    } catch (error) {
      next(error)
      return
    }
    conclude(request, response, next, decision)
  }
}

async function bodyOf(request, mostBytes) {
  const known = request.rawBody ?? (request.body instanceof Uint8Array ? request.body : undefined)
  if (known !== undefined) return known
  if (request.readableEnded) {
    throw new CountersignError('body_unavailable', 'the body was read before: keep its bytes in request.rawBody, or put this middleware first')
  }
  const body = await readBody(request, mostBytes)
  request.rawBody = body
  if (body.length <= mostBytes && /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    try {
      request.body = JSON.parse(body.toString('utf8'))
    } catch {
      // The policy or the handler refuses it: it is no JSON.
    }
  }
  return body
}

// What the middleware for Node's requests have in common.

import { pathOf } from './request.js'

/** A request of Node's `http`, `https` or `http2` as the engine takes it. `url` is path and query as the client sent them. */
export function nodeRequest(request, policy, clientCertificate) {
  const { socket, method } = request
  const target = request.originalUrl ?? request.url
  // RFC 9112 §3.2.2: a server MUST accept the absolute form.
  const path = target.startsWith('/') ? target : pathOf(target)
  const host = request.headers[':authority'] ?? request.headers.host ?? ''
  const uri = policy.hasOrigin ? path : `${socket?.encrypted ? 'https' : 'http'}://${host}${path}`
  const certificate = clientCertificate === undefined ? certificateOf(socket) : clientCertificate(request)
  return { method, uri, headers: request.rawHeaders, policy: policy.name, clientCertificate: certificate ?? null }
}

/** The client certificate of a TLS connection, whether a certificate authority vouches for it or not (RFC 8705 §2.2). */
function certificateOf(socket) {
  if (typeof socket?.getPeerCertificate !== 'function') return null
  const { raw } = socket.getPeerCertificate() ?? {}
  return raw === undefined ? null : new Uint8Array(raw)
}

/** Writes the header fields of a decision; those of one name together. */
export function writeHeaders(response, headers, passes) {
  const byName = new Map()
  for (const [name, value] of headers) {
    // A challenge would be a refusal, which shadow mode hides from clients; a nonce is of use all the same.
    if (passes && name === 'www-authenticate') continue
    byName.set(name, [...(byName.get(name) ?? []), value])
  }
  for (const [name, values] of byName) response.setHeader(name, values.length === 1 ? values[0] : values)
}

/** Takes the credentials away that the policy marks with `remove`. */
export function removeCredentials(request, policy) {
  for (const name of policy.removed) {
    delete request.headers[name]
    const { rawHeaders } = request
    for (let i = rawHeaders.length - 2; i >= 0; i -= 2) if (rawHeaders[i].toLowerCase() === name) rawHeaders.splice(i, 2)
  }
}

/** Aborts when the client goes before the response ends. */
export function clientGone(response) {
  const abort = new AbortController()
  const closed = () => {
    if (!response.writableEnded) abort.abort()
  }
  response.on('close', closed)
  return { signal: abort.signal, done: () => response.off('close', closed) }
}

/** Reads a stream until it is longer than the policy allows, which the engine then refuses. */
export async function readBody(stream, mostBytes) {
  const chunks = []
  let length = 0
  // A stream that is left is not destroyed: the answer goes over the same connection.
  for await (const chunk of stream.iterator?.({ destroyOnReturn: false }) ?? stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    chunks.push(bytes)
    length += bytes.length
    if (length > mostBytes) break
  }
  return Buffer.concat(chunks)
}

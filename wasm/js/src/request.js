// A request, in any form in which JavaScript has one, as the parts that the engine reads.

import { CountersignError } from './errors.js'

/** The header fields of a request as names and values in turn: those that the engine reads, or all where the policy names some. */
export function selectFields(headers, all) {
  const selected = []
  if (headers === undefined || headers === null) return selected
  if (typeof headers.get === 'function') {
    if (all) {
      for (const [name, value] of headers) selected.push(name, value)
      return selected
    }
    const authorization = headers.get('authorization')
    const proof = headers.get('dpop')
    if (authorization !== null && authorization !== undefined) selected.push('authorization', authorization)
    if (proof !== null && proof !== undefined) selected.push('dpop', proof)
    return selected
  }
  if (Array.isArray(headers)) {
    if (headers.length > 0 && typeof headers[0] === 'string') {
      if (headers.length % 2 !== 0) throw invalid('headers as one list have a name without a value')
      for (let i = 0; i < headers.length; i += 2) select(selected, headers[i], headers[i + 1], all)
      return selected
    }
    for (const pair of headers) {
      if (!Array.isArray(pair) || pair.length !== 2) throw invalid('headers have an entry that is no pair of name and value')
      select(selected, pair[0], pair[1], all)
    }
    return selected
  }
  if (typeof headers === 'object') {
    if (typeof headers[Symbol.iterator] === 'function') return selectFields([...headers], all)
    for (const name of Object.keys(headers)) {
      const value = headers[name]
      if (Array.isArray(value)) for (const one of value) select(selected, name, one, all)
      else if (value !== undefined) select(selected, name, value, all)
    }
    return selected
  }
  throw invalid('headers must be Headers, a list of pairs, a flat list or an object')
}

function select(selected, name, value, all) {
  if (typeof name !== 'string' || typeof value !== 'string') throw invalid('names and values of headers must be strings')
  if (!all) {
    const { length } = name
    if (length !== 13 && length !== 4) return
    const lower = name.toLowerCase()
    if (lower !== 'authorization' && lower !== 'dpop') return
  }
  selected.push(name, value)
}

/** Whether this is a Request of the Fetch standard, of whichever realm. */
export function isFetchRequest(request) {
  return typeof request.url === 'string' && typeof request.headers?.get === 'function' && typeof request.clone === 'function'
}

/** Path and query of an absolute URI, as it is written there. */
export function pathOf(url) {
  const authority = url.indexOf('://') + 3
  if (authority === 2) return url
  const path = url.slice(authority).search(/[/?#]/)
  const rest = path === -1 ? '/' : url.slice(authority + path)
  const fragment = rest.indexOf('#')
  const bare = fragment === -1 ? rest : rest.slice(0, fragment)
  return bare.startsWith('/') ? bare : `/${bare}`
}

/** The certificate of a request: DER, or its SHA-256. */
export function certificateOf(certificate) {
  if (certificate === undefined || certificate === null) return null
  if (certificate instanceof Uint8Array) {
    if (certificate.length === 0) throw invalid('clientCertificate is empty; a connection without one has null')
    return { form: 1, bytes: certificate }
  }
  if (certificate.sha256 instanceof Uint8Array && certificate.sha256.length === 32) {
    return { form: 2, bytes: certificate.sha256 }
  }
  throw invalid('clientCertificate must be DER in a Uint8Array, or { sha256 } with 32 bytes')
}

export function invalid(message) {
  return new CountersignError('request_invalid', message)
}

const ENCODER = new TextEncoder()

/**
 * The bytes of a header field, method or URI: HTTP libraries hand out one character for each byte received (ISO 8859-1). Text with other
 * characters was decoded before, so it goes back to UTF-8.
 */
export function bytesOf(text) {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return ENCODER.encode(text)
  }
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

// Keeps the keys of an engine fresh over HTTP: JWK sets, SPIFFE bundles, and the metadata of authorization servers that name their JWK set.

import { CountersignError } from './errors.js'

/** The longest document, as the engine has it (limit trust_document_bytes). */
const MOST_BYTES = 8 * 1024 * 1024
const METADATA_BYTES = 1024 * 1024
const DEFAULTS = { pollSeconds: 300, mostBackOffSeconds: 900, timeoutMilliseconds: 10_000 }
/** No source is asked more often than this, whatever it says of itself. */
const FLOOR_SECONDS = 1

/**
 * Fetches the document of every trust source whose policy entry has a URI, and from then on again: after the source's refresh hint or `pollSeconds`,
 * and at once when a token names a key that the document does not have, at most once in `min_refresh_seconds`. While a source is down or
 * its document cannot be used the last good one stays, and the next attempt waits longer each time.
 */
export function keepTrust(engine, options = {}) {
  const names = ['discover', 'fetch', 'mostBackOffSeconds', 'onError', 'pollSeconds', 'timeoutMilliseconds']
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new CountersignError('options_invalid', `there is no option ${name}; there are: ${names.join(', ')}`)
  }
  const keeper = new Keeper(engine, { ...DEFAULTS, fetch: globalThis.fetch, ...options })
  const ready = keeper.start()
  // A program that does not wait for it gets failures by `onError`.
  ready.catch(() => undefined)
  return { ready, refresh: (source) => keeper.refresh(source), stop: () => keeper.stop() }
}

/**
 * The metadata of an authorization server (RFC 8414), whose `issuer` is the one that was asked for.
 *
 * @throws if it cannot be fetched, or is that of another issuer
 */
export async function discover(issuer, options = {}) {
  const { fetch = globalThis.fetch, signal } = options
  const url = new URL(issuer)
  const path = url.pathname === '/' ? '' : url.pathname
  // RFC 8414 §3.1 puts the well-known part before the issuer's path, OpenID Connect Discovery §4 behind it.
  const places = [`/.well-known/oauth-authorization-server${path}`, `${path.replace(/\/$/, '')}/.well-known/openid-configuration`]
  let last
  for (const place of places) {
    try {
      const { text } = await get(fetch, new URL(place, url.origin).href, { signal, mostBytes: METADATA_BYTES })
      const metadata = JSON.parse(text)
      // RFC 8414 §3.3: "The 'issuer' value returned MUST be identical to the authorization server's issuer identifier value".
      if (metadata.issuer !== issuer) throw new Error(`the metadata is that of ${JSON.stringify(metadata.issuer)}`)
      if (typeof metadata.jwks_uri !== 'string') throw new Error('the metadata has no jwks_uri')
      return metadata
    } catch (error) {
      last = error
    }
  }
  throw new Error(`issuer ${issuer}: no metadata can be used: ${last.message}`, { cause: last })
}

/** A function for `options.introspect` of an engine: RFC 7662 §2.1 with the client's password (RFC 6749 §2.3.1). */
export function introspection({ clientId, clientSecret, fetch = globalThis.fetch }) {
  if (typeof clientId !== 'string' || typeof clientSecret !== 'string') {
    throw new CountersignError('options_invalid', 'introspection needs clientId and clientSecret')
  }
  const form = (text) => new URLSearchParams({ x: text }).toString().slice(2)
  const credentials = btoa(`${form(clientId)}:${form(clientSecret)}`)
  return async ({ uri, token, signal }) => {
    checkUrl(uri)
    const response = await fetch(uri, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}`, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token }).toString(),
      redirect: 'error',
      signal,
    })
    if (response.status === 200) return readText(response, 64 * 1024)
    await response.body?.cancel()
    return null
  }
}

class Keeper {
  #engine
  #options
  #sources
  #stopped = new AbortController()

  constructor(engine, options) {
    this.#engine = engine
    this.#options = options
    if (typeof options.fetch !== 'function') throw new CountersignError('options_invalid', 'this runtime has no fetch: give it as options.fetch')
    const isKept = ({ document, issuer }) => document === 'uri' || (options.discover === true && document === 'pushed' && issuer !== undefined)
    this.#sources = new Map(engine.trustSources.filter(isKept).map((source) => [source, { failures: 0, url: source.at }]))
    const before = engine.onRefresh
    engine.onRefresh = (source) => {
      before?.(source)
      if (this.#sources.has(source)) this.refresh(source).catch(() => undefined)
    }
  }

  /** Fetches all documents once; rejected if one of them cannot be fetched. The others, and later attempts, go on. */
  async start() {
    const results = await Promise.allSettled([...this.#sources.keys()].map((source) => this.refresh(source)))
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Fetches the document of a source now; attempts at the same time are one. */
  refresh(source) {
    const state = this.#sources.get(source)
    if (state === undefined) return Promise.reject(new CountersignError('authority_unknown', 'this source is not kept here'))
    if (this.#stopped.signal.aborted) return Promise.reject(new CountersignError('options_invalid', 'the keeper was stopped'))
    return (state.running ??= this.#attempt(source, state).finally(() => {
      state.running = undefined
    }))
  }

  stop() {
    this.#stopped.abort()
    for (const state of this.#sources.values()) clearTimeout(state.timer)
  }

  async #attempt(source, state) {
    clearTimeout(state.timer)
    const { fetch, timeoutMilliseconds, pollSeconds } = this.#options
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(new Error('no answer in time')), timeoutMilliseconds)
    const stop = () => timeout.abort(new Error('the keeper was stopped'))
    this.#stopped.signal.addEventListener('abort', stop)
    try {
      const { signal } = timeout
      if (state.url === undefined) state.url = (await discover(source.issuer, { fetch, signal })).jwks_uri
      const answer = await get(fetch, state.url, { signal, mostBytes: MOST_BYTES, etag: state.etag })
      // An unchanged document is loaded again: it is fresh from now on.
      const text = answer.text ?? state.text
      const loaded = this.#engine.updateTrust(source.issuer === undefined ? { trustDomain: source.trustDomain } : { issuer: source.issuer }, text)
      Object.assign(state, { failures: 0, text, etag: answer.etag ?? (answer.text === undefined ? state.etag : undefined) })
      this.#later(source, state, Math.min(loaded.refreshHintSeconds ?? pollSeconds, pollSeconds))
      return loaded
    } catch (error) {
      state.failures += 1
      // A document that was refused is fetched whole again.
      state.etag = undefined
      if (source.document === 'pushed') state.url = undefined
      this.#options.onError?.(error, source)
      const backOff = Math.max(source.minRefreshSeconds, FLOOR_SECONDS) * 2 ** Math.min(state.failures - 1, 20)
      // Servers that start together do not ask together.
      this.#later(source, state, Math.min(backOff, this.#options.mostBackOffSeconds) * (0.75 + Math.random() / 4))
      throw error
    } finally {
      clearTimeout(timer)
      this.#stopped.signal.removeEventListener('abort', stop)
    }
  }

  #later(source, state, seconds) {
    if (this.#stopped.signal.aborted) return
    state.timer = setTimeout(() => this.refresh(source).catch(() => undefined), Math.max(seconds, FLOOR_SECONDS) * 1000)
    // A timer alone keeps no process alive.
    state.timer.unref?.()
  }
}

/** A server in the place of the source would decide whose tokens pass: no policy has an http URI, and no metadata may name one. */
function checkUrl(url) {
  if (new URL(url).protocol !== 'https:') throw new Error(`${url}: keys are fetched over https only`)
}

/** A document, or no text where it is unchanged. */
async function get(fetch, url, { signal, mostBytes, etag }) {
  checkUrl(url)
  const headers = { accept: 'application/jwk-set+json, application/json' }
  if (etag !== undefined) headers['if-none-match'] = etag
  // SPIFFE Federation §5.1.3 and RFC 8414 leave redirects open; one could lead where the policy does not.
  const response = await fetch(url, { headers, redirect: 'error', signal })
  if (response.status === 304 && etag !== undefined) return {}
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url}: status ${response.status}`)
  }
  return { text: await readText(response, mostBytes), etag: response.headers.get('etag') ?? undefined }
}

async function readText(response, mostBytes) {
  const chunks = []
  let length = 0
  const reader = response.body?.getReader()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done) break
    length += value.length
    if (length > mostBytes) {
      await reader.cancel()
      throw new Error(`${response.url}: longer than ${mostBytes} bytes`)
    }
    chunks.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

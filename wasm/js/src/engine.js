// The engine as programs use it.

import { Decision } from './decision.js'
import { CountersignError } from './errors.js'
import { Instance, REFUSED, WAITS } from './instance.js'
import { loadModule, signatures } from '#module'
import { certificateOf, invalid, isFetchRequest, pathOf, selectFields } from './request.js'

const ENCODER = new TextEncoder()
const RANDOM_BYTES = 64
const CHUNK_BYTES = 64 * 1024
/** The longest answer of an issuer, in bytes; a longer one is none. */
const ANSWER_BYTES = 64 * 1024
const DEFAULT_ANSWER_MILLISECONDS = 1000

const USE_ONCE = 1
const INTROSPECT = 2

// Answers, as the module numbers them.
const FIRST = 0
const USED = 1
const UNAVAILABLE = 2
const INTROSPECTED = 3
const INTROSPECTION_FAILED = 4
const BODY = 5

const OPTIONS = new Set([
  'answerMilliseconds',
  'files',
  'introspect',
  'module',
  'nonceKeys',
  'now',
  'onAudit',
  'onRefresh',
  'onWarning',
  'proofsBeforeStart',
  'random',
  'signatures',
  'store',
])

export class Countersign {
  #instance
  #tables
  #policies
  #policyPlaces
  #maps
  #options
  #audits

  /** Called with a trust source whose document should be fetched now. */
  onRefresh

  static async create(policy, options = {}) {
    checkOptions(options)
    const module = await compiled(options.module)
    const native = options.signatures === 'module' ? null : signatures
    if (options.signatures === 'native' && native === null) {
      throw new CountersignError('options_invalid', "this runtime has no signatures of its own that are synchronous: leave options.signatures away, or 'module'")
    }
    const instance = await Instance.create(module, native).catch((cause) => {
      throw new CountersignError('module_unavailable', 'the WebAssembly module cannot be started: it is another one, or there is no memory for it', { cause })
    })
    const engine = new Countersign(instance, policy, options, native)
    await engine.#loadFiles()
    return engine
  }

  /** Use `Countersign.create`. */
  constructor(instance, policy, options, native) {
    if (!(instance instanceof Instance)) throw new CountersignError('options_invalid', 'use Countersign.create, which is asynchronous')
    this.#instance = instance
    this.#options = {
      now: options.now ?? systemSeconds,
      answerMilliseconds: options.answerMilliseconds ?? DEFAULT_ANSWER_MILLISECONDS,
      store: options.store,
      introspect: options.introspect,
      files: options.files,
      onAudit: options.onAudit,
      onWarning: options.onWarning,
    }
    this.#audits = options.onAudit !== undefined
    this.onRefresh = options.onRefresh
    instance.run('tables')
    const tables = JSON.parse(instance.text())
    const described = this.#open(policy, options, instance.takeAlgorithms(native, tables.algorithms))
    this.#policies = described.policies.map(policyOf)
    this.#policyPlaces = new Map(this.#policies.map(({ name }, place) => [name, place]))
    this.#maps = described.maps
    this.#tables = {
      reasons: new Map(tables.reasons.map(({ number, reason }) => [number, reason])),
      attributes: tables.attributes,
      sources: Object.freeze(described.trust.map(sourceOf)),
    }
    this.#checkAnswers()
    if (options.nonceKeys !== undefined) this.setNonceKeys(options.nonceKeys)
    for (const warning of described.warnings) this.#warn(warning)
    for (const { name, takesProofs, hasOrigin } of this.#policies) {
      if (takesProofs && !hasOrigin) {
        this.#warn(`policy ${name} takes DPoP proofs and has no origin: the client's Host field decides which URI a proof must be for`)
      }
    }
  }

  #open(policy, options, algorithms) {
    const text = documentBytes(policy, 'the policy document')
    const random = new Uint8Array(RANDOM_BYTES)
    ;(options.random ?? systemRandom)(random)
    if (random.every((byte) => byte === 0)) throw new CountersignError('options_invalid', 'options.random must fill the array with random bytes')
    const instance = this.#instance
    instance.writeBytes(random, text)
    instance.writeMoment(this.#now(undefined))
    instance.writeNumber(2, options.proofsBeforeStart === 'accept' ? 0 : 1)
    instance.writeNumber(3, algorithms)
    if (instance.run('open', text.length) === REFUSED) throw faulty('policy_faulty', 'the policy document', instance.text())
    return JSON.parse(instance.text())
  }

  /** A policy that asks what this engine cannot find out would refuse every request: that is a fault of the options. */
  #checkAnswers() {
    for (const { name, asksStore, introspects } of this.#policies) {
      if (asksStore && this.#options.store === undefined) {
        throw new CountersignError('options_invalid', `policy ${name} asks a shared store (dpop.shared_store), and options.store is absent`)
      }
      if (introspects && this.#options.introspect === undefined) {
        throw new CountersignError('options_invalid', `policy ${name} asks issuers about tokens (introspected), and options.introspect is absent`)
      }
    }
  }

  async #loadFiles() {
    const { files } = this.#options
    const load = async (place, isMap, { at }) => {
      if (files === undefined) return this.#warn(`${at}: options.files is absent; it starts without these keys`)
      this.#load(place, isMap, await files(at), undefined)
    }
    await Promise.all([
      ...this.#tables.sources.map((source, place) => source.document === 'file' && load(place, false, source)),
      ...this.#maps.map((map, place) => map.document === 'file' && load(place, true, map)),
    ])
  }

  #warn(line) {
    this.#options.onWarning?.(line)
  }

  #now(now) {
    const seconds = Math.floor(now ?? this.#options.now())
    if (!Number.isSafeInteger(seconds) || seconds < 0) {
      throw new CountersignError('options_invalid', 'the time must be seconds since 1970, a number that is not negative')
    }
    return seconds
  }

  #place(name) {
    if (name === undefined) {
      if (this.#policies.length === 1) return 0
      name = 'default'
    }
    const place = this.#policyPlaces.get(name)
    if (place === undefined) {
      const names = [...this.#policyPlaces.keys()].join(', ')
      throw new CountersignError('policy_unknown', `no policy is called ${name}; there are: ${names}`)
    }
    return place
  }

  /** A request in any of its forms as the parts that are written into the module. */
  #asked(request, options = NOTHING) {
    if (typeof request !== 'object' || request === null) throw invalid('the request must be a Request or an object')
    const policy = this.#place(options.policy ?? request.policy)
    const { fields: names, hasOrigin } = this.#policies[policy]
    const { method } = request
    let uri
    if (isFetchRequest(request)) uri = hasOrigin ? pathOf(request.url) : request.url
    else uri = request.uri
    if (typeof method !== 'string' || typeof uri !== 'string') throw invalid('the request must have method and uri, both strings')
    const usedProof = options.usedProof ?? null
    if (usedProof !== null && !(usedProof instanceof Uint8Array && usedProof.length === 32)) {
      throw invalid('usedProof must be what a decision before had as usedProof')
    }
    return {
      policy,
      method,
      uri,
      fields: selectFields(request.headers, names.length > 0),
      certificate: certificateOf(options.clientCertificate ?? request.clientCertificate),
      usedProof,
      now: this.#now(options.now ?? request.now),
    }
  }

  decide(request, options) {
    const asked = this.#asked(request, options)
    if (this.#policies[asked.policy].asks) {
      const { name } = this.#policies[asked.policy]
      throw new CountersignError('answers_needed', `policy ${name} asks what the request does not say: use decideAsync`)
    }
    return this.#decideNow(asked)
  }

  #decideNow(asked) {
    const instance = this.#instance
    instance.writeRequest(asked)
    instance.decide(this.#audits)
    return this.#decided(asked.policy)
  }

  #decided(policy) {
    const instance = this.#instance
    const decision = new Decision(this.#tables, this.#policies[policy], instance.numbers, instance.bytes, instance.outputAt)
    if (decision.audit !== null && this.#options.onAudit !== undefined) this.#options.onAudit(decision.audit)
    if (decision.refresh !== null) this.onRefresh?.(decision.refresh)
    return decision
  }

  async decideAsync(request, options = NOTHING) {
    const asked = this.#asked(request, options)
    if (!this.#policies[asked.policy].asks) return this.#decideNow(asked)
    const instance = this.#instance
    const { signal } = options
    instance.writeRequest(asked)
    let ended = instance.run('begin', this.#audits ? 1 : 0)
    while (ended === WAITS) {
      const [question, number, of] = instance.numbers
      const said = instance.text()
      const answer = await this.#answer(question, number, of, said, request, options)
      if (answer === undefined || signal?.aborted) {
        ended = instance.run('abandon', number, this.#audits ? 1 : 0)
        continue
      }
      const text = answer.text ?? EMPTY
      instance.writeBytes(text)
      instance.writeRequest(asked, text.length)
      ended = instance.run('resume', number, answer.said, text.length, this.#audits ? 1 : 0)
    }
    return this.#decided(asked.policy)
  }

  /** The answer to a question; undefined gives the decision up. */
  async #answer(question, number, of, said, request, options) {
    if (question === USE_ONCE) {
      const first = await this.#within(options.signal, (signal) => this.#options.store.useOnce(said, of, signal))
      return { said: first === true ? FIRST : first === false ? USED : UNAVAILABLE }
    }
    if (question === INTROSPECT) {
      const source = this.#tables.sources[of]
      const text = await this.#within(options.signal, async (signal) => {
        const answer = await this.#options.introspect({ source, uri: source.introspection.uri, token: said, signal })
        return answer === null || answer === undefined ? undefined : documentBytes(answer, 'the answer')
      })
      const fits = text !== undefined && text.length <= ANSWER_BYTES
      return fits ? { said: INTROSPECTED, text } : { said: INTROSPECTION_FAILED }
    }
    return (await this.#feed(number, bodyOf(request, options), options.signal)) ? { said: BODY } : undefined
  }

  /** What a promise comes to in time; undefined if it fails, or does not settle in time, or the caller gives up. */
  #within(given, ask) {
    return new Promise((resolve) => {
      const own = new AbortController()
      const end = (value) => {
        clearTimeout(timer)
        given?.removeEventListener('abort', give)
        resolve(value)
        own.abort()
      }
      const give = () => end(undefined)
      const timer = setTimeout(give, this.#options.answerMilliseconds)
      if (given?.aborted) return give()
      given?.addEventListener('abort', give)
      Promise.resolve()
        .then(() => ask(own.signal))
        .then(end, give)
    })
  }

  /** Feeds the body to the decision that waits for it; false if it cannot be read to its end. */
  async #feed(number, body, signal) {
    const instance = this.#instance
    const feed = (bytes) => {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const length = instance.writeBytes(bytes.subarray(at, at + CHUNK_BYTES))
        if (!instance.asks('feed', number, length)) return false
      }
      return true
    }
    if (body === null) return true
    if (typeof body === 'string') {
      feed(ENCODER.encode(body))
      return true
    }
    if (body instanceof Uint8Array) {
      feed(body)
      return true
    }
    try {
      for await (const chunk of chunksOf(body, signal)) {
        if (!feed(typeof chunk === 'string' ? ENCODER.encode(chunk) : chunk)) break
      }
      return !signal?.aborted
    } catch {
      return false
    }
  }

  explain(request, options) {
    const asked = this.#asked(request, options)
    const instance = this.#instance
    instance.writeRequest(asked)
    instance.run('explain')
    const { numbers } = instance
    const checks = JSON.parse(instance.text(numbers[4] + numbers[5] + numbers[6]))
    return { decision: this.#decided(asked.policy), checks }
  }

  get policies() {
    return this.#policies
  }

  get trustSources() {
    return this.#tables.sources
  }

  #source(authority) {
    const { issuer, trustDomain } = authority ?? NOTHING
    const { sources } = this.#tables
    const place = sources.findIndex((source) => source.issuer === issuer && source.trustDomain === trustDomain)
    if (place === -1) {
      throw new CountersignError('authority_unknown', `the policy trusts no ${issuer === undefined ? `trust domain ${trustDomain}` : `issuer ${issuer}`}`)
    }
    return place
  }

  updateTrust(authority, document, { now } = NOTHING) {
    return this.#load(this.#source(authority), false, document, now)
  }

  updateBundleMap(place, document, { now } = NOTHING) {
    if (this.#maps[place] === undefined) throw new CountersignError('authority_unknown', `the policy has no bundle map ${place}`)
    return this.#load(place, true, document, now)
  }

  #load(place, isMap, document, now) {
    const instance = this.#instance
    const text = documentBytes(document, 'the trust document')
    instance.writeBytes(text)
    instance.writeMoment(this.#now(now))
    if (instance.run('load', place, isMap ? 1 : 0, text.length) === REFUSED) {
      const whose = isMap ? `bundle map ${place}` : nameOf(this.#tables.sources[place])
      throw new CountersignError('trust_refused', `${whose}: the document is refused, and the last good one stays: ${instance.text()}`)
    }
    const { refresh_hint_seconds: refreshHintSeconds = null, ...loaded } = JSON.parse(instance.text())
    for (const warning of loaded.warnings) this.#warn(warning)
    return { ...loaded, refreshHintSeconds }
  }

  withdrawTrust(authority) {
    this.#instance.run('withdraw', this.#source(authority))
  }

  revoke(document, { replace = false } = NOTHING) {
    const instance = this.#instance
    const text = documentBytes(document, 'the revocation document')
    instance.writeBytes(text)
    if (instance.run('revoke', text.length, replace ? 1 : 0) === REFUSED) {
      throw faulty('revocations_faulty', 'the revocation document', instance.text())
    }
    const { warnings } = JSON.parse(instance.text())
    for (const warning of warnings) this.#warn(warning)
    return { warnings }
  }

  setRevocationsKnown(known) {
    const until = typeof known === 'object' && known !== null ? known.until : undefined
    if (typeof known !== 'boolean' && until === undefined) {
      throw new CountersignError('options_invalid', 'expected true, false or { until: seconds since 1970 }')
    }
    this.#instance.writeMoment(this.#now(until ?? 0))
    this.#instance.run('set_revocations_known', until !== undefined ? 1 : known ? 0 : 2)
  }

  setNonceKeys({ current, previous } = NOTHING) {
    for (const key of previous === undefined ? [current] : [current, previous]) {
      if (!(key instanceof Uint8Array && key.length === 32)) {
        throw new CountersignError('options_invalid', 'nonceKeys must be { current, previous? }, each 32 bytes in a Uint8Array')
      }
    }
    this.#instance.writeBytes(current, previous ?? new Uint8Array(32))
    this.#instance.run('set_nonce_keys', previous === undefined ? 0 : 1)
  }

  counters({ now } = NOTHING) {
    this.#instance.writeMoment(this.#now(now))
    this.#instance.run('counters')
    const { accepted, refused, cached_tokens: cachedTokens, waiting, replay } = JSON.parse(this.#instance.text())
    return {
      accepted,
      refused,
      cachedTokens,
      waiting,
      replay: {
        slots: replay.slots,
        liveProofs: replay.live_proofs,
        refusingPermille: replay.refusing_permille,
        refusingUntil: replay.refusing_until,
      },
    }
  }

  /** Builds tables for keys that are used often, for about so many point additions; whether any is left to build. */
  buildTables(additions = 10_000) {
    return this.#instance.asks('build_tables', additions >>> 0)
  }
}

const NOTHING = Object.freeze({})
const EMPTY = new Uint8Array(0)

function systemSeconds() {
  return Date.now() / 1000
}

function systemRandom(bytes) {
  globalThis.crypto.getRandomValues(bytes)
}

function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw new CountersignError('options_invalid', 'options must be an object')
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name)) throw new CountersignError('options_invalid', `there is no option ${name}; there are: ${[...OPTIONS].join(', ')}`)
  }
  for (const name of ['files', 'introspect', 'now', 'onAudit', 'onRefresh', 'onWarning', 'random']) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw new CountersignError('options_invalid', `options.${name} must be a function`)
    }
  }
  if (options.store !== undefined && typeof options.store?.useOnce !== 'function') {
    throw new CountersignError('options_invalid', 'options.store must have a method useOnce')
  }
  const { answerMilliseconds, proofsBeforeStart } = options
  if (answerMilliseconds !== undefined && !(Number.isInteger(answerMilliseconds) && answerMilliseconds > 0)) {
    throw new CountersignError('options_invalid', 'options.answerMilliseconds must be a whole number above 0')
  }
  if (options.signatures !== undefined && options.signatures !== 'native' && options.signatures !== 'module') {
    throw new CountersignError('options_invalid', "options.signatures must be 'native' or 'module'")
  }
  if (proofsBeforeStart !== undefined && proofsBeforeStart !== 'refuse' && proofsBeforeStart !== 'accept') {
    throw new CountersignError('options_invalid', "options.proofsBeforeStart must be 'refuse' or 'accept'")
  }
}

let shared

/** The module: the given one, or the one of this package, which is compiled once. */
async function compiled(given) {
  try {
    if (given === undefined) return await (shared ??= loadModule())
    const source = await given
    if (source instanceof WebAssembly.Module) return source
    return await WebAssembly.compile(source instanceof Uint8Array || source instanceof ArrayBuffer ? source : await source.arrayBuffer())
  } catch (cause) {
    if (given === undefined) shared = undefined
    throw new CountersignError('module_unavailable', 'the WebAssembly module cannot be loaded: give it as options.module', { cause })
  }
}

function documentBytes(document, what) {
  if (document instanceof Uint8Array) return document
  if (typeof document === 'string') return ENCODER.encode(document)
  if (typeof document === 'object' && document !== null) return ENCODER.encode(JSON.stringify(document))
  throw new CountersignError('options_invalid', `${what} must be a string, a Uint8Array or an object`)
}

function faulty(code, what, text) {
  const faults = JSON.parse(text)
  const lines = faults.map(({ message }) => message)
  return new CountersignError(code, `${what} is refused: ${lines.join('; ')}`, { faults })
}

function policyOf({ name, mode, has_origin, takes_proofs, asks_store, introspects, body_bytes, fields, removed }) {
  return Object.freeze({
    name,
    mode,
    hasOrigin: has_origin,
    takesProofs: takes_proofs,
    asksStore: asks_store,
    introspects,
    bodyBytes: body_bytes,
    fields: Object.freeze(fields),
    removed: Object.freeze(removed),
    asks: asks_store || introspects || body_bytes > 0,
  })
}

function sourceOf(source) {
  const { issuer, trust_domain, document, at, member, min_refresh_seconds, max_stale_seconds, introspection } = source
  return Object.freeze({
    issuer,
    trustDomain: trust_domain,
    document,
    at,
    form: member,
    minRefreshSeconds: min_refresh_seconds,
    maxStaleSeconds: max_stale_seconds,
    introspection: introspection && Object.freeze({ uri: introspection.uri, cacheSeconds: introspection.cache_seconds }),
  })
}

function nameOf({ issuer, trustDomain }) {
  return issuer === undefined ? `trust domain ${trustDomain}` : `issuer ${issuer}`
}

/** The body of a request: null for none. */
function bodyOf(request, options) {
  if (options.body !== undefined) return options.body
  if (isFetchRequest(request)) {
    if (request.bodyUsed) throw new CountersignError('body_unavailable', 'the body of the request was read before: decide first, or give options.body')
    return request.clone().body
  }
  return request.body ?? null
}

/** The chunks of a stream or of any other list of chunks. */
async function* chunksOf(body, signal) {
  if (typeof body.getReader !== 'function') {
    for await (const chunk of body) {
      if (signal?.aborted) return
      yield chunk
    }
    return
  }
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal?.aborted) return
      yield value
    }
  } finally {
    // Not awaited: of a request that was cloned it settles only once the other branch is read or cancelled too, and no iterator of streams
    // leaves that out.
    reader.cancel().catch(() => undefined)
  }
}

// What the engine decided: one owned object. What is known of the client is kept as bytes and read when it is asked for.

const TEXT = new TextDecoder()

// The bits of the flags that the module writes.
const PASSES = 1
const SHADOW = 1 << 1
const BEARER = 1 << 2
const DPOP = 1 << 3
const HIT = 1 << 4
const MISS = 1 << 5

// The tags of facts that are no attribute; that of an attribute is its place in the table.
const CREDENTIAL = 128
const AUDIENCE = 129
const ISSUED_AT = 130
const CLAIM_NAME = 131
const CLAIM_TEXT = 132
const CLAIM_JSON = 133
const USED_PROOF = 134
const KEY_THUMBPRINT = 135

const NO_HEADERS = Object.freeze([])

/** The header fields of an answer: each name and value with its length before it. */
function readHeaders(bytes, at, length) {
  if (length === 0) return NO_HEADERS
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const end = at + length
  const texts = []
  while (at < end) {
    const size = view.getUint32(at, true)
    texts.push(TEXT.decode(bytes.subarray(at + 4, at + 4 + size)))
    at += 4 + size
  }
  const headers = []
  for (let i = 0; i < texts.length; i += 2) headers.push(Object.freeze([texts[i], texts[i + 1]]))
  return Object.freeze(headers)
}

/** Facts of a decision, sorted into what they belong to. */
function readFacts(bytes, attributes) {
  const facts = { credentials: {}, claims: {}, own: {} }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let into = facts.own
  let claim = ''
  let keyThumbprint
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]
    const length = view.getUint32(at + 1, true)
    const value = bytes.subarray(at + 5, at + 5 + length)
    at += 5 + length
    switch (tag) {
      case CREDENTIAL: {
        const name = TEXT.decode(value)
        into = { name }
        set(facts.credentials, name, into)
        if (keyThumbprint !== undefined) {
          into.key_thumbprint = keyThumbprint
          keyThumbprint = undefined
        }
        break
      }
      case AUDIENCE:
        ;(into.audience ??= []).push(TEXT.decode(value))
        break
      case ISSUED_AT:
        into.issued_at = seconds(value)
        break
      case CLAIM_NAME:
        claim = TEXT.decode(value)
        break
      case CLAIM_TEXT:
        set(facts.claims, claim, TEXT.decode(value))
        break
      case CLAIM_JSON:
        set(facts.claims, claim, JSON.parse(TEXT.decode(value)))
        break
      case USED_PROOF:
        facts.own.used_proof = value.slice()
        break
      case KEY_THUMBPRINT:
        keyThumbprint = TEXT.decode(value)
        break
      default: {
        const name = attributes[tag]
        if (name === 'expires_at') into[name] = seconds(value)
        else if (name === 'actor') into[name] = JSON.parse(TEXT.decode(value))
        else if (name !== undefined) into[name] = TEXT.decode(value)
      }
    }
  }
  return facts
}

/** Sets a member whose name comes from a policy: `__proto__` too is a member of its own. */
function set(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

function seconds(bytes) {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
}

/** The names of a decision's tables: reasons by number, attributes by place, trust sources by place. */
export class Decision {
  #facts
  #attributes
  #read

  constructor(tables, policy, numbers, bytes, at) {
    const [number, status, flags, refresh, headersLength, factsLength, auditLength] = numbers
    const factsAt = at + headersLength
    const auditAt = factsAt + factsLength
    this.decision = number === 0 ? 'accept' : 'refuse'
    this.reason = number === 0 ? null : tables.reasons.get(number)
    this.number = number
    this.status = status
    this.headers = readHeaders(bytes, at, headersLength)
    this.passes = (flags & PASSES) !== 0
    this.policy = policy.name
    this.mode = flags & SHADOW ? 'shadow' : 'enforce'
    this.scheme = flags & BEARER ? 'Bearer' : flags & DPOP ? 'DPoP' : null
    this.cache = flags & HIT ? 'hit' : flags & MISS ? 'miss' : 'none'
    this.refresh = refresh === 0 ? null : tables.sources[refresh - 1]
    this.audit = auditLength === 0 ? null : TEXT.decode(bytes.subarray(auditAt, auditAt + auditLength))
    this.#facts = factsLength === 0 ? null : bytes.slice(factsAt, auditAt)
    this.#attributes = tables.attributes
    this.#read = undefined
  }

  #all() {
    if (this.#read === undefined) {
      this.#read = this.#facts === null ? { credentials: {}, claims: {}, own: {} } : readFacts(this.#facts, this.#attributes)
      this.#facts = null
    }
    return this.#read
  }

  get identity() {
    for (const name in this.#all().credentials) return this.#all().credentials[name]
    return null
  }

  get credentials() {
    return this.#all().credentials
  }

  get attributes() {
    return this.#all().claims
  }

  get rpcMethod() {
    return this.#all().own.rpc_method ?? null
  }

  get tool() {
    return this.#all().own.tool ?? null
  }

  get bodyDigest() {
    return this.#all().own.body_digest ?? null
  }

  get usedProof() {
    return this.#all().own.used_proof ?? null
  }

  /** What an operator may log: no byte of a token or proof. */
  toJSON() {
    const { decision, reason, number, status, passes, policy, mode, scheme, cache, identity, attributes } = this
    return { decision, reason, number, status, passes, policy, mode, scheme, cache, identity, attributes }
  }
}

// How one vector runs through the package, in whatever runtime.

/** JSON with those numbers as they were. */
export const stringify = (value) => JSON.stringify(value).replace(/"number (\d+)"/g, '$1')

/** Bytes of base64, with or without its padding and in either alphabet. */
const decoded = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))

/** Runs a vector; each line of the answer is one thing that came out otherwise than it says. */
export async function runVector({ path, content }, Countersign, options = {}) {
  const faults = []
  const first = content.steps.find((step) => step.request)
  const answers = { list: [] }
  const engine = await Countersign.create(stringify(content.policy), {
    now: () => first?.request.now ?? 0,
    proofsBeforeStart: 'accept',
    store: { useOnce: () => said(answers, 'use_once', { first: true, used: false }) },
    introspect: () => {
      const answer = answers.list.shift()
      if (answer === undefined) throw answers.giveUp()
      const { introspected } = answer
      return typeof introspected === 'object' ? stringify(introspected) : introspected
    },
    ...options,
  })
  for (const [place, step] of content.steps.entries()) {
    const fault = (what) => faults.push(`${path} step ${place}: ${what}`)
    if (step.request) {
      const decision = await ask(engine, step.request, answers)
      for (const difference of differences(step.expect, decision)) fault(difference)
    } else {
      const outcome = prepare(engine, step)
      if (typeof step.expect === 'string' && (step.expect === 'installed' || step.expect === 'removed' ? step.expect : 'refused') !== outcome) {
        fault(`expected ${step.expect}, got ${outcome}`)
      }
    }
  }
  return faults
}

function said(answers, name, meanings) {
  const answer = answers.list.shift()
  if (answer === undefined) throw answers.giveUp()
  return meanings[answer[name]]
}

/** Judges one request with the answers that it has; with fewer than the engine asks for, the decision is given up. */
async function ask(engine, { method, uri, headers, client_cert, now, policy, answers: given = [] }, answers) {
  const abort = new AbortController()
  answers.list = given.filter((answer) => !('body' in answer))
  answers.giveUp = () => {
    abort.abort()
    return new Error('no answer')
  }
  const body = given.find((answer) => 'body' in answer)
  const request = { method, uri, headers, now, policy, clientCertificate: client_cert && decoded(client_cert) }
  const { asks, bodyBytes } = engine.policies.find(({ name }) => name === (policy ?? 'default')) ?? engine.policies[0]
  if (!asks) return engine.decide(request)
  const missing = {
    async *[Symbol.asyncIterator]() {
      throw answers.giveUp()
    },
  }
  return engine.decideAsync(request, { signal: abort.signal, body: bodyBytes === 0 ? null : body === undefined ? missing : pieces(body.body) })
}

/** In pieces, as a host gets it. */
async function* pieces(text) {
  const all = new TextEncoder().encode(text)
  for (let at = 0; at < all.length; at += 57) yield all.subarray(at, at + 57)
}

function prepare(engine, step) {
  if (step.trust) {
    const { trust_domain: trustDomain, issuer, removed, text, bundle, jwks, now } = step.trust
    const authority = trustDomain === undefined ? { issuer } : { trustDomain }
    if (removed) {
      engine.withdrawTrust(authority)
      return 'removed'
    }
    try {
      engine.updateTrust(authority, text ?? stringify(bundle ?? jwks), { now })
      return 'installed'
    } catch (error) {
      if (error.code !== 'trust_refused') throw error
      return 'refused'
    }
  }
  if (step.revoke) return engine.revoke(revocations(step.revoke), { replace: true })
  if (step.nonces) {
    const { current, previous } = step.nonces
    return engine.setNonceKeys({ current: decoded(current), previous: previous && decoded(previous) })
  }
  throw new Error(`an unknown step: ${JSON.stringify(step)}`)
}

/** A step `revoke` as operators write it. */
function revocations(revoke) {
  const document = { authorities: [] }
  for (const [list, entries] of Object.entries(revoke)) {
    for (const { authority, name, before } of entries) {
      if (authority === undefined) {
        document.all_before = before
        continue
      }
      const entry = { [authority.includes(':') ? 'issuer' : 'trust_domain']: authority }
      if (list === 'epochs') entry.before = before
      else entry[list] = [list === 'subjects' && before !== undefined ? { subject: name, before } : name]
      document.authorities.push(entry)
    }
  }
  return document
}

/** What a decision has otherwise than `expect` says. */
function differences(expect, decision) {
  const found = []
  const kinds = Object.fromEntries(Object.values(decision.credentials).map(({ name, kind }) => [name, kind]))
  const seen = {
    decision: decision.decision,
    reason: decision.reason ?? undefined,
    number: decision.number === 0 ? undefined : decision.number,
    status: decision.status,
    headers: decision.headers,
    cache: decision.cache,
    tool: decision.tool,
    rpc_method: decision.rpcMethod,
    body_digest: decision.bodyDigest,
    credentials: kinds,
    attributes: decision.attributes,
  }
  const same = (name, wanted, got) => {
    if (!equal(wanted, got)) found.push(`${name}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`)
  }
  for (const [name, wanted] of Object.entries(expect)) {
    if (name === 'token') for (const [part, value] of Object.entries(wanted)) same(`token.${part}`, value, decision.identity?.[part])
    else if (name in seen) same(name, wanted, seen[name])
    else found.push(`${name} is not compared`)
  }
  return found
}

function equal(a, b) {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  const [names, others] = [Object.keys(a), Object.keys(b)]
  return Array.isArray(a) === Array.isArray(b) && names.length === others.length && names.every((name) => equal(a[name], b[name]))
}

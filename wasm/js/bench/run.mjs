// What a decision costs in Node, beside `jose`, `oauth4webapi` and `fast-jwt`, in one run: `wasm/js/bench/run`.
//
// In each round every row's candidates work in turn for about the same time, and every round begins with another one. Figures are medians of
// the rounds, in microseconds of processor time of the whole process, which counts the threads on which Node checks signatures too. Ratios are
// medians of the ratios within one round.

import { createHash, createPublicKey, randomUUID } from 'node:crypto'
import { cpus } from 'node:os'

import { Countersign } from 'countersign'
import { createVerifier } from 'fast-jwt'
import { SignJWT, calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'

const ROUNDS = Number(process.argv[2] ?? 15)
const ISSUER = 'https://as.example'
const AUDIENCE = 'https://api.example'
const URI = `${AUDIENCE}/orders`
// Four times as many as fit into the cache of the engine that must not remember them.
const NEW = 512
const REQUIRED = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id']
const LEEWAY = 30

const now = () => Math.floor(Date.now() / 1000)

async function issuer(algorithm) {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: algorithm, use: 'sig' }
  const token = (claims = {}) =>
    new SignJWT({ iss: ISSUER, sub: 'user', aud: AUDIENCE, client_id: 'client', jti: randomUUID(), iat: now(), exp: now() + 7200, scope: 'orders:read orders:write', pad: 'x'.repeat(300), ...claims })
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: 'k' })
      .sign(privateKey)
  return { jwk, token }
}

const policy = (jwk, memory = {}) => ({
  memory,
  trust: [{ issuer: ISSUER, jwks: { keys: [jwk] } }],
  policies: { default: { accept: ['at+jwt'], audience: [AUDIENCE], leeway_seconds: LEEWAY, dpop: { max_age_seconds: 300 } } },
})

const made = (jwk, memory, options) => Countersign.create(policy(jwk, memory), { proofsBeforeStart: 'accept', ...options })

/** A candidate: it must accept every item. */
const ours = (name, engine) => ({ name, accepts: (headers) => engine.decide({ method: 'GET', uri: URI, headers }).reason === null })

function theirs(jwk, algorithm) {
  const set = createLocalJWKSet({ keys: [jwk] })
  const options = { issuer: ISSUER, audience: AUDIENCE, algorithms: [algorithm], typ: 'at+jwt', requiredClaims: REQUIRED, clockTolerance: LEEWAY, maxTokenAge: 7200 }
  return { name: 'jose', accepts: async ({ authorization }) => (await jwtVerify(authorization.slice(7), set, options)).payload.sub === 'user' }
}

function fastJwt(jwk, algorithm, name, more = {}) {
  const key = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const verify = createVerifier({ key, algorithms: [algorithm], allowedIss: ISSUER, allowedAud: AUDIENCE, checkTyp: 'at+jwt', requiredClaims: REQUIRED, clockTolerance: LEEWAY * 1000, ...more })
  return { name, accepts: ({ authorization }) => verify(authorization.slice(7)).sub === 'user' }
}

function oauth4webapi(jwk, algorithm) {
  const server = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
  const options = { signingAlgorithms: [algorithm], [oauth.clockTolerance]: LEEWAY, [oauth.jwksCache]: { jwks: { keys: [jwk] }, uat: now() } }
  return {
    name: 'oauth4webapi',
    // The host has a request before anyone validates it.
    prepare: (headers) => new Request(URI, { headers }),
    accepts: async (request) => (await oauth.validateJwtAccessToken(server, request, AUDIENCE, options)).sub === 'user',
  }
}

/** New strings, as they come from a socket: V8 finds a string that it looked up before by its address. */
const arrived = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]))

const processor = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function measure(candidate, items) {
  const ready = items.map((item) => (candidate.prepare ?? ((headers) => headers))(arrived(item)))
  const start = processor()
  for (const item of ready) {
    const accepted = candidate.accepts(item)
    if ((accepted === true || (await accepted)) !== true) throw new Error(`${candidate.name} refuses a good request`)
  }
  return (processor() - start) / items.length
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

async function row(title, candidates, itemsOf, warm = 4) {
  const times = candidates.map(() => [])
  for (let round = -warm; round < ROUNDS; round++) {
    const measured = []
    for (let i = 0; i < candidates.length; i++) {
      const place = (i + round + warm) % candidates.length
      measured[place] = await measure(candidates[place], await itemsOf(round))
    }
    if (round >= 0) measured.forEach((time, place) => times[place].push(time))
  }
  console.log(`\n${title}`)
  candidates.forEach(({ name }, place) => {
    const ratio = median(times[place].map((time, round) => times[0][round] / time))
    console.log(`  ${name.padEnd(44)} ${median(times[place]).toFixed(2).padStart(9)} us  ${place === 0 ? '' : `Countersign takes ${ratio.toFixed(3)} of it`}`)
  })
}

console.log(`Node ${process.version}, ${cpus()[0].model}, ${ROUNDS} rounds`)

const bearers = async (as, count) => Promise.all(Array.from({ length: count }, async () => ({ authorization: `Bearer ${await as.token()}` })))

for (const algorithm of ['ES256', 'RS256', 'Ed25519']) {
  const as = await issuer(algorithm)
  const items = await bearers(as, NEW)
  const engine = await made(as.jwk, { token_cache_bytes: 65536 })
  const candidates = [ours('countersign', engine), theirs(as.jwk, algorithm)]
  if (algorithm !== 'Ed25519') candidates.push(fastJwt(as.jwk, algorithm, 'fast-jwt'))
  await row(`new token, ${algorithm}`, candidates, () => items)
  const { decision } = engine.explain({ method: 'GET', uri: URI, headers: items[0] })
  if (decision.cache !== 'miss') throw new Error('the tokens were remembered')
}

{
  const as = await issuer('ES256')
  const items = Array.from({ length: 250 }, () => 0)
  const sixteen = await bearers(as, 16)
  const again = items.flatMap(() => sixteen)
  await row(
    'cached token, ES256',
    [
      ours('countersign', await made(as.jwk)),
      fastJwt(as.jwk, 'ES256', 'fast-jwt, its cache', { cache: true }),
      fastJwt(as.jwk, 'ES256', 'fast-jwt, its cache keyed by the token', { cache: true, cacheKeyBuilder: (token) => token }),
      { ...fastJwt(as.jwk, 'ES256', 'fast-jwt, no cache') },
    ],
    () => again,
    2,
  )
}

{
  const as = await issuer('ES256')
  const proofs = async (count, key) => {
    const pair = await key()
    return Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const { privateKey, jwk, token, ath } = await pair(i)
        const proof = await new SignJWT({ jti: randomUUID(), htm: 'GET', htu: URI, iat: now(), ath }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk }).sign(privateKey)
        return { authorization: `DPoP ${token}`, dpop: proof }
      }),
    )
  }
  const client = async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(publicKey)
    const token = await as.token({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
    return { privateKey, jwk, token, ath: createHash('sha256').update(token).digest('base64url') }
  }
  const engine = await made(as.jwk)
  const candidates = [ours('countersign', engine), oauth4webapi(as.jwk, 'ES256')]
  const one = await client()
  // Each proof is used once: new ones for each candidate of each round.
  await row('DPoP request of one client, its token cached', candidates, () => proofs(200, () => () => one))
  await row('DPoP request of a new client, its token new', candidates, () => proofs(50, () => client))
}

{
  const as = await issuer('ES256')
  const start = performance.now()
  const first = await made(as.jwk)
  const loaded = performance.now() - start
  const [item] = await bearers(as, 1)
  const before = performance.now()
  first.decide({ method: 'GET', uri: URI, headers: item })
  console.log(`\none more engine of a policy with one key: ${loaded.toFixed(1)} ms; its first decision ${(performance.now() - before).toFixed(1)} ms`)

  const many = 100_000
  const engine = await made(as.jwk, { token_cache_bytes: 256 * 1024 * 1024 })
  const resident = () => {
    globalThis.gc()
    return process.memoryUsage().rss / 1024 / 1024
  }
  const without = resident()
  for (let i = 0; i < many; i += 1000) {
    for (const headers of await bearers(as, 1000)) engine.decide({ method: 'GET', uri: URI, headers })
  }
  const { cachedTokens } = engine.counters()
  console.log(`${cachedTokens} cached tokens of ${(await as.token()).length} bytes: ${(resident() - without).toFixed(0)} MiB more of the process`)
}

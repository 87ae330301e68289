// Answers the run's questions, one JSON object a line: loads the Node peers for a row, measures one.

import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'

const LEEWAY_SECONDS = 30
const REQUIRED = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id']
// No peer here remembers proofs, so a few of them serve again and again.
const PROOFS = 2000

let peers = []

function read(folder, name) {
  try {
    return readFileSync(join(folder, name), 'utf8').split('\n')
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

function load(folder) {
  const scenario = JSON.parse(readFileSync(join(folder, 'scenario.json'), 'utf8'))
  const tokens = read(folder, 'at.txt')
  const proofs = read(folder, 'proofs.txt').slice(0, PROOFS)
  const items = proofs.length ? proofs.map((proof) => ({ token: tokens[0], proof })) : tokens.map((token) => ({ token }))
  if (scenario.row === 'dpop') {
    return {
      peers: [oauth4webapi(scenario, items)],
      absent: ['jose', 'fast-jwt'].map((name) => ({ name, reason: 'knows no DPoP' })),
    }
  }
  const peers = [jose(scenario, items), oauth4webapi(scenario, items), fastJwt(scenario, items, 'fast-jwt', {})]
  if (scenario.row === 'cached') {
    const keyed = { cache: true, cacheKeyBuilder: (token) => token }
    peers.push(
      fastJwt(scenario, items, 'fast-jwt, its cache', { cache: true }),
      fastJwt(scenario, items, 'fast-jwt, its cache, keyed by the token itself', keyed),
    )
  }
  return { peers, absent: [] }
}

function jose({ issuer, audience, algorithm, keys, probes }, items) {
  const set = createLocalJWKSet(keys)
  const options = {
    issuer,
    audience,
    algorithms: [algorithm],
    typ: 'at+jwt',
    requiredClaims: REQUIRED,
    clockTolerance: LEEWAY_SECONDS,
    // Without it `iat` is not looked at.
    maxTokenAge: 7200,
  }
  return { name: 'jose', items, probes: probes.at, accepts: ({ token }) => jwtVerify(token, set, options) }
}

function oauth4webapi({ row, issuer, audience, algorithm, keys, probes, method, uri }, items) {
  const server = { issuer, jwks_uri: 'https://as.example/jwks.json' }
  const options = {
    signingAlgorithms: [algorithm],
    [oauth.clockTolerance]: LEEWAY_SECONDS,
    [oauth.jwksCache]: { jwks: keys, uat: Math.floor(Date.now() / 1000) },
    [oauth.customFetch]: () => {
      throw new Error('nothing is fetched here')
    },
  }
  const dpop = row === 'dpop'
  const request = ({ token, proof }) => {
    const headers = { authorization: `${proof ? 'DPoP' : 'Bearer'} ${token}` }
    if (proof) headers.dpop = proof
    return new Request(uri, { method, headers })
  }
  return {
    name: dpop ? 'oauth4webapi, DPoP' : 'oauth4webapi, Bearer',
    package: 'oauth4webapi',
    items,
    probes: dpop ? probes.dpop : probes.at,
    // The host has a request before a library validates it.
    prepare: (item) => (item.request = request(item)),
    accepts: (item) => oauth.validateJwtAccessToken(server, item.request, audience, options),
  }
}

function fastJwt({ issuer, audience, algorithm, keys, probes }, items, name, more) {
  const verify = createVerifier({
    key: createPublicKey({ key: keys.keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    algorithms: [algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    checkTyp: 'at+jwt',
    requiredClaims: REQUIRED,
    clockTolerance: LEEWAY_SECONDS * 1000,
    ...more,
  })
  return { name, package: 'fast-jwt', items, probes: probes.at, synchronous: true, accepts: ({ token }) => verify(token) }
}

async function passes(peer, item) {
  peer.prepare?.(item)
  try {
    await peer.accepts(item)
    return true
  } catch {
    return false
  }
}

async function probe(peer) {
  peer.unchecked = []
  for (const { check, token, proof, twice } of peer.probes) {
    const first = await passes(peer, { token, proof })
    if (twice && !first) throw new Error(`${peer.name}: the request to repeat is refused`)
    if (twice ? await passes(peer, { token, proof }) : first) peer.unchecked.push(check)
  }
}

function corrupt(token) {
  const place = token.lastIndexOf('.') + 21
  return token.slice(0, place) + (token[place] === 'A' ? 'B' : 'A') + token.slice(place + 1)
}

async function refuse(peer) {
  const { token, proof } = peer.items[peer.next % peer.items.length]
  const item = proof ? { token, proof: corrupt(proof) } : { token: corrupt(token) }
  if (await passes(peer, item)) throw new Error(`${peer.name}: accepts a corrupted signature`)
}

/**
 * Good requests for about `ms`, a corrupted one before and after. A refused good request throws.
 *
 * Each request is made of new strings while the clock is stopped, as they come from a socket: a string that was looked up before knows its
 * hash, and is found by its address.
 */
async function measure(peer, ms) {
  await refuse(peer)
  const span = BigInt(ms) * 1_000_000n
  let count = 0
  let taken = 0n
  do {
    const ready = Array.from({ length: peer.batch }, () => arrive(peer))
    const start = process.hrtime.bigint()
    if (peer.synchronous) for (const item of ready) peer.accepts(item)
    else for (const item of ready) await peer.accepts(item)
    taken += process.hrtime.bigint() - start
    count += ready.length
  } while (taken < span)
  await refuse(peer)
  peer.batch = Math.min(256, Math.max(1, Math.floor((1_000_000 * count) / Number(taken))))
  return { count, ns: Number(taken) }
}

function arrive(peer) {
  peer.next = (peer.next + 1) % peer.items.length
  const { token, proof } = peer.items[peer.next]
  const item = { token: fresh(token), proof: proof && fresh(proof) }
  peer.prepare?.(item)
  return item
}

const fresh = (text) => Buffer.from(text, 'latin1').latin1Slice()

async function answer(question) {
  if (question.do === 'measure') return measure(peers[question.peer], question.ms)
  if (question.do !== 'load') throw new Error(`unknown question ${question.do}`)
  const loaded = load(question.folder)
  peers = loaded.peers
  for (const peer of peers) {
    Object.assign(peer, { next: 0, batch: 1 })
    await probe(peer)
    // The compiler sees the code before it is measured.
    await measure(peer, 300)
  }
  const list = peers.map(({ name, package: owner, unchecked }) => ({ name, package: owner ?? name, unchecked, note: '' }))
  return { peers: list, absent: loaded.absent }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))))
}

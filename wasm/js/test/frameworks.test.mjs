import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'

import { serve } from '@hono/node-server'
import connect from 'connect'
import { Countersign } from 'countersign'
import { guard as expressGuard } from 'countersign/express'
import { guard as fastifyGuard } from 'countersign/fastify'
import { guard as fetchGuard, refusal } from 'countersign/fetch'
import { guard as honoGuard } from 'countersign/hono'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'

import { AUDIENCE, client, issuer, policy } from './lib/issuer.mjs'

let as
let caller
before(async () => {
  as = await issuer()
  caller = await client()
})

/** The engine whose policy knows the origin of a server on this port. */
const engineFor = (more = {}) => Countersign.create(policy(as.jwks, { origin: AUDIENCE, ...more }), { proofsBeforeStart: 'accept' })

/** A server that listens on a free port of this machine, and what closes it. */
async function listening(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => (server.closeAllConnections?.(), server.close(done))) }
}

// Each answers 200 with the subject at /orders, and with the body's digest or tool at POST /orders.
const HOSTS = {
  async express(engine, body) {
    const app = express()
    app.use('/orders', expressGuard(engine))
    app.use(express.json())
    app.all('/orders', (request, response) => response.json(seen(request.countersign, request.body)))
    return listening(http.createServer(app))
  },
  async connect(engine) {
    const app = connect()
    app.use('/orders', expressGuard(engine))
    app.use('/orders', (request, response) => response.end(JSON.stringify(seen(request.countersign, request.body))))
    return listening(http.createServer(app))
  },
  async fastify(engine) {
    const app = fastify({ forceCloseConnections: true })
    await app.register(fastifyGuard(engine))
    app.all('/orders', async (request) => seen(request.countersign, request.body))
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return { url, close: () => app.close() }
  },
  async hono(engine) {
    const app = new Hono()
    app.use('/orders', honoGuard(engine))
    app.all('/orders', async (context) => context.json(seen(context.get('countersign'), await context.req.json().catch(() => undefined))))
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
    if (!server.listening) await once(server, 'listening')
    return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) }
  },
  async fetch(engine) {
    const handler = fetchGuard(() => engine, async (request, decision) => Response.json(seen(decision, await request.json().catch(() => undefined))))
    const server = serve({ fetch: (request) => handler(request), hostname: '127.0.0.1', port: 0 })
    if (!server.listening) await once(server, 'listening')
    return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) }
  },
}

const seen = (decision, body) => ({ subject: decision.identity?.subject, tool: decision.tool, digest: decision.bodyDigest, reason: decision.reason, body })

/** One request whose header fields are as they are written here. */
async function send(url, headers, { method = 'GET', body } = {}) {
  const request = http.request(`${url}/orders`, { method, headers, agent: false })
  request.end(body)
  const [response] = await once(request, 'response')
  const chunks = []
  for await (const chunk of response) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return { status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders, text, json: () => JSON.parse(text) }
}

for (const [name, start] of Object.entries(HOSTS)) {
  describe(name, () => {
    let host
    let engine
    before(async () => {
      engine = await engineFor()
      host = await start(engine)
    })
    after(() => host.close())

    test('lets an accepted request pass, with its identity', async () => {
      const response = await send(host.url, { authorization: `Bearer ${await as.token()}` })
      assert.deepEqual([response.status, response.json().subject], [200, 'alice'])
    })

    test('answers a refusal with its status and challenge', async () => {
      const response = await send(host.url, {})
      assert.equal(response.status, 401)
      const challenges = response.rawHeaders.filter((_, i, all) => i % 2 === 1 && all[i - 1].toLowerCase() === 'www-authenticate')
      const joined = challenges.join(', ')
      assert.match(joined, /Bearer/)
      assert.match(joined, /DPoP realm="default", algs="/)
      assert.equal(response.text, '')
      assert.equal((await send(host.url, { authorization: 'Bearer x' })).status, 401)
    })

    test('judges proofs by the origin of the policy and the path of the client', async () => {
      const token = await as.token({ cnf: { jkt: caller.thumbprint } })
      const proof = await caller.proof(token)
      assert.equal((await send(host.url, { authorization: `DPoP ${token}`, dpop: proof })).status, 200)
      const replayed = await send(host.url, { authorization: `DPoP ${token}`, dpop: proof })
      assert.equal(replayed.status, 401)
      assert.match(replayed.headers['www-authenticate'], /invalid_dpop_proof/)
      const other = await caller.proof(token, { htu: 'https://api.example/other' })
      assert.equal((await send(host.url, { authorization: `DPoP ${token}`, dpop: other })).status, 401)
    })

    test('a second credential refuses', async () => {
      const value = `Bearer ${await as.token()}`
      const response = await send(host.url, ['Host', 'x', 'Authorization', value, 'authorization', value])
      assert.ok(response.status === 400 || response.status === 401, `${response.status}`)
    })

    test('nonces are handed out on accepted requests too', async () => {
      const demanding = await start(await engineFor({ dpop: { nonce: 'required' } }))
      try {
        const token = await as.token({ cnf: { jkt: caller.thumbprint } })
        const asked = await send(demanding.url, { authorization: `DPoP ${token}`, dpop: await caller.proof(token) })
        assert.equal(asked.status, 401)
        assert.match(asked.headers['www-authenticate'], /use_dpop_nonce/)
        const nonce = asked.headers['dpop-nonce']
        const response = await send(demanding.url, { authorization: `DPoP ${token}`, dpop: await caller.proof(token, { nonce }) })
        assert.equal(response.status, 200)
      } finally {
        await demanding.close()
      }
    })

    test('shadow mode lets pass, without a challenge', async () => {
      const shadow = await start(await engineFor({ mode: 'shadow' }))
      try {
        const response = await send(shadow.url, {})
        assert.deepEqual([response.status, response.json().reason, response.headers['www-authenticate']], [200, 'credential_missing', undefined])
      } finally {
        await shadow.close()
      }
    })

    test('the body that is judged is the one that the handler gets', async () => {
      const reading = await start(await engineFor({ tools: [{ name: 'search' }], body_bytes: 1000 }), true)
      try {
        const call = (tool, pad = '') => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, pad } })
        const post = async (body) =>
          send(reading.url, { authorization: `Bearer ${await as.token()}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }, { method: 'POST', body })
        const accepted = await post(call('search'))
        assert.deepEqual([accepted.status, accepted.json().tool, accepted.json().body?.params.name], [200, 'search', 'search'])
        assert.equal((await post(call('delete'))).status, 403)
        assert.equal((await post(call('search', 'x'.repeat(2000)))).status, 413)
        // Far more than is read: the answer comes all the same.
        assert.equal((await post(call('search', 'x'.repeat(500_000)))).status, 413)
        assert.equal((await post('{')).status, 400)
      } finally {
        await reading.close()
      }
    })
  })
}

test('a body that was parsed before the guard is a fault of the server, and one whose bytes were kept is judged', async () => {
  const engine = await engineFor({ tools: [{ name: 'search' }] })
  const app = express()
  const faults = []
  app.use('/kept', express.json({ verify: (request, _response, bytes) => (request.rawBody = bytes) }), expressGuard(engine))
  app.use('/lost', express.json(), expressGuard(engine))
  app.use('/raw', express.raw({ type: '*/*' }), expressGuard(engine))
  app.post('/:where/orders', (request, response) => response.json(seen(request.countersign)))
  app.use((error, _request, response, _next) => {
    faults.push(error.code)
    response.status(500).end()
  })
  const { url, close } = await listening(http.createServer(app))
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } })
    const post = async (where) =>
      (await send(`${url}/${where}`, { authorization: `Bearer ${await as.token()}`, 'content-type': 'application/json' }, { method: 'POST', body })).status
    assert.deepEqual([await post('kept'), await post('raw'), await post('lost')], [200, 200, 500])
    assert.deepEqual(faults, ['body_unavailable'])
  } finally {
    await close()
  }
})

test('a client that goes while its body is read is no fault of the server', async () => {
  const engine = await engineFor({ tools: [{ name: 'search' }] })
  const faults = []
  const app = connect()
  app.use(expressGuard(engine))
  app.use((error, _request, _response, next) => {
    faults.push(error.message)
    next(error)
  })
  const { url, close } = await listening(http.createServer(app))
  try {
    const request = http.request(`${url}/orders`, { method: 'POST', headers: { authorization: `Bearer ${await as.token()}`, 'content-length': 1000 } })
    request.on('error', () => undefined)
    request.write('{"jsonrpc"')
    await new Promise((resolve) => setTimeout(resolve, 100))
    request.destroy()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual(faults, [])
    assert.equal(engine.counters().waiting, 0)
  } finally {
    await close()
  }
})

test('guards refuse options and policies that there are not', async () => {
  const engine = await engineFor()
  for (const guard of [expressGuard, fastifyGuard, honoGuard]) {
    assert.throws(() => guard(engine, { polcy: 'x' }), { code: 'options_invalid' })
    assert.throws(() => guard(engine, { policy: 'x' }), { code: 'policy_unknown' })
  }
  await assert.rejects(fetchGuard(engine, () => new Response(), { policy: 'x' })(new Request('https://x/')), { code: 'policy_unknown' })
})

test('an engine that comes later is made once, and a failed start is tried again', async () => {
  let made = 0
  const handler = fetchGuard(
    async () => {
      made += 1
      if (made === 1) throw new Error('no network yet')
      return engineFor()
    },
    () => new Response('ok'),
  )
  await assert.rejects(handler(new Request('https://api.example/orders')), /no network yet/)
  const request = async () => new Request('https://api.example/orders', { headers: { authorization: `Bearer ${await as.token()}` } })
  assert.equal((await handler(await request())).status, 200)
  assert.equal((await handler(await request())).status, 200)
  assert.equal(made, 2)
  assert.equal(refusal({ status: 401, headers: [['www-authenticate', 'Bearer']] }).headers.get('www-authenticate'), 'Bearer')
})

test('a client certificate of the TLS connection is the bound one', async () => {
  const { certificates } = await import('./lib/certificates.mjs')
  const { server: key, client: own, sha256 } = await certificates()
  const https = await import('node:https')
  const engine = await engineFor()
  const app = express()
  app.use(expressGuard(engine))
  app.get('/orders', (request, response) => response.json(seen(request.countersign)))
  const { url, close } = await listening(https.createServer({ ...key, requestCert: true, rejectUnauthorized: false }, app))
  const status = async (token, tls) => {
    const request = https.get(`${url.replace('http:', 'https:')}/orders`, { headers: { authorization: `Bearer ${token}` }, rejectUnauthorized: false, agent: false, ...tls })
    const [response] = await once(request, 'response')
    response.resume()
    return response.statusCode
  }
  try {
    const token = await as.token({ cnf: { 'x5t#S256': sha256 } })
    assert.equal(await status(token, own), 200)
    assert.equal(await status(token, key), 401)
    assert.equal(await status(token, {}), 401)
    assert.equal(await status(await as.token(), {}), 200)
  } finally {
    await close()
  }
})

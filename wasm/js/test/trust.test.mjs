import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import { Countersign } from 'countersign'
import { discover, introspection, keepTrust } from 'countersign/trust'

import { AUDIENCE, bearer, issuer, seconds } from './lib/issuer.mjs'

/** What the server answers, by path; each answer may be a function of the request. */
const routes = new Map()
const asked = []
let server
/** The server is reached where the URIs of the policies say, which have to be https. */
const ORIGIN = 'https://as.example'
let there

before(async () => {
  server = http.createServer(async (request, response) => {
    asked.push(request)
    const route = routes.get(request.url)
    const answer = typeof route === 'function' ? await route(request) : route
    const { status = 200, headers = {}, body = '' } = answer ?? { status: 404 }
    response.writeHead(status, headers)
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  there = `http://127.0.0.1:${server.address().port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

const reach = (url, init) => fetch(url.replace(ORIGIN, there), init)

const json = (value, headers) => ({ headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) })
const asks = (path) => asked.filter(({ url }) => url === path)

/** An engine that trusts an issuer of this server, and tokens of it. */
async function trusting(path, more = {}) {
  const as = await issuer()
  const name = `${ORIGIN}${more.issuerPath ?? ''}`
  const engine = await Countersign.create({
    trust: [{ issuer: name, ...(path === undefined ? {} : { jwks_uri: `${ORIGIN}${path}` }), ...more.trust }],
    policies: { default: { accept: ['at+jwt'], audience: [AUDIENCE] } },
  })
  return { as, engine, name, reason: async (claims) => engine.decide(bearer(await as.token({ iss: name, ...claims }))).reason }
}

describe('keepTrust', () => {
  test('fetches what the policy names, and an unknown key asks for a new document', async () => {
    const { as, engine, name, reason } = await trusting('/rotating', { trust: { min_refresh_seconds: 1 } })
    routes.set('/rotating', json(as.jwks))
    const keeper = keepTrust(engine, { fetch: reach })
    try {
      await keeper.ready
      assert.equal(await reason(), null)
      const next = await issuer()
      routes.set('/rotating', json({ keys: [...as.jwks.keys, ...next.jwks.keys] }))
      const request = bearer(await next.token({ iss: name }))
      assert.equal(engine.decide(request).reason, 'key_unknown')
      for (let i = 0; i < 100 && engine.decide(request).reason !== null; i++) await pause(20)
      assert.equal(engine.decide(request).reason, null)
      assert.equal(asks('/rotating').length, 2)
      // However many unknown keys come, the floor holds.
      const unknown = await issuer()
      for (let i = 0; i < 200; i++) engine.decide(bearer(await unknown.token({ iss: name })))
      await pause(50)
      assert.ok(asks('/rotating').length <= 4, `${asks('/rotating').length}`)
    } finally {
      keeper.stop()
    }
  })

  test('an unchanged document is not sent again, and is fresh', async () => {
    const { as, engine, reason } = await trusting('/etag', { trust: { max_stale_seconds: 60 } })
    routes.set('/etag', (request) => (request.headers['if-none-match'] === '"1"' ? { status: 304 } : json(as.jwks, { etag: '"1"' })))
    const keeper = keepTrust(engine, { fetch: reach })
    try {
      await keeper.ready
      const loaded = await keeper.refresh(engine.trustSources[0])
      assert.deepEqual([loaded.kept, loaded.added], [1, 0])
      assert.equal(asks('/etag')[1].headers['if-none-match'], '"1"')
      assert.equal(await reason(), null)
    } finally {
      keeper.stop()
    }
  })

  test('the last good document stays while a source is down, and attempts back off', async () => {
    const { as, engine, reason } = await trusting('/failing', { trust: { min_refresh_seconds: 1 } })
    routes.set('/failing', json(as.jwks))
    const errors = []
    const keeper = keepTrust(engine, { fetch: reach, onError: (error, source) => errors.push([error.message, source.at]), timeoutMilliseconds: 100 })
    try {
      await keeper.ready
      for (const failing of [
        { status: 500 },
        { body: '{' },
        { body: '<html>' },
        { status: 302, headers: { location: '/etag' } },
        () => new Promise(() => {}),
        { body: ' '.repeat(9 * 1024 * 1024) },
        { body: Buffer.from([0xff, 0xfe]) },
      ]) {
        routes.set('/failing', failing)
        await assert.rejects(keeper.refresh(engine.trustSources[0]))
        assert.equal(await reason(), null)
      }
      assert.equal(errors.length, 7)
      assert.ok(errors.every(([, at]) => at === `${ORIGIN}/failing`))
      const count = asks('/failing').length
      // The next attempt waits for more than a minute now.
      await pause(1200)
      assert.equal(asks('/failing').length, count)
      routes.set('/failing', json(as.jwks))
      await keeper.refresh(engine.trustSources[0])
    } finally {
      keeper.stop()
    }
    await assert.rejects(keeper.refresh(engine.trustSources[0]), { code: 'options_invalid' })
  })

  test('a start without a source is heard of, and goes on', async () => {
    const { as, engine, reason } = await trusting('/late', { trust: { min_refresh_seconds: 1 } })
    routes.delete('/late')
    const keeper = keepTrust(engine, { fetch: reach })
    try {
      await assert.rejects(keeper.ready, /404/)
      assert.equal(await reason(), 'keys_stale')
      routes.set('/late', json(as.jwks))
      for (let i = 0; i < 100 && (await reason()) !== null; i++) await pause(50)
      assert.equal(await reason(), null)
    } finally {
      keeper.stop()
    }
  })

  test('keys of an issuer without a URI are found by its metadata', async () => {
    const { as, engine, name, reason } = await trusting(undefined, { issuerPath: '/tenant' })
    routes.set('/.well-known/oauth-authorization-server/tenant', json({ issuer: name, jwks_uri: `${ORIGIN}/tenant/jwks` }))
    routes.set('/tenant/jwks', json(as.jwks))
    const keeper = keepTrust(engine, { fetch: reach, discover: true })
    try {
      await keeper.ready
      assert.equal(await reason(), null)
    } finally {
      keeper.stop()
    }
  })

  test('keys come over https only, and there are no other options', async () => {
    const { engine, name } = await trusting(undefined, { issuerPath: '/plain' })
    routes.set('/.well-known/oauth-authorization-server/plain', json({ issuer: name, jwks_uri: `${there}/plain` }))
    const keeper = keepTrust(engine, { fetch: reach, discover: true })
    await assert.rejects(keeper.ready, /https only/)
    keeper.stop()
    assert.equal(asks('/plain').length, 0)
    assert.throws(() => keepTrust(engine, { poll: 1 }), { code: 'options_invalid' })
    await assert.rejects(keepTrust(engine).refresh({ issuer: 'x' }), { code: 'authority_unknown' })
  })
})

test('metadata is that of the issuer that was asked for', async () => {
  routes.set('/.well-known/oauth-authorization-server/other', json({ issuer: ORIGIN, jwks_uri: `${ORIGIN}/jwks` }))
  await assert.rejects(discover(`${ORIGIN}/other`, { fetch: reach }), /no metadata can be used/)
  routes.set('/other/.well-known/openid-configuration', json({ issuer: `${ORIGIN}/other`, jwks_uri: `${ORIGIN}/jwks` }))
  assert.equal((await discover(`${ORIGIN}/other`, { fetch: reach })).jwks_uri, `${ORIGIN}/jwks`)
})

test('an issuer is asked about a token as RFC 7662 has it', async () => {
  const active = { active: true, iss: ORIGIN, sub: 'alice', aud: AUDIENCE, client_id: 'shop', exp: seconds() + 60 }
  let form
  routes.set('/introspect', async (request) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    form = [request.method, request.headers.authorization, Buffer.concat(chunks).toString()]
    return json(active)
  })
  const engine = await Countersign.create(
    {
      trust: [{ issuer: ORIGIN, introspection: { uri: 'https://as.example/introspect' } }],
      policies: { default: { accept: [{ kind: 'introspected', issuer: ORIGIN }], audience: [AUDIENCE] } },
    },
    {
      introspect: introspection({
        clientId: 'a:b',
        clientSecret: 'c d',
        fetch: reach,
      }),
    },
  )
  assert.equal((await engine.decideAsync(bearer('a+b/c'))).identity.subject, 'alice')
  assert.deepEqual(form, ['POST', `Basic ${btoa('a%3Ab:c+d')}`, 'token=a%2Bb%2Fc'])
  routes.set('/introspect', { status: 401 })
  assert.equal((await engine.decideAsync(bearer('other'))).reason, 'introspection_unavailable')
  assert.throws(() => introspection({ clientId: 'x' }), { code: 'options_invalid' })
})

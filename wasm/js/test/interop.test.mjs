// Tokens and proofs of independent libraries, and a real authorization server in front of a guarded Express app.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'

import { Countersign } from 'countersign'
import { guard } from 'countersign/express'
import { keepTrust } from 'countersign/trust'
import * as dpopLibrary from 'dpop'
import express from 'express'
import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import { Provider } from 'oidc-provider'

import { AUDIENCE, ISSUER, bearer, client, dpop, get, issuer, policy } from './lib/issuer.mjs'

describe('jose', () => {
  for (const algorithm of ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA', 'Ed25519']) {
    test(`tokens and proofs by ${algorithm}`, async () => {
      const [as, caller] = [await issuer(algorithm), await client(algorithm)]
      const takes = ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'].includes(algorithm)
      for (const signatures of ['native', 'module']) {
        const engine = await Countersign.create(policy(as.jwks), { proofsBeforeStart: 'accept', signatures })
        // Sixteen, so that tables and prepared keys answer for the later ones.
        for (let i = 0; i < 16; i++) {
          const token = await as.token()
          assert.equal(engine.decide(bearer(token)).reason, null)
          // One bit of the signature, which is no unused one at the end.
          const at = token.lastIndexOf('.') + 9
          const other = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
          assert.equal(engine.decide(bearer(other)).reason, 'signature_invalid')
        }
        const token = await as.token({ cnf: { jkt: caller.thumbprint } })
        for (let i = 0; i < 8; i++) {
          const { reason } = engine.decide(dpop(token, await caller.proof(token)))
          assert.equal(reason, takes ? null : 'proof_algorithm_refused')
        }
      }
    })
  }
})

test('proofs of the library dpop', async () => {
  const as = await issuer()
  for (const algorithm of ['ES256', 'RS256', 'PS256', 'Ed25519']) {
    const pair = await dpopLibrary.generateKeyPair(algorithm, { extractable: true })
    const engine = await Countersign.create(policy(as.jwks), { proofsBeforeStart: 'accept' })
    const token = await as.token({ cnf: { jkt: await dpopLibrary.calculateThumbprint(pair.publicKey) } })
    const proof = await dpopLibrary.generateProof(pair, `${AUDIENCE}/orders`, 'GET', undefined, token)
    assert.equal(engine.decide(dpop(token, proof)).reason, null, algorithm)
    assert.equal(engine.decide(dpop(token, proof)).reason, 'proof_replayed', algorithm)
    const other = await dpopLibrary.generateProof(pair, `${AUDIENCE}/orders`, 'GET', undefined, await as.token())
    assert.equal(engine.decide(dpop(token, other)).reason, 'proof_token_mismatch', algorithm)
  }
})

describe('oidc-provider and oauth4webapi', () => {
  const servers = []
  let there
  let app
  let keeper
  let metadata
  /** Reaches the server behind the https name of its issuer, as its proxy would. */
  const reach = (url, init = {}) => {
    const headers = new Headers(init.headers)
    headers.set('x-forwarded-proto', 'https')
    headers.set('x-forwarded-host', 'as.example')
    return fetch(`${url}`.replace(ISSUER, there), { ...init, headers, duplex: 'half' })
  }
  const local = { [oauth.customFetch]: reach }

  const listen = async (listener) => {
    const server = http.createServer(listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
    return `http://127.0.0.1:${server.address().port}`
  }

  before(async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const made = (client_id, more) => ({ client_id, client_secret: 'secret', grant_types: ['client_credentials'], response_types: [], redirect_uris: [], ...more })
    const provider = new Provider(ISSUER, {
      clients: [made('plain'), made('dpop', { dpop_bound_access_tokens: true })],
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', kid: 'as', use: 'sig' }] },
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        dPoP: { nonceSecret: Buffer.alloc(32, 1) },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: () => ({ scope: 'orders:read', audience: AUDIENCE, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } }),
        },
      },
    })
    provider.proxy = true
    there = await listen(provider.callback())
    metadata = await oauth.processDiscoveryResponse(new URL(ISSUER), await oauth.discoveryRequest(new URL(ISSUER), local))

    const engine = await Countersign.create(
      { trust: [{ issuer: ISSUER }], policies: { default: { accept: ['at+jwt'], audience: [AUDIENCE], scope: ['orders:read'], origin: AUDIENCE, dpop: { nonce: 'required' } } } },
      { proofsBeforeStart: 'accept' },
    )
    keeper = keepTrust(engine, { discover: true, fetch: reach })
    await keeper.ready
    const server = express()
    server.use(guard(engine))
    server.get('/orders', (request, response) => response.json(request.countersign.identity))
    app = await listen(server)
  })
  after(() => {
    keeper.stop()
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function token(client_id, options = {}) {
    const given = { client_id }
    const ask = () =>
      oauth.clientCredentialsGrantRequest(metadata, given, oauth.ClientSecretBasic('secret'), { resource: `${AUDIENCE}/`, scope: 'orders:read' }, { ...local, ...options })
    return (await oauth.processClientCredentialsResponse(metadata, given, await ask())).access_token
  }

  /** Calls the app where its clients know it. */
  const call = (access_token, DPoP) =>
    oauth.protectedResourceRequest(access_token, 'GET', new URL(`${AUDIENCE}/orders`), undefined, undefined, {
      DPoP,
      [oauth.customFetch]: (url, init) => fetch(`${url}`.replace(AUDIENCE, app), init),
    })

  test('a bearer token passes', async () => {
    const response = await call(await token('plain'))
    assert.equal(response.status, 200)
    assert.equal((await response.json()).client_id, 'plain')
  })

  test('a bound token passes after the nonce that the app demands', async () => {
    const handle = oauth.DPoP({ client_id: 'dpop' }, await oauth.generateKeyPair('ES256'))
    const bound = await token('dpop', { DPoP: handle })
    // The client reads the challenge, and tries again with the nonce.
    await assert.rejects(call(bound, handle), (error) => oauth.isDPoPNonceError(error))
    const response = await call(bound, handle)
    assert.equal(response.status, 200)
    const identity = await response.json()
    assert.deepEqual([identity.client_id, identity.binding, identity.bound_key], ['dpop', 'dpop', await handle.calculateThumbprint()])
    // And a stolen one does not.
    await assert.rejects(call(bound), oauth.WWWAuthenticateChallengeError)
  })

  test('oauth4webapi agrees about the same requests', async () => {
    const [as, caller] = [await issuer(), await client()]
    const engine = await Countersign.create(policy(as.jwks), { proofsBeforeStart: 'accept' })
    const server = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }
    const [plain, bound] = [await as.token(), await as.token({ cnf: { jkt: caller.thumbprint } })]
    const rows = [
      [{ authorization: `Bearer ${plain}` }, true],
      [{ authorization: `Bearer ${bound}` }, false],
      [{ authorization: `DPoP ${bound}`, dpop: await caller.proof(bound) }, true],
      [{ authorization: `DPoP ${bound}`, dpop: await caller.proof(bound, { htm: 'POST' }) }, false],
      [{ authorization: `DPoP ${bound}`, dpop: await caller.proof(bound, { htu: `${AUDIENCE}/other` }) }, false],
      [{ authorization: `DPoP ${bound}`, dpop: await caller.proof(plain) }, false],
      [{ authorization: `DPoP ${bound}`, dpop: await (await client()).proof(bound) }, false],
      [{ authorization: `Bearer ${await as.token({ aud: 'https://other' })}` }, false],
      [{ authorization: `Bearer ${await as.token({ exp: 1 })}` }, false],
      [{ authorization: `Bearer ${await (await issuer()).token()}` }, false],
    ]
    for (const [headers, expected] of rows) {
      const theirs = await oauth
        .validateJwtAccessToken(server, new Request(`${AUDIENCE}/orders`, { headers }), AUDIENCE, {
          [oauth.jwksCache]: { jwks: as.jwks, uat: Math.floor(Date.now() / 1000) },
          [oauth.customFetch]: () => Promise.reject(new Error('nothing is fetched here')),
        })
        .then(() => true, () => false)
      assert.deepEqual([theirs, engine.decide(get(headers)).decision === 'accept'], [expected, expected], JSON.stringify(headers).slice(0, 60))
    }
  })
})

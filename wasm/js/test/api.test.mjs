import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import { Countersign, CountersignError, ERROR_NUMBERS } from 'countersign'

import { AUDIENCE, ISSUER, URI, bearer, client, dpop, get, issuer, policy, seconds } from './lib/issuer.mjs'

let as
let document
before(async () => {
  as = await issuer()
  document = policy(as.jwks)
})

const throws = (body, code, message = /./) =>
  assert.throws(body, (error) => error instanceof CountersignError && error.code === code && error.number === ERROR_NUMBERS[code] && message.test(error.message))
const rejects = (body, code, message = /./) =>
  assert.rejects(body, (error) => error instanceof CountersignError && error.code === code && error.number === ERROR_NUMBERS[code] && message.test(error.message))

describe('decisions', () => {
  test('an accepted request has an identity, in the words of the tables', async () => {
    const engine = await Countersign.create(document)
    const actor = { sub: 'agent', act: { sub: 'another' } }
    const decision = engine.decide(bearer(await as.token({ act: actor, jti: 'j', iat: 1_700_000_000 })))
    assert.equal(decision.decision, 'accept')
    assert.deepEqual([decision.reason, decision.number, decision.status, decision.passes], [null, 0, 200, true])
    assert.deepEqual([decision.scheme, decision.policy, decision.mode, decision.cache], ['Bearer', 'default', 'enforce', 'miss'])
    const { identity } = decision
    assert.equal(identity.kind, 'at+jwt')
    assert.equal(identity.issuer, ISSUER)
    assert.equal(identity.subject, 'alice')
    assert.equal(identity.client_id, 'shop')
    assert.equal(identity.scope, 'orders:read orders:write')
    assert.deepEqual(identity.audience, [AUDIENCE])
    assert.equal(identity.token_id, 'j')
    assert.equal(identity.key_id, as.kid)
    assert.match(identity.key_thumbprint, /^[\w-]{43}$/)
    assert.deepEqual(identity.actor, actor)
    assert.equal(identity.binding, 'none')
    assert.equal(identity.issued_at, 1_700_000_000)
    assert.ok(identity.expires_at > seconds())
    assert.equal(decision.identity, identity)
    assert.equal(JSON.parse(JSON.stringify(decision)).identity.subject, 'alice')
  })

  test('a refusal has its reason and its challenge, and never throws', async () => {
    const engine = await Countersign.create(document)
    const decision = engine.decide(get({}))
    assert.deepEqual([decision.decision, decision.reason, decision.number, decision.status, decision.passes], ['refuse', 'credential_missing', 1101, 401, false])
    assert.equal(decision.headers[0][0], 'www-authenticate')
    assert.match(decision.headers[0][1], /^Bearer/)
    assert.equal(decision.identity, null)
    assert.deepEqual(decision.credentials, {})
  })

  test('a decision owns what it says', async () => {
    const engine = await Countersign.create(document)
    const decisions = []
    for (let i = 0; i < 50; i++) decisions.push(engine.decide(bearer(await as.token({ sub: `user ${i}` }))))
    engine.decide(get({}))
    decisions.forEach((decision, i) => assert.equal(decision.identity.subject, `user ${i}`))
  })

  test('a request may have any form', async () => {
    const engine = await Countersign.create(document)
    const value = `Bearer ${await as.token()}`
    for (const headers of [
      { authorization: value },
      { Authorization: [value] },
      [['Authorization', value]],
      ['Host', 'x', 'AUTHORIZATION', value],
      new Headers({ authorization: value }),
      new Map([['authorization', value]]),
    ]) {
      const { reason } = engine.decide(get(headers))
      assert.equal(reason, null, JSON.stringify(headers))
    }
    assert.equal(engine.decide(new Request(URI, { headers: { authorization: value } })).reason, null)
    assert.equal(engine.decide(get(undefined)).reason, 'credential_missing')
  })

  test('repeated fields are seen', async () => {
    const engine = await Countersign.create(document)
    const value = `Bearer ${await as.token()}`
    assert.equal(engine.decide(get(['authorization', value, 'Authorization', value])).reason, 'credential_repeated')
    assert.equal(engine.decide(get({ authorization: [value, value] })).reason, 'credential_repeated')
    // The Fetch standard joins them: two tokens are none.
    const headers = new Headers([['authorization', value], ['authorization', value]])
    assert.equal(engine.decide(get(headers)).decision, 'refuse')
  })

  test('a proof is used once, and for its own request', async () => {
    const caller = await client()
    const engine = await Countersign.create(document, { proofsBeforeStart: 'accept' })
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const proof = await caller.proof(token)
    const accepted = engine.decide(dpop(token, proof))
    assert.equal(accepted.reason, null)
    assert.deepEqual([accepted.scheme, accepted.identity.binding, accepted.identity.bound_key], ['DPoP', 'dpop', caller.thumbprint])
    assert.equal(engine.decide(dpop(token, proof)).reason, 'proof_replayed')
    // The same client request, judged again.
    assert.equal(engine.decide(dpop(token, proof), { usedProof: accepted.usedProof }).reason, null)
    assert.equal(engine.decide(bearer(token)).reason, 'proof_missing')
    assert.equal(engine.decide(get({ authorization: `Bearer ${token}`, dpop: await caller.proof(token) })).reason, 'scheme_mismatch')
    assert.equal(engine.decide(dpop(token, await caller.proof(token), { method: 'POST' })).reason, 'proof_method_mismatch')
    assert.equal(engine.decide(dpop(token, await (await client()).proof(token))).reason, 'proof_key_mismatch')
  })

  test('proofs from before the start are refused, unless the caller says that no engine was there', async () => {
    const caller = await client()
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const engine = await Countersign.create(document)
    assert.equal(engine.decide(dpop(token, await caller.proof(token, { iat: seconds() - 5 }))).reason, 'proof_history_unknown')
    const other = await Countersign.create(document, { proofsBeforeStart: 'accept' })
    assert.equal(other.decide(dpop(token, await caller.proof(token, { iat: seconds() - 5 }))).reason, null)
  })

  test('a certificate is DER or its hash', async () => {
    const der = randomBytes(300)
    const sha256 = createHash('sha256').update(der).digest()
    const engine = await Countersign.create(document)
    const token = await as.token({ cnf: { 'x5t#S256': sha256.toString('base64url') } })
    assert.equal(engine.decide(bearer(token)).reason, 'certificate_missing')
    assert.equal(engine.decide(bearer(token, { clientCertificate: der })).identity.binding, 'mtls')
    assert.equal(engine.decide(bearer(token), { clientCertificate: { sha256 } }).reason, null)
    assert.equal(engine.decide(bearer(token, { clientCertificate: randomBytes(300) })).reason, 'certificate_mismatch')
  })

  test('the policy selects, and shadow mode lets pass', async () => {
    const two = { ...document, policies: { a: document.policies.default, b: { ...document.policies.default, scope: ['admin'], mode: 'shadow' } } }
    const engine = await Countersign.create(two)
    const request = bearer(await as.token())
    assert.equal(engine.decide(request, { policy: 'a' }).reason, null)
    const shadowed = engine.decide({ ...request, policy: 'b' })
    assert.deepEqual([shadowed.reason, shadowed.passes, shadowed.mode, shadowed.identity], ['scope_insufficient', true, 'shadow', null])
    throws(() => engine.decide(request), 'policy_unknown', /a, b/)
  })

  test('claims that the policy names are attributes, under any name', async () => {
    const engine = await Countersign.create(policy(as.jwks, { attributes: { tenant: '/tenant', roles: '/realm/roles', __proto__x: '/missing' } }))
    const { attributes } = engine.decide(bearer(await as.token({ tenant: 'é€😀', realm: { roles: ['a', { b: 1 }] } })))
    assert.deepEqual(attributes, { tenant: 'é€😀', roles: ['a', { b: 1 }] })
  })
})

describe('hostile input', () => {
  test('no header field throws', async () => {
    const engine = await Countersign.create(document)
    const token = await as.token()
    const odd = ['\u00e9', '\u20ac', '\ud800', '\0', '\n', ' '.repeat(100_000), 'x'.repeat(200_000), '.'.repeat(5000), '\u{1f600}'.repeat(1000)]
    for (const text of odd) {
      for (const value of [text, `Bearer ${text}`, `Bearer ${token}${text}`, `DPoP ${text}`, `${text}${token}`]) {
        for (const headers of [{ authorization: value }, { authorization: `DPoP ${token}`, dpop: value }, [[text, text], ['authorization', value]]]) {
          const decision = engine.decide(get(headers))
          assert.ok(decision.status === 200 || (decision.status >= 400 && decision.status < 500), `${decision.status} ${decision.reason}`)
        }
      }
      for (const request of [{ ...bearer(token), uri: text }, { ...bearer(token), method: text }, { ...bearer(token), uri: URI + text }]) {
        assert.doesNotThrow(() => engine.decide(request))
      }
    }
    assert.equal(engine.decide(bearer(token)).reason, null)
  })

  test('a character of a field is one byte, as it was received', async () => {
    const engine = await Countersign.create(document)
    const token = await as.token()
    assert.equal(engine.decide(bearer(`${token}\u00e9`)).reason, 'token_encoding')
    // The low byte of U+0141 is that of A: it must not become one.
    const place = token.indexOf('A', 20)
    if (place > 0) assert.notEqual(engine.decide(bearer(`${token.slice(0, place)}\u0141${token.slice(place + 1)}`)).reason, null)
  })

  test('ten thousand fields are read', async () => {
    const engine = await Countersign.create(policy(as.jwks, { credentials: [{ name: 'main', from: 'authorization', accept: ['at+jwt'] }, { name: 'txn', from: { header: 'txn-token' }, accept: ['at+jwt'] }] , accept: undefined }))
    const token = await as.token()
    const many = Array.from({ length: 10_000 }, (_, i) => [`x-${i}`, 'y'.repeat(50)])
    const decision = engine.decide(get([...many, ['authorization', `Bearer ${token}`], ['Txn-Token', token]]))
    assert.equal(decision.reason, null)
    assert.deepEqual(Object.keys(decision.credentials), ['main', 'txn'])
    assert.equal(decision.credentials.txn.subject, 'alice')
    assert.equal(engine.decide(get([['authorization', `Bearer ${token}`], ['txn_token', token]])).decision, 'refuse')
  })
})

describe('misuse throws', () => {
  test('requests', async () => {
    const engine = await Countersign.create(document)
    for (const request of [undefined, null, 7, {}, { method: 'GET' }, { method: 'GET', uri: 7 }, get('x'), get([['a']]), get(['a']), get({ authorization: 7 }), get({}, { clientCertificate: 'x' }), get({}, { clientCertificate: new Uint8Array() })]) {
      throws(() => engine.decide(request), 'request_invalid')
    }
    throws(() => engine.decide(get({}), { usedProof: new Uint8Array(3) }), 'request_invalid')
    for (const now of [-1, NaN, Infinity, 2 ** 60]) throws(() => engine.decide(get({}, { now })), 'options_invalid')
  })

  test('policies, with every fault', async () => {
    await assert.rejects(Countersign.create({ trust: [], policies: { default: { accept: ['x'], audience: [] } } }), (error) => {
      assert.equal(error.code, 'policy_faulty')
      assert.ok(error.faults.length > 1)
      for (const fault of error.faults) assert.deepEqual(Object.keys(fault), ['pointer', 'found', 'expected', 'message'])
      return error.faults.some(({ pointer }) => pointer.startsWith('/policies/default/'))
    })
    await rejects(Countersign.create('{'), 'policy_faulty')
    await rejects(Countersign.create(7), 'options_invalid')
    await rejects(Countersign.create(policy({ keys: 7 })), 'policy_faulty', /\/trust\/0/)
  })

  test('options', async () => {
    for (const options of [null, { unknown: 1 }, { now: 7 }, { store: {} }, { answerMilliseconds: 0 }, { proofsBeforeStart: 'x' }, { nonceKeys: {} }, { nonceKeys: { current: new Uint8Array(31) } }, { random: () => {} }]) {
      await rejects(Countersign.create(document, options), 'options_invalid')
    }
    throws(() => new Countersign(), 'options_invalid', /create/)
    await rejects(Countersign.create(document, { module: new Uint8Array(8) }), 'module_unavailable', /give it as/)
    // A module that imports what there is not.
    const other = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 97, 1, 98, 0, 0)
    await rejects(Countersign.create(document, { module: other }), 'module_unavailable', /cannot be started/)
    await rejects(Countersign.create(policy(as.jwks, { dpop: { shared_store: 'required' } })), 'options_invalid', /store/)
  })

  test('a policy that asks is not decided at once', async () => {
    const engine = await Countersign.create(policy(as.jwks, { body_digest: true }))
    throws(() => engine.decide(get({})), 'answers_needed')
  })

  test('a policy that needs more memory than there is', async () => {
    await rejects(Countersign.create({ ...document, memory: { replay_proofs: 134_217_728 } }), 'policy_faulty', /\/memory\/replay_proofs/)
  })

  test('an engine that failed decides nothing more', async () => {
    // A module of the same functions, of which `tables` answers what no call does.
    const names = ['input_at', 'input_length', 'numbers_at', 'numbers_length']
    const text = `(module (memory (export "memory") 1) (func (export "reserve") (param i32 i32)) (func (export "tables") (result i32) unreachable)
      ${names.map((name) => `(func (export "${name}") (result i32) (i32.const 64))`).join('\n')})`
    const { default: binaryen } = await import('binaryen')
    const module = WebAssembly.compile(binaryen.parseText(text).emitBinary())
    await rejects(Countersign.create(document, { module }), 'engine_failed', /make another one/)
  })
})

describe('what changes', () => {
  test('keys', async () => {
    const other = await issuer()
    const engine = await Countersign.create(document)
    const [old, fresh] = [bearer(await as.token()), bearer(await other.token())]
    assert.equal(engine.decide(old).reason, null)
    const unknown = engine.decide(fresh)
    assert.deepEqual([unknown.reason, unknown.refresh.issuer], ['key_unknown', ISSUER])
    const loaded = engine.updateTrust({ issuer: ISSUER }, other.jwks)
    assert.deepEqual([loaded.added, loaded.removed, loaded.kept], [1, 1, 0])
    assert.equal(engine.decide(fresh).reason, null)
    assert.equal(engine.decide(old).reason, 'key_unknown')
    throws(() => engine.updateTrust({ issuer: ISSUER }, '{'), 'trust_refused', /last good/)
    assert.equal(engine.decide(fresh).reason, null)
    engine.withdrawTrust({ issuer: ISSUER })
    assert.equal(engine.decide(fresh).reason, 'keys_stale')
    for (const authority of [{ issuer: 'x' }, { trustDomain: 'x' }, {}, undefined]) throws(() => engine.updateTrust(authority, '{}'), 'authority_unknown')
  })

  test('a dropped key is warned of', async () => {
    const warnings = []
    const engine = await Countersign.create(document, { onWarning: (line) => warnings.push(line) })
    const loaded = engine.updateTrust({ issuer: ISSUER }, { keys: [...as.jwks.keys, { kty: 'oct', k: 'AA', kid: 'odd' }] })
    assert.equal(loaded.dropped, 1)
    assert.ok(warnings.some((line) => line.includes('odd')), warnings.join())
    assert.ok(warnings.some((line) => line.includes('origin')), warnings.join())
  })

  test('revocations', async () => {
    const engine = await Countersign.create(document)
    const [token, other] = [await as.token({ jti: 'lost' }), await as.token({ sub: 'bob' })]
    assert.equal(engine.decide(bearer(token)).reason, null)
    engine.revoke({ authorities: [{ issuer: ISSUER, tokens: ['lost'] }] })
    assert.equal(engine.decide(bearer(token)).reason, 'token_revoked')
    engine.revoke({ authorities: [{ issuer: ISSUER, subjects: ['bob'] }] })
    assert.deepEqual([engine.decide(bearer(token)).reason, engine.decide(bearer(other)).reason], ['token_revoked', 'subject_revoked'])
    engine.revoke({ authorities: [] }, { replace: true })
    assert.equal(engine.decide(bearer(other)).reason, null)
    assert.equal(engine.revoke({ authorities: [{ issuer: 'https://other', tokens: ['x'] }] }).warnings.length, 1)
    throws(() => engine.revoke({ authoritys: [] }), 'revocations_faulty')
    engine.setRevocationsKnown(false)
    assert.equal(engine.decide(bearer(other)).reason, 'revocations_stale')
    engine.setRevocationsKnown({ until: seconds() + 60 })
    assert.equal(engine.decide(bearer(other)).reason, null)
    assert.equal(engine.decide(bearer(other, { now: seconds() + 61 })).reason, 'revocations_stale')
    engine.setRevocationsKnown(true)
    assert.equal(engine.decide(bearer(other, { now: seconds() + 61 })).reason, null)
    throws(() => engine.setRevocationsKnown('x'), 'options_invalid')
  })

  test('nonces of one key pass on every machine', async () => {
    const caller = await client()
    const current = randomBytes(32)
    const demanding = policy(as.jwks, { dpop: { nonce: 'required' } })
    const engines = await Promise.all([0, 1].map(() => Countersign.create(demanding, { nonceKeys: { current }, proofsBeforeStart: 'accept' })))
    const alone = await Countersign.create(demanding, { proofsBeforeStart: 'accept' })
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const asked = engines[0].decide(dpop(token, await caller.proof(token)))
    assert.equal(asked.reason, 'nonce_required')
    const nonce = new Map(asked.headers).get('dpop-nonce')
    const proof = await caller.proof(token, { nonce })
    assert.equal(alone.decide(dpop(token, proof)).reason, 'nonce_mismatch')
    assert.equal(engines[1].decide(dpop(token, proof)).reason, null)
    engines[1].setNonceKeys({ current: randomBytes(32), previous: current })
    assert.equal(engines[1].decide(dpop(token, await caller.proof(token, { nonce }))).reason, null)
    engines[1].setNonceKeys({ current: randomBytes(32) })
    assert.equal(engines[1].decide(dpop(token, await caller.proof(token, { nonce }))).reason, 'nonce_mismatch')
  })

  test('counters and audit records', async () => {
    const lines = []
    const engine = await Countersign.create(document, { onAudit: (line) => lines.push(JSON.parse(line)) })
    const token = await as.token()
    engine.decide(bearer(token))
    engine.decide(bearer(token))
    engine.decide(get({}))
    const counters = engine.counters()
    assert.deepEqual([counters.accepted, counters.refused, counters.cachedTokens, counters.waiting], [2, { credential_missing: 1 }, 1, 0])
    assert.ok(counters.replay.slots > 0)
    assert.deepEqual(lines.map(({ decision, reason, cache }) => [decision, reason, cache]), [['accept', undefined, 'miss'], ['accept', undefined, 'hit'], ['refuse', 'credential_missing', 'none']])
    assert.ok(!JSON.stringify(lines).includes(token.split('.')[2]))
  })

  test('every check is explained', async () => {
    const engine = await Countersign.create(document)
    const { decision, checks } = engine.explain(bearer(await as.token({ aud: 'https://other' })))
    assert.equal(decision.reason, 'audience_mismatch')
    assert.equal(JSON.parse(decision.audit).reason, 'audience_mismatch')
    const results = Object.fromEntries(checks.map(({ check, result }) => [check, result]))
    assert.deepEqual([results.signature, results.audience, results.proof_replay], ['passed', 'failed', 'not_reached'])
    assert.ok(checks.every(({ rule }) => rule.length > 0))
  })

  test('caches grow with use, and memory with them', async () => {
    const engine = await Countersign.create(document)
    const tokens = await Promise.all(Array.from({ length: 3000 }, () => as.token()))
    for (const token of tokens) assert.equal(engine.decide(bearer(token)).reason, null)
    assert.ok(engine.counters().cachedTokens > 1000, `${engine.counters().cachedTokens}`)
    assert.equal(engine.decide(bearer(tokens.at(-1))).cache, 'hit')
    while (engine.buildTables()) {}
    assert.equal(engine.decide(bearer(tokens[0])).reason, null)
  })

  test('files of the policy are read by the caller', async () => {
    const named = { ...document, trust: [{ issuer: ISSUER, jwks_file: 'keys/as.json' }] }
    const engine = await Countersign.create(named, { files: async (path) => (path === 'keys/as.json' ? JSON.stringify(as.jwks) : undefined) })
    assert.equal(engine.decide(bearer(await as.token())).reason, null)
    assert.deepEqual(engine.trustSources.map(({ issuer, document, at }) => [issuer, document, at]), [[ISSUER, 'file', 'keys/as.json']])
    const warnings = []
    const without = await Countersign.create(named, { onWarning: (line) => warnings.push(line) })
    assert.equal(without.decide(bearer(await as.token())).reason, 'keys_stale')
    assert.ok(warnings.some((line) => line.includes('keys/as.json')))
  })
})

describe('decisions that wait', () => {
  const shared = () => policy(as.jwks, { dpop: { shared_store: 'required' } })
  const made = (store, more) => Countersign.create(shared(), { store, proofsBeforeStart: 'accept', ...more })

  test('a shared store is asked last, and only about proofs that pass', async () => {
    const caller = await client()
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const asked = []
    const engine = await made({ useOnce: async (proof, seconds) => asked.push([proof, seconds]) === 1 })
    assert.equal((await engine.decideAsync(dpop(token, await caller.proof(token)))).reason, null)
    assert.match(asked[0][0], /^[\w-]{43}$/)
    assert.ok(asked[0][1] > 0)
    assert.equal((await engine.decideAsync(dpop(token, await caller.proof(token)))).reason, 'proof_replayed')
    assert.equal((await engine.decideAsync(dpop(token, await caller.proof(token, { htm: 'PUT' })))).reason, 'proof_method_mismatch')
    assert.equal((await engine.decideAsync(get({}))).reason, 'credential_missing')
    assert.equal(asked.length, 2)
  })

  test('a store that fails, or does not answer, refuses', async () => {
    const caller = await client()
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    let signal
    for (const useOnce of [
      async () => {
        throw new Error('down')
      },
      () => {
        throw new Error('down at once')
      },
      (_proof, _seconds, given) => {
        signal = given
        return new Promise(() => {})
      },
      async () => undefined,
      async () => 'OK',
    ]) {
      const engine = await made({ useOnce }, { answerMilliseconds: 50 })
      const decision = await engine.decideAsync(dpop(token, await caller.proof(token)))
      assert.deepEqual([decision.reason, decision.status], ['replay_store_unavailable', 503])
    }
    assert.equal(signal.aborted, true)
  })

  test('a client that goes gives its decision up', async () => {
    const caller = await client()
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const engine = await made({ useOnce: () => new Promise(() => {}) }, { answerMilliseconds: 60_000 })
    const abort = new AbortController()
    const waiting = engine.decideAsync(dpop(token, await caller.proof(token)), { signal: abort.signal })
    await pause(10)
    assert.equal(engine.counters().waiting, 1)
    abort.abort()
    assert.equal((await waiting).reason, 'decision_abandoned')
    assert.equal(engine.counters().waiting, 0)
  })

  test('decisions wait side by side', async () => {
    const caller = await client()
    const engine = await made({ useOnce: async () => (await pause(Math.random() * 20), true) })
    const requests = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const token = await as.token({ sub: `user ${i}`, cnf: { jkt: caller.thumbprint } })
      return dpop(token, await caller.proof(token))
    }))
    const decisions = await Promise.all(requests.map((request) => engine.decideAsync(request)))
    decisions.forEach((decision, i) => assert.equal(decision.identity.subject, `user ${i}`))
    assert.equal(engine.counters().waiting, 0)
  })

  test('what is revoked while a decision waits is refused', async () => {
    const caller = await client()
    const token = await as.token({ jti: 'gone', cnf: { jkt: caller.thumbprint } })
    let answer
    const engine = await made({ useOnce: () => new Promise((resolve) => (answer = resolve)) })
    const waiting = engine.decideAsync(dpop(token, await caller.proof(token)))
    await pause(10)
    engine.revoke({ authorities: [{ issuer: ISSUER, tokens: ['gone'] }] })
    answer(true)
    assert.equal((await waiting).reason, 'token_revoked')
  })

  test('an issuer is asked about a token that only it can read', async () => {
    const asked = []
    const document = {
      trust: [{ issuer: ISSUER, introspection: { uri: 'https://as.example/introspect' } }],
      policies: { default: { accept: [{ kind: 'introspected', issuer: ISSUER }], audience: [AUDIENCE] } },
    }
    let answer = { active: true, iss: ISSUER, sub: 'alice', aud: AUDIENCE, client_id: 'shop', exp: seconds() + 60 }
    const engine = await Countersign.create(document, {
      introspect: async ({ uri, token, source }) => {
        asked.push([uri, token, source.issuer])
        return answer
      },
    })
    assert.equal((await engine.decideAsync(bearer('opaque'))).identity.subject, 'alice')
    assert.deepEqual(asked, [['https://as.example/introspect', 'opaque', ISSUER]])
    answer = { active: false }
    assert.equal((await engine.decideAsync(bearer('other'))).reason, 'token_inactive')
    for (const failed of [null, undefined, 'x'.repeat(70_000)]) {
      answer = failed
      assert.equal((await engine.decideAsync(bearer(`opaque-${asked.length}`))).reason, 'introspection_unavailable')
    }
  })

  test('the body in any form', async () => {
    const engine = await Countersign.create(policy(as.jwks, { body_digest: true, body_bytes: 1000 }))
    const authorization = `Bearer ${await as.token()}`
    const digest = createHash('sha256').update('hello').digest('base64url')
    const stream = () => new Response('hello').body
    for (const body of ['hello', new TextEncoder().encode('hello'), stream(), (async function* () { yield 'hel'; yield Buffer.from('lo') })(), [Buffer.from('hello')]]) {
      const decision = await engine.decideAsync({ method: 'POST', uri: URI, headers: { authorization }, body })
      assert.deepEqual([decision.reason, decision.bodyDigest], [null, digest])
    }
    const request = new Request(URI, { method: 'POST', body: 'hello', headers: { authorization } })
    assert.equal((await engine.decideAsync(request)).bodyDigest, digest)
    // The handler still has it, and what was read before cannot be judged.
    assert.equal(await request.text(), 'hello')
    await rejects(engine.decideAsync(request), 'body_unavailable')
    let pulled = 0
    const endless = (async function* () { for (;;) { pulled += 1; yield new Uint8Array(400) } })()
    assert.equal((await engine.decideAsync({ method: 'POST', uri: URI, headers: { authorization }, body: endless })).reason, 'body_too_large')
    assert.ok(pulled < 10)
    const broken = (async function* () { yield 'x'; throw new Error('reset') })()
    assert.equal((await engine.decideAsync({ method: 'POST', uri: URI, headers: { authorization }, body: broken })).reason, 'decision_abandoned')
  })

  test('tools', async () => {
    const engine = await Countersign.create(policy(as.jwks, { tools: [{ name: 'search.*' }] }))
    const authorization = `Bearer ${await as.token()}`
    const call = (name) => engine.decideAsync({ method: 'POST', uri: URI, headers: { authorization }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }) })
    const accepted = await call('search.web')
    assert.deepEqual([accepted.reason, accepted.tool, accepted.rpcMethod], [null, 'search.web', 'tools/call'])
    const refused = await call('delete.all')
    assert.deepEqual([refused.reason, refused.tool], ['tool_refused', 'delete.all'])
  })
})

test('CommonJS has the same API, and neither touches globals', async () => {
  const before = new Set(Object.getOwnPropertyNames(globalThis))
  const required = createRequire(import.meta.url)('countersign')
  const imported = await import('countersign')
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort())
  const engine = await required.Countersign.create(document)
  assert.equal(engine.decide(bearer(await as.token())).reason, null)
  assert.deepEqual(Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name)), [])
  assert.equal(Object.isFrozen(ERROR_NUMBERS), true)
})

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'

import { Countersign } from 'countersign'
import { memoryStore, redisStore } from 'countersign/replay'
import { createClient } from 'redis'

import { client, dpop, issuer, policy } from './lib/issuer.mjs'

const SHARED = { dpop: { shared_store: 'required' } }

describe('a store in memory', () => {
  test('knows a proof as long as it must, and refuses when it is full', async () => {
    let now = 1000
    const store = memoryStore({ most: 2, now: () => now })
    assert.equal(await store.useOnce('a', 10), true)
    assert.equal(await store.useOnce('a', 10), false)
    assert.equal(await store.useOnce('b', 100), true)
    assert.equal(await store.useOnce('c', 10), undefined)
    now = 1010
    assert.equal(await store.useOnce('c', 10), true)
    assert.equal(await store.useOnce('b', 10), false)
    assert.equal(store.size, 2)
  })

  test('is shared by engines of one process', async () => {
    const [as, caller] = [await issuer(), await client()]
    const store = memoryStore()
    const engines = await Promise.all([0, 1].map(() => Countersign.create(policy(as.jwks, SHARED), { store, proofsBeforeStart: 'accept' })))
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const request = dpop(token, await caller.proof(token))
    const reasons = await Promise.all(engines.map(async (engine) => (await engine.decideAsync(request)).reason))
    assert.deepEqual(reasons.sort(), ['proof_replayed', null].sort())
  })
})

describe('redis', () => {
  let port
  let folder
  let server
  let redis
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-js-'))
    port = await freePort()
    server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
    redis = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: (tries) => Math.min(50 * tries, 500) } })
    redis.on('error', () => undefined)
    await redis.connect()
  })
  after(async () => {
    redis.destroy()
    server.kill()
    await once(server, 'exit')
    rmSync(folder, { recursive: true })
  })

  test('of eight processes that get one proof at the same moment, exactly one accepts it', async () => {
    const [as, caller] = [await issuer(), await client()]
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const request = dpop(token, await caller.proof(token))
    const given = JSON.stringify({ document: policy(as.jwks, SHARED), request, url: `redis://127.0.0.1:${port}`, at: Date.now() + 3000 })
    const run = promisify(execFile)
    const answers = await Promise.all(Array.from({ length: 8 }, () => run(process.execPath, ['lib/one_process.mjs', given])))
    const reasons = answers.map(({ stdout }) => stdout.trim())
    assert.equal(reasons.filter((reason) => reason === 'null').length, 1, reasons.join())
    assert.equal(reasons.filter((reason) => reason === 'proof_replayed').length, 7, reasons.join())
    const [key] = await redis.keys('countersign:proof:*')
    assert.ok((await redis.ttl(key)) > 30)
  })

  test('a store that is down refuses with 503, and is asked again when it is there', async () => {
    const [as, caller] = [await issuer(), await client()]
    const engine = await Countersign.create(policy(as.jwks, SHARED), { store: redisStore(redis), proofsBeforeStart: 'accept', answerMilliseconds: 200 })
    const token = await as.token({ cnf: { jkt: caller.thumbprint } })
    const ask = async () => engine.decideAsync(dpop(token, await caller.proof(token)))
    assert.equal((await ask()).reason, null)
    server.kill('SIGSTOP')
    const stopped = await ask()
    server.kill('SIGCONT')
    assert.deepEqual([stopped.reason, stopped.status], ['replay_store_unavailable', 503])
    assert.equal((await ask()).reason, null)
    assert.throws(() => redisStore({}), { code: 'options_invalid' })
  })
})

async function freePort() {
  const socket = net.createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

// The programs of `examples/js`, which the pages show.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

import { AUDIENCE, client, issuer } from './lib/issuer.mjs'

let as
let server
let env
before(async () => {
  as = await issuer()
  server = http.createServer((_, response) => response.end(JSON.stringify(as.jwks)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  env = { ...process.env, ISSUER_AT: `http://127.0.0.1:${server.address().port}` }
})
after(() => {
  server.closeAllConnections()
  server.close()
})

const node = (file, ...args) => ['--import', './lib/reach.mjs', `examples/${file}`, ...args]

async function freePort() {
  const socket = net.createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** Runs a server of the examples while `use` asks it. */
async function serving(file, use) {
  const port = await freePort()
  const child = spawn(process.execPath, node(file), { env: { ...env, PORT: port }, stdio: ['ignore', 'inherit', 'inherit'] })
  try {
    const url = `http://127.0.0.1:${port}/orders`
    for (let i = 0; i < 200; i++) {
      try {
        await fetch(url)
        break
      } catch {
        await pause(50)
      }
    }
    await use(url)
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

const authorized = async (claims) => ({ headers: { authorization: `Bearer ${await as.token(claims)}` } })

for (const file of ['express.mjs', 'fastify.mjs', 'hono.mjs']) {
  test(file, () =>
    serving(file, async (url) => {
      const response = await fetch(url, await authorized())
      assert.deepEqual([response.status, await response.text()], [200, 'hello alice'])
      assert.equal((await fetch(url)).status, 401)
      assert.equal((await fetch(url, await authorized({ scope: 'other' }))).status, 403)
    }),
  )
}

test('mcp.mjs', () =>
  serving('mcp.mjs', async (url) => {
    const mcp = new Client({ name: 'test', version: '1.0.0' })
    await mcp.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: await authorized() }))
    assert.equal((await mcp.callTool({ name: 'whoami' })).content[0].text, 'alice')
    await mcp.close()
  }))

test('decide.mjs', async () => {
  const run = async (...headers) => (await promisify(execFile)(process.execPath, node('decide.mjs', 'GET', '/orders', ...headers), { env })).stdout
  assert.equal(await run('authorization', `Bearer ${await as.token()}`), 'accept alice\n')
  assert.match(await run(), /^401 credential_missing/)
})

describe('in this process', () => {
  test('worker.mjs', async () => {
    Object.assign(process.env, { ISSUER_AT: env.ISSUER_AT })
    const before = globalThis.fetch
    await import('./lib/reach.mjs')
    try {
      const { default: worker } = await import('./examples/worker.mjs')
      const response = await worker.fetch(new Request(`${AUDIENCE}/orders`, await authorized()))
      assert.deepEqual([response.status, await response.text()], [200, 'hello alice'])
      assert.equal((await worker.fetch(new Request(`${AUDIENCE}/orders`))).status, 401)
    } finally {
      globalThis.fetch = before
    }
  })

  test('replay.mjs', async () => {
    const { start } = await import('./examples/replay.mjs')
    const port = await freePort()
    const redis = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
    const policy = { trust: [{ issuer: 'https://as.example', jwks: as.jwks }], policies: { default: { accept: ['at+jwt'], audience: [AUDIENCE], dpop: { shared_store: 'required' } } } }
    const machines = await Promise.all([0, 1].map(() => start(policy, `redis://127.0.0.1:${port}`)))
    try {
      const caller = await client()
      const token = await as.token({ cnf: { jkt: caller.thumbprint } })
      // A proof from before the start of an engine is refused by it.
      await pause(6500)
      const request = { method: 'GET', uri: `${AUDIENCE}/orders`, headers: { authorization: `DPoP ${token}`, dpop: await caller.proof(token) } }
      assert.equal((await machines[0].decide(request)).reason, null)
      assert.equal((await machines[1].decide(request)).reason, 'proof_replayed')
    } finally {
      machines.forEach(({ stop }) => stop())
      redis.kill()
      await once(redis, 'exit')
    }
  })
})

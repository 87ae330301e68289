// The tarball, installed into an empty folder: nothing else is there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

const folder = dirname(createRequire(import.meta.url).resolve('countersign/package.json'))

const ENTRIES = ['express', 'fastify', 'fetch', 'hono', 'index', 'mcp', 'replay', 'trust']
const SHARED = ['decision', 'engine', 'errors', 'guard-options', 'instance', 'native', 'node-request', 'request']
const TYPES = [...ENTRIES, 'generated', 'guard-options']

const FILES = [
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'countersign.wasm',
  'package.json',
  'sbom.cdx.json',
  'module.node.js',
  'module.web.js',
  'module.workerd.js',
  'cjs/package.json',
  'cjs/module.js',
  ...[...ENTRIES, ...SHARED].flatMap((name) => [`${name}.js`, `cjs/${name}.js`]),
  ...TYPES.flatMap((name) => [`${name}.d.ts`, `cjs/${name}.d.ts`]),
]

const files = readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile())

test('the files are these and no others', () => {
  assert.deepEqual(files.toSorted(), FILES.toSorted())
})

test('it depends on nothing, and nothing runs when it is installed', () => {
  const { dependencies, peerDependencies, optionalDependencies, scripts, engines } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  assert.deepEqual([dependencies, peerDependencies, optionalDependencies, scripts], [undefined, undefined, undefined, undefined])
  assert.equal(engines.node, '>=20')
  assert.deepEqual(readdirSync('node_modules').filter((name) => !name.startsWith('.')), ['countersign'])
})

test('no file holds a path of the machine that built it', () => {
  const places = [process.env.COUNTERSIGN_ROOT, homedir(), '.cargo/registry', 'index.crates.io', 'rustc/']
  for (const name of files) {
    const text = readFileSync(join(folder, name), 'latin1')
    for (const place of places) assert.ok(!text.includes(place), `${name} holds ${place}`)
  }
})

test('the bill of materials names what is compiled into the module', () => {
  const { specVersion, components, dependencies } = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8'))
  assert.equal(specVersion, '1.6')
  const names = components.map(({ name }) => name)
  for (const name of ['countersign', 'p256', 'p384', 'p521', 'sha2', 'curve25519-dalek', 'dlmalloc']) assert.ok(names.includes(name), name)
  // What only builds or tests it is none of it.
  for (const name of ['autocfg', 'rustc_version', 'ring', 'proptest']) assert.ok(!names.includes(name), name)
  for (const { licenses, name } of components) assert.ok(licenses?.[0].expression, `${name} has no licence`)
  const known = new Set(dependencies.map(({ ref }) => ref))
  assert.ok(dependencies.every(({ dependsOn }) => dependsOn.every((ref) => known.has(ref))))
})

test('the module stays below its limit, and imports one function', async () => {
  const bytes = readFileSync(join(folder, 'countersign.wasm'))
  const gzipped = gzipSync(bytes, { level: 9 }).length
  assert.ok(gzipped <= 250 * 1024, `${gzipped} bytes`)
  const module = await WebAssembly.compile(bytes)
  assert.deepEqual(WebAssembly.Module.imports(module).map(({ module, name, kind }) => [module, name, kind]), [['host', 'verify', 'function']])
})

test('every entry point loads, by import and by require', async () => {
  const require = createRequire(import.meta.url)
  for (const name of ENTRIES) {
    const entry = name === 'index' ? 'countersign' : `countersign/${name}`
    assert.deepEqual(Object.keys(require(entry)).sort(), Object.keys(await import(entry)).sort(), entry)
  }
})

test('the same sources make the same tarball', () => {
  const hash = () => execFileSync('sha256sum', ['../countersign.tgz'], { encoding: 'utf8' }).split(' ')[0]
  const first = hash()
  execFileSync(join(process.env.COUNTERSIGN_ROOT, 'wasm/js/build'), ['../countersign.tgz'], { stdio: 'ignore' })
  assert.equal(hash(), first)
})

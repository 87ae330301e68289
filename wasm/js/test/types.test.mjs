import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const folder = dirname(createRequire(import.meta.url).resolve('countersign/package.json'))

const run = (name, ...parameters) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('node_modules', name), ...parameters], { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

test('programs compile under strict, and wrong ones do not', () => {
  const { status, text } = run('typescript/bin/tsc', '--project', 'types')
  assert.equal(status, 0, text)
  assert.ok(readFileSync('types/use.ts', 'utf8').split('@ts-expect-error').length > 8)
})

test('publint has nothing to say', async () => {
  const { messages, pkg } = await publint({ pkgDir: folder, strict: true })
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), [])
})

test('are the types wrong? No', () => {
  const tarball = join('..', 'countersign.tgz')
  const { status, text } = run('@arethetypeswrong/cli/dist/index.js', tarball, '--format', 'ascii', '--no-emoji', '--exclude-entrypoints', './countersign.wasm')
  assert.equal(status, 0, text)
  assert.match(text, /No problems found/)
})

test('types and modules are there for each other', () => {
  const names = readdirSync(folder)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const [entry, conditions] of Object.entries(exports)) {
    for (const files of typeof conditions === 'string' ? [{ default: conditions }] : Object.values(conditions)) {
      for (const file of Object.values(files)) assert.ok(readFileSync(join(folder, file)).length > 0, `${entry}: ${file}`)
    }
  }
  assert.ok(names.includes('index.d.ts'))
})

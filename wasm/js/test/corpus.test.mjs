import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Countersign } from 'countersign'

import { BEYOND, run, vectors } from './lib/corpus.mjs'

for (const signatures of ['native', 'module']) test(`the whole decision corpus comes out as Rust has it, signatures by ${signatures}`, async (context) => {
  const all = vectors()
  const faults = []
  const differing = []
  let accepted = 0
  for (const vector of all) {
    const found = await run(vector, Countersign, { signatures })
    if (BEYOND.includes(vector.path)) differing.push(found.length > 0 && vector.path)
    else faults.push(...found)
    accepted += vector.content.steps.filter(({ expect }) => expect?.decision === 'accept').length
  }
  context.diagnostic(`${all.length} vectors, ${accepted} acceptances; ${BEYOND.length} vectors are beyond the package`)
  assert.deepEqual(differing.sort(), [...BEYOND].sort())
  assert.deepEqual(faults, [])
  assert.ok(all.length >= 900, `only ${all.length} vectors`)
  assert.ok(accepted >= 200, `only ${accepted} acceptances`)
})

test('a wrong expectation is noticed in every vector', async () => {
  let unnoticed = 0
  for (const vector of vectors().slice(0, 100)) {
    const content = structuredClone(vector.content)
    for (const { expect } of content.steps) if (expect?.decision) expect.decision = expect.decision === 'accept' ? 'refuse' : 'accept'
    if ((await run({ ...vector, content }, Countersign)).length === 0) unnoticed += 1
  }
  assert.equal(unnoticed, 0)
})

// The engine of the examples: the policy document beside this file, with keys that are kept fresh.

import { readFile } from 'node:fs/promises'

import { Countersign } from 'countersign'
import { keepTrust } from 'countersign/trust'

export async function start(options) {
  const policy = await readFile(new URL('policy.json', import.meta.url))
  const engine = await Countersign.create(policy, { onWarning: console.warn, ...options })
  await keepTrust(engine, { onError: console.error }).ready
  return engine
}

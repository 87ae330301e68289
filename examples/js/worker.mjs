// A worker at the edge, for Deno and for Bun: the default export has `fetch`.

import { Countersign } from 'countersign'
import { guard } from 'countersign/fetch'
import { keepTrust } from 'countersign/trust'

import policy from './policy.json' with { type: 'json' }

async function start() {
  const engine = await Countersign.create(policy)
  await keepTrust(engine).ready
  return engine
}

export default {
  fetch: guard(start, (request, decision) => new Response(`hello ${decision.identity.subject}`)),
}

// A worker at the edge: an API behind the guard, and the corpus, a vector for each request.

import { Countersign } from 'countersign'
import { guard } from 'countersign/fetch'

import { runVector } from '../lib/vector.mjs'

let policy

const api = guard(
  // Once, in the first request: only then there are random numbers.
  () => Countersign.create(policy, { proofsBeforeStart: 'accept' }),
  (_request, decision) => Response.json({ subject: decision.identity.subject, binding: decision.identity.binding }),
)

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === '/vector') return Response.json(await runVector(await request.json(), Countersign))
    policy ??= env.POLICY
    return api(request)
  },
}

// A server of Deno behind the guard.

import { Countersign } from 'countersign'
import { guard } from 'countersign/fetch'

const [policy] = Deno.args
const engine = Countersign.create(policy, { proofsBeforeStart: 'accept' })
const handler = guard(engine, (_request, decision) => Response.json({ subject: decision.identity.subject, binding: decision.identity.binding }))
Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(port) }, handler)

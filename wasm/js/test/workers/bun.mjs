// A server of Bun behind the guard.

import { Countersign } from 'countersign'
import { guard } from 'countersign/fetch'

const [policy] = process.argv.slice(2)
const engine = Countersign.create(policy, { proofsBeforeStart: 'accept' })
const fetch = guard(engine, (_request, decision) => Response.json({ subject: decision.identity.subject, binding: decision.identity.binding }))
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch })
console.log(server.port)

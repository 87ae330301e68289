// Decides one request: `node decide.mjs METHOD URI NAME VALUE [NAME VALUE]`.

import { start } from './engine.mjs'

const [method, uri, ...headers] = process.argv.slice(2)
const engine = await start()
const decision = engine.decide({ method, uri, headers })
if (decision.decision === 'accept') console.log('accept', decision.identity.subject)
else console.log(decision.status, decision.reason, decision.headers)

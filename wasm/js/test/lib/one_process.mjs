// One server of several: judges one request at a given moment, and prints the reason.

import { Countersign } from 'countersign'
import { redisStore } from 'countersign/replay'
import { createClient } from 'redis'

const { document, request, url, at } = JSON.parse(process.argv[2])
const client = createClient({ url })
await client.connect()
const engine = await Countersign.create(document, { store: redisStore(client), proofsBeforeStart: 'accept' })
await new Promise((resolve) => setTimeout(resolve, at - Date.now()))
console.log(`${(await engine.decideAsync(request)).reason}`)
client.destroy()

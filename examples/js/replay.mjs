// One store of used proofs for every process and machine.

import { createClient } from 'redis'
import { Countersign } from 'countersign'
import { redisStore } from 'countersign/replay'

export async function start(policy, url) {
  const client = createClient({ url })
  client.on('error', console.error)
  await client.connect()
  const engine = await Countersign.create(policy, { store: redisStore(client) })
  return { decide: (request) => engine.decideAsync(request), stop: () => client.destroy() }
}

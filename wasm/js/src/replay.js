// Stores of used DPoP proofs, for policies with `"shared_store": "required"`.

import { CountersignError } from './errors.js'

// A full walk at most this often, whatever clients send.
const SWEEP_SECONDS = 10

/** A store over a client of Redis or Valkey: that of `redis` (version 4 and later) or `ioredis`. One round trip for each proof. */
export function redisStore(client, { prefix = 'countersign:proof:' } = {}) {
  if (typeof client?.set !== 'function') throw new CountersignError('options_invalid', 'the client has no method set')
  // `ioredis` takes words in place of an object; it alone has a method of this name.
  const isIoredis = typeof client.defineCommand === 'function'
  return {
    async useOnce(proof, seconds) {
      const key = prefix + proof
      const answer = isIoredis ? await client.set(key, '1', 'EX', seconds, 'NX') : await client.set(key, '1', { NX: true, EX: seconds })
      // Any other answer is none: then the request is refused as the store's fault.
      return answer === 'OK' ? true : answer === null ? false : undefined
    },
  }
}

/** A store in the memory of one process, which engines in it share. A full one answers nothing, so requests are refused. */
export function memoryStore({ most = 1_000_000, now = () => Date.now() / 1000 } = {}) {
  const until = new Map()
  let sweepAt = 0
  const sweep = (moment) => {
    for (const [proof, end] of until) if (end <= moment) until.delete(proof)
    sweepAt = moment + SWEEP_SECONDS
  }
  return {
    async useOnce(proof, seconds) {
      const moment = now()
      const end = until.get(proof)
      if (end !== undefined && end > moment) return false
      if (moment >= sweepAt) sweep(moment)
      if (until.size >= most) return undefined
      until.set(proof, moment + seconds)
      return true
    },
    get size() {
      return until.size
    },
  }
}

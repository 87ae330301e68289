// Signatures by the library behind Node's `crypto`, where no table of the module answers: several times faster than WebAssembly, and synchronous.

import { constants, createPublicKey, verify } from 'node:crypto'

const PSS = constants.RSA_PKCS1_PSS_PADDING

/** Each algorithm with its hash and the options for Node. Ed25519 is the module's: libraries differ about odd points. */
const ALGORITHMS = {
  ES256: ['sha256', { dsaEncoding: 'ieee-p1363' }],
  ES384: ['sha384', { dsaEncoding: 'ieee-p1363' }],
  ES512: ['sha512', { dsaEncoding: 'ieee-p1363' }],
  RS256: ['sha256', {}],
  RS384: ['sha384', {}],
  RS512: ['sha512', {}],
  // RFC 7518 §3.5: the salt is as long as the hash.
  PS256: ['sha256', { padding: PSS, saltLength: 32 }],
  PS384: ['sha384', { padding: PSS, saltLength: 48 }],
  PS512: ['sha512', { padding: PSS, saltLength: 64 }],
}

/** Keys that were imported, by their DER; the oldest goes where a new one has no room. */
const KEYS = 256
const keys = new Map()

function imported(der) {
  const name = Buffer.from(der).toString('latin1')
  let key = keys.get(name)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
    if (keys.size >= KEYS) keys.delete(keys.keys().next().value)
    keys.set(name, key)
  }
  return key
}

/**
 * The check that the module asks. The module has looked before whether key and algorithm belong together, and whether the signature has the form
 * of its algorithm; what cannot be imported here holds no signature.
 */
function check(algorithm, der, message, signature) {
  const [hash, how] = ALGORITHMS[algorithm]
  try {
    return verify(hash, message, { key: imported(der), ...how }, signature)
  } catch {
    return false
  }
}

// Deno and Bun have modules of this name of their own, with which the corpus is not run.
const isNode = globalThis.Deno === undefined && globalThis.Bun === undefined

export const signatures = isNode ? { algorithms: Object.keys(ALGORITHMS), check } : null

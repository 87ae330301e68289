// Tokens and proofs, made with `jose`.

import { createHash, randomUUID } from 'node:crypto'

import { SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'

export const ISSUER = 'https://as.example'
export const AUDIENCE = 'https://api.example'
export const URI = 'https://api.example/orders'

export const seconds = () => Math.floor(Date.now() / 1000)

/** An issuer with one key. */
export async function issuer(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: algorithm }
  const token = (claims = {}, { typ = 'at+jwt' } = {}) =>
    new SignJWT({ iss: ISSUER, sub: 'alice', aud: AUDIENCE, client_id: 'shop', scope: 'orders:read orders:write', jti: randomUUID(), iat: seconds(), exp: seconds() + 600, ...claims })
      .setProtectedHeader({ alg: algorithm, typ, kid: jwk.kid })
      .sign(privateKey)
  return { jwks: { keys: [jwk] }, kid: jwk.kid, token }
}

/** A client with a key of its own. */
export async function client(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const proof = (token, claims = {}) =>
    new SignJWT({ jti: randomUUID(), htm: 'GET', htu: URI, iat: seconds(), ath: createHash('sha256').update(token).digest('base64url'), ...claims })
      .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk })
      .sign(privateKey)
  return { thumbprint: await calculateJwkThumbprint(jwk), proof, privateKey, publicKey }
}

/** A policy document with one policy. */
export const policy = (jwks, more = {}, trust = {}) => ({
  trust: [{ issuer: ISSUER, jwks, ...trust }],
  policies: { default: { accept: ['at+jwt'], audience: [AUDIENCE], ...more } },
})

export const get = (headers, more = {}) => ({ method: 'GET', uri: URI, headers, ...more })
export const bearer = (token, more) => get({ authorization: `Bearer ${token}` }, more)
export const dpop = (token, proof, more) => get({ authorization: `DPoP ${token}`, dpop: proof }, more)

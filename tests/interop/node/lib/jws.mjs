// Two ways to a compact JWS: `sign` lets the library `jose` make it, `forge` makes what a library refuses to.
import { constants, createHash, sign as signBytes } from 'node:crypto';

import { CompactSign, base64url } from 'jose';

const bytes = (value) =>
  value instanceof Uint8Array ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

export const encode = (value) => base64url.encode(bytes(value));
export const decode = (text) => Buffer.from(base64url.decode(text));
export const sha256 = (value) => createHash('sha256').update(value).digest();

/** Members set to `undefined` are left out, so a case can drop one. Text and bytes are taken as they are. */
export async function sign(signer, header, payload) {
  return new CompactSign(bytes(payload)).setProtectedHeader(JSON.parse(JSON.stringify(header))).sign(signer.privateKey);
}

/** Signs with the signer's own algorithm, whatever the header says. */
export const forge = (signer, header, payload) => forgeParts(signer, [encode(header), encode(payload)]);

/** Signs two parts as they are, however they are encoded. */
export function forgeParts(signer, parts) {
  const input = parts.join('.');
  return `${input}.${encode(rawSignature(signer, input))}`;
}

function rawSignature({ alg, privateKey: key }, input) {
  const hash = `sha${alg.slice(2)}`;
  switch (alg.slice(0, 2)) {
    case 'RS':
      return signBytes(hash, Buffer.from(input), key);
    case 'PS':
      return signBytes(hash, Buffer.from(input), {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
    case 'ES':
      return signBytes(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    default:
      return signBytes(null, Buffer.from(input), key);
  }
}

/** The token with its parts changed: `change` gets [header, payload, signature] as text and returns the new parts. */
export const reframe = (token, change) => change(token.split('.')).join('.');

/** The token with its signature's bytes changed. */
export const resign = (token, change) =>
  reframe(token, ([header, payload, signature]) => [header, payload, encode(change(decode(signature)))]);

export function flipBit(signature) {
  const flipped = Buffer.from(signature);
  flipped[flipped.length >> 1] ^= 1;
  return flipped;
}

const ORDER_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other valid ES256 signature of the same message: (r, n-s). */
export function twinP256(signature) {
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`);
  const other = (ORDER_P256 - s).toString(16).padStart(64, '0');
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')]);
}

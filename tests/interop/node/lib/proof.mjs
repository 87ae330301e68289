// DPoP proofs made with `jose`, and by hand where a library would refuse. Rows of `groups/dpop.mjs` change one thing.
import { randomUUID } from 'node:crypto';

import { calculateJwkThumbprint } from 'jose';

import { encode, forge, sha256, sign } from './jws.mjs';
import { world } from './world.mjs';

/** RFC 9449 §4.2: the URI without query and fragment. */
export const htu = world.uri.replace(/[?#].*/, '');

export const ath = (token) => encode(sha256(token));

export class Prover {
  constructor(signer, token) {
    this.signer = signer;
    this.accessToken = token;
  }

  header(change = {}) {
    return { alg: this.signer.alg, typ: 'dpop+jwt', jwk: this.signer.jwk, ...change };
  }

  claims(change = {}) {
    return { jti: randomUUID(), htm: world.method, htu, iat: world.now, ath: ath(this.accessToken), ...change };
  }

  proof({ header, claims, signer = this.signer } = {}) {
    return sign(signer, this.header(header), this.claims(claims));
  }

  forge({ header = this.header(), payload = this.claims(), signer = this.signer } = {}) {
    return forge(signer, header, payload);
  }
}

export const thumbprint = (signer) => calculateJwkThumbprint(signer.jwk);

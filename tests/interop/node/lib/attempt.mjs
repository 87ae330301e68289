// What an attack gets: one token kind, one signer, and the means to make a token with one thing changed.
import { forge, sign } from './jws.mjs';

export class Attempt {
  constructor(kind, signer, trust) {
    this.kind = kind;
    this.signer = signer;
    this.trust = trust; // { domain, odd }: the other keys of the group, see groups/jose.mjs
  }

  header(change = {}) {
    return { alg: this.signer.alg, kid: this.signer.kid, ...this.kind.header, ...change };
  }

  claims(change = {}) {
    return { ...this.kind.claims, ...change };
  }

  /** Signed by the library. */
  token({ header, claims, signer = this.signer } = {}) {
    return sign(signer, this.header(header), this.claims(claims));
  }

  /** Signed by hand: header and payload may be text or bytes, and no library has a say. */
  forge({ header = this.header(), payload = this.claims(), signer = this.signer } = {}) {
    return forge(signer, header, payload);
  }

  /** The claims as JSON text with raw text put in front, for what an object cannot hold: duplicates, 1e400. */
  rawClaims(raw, change = {}) {
    return `{${raw},${JSON.stringify(this.claims(change)).slice(1)}`;
  }
}

/**
 * One row of an attack table. `reason` null means that the token must be accepted. `make` gives a token, or the parts
 * of a request. `each` rows run for every algorithm, the others once per kind: the part they change has no algorithm.
 */
export const row = (name, reason, why, make, { each = false, only = () => true } = {}) => ({
  name,
  reason,
  why,
  make,
  each,
  only,
});

// The wrong key, the wrong signature, or a key that the bundle should not have.
import { row } from '../lib/attempt.mjs';
import { decode, encode, flipBit, forge, reframe, resign, twinP256 } from '../lib/jws.mjs';
import { world } from '../lib/world.mjs';

const withKid = (kid) => (attempt) => attempt.token({ header: { kid } });
const signature = (change) => async (attempt) => resign(await attempt.token(), change);
const algorithm = (pattern) => ({ only: ({ signer }) => pattern.test(signer.alg), each: true });

const kid = [
  row('kid-unknown', 'key_unknown', 'no such key', withKid('nobody'), { each: true }),
  row('kid-case', 'key_unknown', 'an exact match', (a) => withKid(a.signer.kid.toUpperCase())(a)),
  row('kid-path', 'key_unknown', 'opaque, never a path', withKid('../../../dev/null')),
  row('kid-nul', 'key_unknown', 'opaque, no terminator', (a) => withKid(`${a.signer.kid}\0`)(a)),
  row('kid-number', 'claim_invalid', 'a string', withKid(5)),
  row('kid-list', 'claim_invalid', 'a string', (a) => withKid([a.signer.kid])(a)),
  row('kid-absent', 'key_unknown', 'no key is guessed', withKid(undefined), {
    only: ({ kind }) => kind.name === 'jwt-svid',
  }),
  row('kid-absent', null, 'optional (RFC 7515 §4.1.4): one key of the issuer fits', withKid(undefined), {
    only: ({ kind }) => kind.name !== 'jwt-svid',
  }),
  row('kid-empty', ['key_unknown', 'claim_invalid'], 'empty is not absent', withKid('')),
];

const broken = [
  row('signature-flipped', 'signature_invalid', 'one bit', signature(flipBit), { each: true }),
  row(
    'signature-short',
    'signature_invalid',
    'one byte less',
    signature((s) => s.subarray(0, -1)),
    { each: true },
  ),
  row(
    'signature-long',
    'signature_invalid',
    'one byte more',
    signature((s) => Buffer.concat([Buffer.alloc(1), s])),
    { each: true },
  ),
  row(
    'signature-zero',
    'signature_invalid',
    'CVE-2022-21449 for ECDSA',
    signature((s) => Buffer.alloc(s.length)),
    { each: true },
  ),
  row(
    'signature-stripped',
    'signature_invalid',
    'RFC 8017 §8: as long as the modulus',
    stripped,
    algorithm(/^[RP]S256$/),
  ),
  row('signature-der', 'signature_invalid', 'RFC 7518 §3.4: r and s, not DER', signature(derFromRaw), algorithm(/^ES/)),
  row('signature-twin', null, 'JOSE does not demand low s', signature(twinP256), algorithm(/^ES256$/)),
  row('signature-moved', 'signature_invalid', 'a good signature of another token', async (a) =>
    reframe(await a.token(), ([h, p]) => [h, p, a.forge({ payload: a.claims({ admin: true }) }).split('.')[2]]),
  ),
  row(
    'payload-changed',
    'signature_invalid',
    'a claim added after signing',
    async (a) => reframe(await a.token(), ([h, , s]) => [h, encode(a.claims({ admin: true })), s]),
    { each: true },
  ),
  row('header-changed', 'signature_invalid', 'a parameter added after signing', async (a) =>
    reframe(await a.token(), ([, p, s]) => [encode(JSON.stringify(a.header()).replace('{', '{ ')), p, s]),
  ),
];

/** A signature that begins with a zero byte, without it: the same number, one byte short. One in 256 does. */
async function stripped(attempt) {
  for (let salt = 0; ; salt += 1) {
    const token = await attempt.token({ claims: { salt } });
    if (decode(token.split('.')[2])[0] === 0) return resign(token, (s) => s.subarray(1));
  }
}

/** The same two numbers as ASN.1: SEQUENCE { INTEGER r, INTEGER s }. */
function derFromRaw(raw) {
  const integer = (part) => {
    let value = part.subarray(part.findIndex((byte) => byte !== 0));
    if (value[0] & 0x80) value = Buffer.concat([Buffer.alloc(1), value]);
    return Buffer.concat([Buffer.from([2, value.length]), value]);
  };
  const half = raw.length / 2;
  const body = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return Buffer.concat([Buffer.from([0x30, ...length]), body]);
}

/** The header names a sibling key and says another algorithm than that key's; the signature fits the header. */
const unfit = (from, to) =>
  row(
    `unfit-${from.toLowerCase()}-as-${to.toLowerCase()}`,
    'key_not_usable',
    `${to} with the ${from} key of that kid`,
    (a) => {
      const sibling = a.trust.domain[from];
      const header = a.header({ alg: to, kid: sibling.kid });
      return forge({ ...sibling, alg: sameKeyType(from, to) ? to : from }, header, a.claims());
    },
  );
const sameKeyType = (from, to) => /^[RP]S/.test(from) && /^[RP]S/.test(to);

const unfits = [
  unfit('ES384', 'ES256'),
  unfit('ES256', 'ES384'),
  unfit('RS256', 'PS256'),
  unfit('PS256', 'RS256'),
  unfit('RS256', 'RS512'),
  unfit('RS256', 'ES256'),
  unfit('ES256', 'RS256'),
];

const foreign = { only: ({ signer, trust }) => signer.alg in trust.foreign, each: true };
const crossed = [
  row(
    'foreign-key',
    'signature_invalid',
    'signed by the other authority under the same kid',
    (a) => a.token({ signer: a.trust.foreign[a.signer.alg] }),
    foreign,
  ),
  row(
    'foreign-authority',
    null,
    'the other authority for its own',
    (a) => a.token({ signer: a.trust.foreign[a.signer.alg], claims: elsewhere(a) }),
    foreign,
  ),
  row(
    'foreign-claim',
    'signature_invalid',
    'our key for a name of the other authority',
    (a) => a.token({ claims: elsewhere(a) }),
    foreign,
  ),
];
const elsewhere = ({ kind }) =>
  kind.name === 'jwt-svid' ? { sub: `spiffe://${world.other_trust_domain}/web` } : { iss: world.other_issuer };

// A key that must have been dropped when trust was loaded: there is no such key any more.
const dropped = ['key_unknown', 'key_not_usable'];
const odd = (name, why, kindNames) =>
  row(
    `odd-${name}`,
    dropped,
    why,
    (a) => a.forge({ header: a.header(a.trust.odd[name].header), signer: a.trust.odd[name] }),
    { only: ({ kind }) => kindNames.includes(kind.name) },
  );
const all = ['jwt-svid', 'at+jwt', 'jwt'];

const odds = [
  odd('rsa-1024', 'RFC 7518 §3.3: 2048 bits or more', all),
  odd('private', 'a private key in a public set', all),
  odd('wit-svid', 'JWT-SVID §6.2: jwt-svid entries only', ['jwt-svid']),
  odd('use-missing', 'SPIFFE bundle §4.2.2: use is required', ['jwt-svid']),
  odd('use-enc', 'RFC 7517 §4.2: not for signatures', ['at+jwt', 'jwt']),
  odd('key-ops', 'RFC 7517 §4.3: not for verifying', ['at+jwt', 'jwt']),
];

// The attacker's key travels in the header and the signature verifies under it; only the key of `kid` may count.
const inHeader = {
  jwk: (mallory) => mallory.jwk,
  jku: () => 'https://evil.example/jwks',
  x5u: () => 'https://evil.example/cert',
};
const embedded = Object.entries(inHeader).map(([name, value]) =>
  row(`embedded-${name}`, ['signature_invalid', 'header_forbidden'], 'a key brought along (CVE-2018-0114)', (a) =>
    a.forge({
      signer: a.trust.mallory,
      header: a.header({ alg: 'ES256', kid: 'es256', [name]: value(a.trust.mallory) }),
    }),
  ),
);

const outside = ['EdDSA', 'Ed25519'].map((alg) =>
  row(
    `alg-${alg.toLowerCase()}`,
    'algorithm_refused',
    'JWT-SVID §2.1: nine algorithms',
    (a) => a.token({ header: { alg, kid: 'eddsa' }, signer: a.trust.odd.eddsa }),
    { only: ({ kind }) => kind.name === 'jwt-svid' },
  ),
);

export const keys = [...kid, ...broken, ...unfits, ...crossed, ...odds, ...embedded, ...outside];

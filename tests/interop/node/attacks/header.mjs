// One header parameter changed: typ, alg, crit, and what a header must not carry.
import { createHmac } from 'node:crypto';

import { row } from '../lib/attempt.mjs';
import { encode } from '../lib/jws.mjs';

const change = (header) => (attempt) => attempt.token({ header });
const forged = (header) => (attempt) => attempt.forge({ header: attempt.header(header) });
const only = (...names) => ({ only: ({ kind }) => names.includes(kind.name) });

const foreignTypes = {
  'jwt-svid': ['at+jwt', 'dpop+jwt', 'wit+jwt', 'JWS', ''],
  'at+jwt': ['JWT', 'dpop+jwt', 'wit+jwt', 'txntoken+jwt', ''],
  jwt: ['at+jwt', 'dpop+jwt', 'wit+jwt', 'txntoken+jwt'],
};
const typ = [
  ...Object.entries(foreignTypes).flatMap(([kind, types]) =>
    types.map((value) =>
      row(
        `typ-${value.replace('+', '-') || 'empty'}`,
        'typ_not_accepted',
        'the type of another token',
        change({ typ: value }),
        { ...only(kind), each: value === 'dpop+jwt' },
      ),
    ),
  ),
  row('typ-absent', null, 'JWT-SVID §2.3: optional', change({ typ: undefined }), only('jwt-svid')),
  row('typ-jose', null, 'JWT-SVID §2.3: JWT or JOSE', change({ typ: 'JOSE' }), only('jwt-svid')),
  row('typ-absent', 'typ_not_accepted', 'RFC 9068 §4: required', change({ typ: undefined }), only('at+jwt')),
  row('typ-media-type', null, 'RFC 9068 §4: application/at+jwt', change({ typ: 'application/at+jwt' }), only('at+jwt')),
  row('typ-case', null, 'RFC 9068 §3 itself prints at+JWT', change({ typ: 'at+JWT' }), only('at+jwt')),
];

const junk = 'A'.repeat(86);
const unsigned = (alg, signature) => (attempt) =>
  `${encode(attempt.header({ alg }))}.${encode(attempt.claims())}.${signature}`;
const hmac = (secret) => (attempt) => {
  const input = `${encode(attempt.header({ alg: 'HS256' }))}.${encode(attempt.claims())}`;
  return `${input}.${encode(createHmac('sha256', secret(attempt.signer)).update(input).digest())}`;
};
const confusion = 'the public key as an HMAC secret';

const alg = [
  row('alg-none', 'algorithm_refused', 'none is no algorithm', unsigned('none', junk), { each: true }),
  row('alg-None', 'algorithm_refused', 'in any case', unsigned('None', junk)),
  row('alg-nOnE', 'algorithm_refused', 'in any case', unsigned('nOnE', junk)),
  // No signature at all is malformed too: an engine that frames first may say so.
  row(
    'alg-none-unsigned',
    ['algorithm_refused', 'token_malformed'],
    'as RFC 7519 §6.1 prints it',
    unsigned('none', ''),
  ),
  row('alg-absent', ['algorithm_refused', 'claim_missing'], 'RFC 7515 §4.1.1', unsigned(undefined, junk)),
  row('alg-number', ['algorithm_refused', 'claim_invalid'], 'RFC 7515 §4.1.1', unsigned(5, junk)),
  row('alg-lower-case', 'algorithm_refused', 'case-sensitive', (a) => unsigned(a.signer.alg.toLowerCase(), junk)(a), {
    each: true,
  }),
  row('alg-es256k', 'algorithm_refused', 'not on any list', unsigned('ES256K', junk)),
  row('alg-rsa-oaep', 'algorithm_refused', 'an encryption algorithm', unsigned('RSA-OAEP', junk)),
  row(
    'hs256-pem',
    'algorithm_refused',
    confusion,
    hmac((s) => s.publicKey.export({ type: 'spki', format: 'pem' })),
    { each: true },
  ),
  row(
    'hs256-der',
    'algorithm_refused',
    confusion,
    hmac((s) => s.publicKey.export({ type: 'spki', format: 'der' })),
    { each: true },
  ),
  row(
    'hs256-jwk',
    'algorithm_refused',
    `${confusion} (CVE-2026-48526)`,
    hmac((s) => JSON.stringify(s.jwk)),
    { each: true },
  ),
  row(
    'hs256-empty',
    'algorithm_refused',
    'the empty secret',
    hmac(() => ''),
  ),
];

const crit = [
  row('crit-unknown', 'header_critical', 'RFC 7515 App. E', forged({ crit: ['urn:x'], 'urn:x': true }), { each: true }),
  row('crit-exp', 'header_critical', 'no extension is understood', forged({ crit: ['exp'], exp: 4e9 })),
  row('crit-absent-name', 'header_critical', 'names an absent parameter', forged({ crit: ['urn:x'] })),
  row('crit-empty', 'header_critical', 'RFC 7515 §4.1.11: never empty', forged({ crit: [] })),
  row('crit-text', 'header_critical', 'RFC 7515 §4.1.11: a list', forged({ crit: 'exp' })),
  row('crit-b64', 'header_critical', 'RFC 7797 §7: never in a JWT', forged({ crit: ['b64'], b64: true })),
  row('b64-alone', 'header_critical', 'RFC 7797 §6: only with crit', forged({ b64: true })),
];

const remote = 'https://evil.example/key';
const embedded = {
  jwk: (a) => a.signer.jwk,
  jku: () => remote,
  x5u: () => remote,
  x5c: () => ['MIIB'],
  x5t: () => 'A'.repeat(27),
  'x5t#S256': () => 'A'.repeat(43),
};
const encrypted = { zip: () => 'DEF', enc: () => 'A128GCM', cty: () => 'JWT' };
const forbidden = (entries, options) =>
  Object.entries(entries).map(([name, value]) =>
    row(
      `header-${name.replace('#', '-')}`,
      'header_forbidden',
      'not for this token kind',
      (a) => forged({ [name]: value(a) })(a),
      options,
    ),
  );

export const header = [
  ...typ,
  ...alg,
  ...crit,
  // JWT-SVID §2 allows alg, kid and typ only; for the others a key in the header must merely never be used (keys.mjs).
  ...forbidden(embedded, only('jwt-svid')),
  ...forbidden(encrypted, {}),
  row('header-unknown', null, 'RFC 7515 §4: ignored', change({ 'urn:x': 'y' }), only('at+jwt', 'jwt')),
];

// One thing changed in a DPoP proof. First the table that the FAPI 2 conformance suite drives against a resource
// server, line by line; then what RFC 9449 §4.3 demands beyond it.
import { createHmac } from 'node:crypto';

import { row } from '../lib/attempt.mjs';
import { encode, flipBit, reframe, resign } from '../lib/jws.mjs';
import { ath, htu } from '../lib/proof.mjs';
import { world } from '../lib/world.mjs';

const { now } = world;
const change = (claims) => (prover) => prover.proof({ claims });
const header = (parameters) => (prover) => prover.proof({ header: parameters });
const forged = (parameters) => (prover) => prover.forge({ header: prover.header(parameters) });
const signature = (of) => async (prover) => resign(await prover.proof(), of);
const framed = (of) => async (prover) => reframe(await prover.proof(), of);
const each = { each: true };

const fapi = [
  row('not-a-jwt', 'proof_malformed', 'FAPI 2: no JWT', () => 'hello'),
  row('missing-typ', 'proof_malformed', 'FAPI 2', header({ typ: undefined }), each),
  row('missing-alg', ['proof_malformed', 'proof_algorithm_refused'], 'FAPI 2', forged({ alg: undefined })),
  row('missing-jwk', 'proof_malformed', 'FAPI 2', header({ jwk: undefined }), each),
  ...['jti', 'htm', 'htu', 'iat', 'ath'].map((name) =>
    row(`missing-${name}`, 'proof_malformed', 'FAPI 2', change({ [name]: undefined }), each),
  ),
  row('typ-jwt', 'proof_malformed', 'FAPI 2: wrong typ', header({ typ: 'JWT' })),
  row('typ-at-jwt', 'proof_malformed', 'FAPI 2: wrong typ', header({ typ: 'at+jwt' })),
  row('alg-none', 'proof_algorithm_refused', 'FAPI 2', forged({ alg: 'none' }), each),
  row('signature-flipped', 'proof_signature_invalid', 'FAPI 2: bad signature', signature(flipBit), each),
  row(
    'private-key',
    'proof_key_refused',
    'FAPI 2: jwk with its private part',
    (p) => header({ jwk: p.signer.privateKey.export({ format: 'jwk' }) })(p),
    each,
  ),
  row('method-other', 'proof_method_mismatch', 'FAPI 2: wrong htm', change({ htm: 'POST' }), each),
  row('uri-other', 'proof_uri_mismatch', 'FAPI 2: other htu', change({ htu: 'https://api.example/other' }), each),
  row('hour-old', 'proof_too_old', 'FAPI 2: iat -1 h', change({ iat: now - 3600 }), each),
  row('hour-early', 'proof_not_yet_valid', 'FAPI 2: iat +1 h', change({ iat: now + 3600 }), each),
  row('token-other', 'proof_token_mismatch', 'FAPI 2: wrong ath', change({ ath: ath('another token') }), each),
  row('uri-query-fragment', null, 'FAPI 2: query and fragment are ignored', change({ htu: `${htu}?a=b#c` })),
  row('uri-own-query', null, 'RFC 9449 §4.3(9)', change({ htu: world.uri })),
  row('unknown-names', null, 'FAPI 2: unknown header and claim names', (p) =>
    p.proof({ header: { x: 1 }, claims: { y: 2 } }),
  ),
  row('uri-upper-case', null, 'FAPI 2: scheme and host in any case', change({ htu: 'HTTPS://API.Example/orders' })),
  row('uri-default-port', null, 'FAPI 2: default port', change({ htu: 'https://api.example:443/orders' })),
  row('ten-seconds-old', null, 'inside the window', change({ iat: now - 10 })),
];

const window = [
  row('minute-old', null, 'just inside', change({ iat: now - 59 })),
  row('over-a-minute-old', 'proof_too_old', 'just outside', change({ iat: now - 62 })),
  row('seconds-early', null, 'just inside', change({ iat: now + 4 })),
  row('more-seconds-early', 'proof_not_yet_valid', 'just outside', change({ iat: now + 7 })),
  row('expired', ['proof_too_old', 'proof_malformed'], 'an exp that the proof itself states', change({ exp: now - 1 })),
  row(
    'not-yet-valid',
    ['proof_not_yet_valid', 'proof_malformed'],
    'an nbf that the proof itself states',
    change({ nbf: now + 3600 }),
  ),
];

const uris = {
  'dot-segments': 'https://api.example/a/../orders',
  'percent-unreserved': 'https://api.example/%6Frders',
  'empty-query': `${htu}?`,
  'empty-fragment': `${htu}#`,
};
const otherUris = {
  slash: `${htu}/`,
  'path-case': 'https://api.example/Orders',
  'double-slash': 'https://api.example//orders',
  'percent-slash': 'https://api.example/%2Forders',
  'path-longer': `${htu}/1`,
  'no-path': 'https://api.example',
  http: 'http://api.example/orders',
  port: 'https://api.example:8443/orders',
  host: 'https://api.example.evil/orders',
  'host-dot': 'https://api.example./orders',
};
const uri = [
  ...Object.entries(uris).map(([name, value]) =>
    row(`uri-${name}`, null, 'RFC 3986 §6.2: the same URI', change({ htu: value })),
  ),
  ...Object.entries(otherUris).map(([name, value]) =>
    row(`uri-${name}`, 'proof_uri_mismatch', 'another URI', change({ htu: value })),
  ),
  ...Object.entries({ userinfo: 'https://u@api.example/orders', relative: '/orders', empty: '' }).map(([name, value]) =>
    row(`uri-${name}`, ['proof_uri_mismatch', 'proof_malformed'], 'no URI of a resource', change({ htu: value })),
  ),
];

const method = ['get', 'HEAD', 'GET ', ''].map((value) =>
  row(
    `method-${value.trim() || 'empty'}${value.endsWith(' ') ? '-space' : ''}`,
    value ? 'proof_method_mismatch' : ['proof_method_mismatch', 'proof_malformed'],
    'RFC 9110 §9.1: case-sensitive',
    change({ htm: value }),
  ),
);

const types = [
  ...['jti', 'htm', 'htu', 'ath'].flatMap((name) =>
    Object.entries({ number: 5, null: null, list: [htu] }).map(([type, value]) =>
      row(`${name}-${type}`, 'proof_malformed', 'wrong type is never absent', change({ [name]: value })),
    ),
  ),
  ...Object.entries({ text: String(now), null: null, true: true, list: [now] }).map(([type, value]) =>
    row(`iat-${type}`, 'proof_malformed', 'wrong type is never absent', change({ iat: value })),
  ),
  row('iat-infinite', 'proof_malformed', 'no number', (p) =>
    p.forge({ payload: `{"iat":1e400,${JSON.stringify(p.claims({ iat: undefined })).slice(1)}` }),
  ),
  row('jti-empty', 'proof_malformed', 'an identifier of nothing', change({ jti: '' })),
  row('jwk-text', ['proof_malformed', 'proof_key_refused'], 'a JSON object', (p) =>
    forged({ jwk: JSON.stringify(p.signer.jwk) })(p),
  ),
];

const frame = [
  row(
    'four-parts',
    'proof_malformed',
    'RFC 9449 §4.3(2): a JWT',
    framed(([h, p, s]) => [h, p, s, s]),
  ),
  row(
    'padded',
    'proof_malformed',
    'RFC 7515 §2: no padding',
    framed(([h, p, s]) => [h, p, `${s}==`]),
  ),
  row('repeated-claim', 'proof_malformed', 'RFC 7519 §4: names are unique', (p) =>
    p.forge({ payload: `{"htm":"POST",${JSON.stringify(p.claims()).slice(1)}` }),
  ),
  row('repeated-header', 'proof_malformed', 'RFC 7515 §4: names are unique', (p) =>
    p.forge({ header: `{"typ":"JWT",${JSON.stringify(p.header()).slice(1)}` }),
  ),
  row('payload-list', 'proof_malformed', 'RFC 7519 §7.2: an object', (p) => p.forge({ payload: [p.claims()] })),
  row('critical', 'proof_malformed', 'RFC 7515 §4.1.11', forged({ crit: ['urn:x'], 'urn:x': 1 })),
  row(
    'too-large',
    'proof_too_large',
    'a mebibyte',
    change({ jti: 'a'.repeat(1 << 20) }),
  ),
  row(
    'comma-joined',
    'proof_malformed',
    'RFC 9449 §4.3(1): one proof',
    async (p) => `${await p.proof()}, ${await p.proof()}`,
  ),
];

const selfMac = (p) => {
  const input = `${encode(p.header({ alg: 'HS256' }))}.${encode(p.claims())}`;
  return `${input}.${encode(createHmac('sha256', JSON.stringify(p.signer.jwk)).update(input).digest())}`;
};
const algorithm = [
  row('hs256', 'proof_algorithm_refused', 'the public key as an HMAC secret', selfMac, each),
  row('alg-lower-case', 'proof_algorithm_refused', 'case-sensitive', (p) =>
    forged({ alg: p.signer.alg.toLowerCase() })(p),
  ),
  row('alg-rsa-oaep', 'proof_algorithm_refused', 'an encryption algorithm', forged({ alg: 'RSA-OAEP' })),
  row(
    'oct',
    ['proof_algorithm_refused', 'proof_key_refused'],
    'a shared secret as the key',
    forged({ alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } }),
  ),
];

// Faults of the key alone. Faults of its text refuse it; a point is computed with only where the thumbprint is the bound one, which
// that of such a point never is.
const ec = (of) => (p) => forged({ jwk: { ...p.signer.jwk, ...of(p.signer.jwk) } })(p);
const key = [
  row(
    'key-off-curve',
    'proof_key_mismatch',
    'not a point of P-256',
    ec(({ x }) => ({ y: x })),
  ),
  row(
    'key-short-coordinate',
    'proof_key_refused',
    'RFC 7518 §6.2.1: 32 bytes',
    ec(({ x }) => ({ x: x.slice(4) })),
  ),
  row(
    'key-zero',
    'proof_key_mismatch',
    'not a point of P-256',
    ec(() => ({ x: 'A'.repeat(43), y: 'A'.repeat(43) })),
  ),
  row(
    'key-without-y',
    'proof_key_refused',
    'RFC 7518 §6.2.1: required',
    ec(() => ({ y: undefined })),
  ),
  row(
    'key-unknown-curve',
    'proof_key_refused',
    'no such curve',
    ec(() => ({ crv: 'P-257' })),
  ),
  row(
    'key-unknown-type',
    'proof_key_refused',
    'no such type',
    ec(() => ({ kty: 'XYZ' })),
  ),
  row(
    'key-private-empty',
    'proof_key_refused',
    'the member is enough',
    ec(() => ({ d: '' })),
  ),
  row(
    'key-x25519',
    ['proof_key_refused', 'proof_algorithm_refused'],
    'not for signatures',
    forged({ alg: 'EdDSA', jwk: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } }),
  ),
  row(
    'key-identity',
    'proof_key_mismatch',
    'small order: one signature for every message',
    forged({ alg: 'EdDSA', jwk: { kty: 'OKP', crv: 'Ed25519', x: `AQ${'A'.repeat(41)}` } }),
  ),
  row(
    'key-other-curve',
    ['proof_key_refused', 'proof_algorithm_refused'],
    'ES384 with a P-256 key',
    forged({ alg: 'ES384' }),
  ),
  row('key-with-more-members', null, 'RFC 7638 §3.2.2: they never count', (p) =>
    header({ jwk: { ...p.signer.jwk, kid: 'mine', use: 'sig', alg: p.signer.alg } })(p),
  ),
  row('key-escaped-names', null, 'RFC 7638 §3.3: names and values count unescaped', (p) =>
    p.forge({ header: JSON.stringify(p.header()).replace('"kty"', '"k\\u0074y"').replace('"P-256"', '"\\u0050-256"') }),
  ),
];

export const proof = [...fapi, ...window, ...uri, ...method, ...types, ...frame, ...algorithm, ...key];

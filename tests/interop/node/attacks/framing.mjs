// The same bytes in another frame: periods, base64url, JSON, sizes.
import { CompactEncrypt } from 'jose';

import { row } from '../lib/attempt.mjs';
import { encode, forgeParts, reframe } from '../lib/jws.mjs';

const framed = (change) => async (attempt) => reframe(await attempt.token(), change);
const payload = (make) => (attempt) => attempt.forge({ payload: make(attempt) });
const parts = (change) => (attempt) =>
  forgeParts(attempt.signer, change([encode(attempt.header()), encode(attempt.claims({ x: '~~~~~' }))]));
const header = (make) => (attempt) => attempt.forge({ header: make(attempt) });
const text = (value) => JSON.stringify(value);

const periods = [
  row(
    'no-period',
    'token_malformed',
    'one part',
    framed(([h]) => [h]),
  ),
  row(
    'one-period',
    'token_malformed',
    'two parts',
    framed(([h, p]) => [h, p]),
  ),
  row(
    'three-periods',
    'token_malformed',
    'four parts',
    framed(([h, p, s]) => [h, p, s, s]),
  ),
  row(
    'four-periods',
    'token_malformed',
    'five parts',
    framed(([h, p, s]) => [h, p, s, s, s]),
  ),
  row(
    'leading-period',
    'token_malformed',
    'an empty first part of four',
    framed((parts) => ['', ...parts]),
  ),
  row('jwe', 'token_malformed', 'a real JWE to our own key (CVE-2023-51774)', encryptedToUs),
  row(
    'empty-header',
    ['token_malformed', 'token_json'],
    'no header',
    framed(([, p, s]) => ['', p, s]),
  ),
  row(
    'empty-payload',
    ['token_malformed', 'token_json'],
    'no claims',
    payload(() => ''),
  ),
  row(
    'empty-signature',
    ['token_malformed', 'signature_invalid'],
    'no signature',
    framed(([h, p]) => [h, p, '']),
  ),
];

function encryptedToUs(attempt) {
  const rsa = attempt.trust.domain.RS256;
  return new CompactEncrypt(Buffer.from(text(attempt.claims())))
    .setProtectedHeader({ ...attempt.header(), alg: 'RSA-OAEP-256', enc: 'A128GCM', kid: rsa.kid })
    .encrypt(rsa.publicKey);
}

/** Pads to whole quantums, adding a character that base64url has none of where no padding is due. */
const padded = (part) => part + '='.repeat((4 - (part.length % 4)) % 4 || 4);

/** Appends characters that no decoder can make a byte of. */
const lengthened = (part) => part + 'A'.repeat((5 - (part.length % 4)) % 4);

/** Five tildes in the claims see to it that the payload has a letter that differs. */
const otherAlphabet = (part) => part.replaceAll('-', '+').replaceAll('_', '/');

/** The valid token with its signature in the standard alphabet. Most signatures have a letter that differs, not all. */
async function spelledOtherwise(attempt) {
  for (;;) {
    const token = await attempt.token();
    const other = reframe(token, ([h, p, s]) => [h, p, otherAlphabet(s)]);
    if (other !== token) return other;
  }
}

/** Sets a bit that decoders throw away: 64 bytes leave four unused bits in the last character, all zero. */
const trailing = (part) => part.slice(0, -1) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[part.at(-1)];

const base64 = [
  row(
    'padded-header',
    'token_encoding',
    'RFC 7515 §2: no padding',
    parts(([h, p]) => [padded(h), p]),
  ),
  row(
    'padded-payload',
    'token_encoding',
    'RFC 7515 §2: no padding',
    parts(([h, p]) => [h, padded(p)]),
  ),
  row(
    'padded-signature',
    'token_encoding',
    'RFC 7515 §2: no padding',
    framed(([h, p, s]) => [h, p, padded(s)]),
  ),
  row(
    'plus-in-payload',
    'token_encoding',
    'RFC 4648 §4: the other alphabet',
    parts(([h, p]) => [h, otherAlphabet(p)]),
  ),
  row('other-alphabet', 'token_encoding', 'RFC 4648 §4: the very signature, spelled with + and /', spelledOtherwise),
  row(
    'trailing-bits',
    'token_encoding',
    'RFC 4648 §3.5: another spelling',
    framed(([h, p, s]) => [h, p, trailing(s)]),
  ),
  row(
    'impossible-length',
    'token_encoding',
    'length 1 modulo 4',
    parts(([h, p]) => [h, lengthened(p)]),
  ),
];

const json = [
  row(
    'header-list',
    'token_json',
    'RFC 7515 §4: an object',
    header((a) => text([a.header()])),
  ),
  row(
    'header-text',
    'token_json',
    'not JSON',
    header(() => 'hello'),
  ),
  row(
    'header-repeated-alg',
    'token_json',
    'RFC 7515 §4: names are unique',
    header((a) => `{"alg":"none",${text(a.header()).slice(1)}`),
  ),
  row(
    'header-repeated-escaped',
    'token_json',
    'unique after unescaping',
    header((a) => `{"\\u0061lg":"none",${text(a.header()).slice(1)}`),
  ),
  row(
    'header-trailing-bytes',
    'token_json',
    'one object and no more',
    header((a) => `${text(a.header())}x`),
  ),
  row(
    'payload-list',
    'token_json',
    'RFC 7519 §7.2: an object',
    payload((a) => text([a.claims()])),
  ),
  row(
    'payload-text',
    'token_json',
    'not JSON',
    payload(() => 'hello'),
  ),
  row(
    'payload-number',
    'token_json',
    'RFC 7519 §7.2: an object',
    payload(() => '5'),
  ),
  row(
    'payload-repeated-sub',
    'token_json',
    'RFC 7519 §4: names are unique',
    payload((a) => a.rawClaims('"sub":"mallory"')),
  ),
  row(
    'payload-repeated-escaped',
    'token_json',
    'unique after unescaping',
    payload((a) => a.rawClaims('"su\\u0062":"mallory"')),
  ),
  row(
    'payload-repeated-inside',
    'token_json',
    'unique at every depth',
    payload((a) => a.rawClaims('"x":{"y":1,"y":2}')),
  ),
  row(
    'payload-trailing-bytes',
    'token_json',
    'one object and no more',
    payload((a) => `${text(a.claims())}{}`),
  ),
  row(
    'payload-trailing-comma',
    'token_json',
    'strict JSON',
    payload((a) => `${text(a.claims()).slice(0, -1)},}`),
  ),
  row(
    'payload-bom',
    'token_json',
    'RFC 8259 §8.1',
    payload((a) => `\ufeff${text(a.claims())}`),
  ),
  row(
    'payload-utf-16',
    'token_json',
    'RFC 8725 §3.7: UTF-8',
    payload((a) => Buffer.from(text(a.claims()), 'utf16le')),
  ),
  row(
    'payload-invalid-utf-8',
    'token_json',
    'RFC 8725 §3.7: UTF-8',
    payload((a) =>
      Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${text(a.claims()).slice(1)}`)]),
    ),
  ),
  row(
    'payload-not-a-number',
    'token_json',
    'strict JSON',
    payload((a) => a.rawClaims('"x":NaN')),
  ),
  row(
    'payload-deep',
    ['limit_exceeded', 'token_json'],
    'work is bounded',
    payload((a) => a.rawClaims(`"x":${'['.repeat(1000)}${']'.repeat(1000)}`)),
  ),
  row(
    'payload-spaces',
    null,
    'white space around the object is JSON',
    payload((a) => ` \n${text(a.claims())}\t `),
  ),
];

const shape = [
  row('json-serialization', 'token_malformed', 'compact only (RFC 7515 §7.2 is the other)', async (a) =>
    encode(reframe(await a.token(), ([h, p, s]) => [text({ protected: h, payload: p, signature: s })])),
  ),
];

export const framing = [...periods, ...base64, ...json, ...shape];

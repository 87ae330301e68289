// How the token is brought: schemes, repeated headers, sizes. The rows give parts of a request, not a token.
import { row } from '../lib/attempt.mjs';
import { bearer } from '../lib/corpus.mjs';

const headers = (make) => async (attempt) => ({ headers: make(await attempt.token()) });

export const presentation = [
  row(
    'no-headers',
    'credential_missing',
    'RFC 6750 §3',
    headers(() => []),
  ),
  row(
    'no-credential',
    'credential_missing',
    'RFC 6750 §3',
    headers(() => [['accept', '*/*']]),
  ),
  row(
    'basic',
    'scheme_unsupported',
    'another scheme',
    headers(() => [['authorization', 'Basic YTpi']]),
  ),
  row(
    'scheme-longer',
    'scheme_unsupported',
    'Bearer is only a prefix',
    headers((t) => [['authorization', `Bearerx ${t}`]]),
  ),
  row(
    'twice',
    'credential_repeated',
    'RFC 6750 §2: one method',
    headers((t) => [...bearer(t), ...bearer(t)]),
  ),
  row(
    'twice-other-case',
    'credential_repeated',
    'names in any case',
    headers((t) => [...bearer(t), ['Authorization', `Bearer ${t}`]]),
  ),
  row(
    'bearer-and-basic',
    'credential_repeated',
    'one method',
    headers((t) => [...bearer(t), ['authorization', 'Basic YTpi']]),
  ),
  row(
    'comma-joined',
    ['token_malformed', 'credential_repeated', 'token_encoding'],
    'not one token',
    headers((t) => [['authorization', `Bearer ${t}, Bearer ${t}`]]),
  ),
  row(
    'too-large',
    'credential_too_large',
    'a mebibyte',
    headers((t) => bearer(t + 'A'.repeat(1 << 20))),
  ),
  row(
    'periods',
    ['credential_too_large', 'token_malformed'],
    'a mebibyte of periods (CVE-2025-27144)',
    headers(() => bearer('.'.repeat(1 << 20))),
  ),
  row(
    'scheme-lower-case',
    null,
    'RFC 9110 §11.1: any case',
    headers((t) => [['authorization', `bearer ${t}`]]),
  ),
  row(
    'scheme-upper-case',
    null,
    'RFC 9110 §11.1: any case',
    headers((t) => [['AUTHORIZATION', `BEARER ${t}`]]),
  ),
  row(
    'two-spaces',
    null,
    'RFC 9110 §11.4: 1*SP',
    headers((t) => [['authorization', `Bearer  ${t}`]]),
  ),
];

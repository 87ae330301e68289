// One claim changed: time, audience, subject, issuer, missing, wrong type.
import { row } from '../lib/attempt.mjs';
import { world } from '../lib/world.mjs';

const { now, audience, other_audience: otherAudience } = world;

const change = (claims) => (attempt) => attempt.token({ claims });
const raw = (name, text) => (attempt) =>
  attempt.forge({ payload: attempt.rawClaims(`"${name}":${text}`, { [name]: undefined }) });
const svid = { only: ({ kind }) => kind.name === 'jwt-svid' };
const issued = { only: ({ kind }) => kind.name !== 'jwt-svid' };
const accessToken = { only: ({ kind }) => kind.name === 'at+jwt' };
const requires = (claim) => ({ only: ({ kind }) => kind.required.includes(claim) });

const time = [
  row('expired', 'token_expired', 'exp an hour ago', change({ exp: now - 3600, iat: now - 7200 }), { each: true }),
  row('expires-now', 'token_expired', 'RFC 7519 §4.1.4: on or after exp', change({ exp: now })),
  row('expires-in-a-second', null, 'the last second', change({ exp: now + 1 })),
  row('expires-in-a-fraction', null, 'RFC 7519 §2: NumericDate may have a fraction', change({ exp: now + 60.5 })),
  row('not-yet-valid', 'token_not_yet_valid', 'nbf in an hour', change({ nbf: now + 3600 }), { each: true }),
  row('valid-from-now', null, 'RFC 7519 §4.1.5: nbf itself is valid', change({ nbf: now })),
  row('valid-in-a-second', 'token_not_yet_valid', 'no leeway', change({ nbf: now + 1 })),
  row(
    'issued-in-an-hour',
    'token_not_yet_valid',
    'iat in the future',
    change({ iat: now + 3600, exp: now + 7200 }),
    svid,
  ),
];

const aud = [
  row('audience-other', 'audience_mismatch', 'aud of another service', change({ aud: otherAudience }), { each: true }),
  row(
    'audience-list-without-us',
    'audience_mismatch',
    'two others',
    change({ aud: [otherAudience, 'https://x.example'] }),
  ),
  row('audience-slash', 'audience_mismatch', 'byte-exact: no trailing slash folding', change({ aud: `${audience}/` })),
  row('audience-case', 'audience_mismatch', 'byte-exact: no case folding', change({ aud: audience.toUpperCase() })),
  row('audience-prefix', 'audience_mismatch', 'we are a prefix of it', change({ aud: `${audience}.evil.example` })),
  row('audience-list-with-us', null, 'one of several', change({ aud: [otherAudience, audience] })),
];

const subjects = {
  'no-scheme': 'web',
  'empty-domain': 'spiffe://',
  'no-domain': 'spiffe:///ns/shop',
  'trailing-slash': 'spiffe://example.org/ns/',
  'empty-segment': 'spiffe://example.org/ns//web',
  'dot-segment': 'spiffe://example.org/ns/../admin',
  'scheme-case': 'Spiffe://example.org/ns/shop',
  'domain-case': 'spiffe://EXAMPLE.org/ns/shop',
  https: 'https://example.org/ns/shop',
  query: 'spiffe://example.org/ns/shop?x=1',
  fragment: 'spiffe://example.org/ns/shop#x',
  port: 'spiffe://example.org:443/ns/shop',
  userinfo: 'spiffe://web@example.org/ns/shop',
  percent: 'spiffe://example.org/ns/%73hop',
  newline: 'spiffe://example.org/ns/shop\n',
  'no-path': 'spiffe://example.org',
};

const sub = [
  ...Object.entries(subjects).map(([name, value]) =>
    row(`subject-${name}`, 'subject_malformed', 'not a SPIFFE ID of a workload', change({ sub: value }), svid),
  ),
  row(
    'trust-domain-unknown',
    'trust_domain_unknown',
    'no bundle',
    change({ sub: 'spiffe://unknown.example/web' }),
    svid,
  ),
  row(
    'trust-domain-longer',
    'trust_domain_unknown',
    'the expected one is a prefix',
    change({ sub: 'spiffe://example.org.evil/web' }),
    svid,
  ),
  row(
    'trust-domain-dot',
    'trust_domain_unknown',
    'a trailing dot is another name',
    change({ sub: 'spiffe://example.org./web' }),
    svid,
  ),
  row(
    'trust-domain-revoked',
    ['key_unknown', 'trust_domain_unknown'],
    'its bundle has no keys',
    change({ sub: `spiffe://${world.revoked_trust_domain}/web` }),
    svid,
  ),
];

const iss = [
  row('issuer-other', 'issuer_unknown', 'not configured', change({ iss: 'https://evil.example' }), issued),
  row('issuer-slash', 'issuer_unknown', 'RFC 9068 §4: exact match', change({ iss: `${world.issuer}/` }), issued),
  row('issuer-case', 'issuer_unknown', 'RFC 9068 §4: exact match', change({ iss: 'https://AS.example' }), issued),
];

const names = ['iss', 'sub', 'aud', 'client_id', 'jti', 'iat', 'exp'];
const missing = names.map((name) =>
  row(`missing-${name}`, 'claim_missing', `${name} is required`, change({ [name]: undefined }), requires(name)),
);

const notText = { number: 5, null: null, true: true, list: ['x'], object: {} };
const wrongText = ['iss', 'sub', 'client_id', 'jti'].flatMap((name) =>
  Object.entries(notText).map(([type, value]) =>
    row(`${name}-${type}`, 'claim_invalid', 'wrong type is never absent', change({ [name]: value }), requires(name)),
  ),
);

const notTime = {
  text: `"${now + 300}"`,
  null: 'null',
  true: 'true',
  list: '[]',
  object: '{}',
  negative: '-1',
  infinite: '1e400',
  beyond: '9007199254740993',
};
const wrongTime = ['exp', 'nbf', 'iat'].flatMap((name) =>
  Object.entries(notTime).map(([type, text]) =>
    row(`${name}-${type}`, 'claim_invalid', 'wrong type is never absent (CVE-2026-25537)', raw(name, text)),
  ),
);

const notAudience = {
  number: 5,
  null: null,
  true: true,
  object: {},
  'list-of-numbers': [5],
  'list-in-list': [[audience]],
};
const wrongAudience = [
  ...Object.entries(notAudience).map(([type, value]) =>
    row(`aud-${type}`, 'claim_invalid', 'wrong type is never absent', change({ aud: value })),
  ),
  // An empty audience is of the right type and names no server: which word fits is the engine's choice.
  row('aud-empty-list', ['claim_invalid', 'audience_mismatch', 'claim_missing'], 'names no server', change({ aud: [] })),
  row('aud-empty-text', ['claim_invalid', 'audience_mismatch', 'claim_missing'], 'names no server', change({ aud: '' })),
];

const binding = [
  row('cnf-text', 'claim_invalid', 'RFC 7800 §3.1: an object', change({ cnf: 'x' }), accessToken),
  row(
    'cnf-unknown',
    'binding_unsupported',
    'a bound token whose proof we cannot check',
    change({ cnf: { 'urn:x': 'y' } }),
    accessToken,
  ),
  row('cnf-empty', ['binding_unsupported', 'claim_invalid'], 'a binding to nothing', change({ cnf: {} }), accessToken),
  row('jkt-number', ['claim_invalid', 'binding_unsupported'], 'no thumbprint', change({ cnf: { jkt: 5 } }), accessToken),
  row(
    'jkt-short',
    ['claim_invalid', 'binding_unsupported'],
    'not 43 characters',
    change({ cnf: { jkt: 'abc' } }),
    accessToken,
  ),
];

export const claims = [
  ...time,
  ...aud,
  ...sub,
  ...iss,
  ...missing,
  ...wrongText,
  ...wrongTime,
  ...wrongAudience,
  ...binding,
];

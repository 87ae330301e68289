// The three token kinds as an honest issuer would make them. Attacks change one thing of these.
import { world } from './world.mjs';

const { now, audience, issuer, subject } = world;
const times = { iat: now - 10, exp: now + 300 };

export const kinds = [
  {
    name: 'jwt-svid',
    policy: 'svid',
    algorithms: world.svid_algorithms,
    header: { typ: 'JWT' },
    claims: { sub: subject, aud: audience, ...times },
    required: ['sub', 'aud', 'exp'],
  },
  {
    name: 'at+jwt',
    policy: 'access_token',
    algorithms: world.algorithms,
    header: { typ: 'at+jwt' },
    claims: {
      iss: issuer,
      sub: 'alice',
      aud: audience,
      client_id: 'shop',
      jti: 'at-1',
      scope: 'orders:read',
      ...times,
    },
    required: ['iss', 'sub', 'aud', 'client_id', 'jti', 'iat', 'exp'],
  },
  {
    name: 'jwt',
    policy: 'plain',
    algorithms: world.algorithms,
    header: { typ: 'JWT' },
    claims: { iss: issuer, sub: 'alice', aud: audience, ...times },
    required: ['iss', 'aud', 'exp'],
  },
];

export const kindNamed = (name) => kinds.find((kind) => kind.name === name);

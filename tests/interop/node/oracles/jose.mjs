// Plain JWTs, judged by `jose`.
import { createLocalJWKSet, jwtVerify } from 'jose';

import { audienceOf, tokenOf, trustOf } from '../lib/cases.mjs';
import { world } from '../lib/world.mjs';

export const kind = 'jwt';

export async function judge(one) {
  const { issuer, jwks } = trustOf(one);
  const currentDate = new Date(one.request.now * 1000);
  await jwtVerify(tokenOf(one), createLocalJWKSet(jwks), {
    issuer,
    audience: audienceOf(one),
    algorithms: world.algorithms,
    requiredClaims: ['exp'],
    currentDate,
  });
}

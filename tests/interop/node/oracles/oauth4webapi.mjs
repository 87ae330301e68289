// Access tokens and DPoP proofs, judged by `oauth4webapi` in the part of a resource server.
import * as oauth from 'oauth4webapi';

import { audienceOf, trustOf } from '../lib/cases.mjs';

export const kind = 'at+jwt';

export async function judge(one) {
  const { request } = one;
  const { issuer, jwks } = trustOf(one);
  const as = { issuer, jwks_uri: 'https://keys.example/' };
  await oauth.validateJwtAccessToken(as, new Request(request.uri, request), audienceOf(one), {
    [oauth.customFetch]: async () => Response.json(jwks),
    [oauth.clockTolerance]: 0,
  });
}

// A real authorization server for `groups/oidc_provider.mjs`, run as a process of its own. It takes a free port of
// 127.0.0.1, sends its parent the issuer over IPC, and serves until it is killed or its parent goes away.
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

import { makeSigner } from './keys.mjs';

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'];

// Every setting below is needed; each was taken away once to see what breaks.
const client = (id, more) => ({
  client_id: id,
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  response_types: [], // else redirect_uris are demanded
  ...more,
});

/** The resource names the algorithm of its tokens, so that one server signs with each of its keys. */
const resourceServer = (_, resource) => ({
  scope: 'orders:read',
  audience: process.env.AUDIENCE,
  accessTokenFormat: 'jwt',
  accessTokenTTL: 300,
  jwt: { sign: { alg: new URL(resource).pathname.slice(1) } },
});

const signers = await Promise.all(ALGORITHMS.map((alg) => makeSigner(alg)));
const keys = signers.map(({ privateKey, alg, kid }) => ({
  ...privateKey.export({ format: 'jwk' }),
  alg,
  kid,
  use: 'sig',
}));

const server = createServer().listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    client('plain'),
    client('dpop', { dpop_bound_access_tokens: true }),
    client('mtls', { tls_client_certificate_bound_access_tokens: true }),
  ],
  jwks: { keys },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: {
      nonceSecret: Buffer.alloc(32, 1),
      requireNonce: (ctx) => ctx.get('x-require-nonce') === 'yes',
    },
    // There is no TLS here: the certificate that a proxy would hand on comes as a header.
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      getCertificate: (ctx) => decodeURIComponent(ctx.get('x-client-certificate')) || undefined,
    },
    resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
  },
});
server.on('request', provider.callback());

process.on('disconnect', () => process.exit());
process.send({ issuer, algorithms: ALGORITHMS });

// Tokens of a real authorization server (npm `oidc-provider`), asked for with a real client (npm `oauth4webapi`).
// Times are the machine's own here: the server has no other.
import { fork } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as oauth from 'oauth4webapi';

import { Corpus, bearer, dpop } from '../lib/corpus.mjs';
import { policyDocument, world } from '../lib/world.mjs';

const PEM = readFileSync(new URL('../../rfc8705_certificate.pem', import.meta.url), 'utf8');
const local = { [oauth.allowInsecureRequests]: true };
const asked = { kind: 'at+jwt' };
const seconds = () => Math.floor(Date.now() / 1000);

export async function generate(root) {
  const server = fork(fileURLToPath(new URL('../lib/authorization_server.mjs', import.meta.url)), {
    env: { ...process.env, AUDIENCE: world.audience },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    const { issuer, algorithms } = await started(server);
    const as = await discover(issuer);
    const jwks = await (await fetch(as.jwks_uri)).json();
    const corpus = new Corpus(root, 'oidc_provider', policyDocument([{ issuer: as.issuer, jwks }]));
    for (const alg of algorithms) await dpopBound(corpus, as, alg);
    await withNonce(corpus, as);
    await certificateBound(corpus, as);
    const expiring = [];
    for (const alg of algorithms) expiring.push([alg, await unbound(corpus, as, alg)]);
    // Last, because the clock of the requests moves on and never back.
    for (const [alg, request] of expiring) {
      corpus.refuse(
        `bearer/${alg}/expired`,
        'token_expired',
        'two hours later',
        { ...request, now: request.now + 7200 },
        asked,
      );
    }
    corpus.write();
  } finally {
    server.kill(); // this very child, by its process id
  }
}

function started(server) {
  return new Promise((resolve, reject) => {
    server.once('message', resolve);
    server.once('exit', (code) => reject(new Error(`the authorization server ended with ${code}`)));
    setTimeout(() => reject(new Error('the authorization server did not start in 60 seconds')), 60_000).unref();
  });
}

async function discover(issuer) {
  const response = await oauth.discoveryRequest(new URL(issuer), local);
  return oauth.processDiscoveryResponse(new URL(issuer), response);
}

/** A token by client credentials for the resource whose path names the algorithm. */
async function requestToken(as, clientId, alg, options = {}, headers = {}) {
  const client = { client_id: clientId };
  const parameters = { resource: `https://rs.example/${alg}`, scope: 'orders:read' };
  const send = () =>
    oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic('secret'), parameters, {
      ...local,
      ...options,
      headers,
    });
  const process = async () => oauth.processClientCredentialsResponse(as, client, await send());
  try {
    return { ...(await process()), nonceDemanded: false };
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return { ...(await process()), nonceDemanded: true };
  }
}

/** The request that the client would send with the token; its headers go into the corpus. */
async function presented(token, DPoP) {
  let headers;
  await oauth.protectedResourceRequest(token, world.method, new URL(world.uri), undefined, undefined, {
    DPoP,
    [oauth.customFetch]: async (_, init) => {
      headers = Object.entries(init.headers);
      return new Response();
    },
  });
  return headers;
}

async function dpopBound(corpus, as, alg) {
  const client = { client_id: 'dpop' };
  const handle = async () => oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const [DPoP, stranger] = [await handle(), await handle()];
  const { access_token: token, token_type: type } = await requestToken(as, 'dpop', alg, { DPoP });
  // With DPoP switched off the server would hand out a bearer token without a word.
  if (type !== 'dpop') throw new Error(`asked for a DPoP-bound token, got one of type ${type}`);

  const ask = (headers) => ({ policy: 'access_token', now: seconds(), headers });
  const proofOf = (headers) => headers.find(([name]) => name.toLowerCase() === 'dpop')[1];
  const good = ask(await presented(token, DPoP));
  corpus.accept(`dpop/${alg}/valid`, 'as the client sends it', good, asked);
  corpus.refuse(`dpop/${alg}/replayed`, 'proof_replayed', 'sent again', good);
  corpus.refuse(`dpop/${alg}/as-bearer`, 'proof_missing', 'stolen, without a proof', ask(bearer(token)), asked);
  corpus.refuse(
    `dpop/${alg}/as-bearer-with-proof`,
    'scheme_mismatch',
    'RFC 9449 §7.2',
    ask([...bearer(token), ['dpop', proofOf(await presented(token, DPoP))]]),
    asked,
  );
  corpus.refuse(`dpop/${alg}/no-proof`, 'proof_missing', 'the scheme alone', ask(dpop(token)), asked);
  corpus.refuse(
    `dpop/${alg}/other-key`,
    'proof_key_mismatch',
    "another client's proof",
    ask(await presented(token, stranger)),
    asked,
  );
  const other = (await requestToken(as, 'dpop', alg, { DPoP })).access_token;
  corpus.refuse(
    `dpop/${alg}/other-token`,
    'proof_token_mismatch',
    'a proof for the next token',
    ask(dpop(token, proofOf(await presented(other, DPoP)))),
    asked,
  );
}

/** The server's own nonce flow: the token that comes out of it is bound like any other. */
async function withNonce(corpus, as) {
  const DPoP = oauth.DPoP({ client_id: 'dpop' }, await oauth.generateKeyPair('ES256'));
  const { access_token: token, nonceDemanded } = await requestToken(
    as,
    'dpop',
    'ES256',
    { DPoP },
    { 'x-require-nonce': 'yes' },
  );
  if (!nonceDemanded) throw new Error('the authorization server demanded no nonce');
  corpus.accept(
    'nonce/valid',
    'a token got with a nonce',
    { policy: 'access_token', now: seconds(), headers: await presented(token, DPoP) },
    asked,
  );
}

/** RFC 8705, with the certificate of its Appendix A. */
async function certificateBound(corpus, as) {
  const { access_token: token } = await requestToken(
    as,
    'mtls',
    'ES256',
    {},
    { 'x-client-certificate': encodeURIComponent(PEM) },
  );
  const request = { policy: 'access_token', now: seconds(), headers: bearer(token) };
  const certificate = new X509Certificate(PEM).raw.toString('base64');
  corpus.accept('mtls/valid', 'over the bound certificate', { ...request, client_cert: certificate }, asked);
  corpus.refuse('mtls/no-certificate', 'certificate_missing', 'without a certificate', request, asked);
}

async function unbound(corpus, as, alg) {
  const { access_token: token, token_type: type } = await requestToken(as, 'plain', alg);
  if (type !== 'bearer') throw new Error(`asked for a bearer token, got one of type ${type}`);
  const request = { policy: 'access_token', now: seconds(), headers: bearer(token) };
  corpus.accept(`bearer/${alg}/valid`, 'as the server made it', request, { ...asked, subject: 'plain' });
  corpus.refuse(`bearer/${alg}/other-audience`, 'audience_mismatch', 'for another service', {
    ...request,
    policy: 'other_audience',
  });
  corpus.refuse(`bearer/${alg}/as-svid`, 'typ_not_accepted', 'no JWT-SVID', { ...request, policy: 'svid' });
  return request;
}

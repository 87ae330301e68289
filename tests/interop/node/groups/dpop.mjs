// DPoP: proofs of npm `dpop`, of npm `oauth4webapi` and made with `jose`, on access tokens bound to their keys.
import { calculateThumbprint, generateProof } from 'dpop';
import * as oauth from 'oauth4webapi';

import { proof as proofRows } from '../attacks/proof.mjs';
import { Attempt } from '../lib/attempt.mjs';
import { Corpus, bearer, dpop } from '../lib/corpus.mjs';
import { flipBit, resign, twinP256 } from '../lib/jws.mjs';
import { issuer, makeSigner, makeSigners } from '../lib/keys.mjs';
import { kindNamed } from '../lib/kinds.mjs';
import { Prover, htu, thumbprint } from '../lib/proof.mjs';
import { freezeClock, policyDocument, world } from '../lib/world.mjs';

const LIBRARY_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519'];
const REFERENCE = 'ES256';
const asked = { kind: 'at+jwt' };

export async function generate(root) {
  freezeClock();
  const authority = await makeSigner('ES256');
  const corpus = new Corpus(root, 'dpop', policyDocument([issuer(world.issuer, { ES256: authority })]));
  const mint = (cnf, change = {}) =>
    new Attempt(kindNamed('at+jwt'), authority, {}).token({ claims: { cnf, ...change } });
  const signers = await makeSigners(world.algorithms);
  const proverOf = async (signer) => new Prover(signer, await mint({ jkt: await thumbprint(signer) }));

  await libraries(corpus, mint);
  for (const signer of Object.values(signers)) await rows(corpus, await proverOf(signer));
  const prover = await proverOf(signers.ES256);
  await pairs(corpus, prover, mint);
  await replays(corpus, prover, await proverOf(await makeSigner('ES256')));
  corpus.write();
}

const ask = (prover, ...proofs) => ({ policy: 'access_token', headers: dpop(prover.accessToken, ...proofs) });

/** What two client libraries send, untouched. */
async function libraries(corpus, mint) {
  for (const alg of LIBRARY_ALGORITHMS) {
    const pair = await oauth.generateKeyPair(alg, { extractable: true });
    const token = await mint({ jkt: await calculateThumbprint(pair.publicKey) });
    const made = await generateProof(pair, htu, world.method, undefined, token);
    corpus.accept(`library/dpop/${alg}`, 'npm dpop', { policy: 'access_token', headers: dpop(token, made) }, asked);
    corpus.accept(
      `library/oauth4webapi/${alg}`,
      'npm oauth4webapi',
      { policy: 'access_token', headers: await captured(pair, token) },
      asked,
    );
    corpus.accept(`library/dpop/${alg}/required`, 'where only DPoP will do', {
      policy: 'dpop_only',
      headers: dpop(token, await generateProof(pair, htu, world.method, undefined, token)),
    });
    corpus.refuse(`library/dpop/${alg}/other-binding`, 'binding_required', 'where only mutual TLS will do', {
      policy: 'mtls_only',
      headers: dpop(token, await generateProof(pair, htu, world.method, undefined, token)),
    });
  }
}

/** The headers that `oauth4webapi` would put on the wire for this request. */
async function captured(pair, token) {
  let headers;
  await oauth.protectedResourceRequest(token, world.method, new URL(world.uri), undefined, undefined, {
    DPoP: oauth.DPoP({ client_id: 'shop' }, pair),
    [oauth.customFetch]: async (_, init) => {
      headers = Object.entries(init.headers);
      return new Response();
    },
  });
  return headers;
}

/** The rows of `attacks/proof.mjs`: all of them for one algorithm, those about keys and signatures for each. */
async function rows(corpus, prover) {
  const { alg } = prover.signer;
  corpus.accept(`jose/${alg}/valid`, 'as it should be', ask(prover, await prover.proof()), asked);
  for (const { name, reason, why, make, each } of proofRows) {
    if (!(each || alg === REFERENCE)) continue;
    const request = ask(prover, await make(prover));
    if (reason === null) corpus.accept(`jose/${alg}/${name}`, why, request, asked);
    else corpus.refuse(`jose/${alg}/${name}`, reason, why, request, asked);
  }
}

/** Right parts put together wrongly: schemes, tokens, keys, header fields. */
async function pairs(corpus, prover, mint) {
  const token = prover.accessToken;
  const stranger = new Prover(await makeSigner('ES256'), token);
  const unbound = new Prover(prover.signer, await mint(undefined));
  const certain = await mint({ jkt: await thumbprint(prover.signer), 'urn:x': 'y' });
  const policy = 'access_token';
  const refuse = (name, reason, why, headers) => corpus.refuse(`pair/${name}`, reason, why, { policy, headers }, asked);
  const accept = (name, why, headers) => corpus.accept(`pair/${name}`, why, { policy, headers }, asked);

  refuse(
    'two-proofs',
    'proof_repeated',
    'RFC 9449 §4.3(1)',
    dpop(token, await prover.proof(), await prover.proof()),
  );
  const twice = await prover.proof();
  refuse('same-proof-twice', 'proof_repeated', 'RFC 9449 §4.3(1)', dpop(token, twice, twice));
  refuse('no-proof', 'proof_missing', 'FAPI 2: no proof', dpop(token));
  refuse('bearer-without-proof', 'proof_missing', 'FAPI 2: a stolen bound token', bearer(token));
  refuse('bearer-with-proof', 'scheme_mismatch', 'RFC 9449 §7.2: downgrade', [
    ...bearer(token),
    ['dpop', await prover.proof()],
  ]);
  refuse(
    'unbound-token',
    'binding_required',
    'RFC 9449 §7.1: not a DPoP token',
    dpop(unbound.accessToken, await unbound.proof()),
  );
  refuse('key-other', 'proof_key_mismatch', 'FAPI 2: another key than cnf.jkt', dpop(token, await stranger.proof()));
  refuse(
    'key-borrowed',
    'proof_signature_invalid',
    'the bound key in jwk, signed by another',
    dpop(token, await prover.proof({ signer: stranger.signer })),
  );
  refuse(
    'proof-of-other-token',
    'proof_token_mismatch',
    'a proof for another token of the same key',
    dpop(token, await new Prover(prover.signer, certain).proof()),
  );
  refuse(
    'proof-as-token',
    'typ_not_accepted',
    'a proof is no access token',
    dpop(await prover.proof(), await prover.proof()),
  );
  refuse('token-as-proof', 'proof_malformed', 'an access token is no proof', dpop(token, token));
  refuse('token-and-proof-swapped', 'typ_not_accepted', 'each in the place of the other', dpop(await prover.proof(), token));
  accept('header-names-upper-case', 'header names in any case', [
    ['AUTHORIZATION', `DPoP ${token}`],
    ['DPOP', await prover.proof()],
  ]);
  accept('scheme-lower-case', 'RFC 9110 §11.1: any case', [
    ['authorization', `dpop ${token}`],
    ['dpop', await prover.proof()],
  ]);

  const posted = { policy, method: 'POST', headers: dpop(token, await prover.proof({ claims: { htm: 'POST' } })) };
  corpus.accept('pair/post', 'another method', posted, asked);
  const head = { policy, method: 'HEAD', headers: dpop(token, await prover.proof()) };
  corpus.refuse('pair/get-proof-for-head', 'proof_method_mismatch', 'HEAD is not GET', head, asked);
}

/** One proof, one use; and what must not use it up. */
async function replays(corpus, prover, other) {
  const jti = (name) => ({ claims: { jti: name } });
  const accept = (name, why, p, proof) => corpus.accept(`replay/${name}`, why, ask(p, proof));
  const refuse = (name, why, p, proof, reason = 'proof_replayed') =>
    corpus.refuse(`replay/${name}`, reason, why, ask(p, proof));

  const once = await prover.proof(jti('once'));
  accept('first', 'the first use', prover, once);
  refuse('second', 'the very same bytes', prover, once);
  refuse('third', 'and again', prover, once);
  refuse('twin', 'RFC 9449 §11.1: the other signature of the same proof', prover, resign(once, twinP256));
  refuse(
    'same-jti',
    'another proof of the same name',
    prover,
    await prover.proof({ claims: { jti: 'once', iat: world.now - 1 } }),
  );
  accept('same-jti-other-key', 'no client can use up the jti of another', other, await other.proof(jti('once')));

  const spoiled = await prover.proof(jti('spoiled'));
  refuse('spoiled-first', 'a refused proof', prover, resign(spoiled, flipBit), 'proof_signature_invalid');
  accept('spoiled-then-good', 'does not use up its name', prover, spoiled);

  const late = await prover.proof({ claims: { jti: 'late', iat: world.now + 4 } });
  const later = world.now + 62;
  corpus.accept('replay/late-first', 'dated ahead, as far as allowed', ask(prover, late));
  corpus.refuse('replay/late-at-its-end', 'proof_replayed', 'remembered for as long as the proof lives', {
    ...ask(prover, late),
    now: later,
  });
}

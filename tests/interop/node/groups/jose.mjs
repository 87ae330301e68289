// Tokens of npm `jose`, each kind and each algorithm, and each of them with one thing changed.
import { claims } from '../attacks/claims.mjs';
import { framing } from '../attacks/framing.mjs';
import { header } from '../attacks/header.mjs';
import { keys } from '../attacks/keys.mjs';
import { presentation } from '../attacks/presentation.mjs';
import { Attempt } from '../lib/attempt.mjs';
import { Corpus, bearer } from '../lib/corpus.mjs';
import { issuer, makeSigner, makeSigners, trustDomain } from '../lib/keys.mjs';
import { kindNamed, kinds } from '../lib/kinds.mjs';
import { freezeClock, policyDocument, world } from '../lib/world.mjs';

const REFERENCE = 'ES256'; // the algorithm of every row whose change has nothing to do with algorithms

export async function generate(root) {
  freezeClock();
  const trust = await makeTrust();
  const corpus = new Corpus(root, 'jose', policyDocument(trust.document));

  for (const kind of kinds) {
    for (const alg of kind.algorithms) {
      const attempt = new Attempt(kind, trust.domain[alg], trust);
      corpus.accept(
        `${kind.name}/${alg}/valid`,
        'as the issuer made it',
        { policy: kind.policy, headers: bearer(await attempt.token()) },
        { kind: kind.name, subject: kind.claims.sub },
      );
      await run(corpus, attempt, [...claims, ...header, ...keys, ...framing], kind.name);
    }
    await run(corpus, new Attempt(kind, trust.domain[REFERENCE], trust), presentation, null);
  }
  await crossed(corpus, trust);
  await policies(corpus, trust);
  stream(corpus);
  await warm(corpus, trust);
  corpus.write();
}

/** Adds the rows that apply to this attempt. `oracleKind` null: a library has no say in how a request is framed. */
async function run(corpus, attempt, rows, oracleKind) {
  const { kind, signer } = attempt;
  for (const { name, reason, why, make, each, only } of rows) {
    if (!only(attempt) || !(each || signer.alg === REFERENCE)) continue;
    const made = await make(attempt);
    const request = { policy: kind.policy, ...(typeof made === 'string' ? { headers: bearer(made) } : made) };
    const title = `${kind.name}/${signer.alg}/${name}`;
    if (reason === null) corpus.accept(title, why, request, { kind: oracleKind });
    else corpus.refuse(title, reason, why, request, { kind: oracleKind });
  }
}

/** Each kind of token where only another kind is accepted. */
async function crossed(corpus, trust) {
  const reasons = {
    'jwt-svid': { 'at+jwt': 'typ_not_accepted', jwt: 'claim_missing' },
    'at+jwt': { 'jwt-svid': 'typ_not_accepted', jwt: 'typ_not_accepted' },
    jwt: { 'jwt-svid': 'subject_malformed', 'at+jwt': 'typ_not_accepted' },
  };
  for (const [from, targets] of Object.entries(reasons)) {
    const headers = bearer(await new Attempt(kindNamed(from), trust.domain[REFERENCE], trust).token());
    for (const [to, reason] of Object.entries(targets)) {
      corpus.refuse(
        `cross/${from}-as-${to}`,
        reason,
        'RFC 8725 §3.12',
        { policy: kindNamed(to).policy, headers },
        { kind: to },
      );
    }
  }
}

/** What a policy asks beyond a valid token. */
async function policies(corpus, trust) {
  const token = (kind, change) =>
    new Attempt(kindNamed(kind), trust.domain[REFERENCE], trust).token({ claims: change });
  const ask = async (policy, kind, change) => ({ policy, headers: bearer(await token(kind, change)) });
  const subjectOf = (path) => ({ sub: `spiffe://${world.trust_domain}${path}` });

  corpus.accept('policy/default-svid', 'no policy named', await ask(undefined, 'jwt-svid'));
  corpus.accept('policy/default-access-token', 'no policy named', await ask(undefined, 'at+jwt'));
  corpus.accept('policy/subject', 'ns/*/sa/web', await ask('web_only', 'jwt-svid'));
  corpus.refuse(
    'policy/subject-other',
    'subject_refused',
    'another last segment',
    await ask('web_only', 'jwt-svid', subjectOf('/ns/shop/sa/database')),
  );
  corpus.refuse(
    'policy/subject-longer',
    'subject_refused',
    'one segment more',
    await ask('web_only', 'jwt-svid', subjectOf('/ns/shop/sa/web/admin')),
  );
  corpus.refuse(
    'policy/subject-two-segments',
    'subject_refused',
    '* is exactly one segment',
    await ask('web_only', 'jwt-svid', subjectOf('/ns/shop/eu/sa/web')),
  );
  corpus.accept(
    'policy/scope',
    'orders:read among others',
    await ask('orders', 'at+jwt', { scope: 'openid orders:read' }),
  );
  corpus.refuse(
    'policy/scope-other',
    'scope_insufficient',
    'another scope',
    await ask('orders', 'at+jwt', { scope: 'orders:write' }),
  );
  corpus.refuse(
    'policy/scope-longer',
    'scope_insufficient',
    'a word, not a prefix',
    await ask('orders', 'at+jwt', { scope: 'orders:readall' }),
  );
  corpus.refuse(
    'policy/scope-absent',
    'scope_insufficient',
    'no scope',
    await ask('orders', 'at+jwt', { scope: undefined }),
  );
  for (const policy of ['bound', 'dpop_only', 'mtls_only']) {
    corpus.refuse(`policy/${policy}-unbound`, 'binding_required', 'an unbound token', await ask(policy, 'at+jwt'));
  }
}

/** The stream goes on after a line that is no request. */
function stream(corpus) {
  const { method, uri, now } = world;
  corpus.fault('stream/not-json', 'no JSON', 'hello');
  corpus.fault('stream/not-an-object', 'no object', '[]');
  corpus.fault(
    'stream/no-headers',
    'a request without headers',
    JSON.stringify({ id: 'stream/no-headers', method, uri, now }),
  );
  corpus.refuse('stream/goes-on', 'credential_missing', 'the line after the faults', { headers: [] });
}

/** A token that was accepted before is judged again, on every policy and at every time. Last: the clock moves on. */
async function warm(corpus, trust) {
  for (const kind of kinds.filter(({ name }) => name !== 'jwt')) {
    const headers = bearer(await new Attempt(kind, trust.domain[REFERENCE], trust).token());
    corpus.accept(`warm/${kind.name}/first`, 'the cache is warm now', { policy: 'default', headers });
    corpus.accept(`warm/${kind.name}/again`, 'the same bytes', { policy: 'default', headers });
    corpus.refuse(`warm/${kind.name}/other-audience`, 'audience_mismatch', "another policy's audience", {
      policy: 'other_audience',
      headers,
    });
  }
  for (const kind of kinds) {
    const headers = bearer(await new Attempt(kind, trust.domain[REFERENCE], trust).token());
    corpus.accept(`warm/${kind.name}/before-expiry`, 'the last second', {
      policy: kind.policy,
      headers,
      now: kind.claims.exp - 1,
    });
    corpus.refuse(`warm/${kind.name}/expired`, 'token_expired', 'a cached token expires too (CWE-613)', {
      policy: kind.policy,
      headers,
      now: kind.claims.exp,
    });
  }
}

/** Two trust domains and two issuers, and beside their good keys some that must be dropped, one by one. */
async function makeTrust() {
  const [domain, foreign, mallory, odd] = await Promise.all([
    makeSigners(world.algorithms),
    makeSigners([REFERENCE, 'RS256', 'EdDSA']),
    makeSigner('ES256'),
    makeOddKeys(),
  ]);
  const [svid, foreignSvid] = [domain, foreign].map((signers) =>
    Object.fromEntries(Object.entries(signers).filter(([alg]) => world.svid_algorithms.includes(alg))),
  );
  const entries = Object.fromEntries(Object.entries(odd).map(([name, { entry }]) => [name, entry]));
  const strangers = [
    { kty: 'XYZ', kid: 'unknown-kty', use: 'jwt-svid' },
    { kty: 'oct', kid: 'oct', k: 'c2VjcmV0', use: 'jwt-svid' },
  ];
  const document = [
    trustDomain(world.trust_domain, svid, [
      ...strangers,
      entries['rsa-1024'],
      entries.private,
      entries['wit-svid'],
      entries['use-missing'],
      entries.eddsa,
    ]),
    trustDomain(world.other_trust_domain, foreignSvid),
    trustDomain(world.revoked_trust_domain, {}),
    issuer(world.issuer, domain, [
      ...strangers,
      { ...entries['rsa-1024'], use: 'sig' },
      { ...entries.private, use: 'sig' },
      entries['use-enc'],
      entries['key-ops'],
    ]),
    issuer(world.other_issuer, foreign),
  ];
  return { document, domain, foreign, mallory, odd };
}

/** Keys whose set entry has one fault; `entry` is the set entry, `header` what a token signed with the key says. */
async function makeOddKeys() {
  const odd = async (kid, alg, change, bits) => {
    const signer = await makeSigner(alg, { kid, bits });
    const entry = { ...signer.jwk, kid, alg, use: 'jwt-svid', ...change(signer) };
    return { ...signer, entry, header: { alg, kid } };
  };
  return {
    'rsa-1024': await odd('odd-rsa-1024', 'RS256', () => ({}), 1024),
    private: await odd('odd-private', 'ES256', ({ privateKey }) => privateKey.export({ format: 'jwk' })),
    'wit-svid': await odd('odd-wit-svid', 'ES256', () => ({ use: 'wit-svid' })),
    'use-missing': await odd('odd-use-missing', 'ES256', () => ({ use: undefined })),
    'use-enc': await odd('odd-use-enc', 'ES256', () => ({ use: 'enc' })),
    'key-ops': await odd('odd-key-ops', 'ES256', () => ({ use: undefined, key_ops: ['deriveBits'] })),
    eddsa: await odd('eddsa', 'EdDSA', () => ({})),
  };
}

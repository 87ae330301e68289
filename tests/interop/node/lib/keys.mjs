// Fresh keys, and the JWK sets and bundles made of them.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function keyPair(alg, bits) {
  if (alg in CURVES) return generate('ec', { namedCurve: CURVES[alg] });
  if (alg.startsWith('Ed')) return generate('ed25519');
  return generate('rsa', { modulusLength: bits });
}

/** A key with the algorithm and `kid` that it signs under, and its public JWK. */
export async function makeSigner(alg, { kid = alg.toLowerCase(), bits = 2048 } = {}) {
  const { privateKey, publicKey } = await keyPair(alg, bits);
  return { alg, kid, privateKey, publicKey, jwk: publicKey.export({ format: 'jwk' }) };
}

/** One signer for each algorithm, by algorithm. */
export async function makeSigners(algorithms) {
  const signers = await Promise.all(algorithms.map((alg) => makeSigner(alg)));
  return Object.fromEntries(signers.map((signer) => [signer.alg, signer]));
}

const entry = ({ jwk, kid, alg }, use) => ({ ...jwk, kid, alg, use });

export const issuer = (name, signers, odd = []) => ({
  issuer: name,
  jwks: { keys: [...odd, ...Object.values(signers).map((signer) => entry(signer, 'sig'))] },
});

export const trustDomain = (name, signers, odd = []) => ({
  trust_domain: name,
  bundle: {
    keys: [...odd, ...Object.values(signers).map((signer) => entry(signer, 'jwt-svid'))],
    spiffe_sequence: 1,
    spiffe_refresh_hint: 300,
  },
});

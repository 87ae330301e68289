// Reads a corpus back, for the oracles.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every case of this token kind, in every group: its full name, its request, and the policy document of its group. */
export function casesOf(root, kind) {
  const read = (group, file) => readFileSync(join(root, group, file), 'utf8');
  const lines = (group, file) => read(group, file).split('\n').filter(Boolean);
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: group }) => {
      const document = JSON.parse(read(group, 'policy.json'));
      const requests = lines(group, 'requests.ndjson');
      return lines(group, 'expected.ndjson')
        .map((line, index) => ({ ...JSON.parse(line), line: requests[index] }))
        .filter((expected) => expected.kind === kind)
        .map(({ name, line }) => ({ name: `${group}/${name}`, request: JSON.parse(line), document }));
    });
}

/** The audience that the policy of the request names. */
export const audienceOf = ({ request, document }) => document.policies[request.policy].audience[0];

/** The claims of a token without any check; the oracles need the authority of its keys. */
export function unverifiedIssuer(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString('utf8')).iss;
  } catch {
    return undefined;
  }
}

export const tokenOf = ({ request }) =>
  request.headers.find(([name]) => name.toLowerCase() === 'authorization')[1].split(/ +/)[1];

/** The trust entry of the issuer that the token names, or the first issuer: never none, for the oracle shall decide. */
export function trustOf(one) {
  const issuers = one.document.trust.filter((entry) => 'issuer' in entry);
  return issuers.find(({ issuer }) => issuer === unverifiedIssuer(tokenOf(one))) ?? issuers[0];
}

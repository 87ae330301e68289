// Writes one group of cases: `policy.json`, `requests.ndjson` (what the engine reads) and `expected.ndjson`.
// `python/corpus.py` writes the same three files for the Python issuers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { world } from './world.mjs';

export class Corpus {
  #directory;
  #policy;
  #requests = [];
  #expected = [];

  constructor(root, group, policy) {
    this.#directory = join(root, group);
    this.#policy = policy;
  }

  /** A request that must be accepted. `kind` names the token kind and with it the oracles that are asked too. */
  accept(name, why, request, { kind = null, subject = null } = {}) {
    this.#add(name, request, { kind, decision: 'accept', reason: null, subject, why });
  }

  /** A request that must be refused. `reason` is one word, or a list where the contract leaves the choice open. */
  refuse(name, reason, why, request, { kind = null } = {}) {
    this.#add(name, request, { kind, decision: 'refuse', reason, why });
  }

  /** A line that is no request at all: answered with an `error`, and the stream goes on. */
  fault(name, why, line) {
    this.#requests.push(line);
    this.#expected.push({ name, kind: null, decision: 'error', reason: null, why });
  }

  write() {
    mkdirSync(this.#directory, { recursive: true });
    const lines = (items) => items.map((item) => `${item}\n`).join('');
    writeFileSync(join(this.#directory, 'policy.json'), JSON.stringify(this.#policy, null, 1));
    writeFileSync(join(this.#directory, 'requests.ndjson'), lines(this.#requests));
    writeFileSync(join(this.#directory, 'expected.ndjson'), lines(this.#expected.map((e) => JSON.stringify(e))));
  }

  #add(name, request, expectation) {
    const { method, uri, now } = world;
    this.#requests.push(JSON.stringify({ id: name, method, uri, now, ...request }));
    this.#expected.push({ name, ...expectation });
  }
}

export const bearer = (token) => [['authorization', `Bearer ${token}`]];

export const dpop = (token, ...proofs) => [
  ['authorization', `DPoP ${token}`],
  ...proofs.map((proof) => ['dpop', proof]),
];

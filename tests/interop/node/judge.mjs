// node judge.mjs DIRECTORY ORACLE...: writes `oracle-NAME.ndjson`, one verdict for each case of the oracle's kind.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { casesOf } from './lib/cases.mjs';
import { freezeClock } from './lib/world.mjs';

const [root, ...oracles] = process.argv.slice(2);

for (const oracle of oracles) {
  const { judge, kind } = await import(`./oracles/${oracle}.mjs`);
  const verdicts = [];
  for (const one of casesOf(root, kind)) {
    freezeClock(one.request.now);
    const verdict = await judge(one).then(
      () => ({ verdict: 'accept', detail: '' }),
      (error) => ({ verdict: 'refuse', detail: `${error.name}: ${error.message}` }),
    );
    verdicts.push(`${JSON.stringify({ name: one.name, ...verdict })}\n`);
  }
  writeFileSync(join(root, `oracle-${oracle}.ndjson`), verdicts.join(''));
}

// The names, the clock and the policies that every generator shares, whatever its language.
import { readFileSync } from 'node:fs';

export const world = JSON.parse(readFileSync(new URL('../../world.json', import.meta.url), 'utf8'));

/** Makes libraries that read the clock themselves see the corpus' own time, so that no case depends on today. */
export function freezeClock(seconds = world.now) {
  Date.now = () => seconds * 1000;
}

/** The policy document over this trust: every policy of the world, completed with the defaults. */
export function policyDocument(trust) {
  const policies = Object.entries(world.policies).map(([name, own]) => [name, { ...world.policy_defaults, ...own }]);
  return { trust, policies: Object.fromEntries(policies) };
}

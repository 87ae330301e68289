// The whole decision corpus in the runtime that runs this; prints how many vectors there are, and every fault.

import { Countersign } from 'countersign'

import { BEYOND, run, vectors } from '../lib/corpus.mjs'

const all = vectors().filter(({ path }) => !BEYOND.includes(path))
const faults = []
for (const vector of all) faults.push(...(await run(vector, Countersign)))
console.log(JSON.stringify({ vectors: all.length, faults }))

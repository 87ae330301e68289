// An application that Vite builds: the corpus through the package as a browser has it.

import { Countersign } from 'countersign'

import { runVector } from '../lib/vector.mjs'

globalThis.judge = (vector) => runVector(vector, Countersign)
globalThis.ready = true

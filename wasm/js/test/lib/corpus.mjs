// The decision corpus.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(process.env.COUNTERSIGN_ROOT, 'tests/vectors')

// A number that JavaScript cannot hold goes through it as a text.
const LARGE_NUMBER = /^(\s*"[^"\\]*": )(\d{16,})(?=,?$)/gm

/**
 * Vectors that a program cannot run through this package: the package matches answers to questions by itself, and an engine always has a key of
 * nonces.
 */
export const BEYOND = ['body/answer_to_another_question', 'introspection/answer_to_another_question', 'shared_store/answer_to_another_question', 'nonce/demanded_without_secrets']

/** Every vector: its path and content. */
export function vectors() {
  const areas = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return areas.flatMap(({ name: area }) =>
    readdirSync(join(FOLDER, area)).map((file) => ({
      path: `${area}/${file.replace(/\.json$/, '')}`,
      content: JSON.parse(readFileSync(join(FOLDER, area, file), 'utf8').replace(LARGE_NUMBER, '$1"number $2"')),
    })),
  )
}

export { runVector as run } from './vector.mjs'

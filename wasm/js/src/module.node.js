// The module of this package, for runtimes with files.

import { readFile } from 'node:fs/promises'

export { signatures } from './native.js'

export async function loadModule() {
  return WebAssembly.compile(await readFile(new URL('./countersign.wasm', import.meta.url)))
}

// The module of this package, for workerd, which compiles it before the worker starts.

import module from './countersign.wasm'

export async function loadModule() {
  return module
}

/** What is not WebAssembly here is asynchronous, and a decision is not. */
export const signatures = null

// The module of this package, for workerd, which compiles it before the worker starts.

import module from './countersign.wasm'

export async function loadModule() {
  return module
}

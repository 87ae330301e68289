// The module of this package, for browsers and bundlers, which find it by this expression.

export async function loadModule() {
  const response = await fetch(new URL('./countersign.wasm', import.meta.url))
  if (!response.ok) throw new Error(`${response.url}: status ${response.status}`)
  return WebAssembly.compile(await response.arrayBuffer())
}

/** What is not WebAssembly here is asynchronous, and a decision is not. */
export const signatures = null

// Preloaded into the examples: their issuer is a server of the test.

const { fetch } = globalThis
globalThis.fetch = (url, init) => fetch(`${url}`.replace('https://as.example', process.env.ISSUER_AT), init)

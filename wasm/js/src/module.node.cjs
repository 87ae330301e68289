// The module of this package, for `require`.

'use strict'

const { readFile } = require('node:fs/promises')
const { join } = require('node:path')

exports.signatures = require('./native.js').signatures

exports.loadModule = async () => WebAssembly.compile(await readFile(join(__dirname, '..', 'countersign.wasm')))

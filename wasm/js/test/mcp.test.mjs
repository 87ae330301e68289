import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, test } from 'node:test'

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { Countersign } from 'countersign'
import { authInfo, gate, tokenOf } from 'countersign/mcp'
import express from 'express'

import { AUDIENCE, client, issuer, policy } from './lib/issuer.mjs'

let as
let server
let url
before(async () => {
  as = await issuer()
  const engine = await Countersign.create(
    policy(as.jwks, { origin: AUDIENCE, tools: [{ name: 'whoami' }, { name: 'admin.*' }], body_bytes: 65536 }),
    { proofsBeforeStart: 'accept' },
  )
  const app = express()
  app.post('/mcp', gate(engine), async (request, response) => {
    const mcp = new McpServer({ name: 'test', version: '1.0.0' })
    const answer = ({ authInfo }) => ({ content: [{ type: 'text', text: JSON.stringify([authInfo.clientId, authInfo.scopes, authInfo.extra.identity.subject, authInfo.extra.tool]) }] })
    mcp.registerTool('whoami', { description: 'who calls' }, answer)
    mcp.registerTool('admin.list', { description: 'named by a pattern' }, answer)
    mcp.registerTool('hidden', { description: 'what the policy does not name' }, answer)
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    response.on('close', () => transport.close())
    await mcp.connect(transport)
    await transport.handleRequest(request, response, request.body)
  })
  server = http.createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${server.address().port}/mcp`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

/** A client of the SDK whose requests carry what `headers` makes for each. */
async function connected(headers) {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: async (to, init) => fetch(to, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), ...(await headers(init.method ?? 'GET')) } }),
  })
  const mcp = new Client({ name: 'test', version: '1.0.0' })
  await mcp.connect(transport)
  return mcp
}

test('a tool is called with who calls it', async () => {
  const token = await as.token()
  const mcp = await connected(() => ({ authorization: `Bearer ${token}` }))
  assert.equal((await mcp.listTools()).tools.length, 3)
  const { content } = await mcp.callTool({ name: 'whoami' })
  assert.deepEqual(JSON.parse(content[0].text), ['shop', ['orders:read', 'orders:write'], 'alice', 'whoami'])
  await mcp.close()
})

test('a tool that the policy does not name is refused before the server sees it', async () => {
  const token = await as.token()
  const mcp = await connected(() => ({ authorization: `Bearer ${token}` }))
  assert.deepEqual(JSON.parse((await mcp.callTool({ name: 'admin.list' })).content[0].text)[3], 'admin.list')
  await assert.rejects(mcp.callTool({ name: 'hidden' }), /403|Forbidden|HTTP/i)
  await mcp.close()
})

test('without a token there is no session, and a bound token needs its proof with each message', async () => {
  await assert.rejects(connected(() => ({})), /401|Unauthorized|HTTP/i)
  const caller = await client()
  const token = await as.token({ cnf: { jkt: caller.thumbprint } })
  await assert.rejects(connected(() => ({ authorization: `Bearer ${token}` })), /401|Unauthorized|HTTP/i)
  const mcp = await connected(async (method) => ({
    authorization: `DPoP ${token}`,
    dpop: await caller.proof(token, { htm: method, htu: `${AUDIENCE}/mcp` }),
  }))
  assert.equal(JSON.parse((await mcp.callTool({ name: 'whoami' })).content[0].text)[2], 'alice')
  await mcp.close()
})

test('AuthInfo is of accepted requests only', async () => {
  const engine = await Countersign.create(policy(as.jwks))
  const token = await as.token({ scope: '' })
  const request = { method: 'GET', uri: `${AUDIENCE}/mcp`, headers: { authorization: `Bearer ${token}` } }
  assert.deepEqual(authInfo(engine.decide(request), tokenOf(`Bearer  ${token}`)).scopes, [])
  assert.equal(authInfo(engine.decide(request), tokenOf(`Bearer  ${token}`)).token, token)
  assert.equal(authInfo(engine.decide({ ...request, headers: {} })), undefined)
  assert.equal(tokenOf(undefined), '')
})

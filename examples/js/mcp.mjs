import express from 'express'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { gate } from 'countersign/mcp'

import { start } from './engine.mjs'

const app = express()
app.post('/orders', gate(await start()), async (request, response) => {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  server.registerTool('whoami', { description: 'who calls' }, ({ authInfo }) => ({
    content: [{ type: 'text', text: authInfo.extra.identity.subject }],
  }))
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  response.on('close', () => transport.close())
  await server.connect(transport)
  await transport.handleRequest(request, response, request.body)
})
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')

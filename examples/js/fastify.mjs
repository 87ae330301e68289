import fastify from 'fastify'
import { guard } from 'countersign/fastify'

import { start } from './engine.mjs'

const app = fastify()
await app.register(guard(await start()))
app.get('/orders', async (request) => `hello ${request.countersign.identity.subject}`)
await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })

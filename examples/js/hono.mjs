import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { guard } from 'countersign/hono'

import { start } from './engine.mjs'

const app = new Hono()
app.use('/orders', guard(await start()))
app.get('/orders', (context) => context.text(`hello ${context.get('countersign').identity.subject}`))
serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' })

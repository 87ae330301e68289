import express from 'express'
import { guard } from 'countersign/express'

import { start } from './engine.mjs'

const app = express()
app.use('/orders', guard(await start()))
app.get('/orders', (request, response) => {
  response.send(`hello ${request.countersign.identity.subject}`)
})
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')

// The same for CommonJS.

import countersign = require('countersign')
import express = require('countersign/express')

export async function program(): Promise<number> {
  const engine: countersign.Countersign = await countersign.Countersign.create('{}')
  express.guard(engine)
  return engine.decide({ method: 'GET', uri: '/' }).status
}

// What a program writes, under `strict`: it compiles. The lines under `@ts-expect-error` must not.

import type { IncomingMessage } from 'node:http'

import { Countersign, CountersignError, ERROR_NUMBERS } from 'countersign'
import type { Acceptance, Attribute, Decision, Identity, Reason, ReasonNumbers, ReplayStore, TokenKind } from 'countersign'
import { guard as expressGuard } from 'countersign/express'
import type { Guarded } from 'countersign/express'
import { guard as fastifyGuard } from 'countersign/fastify'
import { guard as fetchGuard } from 'countersign/fetch'
import { guard as honoGuard } from 'countersign/hono'
import type { Guarded as HonoGuarded } from 'countersign/hono'
import { authInfo, gate } from 'countersign/mcp'
import { memoryStore, redisStore } from 'countersign/replay'
import { discover, introspection, keepTrust } from 'countersign/trust'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { createClient } from 'redis'
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>(): T | undefined => undefined

// Reasons are exact: each has its number, and an unknown one is no reason.
holds<Same<ReasonNumbers['token_expired'], 1401>>()
holds<Same<keyof ReasonNumbers, Reason>>()
// @ts-expect-error
const wrong: Reason = 'token_expird'
void wrong
// The words of an identity are those of the attributes, and three more.
holds<Same<Exclude<keyof Identity, Attribute>, 'name' | 'audience' | 'issued_at'>>()
holds<Same<Identity['kind'], TokenKind>>()

export async function program(request: Request): Promise<string> {
  const engine = await Countersign.create(
    { trust: [], policies: {} },
    { onWarning: (line: string) => console.warn(line), store: memoryStore(), introspect: introspection({ clientId: 'a', clientSecret: 'b' }) },
  )
  const decision: Decision = engine.decide(request)
  // The decision tells an acceptance from a refusal.
  if (decision.decision === 'accept') {
    const accepted: Acceptance = decision
    holds<Same<typeof accepted.reason, null>>()
    return accepted.identity.subject ?? accepted.identity.kind
  }
  const reason: Reason = decision.reason
  if (decision.reason === 'token_expired') holds<Same<typeof decision.number, 1401>>()
  // @ts-expect-error
  decision.identity.subject
  // @ts-expect-error
  decision.status = 200
  engine.decide({ method: 'GET', uri: '/x', headers: { authorization: 'Bearer x' }, clientCertificate: new Uint8Array(3) })
  engine.decide({ method: 'GET', uri: '/x', headers: ['authorization', 'Bearer x'] })
  engine.decide({ method: 'GET', uri: '/x', headers: [['authorization', 'Bearer x']] })
  engine.decide({ method: 'GET', uri: '/x', headers: new Headers() })
  // @ts-expect-error
  engine.decide({ method: 'GET' })
  // @ts-expect-error
  engine.decide(request, { polcy: 'x' })
  // @ts-expect-error
  new Countersign()
  const later = await engine.decideAsync(request, { signal: new AbortController().signal })
  const { checks } = engine.explain(request)
  const result: 'passed' | 'failed' | 'cached' | 'not_needed' | 'not_reached' | undefined = checks[0]?.result
  engine.updateTrust({ issuer: 'https://as.example' }, '{}')
  // @ts-expect-error
  engine.updateTrust('https://as.example', '{}')
  engine.revoke({ authorities: [] }, { replace: true })
  const expired: number | undefined = engine.counters().refused.token_expired
  for (const [name, value] of later.headers) console.log(name.toUpperCase(), value.length)
  return `${reason} ${result} ${expired}`
}

export function errors(error: unknown): number {
  if (!(error instanceof CountersignError)) return 0
  if (error.code === 'policy_faulty') for (const { pointer } of error.faults) console.log(pointer)
  // @ts-expect-error
  if (error.code === 'policy_wrong') return 1
  holds<Same<(typeof ERROR_NUMBERS)['policy_faulty'], 2>>()
  return error.number
}

export async function frameworks(engine: Countersign): Promise<void> {
  const app = express()
  app.use('/orders', expressGuard(engine, { policy: 'orders', clientCertificate: (request: IncomingMessage) => (request.url === '/' ? null : new Uint8Array(3)) }))
  app.get('/orders', (request, response) => response.json(request.countersign?.identity))
  app.get('/other', (request, response) => response.json((request as typeof request & Guarded).countersign.passes))
  app.post('/mcp', gate(engine))

  const server = fastify()
  await server.register(fastifyGuard(engine, { policy: 'orders' }))

  const hono = new Hono<{ Variables: HonoGuarded }>()
  hono.use('/orders/*', honoGuard(engine))
  hono.get('/orders', (context) => context.text(context.get('countersign').identity?.subject ?? ''))

  const worker: { fetch(request: Request, env: { key: string }): Promise<Response> } = {
    fetch: fetchGuard(() => engine, (_request: Request, decision, env: { key: string }) => new Response(`${decision.status}${env.key}`)),
  }
  void worker

  const store: ReplayStore = redisStore(createClient())
  void store
  const keeper = keepTrust(engine, { pollSeconds: 60, onError: (error, source) => console.error(source.issuer, error) })
  await keeper.ready
  keeper.stop()
  const { jwks_uri } = await discover('https://as.example')
  console.log(jwks_uri)
  const info: AuthInfo | undefined = authInfo(engine.decide({ method: 'GET', uri: '/' }))
  void info
}

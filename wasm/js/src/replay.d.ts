import type { ReplayStore } from './index.js'

/** A store over a client of Redis or Valkey: that of `redis` (version 4 and later) or `ioredis`. */
export function redisStore(client: { set(...parameters: any[]): Promise<unknown> }, options?: { readonly prefix?: string }): ReplayStore

/** A store in the memory of one process, which engines in it share. */
export function memoryStore(options?: { readonly most?: number; readonly now?: () => number }): ReplayStore & { readonly size: number }

/** A thousand refreshes over a network that loses three answers of ten, by tabs that race and crash: nobody is logged out. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { type ClientClock, type Fetch, type OAuth2Session, TokenUnavailable } from '../../src/client/index.ts'
import { closeRigs, rig } from '../rig.ts'
import { queueLocks, rotatingSession } from './tools.ts'

const proxies: (() => void)[] = []
afterEach(async () => {
  vi.unstubAllGlobals()
  for (const close of proxies.splice(0)) close()
  await closeRigs()
})

/** From 0 up to 1, the same in each run (mulberry32). */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

/** A proxy that loses answers, once the server behind it has given them. */
const lossyProxy = async (target: string, isLost: () => boolean): Promise<{ url: string; lost: () => number }> => {
  let lost = 0
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming
    const onward = request(`${target}${url}`, { method, headers }, async (answer) => {
      const body = Buffer.concat(await answer.toArray())
      if (isLost()) {
        lost++
        incoming.socket.destroy()
      } else outgoing.writeHead(answer.statusCode!, answer.headers).end(body)
    })
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxies.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lost: () => lost }
}

const ROUNDS = 1000
/** Longer than the server forgives a race. */
const BETWEEN_MS = 11_000

test.each(['with', 'without'] as const)(
  'two tabs that race, %s Web Locks',
  async (locks) => {
    vi.stubGlobal('navigator', locks === 'with' ? queueLocks().navigator : {})
    const random = seeded(locks === 'with' ? 1 : 2)
    const gateway = await rig()
    const proxy = await lossyProxy(gateway.url, () => random() < 0.3)
    let crashes = 0
    const crash = (p: number): void => {
      if (random() >= p) return
      crashes++
      throw new Error('crash')
    }
    const throughProxy: Fetch = async (input, init) => {
      // Between keeping an attempt and sending it.
      crash(0.02)
      return fetch(String(input).replace(gateway.url, proxy.url), init)
    }
    // What a race waits for is a fifth of what it is: there is less to wait for than in a browser's store.
    const clock: ClientClock = {
      now: () => gateway.clock.now(),
      after: (ms, call) => gateway.clock.after(ms / 5, call),
    }
    const { shelf, tab } = await rotatingSession(gateway, { fetch: throughProxy, clock })
    const { tokenUpdater } = shelf.options
    const open = (): OAuth2Session =>
      tab({
        tokenUpdater: async (token, before) => {
          // Between an answer and keeping it.
          if (token.attempt === undefined) crash(0.02)
          await tokenUpdater(token, before)
        },
      })

    /** Asks until there is another token, as a client that goes on; after a crash it is another process. */
    const insist = async (tabs: OAuth2Session[], nth: number, refused: string): Promise<void> => {
      for (;;) {
        try {
          await tabs[nth]!.replaceAccessToken(refused)
          return
        } catch (error) {
          const isCrash = String((error as Error).cause ?? error).includes('crash')
          if (isCrash) tabs[nth] = open()
          // What the server asks to wait is waited; a log-out ends the test.
          else if (error instanceof TokenUnavailable) gateway.clock.move(error.retryAfterMs ?? 0)
          else throw error
        }
      }
    }

    const tabs = [open(), open()]
    for (let round = 0; round < ROUNDS; round++) {
      gateway.clock.move(BETWEEN_MS)
      const refused = shelf.token!.access_token
      await Promise.all([insist(tabs, 0, refused), insist(tabs, 1, refused)])
    }
    expect(shelf.token!.generation).toBeGreaterThanOrEqual(ROUNDS)
    expect(proxy.lost()).toBeGreaterThan(ROUNDS / 4)
    expect(crashes).toBeGreaterThan(ROUNDS / 50)
    expect((await tab({ fetch }).request('GET', '/api/')).status).toBe(200)
  },
  180_000,
)

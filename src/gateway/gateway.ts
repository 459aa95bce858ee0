/** The gateway: the rules wired to the wire. It is given a store and knows no driver, no file and no process. */
import type { Registry } from 'prom-client'
import type { PasswordHasher } from '../auth/hashing.ts'
import { createLogin } from '../auth/login.ts'
import { createOwner } from '../auth/owner.ts'
import { localProvider } from '../auth/providers/local.ts'
import type { Keys } from '../auth/secrets.ts'
import { createSignedPaths } from '../auth/signed-paths.ts'
import { createTokens } from '../auth/tokens.ts'
import { Verifier } from '../auth/verifier.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import type { ChangeFeed } from '../store/changes.ts'
import type { FlowCaps, Store } from '../store/store.ts'
import type { App } from '../transport/transport.ts'
import { adminHandlers } from './admin.ts'
import { apiRoutes } from './api.ts'
import { createIdentify } from './bearer.ts'
import { Bus } from './bus.ts'
import { Connection, type ConnectionOptions, type Shared } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { createDispatch } from './dispatch.ts'
import { healthRoutes } from './health.ts'
import { createRouter, message } from './http.ts'
import { Hub } from './hub.ts'
import { loginRoutes } from './login.ts'
import { createMetrics } from './metrics.ts'
import { onboardingRoutes, type SetUp } from './onboarding.ts'
import { type Pages, pageRoutes } from './pages.ts'
import { connectionHandlers, profileHandlers } from './profile.ts'
import { createResolve } from './proxies.ts'
import { tokenRoutes } from './token.ts'

export interface GatewayOptions {
  readonly connection: ConnectionOptions
  readonly accessTokenMs: number
  readonly refreshTokenIdleMs: number
  readonly codeLifetimeMs: number
  readonly flowLifetimeMs: number
  readonly flowCaps: FlowCaps
  /** CIDRs and addresses whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: readonly string[]
  /** Tests: parse every answer against its declaration. */
  readonly strict: boolean
}

export interface GatewayParts {
  readonly store: Store
  readonly feed: ChangeFeed
  readonly keys: Keys
  readonly hasher: PasswordHasher
  readonly clock: Clock
  readonly log: Log
  readonly registry: Registry
  readonly pages: Pages
  readonly setUp: Pick<SetUp, 'code' | 'done'>
}

export interface Gateway {
  /** What the public listener serves. */
  readonly app: App
  /** What the admin listener serves. */
  readonly admin: App
  /** Refuses what is new, finishes what is under way, and resolves when the last socket is gone. */
  drain(): Promise<void>
}

/** Expired grants, codes and flows are looked for this often. */
const REAP_MS = 60_000

const SOCKET_PATH = '/api/websocket'

export const createGateway = (parts: GatewayParts, options: GatewayOptions): Gateway => {
  const { store, feed, keys, hasher, clock, log } = parts
  const tokens = createTokens(store, keys, clock, options)
  const verifier = new Verifier(store.tokens, feed, keys, clock)
  const hub = new Hub(verifier, feed)
  const bus = new Bus(feed)
  const signedPaths = createSignedPaths(verifier, keys, clock)
  const identify = createIdentify(verifier, signedPaths)
  const resolve = createResolve(options.trustedProxies)
  const metrics = createMetrics(parts.registry, { sockets: () => hub.size, hashQueue: () => hasher.queued })
  const login = createLogin(store, [localProvider(store.passwords, hasher)], clock, {
    flowLifetimeMs: options.flowLifetimeMs,
    codeLifetimeMs: options.codeLifetimeMs,
    caps: options.flowCaps,
  })
  const shared: Shared = {
    verifier,
    hub,
    dispatch: createDispatch({
      handlers: {
        ...connectionHandlers(bus),
        ...profileHandlers(store.users, store.passwords, hasher, tokens, signedPaths),
        ...adminHandlers(store.users, store.passwords, hasher),
      },
      log,
      strict: options.strict,
    }),
    deadlines: new Deadlines(clock),
    metrics,
    log,
    options: options.connection,
  }
  const setUp: SetUp = {
    ...parts.setUp,
    createOwner: (request) => createOwner(store, hasher, clock, options.codeLifetimeMs, request),
  }
  const http = createRouter({
    routes: [
      ...loginRoutes(login, store.users, metrics, log),
      ...tokenRoutes(tokens, verifier, metrics, log),
      ...onboardingRoutes(setUp, store.users, log),
      ...apiRoutes({ identify, store, clock }),
      ...pageRoutes(parts.pages, store.users),
      // A handshake never gets here: what does is a plain request at the socket's address.
      { method: 'GET', path: SOCKET_PATH, handle: () => message(400, 'This is a WebSocket address.') },
    ],
    log,
    metrics,
  })

  const connections = new Set<Connection>()
  let draining = false
  let gone: (() => void) | null = null
  const leave = (connection: Connection): void => {
    connections.delete(connection)
    if (connections.size === 0) gone?.()
  }

  let reaper: Timer | null = null
  const reap = async (): Promise<void> => {
    try {
      const ended = await tokens.reap()
      if (ended > 0) log.info({ grants: ended }, 'grants expired')
      await store.sweep(clock.now())
    } catch (error) {
      log.warn({ err: error }, 'expired grants could not be removed')
    }
    if (!draining)
      reaper = clock.after(REAP_MS, () => {
        reaping = reap()
      })
  }
  let reaping = reap()

  return {
    app: {
      http: (request) => {
        const caller = resolve(request.address, request.header)
        if (caller === null) return message(400, 'The forwarding headers are not from a trusted proxy.')
        const { address, viaProxy } = caller
        if (viaProxy) return http({ ...request, address })
        // Which address was asked for is a trusted proxy's to say.
        const header = (name: string) => (name === 'x-forwarded-uri' ? undefined : request.header(name))
        return http({ ...request, header })
      },
      upgrade: (handshake) => {
        const caller = resolve(handshake.address, handshake.header)
        if (caller === null) return message(400, 'The forwarding headers are not from a trusted proxy.')
        if (handshake.path !== SOCKET_PATH) return message(404, 'Not found.')
        if (draining) return { ...message(503, 'The server is restarting.'), headers: { 'retry-after': '5' } }
        return (socket) => {
          const connection = new Connection(shared, socket, caller.address, leave)
          connections.add(connection)
          return connection
        }
      },
    },

    admin: {
      http: createRouter({ routes: healthRoutes(metrics, () => !draining), log, metrics: null }),
      upgrade: () => message(404, 'Not found.'),
    },

    drain: async () => {
      draining = true
      reaper?.cancel()
      const empty =
        connections.size === 0
          ? null
          : new Promise<void>((resolve) => {
              gone = resolve
            })
      for (const connection of [...connections]) connection.drain()
      await Promise.all([empty, reaping])
    },
  }
}

/** Puts a gateway together from a configuration: the only file that names a driver. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { autoConcurrency, PasswordHasher } from './auth/hashing.ts'
import { deriveKeys } from './auth/secrets.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { DataDir } from './datadir.ts'
import { createGateway } from './gateway/gateway.ts'
import { isOnboarded } from './gateway/onboarding-steps.ts'
import type { Pages } from './gateway/pages.ts'
import type { Log } from './log.ts'
import { openSqlite } from './store/sqlite.ts'
import { StoreRefused } from './store/store.ts'
import type { Listening, Transport } from './transport/transport.ts'
import { uwsTransport } from './transport/uws.ts'
import { loadUws } from './transport/uws-load.ts'
import { wsTransport } from './transport/ws.ts'

export interface StartOptions {
  readonly clock?: Clock
  /** Tests: parse every answer against its declaration. */
  readonly strict?: boolean
  /** Also count what the process itself uses; for one gateway in a process. */
  readonly processMetrics?: boolean
}

export interface Running {
  /** `http://127.0.0.1:8123` */
  readonly url: string
  /** The address of the admin listener. */
  readonly adminUrl: string
  readonly transport: string
  readonly store: string
  /** Where to make the owner; null once there is one. */
  readonly setUpUrl: string | null
  /** Takes nothing new, finishes what is under way, closes the sockets and the store. Calling it again does nothing more. */
  stop(): Promise<void>
}

const DEFAULT_ADMIN_PORT = 9123
/** What is still open this long after a stop was asked for is cut. */
const DRAIN_LIMIT_MS = 15_000

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The built pages lie beside the built server, also for the sources beside it. */
const WEB = fileURLToPath(new URL('../dist/web/', import.meta.url))

const loadPages = (): Pages => {
  const pages = new Map<string, { type: string; body: Uint8Array }>()
  if (!existsSync(WEB)) return pages
  for (const name of readdirSync(WEB)) {
    const type = CONTENT_TYPES[extname(name)]
    if (type === undefined) continue
    const path = name === 'authorize.html' ? '/auth/authorize' : `/${name}`
    pages.set(path, { type, body: readFileSync(WEB + name) })
  }
  return pages
}

/** The fast transport where it loads, the other one where it does not and nothing else was asked for. */
const chooseTransport = (wanted: Config['server.transport'], log: Log): Transport => {
  const onFault = (error: unknown): void => log.error({ err: error }, 'transport fault')
  if (wanted === 'ws') return wsTransport(onFault)
  const loaded = loadUws()
  if ('uws' in loaded) return uwsTransport(loaded.uws, onFault)
  if (wanted === 'uws') throw new StoreRefused(`--transport uws: ${loaded.missing}; take ws, or install a fitting one`)
  log.info(`${loaded.missing}: ws serves`)
  return wsTransport(onFault)
}

const urlOf = ({ host, port }: Listening): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** Starts listening. Rejects with `StoreRefused`, or the system's error where a port cannot be had; nothing is left open then. */
export const start = async (config: Config, log: Log, options: StartOptions = {}): Promise<Running> => {
  const clock = options.clock ?? systemClock
  const dir = DataDir.open(config.data_dir)
  const expect = dir.marker()
  const keys = deriveKeys(dir.pepper())
  dir.prepareDatabase()
  const { store, feed, logId } = await openSqlite({ file: dir.database, expect, pepperCheck: keys.pepperCheck, clock })
  dir.writeMarker(logId)

  const closers: (() => Promise<void>)[] = [() => store.close()]
  const abandon = async (error: unknown): Promise<never> => {
    for (const close of closers.reverse()) await close()
    throw error
  }

  try {
    let setupCode = (await store.users.any()) ? null : dir.setupCode()
    const concurrency = config['hashing.concurrency']
    const hasher = await PasswordHasher.create({
      memoryKib: config['hashing.memory'] / 1024,
      time: config['hashing.time'],
      parallelism: config['hashing.parallelism'],
      concurrency: concurrency === 'auto' ? autoConcurrency() : concurrency,
      queue: config['hashing.queue'],
    })
    const registry = new Registry()
    // Without an external address the listener's own, which is known once it listens.
    let base = config['server.external_url'] ?? ''
    if (options.processMetrics === true) collectDefaultMetrics({ register: registry })
    const gateway = createGateway(
      {
        store,
        feed,
        keys,
        hasher,
        clock,
        log,
        registry,
        pages: loadPages(),
        base: () => base,
        banned: await store.bans.list(clock.now()),
        onboarded: await isOnboarded(store),
        setUp: {
          code: () => setupCode,
          done: () => {
            setupCode = null
            dir.dropSetupCode()
          },
        },
      },
      {
        connection: {
          haVersion: config['home_assistant.version'],
          plainClose: config['home_assistant.plain_close'],
          authTimeoutMs: config['limits.auth_timeout'],
          messageBeforeAuth: config['limits.message_before_auth'],
          outboxBytes: config['limits.outbox'],
        },
        accessTokenMs: config['tokens.access_token_lifetime'],
        refreshTokenIdleMs: config['tokens.refresh_token_idle'],
        codeLifetimeMs: config['tokens.authorization_code_lifetime'],
        flowLifetimeMs: config['limits.login_flows.lifetime'],
        trustedProxies: config['server.trusted_proxies'],
        origins: {
          externalUrl: config['server.external_url'] ?? null,
          allowedOrigins: config['server.allowed_origins'],
          trustedHosts: config['security.trusted_hosts'],
          onLoopback: true,
        },
        strictOrigins: config['server.strict_origins'],
        bans: {
          failures: config['security.bans.failures'],
          withinMs: config['security.bans.within'],
          forMs: config['security.bans.for'],
        },
        fetchPrivate: config['clients.fetch_private'],
        flowCaps: { total: config['limits.login_flows.total'], perAddress: config['limits.login_flows.per_address'] },
        strict: options.strict ?? false,
      },
    )
    closers.push(() => gateway.drain())
    const transport = chooseTransport(config['server.transport'], log)
    const limits = { maxMessage: config['limits.max_message'] }
    const listening = await transport.listen(config['server.host'], config['server.port'], limits, gateway.app)
    closers.push(() => listening.close())
    if (base === '') base = urlOf(listening)
    // A free port was asked for: the admin listener takes one too, unless it was given its own.
    const adminPort = config['server.admin.port'] ?? (config['server.port'] === 0 ? 0 : DEFAULT_ADMIN_PORT)
    const admin = await transport.listen(config['server.admin.host'], adminPort, limits, gateway.admin)
    closers.push(() => admin.close())

    const stop = async (): Promise<void> => {
      // Whoever is connected finishes; the admin listener says so until the end.
      const finished = Promise.all([listening.stop(), gateway.drain()])
      const limit = new Promise<void>((resolve) => clock.after(DRAIN_LIMIT_MS, resolve))
      await Promise.race([finished, limit])
      for (const close of closers.reverse()) await close()
    }
    let stopping: Promise<void> | null = null
    const url = urlOf(listening)
    return {
      url,
      adminUrl: urlOf(admin),
      transport: transport.name,
      store: store.name,
      setUpUrl: setupCode === null ? null : `${url}/onboarding.html#code=${setupCode}`,
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    return abandon(error)
  }
}

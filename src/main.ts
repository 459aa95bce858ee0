/** Puts a gateway together from a configuration: the only file that names a driver. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { autoConcurrency, PasswordHasher } from './auth/hashing.ts'
import type { Location } from './auth/policy.ts'
import { deriveKeys, type Keys } from './auth/secrets.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config/settings.ts'
import { createControl } from './control/operations.ts'
import { listenControl } from './control/socket.ts'
import { DataDir } from './datadir.ts'
import { countDescriptors, descriptorLimit, guardDescriptors, reserveOf } from './descriptors.ts'
import { type Brought, checkApplication } from './gateway/application.ts'
import { buildGateway, type Gateway } from './gateway/gateway.ts'
import { isOnboarded } from './gateway/onboarding-steps.ts'
import type { Pages } from './gateway/pages.ts'
import type { Log } from './log.ts'
import { watchMemory } from './memory.ts'
import { gatewayOptions } from './options.ts'
import { type OpenedStore, openSqlite } from './store/sqlite.ts'
import { StoreRefused } from './store/store.ts'
import type { TlsFiles } from './transport/tls.ts'
import type { Listening, Transport } from './transport/transport.ts'
import { uwsTransport } from './transport/uws.ts'
import { loadUws } from './transport/uws-load.ts'
import { wsTransport } from './transport/ws.ts'

export interface StartOptions {
  readonly clock?: Clock
  /** Finds an entity's device and area, for policies that name these. */
  readonly locate?: (entityId: string) => Location | undefined
  /** Tests: parse every answer against its declaration. */
  readonly strict?: boolean
  /** Also count what the process itself uses; for one gateway in a process. */
  readonly processMetrics?: boolean
  /** What the program around it brings. */
  readonly application?: Brought
}

export interface Running {
  /** `http://127.0.0.1:8123` */
  readonly url: string
  /** The address of the admin listener. */
  readonly adminUrl: string
  readonly transport: string
  /** Why the fast transport is not there although it would have been taken; null otherwise. */
  readonly insteadBecause: string | null
  readonly store: string
  /** Where to make the owner; null once there is one. */
  readonly setUpUrl: string | null
  /** Reads anew what can change while running: certificate and key. What is wrong with them is logged, and the former stay. */
  renew(): Promise<void>
  /** Sends one of the application's events. */
  readonly publish: Gateway['publish']
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

interface Chosen {
  readonly transport: Transport
  /** Why it is not the fast one, where that would have been taken. */
  readonly insteadBecause: string | null
}

/** The fast transport where it loads, the other one where it does not and nothing else was asked for. */
const chooseTransport = (wanted: Config['server.transport'], log: Log): Chosen => {
  const onFault = (error: unknown): void => log.error({ err: error }, 'transport fault')
  if (wanted === 'ws') return { transport: wsTransport(onFault), insteadBecause: null }
  const loaded = loadUws()
  if ('uws' in loaded) return { transport: uwsTransport(loaded.uws, onFault), insteadBecause: null }
  if (wanted === 'uws') throw new StoreRefused(`--transport uws: ${loaded.missing}; take ws, or install a fitting one`)
  return { transport: wsTransport(onFault), insteadBecause: loaded.missing }
}

const tlsOf = (config: Config): TlsFiles | null => {
  const cert = config['server.tls.cert']
  const key = config['server.tls.key']
  return cert === undefined || key === undefined ? null : { cert, key }
}

const urlOf = ({ host, port }: Listening, scheme: 'http' | 'https' = 'http'): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`

/** What a data directory holds, opened. */
export interface Data extends Omit<OpenedStore, 'logId'> {
  readonly dir: DataDir
  readonly keys: Keys
  readonly hasher: PasswordHasher
}

/** Opens a data directory, which no other process holds then. Rejects with `StoreRefused`. */
export const openData = async (config: Config, clock: Clock): Promise<Data> => {
  const dir = DataDir.open(config.data_dir)
  const expect = dir.marker()
  const keys = deriveKeys(dir.pepper())
  dir.prepareDatabase()
  const { logId, ...opened } = await openSqlite({
    file: dir.database,
    expect,
    pepperCheck: keys.pepperCheck,
    clock,
  })
  dir.writeMarker(logId)
  const concurrency = config['hashing.concurrency']
  const hasher = await PasswordHasher.create({
    memoryKib: config['hashing.memory'] / 1024,
    time: config['hashing.time'],
    parallelism: config['hashing.parallelism'],
    concurrency: concurrency === 'auto' ? autoConcurrency() : concurrency,
    queue: config['hashing.queue'],
  })
  return { ...opened, dir, keys, hasher }
}

/**
 * Starts listening. Rejects with `StoreRefused`, `TlsRefused`, a `TypeError` where an application's declarations are wrong, or
 * the system's error where a port cannot be had; nothing is left open then.
 */
export const start = async (config: Config, log: Log, options: StartOptions = {}): Promise<Running> => {
  if (options.application !== undefined) checkApplication(options.application)
  const clock = options.clock ?? systemClock
  const { dir, keys, store, feed, copy, hasher } = await openData(config, clock)

  const closers: (() => Promise<void>)[] = [() => store.close()]
  const abandon = async (error: unknown): Promise<never> => {
    for (const close of closers.reverse()) await close()
    throw error
  }

  try {
    let setupCode = (await store.users.any()) ? null : dir.setupCode()
    const ownerMade = (): void => {
      setupCode = null
      dir.dropSetupCode()
    }
    const registry = new Registry()
    // Without an external address the listener's own, which is known once it listens.
    let base = config['server.external_url'] ?? ''
    const descriptors = descriptorLimit()
    if (options.processMetrics === true) collectDefaultMetrics({ register: registry })
    const gateway = buildGateway(
      {
        store,
        feed,
        keys,
        hasher,
        clock,
        log,
        registry,
        pages: loadPages(),
        locate: options.locate,
        base: () => base,
        banned: await store.bans.list(clock.now()),
        onboarded: await isOnboarded(store),
        setUp: {
          code: () => setupCode,
          done: ownerMade,
        },
        application: options.application,
      },
      gatewayOptions(config, {
        sockets: descriptors - reserveOf(descriptors) - (await countDescriptors()),
        isTight: watchMemory(clock),
        strict: options.strict ?? false,
      }),
    )
    closers.push(() => gateway.drain())
    const { transport, insteadBecause } = chooseTransport(config['server.transport'], log)
    const tls = tlsOf(config)
    const limits = { maxMessage: config['limits.max_message'] }
    const listening = await transport.listen(config['server.host'], config['server.port'], limits, gateway.app, tls)
    closers.push(() => listening.close())
    if (base === '') base = urlOf(listening)
    // A free port was asked for: the admin listener takes one too, unless it was given its own.
    const adminPort = config['server.admin.port'] ?? (config['server.port'] === 0 ? 0 : DEFAULT_ADMIN_PORT)
    const admin = await transport.listen(config['server.admin.host'], adminPort, limits, gateway.admin)
    closers.push(() => admin.close())
    const guard = guardDescriptors(descriptors, clock, log, (paused) => listening.pause(paused))
    closers.push(async () => guard.stop())

    const control = createControl({
      store,
      hasher,
      tokens: gateway.tokens,
      clock,
      rejectedMs: config['limits.pending_users.lifetime'],
      sockets: gateway.socketsOf,
      ownerMade,
      copyDatabase: copy,
    })
    const onFault = (error: unknown): void => log.error({ err: error }, 'operation failed')
    const operators = await listenControl(dir.control, control, onFault)
    if (operators === null) log.warn(`${dir.control} is too long for a socket: commands cannot reach this node`)
    else closers.push(() => operators.close())

    const stop = async (): Promise<void> => {
      // Whoever is connected finishes; the admin listener says so until the end.
      const finished = Promise.all([listening.stop(), gateway.drain()])
      const limit = new Promise<void>((resolve) => clock.after(DRAIN_LIMIT_MS, resolve))
      await Promise.race([finished, limit])
      for (const close of closers.reverse()) await close()
    }
    let stopping: Promise<void> | null = null
    const url = urlOf(listening, tls === null ? 'http' : 'https')
    return {
      url,
      adminUrl: urlOf(admin),
      transport: transport.name,
      insteadBecause,
      store: store.name,
      setUpUrl: setupCode === null ? null : `${url}/onboarding.html#code=${setupCode}`,
      publish: gateway.publish,
      renew: async () => {
        if (tls === null) return
        try {
          await listening.renewTls()
          log.info({ cert: tls.cert }, 'certificate read')
        } catch (error) {
          log.error(`${(error as Error).message}; the former certificate stays`)
        }
      },
      stop: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    return abandon(error)
  }
}

/** A gateway without a network: requests and messages are given to it as a transport would. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { PasswordHasher } from '../../src/auth/hashing.ts'
import { mint, readClaims } from '../../src/auth/jwt.ts'
import { deriveKeys, type Keys } from '../../src/auth/secrets.ts'
import { systemClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config/config.ts'
import { buildGateway } from '../../src/gateway/gateway.ts'
import { gatewayOptions } from '../../src/options.ts'
import type { ChangeFeed } from '../../src/store/changes.ts'
import { type OpenedStore, openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import type { HttpRequest, HttpResponse, Peer } from '../../src/transport/transport.ts'

/** Nothing ends while it is measured, and nobody is too fast. */
const config = readConfig({
  flags: {
    'tokens.access_token_lifetime': '1d',
    'limits.messages_per_second': '10000000',
    'limits.auth_timeout': '10m',
  },
})
const CLIENT = 'http://127.0.0.1/'

export interface Bench {
  request(method: string, path: string, fields?: Readonly<Record<string, string>>): Promise<HttpResponse>
  /** Opens a socket; what the gateway sends goes to `receive`. */
  open(receive: (text: string) => void): Peer
  readonly store: Store
  readonly feed: ChangeFeed
  readonly fill: OpenedStore['fill']
  readonly keys: Keys
  /** The owner's session. */
  readonly tokens: { readonly access_token: string; readonly refresh_token: string }
  readonly client: string
  /** An access token of the session that the gateway has not seen. */
  newToken(): string
  close(): Promise<void>
}

const header = (name: string): string | undefined => (name === 'host' ? 'localhost' : undefined)

export const openBench = async (): Promise<Bench> => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-micro-'))
  const keys = deriveKeys(randomBytes(32))
  const { store, feed, fill } = await openSqlite({
    file: join(folder, 'latchkey.db'),
    expect: null,
    pepperCheck: keys.pepperCheck,
    clock: systemClock,
  })
  const hasher = await PasswordHasher.create({ memoryKib: 8192, time: 1, parallelism: 1, concurrency: 1, queue: 10 })
  const setUp = { code: () => null, done: () => undefined }
  const { app, drain } = buildGateway(
    {
      store,
      feed,
      keys,
      hasher,
      clock: systemClock,
      log: pino({ level: 'silent' }),
      registry: new Registry(),
      pages: new Map(),
      base: () => 'http://127.0.0.1',
      banned: [],
      onboarded: false,
      setUp,
    },
    gatewayOptions(config, { sockets: 1_000_000, isTight: () => false, strict: false }),
  )
  const address = '127.0.0.1'
  const request = async (method: string, path: string, fields?: Readonly<Record<string, string>>) => {
    const json = path.startsWith('/api/')
    const text = fields === undefined ? '' : json ? JSON.stringify(fields) : new URLSearchParams(fields).toString()
    const type = 'application/x-www-form-urlencoded'
    const withType = (name: string): string | undefined => (name === 'content-type' ? type : header(name))
    const asked: HttpRequest = { method, path, query: '', header: withType, address, body: Buffer.from(text) }
    return app.http(asked)
  }
  const owner = { name: 'Ann', username: 'ann', password: 'correct horse', language: 'en', client_id: CLIENT }
  const made = await request('POST', '/api/onboarding/users', owner)
  const { auth_code: code } = JSON.parse(String(made.body)) as { auth_code: string }
  const exchanged = await request('POST', '/auth/token', { grant_type: 'authorization_code', client_id: CLIENT, code })
  const tokens = JSON.parse(String(exchanged.body)) as Bench['tokens']
  const { iss, iat, exp } = readClaims(tokens.access_token)!
  const { grants } = await store.tokens.grants([iss])
  const key = keys.accessKey(iss, grants[0]!.token.salt)
  let minted = 0
  return {
    request,
    store,
    feed,
    fill,
    keys,
    client: CLIENT,
    tokens,
    newToken: () => mint({ iss, iat, exp: exp + ++minted }, key),
    open: (receive) => {
      const taken = app.upgrade({ header, path: '/api/websocket', address })
      if (typeof taken !== 'function') throw new Error(`refused with ${taken.status}`)
      let isOpen = true
      const close = (code: number): void => {
        if (isOpen) queueMicrotask(() => peer.closed(code))
        isOpen = false
      }
      const peer: Peer = taken({
        address,
        buffered: 0,
        send: (text) => {
          receive(text)
          return true
        },
        close,
        terminate: () => close(1006),
        ping: () => undefined,
      })
      return peer
    },
    close: async () => {
      await drain()
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

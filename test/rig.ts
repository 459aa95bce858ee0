/** A whole gateway for a test: real sockets, real SQLite in a folder of its own, and a clock that can be moved by hand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Clock, Timer } from '../src/clock.ts'
import { systemClock } from '../src/clock.ts'
import { readConfig } from '../src/config/config.ts'
import type { Key } from '../src/config/settings.ts'
import type { Brought } from '../src/gateway/application.ts'
import { type Running, start } from '../src/main.ts'
import { type RawSocket, rawSocket } from './socket.ts'

export { type RawSocket, rawSocket }

/** The system's clock, with an offset that a test adds to. Timers that come due by a move fire in it. */
export class MovableClock implements Clock {
  #offset = 0
  #wallOffset = 0
  readonly #timers = new Set<{ at: number; call: () => void; real: Timer }>()

  now(): number {
    return systemClock.now() + this.#offset + this.#wallOffset
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#offset
  }

  after(ms: number, call: () => void): Timer {
    const fire = (): void => {
      this.#timers.delete(entry)
      entry.real.cancel()
      call()
    }
    const entry = { at: this.monotonic() + ms, call: fire, real: systemClock.after(ms, fire) }
    this.#timers.add(entry)
    return {
      cancel: () => {
        entry.real.cancel()
        this.#timers.delete(entry)
      },
    }
  }

  /** Moves both clocks forward. */
  move(ms: number): void {
    this.#offset += ms
    const due = [...this.#timers].filter(({ at }) => at <= this.monotonic()).sort((a, b) => a.at - b.at)
    for (const { call } of due) call()
  }

  /** Sets the wall clock alone, forward or back, as an operator or a time server does. */
  jump(ms: number): void {
    this.#wallOffset += ms
  }
}

/** Settings as the environment would give them; hashing is cheap unless a test asks for more. */
export type RigSettings = Partial<Record<Key, string>>

export interface Rig extends Running {
  readonly clock: MovableClock
  readonly dataDir: string
  /** The lines of the log so far, parsed. */
  readonly logged: Record<string, unknown>[]
  /** Starts anew on the same data and the same port. */
  restart(): Promise<void>
}

const CHEAP_HASHING: RigSettings = { 'hashing.memory': '8MiB', 'hashing.time': '1' }

const open: (() => Promise<void>)[] = []

/** Ends every rig that was started; for `afterEach`. */
export const closeRigs = async (): Promise<void> => {
  for (const close of open.splice(0)) await close()
}

/** `prepare`: puts something into the data directory before the gateway does. `application`: commands and events besides. */
export const rig = async (
  settings: RigSettings = {},
  prepare: (dataDir: string) => void = () => undefined,
  application: Brought = {},
): Promise<Rig> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-'))
  prepare(dataDir)
  const clock = new MovableClock()
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const begin = (port: string): Promise<Running> => {
    const flags = { data_dir: dataDir, 'server.port': port, 'server.admin.port': '0', ...CHEAP_HASHING, ...settings }
    return start(readConfig({ flags }), log, { clock, strict: true, application })
  }
  let running = await begin('0')
  open.push(async () => {
    await running.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return {
    get url() {
      return running.url
    },
    get adminUrl() {
      return running.adminUrl
    },
    get setUpUrl() {
      return running.setUpUrl
    },
    transport: running.transport,
    insteadBecause: running.insteadBecause,
    store: running.store,
    clock,
    dataDir,
    logged,
    renew: () => running.renew(),
    publish: (...event) => running.publish(...event),
    stop: () => running.stop(),
    restart: async () => {
      const { port } = new URL(running.url)
      await running.stop()
      running = await begin(port)
    },
  }
}

/** The client that the tests log in as, unless they say otherwise. */
export const CLIENT_ID = 'https://example.com/app'
export const REDIRECT_URI = 'https://example.com/app/callback'
export const USER = { name: 'Test User', username: 'test-user', password: 'test-pass' }

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body: JSON.stringify(body), headers })

export const postForm = (
  url: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> => fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers })

/** Makes the owner; resolves to the code that the set-up gives. */
export const onboard = async (url: string, clientId: string = CLIENT_ID): Promise<string> => {
  const response = await post(`${url}/api/onboarding/users`, { ...USER, client_id: clientId, language: 'en' })
  if (response.status !== 200) throw new Error(`onboarding: ${response.status} ${await response.text()}`)
  return ((await response.json()) as { auth_code: string }).auth_code
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
}

/** Logs in with the password, through the flow; resolves to the code. */
export const logIn = async (
  url: string,
  clientId = CLIENT_ID,
  redirectUri = REDIRECT_URI,
  { username, password } = USER,
): Promise<string> => {
  const flow = await post(`${url}/auth/login_flow`, {
    client_id: clientId,
    handler: ['homeassistant', null],
    redirect_uri: redirectUri,
  })
  const { flow_id } = (await flow.json()) as { flow_id: string }
  const step = await post(`${url}/auth/login_flow/${flow_id}`, { client_id: clientId, username, password })
  const { result } = (await step.json()) as { result?: string }
  if (result === undefined) throw new Error(`login: ${flow.status} ${step.status}`)
  return result
}

export const exchange = async (url: string, code: string, clientId = CLIENT_ID): Promise<Tokens> => {
  const response = await postForm(`${url}/auth/token`, { grant_type: 'authorization_code', code, client_id: clientId })
  if (response.status !== 200) throw new Error(`exchange: ${response.status} ${await response.text()}`)
  return (await response.json()) as Tokens
}

/** The owner made, and a session of theirs. */
export const session = async (url: string): Promise<Tokens> => exchange(url, await onboard(url))

/** A session more, of the owner unless it is said whose. */
export const anotherSession = async (url: string, user = USER): Promise<Tokens> =>
  exchange(url, await logIn(url, CLIENT_ID, REDIRECT_URI, user))

/** The grant's id, as the access token names it. */
export const grantOf = (accessToken: string): string =>
  (JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as { iss: string }).iss

/** A raw socket that has said `auth` and was told `auth_ok`. */
export const authenticated = async (url: string, accessToken: string): Promise<RawSocket> => {
  const raw = rawSocket(url)
  await raw.next()
  raw.send({ type: 'auth', access_token: accessToken })
  const answer = (await raw.next()) as { type: string }
  if (answer.type !== 'auth_ok') throw new Error(`not authenticated: ${JSON.stringify(answer)}`)
  return raw
}

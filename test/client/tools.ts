/** Tools of the client's tests: a fetch that counts, an observer of a connection, and a server that says what it is told. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  AbstractAuth,
  type Connection,
  type ConnectionState,
  type ConnectOptions,
  connect,
  type Fetch,
  OAuth2Session,
  type SessionOptions,
  type Token,
} from '../../src/client/index.ts'
import { CLIENT_ID, MovableClock, onboard, REDIRECT_URI, type Rig, type Tokens } from '../rig.ts'

/** A fetch that notes the paths that were asked for, as `POST /auth/token`. */
export const counting = (): { fetch: Fetch; asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    fetch: (input, init) => {
      asked.push(`${init?.method ?? 'GET'} ${new URL(String(input)).pathname}`)
      return fetch(input, init)
    },
  }
}

export const REFRESH = 'POST /auth/token'

/** What the token endpoint gave, as the library keeps it. */
export const kept = (tokens: Tokens, now: number): Token => ({
  access_token: tokens.access_token,
  refresh_token: tokens.refresh_token,
  expires_in: tokens.expires_in,
  expires_at: now + tokens.expires_in * 1000,
})

/** A session on a gateway; its clock is the gateway's unless another is given. */
export const sessionOf = (gateway: Rig, tokens: Tokens, more: Partial<SessionOptions> = {}): OAuth2Session => {
  const clock = more.clock ?? gateway.clock
  const token = kept(tokens, clock.now())
  return new OAuth2Session({ fetch, host: gateway.url, clientId: CLIENT_ID, token, clock, ...more })
}

/** A store that tabs share: it answers later, and keeps what it is given in place of what was there. */
export interface Shelf {
  token: Token | null
  /** All that was kept, with what it replaced by its own account. */
  readonly kept: [token: Token, before: Token | null][]
  readonly options: Required<Pick<SessionOptions, 'tokenLoader' | 'tokenUpdater'>>
}

export const newShelf = (): Shelf => {
  const later = () => new Promise((resolve) => setImmediate(resolve))
  const shelf: Shelf = {
    token: null,
    kept: [],
    options: {
      tokenLoader: async () => {
        await later()
        return shelf.token
      },
      tokenUpdater: async (token, before) => {
        await later()
        shelf.kept.push([token, before])
        shelf.token = token
      },
    },
  }
  return shelf
}

/** A session whose refresh token rotates, kept on a shelf, of the owner that this makes. */
export const rotatingSession = async (gateway: Rig, more: Partial<SessionOptions> = {}) => {
  const shelf = newShelf()
  const options = { fetch, host: gateway.url, clientId: CLIENT_ID, clock: gateway.clock, ...shelf.options, ...more }
  const code = await onboard(gateway.url)
  const login = { ...options, fetch, code, verifier: null, redirectUri: REDIRECT_URI, rotate: true }
  await OAuth2Session.exchange(login)
  /** Another tab, or this one after a crash: it knows what is kept. */
  const tab = (other: Partial<SessionOptions> = {}) => new OAuth2Session({ ...options, ...other, token: shelf.token! })
  return { shelf, auth: tab(), tab }
}

/** Moves on to the next second, so that a new access token is another text, and asks for one. */
export const refreshed = async (gateway: Rig, auth: OAuth2Session): Promise<string> => {
  gateway.clock.move(1000)
  return auth.replaceAccessToken(auth.token.access_token)
}

/** One queue for all, as a browser's Web Locks; Node 20 has none. */
export const queueLocks = (): { names: Set<string>; navigator: object } => {
  const names = new Set<string>()
  let last: Promise<unknown> = Promise.resolve()
  const request = (name: string, _options: object, call: () => Promise<unknown>): Promise<unknown> => {
    names.add(name)
    const mine = last.then(call)
    last = mine.catch(() => undefined)
    return mine
  }
  return { names, navigator: { locks: { request } } }
}

/** What a promise was rejected with. */
export const refusal = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => error as Error,
  )

/** An application's own token manager: each time that a token is refused it has the next one. */
export class Manager extends AbstractAuth {
  readonly refused: string[] = []
  #n = 0

  override async getAccessToken(): Promise<string> {
    return `token ${this.#n}`
  }

  override async replaceAccessToken(refused: string): Promise<string> {
    this.refused.push(refused)
    this.#n++
    return this.getAccessToken()
  }
}

type Named<S extends ConnectionState['state']> = Extract<ConnectionState, { state: S }>

export interface Watched {
  readonly connection: Connection
  readonly clock: MovableClock
  readonly states: ConnectionState[]
  /** The next state of that name that was not taken yet; those before it are passed over. */
  until<S extends ConnectionState['state']>(name: S): Promise<Named<S>>
}

const watching: Connection[] = []

/** For `afterEach`. */
export const closeConnections = (): void => {
  for (const connection of watching.splice(0)) connection.close()
}

/** A connection whose time moves by hand: it waits until its clock is moved, unless `patient` is false. */
export const watch = (
  auth: AbstractAuth,
  { patient = true, ...more }: ConnectOptions & { patient?: boolean } = {},
): Watched => {
  const clock = new MovableClock()
  const states: ConnectionState[] = []
  let taken = 0
  let changed: () => void = () => undefined
  const connection = connect(auth, {
    WebSocket,
    clock,
    random: () => 0,
    ...more,
    onState: (state) => {
      states.push(state)
      changed()
      if (!patient && state.state === 'waiting') clock.move(state.ms)
    },
  })
  watching.push(connection)
  return {
    connection,
    clock,
    states,
    until: async <S extends ConnectionState['state']>(name: S) => {
      for (;;) {
        const at = states.findIndex(({ state }, i) => i >= taken && state === name)
        if (at !== -1) {
          taken = at + 1
          return states[at] as Named<S>
        }
        await new Promise<void>((resolve) => {
          changed = resolve
        })
      }
    },
  }
}

/** Tells when a socket was renewed, or could not be. */
export const renewals = (auth: AbstractAuth): (() => Promise<string | null | Error>) => {
  let tell: (outcome: string | null | Error) => void = () => undefined
  const { renewSocket } = auth
  auth.renewSocket = async (...args) => {
    const outcome = renewSocket.apply(auth, args)
    await outcome.then(tell, tell)
    return outcome
  }
  return () =>
    new Promise((resolve) => {
      tell = resolve
    })
}

/** Resolves when a timer of so many milliseconds was started. */
export const timerOf = (clock: MovableClock, wanted: number): Promise<void> =>
  new Promise((resolve) => {
    const { after } = clock
    clock.after = (ms, call) => {
      if (ms === wanted) setImmediate(resolve)
      return after.call(clock, ms, call)
    }
  })

/** What was begun by then has gone as far as it can without the network. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Only what was open in one piece all the time has these states. */
export const STEADY = [{ state: 'connecting' }, { state: 'open', again: false }]

export interface Scripted {
  readonly url: string
  /** Tokens that were shown, one for each socket. */
  readonly shown: string[]
  /** How many sockets were opened. */
  readonly opened: () => number
}

const scripted: WebSocketServer[] = []

/** For `afterEach`. */
export const closeScripted = async (): Promise<void> => {
  for (const server of scripted.splice(0)) {
    for (const socket of server.clients) socket.terminate()
    server.close()
    await once(server, 'close')
  }
}

export interface Script {
  /** True: not even the first message is said. */
  readonly mute?: boolean
  /** Said in the place of the first message. */
  readonly first?: string
  readonly accepts?: (token: string) => boolean
  /** True: `auth/subscribe` is answered by `onMessage`; else it is a command that the server does not know. */
  readonly tellsSessions?: boolean
  /** After `auth_ok`; `nth` counts sockets from 0. */
  readonly onOpen?: (socket: WebSocket, nth: number) => void
  readonly onMessage?: (socket: WebSocket, message: { id: number; type: string }, nth: number) => void
}

/** A server on a real port for what a gateway cannot be brought to do. */
export const scriptedServer = async ({
  mute,
  first,
  accepts = () => true,
  tellsSessions = false,
  onOpen,
  onMessage,
}: Script): Promise<Scripted> => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  scripted.push(server)
  await once(server, 'listening')
  const shown: string[] = []
  let count = 0
  server.on('connection', (socket) => {
    const nth = count++
    if (mute === true) return
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { id: number; type: string; access_token: string }
      if (message.type === 'auth/subscribe' && !tellsSessions) {
        const error = { code: 'unknown_command', message: 'Unknown command.' }
        socket.send(JSON.stringify({ id: message.id, type: 'result', success: false, error }))
        return
      }
      if (message.type !== 'auth') {
        onMessage?.(socket, message, nth)
        return
      }
      shown.push(message.access_token)
      if (accepts(message.access_token)) {
        socket.send(JSON.stringify({ type: 'auth_ok', ha_version: '2025.6.3' }))
        onOpen?.(socket, nth)
      } else {
        socket.send(JSON.stringify({ type: 'auth_invalid', message: 'no' }))
        socket.close(4202)
      }
    })
    socket.send(first ?? JSON.stringify({ type: 'auth_required', ha_version: '2025.6.3' }))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, shown, opened: () => count }
}

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
import { CLIENT_ID, MovableClock, type Rig, type Tokens } from '../rig.ts'

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
  /** After `auth_ok`; `nth` counts sockets from 0. */
  readonly onOpen?: (socket: WebSocket, nth: number) => void
  readonly onMessage?: (socket: WebSocket, message: { id: number; type: string }, nth: number) => void
}

/** A server on a real port for what a gateway cannot be brought to do. */
export const scriptedServer = async ({
  mute,
  first,
  accepts = () => true,
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

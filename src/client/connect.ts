/** A connection that outlives its sockets: it comes back after a loss, with a good token and all subscriptions. */
import type { Application, EventsOf, HeardDataOf } from '../protocol/application.ts'
import type { FieldsOf, ResultOf } from '../protocol/command.ts'
import type { AbstractAuth } from './auth.ts'
import { type ClientClock, type ClientTimer, platformClock } from './clock.ts'
import { CommandFailed, ConnectionEnded, SocketClosed, TokenRefused, TokenUnavailable } from './errors.ts'
import { onWake, watch } from './liveness.ts'
import { keepRenewed } from './renewal.ts'
import { afterMsOf, delayMs, type Next, nextOf } from './retry.ts'
import {
  type AuthenticatedSocket,
  type BusEvent,
  type CommandsIn,
  type EventOf,
  type OpenOptions,
  type StartedSocket,
  type SubscribeType,
  startSocket,
} from './socket.ts'
import { Subscriptions, type Wanted } from './subscriptions.ts'

export type ConnectionState =
  | { readonly state: 'connecting' }
  /** `again`: it was open before. Events between were missed: what they tell has to be asked for. */
  | { readonly state: 'open'; readonly again: boolean }
  /** It connects after `ms` milliseconds; `error` is why it had to. */
  | { readonly state: 'waiting'; readonly ms: number; readonly error: Error }
  | { readonly state: 'closed'; readonly end: ConnectionEnded }

export interface ConnectOptions {
  readonly onState?: (state: ConnectionState) => void
  /** Needed where there is no global WebSocket, as in Node 20. */
  readonly WebSocket?: NonNullable<OpenOptions['WebSocket']>
  readonly clock?: ClientClock
  /** From 0 up to 1. */
  readonly random?: () => number
}

/** `App`: the module that declares an application's commands and events, as `typeof import('./chat.js')`. */
export interface Connection<App extends Application = Application> {
  /**
   * Sends a command, as soon as there is a socket. Rejects with `CommandFailed`; with `SocketClosed` if the socket ended
   * before the answer (it is not sent again: whether it was executed is not known); with `ConnectionEnded`.
   */
  command<T extends keyof CommandsIn<App>>(
    type: T,
    fields: FieldsOf<CommandsIn<App>[T]>,
  ): Promise<ResultOf<CommandsIn<App>[T]>>
  /** Hears an application's events of one type. */
  subscribe<E extends keyof EventsOf<App>>(
    type: 'subscribe_events',
    fields: { readonly event_type: E },
    onEvent: (event: BusEvent<E, HeardDataOf<EventsOf<App>[E]>>) => void,
    onLost?: (error: CommandFailed) => void,
  ): Promise<() => Promise<void>>
  /**
   * Hears events on this socket and on every later one. Resolves, once the server has agreed, to a function that ends it.
   * Rejects with `CommandFailed` or `ConnectionEnded`. `onLost` is called if the server refuses it after a reconnect.
   */
  subscribe<T extends SubscribeType<App>>(
    type: T,
    fields: FieldsOf<CommandsIn<App>[T]>,
    onEvent: (event: EventOf<T, App>) => void,
    onLost?: (error: CommandFailed) => void,
  ): Promise<() => Promise<void>>
  readonly state: ConnectionState
  /** Resolves when the connection is over for good. */
  readonly closed: Promise<ConnectionEnded>
  close(): void
}

/** A socket that is not authenticated by then is given up. */
const OPEN_MS = 15_000
/** A socket that lived so long was no failure. */
const SETTLED_MS = 10_000

/** What an attempt came to. */
interface Outcome {
  readonly next: Next
  readonly error: Error
  readonly afterMs: number
  /** The token that the socket had last; null if it did not come to that. */
  readonly token: string | null
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/**
 * Connects, and goes on doing so until the session is over, a repetition would not help, or `close` is called. Nothing is
 * thrown: what cannot be mended is told by `closed`.
 */
export const connect = <App extends Application = Application>(
  auth: AbstractAuth,
  options: ConnectOptions = {},
): Connection<App> => {
  const { clock = platformClock, random = Math.random, onState } = options
  const subscriptions = new Subscriptions(clock)
  const waiting = new Set<{ resolve: (socket: AuthenticatedSocket) => void; reject: (error: Error) => void }>()
  let state: ConnectionState = { state: 'connecting' }
  let current: AuthenticatedSocket | null = null
  let started: StartedSocket | null = null
  let wake: () => void = () => undefined
  let ended: ConnectionEnded | null = null
  let failures = 0
  let tellsSessions = true
  let wasOpen = false
  let resolveClosed: (end: ConnectionEnded) => void
  const closed = new Promise<ConnectionEnded>((resolve) => {
    resolveClosed = resolve
  })

  /** In a turn of its own: an observer that throws does not end the connection. */
  const tell = (now: ConnectionState): void => {
    state = now
    if (onState !== undefined) queueMicrotask(() => onState(now))
  }

  const end = (why: ConnectionEnded): void => {
    if (ended !== null) return
    ended = why
    started?.abandon(1000, '')
    wake()
    for (const { reject } of waiting) reject(why)
    waiting.clear()
    subscriptions.end(why)
    tell({ state: 'closed', end: why })
    resolveClosed(why)
  }

  const onUnknown = (): void => {
    tellsSessions = false
  }

  /** Serves the socket until it ends; resolves to the token that it had last. */
  const serve = async (
    socket: AuthenticatedSocket,
    hear: StartedSocket['hear'],
    token: string,
    abandon: () => void,
  ): Promise<string> => {
    // Closed in the turn in which it was opened: what waits for a socket waits for the next.
    if (started?.isOver() !== false) return token
    current = socket
    tell({ state: 'open', again: wasOpen })
    wasOpen = true
    const settled = clock.after(SETTLED_MS, () => {
      failures = 0
    })
    const liveness = watch(socket, clock, abandon)
    const asleep = onWake(liveness.probe)
    subscriptions.open(socket)
    for (const { resolve } of waiting) resolve(socket)
    waiting.clear()
    const renewal = tellsSessions ? keepRenewed({ auth, socket, hear, token, clock, random, onUnknown }) : null
    await socket.closed
    settled.cancel()
    asleep()
    liveness.stop()
    renewal?.stop()
    current = null
    subscriptions.closed()
    return renewal?.token() ?? token
  }

  /** One socket, from its token to its end. `refused` is a token that the server did not take. */
  const attempt = async (refused: string | null): Promise<Outcome> => {
    let token: string | null
    try {
      token = refused === null ? await auth.getAccessToken() : await auth.replaceAccessToken(refused)
      if (token === null) throw new TokenRefused('invalid_token', 'the server refused the access token')
    } catch (thrown) {
      const error = asError(thrown)
      const afterMs = error instanceof TokenUnavailable ? (error.retryAfterMs ?? 0) : 0
      return { next: error instanceof TokenRefused ? 'login' : 'reconnect', error, afterMs, token: null }
    }
    if (ended !== null) return { next: 'stop', error: ended, afterMs: 0, token }
    try {
      const { WebSocket } = options
      const socket = startSocket({
        url: auth.host,
        accessToken: token,
        ...(WebSocket === undefined ? {} : { WebSocket }),
      })
      started = socket
      const abandon = (): void => socket.abandon(1006, '')
      const limit = clock.after(OPEN_MS, abandon)
      const opened = await socket.opened.finally(() => limit.cancel())
      token = await serve(opened, socket.hear, token, abandon)
      const { code, reason } = await opened.closed
      return { next: nextOf(code), error: new SocketClosed(code, reason), afterMs: afterMsOf(reason), token }
    } catch (thrown) {
      const error = asError(thrown)
      if (error instanceof SocketClosed) {
        return { next: nextOf(error.code), error, afterMs: afterMsOf(error.reason), token }
      }
      // `auth_invalid`: another token is tried, once. What else is thrown here is a platform without a WebSocket.
      const isRefusal = error instanceof CommandFailed
      return { next: isRefusal ? (refused === null ? 'refresh' : 'login') : 'stop', error, afterMs: 0, token }
    } finally {
      started = null
    }
  }

  /** `isOurs`: the server asked for none of it, and whoever comes back into a network need not wait for the rest. */
  const pause = async (ms: number, isOurs: boolean): Promise<void> => {
    let timer: ClientTimer | undefined
    let asleep = (): void => undefined
    await new Promise<void>((resolve) => {
      const over = (): void => resolve()
      timer = clock.after(ms, over)
      wake = over
      asleep = onWake(() => {
        if (!isOurs) return
        failures = 0
        timer?.cancel()
        timer = clock.after(delayMs(0, random, 0), over)
      })
    })
    timer?.cancel()
    asleep()
  }

  const run = async (): Promise<void> => {
    let refused: string | null = null
    while (ended === null) {
      tell({ state: 'connecting' })
      const { next, error, afterMs, token } = await attempt(refused)
      if (ended !== null) return
      if (next === 'login' || next === 'stop') {
        end(new ConnectionEnded(next, error))
        return
      }
      if (next === 'refresh') refused = token
      else if (token !== null) refused = null
      // A refused token is replaced at once; everything else waits its turn.
      if (next === 'refresh' && error instanceof CommandFailed) continue
      const ms = delayMs(failures++, random, afterMs)
      tell({ state: 'waiting', ms, error })
      await pause(ms, afterMs === 0)
    }
  }

  void run()

  const open = (): Promise<AuthenticatedSocket> =>
    new Promise((resolve, reject) => {
      if (ended !== null) reject(ended)
      else waiting.add({ resolve, reject })
    })

  /** What would be sent on a socket that is over waits for the next. */
  const usable = (): AuthenticatedSocket | null => (started?.isOver() === false ? current : null)

  const connection: Connection = {
    command: async (type, fields) => (usable() ?? (await open())).command(type, fields),
    subscribe: async (
      type: SubscribeType,
      fields: object,
      onEvent: (event: never) => void,
      onLost: Wanted['onLost'] = () => undefined,
    ) => {
      if (ended !== null) throw ended
      return subscriptions.add({ type, fields, onEvent, onLost })
    },
    get state() {
      return state
    },
    closed,
    close: () => end(new ConnectionEnded(null)),
  }
  // What an application declares is types alone: it crosses the wire like everything else.
  return connection as Connection<never> as Connection<App>
}

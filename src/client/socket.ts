/** A socket with typed commands. It holds the access token, if it has one, only until it was sent, and stores nothing. */
import type {
  Application,
  CommandsOf,
  EventsOf,
  HeardDataOf,
  HeardOf,
  SubscriptionsOf,
} from '../protocol/application.ts'
import type { FieldsOf, ResultOf } from '../protocol/command.ts'
import type { AllCommands } from '../protocol/commands.ts'
import type { AdministrationEvent, SessionEvent } from '../protocol/sessions.ts'
import { CommandFailed, SocketClosed } from './errors.ts'

/** The part of the browser's WebSocket that is used. `never`: each platform has event types of its own, and all fit. */
export interface WebSocketLike {
  send(text: string): void
  close(): void
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
}

export interface OpenOptions {
  /** The server's address, as `https://auth.example.org`. */
  readonly url: string
  /** Null: it is not authenticated, for what anyone may ask, as a login (`auth/login_flow`). */
  readonly accessToken: string | null
  /** Needed where there is no global WebSocket, as in Node 20. */
  readonly WebSocket?: new (
    url: string,
  ) => WebSocketLike
}

/** The server's own commands, and those of an application. */
export type CommandsIn<App extends Application = Application> = AllCommands & CommandsOf<App>

/** The commands that events follow. */
export type SubscribeType<App extends Application = Application> =
  | Extract<keyof AllCommands, `subscribe_${string}` | `${string}/subscribe`>
  | SubscriptionsOf<CommandsOf<App>>

/** An event of the server's bus, in Home Assistant's shape. */
export interface BusEvent<Type = string, Data = Readonly<Record<string, unknown>>> {
  readonly event_type: Type
  readonly data: Data
  /** ISO 8601, with an offset. */
  readonly time_fired: string
}

interface OwnEvents {
  subscribe_events: BusEvent
  'auth/subscribe': SessionEvent
  'config/auth/subscribe': AdministrationEvent
}

/** What a subscription hears. */
export type EventOf<T extends SubscribeType<App>, App extends Application = Application> = T extends keyof OwnEvents
  ? OwnEvents[T]
  : T extends keyof CommandsOf<App>
    ? HeardOf<CommandsOf<App>[T]>
    : never

/** `App`: the module that declares an application's commands and events, as `typeof import('./chat.js')`. */
export interface AuthenticatedSocket<App extends Application = Application> {
  /** Sends a command. Rejects with `CommandFailed`, or `SocketClosed` if the answer can no longer come. */
  command<T extends keyof CommandsIn<App>>(
    type: T,
    fields: FieldsOf<CommandsIn<App>[T]>,
  ): Promise<ResultOf<CommandsIn<App>[T]>>
  /** Hears an application's events of one type. */
  subscribe<E extends keyof EventsOf<App>>(
    type: 'subscribe_events',
    fields: { readonly event_type: E },
    onEvent: (event: BusEvent<E, HeardDataOf<EventsOf<App>[E]>>) => void,
  ): Promise<() => Promise<void>>
  /**
   * Sends a command that events follow. Resolves, once the server has agreed, to a function that ends the subscription.
   * Rejects as `command` does.
   */
  subscribe<T extends SubscribeType<App>>(
    type: T,
    fields: FieldsOf<CommandsIn<App>[T]>,
    onEvent: (event: EventOf<T, App>) => void,
  ): Promise<() => Promise<void>>
  /** Resolves when the socket has ended, whoever ended it. */
  readonly closed: Promise<SocketClosed>
  close(): void
}

/** A socket that may not be open yet. */
export interface StartedSocket {
  readonly opened: Promise<AuthenticatedSocket>
  /** As `subscribe`, for as long as the socket lives; resolves to the command's result. */
  hear<T extends SubscribeType>(
    type: T,
    fields: FieldsOf<AllCommands[T]>,
    onEvent: (event: EventOf<T>) => void,
  ): Promise<ResultOf<AllCommands[T]>>
  /** True from the moment that it ended, a turn before `closed` tells. */
  isOver(): boolean
  /** Ends it on this side at once: nothing is heard from it any more, and `closed` resolves. */
  abandon(code: number, reason: string): void
}

interface Answer {
  readonly id?: number
  readonly type: string
  readonly success?: boolean
  readonly result?: unknown
  readonly event?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly retry_after_ms?: number }
  readonly message?: string
}

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** RFC 6455: data that is not what its type says. Here: the other side is no server of this protocol. */
const NOT_UNDERSTOOD = 1007

const parse = (text: string): Answer | Answer[] | null => {
  try {
    const message = JSON.parse(text) as unknown
    return typeof message === 'object' ? (message as Answer | Answer[] | null) : null
  } catch {
    return null
  }
}

/** Throws what the platform's WebSocket throws: where there is none, or where the address is not one. */
export const startSocket = ({ url, accessToken, WebSocket }: OpenOptions): StartedSocket => {
  const Implementation =
    WebSocket ?? (globalThis as unknown as { WebSocket: NonNullable<OpenOptions['WebSocket']> }).WebSocket
  const socket = new Implementation(`${url.replace(/^http/, 'ws').replace(/\/$/, '')}/api/websocket`)
  const waiting = new Map<number, Waiting>()
  const listeners = new Map<number, (event: never) => void>()
  let lastId = 0
  let ended: SocketClosed | null = null
  let resolveClosed: (end: SocketClosed) => void
  const closed = new Promise<SocketClosed>((resolve) => {
    resolveClosed = resolve
  })
  let resolveOpen: (socket: AuthenticatedSocket) => void
  let rejectOpen: (error: Error) => void
  const opened = new Promise<AuthenticatedSocket>((resolve, reject) => {
    resolveOpen = resolve
    rejectOpen = reject
  })

  const ask = (id: number, type: string, fields: object): Promise<never> =>
    new Promise((resolve, reject) => {
      if (ended !== null) {
        reject(ended)
        return
      }
      waiting.set(id, { resolve, reject })
      socket.send(JSON.stringify({ ...fields, id, type }))
    })

  const command: AuthenticatedSocket['command'] = (type, fields) => ask(++lastId, type, fields)

  const listen = async (id: number, type: string, fields: object, onEvent: (event: never) => void): Promise<never> => {
    listeners.set(id, onEvent)
    try {
      return await ask(id, type, fields)
    } catch (error) {
      listeners.delete(id)
      throw error
    }
  }

  const subscribe = async (type: SubscribeType, fields: object, onEvent: (event: never) => void) => {
    const id = ++lastId
    await listen(id, type, fields, onEvent)
    return async () => {
      if (!listeners.delete(id)) return
      try {
        await command('unsubscribe_events', { subscription: id })
      } catch (error) {
        // The server has ended it already, as it does where a right is gone.
        if (!(error instanceof CommandFailed) || error.code !== 'not_found') throw error
      }
    }
  }

  const authenticated: AuthenticatedSocket = { command, subscribe, closed, close: () => socket.close() }

  /** In a turn of its own: a listener that throws leaves the rest of the frame alone. */
  const heard = (id: number, event: unknown): void => {
    if (listeners.has(id)) queueMicrotask(() => listeners.get(id)?.(event as never))
  }

  const answered = (answer: Answer): void => {
    const id = answer.id ?? 0
    switch (answer.type) {
      case 'auth_required':
        if (accessToken === null) resolveOpen(authenticated)
        else socket.send(JSON.stringify({ type: 'auth', access_token: accessToken }))
        return
      case 'auth_ok':
        resolveOpen(authenticated)
        return
      case 'auth_invalid':
        rejectOpen(new CommandFailed('auth_invalid', answer.message ?? ''))
        return
      case 'event':
        heard(id, answer.event)
        return
      default: {
        const asked = waiting.get(id)
        if (asked === undefined) return
        waiting.delete(id)
        const { error } = answer
        if (error === undefined) asked.resolve((answer.result ?? null) as never)
        else asked.reject(new CommandFailed(error.code, error.message, error.retry_after_ms))
      }
    }
  }

  const end = (code: number, reason: string): void => {
    if (ended !== null) return
    ended = new SocketClosed(code, reason)
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
    listeners.clear()
    rejectOpen(ended)
    resolveClosed(ended)
  }

  const abandon: StartedSocket['abandon'] = (code, reason) => {
    end(code, reason)
    socket.close()
  }

  socket.onmessage = ({ data }: { data: unknown }) => {
    const message = ended === null ? parse(String(data)) : []
    if (message === null) abandon(NOT_UNDERSTOOD, 'not understood')
    else for (const answer of Array.isArray(message) ? message : [message]) answered(answer)
  }
  // What matters of an error comes with the close that follows it.
  socket.onerror = () => undefined
  socket.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason)

  const hear: StartedSocket['hear'] = (type, fields, onEvent) => listen(++lastId, type, fields, onEvent)

  return { opened, hear, isOver: () => ended !== null, abandon }
}

/** Opens a socket and authenticates it, if there is a token. Rejects with `CommandFailed` `auth_invalid`, or `SocketClosed`. */
export const openSocket = async <App extends Application = Application>(
  options: OpenOptions,
): Promise<AuthenticatedSocket<App>> => {
  const socket = await startSocket(options).opened
  // What an application declares is types alone: it crosses the wire like everything else.
  return socket as AuthenticatedSocket<never> as AuthenticatedSocket<App>
}

/** An authenticated socket with typed commands. It holds the access token only until it was sent, and stores nothing. */
import type { FieldsOf, ResultOf } from '../protocol/command.ts'
import type { AllCommands } from '../protocol/commands.ts'

/** The command was refused; `code` is the server's error code. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The socket ended; `code` and `reason` are its close code (see `closes`) and text. */
export class SocketClosed extends Error {
  override readonly name = 'SocketClosed'
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`the socket was closed (${code})`)
    this.code = code
    this.reason = reason
  }
}

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
  readonly accessToken: string
  /** Needed where there is no global WebSocket, as in Node 20. */
  readonly WebSocket?: new (
    url: string,
  ) => WebSocketLike
}

export interface AuthenticatedSocket {
  /** Sends a command. Rejects with `CommandFailed`, or `SocketClosed` if the answer can no longer come. */
  command<T extends keyof AllCommands>(type: T, fields: FieldsOf<AllCommands[T]>): Promise<ResultOf<AllCommands[T]>>
  /** Resolves when the socket has ended, whoever ended it. */
  readonly closed: Promise<SocketClosed>
  close(): void
}

interface Answer {
  readonly id?: number
  readonly type: string
  readonly success?: boolean
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly message?: string
}

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** Opens a socket and authenticates it. Rejects with `CommandFailed` `auth_invalid`, or `SocketClosed`. */
export const openSocket = ({ url, accessToken, WebSocket }: OpenOptions): Promise<AuthenticatedSocket> => {
  const Implementation =
    WebSocket ?? (globalThis as unknown as { WebSocket: NonNullable<OpenOptions['WebSocket']> }).WebSocket
  const socket = new Implementation(`${url.replace(/^http/, 'ws').replace(/\/$/, '')}/api/websocket`)
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let ended: SocketClosed | null = null

  return new Promise((resolveOpen, rejectOpen) => {
    let resolveClosed: (end: SocketClosed) => void
    const closed = new Promise<SocketClosed>((resolve) => {
      resolveClosed = resolve
    })

    const command: AuthenticatedSocket['command'] = (type, fields) =>
      new Promise((resolve, reject) => {
        if (ended !== null) {
          reject(ended)
          return
        }
        const id = ++lastId
        waiting.set(id, { resolve, reject })
        socket.send(JSON.stringify({ ...fields, id, type }))
      })

    const answered = (answer: Answer): void => {
      switch (answer.type) {
        case 'auth_required':
          socket.send(JSON.stringify({ type: 'auth', access_token: accessToken }))
          return
        case 'auth_ok':
          resolveOpen({ command, closed, close: () => socket.close() })
          return
        case 'auth_invalid':
          rejectOpen(new CommandFailed('auth_invalid', answer.message ?? ''))
          return
        default: {
          const asked = waiting.get(answer.id ?? 0)
          if (asked === undefined) return
          waiting.delete(answer.id ?? 0)
          if (answer.error === undefined) asked.resolve((answer.result ?? null) as never)
          else asked.reject(new CommandFailed(answer.error.code, answer.error.message))
        }
      }
    }

    socket.onmessage = ({ data }: { data: unknown }) => {
      const message = JSON.parse(String(data)) as Answer | Answer[]
      for (const answer of Array.isArray(message) ? message : [message]) answered(answer)
    }
    // What matters of an error comes with the close that follows it.
    socket.onerror = () => undefined
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      ended = new SocketClosed(code, reason)
      for (const { reject } of waiting.values()) reject(ended)
      waiting.clear()
      rejectOpen(ended)
      resolveClosed(ended)
    }
  })
}

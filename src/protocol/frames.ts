/** The frames of the socket: what the client's first message looks like, and the texts that the server sends. */
import { z } from 'zod'
import { type CommandError, type ErrorCode, errors } from './errors.ts'

/** Version of Latchkey's own additions to Home Assistant's protocol, announced in `auth_required`. */
export const PROTOCOL_VERSION = 1

/** Tokens longer than this are refused before they are looked at; 8,192 itself passes (Home Assistant's bound). */
export const MAX_TOKEN_LENGTH = 8192

/** `auth` with at most one secret. `api_password` is well formed and never right. */
export const authFrame = z.union([
  z.strictObject({ type: z.literal('auth'), access_token: z.string().optional() }),
  z.strictObject({ type: z.literal('auth'), api_password: z.string() }),
])

/** The largest id: JSON numbers beyond it cannot be told apart in JavaScript. */
export const isCommandId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) > 0

export const AUTH_INVALID = 'Invalid access token or password'
export const AUTH_MALFORMED = 'Auth message incorrectly formatted'

export const authRequired = (haVersion: string): string =>
  JSON.stringify({ type: 'auth_required', ha_version: haVersion, latchkey: PROTOCOL_VERSION })

export const authOk = (haVersion: string): string => JSON.stringify({ type: 'auth_ok', ha_version: haVersion })

export const authInvalid = (message: typeof AUTH_INVALID | typeof AUTH_MALFORMED): string =>
  JSON.stringify({ type: 'auth_invalid', message })

const bytesOf = (text: string): readonly number[] => [...text].map((sign) => sign.charCodeAt(0))
const PING_HEAD = bytesOf('{"id":')
const PING_TAIL = bytesOf(',"type":"ping"}')
/** As many digits are safe: a longer id is read as JSON. */
const ID_DIGITS = 15

const hasAt = (data: Uint8Array, at: number, bytes: readonly number[]): boolean => {
  for (let i = 0; i < bytes.length; i++) if (data[at + i] !== bytes[i]) return false
  return true
}

/** The id of a `ping` that is written as `JSON.stringify` writes it; 0 for everything else, which has to be read. */
export const pingId = (data: Uint8Array): number => {
  const digits = data.length - PING_HEAD.length - PING_TAIL.length
  if (digits < 1 || digits > ID_DIGITS || !hasAt(data, 0, PING_HEAD)) return 0
  if (!hasAt(data, PING_HEAD.length + digits, PING_TAIL)) return 0
  let id = 0
  for (let i = 0; i < digits; i++) {
    const digit = data[PING_HEAD.length + i]! - 48
    // No number in JSON begins with 0 and goes on.
    if (digit < 0 || digit > 9 || (i === 0 && digit === 0)) return 0
    id = id * 10 + digit
  }
  return id
}

export const pong = (id: number): string => `{"id":${id},"type":"pong"}`

/** Throws where `value` is nothing that JSON can hold. */
export const result = (id: number, value: unknown): string => {
  const text = JSON.stringify(value ?? null)
  if (text === undefined) throw new TypeError('what JSON cannot hold is no result')
  return `{"id":${id},"type":"result","success":true,"result":${text}}`
}

/** A bus event has its `id` last, as in Home Assistant's frames. `event`: its JSON text, made once for all who hear it. */
export const event = (id: number, text: string): string => `{"type":"event","event":${text},"id":${id}}`

/** An id that is no command id is echoed if it is a short scalar, so that the client finds its message; else null. */
const echo = (id: unknown): string => {
  if (typeof id === 'number' || typeof id === 'boolean') return JSON.stringify(id)
  return typeof id === 'string' && id.length <= 64 ? JSON.stringify(id) : 'null'
}

/** The `error` member for a code; the text is the table's unless a sentence is given. */
export const commandError = (code: ErrorCode, message: string = errors[code], retryAfterMs?: number): CommandError =>
  retryAfterMs === undefined ? { code, message } : { code, message, retry_after_ms: retryAfterMs }

export const failure = (id: unknown, error: CommandError): string =>
  `{"id":${echo(id)},"type":"result","success":false,"error":${JSON.stringify(error)}}`

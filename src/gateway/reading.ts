/** From the text of a frame to the messages in it. */
import { commandError, failure } from '../protocol/frames.ts'
import { idOf, parseJson } from '../protocol/json.ts'
import type { Authentication, Entrant } from './authentication.ts'
import type { Caller, Dispatch } from './dispatch.ts'

/** A message too many may be sent again after this. */
const RATE_RETRY_MS = 1000

/** What reading asks of its socket. */
export interface Reader {
  end(close: 'malformed'): void
  reply(text: string): void
  /** Counts a message. False: it is one too many. */
  admits(): boolean
}

/** Counts a message; one too many is told so. */
export const allows = (reader: Reader, id: unknown): boolean => {
  if (reader.admits()) return true
  reader.reply(failure(id, commandError('rate_limited', undefined, RATE_RETRY_MS)))
  return false
}

/** After authentication: one command, or several as a list. */
export const readCommands = (reader: Reader, text: string, take: (message: unknown) => void): void => {
  const parsed = parseJson(text)
  if (parsed.kind === 'malformed') {
    reader.end('malformed')
    return
  }
  const { value } = parsed
  if (parsed.kind === 'forbidden') {
    if (allows(reader, idOf(value))) reader.reply(failure(idOf(value), commandError('invalid_format')))
    return
  }
  if (!Array.isArray(value)) take(value)
  else if (value.length === 0) reader.admits()
  else for (const message of value) take(message)
}

/** Before authentication: the `auth` message, or a command that anyone may send. */
export const readFirst = (
  socket: Reader & Entrant & Caller,
  text: string,
  { authentication, commands }: { readonly authentication: Authentication; readonly commands: Dispatch },
): void => {
  const parsed = parseJson(text)
  if (parsed.kind === 'malformed') {
    socket.end('malformed')
    return
  }
  const { value } = parsed
  if (parsed.kind !== 'value') authentication.malformed(socket)
  else if (!commands.isOpenCommand(value)) authentication.message(socket, value)
  else if (allows(socket, idOf(value))) commands.dispatch(socket, value)
}

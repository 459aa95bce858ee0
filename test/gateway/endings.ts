/** Messages that end a socket: what is sent, and what comes until it has closed. */
import type { RawSocket } from '../rig.ts'
import type { TransportName } from '../transports.ts'
import { notJson } from './bad-requests.ts'

/** Everything that comes until the socket closes, and how it closes. */
export const rest = async (raw: RawSocket) => {
  const { code, reason } = await raw.closed
  const messages: unknown[] = []
  // What has come waits there; then it is told that there will be no more.
  for (;;) {
    const message = await raw.next().catch(() => null)
    if (message === null) return { messages, code, reason }
    messages.push(message)
  }
}

/** What is JSON, and refused for a key in it: of that the socket says more. */
const forbidden = ['a key that poisons prototypes', 'another such key']

export const notJsonHere = notJson.filter(([name]) => !forbidden.includes(name))

export const sendText = (raw: RawSocket, body: string | Uint8Array): void => raw.socket.send(body, { binary: false })

/** A fault of the WebSocket protocol: uWebSockets.js ends the TCP connection without a close frame. */
export const faultCode = (transport: TransportName, code: number): number => (transport === 'ws' ? code : 1006)

/** The close code of a text that is no JSON, where so many bytes are taken, and more get `tooLarge`. */
export const notJsonCode = (
  transport: TransportName,
  body: string | Uint8Array,
  limit: number,
  tooLarge: number,
): number => {
  const bytes = Buffer.from(body as Uint8Array)
  if (!Buffer.from(bytes.toString()).equals(bytes)) return faultCode(transport, 1007)
  return bytes.length > limit ? tooLarge : 4300
}

/** Must not be executed after a message that ends the socket. */
export const DESTRUCTIVE = JSON.stringify({ id: 1, type: 'auth/delete_all_refresh_tokens' })

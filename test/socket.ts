/** A socket on which a test says every message itself. It knows no protocol and nothing of the sources. */
import { WebSocket } from 'ws'

export interface RawSocket {
  readonly socket: WebSocket
  /** The next message that was not taken yet, parsed. */
  next(): Promise<unknown>
  /** The next message as it came. */
  nextText(): Promise<string>
  send(message: unknown): void
  readonly closed: Promise<{ code: number; reason: string }>
}

/** A socket on which a test says every message itself. What arrives waits until it is taken. */
export const rawSocket = (url: string, headers: Record<string, string> = {}): RawSocket => {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/websocket`, { headers })
  const arrived: string[] = []
  const wanted: { resolve: (text: string) => void; reject: (error: Error) => void }[] = []
  let ended: Error | null = null
  socket.on('message', (data: Buffer) => {
    const text = data.toString()
    const first = wanted.shift()
    if (first === undefined) arrived.push(text)
    else first.resolve(text)
  })
  socket.on('error', () => undefined)
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      ended = new Error(`closed ${code} before a message came`)
      for (const { reject } of wanted.splice(0)) reject(ended)
      resolve({ code, reason: reason.toString() })
    })
  })
  const nextText = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const text = arrived.shift()
      if (text !== undefined) resolve(text)
      else if (ended !== null) reject(ended)
      else wanted.push({ resolve, reject })
    })
  return {
    socket,
    nextText,
    next: async () => JSON.parse(await nextText()) as unknown,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    closed,
  }
}

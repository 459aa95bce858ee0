/** One WebSocket over plain TCP. Not a library's: a load generator must cost less than what it measures. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { BenchFailed } from '../failed.ts'
import type { Dialect } from './dialects.ts'
import { CLOSE_FRAME, type FrameListener, FrameReader, PONG_FRAME } from './frames.ts'

/** Where load goes to, with everything that is said to it made once. */
export interface Aim {
  readonly host: string
  readonly port: number
  readonly handshake: Buffer
  readonly dialect: Dialect
  /** The client's addresses, taken in turn: limits are by address, and stay as they are. */
  readonly addresses: readonly string[]
}

export const aimAt = (url: string, dialect: Dialect, addresses: readonly string[]): Aim => {
  const { hostname, port, host } = new URL(url)
  const protocol = dialect.protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${dialect.protocol}\r\n`
  return {
    host: hostname,
    port: Number(port),
    dialect,
    addresses,
    // What a browser would say, without what no server reads.
    handshake: Buffer.from(
      `GET ${dialect.path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: ${new URL(url).origin}\r\n` +
        `User-Agent: latchkey-bench\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${protocol}\r\n`,
    ),
  }
}

let turn = 0

const dial = ({ host, port, addresses }: Aim): Socket => {
  const localAddress = addresses[turn++ % addresses.length]
  const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) })
  socket.setNoDelay(true)
  return socket
}

/** An authenticated socket on which messages are counted. */
export class LoadSocket implements FrameListener {
  readonly #socket: Socket
  readonly #aim: Aim
  readonly #reader: FrameReader
  readonly #authentication: Buffer
  #opened = false
  #left: number
  readonly #settle: (error: Error | null) => void
  /** Called for each message once it is in. */
  onFrame: (data: Buffer, start: number, end: number) => void = () => undefined
  /** Called once when the server's close frame comes. */
  onClosing: () => void = () => undefined
  /** Called once at the end, with the close code, 1006 without one. */
  onEnd: (code: number) => void = () => undefined
  /** Milliseconds until the server's close frame is answered. */
  answersAfter = 0
  #code = 1006
  lastId = 0

  private constructor(aim: Aim, authentication: Buffer, settle: (error: Error | null) => void) {
    this.#aim = aim
    this.#authentication = authentication
    this.#settle = settle
    this.#left = aim.dialect.greetings
    this.#reader = new FrameReader(this)
    this.#socket = dial(aim)
    this.#socket.on('data', (data: Buffer) => this.#read(data))
    this.#socket.on('error', (error) => settle(new BenchFailed(`the connection failed: ${error.message}`)))
    this.#socket.on('close', () => {
      settle(new BenchFailed('the connection ended before it was let in'))
      this.onEnd(this.#code)
    })
    this.#socket.write(aim.handshake)
  }

  /** Resolves when the server has let it in. `authentication`: the frame that asks for it. */
  static open(aim: Aim, authentication: Buffer): Promise<LoadSocket> {
    return new Promise((resolve, reject) => {
      const socket: LoadSocket = new LoadSocket(aim, authentication, (error) =>
        error === null ? resolve(socket) : reject(error),
      )
    })
  }

  send(frames: Buffer): void {
    this.#socket.write(frames)
  }

  close(): void {
    this.#socket.write(CLOSE_FRAME)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  frame(data: Buffer, start: number, end: number): void {
    if (this.#left > 1) {
      this.#left--
    } else if (this.#left === 1) {
      // The last greeting.
      this.#left = 0
      this.#authenticate()
    } else if (this.#left === 0) {
      this.#left = -1
      const text = data.toString('latin1', start, end)
      if (text.includes(this.#aim.dialect.welcome)) this.#settle(null)
      else this.#settle(new BenchFailed(`not let in: ${text.slice(0, 200)}`))
    } else {
      this.onFrame(data, start, end)
    }
  }

  closing(code: number): void {
    this.#code = code
    this.onClosing()
    const answer = (): void => void this.#socket.end(CLOSE_FRAME)
    if (this.answersAfter > 0) setTimeout(answer, this.answersAfter)
    else answer()
  }

  pinged(): void {
    this.#socket.write(PONG_FRAME)
  }

  #authenticate(): void {
    this.#socket.write(this.#authentication)
  }

  #read(data: Buffer): void {
    if (this.#opened) {
      this.#reader.read(data)
      return
    }
    const end = data.indexOf('\r\n\r\n')
    const head = data.toString('latin1', 0, end === -1 ? data.length : end)
    if (end === -1 || !head.startsWith('HTTP/1.1 101')) {
      this.#settle(new BenchFailed(`no WebSocket: ${head.split('\r\n')[0]}`))
      this.#socket.destroy()
      return
    }
    this.#opened = true
    if (this.#aim.dialect.greetings === 0) this.#authenticate()
    if (data.length > end + 4) this.#reader.read(data.subarray(end + 4))
  }
}

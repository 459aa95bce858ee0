/** A TCP connection on which a test writes HTTP and WebSocket frames byte by byte. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Frame {
  readonly final: boolean
  readonly opcode: number
  readonly payload: Buffer
}

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export interface FrameOptions {
  readonly final?: boolean
  /** Bits 64, 32 and 16 of the first byte. */
  readonly reserved?: number
  readonly masked?: boolean
}

/** A client's frame (RFC 6455 section 5.2). */
export const frame = (opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer => {
  const { final = true, reserved = 0, masked = true } = options
  const data = Buffer.from(payload as string)
  const length =
    data.length < 126
      ? Buffer.from([data.length])
      : data.length < 65_536
        ? Buffer.from([126, data.length >> 8, data.length & 255])
        : Buffer.concat([Buffer.from([127]), bigEndian(data.length)])
  const head = Buffer.concat([Buffer.from([(final ? 128 : 0) | reserved | opcode]), length])
  if (!masked) return Buffer.concat([head, data])
  head[1]! |= 128
  const mask = randomBytes(4)
  const body = Buffer.from(data.map((byte, i) => byte ^ mask[i % 4]!))
  return Buffer.concat([head, mask, body])
}

const bigEndian = (length: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}

export class Raw {
  readonly socket: Socket
  /** Resolves when the connection has ended, in whatever way. */
  readonly ended: Promise<void>
  #received: Buffer = Buffer.alloc(0)
  #over = false
  #notice: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data])
      this.#notice()
    })
    void this.ended.then(() => {
      this.#over = true
      this.#notice()
    })
  }

  static async open(port: number): Promise<Raw> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Raw(socket)
  }

  write(data: string | Uint8Array): void {
    this.socket.write(data)
  }

  /** The head and the body of the next answer, whose length must be said; to a HEAD request no body comes. Null: the connection ended first. */
  async answer(withBody = true): Promise<{ head: string; status: number; body: string } | null> {
    const end = await this.#find((all) => all.indexOf('\r\n\r\n'))
    if (end === null) return null
    const head = this.#take(end + 4).toString('latin1')
    const length = withBody ? Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0) : 0
    const whole = await this.#find((all) => (all.length >= length ? length : -1))
    if (whole === null) return null
    return { head, status: Number(head.split(' ')[1]), body: this.#take(length).toString() }
  }

  /** The next frame from the server. Null: the connection ended first. */
  async frame(): Promise<Frame | null> {
    const size = await this.#find((all) => {
      if (all.length < 2) return -1
      const short = all[1]! & 127
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (all.length < start) return -1
      const length = short === 126 ? all.readUInt16BE(2) : short === 127 ? Number(all.readBigUInt64BE(2)) : short
      return all.length >= start + length ? start + length : -1
    })
    if (size === null) return null
    const bytes = this.#take(size)
    const short = bytes[1]! & 127
    const start = short === 126 ? 4 : short === 127 ? 10 : 2
    return { final: bytes[0]! >= 128, opcode: bytes[0]! & 15, payload: bytes.subarray(start) }
  }

  /** Does the handshake of a WebSocket; resolves to its answer. */
  upgrade(path = '/socket', headers = ''): ReturnType<Raw['answer']> {
    const key = randomBytes(16).toString('base64')
    this.write(
      `GET ${path} HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n${headers}\r\n`,
    )
    return this.answer()
  }

  async #find(look: (all: Buffer) => number): Promise<number | null> {
    for (;;) {
      const at = look(this.#received)
      if (at >= 0) return at
      if (this.#over) return null
      await new Promise<void>((resolve) => {
        this.#notice = resolve
      })
    }
  }

  #take(size: number): Buffer {
    const taken = this.#received.subarray(0, size)
    this.#received = this.#received.subarray(size)
    return taken
  }
}

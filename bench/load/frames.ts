/** WebSocket frames as a client writes and reads them (RFC 6455 section 5.2), with as little work as a load generator may cost. */

const TEXT = 0x81
const MASK = 0x80
const LONG = 126

/** A real mask: servers unmask whatever it is, and one of zeros flatters those that look. */
const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** A text message in one masked frame. */
export const textFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  if (length > 0xffff) throw new RangeError('a bench sends no message of more than 65535 bytes')
  const start = length < LONG ? 6 : 8
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = TEXT
  if (length < LONG) {
    frame[1] = MASK | length
  } else {
    frame[1] = MASK | LONG
    frame.writeUInt16BE(length, 2)
  }
  KEY.copy(frame, start - 4)
  frame.write(text, start)
  for (let i = 0; i < length; i++) frame[start + i]! ^= KEY[i & 3]!
  return frame
}

/** A close frame with code 1000. */
export const CLOSE_FRAME: Buffer = (() => {
  const frame = Buffer.from([0x88, MASK | 2, ...KEY, 0x03, 0xe8])
  for (let i = 0; i < 2; i++) frame[6 + i]! ^= KEY[i]!
  return frame
})()

const OPCODE = 0x0f
const CLOSE = 8
const PING = 9

export interface FrameListener {
  /** A data frame has ended; `data` from `start` to `end` are its payload's last bytes, all of it where it came in one read. */
  frame(data: Buffer, start: number, end: number): void
  /** The server closes, with this code; 1005 without one. */
  closing(code: number): void
  /** The server asks whether somebody is there. */
  pinged(): void
}

/** Reads what a server sends. It keeps no payload. */
export class FrameReader {
  readonly #listener: FrameListener
  /** Bytes of a head that was cut by the end of a read. */
  #head: Buffer | null = null
  #left = 0
  #opcode = 0

  constructor(listener: FrameListener) {
    this.#listener = listener
  }

  read(chunk: Buffer): void {
    let data = chunk
    if (this.#head !== null) {
      data = Buffer.concat([this.#head, chunk])
      this.#head = null
    }
    let at = 0
    while (at < data.length) {
      if (this.#left > 0) {
        const end = Math.min(data.length, at + this.#left)
        this.#left -= end - at
        if (this.#left === 0) this.#end(data, at, end)
        at = end
        continue
      }
      const size = headSize(data, at)
      if (size === null) {
        this.#head = data.subarray(at)
        return
      }
      this.#opcode = data[at]! & OPCODE
      this.#left = payloadSize(data, at)
      at += size
      if (this.#left === 0) this.#end(data, at, at)
    }
  }

  #end(data: Buffer, start: number, end: number): void {
    if (this.#opcode === CLOSE) this.#listener.closing(end - start >= 2 ? data.readUInt16BE(start) : 1005)
    else if (this.#opcode === PING) this.#listener.pinged()
    else if (this.#opcode < CLOSE) this.#listener.frame(data, start, end)
  }
}

/** Servers do not mask. Null: the rest of it is still to come. */
const headSize = (data: Buffer, at: number): number | null => {
  if (data.length - at < 2) return null
  const short = data[at + 1]! & 0x7f
  const size = short < LONG ? 2 : short === LONG ? 4 : 10
  return data.length - at < size ? null : size
}

const payloadSize = (data: Buffer, at: number): number => {
  const short = data[at + 1]! & 0x7f
  if (short < LONG) return short
  return short === LONG ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2))
}

/** An empty pong, masked. */
export const PONG_FRAME: Buffer = Buffer.from([0x8a, MASK, ...KEY])

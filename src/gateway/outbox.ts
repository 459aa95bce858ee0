/** What waits to be sent on one socket: written once a turn, several messages in one frame where the client asked for it. */
import type { Socket } from '../transport/transport.ts'

export interface OutboxLimits {
  /** Bytes that may wait, here and in the transport. */
  readonly bytes: number
  /** Messages that may wait here (Home Assistant's bound). */
  readonly messages: number
}

/** Messages in one frame at the most, so that no frame grows without end. */
const MAX_COALESCED = 256

export class Outbox {
  /** Set by the client's `supported_features`. */
  coalesce = false
  readonly #socket: Socket
  readonly #limits: OutboxLimits
  readonly #overflow: () => void
  #waiting: string[] = []
  #bytes = 0
  #scheduled = false
  #blocked = false

  /** `overflow` is called when the peer does not take what it is sent. */
  constructor(socket: Socket, limits: OutboxLimits, overflow: () => void) {
    this.#socket = socket
    this.#limits = limits
    this.#overflow = overflow
  }

  add(text: string): void {
    this.#waiting.push(text)
    this.#bytes += text.length
    const { bytes, messages } = this.#limits
    if (this.#waiting.length > messages || this.#bytes + this.#socket.buffered > bytes) {
      this.#overflow()
      return
    }
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (!this.#blocked) this.flush()
    })
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#waiting = []
    this.#bytes = 0
  }

  /** Gives everything to the transport, which holds it if the peer is slow. */
  flush(): void {
    const texts = this.#waiting
    this.clear()
    if (!this.coalesce) {
      for (const text of texts) this.#send(text)
      return
    }
    for (let i = 0; i < texts.length; i += MAX_COALESCED) {
      const some = texts.slice(i, i + MAX_COALESCED)
      this.#send(some.length === 1 ? some[0]! : `[${some.join(',')}]`)
    }
  }

  /** The transport has room again. */
  drained(): void {
    this.#blocked = false
    this.flush()
  }

  #send(text: string): void {
    if (!this.#socket.send(text)) this.#blocked = true
  }
}

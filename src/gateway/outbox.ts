/**
 * What a socket is to be sent where it cannot go out as it comes: its peer reads slowly, or the client asked for what belongs to
 * one turn in one frame.
 */
import type { Socket } from '../transport/transport.ts'
import type { Backlog } from './backlog.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

/** What all outboxes share. */
export interface OutboxLimits {
  /** Bytes that may wait for one reader, here and in the transport. */
  readonly bytes: number
  readonly backlog: Backlog
  readonly deadlines: Deadlines
}

/** Whose outbox it is. */
interface Owner {
  end(close: 'slowReader'): void
}

/** So many messages waiting are too many at once, and more than so many after a while (Home Assistant's bounds). */
const MAX_MESSAGES = 4096
const MANY_MESSAGES = 1024
const MANY_FOR_MS = 10_000
/** Messages in one frame at the most, so that no frame grows without end. */
const MAX_COALESCED = 256

export class Outbox {
  /** Set by the client's `supported_features`. */
  coalesce = false
  readonly #socket: Socket
  readonly #limits: OutboxLimits
  readonly #owner: Owner
  #waiting: string[] = []
  #bytes = 0
  #scheduled = false
  #blocked = false
  #check: Deadline | null = null

  constructor(socket: Socket, limits: OutboxLimits, owner: Owner) {
    this.#socket = socket
    this.#limits = limits
    this.#owner = owner
  }

  /** True where it does nothing that the transport would not do by itself. */
  get isIdle(): boolean {
    return !this.coalesce && !this.#blocked && !this.#scheduled && this.#waiting.length === 0
  }

  /** The transport has more than the peer takes: what comes waits until it is `drained`. */
  block(): void {
    this.#blocked = true
    if (this.#held() > this.#limits.bytes) this.overflow()
    else this.#limits.backlog.set(this, this.#held())
  }

  add(text: string): void {
    this.#waiting.push(text)
    this.#bytes += text.length
    if (this.#waiting.length >= MAX_MESSAGES || this.#held() > this.#limits.bytes) {
      this.overflow()
      return
    }
    this.#watchCount()
    if (this.#blocked) this.#limits.backlog.set(this, this.#held())
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  /** The peer is too slow, or all of them together are. */
  overflow(): void {
    this.clear()
    this.#owner.end('slowReader')
  }

  /** Forgets what was not sent. */
  clear(): void {
    this.#waiting = []
    this.#bytes = 0
    this.#check?.cancel()
    this.#check = null
    this.#limits.backlog.set(this, 0)
  }

  /** Gives everything to the transport, slow reader or not; for the end. */
  flushAll(): void {
    this.#flush(true)
    this.clear()
  }

  /** The transport has room again. */
  drained(): void {
    this.#blocked = false
    this.#flush()
  }

  #held(): number {
    return this.#bytes + (this.#blocked ? this.#socket.buffered : 0)
  }

  /** Gives messages to the transport as long as it takes them, or all. */
  #flush(all = false): void {
    const texts = this.#waiting
    const step = this.coalesce ? MAX_COALESCED : 1
    let sent = 0
    while (sent < texts.length && (all || !this.#blocked)) {
      const some = texts.slice(sent, sent + step)
      sent += some.length
      this.#blocked = !this.#socket.send(some.length === 1 ? some[0]! : `[${some.join(',')}]`)
    }
    if (sent === 0) return
    this.#waiting = texts.slice(sent)
    this.#bytes = this.#waiting.reduce((sum, text) => sum + text.length, 0)
    this.#limits.backlog.set(this, this.#blocked ? this.#held() : 0)
  }

  #watchCount(): void {
    if (this.#waiting.length <= MANY_MESSAGES) {
      this.#check?.cancel()
      this.#check = null
    } else {
      this.#check ??= this.#limits.deadlines.add(MANY_FOR_MS, () => {
        this.#check = null
        if (this.#waiting.length >= MANY_MESSAGES) this.overflow()
      })
    }
  }
}

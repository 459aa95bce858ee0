/** The end of a socket that lives no longer than its access token, and the word before it. */
import { readClaims } from '../auth/jwt.ts'
import type { Clock } from '../clock.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

export interface ExpiryOptions {
  /** A socket is told so long before its end. */
  readonly noticeMs: number
}

/** Gets the event's JSON text. */
type Hear = (text: string) => void

export class Expiry {
  readonly #deadlines: Deadlines
  readonly #clock: Clock
  readonly #options: ExpiryOptions
  readonly #expired: () => void
  readonly #hearers = new Set<Hear>()
  #armed: readonly Deadline[] = []
  /** When the token ends, on the monotonic clock: an end must not move with the wall clock. */
  #endsAt = Number.POSITIVE_INFINITY

  /** `expired` is called at the end, unless another token comes before. */
  constructor(deadlines: Deadlines, clock: Clock, options: ExpiryOptions, expired: () => void) {
    this.#deadlines = deadlines
    this.#clock = clock
    this.#options = options
    this.#expired = expired
  }

  /** The socket goes on with this token, which was verified. */
  arm(token: string): void {
    this.stop()
    const left = readClaims(token)!.exp * 1000 - this.#clock.now()
    this.#endsAt = this.#clock.monotonic() + left
    this.#armed = [
      this.#deadlines.add(Math.max(0, left - this.#options.noticeMs), () => this.#notify()),
      this.#deadlines.add(Math.max(0, left), this.#expired),
    ]
  }

  /** Returns what ends it. Whoever comes late is told at once. */
  listen(hear: Hear): () => void {
    const own: Hear = (text) => hear(text)
    this.#hearers.add(own)
    if (this.#left() <= this.#options.noticeMs) {
      // After the answer to the command that asked for it, which goes out at the end of this turn.
      setImmediate(() => {
        if (this.#hearers.has(own)) own(this.#text())
      })
    }
    return () => this.#hearers.delete(own)
  }

  stop(): void {
    for (const deadline of this.#armed) deadline.cancel()
    this.#armed = []
  }

  #left(): number {
    return this.#endsAt - this.#clock.monotonic()
  }

  #text(): string {
    return JSON.stringify({ type: 'expiring', in: Math.max(0, Math.round(this.#left() / 1000)) })
  }

  #notify(): void {
    const text = this.#text()
    for (const hear of [...this.#hearers]) hear(text)
  }
}

/** How many messages a socket may send: a token bucket that costs two numbers and no timer. */
import type { Clock } from '../clock.ts'

/** Whoever is over for this long is over for good. */
const PATIENCE_MS = 5000
/** Nothing refused for this long: it is over no more. */
const FORGIVEN_MS = 1000

export class Allowance {
  readonly #clock: Clock
  readonly #perMs: number
  readonly #burst: number
  #left: number
  #countedAt: number
  #overSince = Number.NEGATIVE_INFINITY
  #refusedAt = Number.NEGATIVE_INFINITY

  /** `perSecond` in the long run, `burst` at once. */
  constructor(clock: Clock, perSecond: number, burst = 2 * perSecond) {
    this.#clock = clock
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#left = this.#burst
    this.#countedAt = clock.monotonic()
  }

  /** `over`: not this one. `exhausted`: it has been over for too long. */
  take(): 'granted' | 'over' | 'exhausted' {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#burst, this.#left + (now - this.#countedAt) * this.#perMs)
    this.#countedAt = now
    if (this.#left >= 1) {
      this.#left--
      return 'granted'
    }
    if (now - this.#refusedAt > FORGIVEN_MS) this.#overSince = now
    this.#refusedAt = now
    return now - this.#overSince >= PATIENCE_MS ? 'exhausted' : 'over'
  }
}

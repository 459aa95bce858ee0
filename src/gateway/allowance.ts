/** How many messages a socket may send: a token bucket that costs two numbers and no timer. */
import type { Clock } from '../clock.ts'

/** Whoever is over for this long is over for good. */
const PATIENCE_MS = 5000
/** Nothing refused for this long: it is over no more. */
const FORGIVEN_MS = 1000
/** The bucket is counted in thousandths of a message: whole numbers, which cost no memory of their own. */
const PARTS = 1000

/** What many buckets have in common. */
export interface Rate {
  readonly clock: Clock
  /** Messages in the long run; a thousandth of so many parts comes back each millisecond. */
  readonly perSecond: number
  /** Messages at once. */
  readonly burst: number
}

export class Allowance {
  readonly #rate: Rate
  #parts: number
  /** Whole milliseconds of the monotonic clock. */
  #countedAt: number
  /** Since when it is over, and when something was refused last. */
  #over: { readonly since: number; readonly at: number } | null = null

  constructor(rate: Rate) {
    this.#rate = rate
    this.#parts = rate.burst * PARTS
    this.#countedAt = Math.floor(rate.clock.monotonic())
  }

  /** `over`: not this one. `exhausted`: it has been over for too long. */
  take(): 'granted' | 'over' | 'exhausted' {
    const { clock, perSecond, burst } = this.#rate
    const now = Math.floor(clock.monotonic())
    if (now !== this.#countedAt) {
      this.#parts = Math.min(burst * PARTS, this.#parts + (now - this.#countedAt) * perSecond)
      this.#countedAt = now
    }
    if (this.#parts >= PARTS) {
      this.#parts -= PARTS
      return 'granted'
    }
    const over = this.#over
    const since = over === null || now - over.at > FORGIVEN_MS ? now : over.since
    this.#over = { since, at: now }
    return now - since >= PATIENCE_MS ? 'exhausted' : 'over'
  }
}

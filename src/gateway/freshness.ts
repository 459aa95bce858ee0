/** How lately the person at a socket proved who they are, and the step-up by which they do so again. */
import type { Clock } from '../clock.ts'
import type { FlowId } from '../store/model.ts'

/** A login, or a step-up, counts for so long. */
export const FRESH_MS = 5 * 60_000

export class Freshness {
  readonly #clock: Clock
  /** On the monotonic clock. */
  #until = Number.NEGATIVE_INFINITY
  /** The step-up that was begun on this socket last; null if none is open. */
  flow: FlowId | null = null
  /** The client said that it can step up. What was said is not taken back. */
  isOffered = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The person has just proved who they are, with all that a login asks for. */
  proved(): void {
    this.#until = this.#clock.monotonic() + FRESH_MS
  }

  /** True from a proof on, for as long as it counts. */
  get isFresh(): boolean {
    return this.#clock.monotonic() < this.#until
  }
}

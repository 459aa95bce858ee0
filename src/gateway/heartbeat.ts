/** Asks silent peers whether they are there, and lets go of those that do not answer: one timer for all sockets. */
import type { Clock } from '../clock.ts'

/** A socket is looked at once in this time. Pinged after 27.5 to 55 s of silence, given up as long after that. */
export const ROUND_MS = 27_500
/** The sockets of one slot are looked at together. */
const SLOTS = 50
const SLOT_MS = ROUND_MS / SLOTS

export interface Beating {
  ping(): void
  /** Nothing was heard after a ping. */
  silent(): void
}

/** One socket's place on the wheel. */
export class Pulse {
  readonly peer: Beating
  readonly slot: number
  /** Rounds without a frame; 0 is set for any frame that comes. */
  quiet = 0

  constructor(peer: Beating, slot: number) {
    this.peer = peer
    this.slot = slot
  }
}

export class Heartbeat {
  readonly #clock: Clock
  readonly #slots = Array.from({ length: SLOTS }, () => new Set<Pulse>())
  #size = 0
  #armed = false
  /** The number of the slot that was looked at last, counted without end. */
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = this.#now()
  }

  join(peer: Beating): Pulse {
    if (this.#size === 0) this.#at = this.#now()
    // The slot just passed: its next turn is a whole round away.
    const pulse = new Pulse(peer, this.#at % SLOTS)
    this.#slots[pulse.slot]!.add(pulse)
    this.#size++
    this.#arm()
    return pulse
  }

  leave(pulse: Pulse): void {
    if (this.#slots[pulse.slot]!.delete(pulse)) this.#size--
  }

  #now(): number {
    return Math.floor(this.#clock.monotonic() / SLOT_MS)
  }

  #arm(): void {
    if (this.#armed || this.#size === 0) return
    this.#armed = true
    this.#clock.after(SLOT_MS, () => {
      this.#armed = false
      this.#turn()
      this.#arm()
    })
  }

  #turn(): void {
    const now = this.#now()
    // After a long stall each socket is looked at once: its answer may be waiting to be read.
    const first = Math.max(this.#at + 1, now - SLOTS + 1)
    this.#at = now
    for (let slot = first; slot <= now; slot++) {
      for (const pulse of [...this.#slots[slot % SLOTS]!]) {
        pulse.quiet++
        if (pulse.quiet === 2) pulse.peer.ping()
        else if (pulse.quiet > 2) pulse.peer.silent()
      }
    }
  }
}

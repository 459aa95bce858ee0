/** Asks silent peers whether they are there, and lets go of those that do not answer: one timer for all sockets. */
import type { Clock } from '../clock.ts'
import { type Listed, Roster } from './roster.ts'

/** A socket is looked at once in this time. Pinged after 27.5 to 55 s of silence, given up as long after that. */
export const ROUND_MS = 27_500
/** The sockets of one slot are looked at together. */
const SLOTS = 50
const SLOT_MS = ROUND_MS / SLOTS

/** A socket on the wheel. It keeps its place by itself, so that joining and leaving cost it nothing but that. */
export interface Beating extends Listed {
  /** Rounds without a frame; 0 is set for any frame that comes. */
  quiet: number
  /** Where it is on the wheel; the wheel's own. */
  slot: number
  ping(): void
  /** Nothing was heard after a ping. */
  silent(): void
}

export class Heartbeat {
  readonly #clock: Clock
  readonly #slots = Array.from({ length: SLOTS }, () => new Roster<Beating>())
  #size = 0
  #armed = false
  /** The number of the slot that was looked at last, counted without end. */
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = this.#now()
  }

  join(peer: Beating): void {
    if (this.#size === 0) this.#at = this.#now()
    // The slot just passed: its next turn is a whole round away.
    peer.slot = this.#at % SLOTS
    this.#slots[peer.slot]!.add(peer)
    this.#size++
    this.#arm()
  }

  /** Of one that has joined, and has not left. */
  leave(peer: Beating): void {
    this.#slots[peer.slot]!.remove(peer)
    this.#size--
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
      for (const peer of this.#slots[slot % SLOTS]!.all()) {
        peer.quiet++
        if (peer.quiet === 2) peer.ping()
        else if (peer.quiet > 2) peer.silent()
      }
    }
  }
}

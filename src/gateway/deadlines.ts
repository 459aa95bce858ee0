/** Many deadlines on one timer: a wheel of slots, so that a socket costs no timer of its own. */
import type { Clock } from '../clock.ts'
import { type Listed, Roster } from './roster.ts'

/** A deadline is met at most this much late. */
const SLOT_MS = 250

/** What is due once. */
export abstract class Deadline implements Listed {
  place = 0
  /** The wheel's own; null: it does not wait. */
  slot: Slot | null = null

  /** Its time has come. */
  abstract due(): void

  cancel(): void {
    this.slot?.leave(this)
    this.slot = null
  }
}

class Call extends Deadline {
  readonly due: () => void

  constructor(call: () => void) {
    super()
    this.due = call
  }
}

/** Deadlines that are looked at together. */
class Slot {
  readonly waiting = new Roster<Deadline>()
  readonly #slots: Map<number, Slot>
  readonly #number: number

  constructor(slots: Map<number, Slot>, number: number) {
    this.#slots = slots
    this.#number = number
  }

  leave(deadline: Deadline): void {
    this.waiting.remove(deadline)
    // A slot of years from now is not kept for nothing.
    if (this.waiting.size === 0) this.#slots.delete(this.#number)
  }
}

export class Deadlines {
  readonly #clock: Clock
  /** By number, counted from the clock's beginning. */
  readonly #slots = new Map<number, Slot>()
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls once, `ms` milliseconds from now or up to a slot later. */
  add(ms: number, call: () => void): Deadline {
    const deadline = new Call(call)
    this.set(deadline, ms)
    return deadline
  }

  /** The same for a deadline of one's own, which was not set or was cancelled. */
  set(deadline: Deadline, ms: number): void {
    const number = Math.ceil((this.#clock.monotonic() + ms) / SLOT_MS)
    let slot = this.#slots.get(number)
    if (slot === undefined) {
      slot = new Slot(this.#slots, number)
      this.#slots.set(number, slot)
    }
    deadline.slot = slot
    slot.waiting.add(deadline)
    this.#arm()
  }

  #arm(): void {
    if (this.#armed || this.#slots.size === 0) return
    this.#armed = true
    this.#clock.after(SLOT_MS, () => {
      this.#armed = false
      this.#turn()
      this.#arm()
    })
  }

  #turn(): void {
    const now = Math.floor(this.#clock.monotonic() / SLOT_MS)
    // Few slots: the longest deadline divided by a slot's length.
    for (const number of [...this.#slots.keys()].filter((number) => number <= now)) {
      const waiting = this.#slots.get(number)?.waiting
      // One after the other: what one call cancels is called no more.
      for (let next = waiting?.first; next !== undefined; next = waiting?.first) {
        next.cancel()
        next.due()
      }
    }
  }
}

/** Many deadlines on one timer: a wheel of slots, so that a socket costs no timer of its own. */
import type { Clock } from '../clock.ts'
import { type Listed, Roster } from './roster.ts'

/** A deadline is met at most this much late. */
const SLOT_MS = 250
/** Slots so near stay until their turn: sockets that come one by one would each make one anew (`roster.ts`). */
const NEAR_MS = 60_000

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
  readonly #emptied: (() => void) | null

  /** `emptied` is called when the last of them was cancelled. */
  constructor(emptied: (() => void) | null) {
    this.#emptied = emptied
  }

  leave(deadline: Deadline): void {
    this.waiting.remove(deadline)
    if (this.waiting.size === 0) this.#emptied?.()
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
    const slot = this.#slots.get(number) ?? this.#newSlot(number, ms)
    deadline.slot = slot
    slot.waiting.add(deadline)
    this.#arm()
  }

  #newSlot(number: number, ms: number): Slot {
    // One of years from now is not kept for nothing.
    const emptied = (): void => {
      if (this.#slots.get(number) === slot) this.#slots.delete(number)
    }
    const slot: Slot = new Slot(ms <= NEAR_MS ? null : emptied)
    this.#slots.set(number, slot)
    return slot
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
      // What is set meanwhile is for the next turn.
      this.#slots.delete(number)
      // One after the other: what one call cancels is called no more.
      for (let next = waiting?.first; next !== undefined; next = waiting?.first) {
        next.cancel()
        next.due()
      }
    }
  }
}

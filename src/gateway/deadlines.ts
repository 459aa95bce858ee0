/** Many deadlines on one timer: a wheel of slots, so that a socket costs no timer of its own. */
import type { Clock } from '../clock.ts'

/** A deadline is met at most this much late. */
const SLOT_MS = 250

type Slots = Map<number, Set<Deadline>>

/** What is due once. */
export class Deadline {
  readonly call: () => void
  readonly #slots: Slots
  readonly #number: number

  constructor(call: () => void, slots: Slots, number: number) {
    this.call = call
    this.#slots = slots
    this.#number = number
    const slot = slots.get(number)
    if (slot === undefined) slots.set(number, new Set([this]))
    else slot.add(this)
  }

  cancel(): void {
    const slot = this.#slots.get(this.#number)
    // A slot of years from now is not kept for nothing.
    if (slot?.delete(this) && slot.size === 0) this.#slots.delete(this.#number)
  }
}

export class Deadlines {
  readonly #clock: Clock
  /** Slot number to what is due in it. */
  readonly #slots: Slots = new Map()
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls once, `ms` milliseconds from now or up to a slot later. */
  add(ms: number, call: () => void): Deadline {
    const number = Math.ceil((this.#clock.monotonic() + ms) / SLOT_MS)
    const deadline = new Deadline(call, this.#slots, number)
    this.#arm()
    return deadline
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
      // It stays in its place meanwhile: what one call cancels is called no more.
      const due = this.#slots.get(number) ?? new Set()
      for (const deadline of due) {
        deadline.cancel()
        deadline.call()
      }
    }
  }
}

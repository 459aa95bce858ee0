/** Many deadlines on one timer: a wheel of slots, so that a socket costs no timer of its own. */
import type { Clock } from '../clock.ts'

/** A deadline is met at most this much late. */
const SLOT_MS = 250

/** What is due once. */
export class Deadline {
  readonly call: () => void
  readonly #slot: Set<Deadline>

  constructor(call: () => void, slot: Set<Deadline>) {
    this.call = call
    this.#slot = slot
    slot.add(this)
  }

  cancel(): void {
    this.#slot.delete(this)
  }
}

export class Deadlines {
  readonly #clock: Clock
  /** Slot number to what is due in it. */
  readonly #slots = new Map<number, Set<Deadline>>()
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls once, `ms` milliseconds from now or up to a slot later. */
  add(ms: number, call: () => void): Deadline {
    const number = Math.ceil((this.#clock.monotonic() + ms) / SLOT_MS)
    let slot = this.#slots.get(number)
    if (slot === undefined) {
      slot = new Set()
      this.#slots.set(number, slot)
    }
    this.#arm()
    return new Deadline(call, slot)
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
      const due = this.#slots.get(number) ?? []
      this.#slots.delete(number)
      for (const { call } of due) call()
    }
  }
}

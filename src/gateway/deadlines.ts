/** Many deadlines on one timer: a wheel of slots, so that a socket costs no timer of its own. */
import type { Clock } from '../clock.ts'

/** A deadline is met at most this much late. */
const SLOT_MS = 250

export interface Deadline {
  cancel(): void
}

export class Deadlines {
  readonly #clock: Clock
  /** Slot number to what is due in it. */
  readonly #slots = new Map<number, Set<() => void>>()
  #armed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls once, `ms` milliseconds from now or up to a slot later. */
  add(ms: number, call: () => void): Deadline {
    const slot = Math.ceil((this.#clock.monotonic() + ms) / SLOT_MS)
    const due = this.#slots.get(slot) ?? new Set()
    this.#slots.set(slot, due)
    // A function may stand there once only: each deadline gets one of its own.
    const entry = (): void => call()
    due.add(entry)
    this.#arm()
    return { cancel: () => due.delete(entry) }
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
    for (const slot of [...this.#slots.keys()].filter((number) => number <= now)) {
      const due = this.#slots.get(slot) ?? []
      this.#slots.delete(slot)
      for (const call of due) call()
    }
  }
}

/** What a socket has subscribed to, and the events that wait while its rights are being read again. */

/** Events that may wait on one socket. */
const MAX_HELD = 1024

export class Subscriptions {
  readonly #stops = new Map<number, () => void>()
  #held: (() => void)[] = []

  has(id: number): boolean {
    return this.#stops.has(id)
  }

  /** Keeps a subscription under its command's id. */
  add(id: number, stop: () => void): void {
    this.#stops.set(id, stop)
  }

  /** False: there was none. */
  end(id: number): boolean {
    this.#stops.get(id)?.()
    return this.#stops.delete(id)
  }

  endAll(): void {
    this.#held = []
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }

  /** Keeps an event until `release`. False: too many wait. */
  hold(deliver: () => void): boolean {
    if (this.#held.length >= MAX_HELD) return false
    this.#held.push(deliver)
    return true
  }

  /** Delivers what waited, in its order. */
  release(): void {
    for (const deliver of this.#held.splice(0)) deliver()
  }
}

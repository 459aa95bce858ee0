/** What all slow readers together keep waiting: beyond a bound the largest queue is ended, whoever it was that grew last. */

/** A queue whose reader is slow. */
interface Waiting {
  overflow(): void
}

export class Backlog {
  readonly #limit: number
  readonly #bytes = new Map<Waiting, number>()
  #total = 0

  /** In bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get total(): number {
    return this.#total
  }

  /** `queue` holds so many bytes now; 0 forgets it. */
  set(queue: Waiting, bytes: number): void {
    this.#total += bytes - (this.#bytes.get(queue) ?? 0)
    if (bytes === 0) this.#bytes.delete(queue)
    else this.#bytes.set(queue, bytes)
    if (this.#total > this.#limit) this.#largest()?.overflow()
  }

  #largest(): Waiting | null {
    let largest: Waiting | null = null
    let most = 0
    for (const [queue, bytes] of this.#bytes) {
      if (bytes > most) {
        most = bytes
        largest = queue
      }
    }
    return largest
  }
}

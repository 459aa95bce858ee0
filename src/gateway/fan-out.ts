/** Events on their way to many: the text is made once, the order is kept, and no turn of the event loop belongs to one event. */
import type { May } from './dispatch.ts'

/** Somebody who listens. */
export interface Hearer {
  /** How many events had been sent when it began to listen: those are not for it. */
  readonly since: number
  /** `may`: whom this event is for. */
  hear(text: string, may: May | undefined): void
}

interface Job {
  readonly number: number
  readonly text: string
  readonly may: May | undefined
  readonly hearers: Iterator<Hearer>
}

const DELIVERIES_A_TURN = 500
/** Beyond this a turn goes on: whoever sends faster than can be delivered waits, and memory does not grow. */
const MAX_WAITING = 1000

function* everyOne(crowds: readonly Iterable<Hearer>[]): Generator<Hearer, undefined> {
  for (const crowd of crowds) yield* crowd
}

export class FanOut {
  #sent = 0
  #waiting: Job[] = []
  #busy = false

  /** For `since` of who begins to listen now. */
  get sent(): number {
    return this.#sent
  }

  /**
   * Sends to whoever is in one of these crowds when its turn comes. Never in this turn: a change of rights may just be
   * taking effect, socket by socket, and its end has to come first.
   */
  send(crowds: readonly Iterable<Hearer>[], text: string, may?: May): void {
    this.#waiting.push({ number: ++this.#sent, text, may, hearers: everyOne(crowds) })
    if (this.#busy) return
    this.#busy = true
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    let left = DELIVERIES_A_TURN
    let done = 0
    try {
      while (done < this.#waiting.length && (left > 0 || this.#waiting.length - done > MAX_WAITING)) {
        const { number, text, may, hearers } = this.#waiting[done]!
        const { value: hearer } = hearers.next()
        if (hearer === undefined) done++
        else {
          left--
          if (hearer.since < number) hearer.hear(text, may)
        }
      }
    } finally {
      // Also where a hearer throws: the others are not to wait for ever.
      this.#waiting.splice(0, done)
      if (this.#waiting.length === 0) this.#busy = false
      else setImmediate(() => this.#deliver())
    }
  }
}

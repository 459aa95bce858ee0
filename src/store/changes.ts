/**
 * The change log as this process has applied it. Whoever remembers rights (verifier, hub) listens here and nowhere else:
 * nobody publishes by hand, so nobody can forget to.
 */
import type { Change, Head } from './model.ts'

export interface ChangeListener {
  /** Called in the turn of the commit, before the promise of the call that made it resolves. Must not throw. */
  changed(change: Change): void
}

/** A hole in the log, or a row with another mark: what this process believes cannot be trusted any more. */
export class LogBroken extends Error {
  override readonly name = 'LogBroken'
}

export class ChangeFeed {
  #head: Head
  readonly #listeners: ChangeListener[] = []

  /** `head`: the place in the log that the store stood at when it was opened. */
  constructor(head: Head) {
    this.#head = head
  }

  /** The last row that this process has applied. */
  get head(): Head {
    return this.#head
  }

  /** Listeners hear each change in the order in which they came. */
  listen(listener: ChangeListener): void {
    this.#listeners.push(listener)
  }

  /**
   * Applies committed rows: called by a store's driver only. Rows that were applied already are passed over if their
   * mark is the same. Throws `LogBroken` where a number is missing; the caller ends the process or starts over.
   */
  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.seq === this.#head.seq && change.mark === this.#head.mark) continue
      if (change.seq !== this.#head.seq + 1) {
        throw new LogBroken(`change ${change.seq} after ${this.#head.seq}`)
      }
      this.#head = { seq: change.seq, mark: change.mark }
      for (const listener of this.#listeners) listener.changed(change)
    }
  }
}

/** What a socket has subscribed to, and the events that wait while its rights are being read again. */

import type { Needs } from '../protocol/command.ts'
import type { May } from './dispatch.ts'

/** Events that may wait on one socket. */
const MAX_HELD = 1024
/** Subscriptions of one socket: each costs memory for as long as the socket lives. */
const MAX_KEPT = 1024

/** The socket has as many subscriptions as it may. */
export class TooManySubscriptions extends Error {
  override readonly name = 'TooManySubscriptions'
}

export class Subscriptions {
  readonly #kept = new Map<number, { readonly needs: Needs | May; readonly stop: () => void }>()
  #held: (() => void)[] = []

  has(id: number): boolean {
    return this.#kept.has(id)
  }

  /** Keeps a subscription under its command's id. Throws `TooManySubscriptions`; what was begun for it has then been ended. */
  add(id: number, needs: Needs | May, stop: () => void): void {
    if (this.#kept.size >= MAX_KEPT) {
      stop()
      throw new TooManySubscriptions()
    }
    this.#kept.set(id, { needs, stop })
  }

  /** False: there was none. */
  end(id: number): boolean {
    this.#kept.get(id)?.stop()
    return this.#kept.delete(id)
  }

  /** Ends those that are not allowed any more: before anything that waited goes on. */
  endWhere(ends: (needs: Needs | May) => boolean): void {
    for (const [id, { needs }] of [...this.#kept]) if (ends(needs)) this.end(id)
  }

  /** While a socket drains its rights are not read again: what not everybody may hear is over. */
  endPrivileged(): void {
    this.endWhere((needs) => needs !== 'user')
  }

  endAll(): void {
    this.#held = []
    for (const { stop } of this.#kept.values()) stop()
    this.#kept.clear()
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

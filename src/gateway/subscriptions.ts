/** What a socket has subscribed to, and the events that wait while its rights are being read again. */

import type { Needs } from '../protocol/command.ts'
import type { May } from './dispatch.ts'

/** Events that may wait on one socket. */
const MAX_HELD = 1024

export class Subscriptions {
  readonly #kept = new Map<number, { readonly needs: Needs | May; readonly stop: () => void }>()
  #held: (() => void)[] = []

  has(id: number): boolean {
    return this.#kept.has(id)
  }

  /** Keeps a subscription under its command's id. */
  add(id: number, needs: Needs | May, stop: () => void): void {
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

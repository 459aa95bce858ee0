/** Logins that wait until it is decided about a user: told in the turn of the change, so that nobody has to ask every second. */
import type { Clock } from '../clock.ts'
import type { ChangeFeed, ChangeListener } from '../store/changes.ts'
import type { Change, FlowId, UserId } from '../store/model.ts'

type Tell = () => void

export class Approvals implements ChangeListener {
  readonly #clock: Clock
  readonly #byUser = new Map<UserId, Set<Tell>>()
  /** Requests that are kept open, by the login that they ask about. */
  readonly #kept = new Map<FlowId, Tell>()
  #isDraining = false

  constructor(feed: ChangeFeed, clock: Clock) {
    this.#clock = clock
    feed.listen(this)
  }

  /** Calls `tell` at every change of this user. Returns what ends that. */
  listen(user: UserId, tell: Tell): () => void {
    const listeners = this.#byUser.get(user) ?? new Set()
    this.#byUser.set(user, listeners)
    // A function may stand there once only: each listener gets one of its own.
    const own: Tell = () => tell()
    listeners.add(own)
    return () => {
      if (listeners.delete(own) && listeners.size === 0) this.#byUser.delete(user)
    }
  }

  /**
   * Keeps a request open: `look` is asked at once, as it may have been decided while nobody listened, and again at the user's
   * next change, after `ms`, when the same login is asked about again, or when the server ends.
   */
  async keep<T>(flow: FlowId, user: UserId, ms: number, look: () => Promise<T>, waits: (found: T) => boolean) {
    this.#kept.get(flow)?.()
    let wake: Tell = () => undefined
    const woken = new Promise<void>((resolve) => {
      wake = resolve
    })
    const release: Tell = () => wake()
    this.#kept.set(flow, release)
    const stop = this.listen(user, release)
    const timer = this.#clock.after(ms, release)
    try {
      const found = await look()
      if (this.#isDraining || !waits(found)) return found
      await woken
      return await look()
    } finally {
      stop()
      timer.cancel()
      if (this.#kept.get(flow) === release) this.#kept.delete(flow)
    }
  }

  /** Requests that are kept open are answered, and no others are kept. */
  drain(): void {
    this.#isDraining = true
    for (const release of [...this.#kept.values()]) release()
  }

  changed({ kind, subject }: Change): void {
    switch (kind) {
      case 'user_changed':
      case 'user_removed':
        for (const tell of [...(this.#byUser.get(subject as UserId) ?? [])]) tell()
        return
      case 'user_added':
      case 'grant_added':
      case 'grant_revoked':
      case 'group_changed':
        return
      default:
        for (const listeners of [...this.#byUser.values()]) for (const tell of [...listeners]) tell()
    }
  }
}

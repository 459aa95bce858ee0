/** Uses of tokens that wait to be written together. */
import type { Clock, Timer } from '../clock.ts'
import type { Executor } from './executor.ts'
import type { GrantId } from './model.ts'

/** Touches wait this long for others to join them. */
const TOUCH_DELAY_MS = 1000

interface Touch {
  readonly at: number
  readonly ip: string
  readonly expireAt: number | null
}

/** What is lost with the process is at most a second of `last_used_at`. */
export class Touches {
  readonly #waiting = new Map<GrantId, Touch>()
  #timer: Timer | null = null
  readonly #executor: Executor
  readonly #clock: Clock

  constructor(executor: Executor, clock: Clock) {
    this.#executor = executor
    this.#clock = clock
  }

  add(id: GrantId, touch: Touch): void {
    this.#waiting.set(id, touch)
    this.#timer ??= this.#clock.after(TOUCH_DELAY_MS, () => {
      this.flush().catch(() => {
        // A full disk loses a `last_used_at`; the write that matters to somebody says so itself.
      })
    })
  }

  async flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#waiting.size === 0) return
    const batch = [...this.#waiting]
    this.#waiting.clear()
    await this.#executor.write(async (db) => {
      for (const [id, { at, ip, expireAt }] of batch) {
        await db
          .updateTable('auth_grant')
          .set((eb) => ({
            last_used_at: at,
            last_used_ip: ip,
            // The end may have been taken away since: a use moves it, and never brings it back.
            expire_at: eb.case().when('expire_at', 'is', null).then(null).else(expireAt).end(),
          }))
          .where('id', '=', id)
          .execute()
      }
    })
  }
}

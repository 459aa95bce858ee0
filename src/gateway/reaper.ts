/**
 * Removes what has expired, once a minute; but never by a wall clock that was just set. What is removed cannot come back, so a
 * clock that is years ahead for some minutes must cost nobody a session.
 */
import type { TokenRules } from '../auth/tokens.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'

const EVERY_MS = 60_000
/** Of the wall clock against the monotonic one, between two looks. */
const JUMP_MS = 5 * 60_000
/** The wall clock has to stand for so long, after a start as well, before anything is removed by it. */
const STANDS_MS = 10 * 60_000

export interface Reaper {
  /** Resolves when what is under way has ended; nothing begins after that. */
  stop(): Promise<void>
}

export const startReaper = (tokens: TokenRules, store: Store, clock: Clock, log: Log): Reaper => {
  const lead = (): number => clock.now() - clock.monotonic()
  let lastLead = lead()
  let standsSince = clock.monotonic()
  let timer: Timer | null = null
  let running: Promise<void> = Promise.resolve()

  const reap = async (): Promise<void> => {
    const jump = lead() - lastLead
    lastLead += jump
    if (Math.abs(jump) > JUMP_MS) {
      standsSince = clock.monotonic()
      log.warn(
        { seconds: Math.round(jump / 1000) },
        'clock_jump: nothing is removed until the clock has stood ten minutes',
      )
    }
    if (clock.monotonic() - standsSince < STANDS_MS) return
    try {
      const ended = await tokens.reap()
      if (ended > 0) log.info({ grants: ended }, 'grants expired')
      await store.sweep(clock.now())
    } catch (error) {
      log.warn({ err: error }, 'expired grants could not be removed')
    }
  }
  const arm = (): void => {
    timer = clock.after(EVERY_MS, () => {
      arm()
      running = running.then(reap)
    })
  }
  arm()

  return {
    stop: () => {
      timer?.cancel()
      return running
    },
  }
}

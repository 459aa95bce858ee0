/** Keeps some file descriptors free, so that the store, the admin listener and open sockets go on when strangers hold the rest. */
import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import type { Clock, Timer } from './clock.ts'
import type { Log } from './log.ts'

const FOLDER = '/proc/self/fd'
const LOOK_MS = 1000

/** How many descriptors the process may have; infinite where the system does not say. */
export const descriptorLimit = (): number => {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return found === null ? Number.POSITIVE_INFINITY : Number(found[1])
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** So many are kept free. */
export const reserveOf = (limit: number): number => Math.min(100, Math.floor(limit / 4))

/** How many are in use. */
export const countDescriptors = async (): Promise<number> => {
  try {
    // Linux 6.2 and later know without a look at each.
    const { size } = await stat(FOLDER)
    return size > 0 ? size : (await readdir(FOLDER)).length
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? Number.POSITIVE_INFINITY : 0
  }
}

export interface Guard {
  stop(): void
}

/**
 * Counts every second, and calls `pause` with true while fewer than the reserve are free. One transport would otherwise
 * spin on a connection that it cannot accept.
 */
export const guardDescriptors = (
  limit: number,
  clock: Clock,
  log: Log,
  pause: (paused: boolean) => Promise<void>,
): Guard => {
  if (limit === Number.POSITIVE_INFINITY) return { stop: () => undefined }
  const reserve = reserveOf(limit)
  let paused = false
  let stopped = false
  let timer: Timer
  const look = async (): Promise<void> => {
    const used = await countDescriptors()
    const short = limit - used < reserve
    if (!stopped && short !== paused) {
      try {
        await pause(short)
        paused = short
        log[short ? 'warn' : 'info'](
          { limit, used: Number.isFinite(used) ? used : limit },
          short ? 'no new connections: too few descriptors are free' : 'new connections again',
        )
      } catch (error) {
        log.error({ err: error }, 'the listener could not be opened again')
      }
    }
    if (!stopped) timer = clock.after(LOOK_MS, () => void look())
  }
  timer = clock.after(LOOK_MS, () => void look())
  return {
    stop: () => {
      stopped = true
      timer.cancel()
    },
  }
}

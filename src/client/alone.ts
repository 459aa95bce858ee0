/** One at a time in this browser: across its tabs by a Web Lock where there are any, else in this page alone. */
import type { ClientClock } from './clock.ts'

/** The part of `navigator.locks` that is used. */
export interface Locks {
  request<T>(name: string, options: { signal: AbortSignal }, call: () => Promise<T>): Promise<T>
}

/** A tab that was put to sleep may hold its lock for long: after this it is not waited for. */
const LOCK_MS = 30_000

/** Pages have locks over https and on localhost alone. */
const platformLocks = (): Locks | null => (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks ?? null

/** Locks of Node, which has a `process`, hold in one process, and others may have the same session. */
const holdsForAll = (): boolean => !('process' in globalThis)

/**
 * Calls under the lock, or without it when it could not be had in time. `isAlone`: nobody who shares the session is in
 * such a call at the same time.
 */
export const alone = async <T>(
  name: string,
  clock: ClientClock,
  call: (isAlone: boolean) => Promise<T>,
): Promise<T> => {
  const locks = platformLocks()
  if (locks === null) return call(false)
  const abort = new AbortController()
  const limit = clock.after(LOCK_MS, () => abort.abort())
  let begun = false
  try {
    return await locks.request(name, { signal: abort.signal }, () => {
      begun = true
      limit.cancel()
      return call(holdsForAll())
    })
  } catch (error) {
    if (begun) throw error
    return call(false)
  } finally {
    limit.cancel()
  }
}

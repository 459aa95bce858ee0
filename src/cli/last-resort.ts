/** What happens when an error reaches nobody: the process goes on, but not if that happens again and again. */
import type { Clock } from '../clock.ts'

const WITHIN_MS = 60_000
const TOLERATED = 10

/** To be called for each such error; `giveUp` is called once, when there were more than ten in a minute. */
export const lastResort = (clock: Clock, giveUp: () => void): (() => void) => {
  let faults: number[] = []
  let over = false
  return () => {
    const now = clock.monotonic()
    faults = [...faults.filter((at) => at > now - WITHIN_MS), now]
    if (over || faults.length <= TOLERATED) return
    over = true
    giveUp()
  }
}

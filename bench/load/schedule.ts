/**
 * Open-loop load: operations begin at fixed times, whether or not the ones before have ended, and each is timed from the moment at
 * which it was to begin. A server that stands still is seen by everybody who would have come meanwhile (coordinated omission).
 */
import { build, type Histogram } from 'hdr-histogram-js'
import type { Load } from './loads.ts'

/** Microseconds, to 60 s, at three digits. */
export const newHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 })

export interface OpenLoop {
  readonly latency: Histogram
  /** Operations that were to begin. */
  readonly intended: number
  readonly ended: number
  /** Found too many under way, or did not end within the patience. */
  readonly lost: number
}

/** So long an operation is waited for after the last has begun. */
const PATIENCE_MS = 10_000

export const openLoop = (load: Pick<Load, 'begin'>, perSecond: number, ms: number): Promise<OpenLoop> =>
  new Promise((resolve) => {
    const latency = newHistogram()
    const intended = Math.max(1, Math.floor((perSecond * ms) / 1000))
    const gap = 1000 / perSecond
    const startAt = performance.now()
    let begun = 0
    let ended = 0
    let refused = 0
    let limit: NodeJS.Timeout | null = null
    const finish = (): void => {
      if (limit !== null) clearTimeout(limit)
      resolve({ latency, intended, ended, lost: intended - ended })
    }
    const settle = (): void => {
      if (begun === intended && ended + refused === intended) finish()
    }
    const begin = (at: number): void => {
      const isTaken = load.begin(() => {
        ended++
        latency.recordValue(Math.max(1, Math.round((performance.now() - at) * 1000)))
        settle()
      })
      if (!isTaken) refused++
    }
    const tick = (): void => {
      const now = performance.now()
      while (begun < intended && startAt + begun * gap <= now) begin(startAt + begun++ * gap)
      if (begun < intended) setTimeout(tick, 1)
      else {
        limit = setTimeout(finish, PATIENCE_MS)
        settle()
      }
    }
    tick()
  })

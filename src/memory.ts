/** Whether the process is about to run out of memory: looked at once a second at most, as somebody asks. */
import { getHeapStatistics } from 'node:v8'
import type { Clock } from './clock.ts'

/** From here on what is there goes on, and nobody new comes in. */
const TIGHT = 0.85
const EVERY_MS = 1000

export interface MemoryUse {
  /** Bytes that are used and that may be used, of the heap and of the whole process; infinite where there is no bound. */
  readonly heap: number
  readonly heapLimit: number
  readonly resident: number
  readonly residentLimit: number
}

const processMemory = (): MemoryUse => {
  const { used_heap_size, heap_size_limit } = getHeapStatistics()
  return {
    heap: used_heap_size,
    heapLimit: heap_size_limit,
    resident: process.memoryUsage.rss(),
    // 0, or more than the machine has: no bound is set from outside.
    residentLimit: process.constrainedMemory() || Number.POSITIVE_INFINITY,
  }
}

/** A function that says whether memory is tight. */
export const watchMemory = (clock: Clock, measure: () => MemoryUse = processMemory): (() => boolean) => {
  let lookedAt = Number.NEGATIVE_INFINITY
  let tight = false
  return () => {
    const now = clock.monotonic()
    if (now - lookedAt < EVERY_MS) return tight
    lookedAt = now
    const { heap, heapLimit, resident, residentLimit } = measure()
    tight = heap > heapLimit * TIGHT || resident > residentLimit * TIGHT
    return tight
  }
}

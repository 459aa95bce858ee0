/** When a socket comes back: what its close code asks for, and after how long. */
import { closes } from '../protocol/errors.ts'

export type Next = (typeof closes)[keyof typeof closes]['next']

const known = new Map<number, Next>(Object.values(closes).map(({ code, next }) => [code, next]))

/** Faults of RFC 6455 that a repetition does not mend. */
const FAULTS = new Set([1002, 1003, 1007, 1008, 1009])

/** What to do after a close. Codes of a later server are judged by their hundred. */
export const nextOf = (code: number): Next => {
  const listed = known.get(code)
  if (listed !== undefined) return listed
  if (FAULTS.has(code) || (code >= 4300 && code < 4400)) return 'stop'
  return code >= 4100 && code < 4300 ? 'refresh' : 'reconnect'
}

/** Nobody is made to wait for longer. */
const LONGEST_MS = 3_600_000

/** The milliseconds that a close reason asks to wait; 0 if it says nothing. */
export const afterMsOf = (reason: string): number => {
  try {
    const { after_ms: ms } = JSON.parse(reason) as { after_ms?: unknown }
    return typeof ms === 'number' && ms > 0 ? ms : 0
  } catch {
    return 0
  }
}

const FIRST_MS = 1000
const CAP_MS = 30_000

/** Full jitter: anything up to a bound that doubles with every failure, after what the server asked for. */
export const delayMs = (failures: number, random: () => number, afterMs: number): number =>
  Math.min(LONGEST_MS, afterMs) + random() * Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures, 10))

/** Time as a parameter: the wall clock for dates on tokens, the monotonic one for everything that waits. */

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970, as people see it; may jump. */
  now(): number
  /** Milliseconds that only ever go forward. */
  monotonic(): number
  /** Calls once, `ms` milliseconds from now. Does not keep the process alive. */
  after(ms: number, call: () => void): Timer
}

/** Node fires timers beyond 2^31-1 ms at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, call) => {
    let timer: NodeJS.Timeout
    const arm = (left: number): void => {
      timer = setTimeout(
        left > LONGEST_TIMEOUT ? () => arm(left - LONGEST_TIMEOUT) : call,
        Math.min(left, LONGEST_TIMEOUT),
      )
      timer.unref()
    }
    arm(Math.max(0, ms))
    return { cancel: () => clearTimeout(timer) }
  },
}

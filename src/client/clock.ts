/** Time as a parameter, so that an application's tests need not wait. */

export interface ClientTimer {
  cancel(): void
}

export interface ClientClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls once, `ms` milliseconds from now. */
  after(ms: number, call: () => void): ClientTimer
}

export const platformClock: ClientClock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

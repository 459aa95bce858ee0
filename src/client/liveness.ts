/** Whether an open socket lives: a lost network closes nothing, and a machine that slept does not know what it missed. */
import type { ClientClock, ClientTimer } from './clock.ts'
import { CommandFailed } from './errors.ts'
import type { AuthenticatedSocket } from './socket.ts'

/** It is asked this often, and has so long to answer. */
const PING_MS = 30_000
const PONG_MS = 10_000

export interface Liveness {
  /** Asks now, unless it has just been asked. */
  probe(): void
  stop(): void
}

/** Asks at intervals whether the socket lives; `dead` is called if it does not answer. */
export const watch = (socket: AuthenticatedSocket, clock: ClientClock, dead: () => void): Liveness => {
  let isAsked = false
  let timer: ClientTimer
  const probe = (): void => {
    if (isAsked) return
    isAsked = true
    timer.cancel()
    timer = clock.after(PONG_MS, dead)
    const answered = (): void => {
      isAsked = false
      timer.cancel()
      timer = clock.after(PING_MS, probe)
    }
    // A refusal, as of a server that goes down, is an answer too.
    socket.command('ping', {}).then(answered, (error) => error instanceof CommandFailed && answered())
  }
  timer = clock.after(PING_MS, probe)
  return { probe, stop: () => timer.cancel() }
}

interface Target {
  addEventListener(type: string, call: () => void): void
  removeEventListener(type: string, call: () => void): void
}

/** Calls when the page comes back: to the screen, out of the history, or into a network. Returns what ends that. */
export const onWake = (call: () => void): (() => void) => {
  const window = globalThis as unknown as Target & { document?: Target & { visibilityState?: string } }
  const { document } = window
  // Some platforms without pages have half of one.
  if (document?.addEventListener === undefined || window.addEventListener === undefined) return () => undefined
  const shown = (): void => {
    if (document.visibilityState !== 'hidden') call()
  }
  const events: [Target, string, () => void][] = [
    [window, 'online', call],
    [window, 'pageshow', call],
    [document, 'visibilitychange', shown],
  ]
  for (const [target, type, listener] of events) target.addEventListener(type, listener)
  return () => {
    for (const [target, type, listener] of events) target.removeEventListener(type, listener)
  }
}

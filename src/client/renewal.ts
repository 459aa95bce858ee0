/** An open socket goes on with another access token before its own ends, and tells when its session's store is behind. */
import type { SessionEvent } from '../protocol/sessions.ts'
import type { AbstractAuth } from './auth.ts'
import type { ClientClock, ClientTimer } from './clock.ts'
import { CommandFailed, TokenRefused, TokenUnavailable } from './errors.ts'
import { delayMs } from './retry.ts'
import type { AuthenticatedSocket, StartedSocket } from './socket.ts'

export interface RenewalParts {
  readonly auth: AbstractAuth
  readonly socket: AuthenticatedSocket
  readonly hear: StartedSocket['hear']
  /** The one that it was opened with. */
  readonly token: string
  readonly clock: ClientClock
  readonly random: () => number
  /** The server knows no such events, and will on no other socket. */
  readonly onUnknown: () => void
}

export interface Renewal {
  /** The one that it has now. */
  token(): string
  stop(): void
}

/** An honest step has been kept by then, and the server's window for racing ones, 10 s, is over. */
const SETTLED_MS = 12_000

/** Nearer to the end than this it is not tried again: the server closes the socket, which then comes back. */
const LAST_MS = 1000

/** Times are spans and never instants: the server's clock may be any. */
export const keepRenewed = ({ auth, socket, hear, token, clock, random, onUnknown }: RenewalParts): Renewal => {
  let current = token
  let isOver = false
  /** Milliseconds left when it was last told; null if nothing was since the last renewal began. */
  let told: number | null = null
  let isRenewing = false
  let newest = -1
  const timers = new Set<ClientTimer>()

  const after = (ms: number, call: () => void): void => {
    const timer = clock.after(ms, () => {
      timers.delete(timer)
      call()
    })
    timers.add(timer)
  }
  const pause = (ms: number): Promise<void> => new Promise((resolve) => after(ms, resolve))

  /** Tried at once, and where that fails after half of the time that is left, and half of the rest. */
  const renew = async (left: number): Promise<void> => {
    while (!isOver) {
      let wait = left / 2
      try {
        const other = await auth.renewSocket(socket, current)
        if (other !== null) {
          current = other
          return
        }
      } catch (error) {
        if (error instanceof TokenRefused) return
        if (error instanceof TokenUnavailable || error instanceof CommandFailed) {
          wait = Math.max(wait, error.retryAfterMs ?? 0)
        }
      }
      if (wait < LAST_MS || wait >= left) return
      await pause(wait)
      left -= wait
    }
  }

  const expiring = async (left: number): Promise<void> => {
    told = left
    if (isRenewing) return
    isRenewing = true
    // The next token's end may be told before this side has kept it.
    while (told !== null && !isOver) {
      const span = told
      told = null
      await renew(span)
    }
    isRenewing = false
  }

  /** Looks into the store; where it is behind the session refreshes, as often as it takes to be answered. */
  const look = async (generation: number): Promise<void> => {
    let ask = (): Promise<unknown> => auth.checkGeneration(generation)
    for (let failures = 0; !isOver; failures++) {
      try {
        await ask()
        return
      } catch (error) {
        if (!(error instanceof TokenUnavailable)) return
        // The attempt is under way now: it is this one's own.
        ask = () => auth.replaceAccessToken(current)
        await pause(delayMs(failures, random, error.retryAfterMs ?? 0))
      }
    }
  }

  const reached = (generation: number): void => {
    if (generation <= newest) return
    newest = generation
    after(SETTLED_MS, () => void look(generation))
  }

  const onEvent = (event: SessionEvent): void => {
    if (event.type === 'expiring') void expiring(event.in * 1000)
    if (event.type === 'rotated') reached(event.generation)
  }

  const listen = async (): Promise<void> => {
    try {
      const answer = await hear('auth/subscribe', {}, onEvent)
      if (typeof answer?.generation === 'number') reached(answer.generation)
    } catch (error) {
      if (isOver || !(error instanceof CommandFailed)) return
      if (error.retryAfterMs !== null) after(error.retryAfterMs, () => void listen())
      else if (error.code === 'unknown_command') onUnknown()
    }
  }

  void listen()

  return {
    token: () => current,
    stop: () => {
      isOver = true
      for (const timer of timers) timer.cancel()
      timers.clear()
    },
  }
}

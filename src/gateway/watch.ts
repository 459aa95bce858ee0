/** What is watched on one socket: that it authenticates in time, that it does not send too much, and that it is there. */
import type { Clock } from '../clock.ts'
import type { CloseName } from '../protocol/errors.ts'
import { Allowance } from './allowance.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Doorway } from './doorway.ts'
import type { Heartbeat, Pulse } from './heartbeat.ts'

/** What all watches share. */
export interface Watchers {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly doorway: Doorway
  readonly heartbeat: Heartbeat
  readonly authTimeoutMs: number
  /** A login that was begun on the socket may take so long. */
  readonly loginMs: number
  readonly messagesPerSecond: number
}

/** What a watch does to its socket. */
export interface Watched {
  ping(): void
  end(close: CloseName): void
}

const PINGS_PER_SECOND = 10

export class Watch {
  readonly #watchers: Watchers
  readonly #watched: Watched
  readonly #messages: Allowance
  readonly #openedAt: number
  #deadline: Deadline
  #isIn = false
  readonly #leave: () => void
  #pings: Allowance | null = null
  #pulse: Pulse | null = null

  /** To be made in the turn of the handshake, for the client's address. */
  constructor(watchers: Watchers, address: string, watched: Watched) {
    this.#watchers = watchers
    this.#watched = watched
    this.#messages = new Allowance(watchers.clock, watchers.messagesPerSecond)
    this.#openedAt = watchers.clock.monotonic()
    this.#deadline = watchers.deadlines.add(watchers.authTimeoutMs, () => watched.end('authTimeout'))
    this.#leave = watchers.doorway.enter(address)
  }

  /**
   * Before authentication: a login is open, or none is any more. It has that login's time, else a little to go on with what
   * the login gave; however many logins follow each other, no more than one may take.
   */
  expect(login: boolean): void {
    if (this.#isIn) return
    const { clock, deadlines, authTimeoutMs, loginMs } = this.#watchers
    const left = this.#openedAt + loginMs - clock.monotonic()
    this.#deadline.cancel()
    this.#deadline = deadlines.add(login ? left : Math.min(authTimeoutMs, left + authTimeoutMs), () =>
      this.#watched.end('authTimeout'),
    )
  }

  /** It has authenticated. */
  admitted(): void {
    this.#isIn = true
    this.#deadline.cancel()
    this.#leave()
    this.#pulse = this.#watchers.heartbeat.join({
      ping: () => this.#watched.ping(),
      silent: () => this.#watched.end('slowReader'),
    })
  }

  /** Any frame came. */
  heard(): void {
    if (this.#pulse !== null) this.#pulse.quiet = 0
  }

  /** A ping came: whoever sends many wants the answers to pile up. */
  pinged(): void {
    this.heard()
    this.#pings ??= new Allowance(this.#watchers.clock, PINGS_PER_SECOND, PINGS_PER_SECOND)
    if (this.#pings.take() !== 'granted') this.#watched.end('tooMany')
  }

  /** Of each message. False: it is not to be executed; if it was one too many for too long, the socket has ended. */
  admits(): boolean {
    const taken = this.#messages.take()
    if (taken === 'exhausted') this.#watched.end('tooMany')
    return taken === 'granted'
  }

  /** The socket ends or has ended. */
  stop(): void {
    this.#deadline.cancel()
    this.#leave()
    if (this.#pulse !== null) this.#watchers.heartbeat.leave(this.#pulse)
  }
}

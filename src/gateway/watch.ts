/** What is watched on one socket: that it authenticates in time, that it does not send too much, and that it is there. */
import type { Clock } from '../clock.ts'
import type { CloseName } from '../protocol/errors.ts'
import { Allowance, type Rate } from './allowance.ts'
import { Deadline, type Deadlines } from './deadlines.ts'
import type { Doorway } from './doorway.ts'
import type { Beating, Heartbeat } from './heartbeat.ts'

/** What all watches share. */
export interface Watchers {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly doorway: Doorway
  readonly heartbeat: Heartbeat
  readonly authTimeoutMs: number
  /** A login that was begun on the socket may take so long. */
  readonly loginMs: number
  readonly messages: Rate
  readonly pings: Rate
}

/** What a watch does to its socket. */
export interface Watched {
  ping(): void
  end(close: CloseName): void
}

/** A socket that is not authenticated: where it is counted, and until when. */
class Entrance extends Deadline {
  readonly party: string
  readonly openedAt: number
  readonly #watched: Watched

  constructor(party: string, openedAt: number, watched: Watched) {
    super()
    this.party = party
    this.openedAt = openedAt
    this.#watched = watched
  }

  due(): void {
    this.#watched.end('authTimeout')
  }
}

export class Watch implements Beating {
  quiet = 0
  slot = 0
  place = 0
  readonly #watchers: Watchers
  readonly #watched: Watched
  // Made when they are needed: a socket that sends nothing more has none.
  #messages: Allowance | null = null
  #pings: Allowance | null = null
  /** Null once it is in, or has ended. */
  #entrance: Entrance | null
  #beats = false

  /** To be made in the turn of the handshake, for the client's address. */
  constructor(watchers: Watchers, address: string, watched: Watched) {
    this.#watchers = watchers
    this.#watched = watched
    this.#entrance = new Entrance(watchers.doorway.enter(address), watchers.clock.monotonic(), watched)
    watchers.deadlines.set(this.#entrance, watchers.authTimeoutMs)
  }

  /**
   * Before authentication: a login is open, or none is any more. It has that login's time, else a little to go on with what
   * the login gave; however many logins follow each other, no more than one may take.
   */
  expect(login: boolean): void {
    if (this.#entrance === null) return
    const { clock, deadlines, authTimeoutMs, loginMs } = this.#watchers
    const left = this.#entrance.openedAt + loginMs - clock.monotonic()
    this.#entrance.cancel()
    deadlines.set(this.#entrance, login ? left : Math.min(authTimeoutMs, left + authTimeoutMs))
  }

  /** It has authenticated. */
  admitted(): void {
    this.#enter()
    this.#beats = true
    this.#watchers.heartbeat.join(this)
  }

  ping(): void {
    this.#watched.ping()
  }

  silent(): void {
    this.#watched.end('slowReader')
  }

  /** Any frame came. */
  heard(): void {
    this.quiet = 0
  }

  /** A ping came: whoever sends many wants the answers to pile up. */
  pinged(): void {
    this.heard()
    this.#pings ??= new Allowance(this.#watchers.pings)
    if (this.#pings.take() !== 'granted') this.#watched.end('tooMany')
  }

  /** Of each message. False: it is not to be executed; if it was one too many for too long, the socket has ended. */
  admits(): boolean {
    this.#messages ??= new Allowance(this.#watchers.messages)
    const taken = this.#messages.take()
    if (taken === 'exhausted') this.#watched.end('tooMany')
    return taken === 'granted'
  }

  /** The socket ends or has ended. */
  stop(): void {
    this.#enter()
    if (this.#beats) this.#watchers.heartbeat.leave(this)
    this.#beats = false
  }

  #enter(): void {
    if (this.#entrance === null) return
    this.#entrance.cancel()
    this.#watchers.doorway.leave(this.#entrance.party)
    this.#entrance = null
  }
}

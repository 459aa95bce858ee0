/** What an authenticated socket stands on: who it is, the end of its token, and how lately its person proved to be there. */
import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { Deadlines } from './deadlines.ts'
import { Expiry, type ExpiryOptions } from './expiry.ts'
import { Freshness } from './freshness.ts'
import type { HubEntry, Seat } from './hub.ts'
import { RightsHearers, type RightsText } from './rights.ts'

/** What all standings share. */
export interface StandingParts {
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** null: a socket lives as long as its grant. */
  readonly expiry: ExpiryOptions | null
  readonly rightsText: RightsText
}

/** Gets an event's JSON text. */
type Hear = (text: string) => void

export class Standing implements HubEntry {
  readonly #parts: StandingParts
  /** When the socket was authenticated, milliseconds since 1970. */
  readonly since: number
  who: Principal
  seat: Seat | null
  readonly #expiry: Expiry | null
  /** Few sockets ever step up, or hear of their rights: the others carry neither. */
  #freshness: Freshness | null = null
  #rights: RightsHearers | null = null

  /**
   * `seat` is ended when the token has ended, where sockets live no longer than theirs. `isLogin`: the person has just
   * logged in.
   */
  constructor(
    parts: StandingParts,
    seat: Seat & { end(close: 'tokenExpired'): void },
    who: Principal,
    token: string,
    isLogin: boolean,
  ) {
    const { clock, deadlines, expiry } = parts
    this.#parts = parts
    this.since = clock.now()
    this.who = who
    this.seat = seat
    this.#expiry = expiry === null ? null : new Expiry(deadlines, clock, expiry, () => seat.end('tokenExpired'))
    this.move(who, token, isLogin)
  }

  /** Goes on as another session of the same user. A proof of before counts on. */
  move(who: Principal, token: string, isLogin: boolean): void {
    this.who = who
    this.#expiry?.arm(token)
    if (isLogin) this.freshness.proved()
  }

  /** The socket ends. */
  stop(): void {
    this.#expiry?.stop()
    this.seat = null
  }

  /** `hear` gets the event before this socket ends with its access token. Returns what ends that. */
  onExpiring(hear: Hear): () => void {
    return this.#expiry?.listen(hear) ?? (() => undefined)
  }

  /** `hear` gets the event when what this socket may do has changed. Returns what ends that. */
  onRights(hear: Hear): () => void {
    this.#rights ??= new RightsHearers(this.#parts.rightsText, this.who)
    return this.#rights.listen(hear)
  }

  /** Rights may have changed: whoever listens hears of it now. */
  tellRights(): void {
    this.#rights?.tell(this.who)
  }

  get freshness(): Freshness {
    this.#freshness ??= new Freshness(this.#parts.clock)
    return this.#freshness
  }

  /**
   * True: the person has to step up before anything sensitive is done. Asked of sockets whose client offered to; whoever else
   * is to be asked is named here.
   */
  get mustStepUp(): boolean {
    return this.#freshness?.isOffered === true && !this.#freshness.isFresh
  }
}

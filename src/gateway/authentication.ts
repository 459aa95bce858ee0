/** How a socket becomes somebody's: the `auth` message, tokens that have to be looked up, and what is answered to bad ones. */
import type { Bans } from '../auth/bans.ts'
import type { Principal } from '../auth/principal.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Log } from '../log.ts'
import type { CloseName } from '../protocol/errors.ts'
import { AUTH_INVALID, AUTH_MALFORMED, authFrame, authInvalid, MAX_TOKEN_LENGTH } from '../protocol/frames.ts'
import type { Renewal } from './dispatch.ts'
import type { Metrics } from './metrics.ts'

/** How a token was judged: known already, by a read, or not at all. */
export type Path = 'cached' | 'looked_up' | 'none'

/** What authentication asks of its socket. */
export interface Entrant {
  readonly address: string
  /** False: the socket is in already, or has ended meanwhile. */
  readonly isOutside: boolean
  /** A token is being looked up: what arrives waits. */
  verifying(): void
  /** Called in the turn of the last check. `isLogin`: the person has just logged in. False: this user may not come from there. */
  admit(who: Principal, path: Path, token: string, isLogin: boolean): boolean
  send(text: string): void
  end(close: CloseName): void
}

export interface AuthenticationParts {
  readonly verifier: Verifier
  readonly bans: Bans
  readonly metrics: Metrics
  readonly log: Log
}

export class Authentication {
  readonly #parts: AuthenticationParts
  readonly #entrant: Entrant

  constructor(parts: AuthenticationParts, entrant: Entrant) {
    this.#parts = parts
    this.#entrant = entrant
  }

  /** A message that has to be an `auth` message. */
  message(value: unknown): void {
    const frame = authFrame.safeParse(value)
    if (!frame.success) {
      this.malformed()
      return
    }
    const token = 'access_token' in frame.data ? (frame.data.access_token ?? '') : ''
    if (token === '' || token.length > MAX_TOKEN_LENGTH) this.#deny('none')
    else this.token(token)
  }

  malformed(): void {
    this.#refuse(AUTH_MALFORMED, 'malformed')
  }

  /** Goes in with a token, or is refused and closed. `isLogin`: it was just got by a login. */
  token(token: string, isLogin = false): void {
    const known = this.#parts.verifier.known(token)
    if (known !== undefined) {
      if (known === null) this.#denyToken(token, 'cached')
      else this.#admit(known, 'cached', token, isLogin)
      return
    }
    this.#entrant.verifying()
    this.#parts.verifier
      // Admitted in the turn of the last check: a revocation later than that finds the seat.
      .verify(token, (who) => this.#admit(who, 'looked_up', token, isLogin))
      .then((who) => {
        if (who === null) this.#denyToken(token, 'looked_up')
      })
      .catch((error: unknown) => {
        this.#parts.log.warn({ err: error }, 'token could not be verified')
        this.#entrant.end('overloaded')
      })
  }

  /** Goes on with another token; `move` is called in the turn of its last check. A bad one is counted. */
  async renew(token: string, move: (who: Principal) => Renewal): Promise<Renewal> {
    let outcome: Renewal = 'refused'
    const who = await this.#parts.verifier.verify(token, (who) => {
      outcome = move(who)
    })
    if (who === null) this.#count(token)
    return outcome
  }

  /** A token that was never good counts against its bearer. */
  #count(token: string): void {
    this.#parts.verifier
      .isGenuine(token)
      .then((genuine) => {
        if (!genuine) this.#parts.bans.failed(this.#entrant.address, { secret: token })
      })
      .catch((error: unknown) => this.#parts.log.warn({ err: error }, 'refused token could not be judged'))
  }

  #admit(who: Principal, path: Path, token: string, isLogin: boolean): void {
    // The socket may have closed, or its time may have run out, while the grant was read.
    if (this.#entrant.isOutside && !this.#entrant.admit(who, path, token, isLogin)) this.#deny(path)
  }

  #deny(path: Path): void {
    if (!this.#entrant.isOutside) return
    this.#parts.metrics.authenticated('refused', path)
    this.#parts.log.info({ address: this.#entrant.address }, 'socket refused')
    this.#refuse(AUTH_INVALID, 'notAuthenticated')
  }

  /** Counted once the answer has gone out. */
  #denyToken(token: string, path: Path): void {
    this.#deny(path)
    this.#count(token)
  }

  #refuse(message: typeof AUTH_INVALID | typeof AUTH_MALFORMED, close: CloseName): void {
    this.#entrant.send(authInvalid(message))
    this.#entrant.end(close)
  }
}

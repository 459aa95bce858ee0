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
  reply(text: string): void
  end(close: CloseName): void
}

export interface AuthenticationParts {
  readonly verifier: Verifier
  readonly bans: Bans
  readonly metrics: Metrics
  readonly log: Log
}

/** One for all sockets of a gateway: each call names the socket that it is about. */
export class Authentication {
  readonly #parts: AuthenticationParts

  constructor(parts: AuthenticationParts) {
    this.#parts = parts
  }

  /**
   * The bytes of an `auth` message that is known as a whole. False: it has to be read.
   * A message is kept so when its token comes a second time.
   */
  bytes(entrant: Entrant, data: Uint8Array): boolean {
    const found = this.#parts.verifier.knownFrame(data)
    if (found === undefined) return false
    this.#admit(entrant, found.who, 'cached', found.token, false)
    return true
  }

  /** A message that has to be an `auth` message. */
  message(entrant: Entrant, value: unknown): void {
    const frame = authFrame.safeParse(value)
    if (!frame.success) {
      this.malformed(entrant)
      return
    }
    const token = 'access_token' in frame.data ? (frame.data.access_token ?? '') : ''
    if (token === '' || token.length > MAX_TOKEN_LENGTH) this.#deny(entrant, 'none')
    else this.token(entrant, token)
  }

  malformed(entrant: Entrant): void {
    this.#refuse(entrant, AUTH_MALFORMED, 'malformed')
  }

  /** Goes in with a token, or is refused and closed. `isLogin`: it was just got by a login. */
  token(entrant: Entrant, token: string, isLogin = false): void {
    const { verifier, log } = this.#parts
    // A message is kept when its token comes a second time: most tokens do not.
    if ((verifier.known(token) ?? null) !== null) verifier.keepFrame(token)
    const who = verifier.atOnce(token)
    if (who !== undefined) {
      if (who === null) this.#denyToken(entrant, token, 'cached')
      else this.#admit(entrant, who, 'cached', token, isLogin)
      return
    }
    entrant.verifying()
    verifier
      // Admitted in the turn of the last check: a revocation later than that finds the seat.
      .verify(token, (who) => this.#admit(entrant, who, 'looked_up', token, isLogin))
      .then((who) => {
        if (who === null) this.#denyToken(entrant, token, 'looked_up')
      })
      .catch((error: unknown) => {
        log.warn({ err: error }, 'token could not be verified')
        entrant.end('overloaded')
      })
  }

  /**
   * Goes on with another token; `move` is called in the turn of its last check: in this one where the token is known. A bad
   * one is counted.
   */
  renew(address: string, token: string, move: (who: Principal) => Renewal): Renewal | Promise<Renewal> {
    const known = this.#parts.verifier.atOnce(token)
    if (known === undefined) return this.#renewLater(address, token, move)
    if (known !== null) return move(known)
    this.#count(address, token)
    return 'refused'
  }

  async #renewLater(address: string, token: string, move: (who: Principal) => Renewal): Promise<Renewal> {
    let outcome: Renewal = 'refused'
    const who = await this.#parts.verifier.verify(token, (who) => {
      outcome = move(who)
    })
    if (who === null) this.#count(address, token)
    return outcome
  }

  /** A token that was never good counts against its bearer. */
  #count(address: string, token: string): void {
    this.#parts.verifier
      .isGenuine(token)
      .then((genuine) => {
        if (!genuine) this.#parts.bans.failed(address, { secret: token })
      })
      .catch((error: unknown) => this.#parts.log.warn({ err: error }, 'refused token could not be judged'))
  }

  #admit(entrant: Entrant, who: Principal, path: Path, token: string, isLogin: boolean): void {
    // The socket may have closed, or its time may have run out, while the grant was read.
    if (entrant.isOutside && !entrant.admit(who, path, token, isLogin)) this.#deny(entrant, path)
  }

  #deny(entrant: Entrant, path: Path): void {
    if (!entrant.isOutside) return
    this.#parts.metrics.authenticated('refused', path)
    this.#parts.log.info({ address: entrant.address }, 'socket refused')
    this.#refuse(entrant, AUTH_INVALID, 'notAuthenticated')
  }

  /** Counted once the answer has gone out. */
  #denyToken(entrant: Entrant, token: string, path: Path): void {
    this.#deny(entrant, path)
    this.#count(entrant.address, token)
  }

  #refuse(entrant: Entrant, message: typeof AUTH_INVALID | typeof AUTH_MALFORMED, close: CloseName): void {
    entrant.reply(authInvalid(message))
    entrant.end(close)
  }
}

/** External authentication, the page's side: an app that shows the page holds the tokens, and gives access tokens alone. */
import { AbstractAuth, type Fetch } from './auth.ts'
import { type ClientClock, type ClientTimer, platformClock } from './clock.ts'
import { TokenRefused, TokenUnavailable } from './errors.ts'

/** The functions of the page that the app calls. The names never change: an app may refuse any other. */
export const callbacks = {
  getExternalAuth: 'externalAuthSetToken',
  revokeExternalAuth: 'externalAuthRevokeToken',
} as const

export type ExternalMethod = keyof typeof callbacks

/** What a method is called with. */
export interface ExternalPayload {
  readonly callback: (typeof callbacks)[ExternalMethod]
  /** The server refused the token of before: another is wanted, expired or not. */
  readonly force?: true
}

/** What the app gives. */
export interface ExternalToken {
  readonly access_token: string
  /** Seconds that it remains good. */
  readonly expires_in: number
}

/** The window, with the bridges that an app may put into it. Of several the first here is used. */
export interface ExternalWindow {
  readonly externalAppV2?: { postMessage(json: string): void }
  readonly externalApp?: { [method in ExternalMethod]?: (json: string) => void }
  readonly webkit?: {
    readonly messageHandlers?: { [method in ExternalMethod]?: { postMessage(payload: ExternalPayload): void } }
  }
  externalAuthSetToken?: (success: boolean, token?: unknown) => void
  externalAuthRevokeToken?: (success: boolean) => void
}

export interface ExternalOptions {
  readonly fetch: Fetch
  /** The server's address, as `https://auth.example.org`. */
  readonly host: string
  /** Where the bridge is; the page's own window if left out. */
  readonly window?: ExternalWindow
  readonly clock?: ClientClock
}

/** An app that does not answer by then does not answer. */
const ANSWER_MS = 30_000
const EARLY_MS = 10_000

/** Sends a call over the bridge; false if there is none. */
const send = (window: ExternalWindow, method: ExternalMethod, force: boolean): boolean => {
  const payload: ExternalPayload = { callback: callbacks[method], ...(force ? { force: true } : {}) }
  const { externalAppV2, externalApp, webkit } = window
  const handler = webkit?.messageHandlers?.[method]
  if (externalAppV2 !== undefined) externalAppV2.postMessage(JSON.stringify({ type: method, payload }))
  // Called on its object: bridges of Android are bound to it.
  else if (externalApp?.[method] !== undefined) externalApp[method](JSON.stringify(payload))
  else if (handler !== undefined) handler.postMessage(payload)
  else return false
  return true
}

/** True on a page that an app shows and holds the tokens of. */
export const hasExternalApp = (window: ExternalWindow = globalThis as ExternalWindow): boolean =>
  window.externalAppV2 !== undefined ||
  window.externalApp?.getExternalAuth !== undefined ||
  window.webkit?.messageHandlers?.getExternalAuth !== undefined

const isToken = (value: unknown): value is ExternalToken => {
  const { access_token: token, expires_in: seconds } = (value ?? {}) as Record<string, unknown>
  return typeof token === 'string' && token !== '' && typeof seconds === 'number' && seconds > 0
}

/** Access tokens from the app around the page. It takes over `externalAuthSetToken` and `externalAuthRevokeToken`. */
export class ExternalAuth extends AbstractAuth {
  readonly #window: ExternalWindow
  readonly #clock: ClientClock
  #accessToken = ''
  #expiresAt = 0
  #pending: { readonly token: Promise<string>; readonly force: boolean } | null = null
  #revoking: Promise<void> | null = null
  #answered: (success: boolean, token?: unknown) => void = () => undefined
  #revoked: (success: boolean) => void = () => undefined

  constructor(options: ExternalOptions) {
    super(options.fetch, options.host)
    this.#window = options.window ?? (globalThis as ExternalWindow)
    this.#clock = options.clock ?? platformClock
    this.#window[callbacks.getExternalAuth] = (success, token) => this.#answered(success, token)
    this.#window[callbacks.revokeExternalAuth] = (success) => this.#revoked(success)
  }

  /** The token that the app gave last, or another when that has expired. Rejects with `TokenUnavailable`. */
  override async getAccessToken(): Promise<string> {
    return this.#isGood() ? this.#accessToken : this.#ask(false)
  }

  /** Asks the app for another token, by force. Rejects with `TokenRefused` if it has none: the user has to log in. */
  override async replaceAccessToken(refused: string): Promise<string> {
    // There is one callback for all answers: a question that is under way is waited for first.
    if (this.#pending?.force === false) await this.#pending.token.catch(() => undefined)
    if (this.#accessToken !== refused && this.#isGood()) return this.#accessToken
    return this.#ask(true)
  }

  /** Asks the app to revoke the session and to log out. Rejects with `TokenUnavailable` if it could not. */
  revoke(): Promise<void> {
    this.#revoking ??= this.#question<void>('revokeExternalAuth', false, (resolve, reject) => {
      this.#revoked = (success) => {
        if (success !== true) reject(new TokenUnavailable('the app could not log out'))
        else {
          this.#expiresAt = 0
          resolve()
        }
      }
    }).finally(() => {
      this.#revoking = null
    })
    return this.#revoking
  }

  #isGood(): boolean {
    return this.#clock.now() < this.#expiresAt
  }

  #ask(force: boolean): Promise<string> {
    if (this.#pending !== null) return this.#pending.token
    const token = this.#question<string>('getExternalAuth', force, (resolve, reject) => {
      this.#answered = (success, answer) => {
        if (success === true && isToken(answer)) {
          this.#accessToken = answer.access_token
          this.#expiresAt = this.#clock.now() + answer.expires_in * 1000 - Math.min(EARLY_MS, answer.expires_in * 100)
          resolve(this.#accessToken)
        } else if (success === true) reject(new TokenUnavailable('the app gave no token'))
        else if (force) reject(new TokenRefused('access_denied', 'the app has no other access token'))
        else reject(new TokenUnavailable('the app has no access token'))
      }
    }).finally(() => {
      this.#pending = null
    })
    this.#pending = { token, force }
    return token
  }

  /** `listen` says what an answer does; it is in place before the app is asked, as an app may answer in the same turn. */
  #question<T>(
    method: ExternalMethod,
    force: boolean,
    listen: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    let limit: ClientTimer | undefined
    return new Promise<T>((resolve, reject) => {
      limit = this.#clock.after(ANSWER_MS, () => reject(new TokenUnavailable('the app did not answer')))
      listen(resolve, reject)
      if (!send(this.#window, method, force)) reject(new TokenUnavailable('no app shows this page'))
    }).finally(() => limit?.cancel())
  }
}

/** A session of OAuth 2: an access token that is refreshed when it has to be, once for all who wait for it. */
import type { TokenAnswer } from '../protocol/http.ts'
import { alone } from './alone.ts'
import { AbstractAuth, bareHost, type Fetch } from './auth.ts'
import { type ClientClock, platformClock } from './clock.ts'
import { TokenRefused, TokenUnavailable } from './errors.ts'
import { postForm } from './token-endpoint.ts'

/** A session as plain JSON, for the application to keep. Whoever has it is logged in. */
export interface Token {
  readonly access_token: string
  readonly refresh_token: string
  /** Seconds that an access token lives. */
  readonly expires_in: number
  /** Milliseconds since 1970, by this side's clock. */
  readonly expires_at: number
  /** Which refresh token of its session this is, where the server counts them. */
  readonly generation?: number
}

export interface SessionOptions {
  readonly fetch: Fetch
  /** The server's address, as `https://auth.example.org`. */
  readonly host: string
  /** The client that logged in: the application's own address. */
  readonly clientId: string
  readonly token: Token
  /** Keeps a token that replaces the one before; awaited. What it rejects with goes to those who wait for the token. */
  readonly tokenUpdater?: (token: Token) => Promise<void> | void
  /**
   * What is kept now, null after a log-out. It is asked before a refresh, so that a token that another tab or process has
   * fetched meanwhile is used. Needed with a refresh token that changes.
   */
  readonly tokenLoader?: () => Promise<Token | null> | Token | null
  readonly clock?: ClientClock
}

export interface ExchangeOptions extends Omit<SessionOptions, 'token'> {
  readonly code: string
  /** Of `authorize`; null without PKCE. */
  readonly verifier: string | null
  readonly redirectUri: string
}

/** An access token is taken as expired this much earlier, or a tenth of its life if that is less: it has to get there. */
const EARLY_MS = 10_000

const endpoint = (host: string, name: 'token' | 'revoke'): string => `${bareHost(host)}/auth/${name}`

const isAnswer = (answer: unknown): answer is TokenAnswer & { generation?: unknown } => {
  const { access_token: token, expires_in: seconds } = (answer ?? {}) as Record<string, unknown>
  return typeof token === 'string' && typeof seconds === 'number' && Number.isFinite(seconds)
}

/** The answer as a token. A refresh token in it replaces `refreshToken`; without either there is no session. */
const tokenOf = (answer: unknown, sentAt: number, before?: Token): Token => {
  const refreshToken = isAnswer(answer) ? (answer.refresh_token ?? before?.refresh_token) : undefined
  if (!isAnswer(answer) || refreshToken === undefined) throw new TokenUnavailable('the answer holds no token', 200)
  const generation = typeof answer.generation === 'number' ? answer.generation : before?.generation
  return {
    access_token: answer.access_token,
    refresh_token: refreshToken,
    expires_in: answer.expires_in,
    expires_at: sentAt + answer.expires_in * 1000,
    ...(generation === undefined ? {} : { generation }),
  }
}

export class OAuth2Session extends AbstractAuth {
  readonly clientId: string
  #token: Token
  readonly #options: SessionOptions
  protected readonly clock: ClientClock
  #pending: Promise<Token> | null = null
  #revoked = false

  constructor(options: SessionOptions) {
    super(options.fetch, options.host)
    this.#options = options
    this.clientId = options.clientId
    this.clock = options.clock ?? platformClock
    this.#token = options.token
  }

  /**
   * A session for the code of a login; `tokenUpdater` has kept its token by then. Rejects with `TokenRefused`
   * (`invalid_request`: the code is unknown, used or too old) or `TokenUnavailable`.
   */
  static async exchange(options: ExchangeOptions): Promise<OAuth2Session> {
    const { code, verifier, redirectUri, ...session } = options
    const { fetch, host, clientId, clock = platformClock } = session
    const sentAt = clock.now()
    const answer = await postForm(fetch, clock, endpoint(host, 'token'), {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: redirectUri,
      ...(verifier === null ? {} : { code_verifier: verifier }),
    })
    const token = tokenOf(answer, sentAt)
    await options.tokenUpdater?.(token)
    return new OAuth2Session({ ...session, token })
  }

  /** The token of now. */
  get token(): Token {
    return this.#token
  }

  override async getAccessToken(): Promise<string> {
    return this.#isGood(this.#token) ? this.#token.access_token : (await this.#refresh(null)).access_token
  }

  override async replaceAccessToken(refused: string): Promise<string> {
    if (this.#token.access_token !== refused && this.#isGood(this.#token)) return this.#token.access_token
    return (await this.#refresh(refused)).access_token
  }

  /**
   * Fetches and returns the token that follows `this.token`. To be overridden where the refresh goes another way; sharing,
   * locking and keeping are done around it. Rejects with `TokenRefused` or `TokenUnavailable`.
   */
  protected async refreshTokens(): Promise<Token> {
    const sentAt = this.clock.now()
    const answer = await postForm(this.#options.fetch, this.clock, endpoint(this.host, 'token'), {
      grant_type: 'refresh_token',
      client_id: this.clientId,
      refresh_token: this.#token.refresh_token,
    })
    return tokenOf(answer, sentAt, this.#token)
  }

  /**
   * Ends the session on the server: its sockets close, its tokens are good for nothing, and there are none here any more
   * (`logged_out`). Rejects with `TokenUnavailable`: it may not be over.
   */
  async revoke(): Promise<void> {
    await postForm(this.#options.fetch, this.clock, endpoint(this.host, 'revoke'), { token: this.#token.refresh_token })
    this.#revoked = true
  }

  #isGood({ expires_at: at, expires_in: seconds }: Token): boolean {
    return !this.#revoked && this.clock.now() < at - Math.min(EARLY_MS, seconds * 100)
  }

  #refresh(refused: string | null): Promise<Token> {
    this.#pending ??= alone(`latchkey ${this.host} ${this.clientId}`, this.clock, () =>
      this.#refreshAlone(refused),
    ).finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  async #refreshAlone(refused: string | null): Promise<Token> {
    if (this.#revoked) throw new TokenRefused('logged_out')
    const { tokenLoader, tokenUpdater } = this.#options
    if (tokenLoader !== undefined) {
      const kept = await tokenLoader()
      if (kept === null) throw new TokenRefused('logged_out')
      const isNew = kept.access_token !== this.#token.access_token
      this.#token = kept
      if (isNew && kept.access_token !== refused && this.#isGood(kept)) return kept
    }
    this.#token = await this.refreshTokens()
    await tokenUpdater?.(this.#token)
    return this.#token
  }
}

/** A session of OAuth 2: an access token that is refreshed when it has to be, once for all who wait for it. */
import type { TokenAnswer } from '../protocol/http.ts'
import { alone } from './alone.ts'
import { AbstractAuth, bareHost, type Fetch } from './auth.ts'
import { type ClientClock, platformClock } from './clock.ts'
import { TokenRefused, TokenUnavailable } from './errors.ts'
import { isRotating, step } from './rotation.ts'
import type { AuthenticatedSocket } from './socket.ts'
import { overSocket, postForm, type Send } from './token-endpoint.ts'

/** A session as plain JSON, for the application to keep. Whoever has it is logged in. */
export interface Token {
  readonly access_token: string
  readonly refresh_token: string
  /** Seconds that an access token lives. */
  readonly expires_in: number
  /** Milliseconds since 1970, by this side's clock. */
  readonly expires_at: number
  /** Which refresh token of its session this is, where each refresh brings another. */
  readonly generation?: number
  /** Names the refresh that is under way with this refresh token, for as long as its answer may have been lost. */
  readonly attempt?: string
}

export interface SessionOptions {
  readonly fetch: Fetch
  /** The server's address, as `https://auth.example.org`. */
  readonly host: string
  /** The client that logged in: the application's own address. */
  readonly clientId: string
  readonly token: Token
  /**
   * Keeps a token, whole; awaited. What it rejects with goes to those who wait for the token. `before` is what it replaces,
   * null after a login: a store that can compare and write in one transaction leaves anything else as it is.
   */
  readonly tokenUpdater?: (token: Token, before: Token | null) => Promise<void> | void
  /**
   * What is kept now, null after a log-out. It is asked before a refresh, so that a token that another tab or process has
   * fetched meanwhile is used. Needed, as `tokenUpdater` is, where the refresh token rotates.
   */
  readonly tokenLoader?: () => Promise<Token | null> | Token | null
  readonly clock?: ClientClock
}

export interface ExchangeOptions extends Omit<SessionOptions, 'token'> {
  readonly code: string
  /** Of `authorize`; null without PKCE. */
  readonly verifier: string | null
  readonly redirectUri: string
  /** True: each refresh brings another refresh token, so that a stolen one is found out. A server may not know of it. */
  readonly rotate?: boolean
  /** A socket to ask over, in the place of `fetch`. */
  readonly socket?: AuthenticatedSocket
}

/** An access token is taken as expired this much earlier, or a tenth of its life if that is less: it has to get there. */
const EARLY_MS = 10_000

const endpoint = (host: string, name: 'token' | 'revoke'): string => `${bareHost(host)}/auth/${name}`

/** Refused before anything is spent: the second refresh would end the session. */
const needsStore = ({ tokenLoader, tokenUpdater }: Partial<SessionOptions>): void => {
  if (tokenLoader === undefined || tokenUpdater === undefined) {
    throw new TypeError('a refresh token that rotates needs tokenLoader and tokenUpdater')
  }
}

const overHttp =
  (fetch: Fetch, clock: ClientClock, host: string): Send =>
  (fields) =>
    postForm(fetch, clock, endpoint(host, 'token'), fields)

const isAnswer = (answer: unknown): answer is TokenAnswer & { generation?: unknown } => {
  const { access_token: token, expires_in: seconds } = (answer ?? {}) as Record<string, unknown>
  return typeof token === 'string' && typeof seconds === 'number' && Number.isFinite(seconds)
}

/** The answer as a token. A refresh token in it replaces the one of before; without either there is no session. */
const tokenOf = (answer: unknown, sentAt: number, before: Token | null): Token => {
  const refreshToken = isAnswer(answer) ? (answer.refresh_token ?? before?.refresh_token) : undefined
  if (!isAnswer(answer) || refreshToken === undefined) throw new TokenUnavailable('the answer holds no token', 200)
  // Whether it rotates is settled by the login: a session that began without attempts has nothing to repeat a step by.
  const counts = before === null || before.generation !== undefined
  const generation = counts && typeof answer.generation === 'number' ? answer.generation : before?.generation
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

  /** Throws a `TypeError` for a token that rotates without `tokenLoader` and `tokenUpdater`. */
  constructor(options: SessionOptions) {
    super(options.fetch, options.host)
    if (isRotating(options.token)) needsStore(options)
    this.#options = options
    this.clientId = options.clientId
    this.clock = options.clock ?? platformClock
    this.#token = options.token
  }

  /**
   * A session for the code of a login; `tokenUpdater` has kept its token by then. Rejects with `TokenRefused`
   * (`invalid_request`: the code is unknown, used or too old) or `TokenUnavailable`, and as the constructor throws.
   */
  static async exchange(options: ExchangeOptions): Promise<OAuth2Session> {
    const { code, verifier, redirectUri, rotate = false, socket, ...session } = options
    const { fetch, host, clientId, clock = platformClock } = session
    if (rotate) needsStore(session)
    const send = socket === undefined ? overHttp(fetch, clock, host) : overSocket(socket, clock, false)
    const sentAt = clock.now()
    const answer = await send({
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: redirectUri,
      ...(verifier === null ? {} : { code_verifier: verifier }),
      ...(rotate ? { rotate: '1' } : {}),
    })
    const token = tokenOf(answer, sentAt, null)
    await options.tokenUpdater?.(token, null)
    return new OAuth2Session({ ...session, token })
  }

  /** The token of now. */
  get token(): Token {
    return this.#token
  }

  override async getAccessToken(): Promise<string> {
    return this.#isGood(this.#token) ? this.#token.access_token : this.#another(null)
  }

  override async replaceAccessToken(refused: string): Promise<string> {
    return this.#another(refused)
  }

  /** With a token that is here already, else by a refresh over the socket itself, which brings both in one turn. */
  override async renewSocket(socket: AuthenticatedSocket, current: string): Promise<string> {
    let isRenewed = false
    const send = overSocket(socket, this.clock, true)
    const token = await this.#another(current, async (fields) => {
      const answer = await send(fields)
      isRenewed = true
      return answer
    })
    if (!isRenewed) await socket.command('auth/renew', { access_token: token })
    return token
  }

  override async checkGeneration(generation: number): Promise<void> {
    const isAt = (token: Token): boolean => !isRotating(token) || token.generation >= generation
    if (isAt(this.#token)) return
    const kept = await this.#load()
    if (isAt(kept) || kept.attempt !== undefined) return
    await this.#refresh((now) => isAt(now) && this.#isGood(now))
  }

  /**
   * Fetches and returns the token that follows `this.token`, with `this.token.attempt` where it has one. To be overridden
   * where the refresh goes another way; sharing, locking and keeping are done around it. `send` asks the server, over the
   * socket that is to be renewed if there is one. Rejects with `TokenRefused` or `TokenUnavailable`.
   */
  protected async refreshTokens(send: Send = this.#overHttp): Promise<Token> {
    const { refresh_token, attempt } = this.#token
    const sentAt = this.clock.now()
    const answer = await send({
      grant_type: 'refresh_token',
      client_id: this.clientId,
      refresh_token,
      ...(attempt === undefined ? {} : { attempt }),
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

  get #overHttp(): Send {
    return overHttp(this.#options.fetch, this.clock, this.host)
  }

  #isGood({ expires_at: at, expires_in: seconds }: Token): boolean {
    return !this.#revoked && this.clock.now() < at - Math.min(EARLY_MS, seconds * 100)
  }

  /** A good access token in the place of one that was refused; null: of one that has expired. */
  async #another(refused: string | null, send?: Send): Promise<string> {
    const before = this.#token
    if (before.access_token !== refused && this.#isGood(before)) return before.access_token
    const isEnough = (kept: Token): boolean =>
      kept.access_token !== before.access_token && kept.access_token !== refused && this.#isGood(kept)
    return (await this.#refresh(isEnough, send)).access_token
  }

  /** Refreshes once for all who ask meanwhile, unless what is kept is enough. */
  #refresh(isEnough: (kept: Token) => boolean, send?: Send): Promise<Token> {
    this.#pending ??= alone(`latchkey ${this.host} ${this.clientId}`, this.clock, (isAlone) =>
      this.#refreshAlone(isEnough, isAlone, send),
    ).finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  async #load(): Promise<Token> {
    const { tokenLoader } = this.#options
    const kept = tokenLoader === undefined ? this.#token : await tokenLoader()
    if (kept === null || this.#revoked) throw new TokenRefused('logged_out')
    return kept
  }

  async #refreshAlone(isEnough: (kept: Token) => boolean, isAlone: boolean, send?: Send): Promise<Token> {
    const { tokenUpdater } = this.#options
    const kept = await this.#load()
    this.#token = kept
    if (isEnough(kept)) return kept
    if (!isRotating(kept)) {
      this.#token = await this.refreshTokens(send)
      await tokenUpdater?.(this.#token, kept)
      return this.#token
    }
    this.#token = await step(kept, {
      load: () => this.#load(),
      save: async (token, replaced) => tokenUpdater?.(token, replaced),
      send: (token) => {
        this.#token = token
        return this.refreshTokens(send)
      },
      pause: (ms) => new Promise((resolve) => void this.clock.after(ms, resolve)),
      isEnough,
      isAlone,
    })
    return this.#token
  }
}

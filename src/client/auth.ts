/** Who asks: an access token for every request and every socket, wherever it comes from. */
import type { AuthenticatedSocket } from './socket.ts'

export type Fetch = typeof globalThis.fetch

/** The server's address without a slash at its end. */
export const bareHost = (host: string): string => host.replace(/\/+$/, '')

/** The source of access tokens. An application extends it to bring a token manager of its own. */
export abstract class AbstractAuth {
  /** The server's address, as `https://auth.example.org`. */
  readonly host: string
  // A field and not a method: browsers refuse a fetch that is called on another object.
  readonly #fetch: Fetch

  constructor(fetch: Fetch, host: string) {
    this.#fetch = fetch
    this.host = bareHost(host)
  }

  /**
   * An access token that is good as far as this side knows. Rejects with `TokenRefused` where the user has to log in, and
   * with anything else (`TokenUnavailable` in this library) where it is worth trying again.
   */
  abstract getAccessToken(): Promise<string>

  /** Another token in the place of one that the server refused; null if there is none. Rejects as `getAccessToken` does. */
  async replaceAccessToken(refused: string): Promise<string | null> {
    const token = await this.getAccessToken()
    return token === refused ? null : token
  }

  /**
   * Has an open socket go on with another access token than `current`, which ends soon. Resolves to the one that it has
   * now, null if there is no other yet. Rejects as `getAccessToken` and the socket's commands do.
   */
  async renewSocket(socket: AuthenticatedSocket, current: string): Promise<string | null> {
    const token = await this.replaceAccessToken(current)
    if (token !== null) await socket.command('auth/renew', { access_token: token })
    return token
  }

  /**
   * The session's refresh token is known to have reached this generation, some seconds ago. Where refresh tokens rotate:
   * whoever keeps an older one, and has no refresh under way, was robbed or is out of date, and refreshes to find out.
   */
  async checkGeneration(_generation: number): Promise<void> {}

  /**
   * `fetch` with an access token. `path` begins at the host, with a slash or without one. If the server answers 401 it is
   * sent once more with another token, where there is one and the body can be sent twice. Rejects as `fetch` does, and as
   * `getAccessToken` does.
   */
  async request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const token = await this.getAccessToken()
    const response = await this.#send(method, path, init, token)
    if (response.status !== 401 || isStream(init.body)) return response
    const other = await this.replaceAccessToken(token)
    if (other === null) return response
    // What is not read keeps its connection busy.
    await response.body?.cancel()
    return this.#send(method, path, init, other)
  }

  #send(method: string, path: string, init: RequestInit, token: string): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token}`)
    const fetch = this.#fetch
    return fetch(`${this.host}/${path.replace(/^\//, '')}`, { ...init, method: method.toUpperCase(), headers })
  }
}

const isStream = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)

/** One access token that is never refreshed, as a long-lived one. */
export class Auth extends AbstractAuth {
  readonly #accessToken: string

  constructor(fetch: Fetch, host: string, accessToken: string) {
    super(fetch, host)
    this.#accessToken = accessToken
  }

  override async getAccessToken(): Promise<string> {
    return this.#accessToken
  }
}

/** Requests for tokens, to the endpoints or over a socket, with their refusals as errors. */
import type { Fetch } from './auth.ts'
import type { ClientClock } from './clock.ts'
import { CommandFailed, TokenRefused, TokenUnavailable } from './errors.ts'
import type { AuthenticatedSocket } from './socket.ts'

/** A request for tokens as the endpoint has it (RFC 6749 sections 4.1.3 and 6). */
export type TokenFields = Readonly<Record<string, string>> & { readonly grant_type: string }

/** Sends the request and resolves to the answer's JSON. Rejects with `TokenRefused` or `TokenUnavailable`. */
export type Send = (fields: TokenFields) => Promise<unknown>

/** An answer that takes longer is given up. */
const LIMIT_MS = 15_000

/** Refusals that asking again does not change. */
const FINAL = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
])

const retryAfterOf = (response: Response): number | null => {
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
  return Number.isNaN(seconds) ? null : seconds * 1000
}

/**
 * Sends a form and resolves to the JSON of the answer, null if it has none. Rejects with `TokenRefused` or
 * `TokenUnavailable`.
 */
export const postForm = async (
  fetch: Fetch,
  clock: ClientClock,
  url: string,
  fields: Readonly<Record<string, string>>,
): Promise<unknown> => {
  const abort = new AbortController()
  const limit = clock.after(LIMIT_MS, () => abort.abort())
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams(fields),
      credentials: 'omit',
      redirect: 'error',
      signal: abort.signal,
    })
    const text = await response.text()
    const body = readJson(text)
    if (response.ok) return body
    const { error, error_description: description } = (body ?? {}) as { error?: unknown; error_description?: unknown }
    if (typeof error === 'string' && FINAL.has(error)) {
      throw new TokenRefused(error, typeof description === 'string' ? description : error)
    }
    throw new TokenUnavailable(`the server answered ${response.status}`, response.status, retryAfterOf(response))
  } catch (error) {
    if (error instanceof TokenRefused || error instanceof TokenUnavailable) throw error
    throw new TokenUnavailable('the server could not be reached', 0, null, error)
  } finally {
    limit.cancel()
  }
}

/** Sends requests over a socket; with `authenticate` it goes on as the session that they are answered with. */
export const overSocket =
  (socket: AuthenticatedSocket, clock: ClientClock, authenticate: boolean): Send =>
  async ({ rotate, ...fields }) => {
    let late = (): void => undefined
    const limit = clock.after(LIMIT_MS, () => late())
    try {
      return await new Promise((resolve, reject) => {
        late = () => reject(new TokenUnavailable('the server did not answer'))
        socket
          .command('auth/token', { ...fields, ...(rotate === undefined ? {} : { rotate: true }), authenticate })
          .then(resolve, reject)
      })
    } catch (error) {
      if (error instanceof TokenUnavailable) throw error
      if (!(error instanceof CommandFailed)) {
        throw new TokenUnavailable('the socket ended before the answer', 0, null, error)
      }
      if (FINAL.has(error.code)) throw new TokenRefused(error.code, error.message)
      throw new TokenUnavailable(error.message, 0, error.retryAfterMs, error)
    } finally {
      limit.cancel()
    }
  }

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

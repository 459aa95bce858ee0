/** Requests to the token endpoints, with their refusals as errors. */
import type { Fetch } from './auth.ts'
import type { ClientClock } from './clock.ts'
import { TokenRefused, TokenUnavailable } from './errors.ts'

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

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Sending a browser to the login page and reading what it comes back with: PKCE (RFC 7636, S256) and state. */
import { bareHost } from './auth.ts'
import { TokenRefused } from './errors.ts'
import { base64url, randomText } from './random.ts'

export interface AuthorizeOptions {
  /** The server's address, as `https://auth.example.org`. */
  readonly host: string
  /** The application's own address, as `https://app.example.org/`. */
  readonly clientId: string
  /** Where the browser comes back to: an address that begins as the client's does, or that its page names. */
  readonly redirectUri: string
  /** False: without PKCE, where the page has no `crypto.subtle`, as over plain http. */
  readonly pkce?: boolean
}

/** What is kept, in this tab, until the browser is back: 256 random bits each, as base64url. */
export interface Authorization {
  /** Where to send the browser. */
  readonly url: string
  readonly state: string
  /** Null without PKCE. */
  readonly verifier: string | null
}

const challengeOf = async (verifier: string): Promise<string> => {
  const { subtle } = crypto as { subtle?: typeof crypto.subtle }
  if (subtle === undefined)
    throw new Error('PKCE needs crypto.subtle, which pages have over https and on localhost alone')
  return base64url(new Uint8Array(await subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
}

/** Makes the login page's address. Rejects where PKCE is wanted and the page has no `crypto.subtle`. */
export const authorize = async (options: AuthorizeOptions): Promise<Authorization> => {
  const { host, clientId, redirectUri, pkce = true } = options
  const state = randomText()
  const verifier = pkce ? randomText() : null
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    state,
    ...(verifier === null ? {} : { code_challenge: await challengeOf(verifier), code_challenge_method: 'S256' }),
  })
  return { url: `${bareHost(host)}/auth/authorize?${query}`, state, verifier }
}

/**
 * The code in the address that the browser came back to; null if it is no answer of a login. Throws `TokenRefused` with
 * the answer's `error`, or with `wrong_state` for an answer to a login that this tab did not begin.
 */
export const codeFrom = (address: string, state: string | null): string | null => {
  const query = new URL(address).searchParams
  const code = query.get('code')
  const error = query.get('error')
  if (code === null && error === null) return null
  if (state === null || query.get('state') !== state) throw new TokenRefused('wrong_state')
  if (code === null) throw new TokenRefused(error ?? '', query.get('error_description') ?? undefined)
  return code
}

/** What the application asks of the login page, read from its address; and the address that it gets its code at. */
import { type TextKey, text } from './texts.ts'

export interface LoginRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string | null
  /** PKCE (RFC 7636), handed on as it came. */
  readonly challenge: string | null
  readonly challengeMethod: string | null
}

/** Schemes that run or read something instead of leading somewhere. */
const DANGEROUS = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'about:', 'blob:'])

/** The request in a query; or the text that says what is wrong with it. */
export const readRequest = (search: string): LoginRequest | { readonly wrong: TextKey } => {
  const query = new URLSearchParams(search)
  const clientId = query.get('client_id') ?? ''
  const redirectUri = query.get('redirect_uri') ?? ''
  // The scheme is the parsed one: the parser drops blanks and line ends that would hide it.
  if (!URL.canParse(redirectUri) || DANGEROUS.has(new URL(redirectUri).protocol)) {
    return { wrong: 'login.invalidRedirect' }
  }
  if (clientId === '') return { wrong: 'login.noClient' }
  return {
    clientId,
    redirectUri,
    state: query.get('state'),
    challenge: query.get('code_challenge'),
    challengeMethod: query.get('code_challenge_method'),
  }
}

const apps: Readonly<Record<string, TextKey>> = {
  'https://home-assistant.io/iOS': 'app.ios',
  'https://home-assistant.io/android': 'app.android',
}

/** Who receives the code, for a person to judge: the host; where there is none, the app's name or its scheme. */
export const recipient = ({ clientId, redirectUri }: LoginRequest): string => {
  const { protocol, host } = new URL(redirectUri)
  if (protocol === 'https:' || protocol === 'http:') return host
  const app = Object.hasOwn(apps, clientId) ? apps[clientId] : undefined
  return app === undefined ? protocol : text(app)
}

/** True if the application is this gateway's own: only it is told to store its tokens. */
export const isOwn = ({ clientId }: LoginRequest): boolean => clientId === `${location.origin}/`

/** The redirect address with the code. Joined as text, since an application may compare what it gets. */
export const destination = ({ redirectUri, state }: LoginRequest, code: string, storeToken: boolean): string => {
  const parameters = [`code=${encodeURIComponent(code)}`]
  if (state !== null) parameters.push(`state=${encodeURIComponent(state)}`)
  if (storeToken) parameters.push('storeToken=true')
  const joint = !redirectUri.includes('?') ? '?' : redirectUri.endsWith('&') ? '' : '&'
  return redirectUri + joint + parameters.join('&')
}

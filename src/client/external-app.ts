/** External authentication, the app's side: it answers the page from a session that the page never sees. */
import { callbacks, type ExternalMethod, type ExternalToken } from './external.ts'

export interface ExternalAppOptions {
  /**
   * An access token for the page; null if there is none. `force`: the server refused the one of before, so it has to be
   * another. What it rejects with is told to the page as "none".
   */
  readonly getToken: (force: boolean) => Promise<ExternalToken | null>
  /** Revokes the session and logs out. What it rejects with is told to the page as "not done". */
  readonly revoke: () => Promise<void>
  /** Runs a line of JavaScript in the page, as the app's web view does. */
  readonly run: (script: string) => void
}

/**
 * What an app puts into its web view: as `externalAppV2` (`postMessage`), as `externalApp` (the two methods), or behind
 * WebKit's message handlers of their names. A message may be an object or JSON text. Each is true if the message was one of
 * these calls, with the callback name that belongs to it; then, and then alone, the page is answered.
 */
export interface ExternalApp {
  postMessage(message: unknown): boolean
  getExternalAuth(payload: unknown): boolean
  revokeExternalAuth(payload: unknown): boolean
}

const objectOf = (message: unknown): Record<string, unknown> => {
  try {
    const value = typeof message === 'string' ? (JSON.parse(message) as unknown) : message
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** JSON that is safe in a script, and in a script that stands in a page. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replace(/[<\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const createExternalApp = ({ getToken, revoke, run }: ExternalAppOptions): ExternalApp => {
  const answer = (method: ExternalMethod, ...args: readonly unknown[]): void =>
    run(`window.${callbacks[method]}(${args.map(literal).join(', ')})`)

  /** The page names the function to be called: any other name would let it have the app run what it likes. */
  const isCall = (method: ExternalMethod, payload: Record<string, unknown>): boolean =>
    payload['callback'] === callbacks[method]

  const give = async (force: boolean): Promise<void> => {
    const token = await getToken(force).catch(() => null)
    if (token === null) answer('getExternalAuth', false)
    else answer('getExternalAuth', true, { access_token: token.access_token, expires_in: token.expires_in })
  }

  const end = async (): Promise<void> => {
    const done = await revoke().then(
      () => true,
      () => false,
    )
    answer('revokeExternalAuth', done)
  }

  const getExternalAuth = (message: unknown): boolean => {
    const payload = objectOf(message)
    if (!isCall('getExternalAuth', payload)) return false
    void give(payload['force'] === true)
    return true
  }

  const revokeExternalAuth = (message: unknown): boolean => {
    if (!isCall('revokeExternalAuth', objectOf(message))) return false
    void end()
    return true
  }

  return {
    getExternalAuth,
    revokeExternalAuth,
    postMessage: (message) => {
      const { type, payload } = objectOf(message)
      if (type === 'getExternalAuth') return getExternalAuth(payload)
      if (type === 'revokeExternalAuth') return revokeExternalAuth(payload)
      return false
    },
  }
}

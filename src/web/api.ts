/** The gateway's HTTP endpoints that the pages use, and what a refusal says to a person. */
import type { Handler } from '../protocol/http.ts'
import type { LoginRequest } from './request.ts'
import { text } from './texts.ts'

export interface Answer {
  /** 0: there was no answer. */
  readonly status: number
  readonly body: unknown
  /** Seconds, where waiting helps. */
  readonly retryAfter: number | null
}

type Headers = Readonly<Record<string, string>>

const call = async (method: 'GET' | 'POST', path: string, body?: unknown, more: Headers = {}): Promise<Answer> => {
  try {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...more } }
    const response = await fetch(path, { method, cache: 'no-store', redirect: 'error', ...sent })
    const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
    return {
      status: response.status,
      body: await response.json(),
      retryAfter: Number.isNaN(retryAfter) ? null : retryAfter,
    }
  } catch {
    return { status: 0, body: null, retryAfter: null }
  }
}

export const getProviders = (): Promise<Answer> => call('GET', '/auth/providers')

export const startFlow = (request: LoginRequest, handler: Handler): Promise<Answer> =>
  call('POST', '/auth/login_flow', {
    client_id: request.clientId,
    handler,
    redirect_uri: request.redirectUri,
    ...(request.challenge === null ? {} : { code_challenge: request.challenge }),
    ...(request.challengeMethod === null ? {} : { code_challenge_method: request.challengeMethod }),
  })

export const stepFlow = (id: string, clientId: string, input: Readonly<Record<string, string>>): Promise<Answer> =>
  call('POST', `/auth/login_flow/${encodeURIComponent(id)}`, { ...input, client_id: clientId })

/** Asks what has become of a login that waits for approval: `atOnce`, or when it is decided, or after some seconds. */
export const awaitFlow = (id: string, clientId: string, atOnce: boolean): Promise<Answer> =>
  call(
    'POST',
    `/auth/login_flow/${encodeURIComponent(id)}`,
    { client_id: clientId },
    atOnce ? {} : { prefer: 'wait=15' },
  )

export const getSteps = (): Promise<Answer> => call('GET', '/api/onboarding')

export interface NewOwner {
  readonly name: string
  readonly username: string
  readonly password: string
  readonly setupCode: string | null
}

export const createOwner = ({ name, username, password, setupCode }: NewOwner): Promise<Answer> =>
  call('POST', '/api/onboarding/users', {
    client_id: `${location.origin}/`,
    language: document.documentElement.lang,
    name,
    username,
    password,
    ...(setupCode === null ? {} : { setup_code: setupCode }),
  })

const member = (body: unknown, name: string): string | null => {
  const value = body !== null && typeof body === 'object' ? (body as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : null
}

/** The refusal's code, by which a page decides. */
export const codeOf = ({ body }: Answer): string | null => member(body, 'code')

/** A sentence for whoever sits there: the gateway's own, where it says more than "no". */
export const explain = ({ status, body, retryAfter }: Answer): string => {
  if (status === 0) return text('answer.unreachable')
  if (status === 429 && retryAfter !== null) return text('answer.wait', { seconds: String(retryAfter) })
  if (status === 503) return text('answer.busy')
  return (status < 500 ? member(body, 'message') : null) ?? text('answer.unknown')
}

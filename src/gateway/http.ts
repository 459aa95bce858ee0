/** The HTTP side: one table of routes, and what every answer has in common (headers, CORS, errors). */
import { Banned } from '../auth/bans.ts'
import { Overloaded } from '../auth/hashing.ts'
import type { Log } from '../log.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import type { Metrics } from './metrics.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** An exact path; or one that ends in `/*`, where `*` is the last segment. */
  readonly path: string
  /** True: any origin may call it and read the answer. */
  readonly cors?: true
  /** `rest` is what stood in the place of `*`. */
  handle(request: HttpRequest, rest: string): HttpResponse | Promise<HttpResponse>
}

type Headers = HttpResponse['headers']

/** What `make` makes of some headers; of frozen ones it is made once. */
const perHeaders = (make: (headers: Headers) => Headers): ((headers: Headers) => Headers) => {
  const made = new WeakMap<Headers, Headers>()
  return (headers) => {
    if (!Object.isFrozen(headers)) return make(headers)
    let known = made.get(headers)
    if (known === undefined) {
      known = Object.freeze(make(headers))
      made.set(headers, known)
    }
    return known
  }
}

const NO_HEADERS: Headers = Object.freeze({})
const asJson = perHeaders((headers) => ({ 'content-type': 'application/json', ...headers }))

export const json = (status: number, value: unknown, headers: Headers = NO_HEADERS): HttpResponse => ({
  status,
  headers: asJson(headers),
  body: JSON.stringify(value),
})

export const empty = (status: number, headers: Headers = NO_HEADERS): HttpResponse => ({
  status,
  headers,
  body: '',
})

/** Home Assistant's shape for a refusal: `message`, and `code` where a client acts on it. */
export const message = (status: number, text: string, code?: string): HttpResponse =>
  json(status, code === undefined ? { message: text } : { message: text, code })

/** For answers that hold a secret or say who somebody is: no cache keeps them. */
export const NO_STORE = Object.freeze({ 'cache-control': 'no-store', pragma: 'no-cache' })

export const redirect = (location: string): HttpResponse => empty(302, { location })

/** 403 for an address that is not served for a while. */
export const banned = (remainingMs: number): HttpResponse =>
  json(403, { message: 'Too many failed logins.' }, { 'retry-after': String(Math.ceil(remainingMs / 1000)) })

/** 503 with the time after which it is worth asking again. */
const busy = (path: string, retryAfterMs: number): HttpResponse => {
  const retry = { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }
  return path === '/auth/token'
    ? json(503, { error: 'temporarily_unavailable', error_description: 'Try again later.' }, retry)
    : json(503, { message: 'Temporarily unavailable.' }, retry)
}

/** What every answer has; `scheme` is what clients come by. */
export const commonHeaders = (scheme: 'http' | 'https'): Readonly<Record<string, string>> => ({
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  // A browser that was here once does not come without TLS again (RFC 6797).
  ...(scheme === 'https' ? { 'strict-transport-security': 'max-age=31536000' } : {}),
})

/** What a preflight may ask for (Home Assistant's list). */
const CORS_HEADERS = new Set(['origin', 'accept', 'x-requested-with', 'content-type', 'authorization'])

const preflight = (request: HttpRequest, mayRead: boolean): HttpResponse => {
  const origin = request.header('origin')
  const method = request.header('access-control-request-method')
  if (origin === undefined || method === undefined || !mayRead) return message(403, 'CORS preflight request failed.')
  const asked = (request.header('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (asked.some((name) => !CORS_HEADERS.has(name.toLowerCase()))) return message(403, 'CORS preflight request failed.')
  return empty(200, {
    'access-control-allow-methods': method,
    ...(asked.length === 0 ? {} : { 'access-control-allow-headers': asked.join(',').toUpperCase() }),
  })
}

export interface RouterOptions {
  readonly routes: readonly Route[]
  /** Of every answer. */
  readonly headers: Readonly<Record<string, string>>
  /** Origins that may read the answers of every route. */
  readonly isAllowed: (origin: string) => boolean
  readonly log: Log
  readonly metrics: Metrics | null
}

/** A function from request to answer that never throws or rejects; what needs no waiting is answered at once. */
export const createRouter = ({ routes, headers, isAllowed, log, metrics }: RouterOptions) => {
  const exact = new Map<string, Route[]>()
  const open = new Map<string, Route[]>()
  for (const route of routes) {
    const table = route.path.endsWith('/*') ? open : exact
    table.set(route.path, [...(table.get(route.path) ?? []), route])
  }

  const find = (path: string): { matches: readonly Route[]; rest: string } => {
    const matches = exact.get(path)
    if (matches !== undefined) return { matches, rest: '' }
    const cut = path.lastIndexOf('/') + 1
    const rest = path.slice(cut)
    return { matches: rest === '' ? [] : (open.get(`${path.slice(0, cut)}*`) ?? []), rest }
  }

  const answer = (
    request: HttpRequest,
    matches: readonly Route[],
    rest: string,
  ): HttpResponse | Promise<HttpResponse> => {
    if (matches.length === 0) return message(404, 'Not found.')
    const route = matches.find(({ method }) => method === request.method)
    if (route !== undefined) return route.handle(request, rest)
    const allow = [...matches.map(({ method }) => method), 'OPTIONS'].sort().join(',')
    return json(405, { message: 'Method not allowed.' }, { allow })
  }

  const fault = (request: HttpRequest, error: unknown): HttpResponse => {
    if (error instanceof Banned) return banned(error.remainingMs)
    if (error instanceof Overloaded) return busy(request.path, error.retryAfterMs)
    if (error instanceof StoreUnavailable) {
      log.warn({ err: error, path: request.path }, 'store unavailable')
      return busy(request.path, 1000)
    }
    log.error({ err: error, path: request.path }, 'request failed')
    return message(500, 'Internal error.')
  }

  const plain = perHeaders((given) => ({ ...headers, ...given }))
  /** Of a route that other origins may call: caches must not mix their answers up. */
  const varying = perHeaders((given) => ({ ...headers, ...given, vary: 'Origin' }))

  return (request: HttpRequest): HttpResponse | Promise<HttpResponse> => {
    const { matches, rest } = find(request.path)
    const origin = request.header('origin')
    const open = matches.some(({ cors }) => cors)
    const mayRead = origin !== undefined && matches.length > 0 && (open || isAllowed(origin))
    const finish = ({ status, headers: given, body }: HttpResponse): HttpResponse => {
      metrics?.http(status)
      if (!mayRead) return { status, headers: open ? varying(given) : plain(given), body }
      // On every status: a page must be able to read why it was refused.
      return { status, headers: { ...varying(given), 'access-control-allow-origin': origin }, body }
    }
    if (matches.length > 0 && request.method === 'OPTIONS') return finish(preflight(request, mayRead))
    try {
      const given = answer(request, matches, rest)
      return given instanceof Promise
        ? given.catch((error: unknown) => fault(request, error)).then(finish)
        : finish(given)
    } catch (error) {
      return finish(fault(request, error))
    }
  }
}

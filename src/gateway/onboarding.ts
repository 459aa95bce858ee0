/** The first run over HTTP: who may make the owner, and the making. */
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { isLoopback } from '../auth/address.ts'
import type { OwnerOutcome, OwnerRequest } from '../auth/owner.ts'
import { sameText } from '../auth/secrets.ts'
import type { Log } from '../log.ts'
import { createOwner } from '../protocol/http.ts'
import type { Users } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { readJson } from './body.ts'
import { json, message, NO_STORE, type Route } from './http.ts'

/** Headers by which a proxy says that somebody else is asking. */
const FORWARDING = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
]

/** The Host without its port and brackets. */
const hostName = (host: string): string =>
  host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()

/**
 * The owner is whoever is first on the machine itself: on the loopback address, under a loopback name, through no proxy,
 * and, in a browser, from this server's own page.
 */
export const isOnTheMachine = (request: HttpRequest, scheme: 'http' | 'https'): boolean => {
  const host = request.header('host') ?? ''
  const name = hostName(host)
  const origin = request.header('origin')
  const site = request.header('sec-fetch-site')
  return (
    isLoopback(request.address) &&
    (name === 'localhost' || isLoopback(name)) &&
    FORWARDING.every((header) => request.header(header) === undefined) &&
    (origin === undefined || origin.toLowerCase() === `${scheme}://${host.toLowerCase()}`) &&
    (site === undefined || site === 'same-origin')
  )
}

/** Tries at the set-up code, from everybody together. */
const CODE_TRIES = { points: 5, duration: 60 }

export interface SetUp {
  /** What the listener speaks. */
  readonly scheme: 'http' | 'https'
  /** The set-up code; null once there is an owner. */
  readonly code: () => string | null
  /** Called when the owner was made. */
  readonly done: () => void
  readonly createOwner: (request: OwnerRequest) => Promise<OwnerOutcome>
}

export const onboardingRoutes = (setUp: SetUp, users: Users, log: Log): readonly Route[] => {
  const tries = new RateLimiterMemory(CODE_TRIES)

  /** Null: this caller may make the owner. */
  const refuseCaller = async (request: HttpRequest, given: string | undefined): Promise<HttpResponse | null> => {
    if (given === undefined) {
      return isOnTheMachine(request, setUp.scheme) ? null : message(403, 'Set-up code required', 'setup_code_required')
    }
    const limited = await tries.consume('set-up code').then(
      () => null,
      ({ msBeforeNext }: { msBeforeNext: number }) => msBeforeNext,
    )
    if (limited !== null) {
      return json(429, { message: 'Too many tries' }, { 'retry-after': String(Math.ceil(limited / 1000)) })
    }
    const code = setUp.code()
    if (code !== null && sameText(given.trim().toUpperCase(), code)) return null
    return message(403, 'Invalid set-up code', 'invalid_setup_code')
  }

  return [
    {
      method: 'POST',
      path: '/api/onboarding/users',
      handle: async (request) => {
        const body = readJson(request, createOwner)
        if ('refused' in body) return body.refused
        if (await users.any()) return message(403, 'User step already done')
        const { setup_code, client_id, name, username, password } = body.value
        const refused = await refuseCaller(request, setup_code)
        if (refused !== null) return refused
        const outcome = await setUp.createOwner({ name, username, password, clientId: client_id })
        if (outcome === 'taken') return message(403, 'User step already done')
        if ('refused' in outcome) return message(400, outcome.refused)
        log.info({ address: request.address }, 'owner created')
        setUp.done()
        return json(200, { auth_code: outcome.code }, NO_STORE)
      },
    },
  ]
}

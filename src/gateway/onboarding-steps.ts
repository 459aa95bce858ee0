/** The set-up's steps after the owner was made, for clients that walk through them, and what is done of it all. */
import { z } from 'zod'
import type { MayRedirect } from '../auth/clients.ts'
import { makeCode } from '../auth/codes.ts'
import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Identify, unauthorized } from './bearer.ts'
import { readJson } from './body.ts'
import { json, message, NO_STORE, type Route } from './http.ts'

/** In the order in which clients go through them, the owner's own step before. */
const LATER_STEPS = ['core_config', 'analytics', 'integration'] as const

const progress = async ({ users, onboarding }: Pick<Store, 'users' | 'onboarding'>) => {
  const done = new Set(await onboarding.done())
  const user = { step: 'user', done: await users.any() }
  return [user, ...LATER_STEPS.map((step) => ({ step, done: done.has(step) }))]
}

/** True once every step is done. */
export const isOnboarded = async (store: Pick<Store, 'users' | 'onboarding'>): Promise<boolean> =>
  (await progress(store)).every(({ done }) => done)

const integration = z.strictObject({ client_id: z.string(), redirect_uri: z.string() })
const wait = z.strictObject({ domain: z.string() })

export interface OnboardingStepOptions {
  readonly identify: Identify
  readonly store: Store
  readonly clock: Clock
  readonly mayRedirect: MayRedirect
  readonly codeLifetimeMs: number
}

export const onboardingStepRoutes = (options: OnboardingStepOptions): readonly Route[] => {
  const { identify, store, clock, mayRedirect, codeLifetimeMs } = options

  /** A step that only remembers that it was done; a body is not looked at. */
  const marked = (step: string, already: string): Route => ({
    method: 'POST',
    path: `/api/onboarding/${step}`,
    handle: async (request) => {
      if ((await identify(request)) === null) return unauthorized
      return (await store.onboarding.mark(step)) ? json(200, {}) : message(403, already)
    },
  })

  const alreadyIntegrated = message(403, 'Integration step already done')

  /** A code for another client of whoever sets the server up, so that nobody logs in twice. */
  const integrate = async (request: HttpRequest, who: Principal): Promise<HttpResponse> => {
    const body = readJson(request, integration)
    if ('refused' in body) return body.refused
    const { client_id: clientId, redirect_uri: redirectUri } = body.value
    if ((await store.onboarding.done()).includes('integration')) return alreadyIntegrated
    if (!(await mayRedirect(clientId, redirectUri))) return message(400, 'invalid client id or redirect uri')
    const { grants } = await store.tokens.grants([who.grantId])
    const credential = grants[0]?.credential
    if (credential == null) return message(403, 'Credentials for user not available')
    const { code, kept } = makeCode(
      { clientId, credentialId: credential.id, userId: who.userId, redirectUri, challenge: null, purpose: 'login' },
      codeLifetimeMs,
      clock.now(),
    )
    // The code first: of racing callers the losers' codes are never told to anybody, and a step is done only with one.
    await store.codes.put(kept)
    return (await store.onboarding.mark('integration')) ? json(200, { auth_code: code }, NO_STORE) : alreadyIntegrated
  }

  return [
    { method: 'GET', path: '/api/onboarding', handle: async () => json(200, await progress(store)) },
    {
      method: 'GET',
      path: '/api/onboarding/installation_type',
      handle: async () => {
        const begun = (await progress(store)).some(({ done }) => done)
        return begun ? unauthorized : json(200, { installation_type: 'Unknown' })
      },
    },
    marked('core_config', 'Core config step already done'),
    marked('analytics', 'Analytics config step already done'),
    {
      method: 'POST',
      path: '/api/onboarding/integration',
      handle: async (request) => {
        const who = await identify(request)
        return who === null ? unauthorized : integrate(request, who)
      },
    },
    {
      method: 'POST',
      path: '/api/onboarding/integration/wait',
      handle: (request) => {
        const body = readJson(request, wait)
        // There are no integrations here to wait for.
        return 'refused' in body ? body.refused : json(200, { integration_loaded: false })
      },
    },
  ]
}

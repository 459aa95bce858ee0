/** `GET /auth/providers` and the login flow over HTTP. */
import { isLocalAddress } from '../auth/address.ts'
import type { LoginOutcome, LoginRefusal, LoginRules } from '../auth/login.ts'
import { startFlow, stepFlow } from '../protocol/http.ts'
import type { FlowId } from '../store/model.ts'
import type { Users } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { readJson } from './body.ts'
import { json, message, NO_STORE, type Route } from './http.ts'
import { type LoginAttempts, loginRefusals, refusalText } from './login-attempts.ts'

const statuses: Readonly<Record<LoginRefusal, number>> = {
  invalid_client: 400,
  invalid_redirect: 403,
  invalid_challenge: 400,
  invalid_handler: 404,
  too_many_flows: 429,
  unknown_flow: 404,
  address_changed: 400,
  malformed_input: 400,
  conflict: 409,
}

export interface LoginRouteOptions {
  readonly providers: LoginRules['providers']
  readonly attempts: LoginAttempts
  readonly users: Users
  readonly isAllowed: (origin: string) => boolean
}

/** What a client may choose from, and whether it proposes to stay logged in. */
export const describeProviders = (providers: LoginRules['providers'], address: string) => ({
  providers: providers.map(({ name, id, type }) => ({ name, id, type })),
  preselect_remember_me: isLocalAddress(address),
})

export const loginRoutes = ({ providers, attempts, users, isAllowed }: LoginRouteOptions): readonly Route[] => {
  /** A page of another site must not drive a login: the caller's address can be a credential here. */
  const isCrossSite = (request: HttpRequest): boolean => {
    const site = request.header('sec-fetch-site')
    if (site === undefined || site === 'same-origin' || site === 'none') return false
    return !isAllowed(request.header('origin') ?? '')
  }

  const respond = (outcome: LoginOutcome): HttpResponse => {
    if ('step' in outcome) return json(200, outcome.step, outcome.step.type === 'create_entry' ? NO_STORE : {})
    return message('blocked' in outcome ? 403 : statuses[outcome.refused], refusalText(outcome))
  }

  const start = async (request: HttpRequest): Promise<HttpResponse> => {
    if (isCrossSite(request)) return message(403, 'Cross-site request')
    const body = readJson(request, startFlow)
    if ('refused' in body) return body.refused
    const outcome = await attempts.start(body.value, request.address)
    // An address that nobody may be sent to is a malformed request; that of a stranger is judged after the password.
    if ('refused' in outcome && outcome.refused === 'invalid_redirect')
      return message(400, loginRefusals.invalid_redirect)
    return respond(outcome)
  }

  const step = async (request: HttpRequest, id: string): Promise<HttpResponse> => {
    if (isCrossSite(request)) return message(403, 'Cross-site request')
    const body = readJson(request, stepFlow)
    if ('refused' in body) return body.refused
    const { client_id, ...input } = body.value
    return respond(await attempts.step(id as FlowId, client_id, request.address, input))
  }

  const unknown = message(404, loginRefusals.unknown_flow)
  return [
    {
      method: 'GET',
      path: '/auth/providers',
      handle: async (request) => {
        if (!(await users.any())) return message(400, 'Onboarding not finished', 'onboarding_required')
        return json(200, describeProviders(providers, request.address))
      },
    },
    { method: 'POST', path: '/auth/login_flow', handle: start },
    { method: 'POST', path: '/auth/login_flow/*', handle: step },
    { method: 'GET', path: '/auth/login_flow/*', handle: () => unknown },
    {
      method: 'DELETE',
      path: '/auth/login_flow/*',
      handle: async (_request, id) => ((await attempts.abort(id as FlowId)) ? message(200, 'Flow aborted') : unknown),
    },
  ]
}

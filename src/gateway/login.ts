/** `GET /auth/providers` and the login flow over HTTP. */
import { isLocalAddress } from '../auth/address.ts'
import type { LoginOutcome, LoginRefusal, LoginRules } from '../auth/login.ts'
import { startFlow, stepFlow } from '../protocol/http.ts'
import type { FlowId, UserId } from '../store/model.ts'
import type { Users } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import type { Approvals } from './approvals.ts'
import { readJson } from './body.ts'
import { json, message, NO_STORE, type Route } from './http.ts'
import { isAskedAgain, type LoginAttempts, loginRefusals, refusalText } from './login-attempts.ts'

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

/** A request is kept open no longer than this: the listener cuts connections on which nothing moves for 20 s. */
const LONGEST_WAIT_S = 15

/** Seconds that a client would wait for news (RFC 7240 section 4.3). */
const waitOf = (request: HttpRequest): number => {
  const [, seconds = '0'] = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/i.exec(request.header('prefer') ?? '') ?? []
  return Math.min(Number(seconds), LONGEST_WAIT_S)
}

export interface LoginRouteOptions {
  readonly providers: LoginRules['providers']
  readonly attempts: LoginAttempts
  readonly approvals: Approvals
  readonly users: Users
  readonly isAllowed: (origin: string) => boolean
}

/** It was asked again, and nothing was decided. */
const isStillWaiting = (outcome: LoginOutcome): outcome is LoginOutcome & { waitsFor: UserId } =>
  'step' in outcome && outcome.waitsFor !== undefined && isAskedAgain(outcome.step)

/** What a client may choose from, and whether it proposes to stay logged in. */
export const describeProviders = (providers: LoginRules['providers'], address: string) => ({
  providers: providers.map(({ name, id, type }) => ({ name, id, type })),
  preselect_remember_me: isLocalAddress(address),
})

export const loginRoutes = ({
  providers,
  attempts,
  approvals,
  users,
  isAllowed,
}: LoginRouteOptions): readonly Route[] => {
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
    const wait = waitOf(request)
    const step = () => attempts.step(id as FlowId, client_id, request.address, input)
    const outcome = await step()
    if (wait === 0 || !isStillWaiting(outcome)) return respond(outcome)
    return respond(await approvals.keep(id as FlowId, outcome.waitsFor, wait * 1000, step, isStillWaiting))
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

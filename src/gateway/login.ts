/** `GET /auth/providers` and the login flow over HTTP. */
import { isLocalAddress } from '../auth/address.ts'
import type { Bans } from '../auth/bans.ts'
import type { LoginOutcome, LoginRefusal, LoginRules } from '../auth/login.ts'
import { normalizeUsername } from '../auth/providers/local.ts'
import type { Log } from '../log.ts'
import { startFlow, stepFlow } from '../protocol/http.ts'
import type { FlowId } from '../store/model.ts'
import type { Users } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { readJson } from './body.ts'
import { json, message, NO_STORE, type Route } from './http.ts'
import type { Metrics } from './metrics.ts'

const refusals: Readonly<Record<LoginRefusal, readonly [status: number, text: string]>> = {
  invalid_client: [400, 'Invalid client id'],
  invalid_redirect: [403, 'Invalid redirect URI'],
  invalid_challenge: [400, 'Invalid code challenge'],
  invalid_handler: [404, 'Invalid handler specified'],
  too_many_flows: [429, 'Too many logins are open'],
  unknown_flow: [404, 'Invalid flow specified'],
  address_changed: [400, 'IP address changed'],
  malformed_input: [400, 'User input malformed'],
  conflict: [409, 'Another input came first'],
}

export interface LoginRouteOptions {
  readonly login: LoginRules
  readonly users: Users
  readonly bans: Bans
  readonly isAllowed: (origin: string) => boolean
  readonly metrics: Metrics
  readonly log: Log
}

export const loginRoutes = ({ login, users, bans, isAllowed, metrics, log }: LoginRouteOptions): readonly Route[] => {
  /** A page of another site must not drive a login: the caller's address can be a credential here. */
  const isCrossSite = (request: HttpRequest): boolean => {
    const site = request.header('sec-fetch-site')
    if (site === undefined || site === 'same-origin' || site === 'none') return false
    return !isAllowed(request.header('origin') ?? '')
  }

  const respond = (request: HttpRequest, outcome: LoginOutcome): HttpResponse => {
    if ('step' in outcome) {
      const { step } = outcome
      if (step.type === 'create_entry') {
        metrics.login('ok')
        log.info({ address: request.address, provider: step.handler[0] }, 'login')
      } else if (step.type === 'form' && 'base' in step.errors) {
        metrics.login('refused')
        log.info({ address: request.address, reason: step.errors['base'] }, 'login failed')
      }
      return json(200, step, step.type === 'create_entry' ? NO_STORE : {})
    }
    const [status, text] =
      'blocked' in outcome ? ([403, `Login blocked: ${outcome.blocked}`] as const) : refusals[outcome.refused]
    log.info({ address: request.address, reason: text }, 'login refused')
    return message(status, text)
  }

  const start = async (request: HttpRequest): Promise<HttpResponse> => {
    if (isCrossSite(request)) return message(403, 'Cross-site request')
    const body = readJson(request, startFlow)
    if ('refused' in body) return body.refused
    const { client_id, handler, redirect_uri, type, code_challenge, code_challenge_method } = body.value
    // RFC 7636 section 4.3: without a method it is `plain`, which nobody gets here.
    const method = code_challenge === undefined ? undefined : 'S256'
    if (code_challenge_method !== method) return message(400, 'Invalid code challenge')
    const outcome = await login.start({
      clientId: client_id,
      redirectUri: redirect_uri,
      handler,
      challenge: code_challenge ?? null,
      // Any other type means a login, as in Home Assistant.
      purpose: type === 'link_user' ? 'link' : 'login',
      address: request.address,
    })
    // An address that nobody may be sent to is a malformed request; that of a stranger is judged after the password.
    if ('refused' in outcome && outcome.refused === 'invalid_redirect') return message(400, 'Invalid redirect URI')
    return respond(request, outcome)
  }

  const step = async (request: HttpRequest, id: string): Promise<HttpResponse> => {
    if (isCrossSite(request)) return message(403, 'Cross-site request')
    const body = readJson(request, stepFlow)
    if ('refused' in body) return body.refused
    const { client_id, ...input } = body.value
    const { address } = request
    const account = typeof input['username'] === 'string' ? normalizeUsername(input['username']) : ''
    const outcome = await bans.attempt(address, async () => {
      const outcome = await login.step(id as FlowId, client_id, address, input)
      if ('step' in outcome) {
        const { step } = outcome
        if (step.type === 'create_entry') bans.succeeded(address, account)
        else if (step.type === 'form' && step.errors['base'] === 'invalid_auth') bans.failed(address, { account })
      }
      return outcome
    })
    return respond(request, outcome)
  }

  return [
    {
      method: 'GET',
      path: '/auth/providers',
      handle: async (request) => {
        if (!(await users.any())) return message(400, 'Onboarding not finished', 'onboarding_required')
        const providers = login.providers.map(({ name, id, type }) => ({ name, id, type }))
        return json(200, { providers, preselect_remember_me: isLocalAddress(request.address) })
      },
    },
    { method: 'POST', path: '/auth/login_flow', handle: start },
    { method: 'POST', path: '/auth/login_flow/*', handle: step },
    {
      method: 'GET',
      path: '/auth/login_flow/*',
      handle: () => message(404, 'Invalid flow specified'),
    },
    {
      method: 'DELETE',
      path: '/auth/login_flow/*',
      handle: async (_request, id) =>
        (await login.abort(id as FlowId)) ? message(200, 'Flow aborted') : message(404, 'Invalid flow specified'),
    },
  ]
}

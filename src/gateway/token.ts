/** `POST /auth/token` and `POST /auth/revoke` (RFC 6749, RFC 7009, with Home Assistant's answers). */
import type { Bans } from '../auth/bans.ts'
import { isClientId } from '../auth/clients.ts'
import type { TokenRefusal, TokenRules } from '../auth/tokens.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Log } from '../log.ts'
import { type OAuthErrorCode, oauthErrors } from '../protocol/errors.ts'
import type { TokenAnswer } from '../protocol/http.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Form, readForm } from './body.ts'
import { empty, json, NO_STORE, type Route } from './http.ts'
import type { Metrics } from './metrics.ts'

const refuse = (error: OAuthErrorCode, description?: string): HttpResponse =>
  json(oauthErrors[error], description === undefined ? { error } : { error, error_description: description })

type Fields = Exclude<Form, string>
type Grant = 'authorization_code' | 'refresh_token'

export interface TokenRouteOptions {
  readonly tokens: TokenRules
  readonly verifier: Verifier
  readonly bans: Bans
  readonly metrics: Metrics
  readonly log: Log
}

export const tokenRoutes = ({ tokens, verifier, bans, metrics, log }: TokenRouteOptions): readonly Route[] => {
  const issue = (grant: Grant, request: HttpRequest, outcome: TokenAnswer | TokenRefusal, clientId: string | null) => {
    const ok = 'access_token' in outcome
    metrics.token(grant, ok ? 'ok' : 'refused')
    if (ok) {
      log.debug({ grant_type: grant, client_id: clientId, address: request.address }, 'token issued')
      return json(200, outcome, NO_STORE)
    }
    log.info(
      { grant_type: grant, client_id: clientId, address: request.address, reason: outcome.error },
      'token refused',
    )
    switch (outcome.error) {
      case 'unknown_code':
        return refuse('invalid_request', 'Invalid code')
      case 'wrong_client':
        return refuse('invalid_request')
      case 'invalid_grant':
        return refuse('invalid_grant')
      case 'access_denied':
        return refuse('access_denied', outcome.reason)
    }
  }

  const exchange = async (request: HttpRequest, form: Fields): Promise<HttpResponse> => {
    const clientId = form.get('client_id') ?? ''
    if (!isClientId(clientId)) return refuse('invalid_request', 'Invalid client id')
    const code = form.get('code')
    if (code === undefined || code === '') return refuse('invalid_request', 'Invalid code')
    const outcome = await tokens.exchange({
      clientId,
      code,
      redirectUri: form.get('redirect_uri'),
      verifier: form.get('code_verifier'),
      address: request.address,
    })
    if ('error' in outcome && outcome.error === 'unknown_code') bans.failed(request.address, { secret: code })
    return issue('authorization_code', request, outcome, clientId)
  }

  const refresh = async (request: HttpRequest, form: Fields): Promise<HttpResponse> => {
    const clientId = form.get('client_id') ?? null
    if (clientId !== null && !isClientId(clientId)) return refuse('invalid_request', 'Invalid client id')
    const secret = form.get('refresh_token')
    if (secret === undefined) return refuse('invalid_request')
    const outcome = await tokens.refresh({ secret, clientId, address: request.address })
    if ('error' in outcome && outcome.error === 'invalid_grant') bans.failed(request.address, { secret })
    return issue('refresh_token', request, outcome, clientId)
  }

  const revoke = async (form: Fields): Promise<HttpResponse> => {
    const token = form.get('token')
    if (token === undefined) return empty(200)
    await tokens.revokeSecret(token)
    // Applications have been seen to log out with the token that they have at hand: a good one ends its session too.
    const who = await verifier.verify(token)
    if (who !== null) await tokens.revokeOwn(who, who.grantId)
    return empty(200)
  }

  const withForm = async (
    request: HttpRequest,
    handle: (form: Fields) => Promise<HttpResponse>,
  ): Promise<HttpResponse> => {
    const form = await readForm(request)
    if (form === 'repeated') return refuse('invalid_request', 'A parameter is repeated')
    if (form === 'unreadable') return refuse('invalid_request', 'The form cannot be read')
    return handle(form)
  }

  return [
    {
      method: 'POST',
      path: '/auth/token',
      cors: true,
      handle: (request) =>
        withForm(request, async (form) => {
          // The older way to revoke, still sent by applications.
          if (form.get('action') === 'revoke') return revoke(form)
          switch (form.get('grant_type')) {
            case 'authorization_code':
              return exchange(request, form)
            case 'refresh_token':
              return refresh(request, form)
            default:
              return refuse('unsupported_grant_type')
          }
        }),
    },
    { method: 'POST', path: '/auth/revoke', cors: true, handle: (request) => withForm(request, revoke) },
  ]
}

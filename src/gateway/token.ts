/** `POST /auth/token` and `POST /auth/revoke` (RFC 6749, RFC 7009, with Home Assistant's answers). */
import { type OAuthErrorCode, oauthErrors } from '../protocol/errors.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Form, readForm } from './body.ts'
import { empty, json, NO_STORE, type Route } from './http.ts'
import type { TokenRequests } from './token-requests.ts'

const refuse = (error: OAuthErrorCode, description?: string, retryAfterMs?: number): HttpResponse =>
  json(
    oauthErrors[error],
    description === undefined ? { error } : { error, error_description: description },
    retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  )

type Fields = Exclude<Form, string>

export const tokenRoutes = (requests: TokenRequests): readonly Route[] => {
  const issue = async (request: HttpRequest, form: Fields): Promise<HttpResponse> => {
    const outcome = await requests.issue(Object.fromEntries(form), request.address)
    return 'error' in outcome
      ? refuse(outcome.error, outcome.description, outcome.retryAfterMs)
      : json(200, outcome, NO_STORE)
  }

  const revoke = async (form: Fields): Promise<HttpResponse> => {
    const token = form.get('token')
    if (token !== undefined) await requests.revoke(token)
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
        withForm(request, (form) =>
          // The older way to revoke, still sent by applications.
          form.get('action') === 'revoke' ? revoke(form) : issue(request, form),
        ),
    },
    { method: 'POST', path: '/auth/revoke', cors: true, handle: (request) => withForm(request, revoke) },
  ]
}

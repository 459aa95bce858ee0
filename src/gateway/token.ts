/** `POST /auth/token` and `POST /auth/revoke` (RFC 6749, RFC 7009, with Home Assistant's answers). */
import { type OAuthErrorCode, oauthErrors } from '../protocol/errors.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Form, readForm } from './body.ts'
import { empty, json, NO_STORE, type Route } from './http.ts'
import type { Issued, TokenRequests } from './token-requests.ts'

const refuse = (error: OAuthErrorCode, description?: string, retryAfterMs?: number): HttpResponse =>
  json(
    oauthErrors[error],
    description === undefined ? { error } : { error, error_description: description },
    retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  )

type Fields = Exclude<Form, string>
type Handle = (form: Fields) => HttpResponse | Promise<HttpResponse>

export const tokenRoutes = (requests: TokenRequests): readonly Route[] => {
  const answer = (outcome: Issued): HttpResponse =>
    'error' in outcome ? refuse(outcome.error, outcome.description, outcome.retryAfterMs) : json(200, outcome, NO_STORE)

  const issue = (request: HttpRequest, form: Fields): HttpResponse | Promise<HttpResponse> => {
    const outcome = requests.issue(Object.fromEntries(form), request.address)
    return outcome instanceof Promise ? outcome.then(answer) : answer(outcome)
  }

  const revoke = async (form: Fields): Promise<HttpResponse> => {
    const token = form.get('token')
    if (token !== undefined) await requests.revoke(token)
    return empty(200)
  }

  const withForm = (request: HttpRequest, handle: Handle) => {
    const form = readForm(request)
    return form instanceof Promise ? form.then((read) => withFields(read, handle)) : withFields(form, handle)
  }

  const withFields = (form: Form, handle: Handle) => {
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

/** The endpoints for whoever holds a token: is it good, whose is it, and linking a credential. */
import { z } from 'zod'
import { redeem } from '../auth/codes.ts'
import type { Principal } from '../auth/principal.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Identify, unauthorized } from './bearer.ts'
import { readJson } from './body.ts'
import { empty, message, NO_STORE, type Route } from './http.ts'

const linkUser = z.strictObject({ client_id: z.string(), code: z.string() })

/** A header value: no control characters, and what is not Latin is percent-encoded. */
const headerText = (text: string): string => encodeURIComponent(text).replaceAll('%20', ' ').replaceAll('%40', '@')

export interface ApiOptions {
  readonly identify: Identify
  readonly store: Store
  readonly clock: Clock
}

export const apiRoutes = ({ identify, store, clock }: ApiOptions): readonly Route[] => {
  /** What a proxy asks about: this request, or the one whose address it gives (only a trusted proxy's gets here). */
  const askedAbout = (request: HttpRequest): HttpRequest => {
    const uri = request.header('x-forwarded-uri')
    if (uri === undefined) return request
    // A signed path is good for reading alone: a proxy that does not say which method it was gets no such answer.
    const asked = { ...request, method: request.header('x-forwarded-method') ?? '' }
    const cut = uri.indexOf('?')
    return cut === -1
      ? { ...asked, path: uri, query: '' }
      : { ...asked, path: uri.slice(0, cut), query: uri.slice(cut + 1) }
  }

  /** A principal does not change, and is asked about with every request of a page. */
  const described = new WeakMap<Principal, HttpResponse>()

  const describe = (who: Principal | null): HttpResponse => {
    if (who === null) return unauthorized
    const known = described.get(who)
    if (known !== undefined) return known
    const headers = Object.freeze({
      ...NO_STORE,
      'remote-user': headerText(who.username ?? who.userId),
      'remote-name': headerText(who.name ?? ''),
      'remote-groups': who.groups.join(','),
      'x-latchkey-session': who.grantId,
    })
    const answer = empty(200, headers)
    described.set(who, answer)
    return answer
  }

  const verify = (request: HttpRequest): HttpResponse | Promise<HttpResponse> => {
    const who = identify(askedAbout(request))
    return who instanceof Promise ? who.then(describe) : describe(who)
  }

  const link = async (request: HttpRequest): Promise<HttpResponse> => {
    const who = await identify(request)
    if (who === null) return unauthorized
    const body = readJson(request, linkUser)
    if ('refused' in body) return body.refused
    const { client_id: clientId, code } = body.value
    const redeemed = await redeem(store.codes, clock, { clientId, code, purpose: 'link' })
    if (typeof redeemed === 'string') return message(400, 'Invalid code')
    return redeemed.userId === who.userId ? message(200, 'User linked') : message(400, 'Credential already linked')
  }

  return [
    {
      method: 'GET',
      path: '/api/',
      handle: async (request) => ((await identify(request)) === null ? unauthorized : message(200, 'API running.')),
    },
    { method: 'GET', path: '/auth/verify', handle: verify },
    { method: 'POST', path: '/auth/link_user', handle: link },
  ]
}

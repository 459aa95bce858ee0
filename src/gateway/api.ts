/** Bearer authentication on HTTP, and the endpoints that need it. */
import { refuseAddress } from '../auth/access.ts'
import type { Principal } from '../auth/principal.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { HttpRequest } from '../transport/transport.ts'
import { json, message, type Route } from './http.ts'

/** RFC 6750 section 2.1, with Home Assistant's exactness: one space, and the scheme in this spelling. */
const BEARER = /^Bearer ([^\s]+)$/

/** Who is asking; null without a good token, or from where this user may not ask. */
export const bearer = async (verifier: Verifier, request: HttpRequest): Promise<Principal | null> => {
  const token = BEARER.exec(request.header('authorization') ?? '')?.[1]
  if (token === undefined) return null
  const known = verifier.known(token)
  const who = known === undefined ? await verifier.verify(token) : known
  return who !== null && refuseAddress(who.localOnly, request.address) === null ? who : null
}

export const apiRoutes = (verifier: Verifier): readonly Route[] => [
  {
    method: 'GET',
    path: '/api/',
    handle: async (request) =>
      (await bearer(verifier, request)) === null
        ? json(401, { message: 'Unauthorized.' }, { 'www-authenticate': 'Bearer' })
        : message(200, 'API running.'),
  },
]

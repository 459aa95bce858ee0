/** Who is asking over HTTP: one judgement for bearer tokens and signed paths. */
import { refuseAddress } from '../auth/access.ts'
import type { Bans } from '../auth/bans.ts'
import type { Principal } from '../auth/principal.ts'
import { SIGNATURE_PARAMETER, type SignedPaths } from '../auth/signed-paths.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { json } from './http.ts'

/** RFC 6750 section 2.1, with Home Assistant's exactness: one space, and the scheme in this spelling. */
const BEARER = /^Bearer ([^\s]+)$/

/** The same answer whatever the reason. */
export const unauthorized: HttpResponse = json(401, { message: 'Unauthorized.' }, { 'www-authenticate': 'Bearer' })

/**
 * Who is asking; null without a good token or signature, or from where this user may not ask. Where the grant of the token is in
 * memory the answer is there at once.
 */
export type Identify = (request: HttpRequest) => Principal | null | Promise<Principal | null>

export const createIdentify = (verifier: Verifier, signedPaths: SignedPaths, bans: Bans): Identify => {
  const allowed = (who: Principal | null, request: HttpRequest): Principal | null =>
    who !== null && refuseAddress(who.localOnly, request.address) === null ? who : null

  const identify = async (request: HttpRequest, token: string | undefined): Promise<Principal | null> => {
    let who = token === undefined ? null : await verifier.verify(token)
    if (who === null && request.method === 'GET' && request.query.includes(SIGNATURE_PARAMETER)) {
      const signer = await signedPaths.verify(request.path, request.query)
      if (signer === null) bans.failed(request.address, { secret: `${request.path}?${request.query}` })
      else if (signer !== 'expired') who = signer
    }
    if (who === null && token !== undefined && !(await verifier.isGenuine(token))) {
      bans.failed(request.address, { secret: token })
    }
    return allowed(who, request)
  }

  return (request) => {
    const token = BEARER.exec(request.header('authorization') ?? '')?.[1]
    const known = token === undefined ? null : verifier.atOnce(token)
    return known === null || known === undefined ? identify(request, token) : allowed(known, request)
  }
}

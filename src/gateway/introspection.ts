/** `POST /auth/introspect` (RFC 7662): a service asks what a token that it was shown stands for. */
import { readClaims } from '../auth/jwt.ts'
import type { Principal } from '../auth/principal.ts'
import type { TokenRules } from '../auth/tokens.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Grant } from '../store/model.ts'
import type { Tokens } from '../store/store.ts'
import type { HttpRequest, HttpResponse } from '../transport/transport.ts'
import { type Identify, unauthorized } from './bearer.ts'
import { readForm } from './body.ts'
import { json, NO_STORE, type Route } from './http.ts'

export interface IntrospectionOptions {
  readonly identify: Identify
  readonly verifier: Verifier
  readonly tokens: TokenRules
  readonly grants: Tokens
  /** The issuer of everything here. */
  readonly base: () => string
}

/** A service's token and not a person's session: an application must not be able to look at what it was not given. */
const isService = ({ tokenType }: Principal): boolean => tokenType !== 'normal'

/** The same bytes whatever the reason (RFC 7662 section 2.2). */
const inactive = json(200, { active: false }, NO_STORE)

const invalidRequest = json(400, { error: 'invalid_request' })

const seconds = (ms: number): number => Math.floor(ms / 1000)

export const introspectionRoutes = (options: IntrospectionOptions): readonly Route[] => {
  const { identify, verifier, tokens, grants, base } = options

  const describe = ({ token, user, credential }: Grant, times: object): HttpResponse =>
    json(
      200,
      {
        active: true,
        iss: base(),
        sub: user.id,
        ...(credential === null ? {} : { username: credential.subject }),
        ...(token.clientId === null ? {} : { client_id: token.clientId }),
        session_id: token.id,
        ...times,
      },
      NO_STORE,
    )

  /** The grant that a token stands for, if it is good now, and when it was made and ends. */
  const look = async (text: string): Promise<{ grant: Grant; times: object } | null> => {
    const refreshed = await tokens.find(text)
    if (refreshed !== null) {
      const { createdAt, expireAt } = refreshed.token
      const exp = expireAt === null ? {} : { exp: seconds(expireAt) }
      return { grant: refreshed, times: { iat: seconds(createdAt), ...exp } }
    }
    const who = await verifier.verify(text)
    if (who === null) return null
    const [grant] = (await grants.grants([who.grantId])).grants
    const claims = readClaims(text)
    return grant === undefined || claims === null
      ? null
      : { grant, times: { token_type: 'Bearer', iat: claims.iat, exp: claims.exp } }
  }

  const introspect = async (request: HttpRequest): Promise<HttpResponse> => {
    const caller = await identify(request)
    if (caller === null || !isService(caller)) return unauthorized
    const form = await readForm(request)
    const token = typeof form === 'string' ? undefined : form.get('token')
    if (token === undefined) return invalidRequest
    const found = await look(token)
    // Whose token it is not the caller's to know is told like one that does not exist.
    if (found === null || !(caller.isAdmin || found.grant.user.id === caller.userId)) return inactive
    return describe(found.grant, found.times)
  }

  return [{ method: 'POST', path: '/auth/introspect', handle: introspect }]
}

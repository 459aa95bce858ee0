/** Requests for tokens and their revocation: the one way to the token rules, whether they come as a form or over a socket. */
import type { Bans } from '../auth/bans.ts'
import { isClientId } from '../auth/clients.ts'
import type { TokenRefusal, TokenRules } from '../auth/tokens.ts'
import type { Verifier } from '../auth/verifier.ts'
import type { Log } from '../log.ts'
import type { OAuthErrorCode } from '../protocol/errors.ts'
import type { TokenAnswer } from '../protocol/http.ts'
import type { UserId } from '../store/model.ts'
import type { Metrics } from './metrics.ts'

/** The fields of a request for a token (RFC 6749 sections 4.1.3 and 6); what is missing is undefined. */
export interface TokenFields {
  readonly grant_type?: string | undefined
  readonly client_id?: string | undefined
  readonly code?: string | undefined
  readonly redirect_uri?: string | undefined
  readonly code_verifier?: string | undefined
  readonly refresh_token?: string | undefined
  /** `1`: the client keeps up with a refresh token that is another one each time. */
  readonly rotate?: string | undefined
  readonly attempt?: string | undefined
}

/** Why there is no token (RFC 6749 section 5.2). */
export interface OAuthRefusal {
  readonly error: OAuthErrorCode
  readonly description?: string
  readonly retryAfterMs?: number
}

/** Another attempt was first; by then its answer has arrived, or will not. */
const RACED_MS = 60_000

export type Issued = TokenAnswer | OAuthRefusal

export interface TokenRequests {
  /** At once where nothing has to be read. */
  issue(fields: TokenFields, address: string): Issued | Promise<Issued>
  /**
   * The same for one user alone: where code or refresh token are another's, there is no token. No session changes, unless the
   * token was used twice.
   */
  issueTo(user: UserId, fields: TokenFields, address: string): Judged | Promise<Judged>
  /** Ends the session of a refresh token or of a good access token; nothing where it is neither. */
  revoke(token: string): Promise<void>
}

type GrantType = 'authorization_code' | 'refresh_token'
type Judged = TokenAnswer | OAuthRefusal | 'identity_mismatch'

const reasonOf = (refusal: TokenRefusal): OAuthRefusal | 'identity_mismatch' => {
  switch (refusal.error) {
    case 'unknown_code':
      return { error: 'invalid_request', description: 'Invalid code' }
    case 'wrong_client':
      return { error: 'invalid_request' }
    case 'raced':
      return { error: 'temporarily_unavailable', description: 'Try again later.', retryAfterMs: RACED_MS }
    case 'invalid_grant':
      return { error: 'invalid_grant' }
    case 'access_denied':
      return { error: 'access_denied', description: refusal.reason }
    case 'identity_mismatch':
      return 'identity_mismatch'
  }
}

const invalidClient: OAuthRefusal = { error: 'invalid_request', description: 'Invalid client id' }

export const createTokenRequests = (
  tokens: TokenRules,
  verifier: Verifier,
  bans: Bans,
  metrics: Metrics,
  log: Log,
): TokenRequests => {
  const record = (
    type: GrantType,
    address: string,
    clientId: string | null,
    outcome: TokenAnswer | TokenRefusal,
  ): Judged => {
    const about = { grant_type: type, client_id: clientId, address }
    if ('access_token' in outcome) {
      metrics.token(type, 'ok')
      log.debug(about, 'token issued')
      return outcome
    }
    metrics.token(type, 'refused')
    log.info({ ...about, reason: outcome.error }, 'token refused')
    return reasonOf(outcome)
  }

  const exchange = async (fields: TokenFields, address: string, user: UserId | null): Promise<Judged> => {
    const { client_id: clientId = '', code = '' } = fields
    if (!isClientId(clientId)) return invalidClient
    if (code === '') return { error: 'invalid_request', description: 'Invalid code' }
    const outcome = await tokens.exchange({
      clientId,
      code,
      redirectUri: fields.redirect_uri,
      verifier: fields.code_verifier,
      rotate: fields.rotate === '1',
      address,
      user,
    })
    if ('error' in outcome && outcome.error === 'unknown_code') bans.failed(address, { secret: code })
    return record('authorization_code', address, clientId, outcome)
  }

  const refresh = (fields: TokenFields, address: string, user: UserId | null): Judged | Promise<Judged> => {
    const { client_id: clientId = null, refresh_token: secret } = fields
    if (clientId !== null && !isClientId(clientId)) return invalidClient
    if (secret === undefined) return { error: 'invalid_request' }
    const judged = (outcome: TokenAnswer | TokenRefusal): Judged => {
      if ('error' in outcome && outcome.error === 'invalid_grant' && !tokens.isGenuine(secret)) {
        bans.failed(address, { secret })
      }
      return record('refresh_token', address, clientId, outcome)
    }
    const outcome = tokens.refresh({ secret, attempt: fields.attempt ?? null, clientId, address, user })
    return outcome instanceof Promise ? outcome.then(judged) : judged(outcome)
  }

  const issue = (fields: TokenFields, address: string, user: UserId | null): Judged | Promise<Judged> => {
    switch (fields.grant_type) {
      case 'authorization_code':
        return exchange(fields, address, user)
      case 'refresh_token':
        return refresh(fields, address, user)
      default:
        return { error: 'unsupported_grant_type' }
    }
  }

  return {
    // Nobody is asked for, so nobody is another.
    issue: (fields, address) => issue(fields, address, null) as Issued | Promise<Issued>,

    issueTo: (user, fields, address) => issue(fields, address, user),

    revoke: async (token) => {
      await tokens.revokeSecret(token)
      // Applications have been seen to log out with the token that they have at hand: a good one ends its session too.
      const who = await verifier.verify(token)
      if (who !== null) await tokens.revokeOwn(who, who.grantId)
    },
  }
}

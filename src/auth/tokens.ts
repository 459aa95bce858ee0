/** Refresh and access tokens: made from a code, refreshed, listed, revoked; long-lived ones for scripts. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { TokenAnswer } from '../protocol/http.ts'
import type { CredentialId, Grant, GrantId, RefreshToken, UserId } from '../store/model.ts'
import type { Revoked, Store } from '../store/store.ts'
import { type AccessRefusal, refuseAccess } from './access.ts'
import { type Presented, redeem } from './codes.ts'
import { mint } from './jwt.ts'
import type { Principal } from './principal.ts'
import { digest, isRefreshSecret, type Keys, newId, newRefreshSecret } from './secrets.ts'

export interface TokenLifetimes {
  readonly accessTokenMs: number
  readonly refreshTokenIdleMs: number
}

/** What stands in the way of a token. `reason` is for `access_denied`. */
export type TokenRefusal =
  | { readonly error: 'unknown_code' | 'invalid_grant' | 'wrong_client' }
  | { readonly error: 'access_denied'; readonly reason: AccessRefusal }

export interface CodeExchange extends Omit<Presented, 'purpose'> {
  /** The caller's address. */
  readonly address: string
}

export interface Refresh {
  readonly secret: string
  readonly clientId: string | null
  readonly address: string
}

/** A new long-lived token for a person, or why there is none. */
export type LongLived = { readonly token: string } | { readonly error: 'name_taken' | 'revoked' | 'user_inactive' }

export interface TokenRules {
  exchange(request: CodeExchange): Promise<TokenAnswer | TokenRefusal>
  refresh(request: Refresh): Promise<TokenAnswer | TokenRefusal>
  /** `who`: whose it is, and the grant that asks, which must still stand; null where an operator asks. */
  longLived(
    who: { readonly userId: UserId; readonly grantId: GrantId | null },
    name: string,
    icon: string | null,
    days: number,
  ): Promise<LongLived>
  list(user: UserId): ReturnType<Store['tokens']['list']>
  revokeOwn(who: Principal, grant: GrantId): Promise<Revoked>
  /** Ends all of one's own grants of a type (null: of every type), the asking one only if `withOwn`. */
  revokeAll(who: Principal, type: string | null, withOwn: boolean): Promise<Revoked>
  page: Store['tokens']['page']
  revokeMatching: Store['tokens']['revokeMatching']
  /** False where the token is not this user's. */
  setExpiry(who: Principal, grant: GrantId, enable: boolean): Promise<boolean>
  /** Ends the grant of a refresh token's secret; nothing where it is unknown. */
  revokeSecret(secret: string): Promise<void>
  /** Ends what has expired. Resolves to the number of grants that ended. */
  reap(): Promise<number>
}

const DAY_MS = 86_400_000
const REAP_BATCH = 500

export const createTokens = (store: Store, keys: Keys, clock: Clock, lifetimes: TokenLifetimes): TokenRules => {
  const accessToken = (token: RefreshToken): string => {
    const iat = Math.floor(clock.now() / 1000)
    return mint({ iss: token.id, iat, exp: iat + token.accessTokenSeconds }, keys.accessKey(token.id, token.salt))
  }

  const newToken = (user: UserId, seconds: number): RefreshToken => ({
    id: newId<GrantId>(),
    userId: user,
    credentialId: null,
    type: 'normal',
    clientId: null,
    clientName: null,
    clientIcon: null,
    secretHash: null,
    salt: randomBytes(16),
    codeHash: null,
    accessTokenSeconds: seconds,
    createdAt: clock.now(),
    expireAt: null,
    lastUsedAt: null,
    lastUsedIp: null,
  })

  /** A use that moves the end by more than a day must not be lost with the process; the others may be, for a second. */
  const recordUse = async ({ token }: Grant, address: string): Promise<boolean> => {
    const now = clock.now()
    const expireAt = token.expireAt === null ? null : now + lifetimes.refreshTokenIdleMs
    if (expireAt !== null && expireAt - (token.expireAt ?? 0) > DAY_MS) {
      return store.tokens.used(token.id, now, address, expireAt)
    }
    store.tokens.touch(token.id, now, address, expireAt)
    return true
  }

  return {
    exchange: async ({ address, ...presented }) => {
      const code = await redeem(store.codes, clock, { ...presented, purpose: 'login' })
      if (code === 'unknown') return { error: 'unknown_code' }
      if (code === 'invalid') return { error: 'invalid_grant' }
      const user = await store.users.byId(code.userId)
      if (user === null) return { error: 'unknown_code' }
      const refused = refuseAccess(user, address)
      if (refused !== null) return { error: 'access_denied', reason: refused }
      const credential = (await store.users.credentials(user.id)).find(({ id }) => id === code.credentialId)
      if (credential === undefined) return { error: 'unknown_code' }

      const secret = newRefreshSecret()
      const now = clock.now()
      const token: RefreshToken = {
        ...newToken(user.id, Math.floor(lifetimes.accessTokenMs / 1000)),
        credentialId: code.credentialId as CredentialId,
        clientId: code.clientId,
        secretHash: digest(secret),
        codeHash: code.hash,
        expireAt: now + lifetimes.refreshTokenIdleMs,
        lastUsedAt: now,
        lastUsedIp: address,
      }
      switch (await store.tokens.create(token, null)) {
        case 'created':
          break
        case 'user_inactive':
          return { error: 'access_denied', reason: 'User is not active' }
        default:
          return { error: 'unknown_code' }
      }
      return {
        access_token: accessToken(token),
        token_type: 'Bearer',
        refresh_token: secret,
        expires_in: token.accessTokenSeconds,
        ha_auth_provider: credential.providerType,
      }
    },

    refresh: async ({ secret, clientId, address }) => {
      // The checksum is looked at first: a mistyped or made-up token costs no read.
      const grant = isRefreshSecret(secret) ? await store.tokens.bySecret(digest(secret)) : null
      // Past its end it is over, be it removed yet or not.
      const end = grant?.token.expireAt ?? null
      if (grant === null || (end !== null && clock.now() >= end)) return { error: 'invalid_grant' }
      if (grant.token.clientId !== clientId) return { error: 'wrong_client' }
      const refused = refuseAccess(grant.user, address)
      if (refused !== null) return { error: 'access_denied', reason: refused }
      if (!(await recordUse(grant, address))) return { error: 'invalid_grant' }
      return {
        access_token: accessToken(grant.token),
        token_type: 'Bearer',
        expires_in: grant.token.accessTokenSeconds,
      }
    },

    longLived: async (who, name, icon, days) => {
      const token: RefreshToken = {
        ...newToken(who.userId, days * 86_400),
        type: 'long_lived_access_token',
        clientName: name,
        clientIcon: icon,
        lastUsedAt: clock.now(),
      }
      const outcome = await store.tokens.create(token, who.grantId)
      if (outcome === 'created') return { token: accessToken(token) }
      // No code was involved.
      return { error: outcome as Exclude<typeof outcome, 'code_reused'> }
    },

    list: (user) => store.tokens.list(user),

    revokeOwn: (who, grant) => store.tokens.revoke({ grant, user: who.userId }),

    revokeAll: (who, type, withOwn) =>
      store.tokens.revoke({ user: who.userId, type, keep: withOwn ? null : who.grantId }),

    page: (match, after, limit) => store.tokens.page(match, after, limit),

    revokeMatching: (match, keep) => store.tokens.revokeMatching(match, keep),

    setExpiry: (who, grant, enable) =>
      store.tokens.setExpiry(grant, who.userId, enable ? clock.now() + lifetimes.refreshTokenIdleMs : null),

    revokeSecret: async (secret) => {
      if (isRefreshSecret(secret)) await store.tokens.revoke({ secretHash: digest(secret) })
    },

    reap: async () => {
      const { grants } = await store.tokens.reap(clock.now(), REAP_BATCH)
      return grants.length
    },
  }
}

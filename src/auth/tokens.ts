/** Refresh and access tokens: made from a code, refreshed, listed, revoked; long-lived ones for scripts. */
import { hash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { TokenAnswer } from '../protocol/http.ts'
import type { CredentialId, Grant, GrantId, RefreshToken, UserId } from '../store/model.ts'
import type { Revoked, Store } from '../store/store.ts'
import { type AccessRefusal, refuseAccess, refuseAddress } from './access.ts'
import { type Presented, redeem } from './codes.ts'
import type { MacKey } from './hmac.ts'
import { mint } from './jwt.ts'
import type { Principal } from './principal.ts'
import { ATTEMPT, judge, readRotatingToken, rotatingToken } from './rotation.ts'
import { digest, isRefreshSecret, type Keys, newId, newRefreshSecret } from './secrets.ts'
import type { KnownGrant, Verifier } from './verifier.ts'

export interface TokenLifetimes {
  readonly accessTokenMs: number
  readonly refreshTokenIdleMs: number
  /** So long a rotating token that was just used up may come again without being taken for stolen. */
  readonly rotationWindowMs: number
}

/** What stands in the way of a token. `reason` is for `access_denied`. */
export type TokenRefusal =
  | { readonly error: 'unknown_code' | 'invalid_grant' | 'wrong_client' | 'raced' | 'identity_mismatch' }
  | { readonly error: 'access_denied'; readonly reason: AccessRefusal }

export interface CodeExchange extends Omit<Presented, 'purpose'> {
  /** The client keeps up with a refresh token that is another one each time. */
  readonly rotate: boolean
  /** The caller's address. */
  readonly address: string
  /** Whose it has to be; null: whose it is. */
  readonly user: UserId | null
}

export interface Refresh {
  readonly secret: string
  /** Names this request among its repetitions; only looked at where the token rotates. */
  readonly attempt: string | null
  readonly clientId: string | null
  readonly address: string
  /** Whose it has to be; null: whose it is. */
  readonly user: UserId | null
}

type Refreshed = TokenAnswer | TokenRefusal

/** A rotating token that was shown, and what it was taken for. */
export interface ShownToken {
  /** `ahead`: a step from a generation that was never kept, as after a lost write. `reuse`: the session is over. */
  readonly as: 'step' | 'ahead' | 'replay' | 'race' | 'reuse'
  /** As it was before. */
  readonly grant: Grant
  readonly shown: number
  /** Of the newest token, as it is now. */
  readonly generation: number
  readonly address: string
}

/** A new long-lived token for a person, or why there is none. */
export type LongLived = { readonly token: string } | { readonly error: 'name_taken' | 'revoked' | 'user_inactive' }

export interface TokenRules {
  exchange(request: CodeExchange): Promise<TokenAnswer | TokenRefusal>
  /** Answered at once where the token and its grant are in memory. */
  refresh(request: Refresh): Refreshed | Promise<Refreshed>
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
  /** The grant that a refresh token stands for; null if it is not good now, or not the newest of its grant. */
  find(secret: string): Promise<Grant | null>
  /** Of a grant's newest refresh token; null where it does not rotate. */
  generation(grant: GrantId): Promise<number | null>
  /** True for a rotating refresh token that was made here, of whatever generation and of a grant that may be over. */
  isGenuine(secret: string): boolean
  /** Ends the grant of a refresh token's secret; nothing where it is unknown. */
  revokeSecret(secret: string): Promise<void>
  /** Ends what has expired. Resolves to the number of grants that ended. */
  reap(): Promise<number>
}

const DAY_MS = 86_400_000
const REAP_BATCH = 500

/** Refresh tokens whose grant is known, so that the store is not asked for it. */
const CAPACITY = 100_000

/** `onShown` is called after the commit, for what was judged by its generation and not refused for another reason. */
export const createTokens = (
  store: Store,
  keys: Keys,
  clock: Clock,
  lifetimes: TokenLifetimes,
  known: Pick<Verifier, 'grant' | 'extended'>,
  onShown: (shown: ShownToken) => void = () => undefined,
): TokenRules => {
  const accessToken = (id: GrantId, seconds: number, key: MacKey): string => {
    const iat = Math.floor(clock.now() / 1000)
    return mint({ iss: id, iat, exp: iat + seconds }, key)
  }

  const accessTokenOf = ({ id, accessTokenSeconds, salt }: RefreshToken): string =>
    accessToken(id, accessTokenSeconds, keys.accessKey(id, salt))

  /** Which grant a refresh token is of never changes: only whether that one still stands. */
  const grantOf = new LRUCache<string, GrantId>({ max: CAPACITY })

  const newToken = (user: UserId, seconds: number): RefreshToken => ({
    id: newId<GrantId>(),
    userId: user,
    credentialId: null,
    type: 'normal',
    clientId: null,
    clientName: null,
    clientIcon: null,
    secretHash: null,
    rotation: null,
    salt: randomBytes(16),
    codeHash: null,
    accessTokenSeconds: seconds,
    createdAt: clock.now(),
    expireAt: null,
    lastUsedAt: null,
    lastUsedIp: null,
  })

  /** Past its end it is over, be it removed yet or not. */
  const isOver = ({ token: { expireAt } }: Grant): boolean => expireAt !== null && clock.now() >= expireAt

  /**
   * A use that moves the end by more than a day must not be lost with the process; the others may be, for a second. False: the grant
   * is gone. `endsAt`: as it was before this use.
   */
  const recordUse = (id: GrantId, endsAt: number | null, address: string): boolean | Promise<boolean> => {
    const now = clock.now()
    const expireAt = endsAt === null ? null : now + lifetimes.refreshTokenIdleMs
    if (expireAt !== null && endsAt !== null && expireAt - endsAt > DAY_MS) {
      return store.tokens.used(id, now, address, expireAt).then((isThere) => {
        if (isThere) known.extended(id, expireAt)
        return isThere
      })
    }
    store.tokens.touch(id, now, address, expireAt)
    return true
  }

  /** A refresh token that stays the same for the whole session. */
  const refreshPlain = (
    secret: string,
    clientId: string | null,
    address: string,
    user: UserId | null,
  ): Refreshed | Promise<Refreshed> => {
    const key = hash('sha256', secret, 'base64url')
    const answer = (id: GrantId) => known.grant(id, (grant) => answerPlain(id, grant, clientId, address, user))
    const found = grantOf.get(key)
    if (found !== undefined) return answer(found)
    // The checksum is looked at first: a mistyped or made-up token costs no read.
    if (!isRefreshSecret(secret)) return { error: 'invalid_grant' }
    return store.tokens.bySecret(Buffer.from(key, 'base64url')).then((grant) => {
      if (grant === null) return { error: 'invalid_grant' }
      grantOf.set(key, grant.token.id)
      return answer(grant.token.id)
    })
  }

  const answerPlain = (
    id: GrantId,
    grant: KnownGrant | null,
    clientId: string | null,
    address: string,
    user: UserId | null,
  ): Refreshed | Promise<Refreshed> => {
    if (grant === null || grant.rotates) return { error: 'invalid_grant' }
    if (grant.clientId !== clientId) return { error: 'wrong_client' }
    if (user !== null && grant.userId !== user) return { error: 'identity_mismatch' }
    const reason = grant.who === null ? 'User is not active' : refuseAddress(grant.who.localOnly, address)
    if (reason !== null) return { error: 'access_denied', reason }
    const answer: TokenAnswer = {
      access_token: accessToken(id, grant.accessTokenSeconds, grant.key),
      token_type: 'Bearer',
      expires_in: grant.accessTokenSeconds,
    }
    const kept = recordUse(id, grant.expireAt, address)
    if (kept === true) return answer
    const gone: TokenRefusal = { error: 'invalid_grant' }
    return kept === false ? gone : kept.then((isThere) => (isThere ? answer : gone))
  }

  /** One step of a rotating token, judged and done under the lock of its row. */
  const refreshRotating = async (
    id: GrantId,
    generation: number,
    { attempt, clientId, address, user: wanted }: Omit<Refresh, 'secret'>,
  ): Promise<TokenAnswer | TokenRefusal> => {
    const stay = (refusal: TokenRefusal) => ({ kind: 'stay', refusal }) as const
    const outcome = await store.tokens.step(id, (grant) => {
      const { token, user } = grant
      const now = clock.now()
      if (token.rotation === null || isOver(grant)) return stay({ error: 'invalid_grant' })
      if (token.clientId !== clientId || (attempt !== null && !ATTEMPT.test(attempt))) {
        return stay({ error: 'wrong_client' })
      }
      const given = attempt === null ? null : digest(attempt)
      const verdict = judge(token.rotation, generation, given, now, lifetimes.rotationWindowMs)
      if (verdict.kind === 'reuse') return { kind: 'end', reason: 'reuse' } as const
      if (verdict.kind === 'raced') return stay({ error: 'raced' })
      if (verdict.kind === 'served') return stay({ error: 'wrong_client' })
      // Before the step: nobody would get its answer, and without it the session could not go on.
      if (wanted !== null && user.id !== wanted) return stay({ error: 'identity_mismatch' })
      const refused = refuseAccess(user, address)
      if (refused !== null) return stay({ error: 'access_denied', reason: refused })
      if (verdict.kind === 'replay') return { kind: 'stay', refusal: null } as const
      const expireAt = token.expireAt === null ? null : now + lifetimes.refreshTokenIdleMs
      return { kind: 'advance', rotation: verdict.rotation, ip: address, expireAt } as const
    })
    if (outcome === null) return { error: 'invalid_grant' }
    const { grant, step } = outcome
    const before = grant.token.rotation?.generation ?? 0
    const now = step.kind === 'advance' ? step.rotation.generation : before
    const tell = (as: ShownToken['as']): void => onShown({ as, grant, shown: generation, generation: now, address })
    if (step.kind === 'end') {
      tell('reuse')
      return { error: 'invalid_grant' }
    }
    if (step.kind === 'advance') {
      tell(generation > before ? 'ahead' : 'step')
    } else if (step.refusal === null) {
      tell('replay')
      await recordUse(id, grant.token.expireAt, address)
    } else {
      if (step.refusal.error === 'raced') tell('race')
      return step.refusal
    }
    return {
      access_token: accessTokenOf(grant.token),
      token_type: 'Bearer',
      refresh_token: rotatingToken(keys.refreshKey, id, now),
      generation: now,
      expires_in: grant.token.accessTokenSeconds,
    }
  }

  return {
    exchange: async ({ address, rotate, user: wanted, ...presented }) => {
      const code = await redeem(store.codes, clock, { ...presented, purpose: 'login' })
      if (code === 'unknown') return { error: 'unknown_code' }
      if (code === 'invalid') return { error: 'invalid_grant' }
      if (wanted !== null && code.userId !== wanted) return { error: 'identity_mismatch' }
      const user = await store.users.byId(code.userId)
      if (user === null) return { error: 'unknown_code' }
      const refused = refuseAccess(user, address)
      if (refused !== null) return { error: 'access_denied', reason: refused }
      const credential = (await store.users.credentials(user.id)).find(({ id }) => id === code.credentialId)
      if (credential === undefined) return { error: 'unknown_code' }

      const now = clock.now()
      const plain = newToken(user.id, Math.floor(lifetimes.accessTokenMs / 1000))
      const secret = rotate ? rotatingToken(keys.refreshKey, plain.id, 0) : newRefreshSecret()
      const token: RefreshToken = {
        ...plain,
        credentialId: code.credentialId as CredentialId,
        clientId: code.clientId,
        secretHash: rotate ? null : digest(secret),
        rotation: rotate ? { generation: 0, attempt: null, answeredAt: now } : null,
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
        access_token: accessTokenOf(token),
        token_type: 'Bearer',
        refresh_token: secret,
        ...(rotate ? { generation: 0 } : {}),
        expires_in: token.accessTokenSeconds,
        ha_auth_provider: credential.providerType,
      }
    },

    refresh: ({ secret, attempt, clientId, address, user }) => {
      const shown = readRotatingToken(keys.refreshKey, secret)
      if (shown !== null) return refreshRotating(shown.grant, shown.generation, { attempt, clientId, address, user })
      return refreshPlain(secret, clientId, address, user)
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
      if (outcome === 'created') return { token: accessTokenOf(token) }
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

    find: async (secret) => {
      const shown = readRotatingToken(keys.refreshKey, secret)
      if (shown === null) {
        const grant = isRefreshSecret(secret) ? await store.tokens.bySecret(digest(secret)) : null
        return grant?.user.isActive && !isOver(grant) ? grant : null
      }
      const [grant] = (await store.tokens.grants([shown.grant])).grants
      if (grant === undefined || !grant.user.isActive || isOver(grant)) return null
      return shown.generation >= (grant.token.rotation?.generation ?? Number.POSITIVE_INFINITY) ? grant : null
    },

    generation: async (id) => {
      const [grant] = (await store.tokens.grants([id])).grants
      return grant?.token.rotation?.generation ?? null
    },

    isGenuine: (secret) => readRotatingToken(keys.refreshKey, secret) !== null,

    revokeSecret: async (secret) => {
      const shown = readRotatingToken(keys.refreshKey, secret)
      // Any generation: whoever has an older token logs out with it as well.
      if (shown !== null) await store.tokens.revokeMatching({ grant: shown.grant }, null)
      else if (isRefreshSecret(secret)) await store.tokens.revoke({ secretHash: digest(secret) })
    },

    reap: async () => {
      const { grants } = await store.tokens.reap(clock.now(), REAP_BATCH)
      return grants.length
    },
  }
}
